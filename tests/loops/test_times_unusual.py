"""Which nodes are in which time step, in unusual loops; what is no loop; and steps that are written with scopes.

Each recorder keeps a record of its own: the step in which Python was when it made a node. That is what is asked for.
"""

import numpy as np
import pytest

from microgradrnn import Tensor, Value, nn
from microgradrnn.engine import ancestors
from microgradrnn.loops import time_steps
from tests.loops.diaries import SIZE, Diary, T, assert_found, sequence, weight, zeros


def test_two_steps_back():
    W, U, V, x, diary = weight(), weight(), weight(), sequence(), Diary()
    before, h = zeros(), zeros()
    for t in range(T):
        before, h = h, (x[t] @ W + h @ U + before @ V).tanh()
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


def test_only_two_steps_back():
    W, U, x, diary = weight(), weight(), sequence(6), Diary()
    before, h = zeros(), zeros()
    for t in range(6):
        before, h = h, (x[t] @ W + before @ U).tanh()
        diary.step(t + 1, h)
    assert_found((h + before).sum(), diary)


@pytest.mark.parametrize("steps", [6, 7])
def test_a_body_that_alternates(steps):
    """tanh and sigmoid in turn: by its weights each is a step."""
    W, U, x, h, diary = weight(), weight(), sequence(steps), zeros(), Diary()
    for t in range(steps):
        z = x[t] @ W + h @ U
        h = z.sigmoid() * 0.5 if t % 2 else z.tanh()
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


def test_a_body_that_alternates_without_a_period():
    W, U, x, h, diary = weight(), weight(), sequence(40), zeros(), Diary()
    for t, coin in enumerate(np.random.default_rng(0).integers(2, size=40)):
        z = x[t] @ W + h @ U
        h = z.sigmoid() * 0.5 if coin else z.tanh()
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


@pytest.mark.parametrize("order", ["x W", "h U"])
def test_two_weights_in_turn_are_told_apart_by_the_rows(order):
    x, h, diary = sequence(8), zeros(), Diary()
    Ws, Us = [weight(), weight()], [weight(), weight()]
    for t in range(8):
        W, U = Ws[t % 2], Us[t % 2]
        z = x[t] @ W + h @ U if order == "x W" else h @ U + x[t] @ W
        h = z.tanh()
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


def test_nested_loops_are_steps_of_the_outer_one():
    W, U, V, x, h, diary = weight(), weight(), weight(), sequence(), zeros(), Diary()
    for t in range(T):
        h = x[t] @ W + h @ U
        for _ in range(3):
            h = (h @ V).tanh()
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


def test_examples_read_one_after_the_other_start_from_1_each():
    W, U, V, diary, total = weight(), weight(), weight(SIZE, 1), Diary(), 0.0
    x = Tensor(np.random.default_rng(0).normal(size=(3, T, 1, SIZE)), requires_grad=False)
    for n in range(3):
        h = zeros()
        for t in range(T):
            h = (x[n][t] @ W + h @ U).tanh()
            diary.step(t + 1, h)
        total = total + (h @ V).sum()
        diary.step(None, total)
    times = assert_found(total, diary)
    assert [loop.times for loop in times.loops] == [(1, 2, 3, 4, 5)] * 3


def test_a_state_that_is_cut_off_goes_on_counting_by_its_rows():
    W, U, x, h, diary = weight(), weight(), sequence(6), zeros(), Diary()
    total = 0.0
    for t in range(6):
        h = (x[t] @ W + (h.detach() if t == 3 else h) @ U).tanh()
        total = total + h.sum()
        diary.step(t + 1, total)
    assert_found(total, diary)


def test_scalars():
    w, u, b, h, diary = Value(0.5), Value(0.3), Value(0.1), Value(0.0), Diary()
    xs = [Value(0.1 * t) for t in range(T)]
    start = h
    for t, x in enumerate(xs, start=1):
        h = (w * h + u * x + b).tanh()
        diary.step(t, h)
    times = assert_found((h - 1.0) ** 2, diary)
    assert [times.of(x) for x in xs] == [1, 2, 3, 4, 5]
    assert times.of(start) is None


def test_matrices_of_scalars():
    n = 2
    W, U = ([[Value(0.1 * i + 0.2 * j + k) for j in range(n)] for i in range(n)] for k in range(2))
    h, diary = [Value(0.0) for _ in range(n)], Diary()
    xs = [[Value(0.3 * t + j) for j in range(n)] for t in range(4)]
    for t, x in enumerate(xs, start=1):
        h = [sum((W[i][j] * h[j] + U[i][j] * x[j] for j in range(n)), start=Value(0.0)).tanh() for i in range(n)]
        diary.step(t, *h)
    times = assert_found(h[0] * h[1], diary)
    assert [[times.of(entry) for entry in x] for x in xs] == [[t] * n for t in (1, 2, 3, 4)]


def test_a_frozen_recurrent_matrix_still_makes_a_loop():
    x, h, diary, U = sequence(), zeros(), Diary(), Tensor(np.eye(SIZE), requires_grad=False)
    for t in range(T):
        h = (x[t] + h @ U).tanh()
        diary.step(t + 1, h)
    w = weight(SIZE, 1)
    assert_found((h @ w).sum(), diary)


def test_a_weight_that_is_computed_before_the_loop():
    A, B, h, diary = weight(), weight(), weight(1, SIZE), Diary()
    W = A @ B
    diary.step(None, W)
    for t in range(T):
        h = (h @ W).tanh()
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


# ---- No loops -------------------------------------------------------------------------------------------------------


def test_layers_of_one_size_are_no_loop():
    h = weight(1, SIZE)
    for k in range(6):
        h = (h @ weight(seed=k) + weight(SIZE, seed=k)).tanh()
    assert time_steps(h.sum()).steps == ()


def test_an_mlp_over_examples_is_no_loop():
    mlp = nn.MLP(3, [4, 4, 1], seed=0)
    loss = sum(((mlp(x) - 1.0) ** 2 for x in ([1.0, 2.0, 3.0], [2.0, 0.0, 1.0], [0.0, 1.0, 0.5])), start=Value(0.0))
    assert time_steps(loss).steps == ()


@pytest.mark.parametrize(
    "record",
    [
        lambda x: x,
        lambda x: x * x + x,
        lambda x: (x + 1.0).tanh().tanh().tanh(),
        lambda x: ((x * 2.0 + 1.0) * (x - 3.0)) / x,
    ],
)
def test_an_expression_is_no_loop(record):
    times = time_steps(record(Value(2.0)))
    assert (times.steps, times.loops) == ((), ())


def test_doubling_is_no_loop_since_steps_share_no_weight():
    y = Value(1.0)
    for _ in range(30):
        y = y + y
    assert time_steps(y).steps == ()


# ---- Scopes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize(
    "options", [{}, {"num_layers": 2}, {"bidirectional": True}, {"num_layers": 2, "bidirectional": True}]
)
def test_where_steps_are_written_these_are_the_steps(kind, options):
    outputs, _ = kind(SIZE, SIZE, seed=0, **options)(np.ones((T, 1, SIZE)))
    times = time_steps(outputs.sum())
    for node in ancestors(outputs):
        if node.op is not None:
            assert times.of(node) == node.t
    assert times.steps == (1, 2, 3, 4, 5)


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize(
    "options", [{}, {"num_layers": 2}, {"bidirectional": True}, {"num_layers": 2, "bidirectional": True}]
)
def test_found_steps_are_those_that_would_be_written(kind, options, monkeypatch):
    """The networks of nn, of which the steps that they write are hidden."""
    x = Tensor(np.ones((T, 1, SIZE)), requires_grad=False)
    outputs, _ = kind(SIZE, SIZE, seed=0, **options)(x)
    loss = outputs.sum()
    written = {node: node.t for node in ancestors(loss)}
    from microgradrnn.engine import Node

    monkeypatch.setattr(Node, "t", property(lambda self: None))
    times = time_steps(loss)
    wrong = {node: (times.of(node), t) for node, t in written.items() if node.op is not None and times.of(node) != t}
    assert not wrong


def test_a_loop_by_hand_after_written_steps_goes_on_from_them():
    W, U = weight(), weight()
    _, h = nn.RNN(SIZE, SIZE, seed=0)(sequence())
    h, diary = h[0], Diary()
    for t in range(4):
        h = (h @ W).tanh() @ U
        diary.step(T + t + 1, h)
    times = time_steps(h.sum())
    assert all(times.of(node) == (node.t or diary.expected.get(node)) for node in ancestors(h) if node.op)
