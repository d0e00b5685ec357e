"""Scalar graphs as programs: held, bit for bit, against the backward pass of a recording that they have not seen."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Op, Value, floats, functional, lower, nn, ops, record
from microgradrnn.backprop import gradients
from microgradrnn.program import Program, compile, float_helpers  # noqa: A004
from tests.op_cases import every_elementwise_op, example
from tests.plain import few
from tests.test_user_ops import HYPOT, SOFTPLUS

ARCTAN = Op(  # of NumPy's functions, one that neither floats nor the op table names
    name="arctan",
    symbol="arctan",
    latex=r"\arctan x",
    rule="scales: x gets upstream over 1 + x²",
    forward=lambda xp, x: xp.arctan(x),
    local=(lambda xp, z, x: 1.0 / (1.0 + x * x),),
)
STEP = replace(  # of a comparison's outcome the engine makes a float
    ARCTAN, name="step", forward=lambda xp, x: x > 0, local=(0.0,)
)
USERS = [SOFTPLUS, HYPOT, ARCTAN, STEP]

ordinary = st.integers(-40, 40).map(lambda n: n / 10)
anything = st.floats() | st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0, -3.0, math.inf, -math.inf, math.nan])


def same(x: Any, y: Any) -> bool:
    """The same float: also the same zero, and nan as nan."""
    if x != x or y != y:
        return x != x and y != y
    return type(x) is type(y) is float and x == y and math.copysign(1, x) == math.copysign(1, y)


def leaves_of(numbers: Sequence[float], requires_grad: bool = True) -> list[Value]:
    return [Value(number, f"x_{i}", requires_grad) for i, number in enumerate(numbers)]


def assert_replays(build: Callable[..., Value], recorded: Sequence[float], numbers: Sequence[float]) -> Program:
    """A program of ``build`` at ``recorded`` gives for ``numbers`` what a recording there gives."""
    with np.errstate(all="ignore"):
        leaves = leaves_of(recorded)
        program = compile(build(*leaves), inputs=leaves)
        value, grads = program(*numbers)
        fresh = leaves_of(numbers)
        root = build(*fresh)
        expected = {leaf.label: grad for leaf, grad in gradients(root).items() if leaf.op is None}
    assert same(value, root.data), (value, root.data)
    assert grads.keys() == {label for label in expected if label}
    for label, grad in grads.items():
        assert same(grad, expected[label]), (label, grad, expected[label])
    return program


def body(program: Program) -> list[str]:
    """The lines of the function that it is all for."""
    return program.source[program.source.index("def forward_backward") :].splitlines()


# ---- Every op -------------------------------------------------------------------------------------------------------


def inputs_of(op: Op, data: Any) -> tuple[list[float], list[float]]:
    """Where to record a call of the op (its own example), and where to replay it."""
    recorded = [float(array.flat[0]) for array in example(op).arrays]
    if op.any_number:
        recorded = recorded * data.draw(st.integers(1, 2))
    return recorded, data.draw(st.lists(ordinary | anything, min_size=len(recorded), max_size=len(recorded)))


@every_elementwise_op
@few
@given(data=st.data())
def test_every_op_replays_what_a_recording_gives_bit_for_bit(op, data):
    """Infinities and nan too: where `math` would raise, the program has helpers that answer as floats does."""
    recorded, numbers = inputs_of(op, data)
    assert_replays(lambda *xs: record(op, *xs) * 3.0, recorded, numbers)


@every_elementwise_op
@few
@given(data=st.data())
def test_every_op_takes_constants_beside_what_it_is_given(op, data):
    """Then some of what the op's functions compute is known, and written as numbers."""
    recorded, numbers = inputs_of(op, data)
    slot = data.draw(st.integers(0, len(recorded) - 1))
    fixed = recorded[:slot], recorded[slot + 1 :]
    assert_replays(lambda x: record(op, *fixed[0], x, *fixed[1]) + x, [recorded[slot]], [numbers[slot]])


@pytest.mark.parametrize("op", USERS, ids=lambda op: op.name)
@given(data=st.data())
def test_so_does_a_users_own_op(op, data):
    count = len(op.local)
    numbers = st.lists(ordinary, min_size=count, max_size=count)
    assert_replays(lambda *xs: record(op, *xs) * xs[0], [0.5] * count, data.draw(numbers))


operands = st.sampled_from(["x", "y", "0.0", "-0.0", "2.0", "-3.0", "nan", "0", "1", "2", "-1", "True"])


def joined(*parts: Any) -> Any:
    """One of each, in brackets."""
    return st.tuples(*parts).map(lambda drawn: f"({' '.join(drawn)})")


def formulas_of(inner: Any) -> Any:
    """Formulas, bracketed throughout: of operators, functions, and choices on comparisons."""
    compared = joined(inner, st.sampled_from(["<", ">", "<=", ">=", "==", "!="]), inner)
    condition = compared | joined(compared, st.sampled_from(["&", "|"]), compared)
    functions = st.sampled_from(["maximum", "minimum", "divide", "power"])
    return st.one_of(
        joined(inner, st.sampled_from(["+", "-", "*", "/", "//", "%", "**"]), inner),
        joined(st.just("-"), inner),
        condition,
        st.tuples(condition, inner, inner).map(lambda drawn: f"xp.where({', '.join(drawn)})"),
        st.tuples(functions, inner, inner).map(lambda drawn: f"xp.{drawn[0]}({', '.join(drawn[1:])})"),
    )


@given(formula=st.recursive(operands, formulas_of, max_leaves=8), x=ordinary, y=ordinary)
@hypothesis.example("((x ** 2.0) ** y)", 1.5, 3.0)
@hypothesis.example("(0.0 + ((-x) % y))", 1.0, 3.0)
@hypothesis.example("xp.maximum(x, nan)", 1.0, 0.0)
@hypothesis.example("xp.minimum(0.0, x)", -0.0, 0.0)
@hypothesis.example("xp.divide(x, 0.0)", 1.0, 0.0)
@hypothesis.example("(-xp.power((x < y), 1))", 1.0, 0.0)  # minus the integer 0 is no -0.0
@hypothesis.example("(-xp.where((x < y), 0, x))", 0.0, 1.0)
@hypothesis.example("xp.maximum((x < y), (y < x))", 1.0, 1.0)  # of two conditions a number, as floats says
@hypothesis.example("xp.minimum((x < y), (y < x))", 1.0, 1.0)
@hypothesis.example("((xp.exp(x) + xp.exp(y)) < 3.0)", 0.0, 0.0)
def test_a_users_op_may_be_any_formula(formula, x, y):
    """Written with no more brackets than Python needs, it is the formula that the op computes."""
    forward = eval(f"lambda xp, x, y: {formula}", {"nan": math.nan})
    with np.errstate(all="ignore"):
        try:
            expected = float(forward(floats, x, y))
        except (ArithmeticError, TypeError, ValueError):  # Python's own operators raise, where xp's functions do not
            return
        op = replace(HYPOT, name="own", forward=forward, local=(0.0, 0.0))
        a, b = Value(x, "a"), Value(y, "b")
        root = record(op, a, b)
    assert same(compile(root, inputs=[a, b])(x, y)[0], expected)


@pytest.mark.parametrize("name", float_helpers.__all__)
@given(data=st.data())
def test_helpers_answer_as_floats_does(name, data):
    helper = getattr(float_helpers, name)
    numbers = [data.draw(anything) for _ in range(helper.__code__.co_argcount)]
    with np.errstate(all="ignore"):
        assert same(helper(*numbers), getattr(floats, name)(*numbers))


# ---- Graphs ---------------------------------------------------------------------------------------------------------

UNARY = [ops.NEG, ops.EXP, ops.LOG, ops.SQRT, ops.ABS, ops.TANH, ops.SIGMOID, ops.RELU, ARCTAN, SOFTPLUS]
BINARY = [ops.ADD, ops.SUB, ops.MUL, ops.DIV, ops.POW, ops.MAXIMUM, ops.MINIMUM, HYPOT]


@st.composite
def recipes(draw: Any) -> list[tuple[Op, tuple[Any, ...]]]:
    """What to record: each op with which of the nodes so far it reads, the first three of which are leaves."""
    steps: list[tuple[Op, tuple[Any, ...]]] = []
    for count in range(3, 3 + draw(st.integers(1, 12))):
        op = draw(st.sampled_from([*UNARY, *BINARY, ops.WHERE, ops.ADD_N, ops.MAXIMUM]))
        arity = 1 if op in UNARY else 2 if op in BINARY else draw(st.integers(1, 5)) if op.any_number else 3
        read = st.integers(0, count - 1) | st.integers(-3, -1) | ordinary.map(str)  # any node, a late one, a number
        steps.append((op, tuple(draw(read) for _ in range(arity))))
    return steps


def follow(steps: list[tuple[Op, tuple[Any, ...]]], leaves: tuple[Value, ...]) -> Value:
    nodes = list(leaves)
    for op, reads in steps:
        nodes.append(record(op, *(float(read) if isinstance(read, str) else nodes[read] for read in reads)))
    return functional.add_n([*leaves, *nodes[-2:]])


@given(steps=recipes(), recorded=st.lists(ordinary, min_size=3, max_size=3), numbers=st.lists(ordinary, min_size=3))
def test_random_graphs_replay_what_a_recording_gives_bit_for_bit(steps, recorded, numbers):
    assert_replays(lambda *leaves: follow(steps, leaves), recorded, numbers[:3])


def test_a_node_that_is_used_twice_gets_the_sum_of_both_contributions():
    """x * x has two edges; y = x + x x, e = y y: de/dx = 2 y (1 + 2 x)."""

    def build(x):
        y = x + x * x
        return y * y

    program = assert_replays(build, [1.0], [3.0])
    assert program(3.0) == (144.0, {"x_0": 2 * 12 * 7.0})


@pytest.mark.parametrize("count", [1, 2, 50, 3000])
def test_sums_of_any_number_of_terms(count):
    """Of 3000 terms neither forward nor backward is one expression: Python's compiler would not take it."""
    leaves = [Value(float(i), "x") for i in range(1, count + 1)]
    total = functional.add_n([leaf * leaves[0] for leaf in leaves])
    value, grads = compile(total)()
    assert value == count * (count + 1) / 2
    assert list(grads.values()) == [value + 1, *[1.0] * (count - 1)]  # d/dx_1 of x_1 (x_1 + ... + x_n)


@pytest.mark.parametrize(
    ("step", "length"),
    [(lambda h, w: h + w, 20_000), (lambda h, w: (h * w).tanh(), 5_000), (lambda h, w: (h - 0.5).abs(), 5_000)],
    ids=["add", "tanh", "abs"],
)
def test_long_chains_are_long_programs(step, length):
    w, h = Value(0.9, "w"), Value(1.0, requires_grad=False)
    for _ in range(length):
        h = step(h, w)
    root = h + w
    value, grads = compile(root)()
    assert value == root.data
    assert grads == {"w": gradients(root)[w]}


def test_a_long_chain_that_no_gradient_flows_through_does_not_nest_deeply():
    x, w = Value(0.5, "x", requires_grad=False), Value(2.0, "w")
    h = x
    for _ in range(1000):
        h = record(ARCTAN, h.tanh())
    program = compile(h * w, inputs=[x])
    assert program(0.5) == ((h * w).data, {"w": h.data})


def test_a_lowered_network_in_time_replays_the_tensors_gradients():
    model, rng = nn.RNNLM(4, 3, cell="lstm", seed=0), np.random.default_rng(0)
    loss, _ = model.loss(rng.integers(4, size=(3, 1)), rng.integers(4, size=(3, 1)))
    loss.backward()
    program = compile(lower(loss))
    value, grads = program()
    assert value == pytest.approx(loss.item(), rel=1e-12)
    found = {leaf.label: grads[name] for name, leaf in program.parameters.items()}
    for name, p in model.named_parameters():
        for index, grad in np.ndenumerate(p.grad):
            label = f"{p.label}[{','.join(map(str, index))}]"
            assert found.get(label, 0.0) == pytest.approx(grad, rel=1e-10, abs=1e-14), name


# ---- micrograd's network --------------------------------------------------------------------------------------------


def hinge_loss(model: nn.MLP, xs: Sequence[Sequence[Any]], ys: Sequence[Any]) -> Value:
    """That of micrograd's demo."""
    losses = [(1 + -y * model(list(x))).relu() for x, y in zip(xs, ys, strict=True)]
    return sum(losses) * (1.0 / len(losses))


@pytest.fixture
def network() -> tuple[nn.MLP, list[list[Value]], list[Value], Program]:
    rng = np.random.default_rng(3)
    model = nn.MLP(2, [8, 8, 1], seed=0)
    for p in model.parameters():
        p.data += rng.uniform(-0.1, 0.1)  # with biases of 0 a layer that is dead leaves the next one at its kink
    xs = [leaves_of(row, requires_grad=False) for row in rng.uniform(-1, 1, (6, 2))]
    ys = [Value(y, "y", requires_grad=False) for y in rng.choice([-1.0, 1.0], 6)]
    program = compile(hinge_loss(model, xs, ys), inputs=[[x for row in xs for x in row], ys])
    return model, xs, ys, program


def test_micrograds_network_on_data_that_it_was_not_recorded_with(network):
    model, _, _, program = network
    rng = np.random.default_rng(4)
    xs, ys = rng.uniform(-1, 1, (6, 2)), rng.choice([-1.0, 1.0], 6)
    for p in model.parameters():
        p.data += 0.01  # read as they stand at the call
    value, grads = program(xs.ravel(), ys)
    loss = hinge_loss(model, xs.tolist(), ys.tolist())
    expected = gradients(loss)
    assert value == loss.data
    assert len(grads) == len(model.parameters())
    assert all(grads[name] == expected[leaf] for name, leaf in program.parameters.items())


def test_its_gradients_are_central_differences_of_its_own_loss(network):
    _, xs, ys, program = network
    given = [x.data for row in xs for x in row], [y.data for y in ys]
    _, grads = program(*given)
    assert sum(grad != 0 for grad in grads.values()) > len(grads) / 2
    for name, leaf in list(program.parameters.items())[::5]:
        at = leaf.data
        ends = []
        for leaf.data in (at - 1e-6, at + 1e-6):
            ends.append(program(*given)[0])
        leaf.data = at
        assert grads[name] == pytest.approx((ends[1] - ends[0]) / 2e-6, rel=1e-6, abs=1e-9)


def test_a_wrong_rule_of_an_op_is_wrong_in_the_program_too():
    """So nothing in a program stands beside the op table: a local gradient of twice the size is twice the gradient."""
    wrong = replace(ops.TANH, local=(lambda xp, z, x: 2.0 * (1.0 - z * z),))
    x = Value(0.3, "x")
    (_, right), (_, twice) = compile(x.tanh())(), compile(record(wrong, x))()
    assert twice["x"] == 2 * right["x"]


# ---- What it takes, and what it gives -------------------------------------------------------------------------------


def test_backward_adds_to_the_grads_of_the_parameters():
    w, x = Value(3.0, "w"), Value(2.0, "x")
    program = compile(w * x, inputs=[x])
    program.backward(2.0)
    result = program.backward(5.0)
    assert (w.grad, type(w.grad), x.grad) == (7.0, float, None)
    assert result.grads == {"w": 5.0, "x": 3.0}


def test_constants_are_as_they_were_recorded_and_parameters_as_they_stand():
    w, c = Value(3.0, "w"), Value(2.0, "c", requires_grad=False)
    loss = w * c.sigmoid() * c
    c.data = 100.0
    program = compile(loss)
    w.data = 4.0
    value, grads = program()
    assert value == pytest.approx(8.0 / (1.0 + math.exp(-2.0)), rel=1e-15)
    assert grads == {"w": value / 4.0}
    assert "exp" not in program.source  # what depends on nothing that can change is a number


def test_a_list_of_leaves_is_one_argument():
    xs = leaves_of([1.0, 2.0, 3.0], requires_grad=False)
    unnamed, w = [Value(1.0), Value(1.0)], Value(2.0, "w")
    program = compile(functional.add_n(xs) * w + unnamed[1], inputs=[xs, unnamed])
    assert program(np.array([1.0, 2.0, 4.0]), (7, 8)) == (22.0, {"input_2_2": 1.0, "w": 7.0})
    assert program.run([0.0, 0.0, 1.0], [0.0, Value(3.0)]).value == 5.0
    assert "def forward_backward(x, input_2, w):" in body(program)
    assert "    [x_0, x_1, x_2] = x" in body(program)


def test_outputs_are_given_as_they_come_out():
    w, x = Value(3.0, "w"), Value(2.0, "x")
    h = (w * x).tanh()
    aside = h * 10.0
    program = compile(h * h, inputs=[x], outputs=[h, aside, w, x.detach() * 2.0])
    result = program.run(0.5)
    assert result.outputs == (math.tanh(1.5), math.tanh(1.5) * 10.0, 3.0, 4.0)


def test_unlabelled_parameters_get_names():
    a, b = Value(3.0), Value(2.0)
    program = compile(a * b)
    assert program() == (6.0, {"w_1": 2.0, "w_2": 3.0})
    assert list(program.parameters.values()) == [a, b]


def test_a_leaf_alone_is_a_program():
    assert compile(Value(3.0, "x"))() == (3.0, {"x": 1.0})


def test_what_needs_no_gradient_gets_none():
    w, x = Value(3.0, "w"), Value(2.0, "x", requires_grad=False)
    program = compile((w * (x * x).exp()).tanh(), inputs=[x])
    assert program(1.0)[1].keys() == {"w"}
    assert not any(line.strip().startswith(("d_x", "d_exp")) for line in body(program))


def test_a_leaf_that_only_an_output_reads_has_no_gradient():
    w, v = Value(3.0, "w"), Value(2.0, "v")
    result = compile(w * w, outputs=[v * v]).run()
    assert result == (9.0, {"w": 6.0}, (4.0,))


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (["1.0"], TypeError, "x is one real number"),
        ([[1.0]], TypeError, "x is one real number"),
        ([], TypeError, "takes 1"),
        ([1.0, 2.0], TypeError, "takes 1"),
    ],
)
def test_a_call_with_something_else_says_what_was_expected(given, error, message):
    x = Value(2.0, "x")
    with pytest.raises(error, match=message):
        compile(x * x, inputs=[x])(*given)


@pytest.mark.parametrize(
    ("given", "error"), [([1.0], ValueError), (1.0, TypeError), (["a", "b"], TypeError), ([[1.0], [2.0]], TypeError)]
)
def test_a_sequence_must_be_as_long_as_when_it_was_recorded(given, error):
    xs = leaves_of([1.0, 2.0])
    with pytest.raises(error, match="x is 2 real numbers"):
        compile(xs[0] * xs[1], inputs=[xs])(given)


def test_inputs_that_are_no_leaves_of_the_graph_are_errors():
    x, w = Value(2.0, "x"), Value(3.0, "w")
    y = x * w
    for inputs, error, message in [
        ([y], TypeError, "a leaf"),
        ([2.0], TypeError, "a leaf"),
        ([[]], TypeError, "a leaf"),
        ([x, [x, w]], ValueError, "named before"),
        ([Value(1.0, "z")], ValueError, "not read"),
    ]:
        with pytest.raises(error, match=message):
            compile(y, inputs=inputs)


@pytest.mark.parametrize(
    "forward",
    [lambda xp, x: np.sin(x), lambda xp, x: math.sin(x), lambda xp, x: x if x > 0 else -x, lambda xp, x: "a"],
    ids=["NumPy itself", "math", "a branch", "no number"],
)
def test_an_op_that_does_not_keep_to_xp_cannot_be_written_and_the_error_names_it(forward):
    y = record(replace(ARCTAN, name="own", forward=lambda xp, x: x), Value(2.0))
    y.op = replace(ARCTAN, name="own", forward=forward)
    with pytest.raises(TypeError, match="compile cannot follow op 'own'"):
        compile(y)
