"""What steps compute, computed for all of them at once: the rules of `microgradrnn.program.all_steps`.

All sizes are 3, so that an axis taken for another shows in the numbers, and not in an error.
"""

import numpy as np
import pytest

from microgradrnn import Op, Tensor, functional, record
from microgradrnn.program import compile as compile_graph
from tests.op_cases import every_op, example
from tests.program.agreement import assert_agrees
from tests.program.test_loop_conditions import right_at_other_numbers

SIZE = 3


def each_step(step, at_once=True, power=2):
    """A loop without a state: the loss is the sum of the squares of what each step makes; at best no loop is left."""

    def recorded(numbers):
        one_step = step(numbers)
        return functional.add_n([(one_step(t) ** power).sum() for t in range(SIZE)])

    program = right_at_other_numbers(recorded, tolerance=1e-11)
    assert ("for t in" in program.source) is not at_once


NDIMS = [(1, 1), (1, 2), (2, 1), (2, 2), (3, 2), (2, 3), (3, 3), (1, 3), (3, 1)]


@pytest.mark.parametrize("ndims", NDIMS, ids=str)
@pytest.mark.parametrize("moving", ["both", "left", "right"])
def test_a_product(ndims, moving):
    at_once = {"both": ndims in ((2, 2), (3, 3)), "left": ndims[1] <= 2, "right": ndims[1] == 2 and ndims[0] <= 2}

    def step(numbers):
        left, right = (numbers.weight("AB"[k] * (k + 1), *[SIZE] * (1 + ndims[k])).sin() for k in range(2))
        return lambda t: left[t if moving != "right" else 0] @ right[t if moving != "left" else 0]

    each_step(step, at_once[moving])


@pytest.mark.parametrize("beside", ["nothing", "its squares", "its products with a weight"])
@pytest.mark.parametrize("key", [np.s_[:, 1:], np.s_[..., 0], np.s_[1]], ids=str)
def test_the_gradient_of_a_part(key, beside):
    def step(numbers):
        W, x, v = numbers.weight("W", SIZE, SIZE), numbers.given("x", SIZE, SIZE, SIZE), numbers.weight("v", SIZE)

        def one_step(t):
            y = x[t] @ W
            other = {"nothing": 0.0, "its squares": (y * y).sum(), "its products with a weight": (y * v).sum()}
            return (y[key] ** 2).sum() + other[beside]

        return one_step

    each_step(step, power=1)


@pytest.mark.parametrize("moving", ["both", "classes", "scores"])
def test_one_class_of_each_row(moving):
    def step(numbers):
        W, x = numbers.weight("W", SIZE, SIZE), numbers.given("x", SIZE, SIZE, SIZE)
        classes = numbers.classes("classes", SIZE, SIZE)
        rows = [0, 1, 2] if moving != "classes" else [0, 0, 0]
        return lambda t: functional.cross_entropy(x[rows[t]] @ W, classes[t if moving != "scores" else 0])

    each_step(step, moving == "both")


@pytest.mark.parametrize("moving", ["both", "places", "rows"])
@pytest.mark.parametrize("axis", [0, 1])
def test_rows_or_columns_that_are_looked_up(axis, moving):
    def step(numbers):
        W, x = numbers.weight("W", SIZE, SIZE), numbers.given("x", SIZE, SIZE, SIZE)
        places, table = numbers.classes("places", SIZE, SIZE), x[0] @ W

        def one_step(t):
            rows = x[t] @ W if moving != "places" else table
            found = places[t if moving != "rows" else 0]
            return rows[found] if axis == 0 else rows[:, found]

        return one_step

    each_step(step, moving == "places" and axis == 0)


def test_side_by_side_with_what_is_the_same_in_all_steps():
    def step(numbers):
        W, b, x = numbers.weight("W", SIZE, SIZE), numbers.weight("b", SIZE, SIZE), numbers.given("x", *[SIZE] * 3)
        return lambda t: functional.concat([x[t] @ W, b], axis=1) @ functional.concat([W, b], axis=0)

    each_step(step)


OWN = Op(
    name="own",
    symbol="own",
    latex="own",
    rule="scales",
    forward=lambda xp, x, y: x * y + xp.tanh(x),
    local=(lambda xp, z, x, y: y + 1 - xp.tanh(x) ** 2, lambda xp, z, x, y: x),
)


@pytest.mark.parametrize("ndim", [0, 1, 2])
def test_a_function_of_the_programs_own(ndim):
    def step(numbers):
        W, b, x = (
            numbers.weight("W", SIZE, SIZE),
            numbers.weight("b", SIZE, *[SIZE] * ndim),
            numbers.given("x", *[SIZE] * 3),
        )
        return lambda t: record(OWN, x[t] @ W, b[t])

    each_step(step)


def test_the_same_in_another_type():
    def step(numbers):
        W, x = numbers.weight("W", SIZE, SIZE, dtype=np.float32), numbers.given("x", SIZE, SIZE, SIZE)
        narrow = numbers.given("narrow", SIZE, SIZE, SIZE, dtype=np.float32)
        return lambda t: (narrow[t] @ W) * x[t]

    def recorded(numbers):
        one_step = step(numbers)
        return sum(((one_step(t) ** 2).sum() for t in range(SIZE)), start=0.0)

    right_at_other_numbers(recorded, tolerance=1e-5)


@pytest.mark.parametrize("handed_on", ["what is read", "states"])
def test_two_that_are_computed_alike_and_start_apart(handed_on):
    def recorded(numbers):
        W, x = numbers.weight("W", SIZE, SIZE), numbers.given("x", SIZE, SIZE, SIZE)
        a, b, loss = numbers.given("a", SIZE, SIZE), numbers.given("b", SIZE, SIZE), 0.0
        for t in range(SIZE):
            made = a * b.sin()
            more = made if handed_on == "states" else x[t]
            a, b = (x[t] * more) @ W, (x[t] * more) @ W
            loss = loss + (made * made).sum()
        return loss + (a * b).sum()

    right_at_other_numbers(recorded, tolerance=1e-11)


@every_op
@pytest.mark.parametrize("moving", ["all", "the first"])
def test_every_op_of_what_differs_from_step_to_step(op, moving):
    call = example(op)

    def recorded(shift):
        """Each step has the numbers of the one before, moved by a place; ``shift`` moves all."""
        inputs, steps = [], []
        for slot, array in enumerate(call.arrays):
            moved = [np.roll(array, t + shift).reshape(array.shape) for t in range(SIZE)]
            is_moved = moving == "all" or slot == 0
            inputs.append(Tensor(np.stack(moved) if is_moved else moved[0], f"x{slot}"))
            steps.append(list(inputs[-1]) if is_moved else [inputs[-1]] * SIZE)
        made = [call.apply(*xs) for xs in zip(*steps, strict=True)]
        weights = np.random.default_rng(0).normal(size=made[0].shape)
        return functional.add_n([(z * weights).sum() for z in made]), inputs

    loss, inputs = recorded(0)
    if loss.requires_grad:
        with np.errstate(all="ignore"):
            assert_agrees(compile_graph(loss, inputs), *recorded(1), tolerance=1e-10)
