"""Drawing characters: which are left to draw from, how often each comes, and that a seed says it all."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from microgradrnn.nn import RNNLM
from microgradrnn.sampling import probabilities, sample
from microgradrnn.text import Vocabulary
from tests.plain import every_kind, randomised, states, weights

logits = arrays(np.float64, st.integers(1, 12), elements=st.floats(-20, 20))


def softmax(scores):
    e = np.exp(scores - scores.max())
    return e / e.sum()


@given(logits, st.floats(0.05, 5))
def test_without_a_cut_it_is_the_softmax_at_that_temperature(scores, temperature):
    np.testing.assert_allclose(probabilities(scores, temperature), softmax(scores / temperature), rtol=1e-9, atol=1e-15)


@given(logits, st.integers(1, 15))
def test_top_k_keeps_the_k_likeliest_in_proportion(scores, k):
    p, whole = probabilities(scores, top_k=k), softmax(scores)
    kept = np.sort(np.argsort(-scores, kind="stable")[:k])
    assert np.flatnonzero(p).tolist() == kept.tolist()
    np.testing.assert_allclose(p[kept], whole[kept] / whole[kept].sum(), rtol=1e-9)


@given(logits, st.floats(0.01, 1))
def test_top_p_keeps_the_fewest_that_have_the_probability(scores, top_p):
    kept, whole = np.flatnonzero(probabilities(scores, top_p=top_p)), softmax(scores)
    assert whole[kept].sum() >= top_p - 1e-12
    assert whole[kept].sum() - whole[kept].min() < top_p + 1e-12  # without the least likely of them it is too little
    assert whole[kept].min() >= np.delete(whole, kept).max(initial=0.0)


def test_top_p_counts_what_top_k_and_the_temperature_have_left():
    """0.4, 0.3, 0.2, 0.1: the first two are 4/7 and 3/7, and 4/7 is more than a half; of all, 0.4 is not."""
    scores = np.log([0.4, 0.3, 0.2, 0.1])
    assert np.flatnonzero(probabilities(scores, top_p=0.5)).tolist() == [0, 1]
    assert np.flatnonzero(probabilities(scores, top_k=2, top_p=0.5)).tolist() == [0]
    assert np.flatnonzero(probabilities(scores, temperature=0.5, top_p=0.5)).tolist() == [0]  # 16 of 30


@given(logits)
def test_at_temperature_0_the_likeliest_is_certain(scores):
    p = probabilities(scores, temperature=0.0)
    assert (p[scores.argmax()], p.sum()) == (1.0, 1.0)


def test_characters_come_as_often_as_they_are_likely():
    """A model of zeros but for b_y draws from softmax(b_y) at every step; four standard deviations are allowed."""
    model, p = RNNLM(3, 2, seed=0), np.array([0.5, 0.3, 0.2])
    for parameter in model.parameters():
        parameter.data = np.zeros(parameter.shape)
    model.readout.b.data = np.log(p)
    drawn = list(islice(sample(model, Vocabulary("abc"), seed=0), 2000))
    for character, expected in zip("abc", p, strict=True):
        assert abs(drawn.count(character) / 2000 - expected) < 4 * np.sqrt(expected * (1 - expected) / 2000)


@every_kind
def test_what_was_written_is_read_and_so_was_the_prime(kind):
    """The likeliest character at each step, by plain NumPy over the whole text so far."""
    model, vocabulary = randomised(RNNLM(4, 5, cell=kind), seed=1)[0], Vocabulary("abcd")
    text = "cab"
    for _ in range(12):
        last = states(kind, np.eye(4)[vocabulary.encode(text)][:, None], weights(model.rnn.cells[0][0]))[-1][0]
        text += "abcd"[int((last @ model.readout.W.data + model.readout.b.data).argmax())]
    assert "cab" + "".join(islice(sample(model, vocabulary, "cab", temperature=0.0), 12)) == text


def test_the_same_seed_gives_the_same_text_and_another_another():
    model, vocabulary = RNNLM(4, 5, seed=0), Vocabulary("abcd")
    one, same, other = ("".join(islice(sample(model, vocabulary, seed=seed), 80)) for seed in (1, 1, 2))
    assert one == same != other


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"temperature": -1.0}, "temperature is a finite number that is not negative"),
        ({"top_k": 0}, "top_k is a positive integer"),
        ({"top_p": 0.0}, "top_p is above 0 and at most 1"),
        ({"top_p": 1.5}, "top_p is above 0 and at most 1"),
        ({"prime": "xyz"}, "'x' at line 1, column 1"),
    ],
)
def test_nonsense_is_refused_before_anything_is_drawn(wrong, said):
    with pytest.raises(ValueError, match=said):
        sample(RNNLM(4, 5, seed=0), Vocabulary("abcd"), **wrong)


def test_scores_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="logits are finite"):
        probabilities(np.array([0.0, np.nan]))
