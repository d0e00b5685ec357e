"""What the errata say of the seed on dense layer, RNN, dense layer, points 6, 8 and 9, of the network as it is used.

`test_seed_001` asks the derivation by hand.
"""

import itertools
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import functional, nn
from microgradrnn.backprop import order
from microgradrnn.by_hand import sandwich
from microgradrnn.by_hand.walk import walk_back
from microgradrnn.engine import Tensor, ancestors
from microgradrnn.stepping import walk
from microgradrnn.training import truncated_bptt
from tests.plain import randomised

WEIGHTS = ("W_1", "b_1", "W_xh", "W_hh", "b_h", "W_3", "b_3")

# ---- Point 6: every row of the size table, at each of three steps ---------------------------------------------------

STEPS = (1, 2, 3)
FORWARD = {
    "x": (128, 10),
    "a": (128, 20),
    "h": (128, 5),
    "o": (128, 100),
}
PARAMETERS = {
    "W_1": (10, 20),
    "W_xh": (20, 5),
    "W_3": (5, 100),
    "W_hh": (5, 5),
    "b_1": (20,),
    "b_h": (5,),
    "b_3": (100,),
}
DELTAS = {"o": (128, 100), "h": (128, 5), "a": (128, 20)}
"""From the loss, from the layer above to the RNN, from the RNN to the first layer."""


@pytest.fixture(scope="module")
def table():
    """The seed's network after three steps and a backward pass: its nodes by label, and the loss."""
    net = nn.DenseRNNDense(10, 20, 5, 100, f3=lambda z: z.tanh(), seed=0)
    x = Tensor(np.random.default_rng(0).normal(size=(3, 128, 10)))
    loss = functional.add_n([functional.mse_loss(o, np.zeros((128, 100)), reduction="sum") for _, o in net.unroll(x)])
    loss.backward()
    nodes = {node.label: node for node in ancestors(loss) if node.label}
    for node in ancestors(loss):
        if node.op and node.op.name == "matmul" and node.inputs[1].label == "W_1":
            nodes[f"x_{node.t}"] = node.inputs[0]
    return net, nodes, loss


@pytest.mark.parametrize("t", STEPS)
@pytest.mark.parametrize(("name", "size"), FORWARD.items())
def test_seed_001_point_6_input_activation_state_and_prediction(table, name, size, t):
    assert table[1][f"{name}_{t}"].shape == size


@pytest.mark.parametrize(("label", "size"), PARAMETERS.items())
def test_seed_001_point_6_weights_recurrent_weight_and_biases(table, label, size):
    assert table[1][label].shape == size


@pytest.mark.parametrize(("label", "size"), PARAMETERS.items())
def test_seed_001_point_6_the_derivative_of_every_weight_and_bias(table, label, size):
    grad = table[1][label].grad
    assert grad.shape == size
    assert np.abs(grad).min() > 0


@pytest.mark.parametrize("t", STEPS)
@pytest.mark.parametrize(("name", "size"), DELTAS.items())
def test_seed_001_point_6_the_deltas(table, name, size, t):
    grad = table[1][f"{name}_{t}"].grad
    assert grad.shape == size
    assert np.abs(grad).max() > 0


@pytest.mark.parametrize("t", STEPS)
@pytest.mark.parametrize(("name", "size"), DELTAS.items())
def test_seed_001_point_6_the_derivatives_of_the_three_activations(table, name, size, t):
    """f' stands on the edge into each tanh: 1 - f^2."""
    _, nodes, loss = table
    [edge] = next(visit.edges for visit in walk(loss) if visit.node is nodes[f"{name}_{t}"])
    assert edge.local.shape == size
    np.testing.assert_allclose(edge.local, 1 - nodes[f"{name}_{t}"].data ** 2, rtol=1e-13)


def test_seed_001_point_6_there_are_950_parameters_in_seven_arrays(table):
    net, nodes, _ = table
    assert {p.label for p in net.parameters()} == set(PARAMETERS)
    assert [sum(p.size for p in net.parameters()), sum(nodes[label].size for label in PARAMETERS)] == [950, 950]
    assert (10 * 20 + 20) + (20 * 5 + 5 * 5 + 5) + (5 * 100 + 100) == 950


# ---- Point 8: the accumulator zeroed after an interval of steps -----------------------------------------------------


def problem(T, seed=0):
    """A network, its inputs, and dL/do_t for each step: L = sum over t of <do_t, o_t>."""
    net, rng = randomised(nn.DenseRNNDense(2, 3, 3, 2), seed)
    return net, rng.normal(size=(T, 2, 2)), rng.normal(size=(T, 2, 2))


def loss_of(net):
    """Of a chunk: the loss, and the state after it."""

    def loss(x, do, state):
        steps = net.unroll(x, state)
        losses = [(o * do_t).sum() for (_, o), do_t in zip(steps, do, strict=True)]
        return functional.add_n(losses), steps.state

    return loss


def gradients_of(net, losses):
    net.zero_grad()
    for loss in losses:
        loss.backward()
    return {p.label: np.zeros(p.shape) if p.grad is None else p.grad for p in net.parameters()}


def truncated(net, x, do, interval):
    return gradients_of(net, (loss for loss, _ in truncated_bptt(loss_of(net), (x, do), interval)))


def by_hand(net, x, do, interval=None):
    """The derivation in NumPy, its accumulator zeroed after every interval of steps."""
    weights = {p.label: p.data for p in net.parameters()}
    _, steps = sandwich.forward(x, weights, f=("tanh", "tanh", "identity"))
    return sandwich.backward(do, steps, interval)


def assert_same(found, expected):
    for label in WEIGHTS:
        np.testing.assert_allclose(found[label], expected[label], rtol=1e-10, atol=1e-13, err_msg=label)


@given(T=st.integers(1, 8), interval=st.integers(1, 9), seed=st.integers(0, 99))
def test_seed_001_point_8_an_accumulator_zeroed_every_interval_is_the_state_detached_every_interval(T, interval, seed):
    """Three ways: chunks, one graph with the state cut by hand, and the derivation whose accumulator is zeroed."""
    net, x, do = problem(T, seed)
    losses, state = [], None
    for t in range(T):
        state = nn.detach(state) if t % interval == 0 else state
        loss, state = loss_of(net)(x[t : t + 1], do[t : t + 1], state)
        losses.append(loss)
    cut_by_hand = gradients_of(net, [functional.add_n(losses)])
    chunks = truncated(net, x, do, interval)
    assert_same(chunks, cut_by_hand)
    assert_same(chunks, by_hand(net, x, do, interval))


@given(T=st.integers(1, 6), more=st.integers(0, 3), seed=st.integers(0, 99))
def test_seed_001_point_8_it_is_full_backpropagation_where_the_interval_covers_the_sequence(T, more, seed):
    net, x, do = problem(T, seed)
    full = gradients_of(net, [loss_of(net)(x, do, None)[0]])
    assert_same(truncated(net, x, do, T + more), full)
    assert_same(by_hand(net, x, do, T + more), full)


@pytest.mark.parametrize(("T", "interval"), [(4, 3), (6, 3), (7, 3), (6, 1), (6, 5)])
def test_seed_001_point_8_an_accumulator_that_is_never_zeroed_is_caught(T, interval):
    """Full backpropagation gives other gradients, of all weights but those above the recurrent layer."""
    net, x, do = problem(T)
    cut, never_zeroed = truncated(net, x, do, interval), by_hand(net, x, do)
    for label in WEIGHTS:
        apart = np.abs(cut[label] - never_zeroed[label]).max() / np.abs(never_zeroed[label]).max()
        assert (apart < 1e-10) == (label in ("W_3", "b_3")), label


def test_seed_001_point_8_zeroing_the_gradients_of_the_weights_is_another_thing():
    """The seed says that both may be done at once. Zeroed, weights' gradients forget earlier chunks; nothing is cut."""
    net, x, do = problem(6)
    chunks = [loss for loss, _ in truncated_bptt(loss_of(net), (x, do), interval=3)]
    last_alone = gradients_of(net, chunks[1:])
    assert_same(truncated(net, x, do, 3), {k: v + gradients_of(net, chunks[:1])[k] for k, v in last_alone.items()})
    assert np.abs(last_alone["W_hh"] - truncated(net, x, do, 3)["W_hh"]).max() > 1e-3


# ---- Point 9: four questions, four facts ----------------------------------------------------------------------------

intervals = pytest.mark.parametrize("interval", [1, 3, 5])


def chunks_of(interval, T=15):
    net, x, do = problem(T)
    return net, [loss for loss, _ in truncated_bptt(loss_of(net), (x, do), interval)]


@intervals
def test_seed_001_point_9_a_backward_pass_visits_every_layer_once_a_step_of_the_interval(interval):
    """Every layer's weight is read, and gets a contribution, as often as the interval has steps."""
    net, chunks = chunks_of(interval)
    assert len(chunks) == 15 / interval
    for loss in chunks:
        edges = [edge for visit in walk(loss) for edge in visit.edges]
        for weight in net.parameters():
            steps = [edge.node.t for edge in edges if edge.input is weight]
            assert steps == list(range(interval, 0, -1))


def test_seed_001_point_9_stored_activations_grow_linearly_with_the_interval():
    """Nodes that were recorded, and the numbers that they hold: each further step adds as many as the one before."""
    nodes, numbers = [], []
    for T in range(1, 7):
        net, x, do = problem(T)
        recorded = [node for node in ancestors(loss_of(net)(x, do, None)[0]) if node.op]
        nodes.append(len(recorded))
        numbers.append(sum(node.size for node in recorded))
    for counts in (nodes, numbers):
        increments = {later - earlier for earlier, later in itertools.pairwise(counts)}
        assert len(increments) == 1
        assert increments.pop() > 0


@intervals
def test_seed_001_point_9_the_weights_are_the_same_objects_in_all_steps_and_all_chunks(interval):
    net, chunks = chunks_of(interval)
    for loss in chunks:
        assert {node for node in order(loss) if node.op is None} == set(net.parameters())
    assert len(net.parameters()) == len(WEIGHTS)


@pytest.mark.parametrize("T", [1, 3, 8])
def test_seed_001_point_9_by_hand_one_accumulator_is_alive_where_the_engine_keeps_every_state_s_gradient(T):
    """What has been handed on before the step that has its turn is gone; a graph keeps it, to show it."""
    net, x, do = problem(T)
    _, cache = sandwich.forward(x, {p.label: p.data for p in net.parameters()}, f=("tanh", "tanh", "identity"))
    accumulators, alive = [], []

    def step(upstream, through_time, cached):
        accumulators.append(weakref.ref(through_time))
        alive.append(sum(accumulator() is not None for accumulator in accumulators[1:]))
        return sandwich.backward_step(upstream, through_time, cached)

    found, _ = walk_back(step, do, cache, np.zeros((2, 3)))
    assert alive == [0, *[1] * (T - 1)]  # the zeros that it starts from apart

    loss, _ = loss_of(net)(x, do, None)
    assert_same(found, gradients_of(net, [loss]))
    states = [node for node in ancestors(loss) if node.label.startswith("h_") and node.op]
    assert len({id(h.grad) for h in states}) == T
