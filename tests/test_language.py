"""Language models against their formulas in NumPy and central differences; what they carry on from step to step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor, gradcheck, nn
from microgradrnn.analysis import grad_by_time
from microgradrnn.engine import ancestors
from tests.plain import every_kind, few, log_losses, network, randomised

a_size, seeds = st.integers(1, 3), st.integers(0, 99)
vocabularies = st.integers(2, 5)
EVERY_MODEL = {
    "rnn": lambda V: nn.RNNLM(V, 3),
    "rnn with embedding": lambda V: nn.RNNLM(V, 3, embedding_dim=2),
    "lstm": lambda V: nn.RNNLM(V, 3, cell="lstm"),
    "gru of two layers": lambda V: nn.RNNLM(V, 3, cell="gru", num_layers=2, embedding_dim=2),
    "lstm with a first state": lambda V: nn.RNNLM(V, 2, cell="lstm", learn_h0=True),
    "window of 1": lambda V: nn.FixedWindowLM(V, 1, 2, 3),
    "window of 3": lambda V: nn.FixedWindowLM(V, 3, 2, 3),
}
every_model = pytest.mark.parametrize("make", EVERY_MODEL.values(), ids=EVERY_MODEL)


def logits(model, tokens, state=None):
    return np.stack([y.data for _, y in model.unroll(tokens, state)])


def read(layer, h):
    """h W + b."""
    return h @ layer.W.data + layer.b.data


# ---- Forward --------------------------------------------------------------------------------------------------------


@every_kind
@given(T=a_size, N=a_size, V=vocabularies, H=a_size, layers=st.integers(1, 2), seed=seeds)
def test_a_recurrent_model_reads_tokens_one_hot(kind, T, N, V, H, layers, seed):
    model, rng = randomised(nn.RNNLM(V, H, cell=kind, num_layers=layers), seed)
    tokens = rng.integers(0, V, size=(T, N))
    one_hot = np.zeros((T, N, V))
    np.put_along_axis(one_hot, tokens[..., None], 1.0, axis=-1)
    h, _ = network(kind, model.rnn, one_hot)
    np.testing.assert_allclose(logits(model, tokens), read(model.readout, h), rtol=1e-12, atol=1e-13)


@every_kind
@given(T=a_size, N=a_size, V=vocabularies, E=a_size, H=a_size, layers=st.integers(1, 2), seed=seeds)
def test_a_recurrent_model_with_an_embedding_reads_its_rows(kind, T, N, V, E, H, layers, seed):
    model, rng = randomised(nn.RNNLM(V, H, cell=kind, embedding_dim=E, num_layers=layers), seed)
    tokens = rng.integers(0, V, size=(T, N))
    h, _ = network(kind, model.rnn, model.embedding.W.data[tokens])
    np.testing.assert_allclose(logits(model, tokens), read(model.readout, h), rtol=1e-12, atol=1e-13)


@given(window=st.integers(1, 4), T=st.integers(1, 5), N=a_size, V=vocabularies, E=a_size, H=a_size, seed=seeds)
def test_a_fixed_window_is_a_hidden_layer_over_the_last_embeddings_side_by_side(window, T, N, V, E, H, seed):
    """Oldest first; where there is nothing yet stands a token of its own, the one after the vocabulary."""
    model, rng = randomised(nn.FixedWindowLM(V, window, E, H), seed)
    tokens, rows = rng.integers(0, V, size=(T, N)), model.embedding.W.data
    assert rows.shape == (V + 1, E)
    found = logits(model, tokens)
    for t in range(T):
        for n in range(N):
            last = [tokens[s, n] if s >= 0 else V for s in range(t - window + 1, t + 1)]
            h = np.tanh(read(model.hidden, np.concatenate([rows[token] for token in last])))
            np.testing.assert_allclose(found[t, n], read(model.readout, h), rtol=1e-12, atol=1e-13)


def test_one_hot_tokens_are_an_embedding_that_is_the_identity():
    embedded, _ = randomised(nn.RNNLM(4, 3, embedding_dim=4), 0)
    embedded.embedding.W.data = np.eye(4)
    one_hot = nn.RNNLM(4, 3)
    one_hot.rnn.load_state_dict(embedded.rnn.state_dict())
    one_hot.readout.load_state_dict(embedded.readout.state_dict())
    tokens = np.array([[0, 1], [3, 2], [2, 2]])
    np.testing.assert_array_equal(logits(one_hot, tokens), logits(embedded, tokens))


@every_model
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64])
def test_tokens_of_every_integer_type_are_read_alike(make, dtype):
    model, rng = randomised(make(3), 0)
    tokens = rng.integers(0, 3, size=(4, 2))
    expected = logits(model, tokens.tolist())
    np.testing.assert_array_equal(logits(model, tokens.astype(dtype)), expected)
    np.testing.assert_array_equal(logits(model, Tensor(tokens.astype(dtype))), expected)


@pytest.mark.parametrize(
    "make", [lambda **how: nn.RNNLM(3, 2, **how), lambda **how: nn.FixedWindowLM(3, 2, 2, 2, **how)]
)
def test_a_model_of_float32_stays_float32(make):
    model = make(seed=0, dtype=np.float32)
    loss, _ = model.loss([[0], [1]], [[1], [2]])
    loss.backward()
    assert loss.dtype == np.float32
    assert {p.grad.dtype for p in model.parameters()} == {np.dtype(np.float32)}


# ---- Loss and gradients ---------------------------------------------------------------------------------------------


@every_model
@given(T=a_size, N=a_size, V=vocabularies, seed=seeds)
def test_the_loss_is_the_mean_or_the_sum_of_the_log_losses_of_its_steps(make, T, N, V, seed):
    model, rng = randomised(make(V), seed)
    tokens, targets = rng.integers(0, V, size=(2, T, N))
    losses = log_losses(logits(model, tokens), targets)
    np.testing.assert_allclose(model.loss(tokens, targets)[0].item(), losses.mean(), rtol=1e-12)
    np.testing.assert_allclose(model.loss(tokens, targets, reduction="sum")[0].item(), losses.sum(), rtol=1e-12)


@every_model
def test_an_ignored_target_counts_neither_in_the_sum_nor_in_the_mean(make):
    model, rng = randomised(make(4), 0)
    tokens, targets = rng.integers(0, 4, size=(2, 3, 2))
    counted = np.array([[True, True], [True, False], [False, False]])
    kept = log_losses(logits(model, tokens), targets)[counted]
    padded = np.where(counted, targets, -100)
    assert model.loss(tokens, padded, ignore_index=-100)[0].item() == pytest.approx(kept.mean(), rel=1e-12)
    total, _ = model.loss(tokens, padded, reduction="sum", ignore_index=-100)
    assert total.item() == pytest.approx(kept.sum(), rel=1e-12)


@every_model
@few
@given(T=a_size, N=st.integers(1, 2), V=st.integers(2, 3), seed=seeds)
def test_gradients_are_those_of_differences(make, T, N, V, seed):
    model, rng = randomised(make(V), seed)
    tokens, targets = rng.integers(0, V, size=(2, T, N))
    assert gradcheck(lambda *_: model.loss(tokens, targets)[0], model.parameters())


def test_a_token_that_comes_twice_in_a_window_gets_both_gradients():
    """All three places hold token 1: its row's gradient is the sum of what reaches the three parts of e."""
    model, _ = randomised(nn.FixedWindowLM(3, 3, 2, 4), 0)
    [*_, (t, y)] = model.unroll([[1], [1], [1]])
    y.sum().backward()
    e = next(node for node in ancestors(y) if node.label == f"e_{t}")
    np.testing.assert_allclose(model.embedding.W.grad[1], e.grad.reshape(3, 2).sum(axis=0), rtol=1e-12)


# ---- What is carried on ---------------------------------------------------------------------------------------------


@every_model
@given(cut=st.integers(1, 4), seed=seeds)
def test_a_text_read_in_two_pieces_is_the_whole_text(make, cut, seed):
    model, rng = randomised(make(3), seed)
    tokens = rng.integers(0, 3, size=(5, 2))
    steps = model.unroll(tokens[:cut])
    first = [y.data for _, y in steps]
    np.testing.assert_allclose([*first, *logits(model, tokens[cut:], steps.state)], logits(model, tokens), rtol=1e-12)


@every_model
@given(count=st.integers(0, 4), seed=seeds)
def test_the_state_is_that_after_the_steps_that_have_been_read(make, count, seed):
    """Not after those that are still to come: a loop may end early, and go on from there."""
    model, rng = randomised(make(3), seed)
    tokens = rng.integers(0, 3, size=(5, 1))
    steps = model.unroll(tokens)
    for _ in range(count):
        next(steps)
    np.testing.assert_allclose(logits(model, tokens[count:], steps.state), logits(model, tokens)[count:], rtol=1e-12)


@given(window=st.integers(1, 4), T=st.integers(1, 6))
def test_the_state_of_a_fixed_window_is_its_last_tokens_but_one_window_long(window, T):
    tokens = np.arange(T)[:, None]
    _, state = nn.FixedWindowLM(9, window, 1, 1, seed=0).loss(tokens, tokens)
    start = [9] * (window - 1)
    assert state.ravel().tolist() == [*start, *range(T)][T:]


@every_kind
def test_gradients_run_back_through_a_state_that_was_not_cut(kind):
    """In two pieces, the second going on from the first's state itself: the gradient is that of the whole."""
    model, rng = randomised(nn.RNNLM(3, 2, cell=kind, num_layers=2), 0)
    tokens, targets = rng.integers(0, 3, size=(2, 5, 2))
    whole, _ = model.loss(tokens, targets, reduction="sum")
    whole.backward()
    expected = [p.grad for p in model.parameters()]
    model.zero_grad()
    first, state = model.loss(tokens[:2], targets[:2], reduction="sum")
    second, _ = model.loss(tokens[2:], targets[2:], state, reduction="sum")
    (first + second).backward()
    for p, grad in zip(model.parameters(), expected, strict=True):
        np.testing.assert_allclose(p.grad, grad, rtol=1e-10, atol=1e-13)


# ---- Every step in its column ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "letters"),
    [
        (nn.RNNLM(3, 2, seed=0), "xzhyL"),
        (nn.RNNLM(3, 2, cell="lstm", embedding_dim=2, seed=0), "xifgochyL"),
        (nn.FixedWindowLM(3, 2, 2, 2, seed=0), "xehyL"),
    ],
    ids=["one-hot", "embedding", "fixed window"],
)
def test_every_step_stands_in_its_column_from_the_token_to_the_loss(model, letters):
    loss, _ = model.loss([[0], [1], [2]], [[1], [2], [0]])
    nodes = {node.label: node for node in ancestors(loss)}
    for letter in letters:
        assert [nodes[f"{letter}_{t}"].t for t in (1, 2, 3)] == [1, 2, 3]
    assert (loss.label, loss.t) == ("L", None)
    assert [node.t for node in ancestors(loss) if node.op and node.t is None] == [None, None]  # the sum, the mean


@every_model
def test_every_step_contributes_its_own_part_to_the_read_out(make):
    """h_t^T (S - 1[m]); parts of the other steps, and of what is read in them, are theirs."""
    model, rng = randomised(make(3), 0)
    tokens, targets = rng.integers(0, 3, size=(2, 4, 2))
    loss, _ = model.loss(tokens, targets, reduction="sum")
    by_time = grad_by_time(loss, model.readout.W)
    for t, y in enumerate(logits(model, tokens), start=1):
        S = np.exp(y) / np.exp(y).sum(axis=1, keepdims=True)
        last = "2" if isinstance(model, nn.RNNLM) and len(model.rnn.cells) == 2 else ""
        h = next(node for node in ancestors(loss) if node.label == f"h{last}_{t}" and node.op)
        np.testing.assert_allclose(by_time[t], h.data.T @ (S - np.eye(3)[targets[t - 1]]), rtol=1e-10, atol=1e-14)
    loss.backward()
    np.testing.assert_allclose(sum(by_time.values()), model.readout.W.grad, rtol=1e-10)


def test_a_loop_over_the_steps_of_a_fixed_window_records_inside_them():
    for t, y in nn.FixedWindowLM(3, 2, 2, 2, seed=0).unroll([[0], [1]]):
        assert (y * 2).t == t
    assert (y * 2).t is None


# ---- Errors ---------------------------------------------------------------------------------------------------------

recurrent, fixed = nn.RNNLM(4, 3, seed=0), nn.FixedWindowLM(4, 3, 2, 3, seed=0)
both = pytest.mark.parametrize("model", [recurrent, fixed], ids=["recurrent", "fixed window"])


@both
@pytest.mark.parametrize(
    ("tokens", "error", "message"),
    [
        ([[0.0], [1.0]], TypeError, r"tokens are integers of shape \(T, N\), not float64"),
        ([[True], [False]], TypeError, r"tokens are integers of shape \(T, N\), not bool"),
        ([[0, 1], [2]], ValueError, r"tokens are integers of shape \(T, N\), got list"),
        ([0, 1], ValueError, r"tokens have shape \(T, N\) with at least one step, got \(2,\)"),
        (np.zeros((0, 1), int), ValueError, r"at least one step, got \(0, 1\)"),
        ([[0], [4]], ValueError, "token 4 is out of range for a vocabulary of 4"),
        ([[-1], [0]], ValueError, "token -1 is out of range for a vocabulary of 4"),
    ],
)
def test_tokens_that_make_no_sense_are_refused_before_anything_is_read(model, tokens, error, message):
    with pytest.raises(error, match=f"^{type(model).__name__}: .*{message}"):
        model.unroll(tokens)


@both
@pytest.mark.parametrize(
    ("targets", "options", "error", "message"),
    [
        ([[0]], {}, ValueError, "only 1 row of targets, and a step 2"),
        ([[0], [0], [0]], {}, ValueError, "3 rows of targets, one a step, and only 2 steps came"),
        ([[0, 1], [0, 1]], {}, ValueError, r"one target a row, shape \(1,\), not \(2,\)"),
        ([[0], [4]], {}, ValueError, "class 4 is out of range for 4 classes"),
        ([[0.0], [1.0]], {}, TypeError, "targets are class indices, integers, not float64"),
        ([[0], [1]], {"reduction": "none"}, ValueError, "reduction is 'mean' or 'sum'.*'none'"),
        ([[9], [9]], {"ignore_index": 9}, ValueError, "at least one target that counts"),
    ],
)
def test_targets_that_do_not_fit_are_refused(model, targets, options, error, message):
    with pytest.raises(error, match=message):
        model.loss([[0], [1]], targets, **options)


@pytest.mark.parametrize(
    ("model", "state", "message"),
    [
        (recurrent, np.ones((1, 2, 3)), r"RNN: h0 has shape \(1, 1, 3\), got \(1, 2, 3\)"),
        (nn.RNNLM(4, 3, cell="lstm", seed=0), np.ones((1, 1, 3)), r"LSTM: h0 is a pair \(h0, c0\), each of .*ndarray"),
        (fixed, np.zeros((1, 1), int), r"FixedWindowLM: state has shape \(2, 1\), got \(1, 1\)"),
        (fixed, np.zeros((2, 3), int), r"FixedWindowLM: state has shape \(2, 1\), got \(2, 3\)"),
        (fixed, np.zeros((2, 1)), r"FixedWindowLM: state holds tokens, integers of shape \(2, 1\), not float64"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(model, state, message):
    with pytest.raises((ValueError, TypeError), match=message):
        model.unroll([[0], [1]], state)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.RNNLM(0, 3), "RNNLM: vocabulary_size is a positive integer, not 0"),
        (lambda: nn.RNNLM(4, 0), "RNNLM: hidden_size is a positive integer, not 0"),
        (lambda: nn.RNNLM(4, 3, embedding_dim=0), "embedding_dim is a positive integer, not 0"),
        (lambda: nn.RNNLM(4, 3, num_layers=0), "RNN: num_layers is a positive integer, not 0"),
        (lambda: nn.RNNLM(4, 3, cell="elman"), "cell is 'rnn', 'lstm', 'gru', not 'elman'"),
        (lambda: nn.RNNLM(4, 3, bidirectional=True), "RNNLM: bidirectional is False"),
        (lambda: nn.FixedWindowLM(4.0, 3, 2, 3), "FixedWindowLM: vocabulary_size is a positive integer, not 4.0"),
        (lambda: nn.FixedWindowLM(4, 0, 2, 3), "FixedWindowLM: window is a positive integer, not 0"),
        (lambda: nn.FixedWindowLM(4, 3, 0, 3), "embedding_dim is a positive integer, not 0"),
        (lambda: nn.FixedWindowLM(4, 3, 2, 0), "FixedWindowLM: hidden_size is a positive integer, not 0"),
    ],
)
def test_a_model_that_cannot_be_made_says_why(make, message):
    with pytest.raises(ValueError, match=message):
        make()
