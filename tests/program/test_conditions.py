"""Graphs that meet one condition of a pass each: without that condition, the program of one of them is wrong.

They were written for single-line mutations that all other tests let pass. Each is held against a fresh recording.
"""

import re

import numpy as np
import pytest

from microgradrnn import Parameter, functional
from microgradrnn.program import REWRITES
from microgradrnn.program import compile as compile_graph
from tests.program.agreement import assert_agrees, every_set_of_rewrites
from tests.program.networks import as_input

with_all_rewrites_or_none = pytest.mark.parametrize("rewrites", [REWRITES, ()], ids=["all", "none"])
SIZE = 3


def normal(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


W, U = (Parameter(0.5 * normal(SIZE, SIZE, seed=seed), label) for seed, label in ((1, "W"), (2, "U")))


def sequence(T, N):
    """x, (T, N, SIZE)."""
    return as_input(normal(T, N, SIZE, seed=10 * T + N), "x")


def right_or_refused(record, recorded, others, rewrites):
    """A program agrees where it was recorded, and at other sizes too, or says that it does not take them."""
    program = compile_graph(*record(*recorded), rewrites=rewrites, sizes="free")
    assert_agrees(program, *record(*recorded))
    for sizes in others:
        loss, inputs = record(*sizes)
        try:
            assert_agrees(program, loss, inputs)
        except ValueError as error:
            assert re.search(r"axis \d must be \d, since", str(error))  # noqa: PT017
    return program


# ---- Starts ---------------------------------------------------------------------------------------------------------


@every_set_of_rewrites
@pytest.mark.parametrize("dtype", [np.bool_, np.int64, np.float32])
def test_a_start_of_a_narrower_type_does_not_narrow_the_states(dtype, rewrites):
    x, h = sequence(5, 2), as_input(np.ones((2, SIZE), dtype), "h_0")
    for t in range(5):
        h = (x[t] + h @ W).tanh()
    loss = (h * h).sum()
    assert_agrees(compile_graph(loss, [x], rewrites=rewrites), loss, [x])


@every_set_of_rewrites
def test_the_gradient_of_a_float32_start_of_float64_states_is_float32(rewrites):
    x, start = sequence(5, 2), Parameter(normal(2, SIZE, dtype=np.float32), "h_0")
    h = start
    for t in range(5):
        h = (x[t] + h @ W).tanh()
    loss = (h * h).sum()
    assert_agrees(compile_graph(loss, [x], rewrites=rewrites), loss, [x], tolerance=1e-6)  # some of it is float32


@every_set_of_rewrites
@pytest.mark.parametrize("shape", [(), (SIZE,), (1, SIZE), (2, 1)], ids=str)
def test_the_gradient_of_a_start_that_is_broadcast_has_its_shape(shape, rewrites):
    x, start = sequence(5, 2), Parameter(normal(*shape), "start")
    h = start
    for t in range(5):
        h = ((x[t] @ W).tanh() + h).sigmoid()
    loss = (h * h).sum()
    assert_agrees(compile_graph(loss, [x], rewrites=rewrites), loss, [x])


# ---- Sums -----------------------------------------------------------------------------------------------------------


@every_set_of_rewrites
def test_what_is_added_to_states_gets_a_gradient_of_its_own_shape_and_type(rewrites):
    x, h = sequence(5, 2), as_input(np.zeros((2, SIZE)), "h_0")
    row, narrow = Parameter(normal(SIZE), "row"), Parameter(normal(2, SIZE, dtype=np.float32), "narrow")
    states = []
    for t in range(5):
        h = (x[t] + h @ W).tanh()
        states.append(h)
    loss = (functional.add_n([row, *states, narrow]) ** 2).sum()
    assert_agrees(compile_graph(loss, [x], rewrites=rewrites), loss, [x], tolerance=1e-6)  # some of it is float32


# ---- Rows -----------------------------------------------------------------------------------------------------------


@every_set_of_rewrites
@pytest.mark.parametrize("step", [2, -2])
def test_every_second_row_of_a_sequence_that_wants_a_gradient(step, rewrites):
    x, h = Parameter(normal(10, 2, SIZE), "x"), as_input(np.zeros((2, SIZE)), "h_0")
    for t in range(10)[::step]:
        h = (x[t] @ U + h @ W).tanh()
    loss = (h * h).sum()
    assert_agrees(compile_graph(loss, rewrites=rewrites), loss, [])


@every_set_of_rewrites
def test_rows_of_what_the_first_step_made(rewrites):
    x, h, first = sequence(3, 3), as_input(normal(3, SIZE), "h_0"), None
    for t in range(3):
        made = (h @ W).tanh()
        first = made if first is None else first
        h = (h * first[t] + x[t] + made).sigmoid()
    loss = (h * h).sum()
    assert_agrees(compile_graph(loss, [x], rewrites=rewrites), loss, [x])


ROWS = [(-1, -1, -1, -1), (1, 1, 1, 1), (-1, 1), (1, -1), (1, 1, 0, 0), (1, 1, -1, -1), (-1, -1, 1, 1)]


@every_set_of_rewrites
@pytest.mark.parametrize("rows", ROWS, ids=str)
def test_the_last_row_of_a_state_by_either_number(rows, rewrites):
    def record(N):
        x, h = sequence(len(rows), N), as_input(normal(N, SIZE), "h_0")
        inputs = [x, h]
        for t, row in enumerate(rows):
            h = (x[t] + h @ W + h[row] @ U).tanh()
        return (h * h).sum(), inputs

    right_or_refused(record, (2,), [(3,), (4,)], rewrites)


@every_set_of_rewrites
def test_a_last_row_of_each_state_that_is_counted_from_the_end_leaves_the_size_free(rewrites):
    def record(N):
        x, h = sequence(4, N), as_input(normal(N, SIZE), "h_0")
        inputs = [x, h]
        for t in range(4):
            h = (x[t] + h @ W + h[-1] @ U).tanh()
        return (h * h).sum(), inputs

    program = compile_graph(*record(2), rewrites=rewrites, sizes="free")
    assert_agrees(program, *record(3))


@with_all_rewrites_or_none
@pytest.mark.parametrize("from_the_end", [2, 3])
def test_the_last_rows_of_a_sequence_counted_from_its_end(from_the_end, rewrites):
    def record(T):
        x, h = sequence(T, 2), as_input(np.zeros((2, SIZE)), "h_0")
        for t in range(5):
            h = (x[t if t < 5 - from_the_end else t - 5] + h @ W).tanh()
        return (h * h).sum(), [x]

    right_or_refused(record, (5,), [(6,), (8,)], rewrites)


@every_set_of_rewrites
def test_a_constant_is_no_first_entry_of_a_row(rewrites):
    x, h = sequence(4, 2), as_input(np.zeros(SIZE), "h_0")
    for t in range(4):
        h = ((x[t][0] if t < 2 else as_input(normal(SIZE, seed=t), "c")) + h @ W).tanh()
    loss = (h * h).sum()
    assert_agrees(compile_graph(loss, [x], rewrites=rewrites), loss, [x])


@every_set_of_rewrites
def test_an_entry_of_what_the_first_step_made(rewrites):
    x, h, first = sequence(3, 3), as_input(normal(3, SIZE), "h_0"), None
    for t in range(3):
        made = (h @ W).tanh()
        first = made if first is None else first
        h = (x[t] + made * first[0][1]).sigmoid()
    loss = (h * h).sum()
    assert_agrees(compile_graph(loss, [x], rewrites=rewrites), loss, [x])


# ---- States that are read after their loop --------------------------------------------------------------------------


def states_of(x, first=W):
    """The states of a loop over x; the first step may be another."""
    h, states = as_input(np.zeros((x.shape[1], SIZE)), "h_0"), []
    for t in range(len(x.data)):
        h = (x[t] + h @ (W if t else first)).tanh()
        states.append(h)
    return states


@with_all_rewrites_or_none
@pytest.mark.parametrize("part", ["[::2]", "[::-2]", "[1:]", "[-2::-1]", "[2:-1]"])
def test_a_loop_over_some_of_the_states_of_another(part, rewrites):
    x, g = sequence(7, 2), as_input(np.zeros((2, SIZE)), "g_0")
    for h in eval(f"states{part}", {"states": states_of(x)}):
        g = (h @ U + g).sigmoid()
    loss = (g * g).sum()
    assert_agrees(compile_graph(loss, [x], rewrites=rewrites), loss, [x])


def test_a_loop_over_all_states_from_the_last_has_no_step_beside_it():
    x, g = sequence(7, 2), as_input(np.zeros((2, SIZE)), "g_0")
    for h in reversed(states_of(x)):
        g = (h @ U + g).sigmoid()
    program = compile_graph((g * g).sum(), [x], rewrites=())
    assert program.source.count("@ U + ") == 1


AFTER = {
    "one of them": lambda states, k: states[k],
    "the first and another": lambda states, k: states[0] + states[k],
    "some as often as there are steps": lambda states, k: functional.add_n([states[k] for _ in states]),
    "a stack of a weight as often as there are steps": lambda states, k: functional.stack([W for _ in states]),
    "the mean of a stack with the start": lambda states, k: functional.stack([W[:1], *states]).mean(axis=0),
}


@with_all_rewrites_or_none
@pytest.mark.parametrize("k", [0, 1, -2, -1])
@pytest.mark.parametrize("first", [W, U], ids=["as the others", "apart"])
@pytest.mark.parametrize("after", AFTER)
def test_what_is_read_of_states_after_their_loop_is_right_at_other_lengths_or_fixes_them(after, first, k, rewrites):
    def record(T):
        x = sequence(T, 1)
        read = AFTER[after](states_of(x, first), k)
        return (read * read).sum() + states_of(x)[-1].sum(), [x]

    right_or_refused(record, (5,), [(4,), (7,)], rewrites)


# ---- Sizes ----------------------------------------------------------------------------------------------------------


@with_all_rewrites_or_none
def test_a_start_is_as_large_as_the_states_after_it_that_do_not_read_it(rewrites):
    def record(N, M):
        x, h = sequence(5, N), as_input(normal(M, SIZE), "h_0")
        inputs, loss = [x, h], 0.0
        for t in range(5):
            loss = loss + (h @ W).tanh().sum()
            h = (x[t] @ U).tanh()
        return loss + h.sum(), inputs

    right_or_refused(record, (2, 2), [(3, 3), (2, 3), (3, 2)], rewrites)


@with_all_rewrites_or_none
def test_steps_that_read_no_row_are_as_many_as_were_recorded_with_the_first_and_last_apart(rewrites):
    def record(T):
        x = sequence(T, 2)
        h = x.mean(axis=0)
        for t in range(T):
            h = (h @ (W if 0 < t < T - 1 else U)).tanh()
        return (h * h).sum(), [x]

    right_or_refused(record, (6,), [(5,), (8,)], rewrites)


def test_three_steps_of_their_own_leave_six_rows_free():
    def record(T):
        x = sequence(T, 2)
        h = x.mean(axis=0)
        for _ in range(3):
            h = (h @ W).tanh()
        return (h * h).sum(), [x]

    program = compile_graph(*record(6), sizes="free")
    assert "for t in range(3)" in program.source
    assert_agrees(program, *record(9))


@with_all_rewrites_or_none
def test_a_constant_of_one_row_that_meets_no_input_may_have_a_row_for_each_sequence(rewrites):
    def record(N):
        x = sequence(3, N)
        ones = as_input(np.ones((N, SIZE)), "ones")
        return (states_of(x)[-1]).sum() + (ones @ W).sum(), [x]

    right_or_refused(record, (1,), [(3,)], rewrites)


# ---- Constants ------------------------------------------------------------------------------------------------------


@every_set_of_rewrites
@pytest.mark.parametrize("numbers", [lambda t: np.full(SIZE, 0.3), lambda t: 0.3 + np.full(SIZE, 0.1 * t)])
@pytest.mark.parametrize("at", [0, 2])
def test_a_weight_among_the_constants_of_other_steps_is_none_of_them(numbers, at, rewrites):
    x, weight = sequence(4, 2), Parameter(numbers(at))
    h = Parameter(normal(2, SIZE), "h_0")
    for t in range(4):
        h = (x[t] + (h @ W) * (weight if t == at else numbers(t))).tanh()
    loss = (h * h).sum()
    assert_agrees(compile_graph(loss, [x], rewrites=rewrites), loss, [x])


@every_set_of_rewrites
@pytest.mark.parametrize("other", [0.5, normal(1, SIZE)], ids=["number", "row"])
@pytest.mark.parametrize("at", [0, 2])
def test_constants_that_broadcast_to_one_shape(at, other, rewrites):
    x, h = sequence(4, 2), Parameter(normal(2, SIZE), "h_0")
    for t in range(4):
        h = (x[t] + h @ W * (other if t == at else np.full(SIZE, 0.5))).tanh()
    loss = (h * h).sum()
    assert_agrees(compile_graph(loss, [x], rewrites=rewrites), loss, [x])


@every_set_of_rewrites
@pytest.mark.parametrize("alike", [True, False])
def test_inputs_that_are_given_one_by_one_are_given_anew(alike, rewrites):
    def record(seed):
        given = [as_input(normal(2, SIZE, seed=0 if alike and not seed else seed + t), f"x_{t}") for t in range(4)]
        h = as_input(np.zeros((2, SIZE)), "h_0")
        for x in given:
            h = (x + h @ W).tanh()
        return (h * h).sum(), given

    program = compile_graph(*record(0), rewrites=rewrites)
    assert_agrees(program, *record(0))
    assert_agrees(program, *record(7))


@every_set_of_rewrites
@pytest.mark.parametrize("others", [[1, 1, 1, 1], [0, 1, 0, 1]], ids=["equal", "different"])
@pytest.mark.parametrize("at", [0, 3])
def test_a_mask_is_not_taken_for_numbers_of_rows(at, others, rewrites):
    x, h = sequence(4, 2), Parameter(normal(2, SIZE), "h_0")
    for t in range(4):
        rows = np.array([True, True]) if t == at else np.array([1, others[t]])
        h = (x[t] + h[rows] @ W).tanh()
    loss = (h * h).sum()
    assert_agrees(compile_graph(loss, [x], rewrites=rewrites), loss, [x])
