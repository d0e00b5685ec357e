"""Formulas that the op table writes itself: put numbers in, and they are the numbers that the op computes."""

import math
import operator
import re

import numpy as np
import pytest

from microgradrnn import Value, functional, ops, record
from microgradrnn.backprop import local_gradient
from tests.viz.arithmetic import evaluate
from viz import draw, explain, page
from viz.numbers import number
from viz.words.formula import in_names, latex_name, local, output, typeset
from viz.words.symbols import Symbol, lift, numeral

x, y, c = Value(0.5, "x"), Value(-2.0, "y"), Value(1.5, "c")
NODES = [
    x + y, x - y, x * y, x / y, x**2, x**3.5, 2**x, -x, x.exp(), c.log(), x.sqrt(), abs(y), x.tanh(), x.sigmoid(),
    y.relu(), functional.maximum(x, y, c), functional.minimum(x, y), functional.add_n([x, y, c]), x * x, y - y,
]  # fmt: skip
every_node = pytest.mark.parametrize("node", NODES, ids=lambda node: node.op.name)
SIGNS = {"sign(−2)": "−1", "sqrt(0.5)": "0.5^0.5", "abs(−2)": "2", "relu(−2)": "0"}


def in_numbers(node):
    nodes = {node, *node.inputs}
    return {n: numeral(n.data) if n.requires_grad else lift(n.data) for n in nodes}


def read(text):
    for shown, written in SIGNS.items():
        text = text.replace(shown, written)
    if text.startswith("m"):
        text = number({"maximum(0.5, −2, 1.5)": 1.5, "minimum(0.5, −2)": -2.0}[text])
    return evaluate(text)


@every_node
def test_the_equation_with_numbers_put_in_gives_the_value(node):
    assert read(output(node, in_numbers(node)).text).meets(evaluate(number(node.data)))


@every_node
def test_the_local_gradient_with_numbers_put_in_is_the_local_gradient(node):
    for slot, input_node in enumerate(node.inputs):
        if input_node.requires_grad:
            said = local(node, slot, in_numbers(node)).text.replace("log(2)", number(0.6931471805599453))
            assert read(said).meets(evaluate(number(float(local_gradient(node, slot))))), said


def test_the_formulas_are_those_of_a_textbook():
    def said(node, slot=0):
        named = {n: Symbol(n.label, n.label) if n.label else lift(n.data) for n in node.inputs}
        return local(node, slot, named | {node: Symbol("z", "z")}).text

    assert [said(x.tanh()), said(x.sigmoid()), said(x * y), said(x**3), said(x / y, 1)] == [
        *("1 − z²", "z × (1 − z)", "y", "3 × x²", "−z / y"),
    ]
    assert said(x.relu()) == "[x > 0]"
    assert said(functional.maximum(x, y)) == "[x = z] / ([x = z] + [y = z])"


def test_an_op_from_outside_writes_itself_too():
    softplus = ops.Op(
        name="softplus", symbol="softplus", latex=r"\log(1 + e^{x})", rule="scales: by the sigmoid", domain=("real",),
        forward=lambda xp, x: xp.log(1 + xp.exp(x)), local=(lambda xp, z, x: xp.divide(1, 1 + xp.exp(-x)),),
    )  # fmt: skip
    node = record(softplus, x)
    named = {x: Symbol("x", "x"), node: Symbol("z", "z")}
    assert local(node, 0, named).text == "1 / (1 + exp(−x))"
    assert output(node, named).latex == r"\log(1 + e^{{x}})"


@pytest.mark.parametrize("label", ["h_2", "W_hh", "a b", "{}$%&#_^~\\", "</script>", "🙂", "x_{1}", ""])
def test_no_label_breaks_out_of_its_latex(label):
    latex = latex_name(label)
    bare = latex.replace(r"\{", "").replace(r"\}", "")
    depth = 0
    for character in bare:
        depth += (character == "{") - (character == "}")
        assert depth >= 0
    assert depth == 0


def test_words_and_commands_of_an_ops_latex_are_left_alone():
    assert typeset(ops.WHERE, ["q", "a", "b"]) == r"{a} \text{ where } {q} \text{ else } {b}"
    assert typeset(ops.RELU, ["z_{1}"]) == r"\max(0, {z_{1}})"


FMA = ops.Op(
    name="fma", symbol="fma", latex="w x + b", rule="swaps: x gets upstream times w, b gets upstream",
    forward=lambda xp, x, w, b: x * w + b, local=(lambda xp, z, x, w, b: w, lambda xp, z, x, w, b: x, 1.0),
)  # fmt: skip


def test_an_ops_letters_are_those_of_its_forward():
    node = record(FMA, x, y, c)
    named = {n: Symbol(n.label, n.label) for n in node.inputs} | {node: Symbol("f", "f")}
    assert output(node, named).latex == "{y} {x} + {c}"
    assert in_names(FMA.rule, node, named) == "swaps: x gets upstream times y, c gets upstream"
    stacked = functional.stack([x, y, c])
    assert typeset(stacked.op, ["a", "b", "c"]) == r"\mathrm{stack}\left(a, b, c\right)"


OPERATORS = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "**": operator.pow,
    "//": operator.floordiv, "%": operator.mod, "@": operator.matmul,
    "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
    "&": operator.and_, "|": operator.or_, "^": operator.xor,
}  # fmt: skip
UNARY = (operator.neg, operator.pos, operator.abs, operator.invert)


@pytest.mark.parametrize("sign", OPERATORS)
def test_a_symbol_answers_to_every_operator_from_both_sides(sign):
    a, apply = Symbol("a", "a"), OPERATORS[sign]
    texts = [apply(*pair).text for pair in ((a, Symbol("b", "b")), (a, 3.0), (3.0, a), (a, np.float64(3.0)))]
    if sign in "&|":  # a condition that is known takes part right away
        assert texts[1:] == (["a"] * 3 if sign == "&" else ["3"] * 3)
        return
    assert [text.count("3") for text in texts] == [0, 1, 1, 1]
    assert texts[0].replace("b", "3") == texts[1] == texts[3]


def test_a_symbol_answers_to_every_operator_that_a_float_an_array_or_a_node_answers_to():
    names = {f"__{op.__name__.strip('_')}__" for op in (*OPERATORS.values(), *UNARY)}
    for kind in (float, np.ndarray, Value):
        for name in names & set(dir(kind)):
            assert name in vars(Symbol), name
    assert [op(Symbol("a", "a")).text for op in UNARY] == ["−a", "a", "abs(a)", "not(a)"]


@pytest.mark.parametrize(
    ("local", "said"),
    [
        (lambda xp, z, x, y: z / y, "z / y"),
        (lambda xp, z, x, y: 1 / y**2, "1 / y²"),
        (lambda xp, z, x, y: 2**x * abs(y), "2^x × abs(y)"),
        (lambda xp, z, x, y: xp.fmin(x, 3.0) // y, "fmin(x, 3) // y"),
        (lambda xp, z, x, y: math.exp(x), "local"),  # it computes with numbers only
        (lambda xp, z, x, y: 1.0 if x > 0 else y, "local"),
    ],
)
def test_an_op_of_ones_own_is_said_in_every_reader_however_its_local_is_written(local, said):
    op = ops.Op(
        name="mine", symbol="mine", latex="x y", rule="scales: somehow",
        forward=lambda xp, x, y: x * y, local=(local, 1.0),
    )  # fmt: skip
    node = record(op, Value(0.5, "x"), Value(-2.0, "y"))
    node.label = "z"
    node.backward()
    text = str(explain(node))
    assert re.search(rf"^dL/dx \+= upstream × \(?{re.escape(said)}\)?$", text, re.M)
    assert "mine(x, y)" in draw(node).to_text()
    assert "mine" in page(node).html


def test_what_is_not_known_is_no_branch():
    with pytest.raises(TypeError, match="may not branch on data"):
        bool(Symbol("a", "a"))
