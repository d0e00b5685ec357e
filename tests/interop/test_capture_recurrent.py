"""PyTorch's recurrent layers and cells, captured: values, gradients, names and time steps."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence  # noqa: E402

from microgradrnn import time_steps  # noqa: E402
from microgradrnn.graph import ancestors  # noqa: E402
from tests.interop.captured import assert_captured, leaves_of, normal  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")

DTYPES = [torch.float64, torch.float32]
sizes = st.integers(1, 3)


@st.composite
def layers(draw):
    """A layer of any kind and size, and its kind."""
    kind = draw(st.sampled_from(["RNN", "LSTM", "GRU"]))
    hidden = draw(st.integers(2, 4))
    how = {
        "num_layers": draw(st.integers(1, 2)),
        "bidirectional": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
        "bias": draw(st.booleans()),
    }
    if kind == "RNN":
        how["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    if kind == "LSTM":
        how["proj_size"] = draw(st.integers(0, hidden - 1))
    if how["num_layers"] > 1:
        how["dropout"] = draw(st.sampled_from([0.0, 0.4]))
    torch.manual_seed(draw(st.integers(0, 100)))
    return getattr(torch.nn, kind)(draw(sizes), hidden, dtype=draw(st.sampled_from(DTYPES)), **how)


def outputs(result):
    """All that a layer gives, in one number."""
    output, state = result
    states = state if isinstance(state, tuple) else (state,)
    return (output**2).sum() + sum((k + 2) * (h**2).sum() for k, h in enumerate(states))


@settings(max_examples=40)
@given(rnn=layers(), T=st.integers(1, 4), N=sizes)
def test_a_layer_of_any_kind(rnn, T, N):
    x = normal(*((N, T) if rnn.batch_first else (T, N)), rnn.input_size, dtype=rnn.weight_ih_l0.dtype)
    assert_captured(lambda x: outputs(rnn(x)), x)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_a_first_state_and_a_sequence_without_a_batch(kind):
    rnn = getattr(torch.nn, kind)(2, 3, dtype=torch.float64)
    h0, c0 = normal(1, 3), normal(1, 3, seed=1)
    state = (h0, c0) if kind == "LSTM" else h0
    assert_captured(lambda x, state: outputs(rnn(x, state)), normal(4, 2), state)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_packed_sequences(kind, batch_first, dtype):
    rnn = getattr(torch.nn, kind)(2, 3, bidirectional=True, batch_first=batch_first, dtype=dtype)
    lengths = torch.tensor([2, 4, 1])

    def loss(x):
        packed = pack_padded_sequence(x, lengths, batch_first=batch_first, enforce_sorted=False)
        output, state = rnn(packed)
        return outputs((pad_packed_sequence(output, batch_first=batch_first)[0], state))

    assert_captured(loss, normal(*((3, 4) if batch_first else (4, 3)), 2, dtype=dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
def test_a_cell_in_a_loop(kind, dtype):
    cell, x = getattr(torch.nn, kind)(2, 3, dtype=dtype), normal(4, 1, 2, dtype=dtype)

    def loss(x):
        state, total = None, 0
        for x_t in x:
            state = cell(x_t, state)
            total = total + (state[0] ** 2).sum()
        return total

    graph = assert_captured(loss, x)
    times = time_steps(graph)
    assert times.steps == (1, 2, 3, 4)
    weight = leaves_of(graph)["cell.weight_hh"]
    readers = [times.of(node) for node in ancestors(graph) if any(x is weight for x in node.inputs)]
    assert readers == [1, 2, 3, 4]


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_steps_names_and_scopes(kind):
    """Each step reads the weights by PyTorch's names for them, in their own shapes, in the scope of their module."""
    rnn = getattr(torch.nn, kind)(2, 3, dtype=torch.float64)
    graph = assert_captured(lambda x: outputs(rnn(x)), normal(4, 1, 2, grad=False))
    times, leaves = time_steps(graph), leaves_of(graph)
    assert times.steps == (1, 2, 3, 4)
    assert set(leaves) == {f"rnn.{name}" for name, _ in rnn.named_parameters()}
    for name in ("rnn.weight_hh_l0", "rnn.bias_hh_l0"):
        readers = [node for node in ancestors(graph) if any(x is leaves[name] for x in node.inputs)]
        assert [times.of(node) for node in readers] == [1, 2, 3, 4]
        assert {node.scope for node in readers} == {"rnn"}


def test_two_layers_have_the_same_steps():
    rnn = torch.nn.LSTM(2, 3, num_layers=2, bidirectional=True, dtype=torch.float64)
    graph = assert_captured(lambda x: outputs(rnn(x)), normal(5, 2, 2))
    times, leaves = time_steps(graph), leaves_of(graph)
    for name, steps in (("weight_hh_l1", [1, 2, 3, 4, 5]), ("weight_hh_l1_reverse", [5, 4, 3, 2, 1])):
        readers = [node for node in ancestors(graph) if any(x is leaves[f"rnn.{name}"] for x in node.inputs)]
        assert [times.of(node) for node in readers] == steps


def test_dropout_between_layers_is_as_drawn():
    """With the same seed PyTorch draws the same masks; and the draws are not used up."""
    rnn = torch.nn.GRU(2, 3, num_layers=2, dropout=0.5, dtype=torch.float64)
    torch.manual_seed(4)
    before = torch.get_rng_state()
    assert_captured(lambda x: outputs(rnn(x)), normal(3, 2, 2), seed=4)
    torch.manual_seed(4)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_steps_where_first_states_are_handed_in(kind, layers):
    """The rows of the first states are read one after another, once a layer: they are no sequence."""
    rnn = getattr(torch.nn, kind)(2, 3, num_layers=layers, dtype=torch.float64)
    h0, c0 = normal(layers, 1, 3), normal(layers, 1, 3, seed=1, grad=False)
    graph = assert_captured(
        lambda x, state: outputs(rnn(x, state)), normal(4, 1, 2), (h0, c0) if kind == "LSTM" else h0
    )
    times, leaves = time_steps(graph), leaves_of(graph)
    for layer in range(layers):
        weight = leaves[f"rnn.weight_hh_l{layer}"]
        assert [times.of(n) for n in ancestors(graph) if any(x is weight for x in n.inputs)] == [1, 2, 3, 4]
