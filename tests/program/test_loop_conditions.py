"""Graphs that meet one condition of the search for loops each: without it, steps that differ would be taken for alike.

Each is held against a fresh recording of other numbers, since numbers that are equal may hide that places are not.
"""

import numpy as np
import pytest

from microgradrnn import Parameter, functional
from microgradrnn.backprop import gradients
from microgradrnn.program import REWRITES
from microgradrnn.program import compile as compile_graph
from tests.program.agreement import array_of, close, every_set_of_rewrites
from tests.program.networks import as_input

SIZE, T = 3, 4


def normal(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


class Numbers:
    """Leaves of other numbers for each seed: weights, and inputs, which are listed."""

    def __init__(self, seed):
        self.seed, self.inputs = seed, []

    def weight(self, label, *shape, dtype=np.float64):
        return Parameter(0.5 * normal(*shape, dtype=dtype, seed=self.seed + len(label)), label)

    def given(self, label, *shape, dtype=np.float64):
        self.inputs.append(as_input(normal(*shape, dtype=dtype, seed=self.seed + 10 + len(self.inputs)), label))
        return self.inputs[-1]

    def classes(self, label, *shape):
        found = np.random.default_rng(self.seed).integers(SIZE, size=shape)
        self.inputs.append(as_input(found, label))
        return self.inputs[-1]


def right_at_other_numbers(record, rewrites=REWRITES, tolerance=1e-12):
    """The program of one recording gives the loss and gradients of another, with its numbers."""
    numbers, others = Numbers(100), Numbers(200)
    program = compile_graph(record(numbers), numbers.inputs, rewrites=rewrites)
    loss = record(others)
    grads = gradients(loss)
    leaves = {leaf.label: leaf for leaf in grads if leaf.op is None}
    weights = [leaves[name].data for name in program.parameters]
    found = program.unchecked([array_of(x) for x in others.inputs], weights)
    close(found.value, loss.data, tolerance)
    for name in program.parameters:
        assert found.grads[name].dtype == leaves[name].dtype
        close(found.grads[name], grads[leaves[name]], tolerance, name)
    return program


def test_a_first_step_that_reads_a_start_where_the_others_read_what_they_have_just_made():
    def record(numbers):
        W, x, start = numbers.weight("W", SIZE, SIZE), numbers.given("x", T, 2, SIZE), numbers.given("start", 2, SIZE)
        states = []
        for t in range(T):
            made = x[t] @ W
            states.append((made * (start if t == 0 else made)).tanh())
        return functional.stack(states).sum()

    right_at_other_numbers(record)


@pytest.mark.parametrize("which", range(2))
def test_rows_of_what_a_node_of_the_first_step_made(which):
    def record(numbers):
        W, x, h = numbers.weight("W", SIZE, SIZE), numbers.given("x", T, 2, SIZE), numbers.given("h_0", T, SIZE)
        made = []
        for t in range(T):
            made += [h @ W]
            made += [made[-1].tanh()]
            h = (h * made[which][t] + x[t][0] + made[-1]).sigmoid()
        return (h * h).sum()

    right_at_other_numbers(record)


@pytest.mark.parametrize("step", range(T))
@pytest.mark.parametrize("kind", ["weight", "input"])
@pytest.mark.parametrize("shape", [(), (SIZE,)], ids=["number", "array"])
@pytest.mark.parametrize("others", ["one constant", "a constant a step"])
def test_a_leaf_of_one_step_whose_numbers_are_those_of_the_others_constants(step, kind, shape, others):
    """As a gain that starts at 1 is."""

    def record(numbers):
        W, x, h = numbers.weight("W", SIZE, SIZE), numbers.given("x", T, 2, SIZE), numbers.given("h_0", 2, SIZE)
        gain = numbers.weight("gain", *shape) if kind == "weight" else numbers.given("gain", *shape)
        gain._data[...] = 1.0 if numbers.seed == 100 else 2.0
        for t in range(T):
            constant = np.ones(shape) if others == "one constant" else np.full(shape, 1.0 + (t - step))
            h = ((x[t] + h @ W) * (gain if t == step else constant)).tanh()
        return h.sum()

    right_at_other_numbers(record)


@every_set_of_rewrites
@pytest.mark.parametrize("lengths", [(4, 5), (5, 4)], ids=str)
def test_what_each_step_computes_of_the_same_is_no_row_of_the_first_loop_that_does(lengths, rewrites):
    """The second loop read it from the first one's rows, of which there may be fewer."""

    def record(numbers):
        W, x, losses = numbers.weight("W", SIZE, SIZE), numbers.given("x", 2, SIZE), []
        for length in lengths:
            steps = [((x @ W) ** 2).sum(axis=1) for _ in range(length)]
            sums = [step.sum() for step in steps]
            losses.append(sum(sums[1:], start=sums[0]))
        return losses[0] * losses[1]

    right_at_other_numbers(record, rewrites)


@every_set_of_rewrites
def test_rows_that_are_one_row_over_and_over(rewrites):
    def record(numbers):
        W, x, h = numbers.weight("W", SIZE, SIZE), numbers.given("x", T, SIZE), numbers.given("h_0", SIZE)
        b = numbers.weight("b", SIZE).expand(T, SIZE)
        for t in range(T):
            h = (x[t] @ W + h * b[t].sin()).tanh()
        for t in reversed(range(T)):
            h = (x[t] @ W - h * b[t].sin()).tanh()
        return h.sum() + b[1].sin().sum()

    right_at_other_numbers(record, rewrites)
