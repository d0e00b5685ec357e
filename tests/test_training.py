"""Truncated backpropagation through time: where it cuts, what it carries on, and what it holds in memory."""

import gc
import itertools
import tracemalloc
import weakref
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor, nn, optim
from microgradrnn.engine import ancestors
from microgradrnn.training import truncated_bptt
from tests.plain import every_kind, fresh, log_losses, randomised, step, weights

MODELS = {
    "rnn": lambda: nn.RNNLM(3, 2),
    "lstm": lambda: nn.RNNLM(3, 2, cell="lstm", embedding_dim=2),
    "gru": lambda: nn.RNNLM(3, 2, cell="gru"),
    "lstm of two layers": lambda: nn.RNNLM(3, 2, cell="lstm", num_layers=2),
    "learnt first state": lambda: nn.RNNLM(3, 2, cell="gru", learn_h0=True),
}
WINDOW = {"fixed window": lambda: nn.FixedWindowLM(3, 3, 2, 2)}
with_a_state = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
every_model = pytest.mark.parametrize("make", (MODELS | WINDOW).values(), ids=MODELS | WINDOW)
T_and_interval = {"T": st.integers(1, 7), "interval": st.integers(1, 8), "seed": st.integers(0, 99)}


def problem(make, T, seed=0):
    """A model, tokens and targets, (T, 2) each."""
    model, rng = randomised(make(), seed)
    return model, *rng.integers(0, 3, size=(2, T, 2))


def summed_loss(model):
    """The sum over steps, so that the chunks' losses add up to the whole one."""
    return lambda tokens, targets, state: model.loss(tokens, targets, state, reduction="sum")


def gradients_of(model, losses):
    """What backward passes from all of the losses leave, each run before the next loss is computed."""
    model.zero_grad()
    for loss in losses:
        loss.backward()
    return [np.zeros(p.shape) if p.grad is None else p.grad for p in model.parameters()]


def chunked(model, tokens, targets, interval):
    return gradients_of(model, (L for L, _ in truncated_bptt(summed_loss(model), (tokens, targets), interval)))


def whole(model, tokens, targets):
    return gradients_of(model, [model.loss(tokens, targets, reduction="sum")[0]])


def assert_all_close(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-13)


# ---- Where it cuts --------------------------------------------------------------------------------------------------


@every_model
@given(**T_and_interval)
def test_chunks_are_the_state_detached_every_so_many_steps_by_hand(make, T, interval, seed):
    """One graph for the whole sequence, recorded a step at a time, with the state cut after every interval."""
    model, tokens, targets = problem(make, T, seed)
    total, state = 0.0, None
    for t in range(T):
        if t and t % interval == 0:
            state = nn.detach(state)
        L, state = summed_loss(model)(tokens[t : t + 1], targets[t : t + 1], state)
        total = total + L
    assert_all_close(chunked(model, tokens, targets, interval), gradients_of(model, [total]))


@every_kind
@given(**T_and_interval)
def test_the_gradient_is_the_derivative_with_the_states_at_the_cuts_held_fixed(kind, T, interval, seed):
    """In NumPy: the states where chunks start are computed once, and stay when the weights are moved."""
    model, tokens, targets = problem(lambda: nn.RNNLM(3, 2, cell=kind), T, seed)
    [cell], x = model.rnn.cells[0], np.eye(3)[tokens]
    direction = [np.random.default_rng(seed).normal(size=p.shape) for p in model.parameters()]
    start, starts = fresh(kind, 2, weights(cell)), []
    for t in range(T):
        if t % interval == 0:
            starts.append(start)
        start = step(kind, x[t] @ cell.W_xh.data, start, weights(cell))

    def loss_at(distance):
        moved = {p: p.data + distance * along for p, along in zip(model.parameters(), direction, strict=True)}
        w, total = {name: moved[getattr(cell, name)] for name in weights(cell)}, 0.0
        for first, state in zip(range(0, T, interval), starts, strict=True):
            for t in range(first, min(first + interval, T)):
                state = step(kind, x[t] @ w["W_xh"], state, w)
                total += log_losses(state[0] @ moved[model.readout.W] + moved[model.readout.b], targets[t]).sum()
        return total

    found = chunked(model, tokens, targets, interval)
    slope = sum(np.vdot(grad, along) for grad, along in zip(found, direction, strict=True))
    assert slope == pytest.approx((loss_at(1e-5) - loss_at(-1e-5)) / 2e-5, rel=1e-6, abs=1e-7)


@every_model
@given(T=st.integers(1, 6), more=st.integers(0, 3))
def test_an_interval_that_covers_the_sequence_is_full_backpropagation_bit_for_bit(make, T, more):
    model, tokens, targets = problem(make, T)
    for found, full in zip(chunked(model, tokens, targets, T + more), whole(model, tokens, targets), strict=True):
        np.testing.assert_array_equal(found, full)


@with_a_state
@pytest.mark.parametrize("interval", range(1, 6))
def test_a_shorter_interval_leaves_something_of_every_recurrent_weight_out(make, interval):
    model, tokens, targets = problem(make, T=6)
    cut, full = chunked(model, tokens, targets, interval), whole(model, tokens, targets)
    for (name, _), found, expected in zip(model.named_parameters(), cut, full, strict=True):
        differs = np.abs(found - expected).max() > 1e-6 * np.abs(expected).max()
        assert differs != name.startswith("readout"), name  # of which each step has all to itself


@pytest.mark.parametrize("interval", range(1, 6))
def test_a_fixed_window_has_nothing_to_cut(interval):
    """Its state is tokens, so chunks have the whole gradient."""
    model, tokens, targets = problem(WINDOW["fixed window"], T=6)
    assert_all_close(chunked(model, tokens, targets, interval), whole(model, tokens, targets))


def test_no_graph_reaches_over_a_cut():
    model, tokens, targets = problem(MODELS["lstm"], T=6)
    graphs = [set(ancestors(L)) for L, _ in truncated_bptt(model.loss, (tokens, targets), interval=2)]
    for earlier, later in itertools.pairwise(graphs):
        assert earlier & later == {node for node in earlier if node.op is None and node.requires_grad}
        assert earlier & later <= set(model.parameters())


# ---- What it carries on ---------------------------------------------------------------------------------------------


@every_model
@given(**T_and_interval)
def test_forward_chunks_are_the_whole_sequence(make, T, interval, seed):
    """The last chunk may be shorter; each loss is what its steps have in the loss of the whole."""
    model, tokens, targets = problem(make, T, seed)
    y = np.stack([node.data for _, node in model.unroll(tokens)])
    starts = range(0, T, interval)
    expected = [log_losses(y[s : s + interval], targets[s : s + interval]).mean() for s in starts]
    found = [L.item() for L, _ in truncated_bptt(model.loss, (tokens, targets), interval)]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@every_model
def test_the_state_that_is_handed_out_goes_on_from_there(make):
    """So a text may be trained on file by file."""
    model, tokens, targets = problem(make, T=7)
    *_, (_, state) = truncated_bptt(model.loss, (tokens[:4], targets[:4]), interval=3)
    rest = truncated_bptt(model.loss, (tokens[4:], targets[4:]), interval=3, state=state)
    found, _ = next(rest)
    y = np.stack([node.data for _, node in model.unroll(tokens)])
    assert found.item() == pytest.approx(log_losses(y[4:], targets[4:]).mean(), rel=1e-10)


def test_the_state_is_cut_also_from_the_one_who_asks_for_the_chunks():
    model, tokens, targets = problem(MODELS["lstm of two layers"], T=4)
    for _, (h, c) in truncated_bptt(model.loss, (tokens, targets), interval=2):
        assert [(node.op, node.requires_grad) for node in (*h, *c)] == [(None, False)] * 4


def test_a_step_taken_between_chunks_is_felt_by_the_next():
    """The weights of the next chunk are the new ones, while its state is still the number that the old ones gave."""
    model, tokens, targets = problem(MODELS["rnn"], T=4)
    chunks = truncated_bptt(model.loss, (tokens, targets), interval=2)
    _, state = next(chunks)
    for p in model.parameters():
        p.data *= 0.5
    found, _ = next(chunks)
    expected, _ = model.loss(tokens[2:], targets[2:], state)
    assert found.item() == expected.item()


def test_any_function_of_chunks_and_a_state_will_do():
    """Here of one sequence, with a state of its own."""

    def running_sum(x, state):
        total = Tensor([0.0]) if state is None else state
        for x_t in x:
            total = total + x_t
        return (total * total).sum(), total

    x = Tensor(np.arange(1.0, 6.0))
    found = [(L.item(), state.item()) for L, state in truncated_bptt(running_sum, [x], interval=2)]
    assert found == [(9.0, 3.0), (100.0, 10.0), (225.0, 15.0)]


@pytest.mark.parametrize("nest", [lambda h: h, lambda h: [h], lambda h: (h, h), lambda h: ([h, h], [h, (h,)])])
def test_detach_keeps_the_nesting_and_the_numbers_and_cuts_every_node(nest):
    h = Tensor([1.0, 2.0], label="h") * 2.0
    cut = nn.detach(nest(h))
    assert shape_of(cut) == shape_of(nest(h))
    for node in nodes_in(cut):
        assert (node.op, node.requires_grad, node.data.tolist()) == (None, False, [2.0, 4.0])


def test_detach_leaves_what_is_no_node():
    tokens = np.array([[1, 2]])
    assert nn.detach(tokens) is tokens
    assert nn.detach([None, tokens])[0] is None


def shape_of(state):
    return type(state), [shape_of(part) for part in state] if isinstance(state, (list, tuple)) else None


def nodes_in(state):
    return [node for part in state for node in nodes_in(part)] if isinstance(state, (list, tuple)) else [state]


# ---- What it holds in memory ----------------------------------------------------------------------------------------


@every_model
@pytest.mark.parametrize(("let_go", "most"), [(False, 2), (True, 1)], ids=["held by the loop", "let go"])
def test_at_most_two_chunks_have_a_graph_at_any_time(make, let_go, most):
    """The one being computed, and the last one as long as the loop over the chunks holds it; without the collector."""
    model, tokens, targets = problem(make, T=20)
    graphs, alive = [], []

    def count():
        return sum(graph() is not None for graph in graphs)

    def watched(*chunk):
        loss, state = model.loss(*chunk)
        graphs.append(weakref.ref(next(node for node in ancestors(loss) if node.op)))
        alive.append(count())
        return loss, state

    gc.disable()
    try:
        for loss, _ in truncated_bptt(watched, (tokens, targets), interval=2):
            loss.backward()
            assert count() == 1
            if let_go:
                del loss
    finally:
        gc.enable()
    assert alive == [1, *[most] * 9]


@every_model
def test_memory_depends_on_the_interval_and_not_on_the_number_of_chunks(make):
    short, long, wider = (peak_memory(make, T, interval) for T, interval in [(10, 5), (100, 5), (100, 50)])
    assert long < 1.2 * short
    assert wider > 3 * long


def peak_memory(make, T, interval):
    """The most bytes that a training over T steps held at any moment, beyond the data."""
    model, tokens, targets = problem(make, T)
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def train():
        for loss, _ in truncated_bptt(model.loss, (tokens, targets), interval):
            model.zero_grad()
            loss.backward()
            optimizer.step()

    train()  # what Python and NumPy set up once is set up
    tracemalloc.start()
    try:
        train()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# ---- Errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [0, -2, 1.0, True, None, "3"])
def test_an_interval_is_a_positive_integer(wrong):
    with pytest.raises(ValueError, match=f"^truncated_bptt: interval is a positive integer, not {wrong!r}$"):
        truncated_bptt(lambda *_: None, ([1], [2]), wrong)


def test_an_interval_may_be_numpys_integer():
    model, tokens, targets = problem(MODELS["rnn"], T=4)
    assert len(list(truncated_bptt(model.loss, (tokens, targets), np.int64(2)))) == 2


@pytest.mark.parametrize(
    ("sequences", "came"), [((), r"\[\]"), (([], []), r"\[0\]"), (([1, 2], [1, 2, 3]), r"\[2, 3\]")]
)
def test_sequences_have_one_length(sequences, came):
    with pytest.raises(ValueError, match=f"^truncated_bptt: sequences have one length .*got {came}$"):
        truncated_bptt(lambda *_: None, sequences, 2)


@pytest.mark.parametrize("array", [np.zeros((4, 2), int), Tensor(np.zeros((4, 2)))], ids=["array", "tensor"])
def test_one_array_is_no_tuple_of_sequences(array):
    """Its rows, the steps, would be taken for sequences."""
    with pytest.raises(
        TypeError, match=r"^truncated_bptt: sequences are arrays in a tuple, such as \(tokens, targets\)"
    ):
        truncated_bptt(lambda *_: None, array, 2)


class State(NamedTuple):
    h: Tensor
    c: Tensor


def test_a_state_that_is_a_named_tuple_stays_one_over_cuts_and_padding():
    """The gradients are those of the same steps with a plain tuple, which stands for the witness."""
    x, masks = np.arange(6.0).reshape(3, 2, 1), np.array([[[True], [True]], [[True], [False]], [[True], [True]]])
    found = {}
    for kind in (State, lambda h, c: (h, c)):
        w = Tensor([[0.5]], "w")

        def cell(x, state, w=w, kind=kind):
            return kind(*((part @ w + x).tanh() for part in state))

        def loss(x, state, cell=cell, kind=kind):
            start = kind(Tensor(np.zeros((2, 1))), Tensor(np.ones((2, 1)))) if state is None else state
            *_, (_, last) = nn.unrolled.scan(cell, enumerate(x, start=1), start, masks=masks)
            return (last[0] * last[1]).sum(), last

        states = []
        for chunk_loss, state in truncated_bptt(loss, (x,), interval=2):
            chunk_loss.backward()
            states.append(state)
        found[kind] = w.grad, np.array([part.data for part in states[-1]])
        assert all(isinstance(state, State) for state in states) == (kind is State)
    (grad, last), (expected_grad, expected_last) = found.values()
    np.testing.assert_array_equal(grad, expected_grad)
    np.testing.assert_array_equal(last, expected_last)
