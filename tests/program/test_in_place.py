"""Results written where there is room: nobody's numbers are written over while they are still to be read.

Arrays of tests are small, and small ones are left alone; so here the smallest counts as large.
"""

import re
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Op, Parameter, functional, nn, record
from microgradrnn.backprop import gradients
from microgradrnn.program import REWRITES, in_place, products
from microgradrnn.program import compile as compile_graph
from tests.op_cases import every_op
from tests.program.agreement import array_of, assert_agrees, close
from tests.program.networks import CASES, as_input
from tests.program.test_program import loop_agrees
from tests.program.test_rolling import cells, parameters, sequence

T, N, SIZE = 6, 2, 3
SETS = (REWRITES, ("in_place",), ("in_place", "buffers"), ("in_place", "together"))
every_set = pytest.mark.parametrize(
    "rewrites", [pytest.param(SETS[0], marks=pytest.mark.always), *SETS[1:]], ids="+".join
)


@pytest.fixture(autouse=True, scope="module")
def every_array_is_large():
    """For all of this file, hypothesis's many examples too."""
    with mock.patch.object(in_place, "LARGE", 0):
        yield


def x_and_weights(count=1, seed=0):
    """x, (T, N, SIZE), an input, and square weights."""
    rng = np.random.default_rng(seed)
    x = as_input(rng.normal(size=(T, N, SIZE)), "x")
    return x, [Parameter(rng.normal(size=(SIZE, SIZE)), f"W_{k}") for k in range(count)]


def lines_of(loss, *inputs, **how):
    """The lines of a program's function, without their remarks."""
    source = compile_graph(loss, inputs, **how).source
    return [line.strip().split("  # ")[0] for line in source.split("def forward_backward")[1].splitlines()]


# ---- Agreement ------------------------------------------------------------------------------------------------------


@every_set
@pytest.mark.parametrize("name", CASES)
def test_every_network_agrees_at_each_of_several_calls(name, rewrites):
    """The arrays that are kept from one call hold nothing that matters to the next."""
    case = CASES[name](np.float64)
    program = compile_graph(*case.record(T, N, np.random.default_rng(0)), rewrites=rewrites)
    for seed in (1, 2):
        assert_agrees(program, *case.record(T, N, np.random.default_rng(seed)))


@every_set
@every_op
def test_every_op_agrees_in_a_loop(op, rewrites):
    loop_agrees(op, rewrites)


@given(cell=cells(), rewrites=st.sampled_from(SETS), backwards=st.booleans(), every_step=st.booleans())
def test_any_cell_agrees(cell, rewrites, backwards, every_step):
    weights = parameters(cell.weights)

    def record(seed):
        x = sequence(T, N, seed)
        return cell.record(weights, x, backwards, every_step), [x]

    program = compile_graph(*record(0), rewrites=rewrites)
    assert_agrees(program, *record(1), tolerance=1e-9)


VIEWS = {
    "itself": lambda y: y,
    "transposed": lambda y: y.transpose().transpose(),
    "in reverse": lambda y: y[::-1],
    "moved": lambda y: functional.concat([y[1:], y[:1]]),
    "its mean": lambda y: y.mean(axis=0, keepdims=True),
    "a row": lambda y: y[0],
    "reshaped": lambda y: y.reshape(-1).reshape(*y.shape),
}
"""What an operation may read besides: other views of an array that is about to be written over."""
OPERATIONS = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "subtract from": lambda a, b: b - a,
    "multiply": lambda a, b: a * b.tanh(),
    "divide": lambda a, b: a / (b * b + 1.0),
    "tanh": lambda a, b: (a + b).tanh(),
    "exp": lambda a, b: a.tanh().exp(),
    "product": lambda a, b: (a @ (b * np.ones((1, SIZE))).transpose()).tanh() @ (b * np.ones((1, SIZE))) + a,
    "where": lambda a, b: functional.where(a.data > 0, a, b),
}


@st.composite
def straight_graphs(draw):
    """Which operation to do next, on which of the arrays that there are, and on which view of another."""
    steps = draw(st.integers(2, 10))
    names, views = st.sampled_from(sorted(OPERATIONS)), st.sampled_from(sorted(VIEWS))
    # Mostly the latest arrays: what is read once, and by the next line, is what can be written over.
    back = st.integers(1, 3)
    return [(draw(names), draw(views), draw(back), draw(back)) for _ in range(steps)]


@given(graph=straight_graphs(), rewrites=st.sampled_from(SETS), asked=st.sets(st.integers(0, 9)))
def test_any_straight_graph_agrees_in_value_gradients_and_outputs(graph, rewrites, asked):
    x = as_input(np.random.default_rng(0).normal(size=(4, SIZE)), "x")
    arrays = [x * Parameter(np.linspace(-1, 1, SIZE), "w") + Parameter(np.full((4, SIZE), 0.3), "b")]
    for name, look, one, other in graph:
        a, b = arrays[-min(one, len(arrays))], arrays[-min(other, len(arrays))]
        arrays.append(OPERATIONS[name](a, VIEWS[look](b)))
    loss = (arrays[-1] * arrays[-1]).sum()
    outputs = [arrays[k] for k in sorted(asked) if k < len(arrays)]
    program = compile_graph(loss, [x], outputs=outputs, rewrites=rewrites)
    found, expected = program.run(x.data), gradients(loss)
    pairs = [(found.grads[name], expected[leaf]) for name, leaf in program.parameters.items()]
    pairs += [(output, node.data) for output, node in zip(found.outputs, outputs, strict=True)]
    for one, other in pairs:
        # Differences may cancel out to nothing, so all is measured by the loss too.
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9 * max(1.0, loss.item()))


@every_set
def test_what_is_handed_out_stays_as_it_is_at_the_next_call(rewrites):
    x, (W,) = x_and_weights()
    x.requires_grad = True
    y, z = (x @ W) * 2.0 + 1.0, (x * 3.0) * 2.0 + 1.0  # a new array at first, or one that could be kept
    loss = (y * y).sum() + (z * z).sum()
    program = compile_graph(loss, [x], outputs=[y, z], rewrites=rewrites)
    first = program.run(x.data)
    before = [np.array(found) for found in (*first.grads.values(), *first.outputs)]
    program.run(-x.data)
    for found, kept in zip((*first.grads.values(), *first.outputs), before, strict=True):
        np.testing.assert_array_equal(found, kept)


@every_set
def test_logits_whose_rows_do_not_lie_one_after_another_lose_their_one_too(rewrites):
    """What is computed of a transposed array is laid out as that is; reshaping it copies."""
    rng = np.random.default_rng(0)
    x, W = as_input(rng.normal(size=(SIZE, 4)), "x"), Parameter(rng.normal(size=(SIZE, 4)), "W")
    targets = as_input(rng.integers(SIZE, size=(2, 2)), "targets")
    logits = (x * W).transpose().reshape(2, 2, SIZE).transpose(1, 0, 2)
    loss = functional.cross_entropy(logits, targets, reduction="sum")
    assert_agrees(compile_graph(loss, [x, targets], rewrites=rewrites), loss, [x, targets])


# ---- What there is to see -------------------------------------------------------------------------------------------


def test_an_array_that_nobody_reads_any_more_is_written_over():
    x, (W,) = x_and_weights()
    y = (x @ W) * 2.0
    z = y + y.mean(axis=0)
    z.label = "z"
    lines = lines_of((z * z).sum(), x)
    assert any(line.startswith("z = np.add(") and re.search(r"out=\w+\)$", line) for line in lines)


def test_an_array_that_the_backward_pass_reads_is_not():
    x, (W,) = x_and_weights()
    y = x @ W
    y.label = "y"
    z = (y.exp() + 1.0) * y
    z.label = "z"
    lines = lines_of((z * y).sum(), x)
    forward = lines[: lines.index("# Backward")]
    assert any(line.startswith("z ") for line in forward)
    assert not any(re.match(r"[yz] [-+*/]= ", line) or "out=y)" in line for line in forward)


def test_a_step_writes_into_its_row():
    x, (W,) = x_and_weights()
    h = as_input(np.zeros((N, SIZE)), "h_0")
    for t in range(T):
        h = (x[t] + h @ W).tanh()
        h.label = f"h_{t + 1}"
    lines = lines_of(h.sum(), x)
    assert any(line.startswith("np.tanh(") and line.endswith("out=h_6[t + 1])") for line in lines)
    assert any(".dot(W_0)" in line for line in lines)


def test_a_product_of_all_steps_is_added_to_where_it_lies():
    """In an array that is kept, since it is large: the bias, and what the logits' softmax takes off."""
    model = nn.RNNLM(SIZE, 64, seed=0)
    tokens = as_input(np.zeros((80, 8), int), "tokens")
    with mock.patch.object(products, "CACHED", 0):
        lines = lines_of(model.loss(tokens, tokens, reduction="sum")[0], tokens)
    assert any(re.match(r"y = product\(.*\)\.reshape\(T, N, 3\)$", line) for line in lines)
    assert "y += b_y" in lines


def test_softmax_with_cross_entropy_takes_one_off_an_entry_a_row():
    x, (W,) = x_and_weights()
    targets = as_input(np.random.default_rng(1).integers(SIZE, size=(T, N)), "targets")
    loss = functional.cross_entropy(x @ W, targets, reduction="sum")
    lines = lines_of(loss, x, targets)
    assert any("minus_one_hot(" in line for line in lines)
    assert not any("np.arange" in line for line in lines)
    close(compile_graph(loss, [x, targets])(array_of(x), array_of(targets))[1]["W_0"], gradients(loss)[W])


def test_the_exponentials_are_summed_once():
    x, (W,) = x_and_weights()
    targets = as_input(np.random.default_rng(1).integers(SIZE, size=(T, N)), "targets")
    lines = lines_of(functional.cross_entropy(x @ W, targets, reduction="sum"), x, targets)
    assert sum(line.count("exp.sum(") for line in lines) == 1


def test_no_line_is_longer_than_a_screen_is_wide():
    x, (W, V) = x_and_weights(2)
    x.requires_grad = True
    c = np.random.default_rng(0).normal(size=(T, 1, 1))
    y = ((x * c) @ W * (x * c + 1.0).tanh() / (V.sum() ** 2 + 1.0) - x.mean(axis=0) * c * 3.0).exp() * (x @ V - c)
    source = compile_graph((y * y).sum(), [x]).source
    assert max(map(len, source.splitlines())) <= 120


def test_float32_is_not_written_over_by_float64_nor_the_other_way_round():
    x, w = as_input(np.linspace(-1, 1, 6).reshape(2, 3), "x"), Parameter(np.ones(3, np.float32), "w")
    y = Parameter(np.full((2, 3), 0.1, np.float32), "v") * w
    z = (y * 3.0 + x) * y
    loss = (z * z).sum()
    assert_agrees(compile_graph(loss, [x]), loss, [x], tolerance=1e-6)
    close(compile_graph(loss, [x])(x.data)[0], loss.data)


LOOKALIKES = {
    "classes in another order": lambda m: m[..., None] == np.array([1, 0, 2]),
    "classes along the rows": lambda m: m[None, :] == np.arange(SIZE)[:, None],
    "the same classes for all": lambda m: m[:1, None] == np.arange(SIZE),
    "floats": lambda m: (m * 1.0)[..., None] == np.arange(SIZE),
}


@pytest.mark.parametrize("compare", LOOKALIKES.values(), ids=LOOKALIKES)
def test_what_only_looks_like_one_hot_rows_is_subtracted(compare):
    op = Op(
        name="less",
        symbol="less",
        latex="x",
        rule="passes: as it is",
        forward=lambda xp, x, m: xp.exp(x) - compare(m),
        pull=(lambda xp, u, z, x, m: u * (z + compare(m)),),
        push=(lambda xp, v, z, x, m: v * (z + compare(m)),),
        formula=("upstream * exp(x)",),
        needs="classes",
    )
    w, m = Parameter(np.linspace(-1, 1, 9).reshape(3, SIZE), "w"), as_input(np.array([2, 0, 1]), "m")
    z = record(op, w, m)
    loss = (z * z).sum()
    program = compile_graph(loss, [m])
    assert_agrees(program, loss, [m])
    assert "minus_one_hot(" not in program.source


@pytest.mark.parametrize("op", ["multiply", "tanh"])
def test_a_function_of_numbers_is_left_alone(op):
    """A number of NumPy's is no array to write into."""
    w = Parameter(np.array(0.5), "w")
    loss = {"multiply": lambda: w * w * 3.0 * w, "tanh": lambda: (w * 2.0).tanh().tanh()}[op]()
    assert_agrees(compile_graph(loss), loss, [])


def test_small_arrays_stay_on_their_line():
    x, (W,) = x_and_weights()
    y = (x @ W) * 2.0
    loss = (y + y.mean(axis=0)).tanh().sum()
    assert any("out=" in line for line in lines_of(loss, x))
    with mock.patch.object(in_place, "LARGE", 2**16):
        assert not any("out=" in line for line in lines_of(loss, x))
