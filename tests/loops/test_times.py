"""Which nodes of which loop are in which time step: plain loops, their inputs, first and last steps, and losses.

Each recorder keeps a record of its own: the step in which Python was when it made a node. That is what is asked for.
"""

import numpy as np
import pytest

from microgradrnn import Tensor, functional
from tests.loops.diaries import SIZE, Diary, T, assert_found, sequence, weight, zeros


def test_a_plain_loop():
    W, U, b, x, h, diary = weight(), weight(), weight(SIZE), sequence(), zeros(), Diary()
    start = h
    for t in range(T):
        h = (x[t] @ W + h @ U + b).tanh()
        diary.step(t + 1, h)
    times = assert_found((h * h).sum(), diary)
    assert [times.of(leaf) for leaf in (W, U, b, x, start)] == [None] * 5
    assert len(times.loops) == 1
    assert times.loops[0].times == (1, 2, 3, 4, 5)
    assert times.loop(h) is times.loops[0]


def test_a_loop_without_a_sequence():
    U, h, diary = weight(), weight(1, SIZE), Diary()
    for t in range(4):
        h = (h @ U).tanh()
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


def test_two_steps():
    W, U, x, h, diary = weight(), weight(), sequence(2), zeros(), Diary()
    for t in range(2):
        h = (x[t] @ W + h @ U).tanh()
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


def test_a_loop_from_the_last_row_to_the_first_counts_as_the_rows_do():
    W, U, x, h, diary = weight(), weight(), sequence(), zeros(), Diary()
    for t in reversed(range(T)):
        h = (x[t] @ W + h @ U).tanh()
        diary.step(t + 1, h)
    assert assert_found(h.sum(), diary).loops[0].times == (5, 4, 3, 2, 1)


def test_batch_first():
    W, U, h, diary = weight(), weight(), zeros(), Diary()
    x = Tensor(np.random.default_rng(0).normal(size=(2, T, SIZE)), requires_grad=False)
    for t in range(T):
        h = (x[:, t] @ W + h @ U).tanh()
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


def test_inputs_in_a_list_are_leaves_of_their_steps():
    W, U, h, diary = weight(), weight(), zeros(), Diary()
    xs = [weight(1, SIZE, seed=t) for t in range(T)]
    for t, x in enumerate(xs, start=1):
        h = (x @ W + h @ U).tanh()
        diary.step(t, h)
    times = assert_found(h.sum(), diary)
    assert [times.of(x) for x in xs] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("first", ["x W", "h U"])
def test_a_first_step_without_a_state(first):
    W, U, x, h, diary = weight(), weight(), sequence(), None, Diary()
    for t in range(T):
        h = (x[t] @ W if h is None else x[t] @ W + h @ U if first == "x W" else h @ U + x[t] @ W).tanh()
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


def test_a_first_step_with_weights_of_its_own():
    W, U, V, x, diary = weight(), weight(), weight(), sequence(), Diary()
    h = (x[0] @ V).sigmoid()
    diary.step(1, h)
    for t in range(1, T):
        h = (x[t] @ W + h @ U).tanh()
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


def test_a_last_step_of_its_own():
    W, U, V, x, h, diary = weight(), weight(), weight(), sequence(), zeros(), Diary()
    for t in range(T - 1):
        h = (x[t] @ W + h @ U).tanh()
        diary.step(t + 1, h)
    y = (x[T - 1] @ V + h).tanh()
    diary.step(T, y)
    assert_found(y, diary)


def test_a_running_loss():
    W, U, V, x, h, total, diary = weight(), weight(), weight(), sequence(), zeros(), None, Diary()
    for t in range(T):
        h = (x[t] @ W + h @ U).tanh()
        loss = ((h @ V) ** 2).sum()
        total = loss if total is None else total + loss
        diary.step(t + 1, total)
    assert_found(total, diary)


def test_a_loss_of_the_last_state_is_of_no_step():
    W, U, V, x, h, diary = weight(), weight(), weight(SIZE, 2), sequence(), zeros(), Diary()
    for t in range(T):
        h = (x[t] @ W + h @ U).tanh()
        diary.step(t + 1, h)
    assert_found(functional.cross_entropy(h @ V, np.array([1])) + (U * U).sum(), diary)


@pytest.mark.parametrize("read_out", [True, False])
def test_losses_in_a_second_loop(read_out):
    W, U, V, x, h, diary = weight(), weight(), weight(), sequence(), zeros(), Diary()
    states, loss = [], 0.0
    for t in range(T):
        h = (x[t] @ W + h @ U).tanh()
        states.append(h)
        diary.step(t + 1, h)
    for t, h in enumerate(states):
        y = h @ V if read_out else h
        loss = loss + functional.cross_entropy(y, np.array([t % SIZE]))
        diary.step(t + 1, loss)
    assert_found(loss, diary)


def test_losses_that_are_added_up_at_the_end():
    W, U, x, h, diary, losses = weight(), weight(), sequence(), zeros(), Diary(), []
    for t in range(T):
        h = (x[t] @ W + h @ U).tanh()
        losses.append((h * h).sum())
        diary.step(t + 1, losses[-1])
    assert_found(functional.add_n(losses), diary)


def test_a_stack_of_states_is_read_row_by_row():
    W, U, V, x, h, diary, states = weight(), weight(), weight(), sequence(), zeros(), Diary(), []
    for t in range(T):
        h = (x[t] @ W + h @ U).tanh()
        states.append(h)
        diary.step(t + 1, h)
    y = functional.stack(states) @ V
    diary.step(None, y)
    g = zeros()
    for t in reversed(range(T)):
        g = (y[t] + g @ U).tanh()
        diary.step(t + 1, g)
    assert_found(g.sum(), diary)
