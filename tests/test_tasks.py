"""The recall task: what stands where, what is random, and that nothing but the first step gives the answer away."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn.tasks import recall

count = st.integers(1, 6)


@given(lag=st.integers(0, 9), N=count, keys=count, distractors=count, seed=st.integers(0, 2**32 - 1))
def test_a_sequence_is_a_key_then_distractors_then_the_query(lag, N, keys, distractors, seed):
    x, targets = recall(lag, N, keys, distractors, seed)
    assert x.shape == (lag + 2, N, keys + distractors + 1)
    assert ((x == 0) | (x == 1)).all()
    assert (x.sum(axis=-1) == 1).all()
    assert targets.shape == (N,)
    symbols = x.argmax(axis=-1)
    assert (symbols[0] == targets).all()
    assert (symbols[0] < keys).all()
    assert ((keys <= symbols[1:-1]) & (symbols[1:-1] < keys + distractors)).all()
    assert (symbols[-1] == keys + distractors).all()


def test_every_key_and_distractor_comes_up_equally_often_at_every_step():
    x, _ = recall(lag=3, batch_size=20_000, keys=4, distractors=5, seed=0)
    shares = x.mean(axis=1)
    expected = np.zeros((5, 10))
    expected[0, :4], expected[1:4, 4:9], expected[4, 9] = 1 / 4, 1 / 5, 1.0
    np.testing.assert_allclose(shares, expected, atol=5 * np.sqrt(0.25 / 20_000))


def test_what_comes_after_the_key_does_not_tell_which_key_it_was():
    """Among sequences with one key every later symbol is as frequent as among all of them."""
    x, targets = recall(lag=3, batch_size=40_000, keys=4, distractors=5, seed=0)
    for key in range(4):
        mine = x[1:, targets == key]
        np.testing.assert_allclose(mine.mean(axis=1), x[1:].mean(axis=1), atol=5 * np.sqrt(0.25 / mine.shape[1]))


def test_the_same_seed_gives_the_same_batch_and_a_generator_goes_on_to_fresh_ones():
    for again, first in zip(recall(5, 8, seed=3), recall(5, 8, seed=3), strict=True):
        np.testing.assert_array_equal(again, first)
    rng = np.random.default_rng(3)
    first, second = recall(5, 8, seed=rng), recall(5, 8, seed=rng)
    np.testing.assert_array_equal(first[0], recall(5, 8, seed=3)[0])
    assert (first[0] != second[0]).any()


def test_inputs_have_the_dtype_that_the_network_has():
    x, targets = recall(2, 3, dtype=np.float32)
    assert x.dtype == np.float32
    assert targets.dtype.kind == "i"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lag": -1, "batch_size": 1}, "lag is an integer of at least 0, not -1"),
        ({"lag": 2.5, "batch_size": 1}, "lag is an integer of at least 0, not 2.5"),
        ({"lag": 1, "batch_size": 0}, "batch_size is an integer of at least 1, not 0"),
        ({"lag": 1, "batch_size": True}, "batch_size is an integer of at least 1, not True"),
        ({"lag": 1, "batch_size": 1, "keys": 0}, "keys is an integer of at least 1, not 0"),
        ({"lag": 1, "batch_size": 1, "distractors": 0}, "distractors is an integer of at least 1, not 0"),
    ],
)
def test_a_count_that_makes_no_task_is_an_error(arguments, message):
    with pytest.raises(ValueError, match=f"recall: {message}"):
        recall(**arguments)
