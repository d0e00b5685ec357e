"""Graphs that programs once got wrong, found by people and programs that set out to: each against a fresh recording."""

from dataclasses import replace
from functools import reduce

import numpy as np
import pytest

from microgradrnn import Op, Parameter, Tensor, functional, record
from microgradrnn.backprop import gradients
from microgradrnn.program import REWRITES
from microgradrnn.program import compile as compile_graph
from tests.program.agreement import assert_agrees, close, every_set_of_rewrites
from tests.program.networks import as_input


def normal(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def weight(*shape, label="W", dtype=np.float64):
    return Parameter(0.3 * normal(*shape, dtype=dtype, seed=len(label) + sum(shape)), label)


# ---- What is handed out is the caller's -----------------------------------------------------------------------------


def test_an_output_that_was_added_to_on_a_kept_product_stays_as_it_is():
    x, W, b = as_input(normal(100, 8, 50), "x"), weight(50, 60), weight(60, label="b")
    y = x @ W + b
    program = compile_graph((y * y).sum(), [x], outputs=[y])
    (first,) = program.run(x.data).outputs
    program.run(-x.data)
    close(first, y.data)


def test_an_output_of_a_source_that_runs_alone_stays_as_it_is():
    """A `Program` copies what lies on an array that is kept; who runs its file has no such door."""
    x, W, b = as_input(normal(100, 8, 50), "x"), weight(50, 60), weight(60, label="b")
    y = x @ W + b
    namespace = {}
    exec(compile_graph((y * y).sum(), [x], outputs=[y]).source, namespace)
    _, _, (first,) = namespace["forward_backward"](x.data, W.data, b.data)
    namespace["forward_backward"](-x.data, W.data, b.data)
    close(first, y.data)


@pytest.mark.parametrize("seen", [lambda y: y, lambda y: y.reshape(800, 60)], ids=["itself", "reshaped"])
def test_a_kept_product_and_the_gradient_of_what_it_was_made_of_stay_as_they_are(seen):
    x, W = Tensor(normal(100, 8, 50), "x"), weight(50, 60)
    y = x @ W
    loss = (y * y).sum()
    program = compile_graph(loss, [x], outputs=[seen(y)])
    first = program.run(x.data)
    program.run(-3.0 * x.data)
    close(first.outputs[0], seen(y).data)
    close(first.grads["x"], gradients(loss)[x])


def test_an_output_in_a_kept_array_stays_as_it_is():
    x, w = as_input(normal(100, 200), "x"), weight(200, label="w")
    y = (x * w) * 2.0 + 1.0
    program = compile_graph((y * y).sum(), [x], outputs=[y])
    (first,) = program.run(x.data).outputs
    program.run(-x.data)
    close(first, y.data)


def test_a_loss_that_is_a_row_of_a_loops_array_stays_as_it_is():
    x, W, h = as_input(normal(5, 1, 1), "x"), weight(1, 1), as_input(np.zeros((1, 1)), "h_0")
    inputs = [x, h]
    for t in range(5):
        h = (x[t] + h @ W).tanh()
    program = compile_graph(h, inputs)
    first = program.run(*(leaf.data for leaf in inputs)).value
    program.run(-x.data, inputs[1].data)
    close(first, h.data)


def test_a_gradient_that_is_a_constant_can_be_written_to():
    w, c = weight(5, 6, label="w"), normal(5, 6)
    program = compile_graph((w * c).sum())
    program()[1]["w"][...] = 0.0
    close(program()[1]["w"], c)


def test_two_gradients_that_are_equal_are_two_arrays():
    a, b = Parameter(np.ones((2, 3)), "a"), Parameter(np.ones((2, 3)), "b")
    grads = compile_graph(((a + b) ** 2).sum())()[1]
    grads["a"][...] = 0.0
    close(grads["b"], np.full((2, 3), 4.0))


# ---- Types and sizes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [np.arange(100 * 8 * 50).reshape(100, 8, 50) % 5, normal(100, 8, 50, dtype=np.float32)])
def test_a_large_product_of_two_types_has_the_wider_one(x):
    x = as_input(x, "x")
    y = x @ weight(50, 60)
    loss = (y * y).sum()
    assert_agrees(compile_graph(loss, [x]), loss, [x])


@pytest.mark.parametrize(("rows", "columns"), [((3, 2, 0), (0, 4)), ((3, 2, 5), (5, 0)), ((0, 2, 5), (5, 4))], ids=str)
def test_a_stack_of_empty_matrices_is_multiplied(rows, columns):
    x, b = as_input(np.ones(rows), "x"), Parameter(np.ones(1), "b")
    y = x @ Parameter(np.ones(columns), "W") + b
    loss = (y * y).sum() + (b * b).sum()
    assert_agrees(compile_graph(loss, [x]), loss, [x])


@pytest.mark.parametrize("size", [3, 200], ids=["small", "large"])
def test_a_float64_number_beside_float32_arrays_makes_float64(size):
    w = weight(size, size, label="w", dtype=np.float32)
    y = functional.maximum(w, Tensor(np.array(0.14206736605018533), requires_grad=False))
    loss = (y * y * 1.5).sum()
    assert loss.dtype == np.float64
    assert_agrees(compile_graph(loss), loss, [], tolerance=1e-6)
    close(compile_graph(loss)()[0], loss.data)


@every_set_of_rewrites
def test_a_sum_at_each_step_leaves_float32_as_it_is(rewrites):
    x, W = as_input(normal(5, 2, 3, dtype=np.float32), "x"), weight(3, 3, dtype=np.float32)
    v = weight(3, label="v", dtype=np.float32)
    h, losses = as_input(np.zeros((2, 3), np.float32), "h_0"), 0.0
    for t in range(5):
        h = ((h * v + x[t]) @ W).tanh() @ W
        losses = losses + h.sum()
    assert_agrees(compile_graph(losses, [x], rewrites=rewrites), losses, [x], tolerance=1e-5)


def test_without_gather_a_products_row_has_its_type():
    x, W = as_input(normal(5, 2, 3, dtype=np.float32), "x"), weight(3, 3, dtype=np.float32)
    v = weight(3, label="v", dtype=np.float32)
    h, losses = as_input(np.zeros((2, 3), np.float32), "h_0"), 0.0
    for t in range(5):
        h = ((h * v + x[t]) @ W).tanh()
        losses = losses + (h * h).sum()
    program = compile_graph(losses, [x], rewrites=set(REWRITES) - {"gather"})
    assert_agrees(program, losses, [x], tolerance=1e-5)


def test_an_output_that_is_a_number_has_its_type():
    s, two = Parameter(np.array(0.5, np.float32), "s"), Tensor(np.array(2.0, np.float32), requires_grad=False)
    result = compile_graph(s * 2.0, outputs=[two * 3.0]).run()
    assert [np.asarray(x).dtype for x in (*result.outputs, *result.grads.values())] == [np.float32, np.float32]
    assert (result.outputs[0], result.grads["s"]) == (6.0, 2.0)


def test_a_number_stacked_beside_float32_leaves_it_as_it_is():
    w = Parameter(np.array(0.5, np.float32), "w")
    loss = (functional.stack([w, Tensor(np.array(2.0, np.float32), requires_grad=False)]) ** 2).sum()
    assert_agrees(compile_graph(loss), loss, [], tolerance=1e-6)


def test_a_mean_over_constant_classes_leaves_float32_as_it_is():
    w = weight(200, 100, label="w", dtype=np.float32)
    mean = functional.cross_entropy(w, np.zeros(200, int))  # an array of one number, as large as what it meets
    larger = functional.maximum(mean, w)
    loss = (larger * larger).sum()
    result = compile_graph(loss, outputs=[larger.transpose()]).run()
    assert result.outputs[0].dtype == np.float32
    close(result.outputs[0], larger.data.T, 1e-6)


# ---- Loops ----------------------------------------------------------------------------------------------------------


@every_set_of_rewrites
def test_two_loops_over_steps_of_many_numbers_do_not_read_each_others_variables(rewrites):
    """What both need and is cheap each computes for itself."""
    T, N, H = 12, 64, 64
    x, W = as_input(normal(T, N, H), "x"), weight(H, H)
    h, b, states = as_input(np.zeros((N, H)), "h_0"), as_input(np.full((N, H), 0.1), "b_0"), []
    for t in range(T):
        h = (x[t] + h @ W).tanh()
        b = (b + h).tanh()
        states.append(b)
    y = functional.stack(states)
    loss = (y * y).sum() + (h * h).sum()
    assert_agrees(compile_graph(loss, [x], rewrites=rewrites), loss, [x], tolerance=1e-10)


@every_set_of_rewrites
def test_a_start_that_wants_a_gradient_gets_it_where_the_states_after_it_want_none(rewrites):
    x, W, b = as_input(normal(5, 2, 3), "x"), weight(3, 3), weight(3, label="b")
    h, read = as_input(normal(2, 3), "h_0") * b, []
    for t in range(5):
        read.append((h @ W).tanh())
        h = x[t] * 2.0
    y = functional.stack(read)
    loss = (y * y).sum()
    assert_agrees(compile_graph(loss, [x], rewrites=rewrites), loss, [x])


@every_set_of_rewrites
def test_what_each_step_gets_and_all_steps_together_get_is_both_there(rewrites):
    """The gradient of x_t, and of what is added to each x_t: one expression, once for each step and once as a sum."""
    x, b, W = Tensor(normal(5, 2, 3), "x"), weight(2, 3, label="b"), weight(3, 3)
    h = as_input(np.zeros((2, 3)), "h_0")
    for t in range(5):
        h = ((x[t] + b).sigmoid() + h @ W).tanh()
    loss = (h * h).sum()
    assert_agrees(compile_graph(loss, [x], rewrites=rewrites), loss, [x])


@every_set_of_rewrites
def test_two_states_whose_gradients_are_handed_back_alike_but_start_apart_are_two(rewrites):
    x, W, v = Tensor(normal(5, 2, 3), "x"), weight(3, 3), weight(3, label="v")
    h, g = as_input(normal(2, 3), "h_0"), as_input(normal(2, 3, seed=1), "g_0")
    for t in range(5):
        z = x[t] @ W + h + g
        h, g = z.tanh(), z * 0.5 + x[t] * v
    loss = (h * h).sum() + 3.0 * g.sum()
    assert_agrees(compile_graph(loss, [x], rewrites=rewrites), loss, [x])


@every_set_of_rewrites
def test_the_last_row_gets_its_gradient_at_any_length(rewrites):
    W, V = weight(3, 3), weight(3, 3, label="V")

    def record(T):
        x = Tensor(normal(T, 2, 3, seed=T), "x")
        h = (x[-1] @ V).sigmoid()
        for t in reversed(range(T - 1)):
            h = (x[t] + h @ W).tanh()
        return (h * h).sum(), [x]

    program = compile_graph(*record(6), rewrites=rewrites, sizes="free")
    for T in (6, 9):
        assert_agrees(program, *record(T))


@pytest.mark.parametrize("shape", [(1, 3), (2, 1)], ids=str)
@every_set_of_rewrites
def test_a_bias_of_one_row_or_one_column_keeps_its_shape(shape, rewrites):
    x, W, b = as_input(normal(5, 2, 3), "x"), weight(3, 3), weight(*shape, label="b")
    h = as_input(np.zeros((2, 3)), "h_0")
    for t in range(5):
        h = (x[t] + h @ W + b).tanh()
    loss = (h * h).sum()
    assert_agrees(compile_graph(loss, [x], rewrites=rewrites), loss, [x])


@pytest.mark.parametrize("join", [lambda read: functional.stack(read[::-1]), lambda read: read[0] + read[1] + read[2]])
def test_where_all_of_three_steps_are_read_one_by_one_there_must_be_three(join):
    """The first stands alone; of the two that make a loop one is its first and one its last, and they were all."""
    W = weight(3, 3)

    def record(T):
        x = as_input(normal(T, 2, 3, seed=T), "x")
        h, read = None, []
        for t in range(T):
            h = (x[t] if h is None else x[t] + h @ W).tanh()
            read.append((h * h).sum())
        return join(read).sum(), [x]

    loss, inputs = record(3)
    program = compile_graph(loss, inputs, sizes="free")
    assert_agrees(program, loss, inputs)
    with pytest.raises(ValueError, match="axis 0 must be 3, since"):
        program(record(5)[1][0].data)


@every_set_of_rewrites
def test_columns_that_each_step_picks_add_up(rewrites):
    """As the sum of the steps where it is not gathered, each step adding into some columns."""
    x, W = as_input(normal(5, 2, 3), "x"), weight(3, 3)
    h = as_input(np.zeros((2, 3)), "h_0")
    for t in range(5):
        h = (x[t] + h @ W[:, np.array([2, 0, 0])]).tanh()
    loss = (h * h).sum()
    assert_agrees(compile_graph(loss, [x], rewrites=rewrites), loss, [x])


# ---- Numbers of Python among float32 --------------------------------------------------------------------------------


def test_upstreams_that_turn_out_to_be_numbers_stay_float32():
    """A state that adds up losses is sent 1 at each step, and a mean's part of that is 1 / (N * 5)."""
    x, W, U, V = (
        as_input(normal(6, 3, 3, dtype=np.float32), "x"),
        *(
            weight(*shape, label=label, dtype=np.float32)
            for shape, label in [((3, 4), "W"), ((4, 4), "U"), ((4, 5), "V")]
        ),
    )
    h, loss = as_input(np.zeros((3, 4), np.float32), "h_0"), None
    for t in range(6):
        h = (x[t] @ W + h @ U).tanh()
        y = h @ V
        each = ((y - functional.softmax(y)) ** 2).sum() + y.mean()
        loss = each if loss is None else loss + each
    assert_agrees(compile_graph(loss, [x]), loss, [x], tolerance=1e-5)


def test_a_factor_that_is_one_in_some_steps_alone():
    x, W, U = as_input(normal(7, 3, 3), "x"), weight(3, 4), weight(4, 4, label="U")
    targets, h, hs = as_input(np.arange(21).reshape(7, 3) % 4, "targets"), as_input(np.zeros((3, 4)), "h_0"), []
    for t in range(7):
        h = (x[t] @ W + h @ U).tanh() + (hs[-2] * 0.5 if t > 1 else 0.0)
        hs.append(h)
    losses = [
        functional.cross_entropy(h + hs[-1], targets[t], reduction="sum") * min(1.0, (t + 1) / 3)
        for t, h in enumerate(hs)
    ]
    loss = sum(losses, start=0.0)
    assert_agrees(compile_graph(loss, [x, targets]), loss, [x, targets])


ADDED_UP = {
    "the mean of a list": lambda losses: functional.stack(losses).mean(),
    "discounted": lambda losses: reduce(lambda total, L: total * 0.9 + L, losses, 0.0),
    "squashed": lambda losses: reduce(lambda total, L: ((total + L) * 0.3).tanh(), losses, 0.0),
}


@every_set_of_rewrites
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("add_up", ADDED_UP.values(), ids=ADDED_UP)
def test_losses_of_classes_are_sent_numbers_that_have_a_type_and_axes(add_up, dtype, rewrites):
    """Of 1 / T, and of 0.9 times a number that starts at 1.0, ``[..., None]`` is no Python, and a stack is float64."""
    x, W = as_input(normal(5, 2, 3, dtype=dtype), "x"), weight(3, 3, dtype=dtype)
    h, losses = as_input(np.zeros((2, 3), dtype), "h_0"), []
    for t in range(5):
        h = (x[t] + h @ W).tanh()
        losses.append(functional.cross_entropy(h, [t % 3, 1], reduction="sum"))
    loss = add_up(losses)
    assert_agrees(compile_graph(loss, [x], rewrites=rewrites), loss, [x], tolerance=1e4 * np.finfo(dtype).eps)


@every_set_of_rewrites
def test_a_number_that_each_step_multiplies_a_state_with_keeps_its_type(rewrites):
    x, W, level = as_input(normal(5, 2, 3, dtype=np.float32), "x"), weight(3, 3, dtype=np.float32), 0.0
    h = as_input(np.zeros((2, 3), np.float32), "h_0")
    for t in range(5):
        h = (x[t] + h @ W).tanh()
        level = ((h * h).sum() + level).tanh()
        h = h * level
    assert_agrees(compile_graph(level, [x], rewrites=rewrites), level, [x], tolerance=1e-5)


@every_set_of_rewrites
def test_a_number_that_changes_from_step_to_step_takes_the_type_of_what_it_meets(rewrites):
    x, W = as_input(normal(6, 2, 3, dtype=np.float32), "x"), weight(3, 3, dtype=np.float32)
    h = as_input(np.zeros((2, 3), np.float32), "h_0")
    for t in range(6):
        h = (x[t] + (h @ W) * 0.9**t).tanh()
    loss = (h * h).sum()
    assert_agrees(compile_graph(loss, [x], rewrites=rewrites), loss, [x], tolerance=1e-5)


@pytest.mark.parametrize("ndim", range(4))
def test_a_number_in_another_shape(ndim):
    W = weight(2, 3)
    loss = (W.sum().reshape((1,) * ndim) * W).sum()
    assert_agrees(compile_graph(loss), loss, [])


def test_an_index_that_names_nothing_is_written_as_an_empty_tuple():
    """``dx[] += ...`` was no Python. The loss is the sum of x², whose gradient is 2 x."""
    x = Tensor([1.0, 2.0], label="x")
    value, grads = compile_graph((x[()] * x).sum(), [x])([1.0, 3.0])
    assert value == 10.0
    assert grads["x"].tolist() == [2.0, 6.0]


# ---- Functions that a program defines -------------------------------------------------------------------------------

OWN = Op(name="own", symbol="own", latex="x", rule="scales: x", forward=lambda xp, x: x, local=(1.0,))


def squared_erf(xp, x):
    e = xp.erf(xp.exp(x))
    return e * e + xp.exp(x)


@pytest.mark.parametrize(
    "forward",
    [
        lambda xp, x: xp.erf(x) + xp.exp(x),
        squared_erf,
        lambda xp, x: abs(x),
        lambda xp, x: xp.copysign(1.0, (-0.0) ** x),
        lambda xp, x: xp.exp(x) - ((-2.0) ** x),
    ],
    ids=["a helper that nothing else calls", "a line called as a helper", "abs", "minus zero", "minus two"],
)
def test_a_users_op_is_written_as_it_computes(forward):
    """A sign before a number holds less tightly than a power: -0.0 ** x would be minus a power."""
    x = Parameter([2.0, 4.0], "x")
    loss = record(replace(OWN, forward=forward), x).sum()
    value, grads = compile_graph(loss, [x])(x.data)
    assert value == loss.data
    np.testing.assert_array_equal(grads["x"], [1.0, 1.0])


def test_a_users_op_of_many_inputs_has_a_name_for_each():
    def summed(xp, *xs):
        return sum(xp.exp(xp.tanh(x)) for x in xs)

    leaves = [Parameter([float(k)], f"x_{k}") for k in range(12)]
    loss = record(replace(OWN, forward=summed, local=(1.0,) * 12), *leaves).sum()
    assert compile_graph(loss)()[0] == loss.data
