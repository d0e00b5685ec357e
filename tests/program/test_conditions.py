"""Graphs that meet one condition of a pass each: without that condition, the program of one of them is wrong.

They were written for single-line mutations that all other tests let pass. Each is held against a fresh recording.
"""

import re

import numpy as np
import pytest

from microgradrnn import Parameter, functional
from microgradrnn.program import compile as compile_graph
from tests.program.agreement import assert_agrees, every_set_of_rewrites
from tests.program.networks import as_input

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


@every_set_of_rewrites
@pytest.mark.parametrize("rows", [(-1, -1, -1, -1), (1, 1, 1, 1), (-1, 1), (1, -1)], ids=str)
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


# ---- Constants ------------------------------------------------------------------------------------------------------


@every_set_of_rewrites
def test_a_weight_that_holds_what_constants_of_other_steps_hold_is_none_of_them(rewrites):
    x, weight = sequence(4, 2), Parameter(np.full(SIZE, 0.3))
    h = Parameter(normal(2, SIZE), "h_0")
    for t in range(4):
        h = (x[t] + (h @ W) * (weight if t == 0 else np.full(SIZE, 0.3))).tanh()
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
def test_a_mask_is_not_taken_for_numbers_of_rows_that_equal_it(rewrites):
    x, h = sequence(4, 2), Parameter(normal(2, SIZE), "h_0")
    for t in range(4):
        rows = np.array([True, True]) if t == 0 else np.array([1, 1])
        h = (x[t] + h[rows] @ W).tanh()
    loss = (h * h).sum()
    assert_agrees(compile_graph(loss, [x], rewrites=rewrites), loss, [x])
