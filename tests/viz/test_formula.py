"""Formulas that the op table writes itself: put numbers in, and they are the numbers that the op computes."""

import pytest

from microgradrnn import Value, functional, ops, record
from microgradrnn.backprop import local_gradient
from tests.viz.arithmetic import evaluate
from viz.formula import Symbol, latex_name, lift, local, numeral, output, typeset
from viz.numbers import number

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
    assert typeset(r"x \text{ where } c \text{ else } y", ["q", "a", "b"]) == (
        r"{a} \text{ where } {q} \text{ else } {b}"
    )
    assert typeset(r"\max(0, x)", ["z_{1}"]) == r"\max(0, {z_{1}})"
