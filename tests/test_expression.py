"""Expressions mean what Python and mathematics say, and whatever is wrong with one is said with its place."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor, Value
from microgradrnn.engine import ancestors
from microgradrnn.expression import DEEPEST, LONGEST, ExpressionError, calculate, graph

VALUES = {"a": 0.7, "b": -1.3, "c": 2.1}

_leaves = st.sampled_from(["a", "b", "c", "2", "0.5", ".25", "3e-1", "7."])
expressions = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" + ", "-", "*", " * "]), inner).map("".join),
        inner.map("({})".format),
        inner.map("-{}".format),
        inner.map("({})**2".format),
        inner.map("tanh({})".format),
        inner.map("abs( {} )".format),
        st.tuples(inner, inner).map(lambda pair: f"max({pair[0]}, {pair[1]})"),
    ),
    max_leaves=8,
)


@given(expressions)
def test_an_expression_is_worth_what_python_finds(text):
    """The text was made above, so Python's own parser may serve as the witness."""
    expected = eval(text, {"tanh": math.tanh, "max": max, "abs": abs, **VALUES})
    letters = re.sub("tanh|max|abs", "", text)
    used = {name: value for name, value in VALUES.items() if name in letters}
    whole = graph(f"0*d + ({text})", {**used, "d": 1.0})
    assert whole.item() == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-3^2", -9.0),
        ("2^3^2", 512.0),
        ("2**-1", 0.5),
        ("2 - 3 - 4", -5.0),
        ("12 / 3 / 2", 2.0),
        ("2 * -3", -6.0),
        ("--3", 3.0),
        ("+3", 3.0),
        ("−2 × 3 · 4", -24.0),
        ("1 − 3²", -8.0),
        ("-2³", -8.0),
        ("2^2³", 256.0),
        ("1e3", 1000.0),
        ("sqrt(16) + log(exp(2)) + abs(-3) + relu(-5) + relu(5)", 14.0),
        ("sigmoid(0)", 0.5),
        ("min(3, 1, 2)", 1.0),
        ("max([3, 1, 2])", 3.0),
        ("sum(1, 2, 3) + sum([4, 5])", 15.0),
        ("[4, 5, 6][1]", 5.0),
        ("-[4, 5][1]^2", -25.0),
        ("[[1, 2], [3, 4]][1, 0]", 3.0),
        ("[[1, 2], [3, 4]][1][0]", 3.0),
        ("softmax([0, 0, 0, 0])[3]", 0.25),
        ("cross_entropy([0, 0], 1)", math.log(2)),
        ("cross_entropy([[0, 0], [0, 0]], [1, 0])", math.log(2)),
    ],
)
def test_operators_bind_as_in_mathematics(text, expected):
    assert calculate(text) == pytest.approx(expected, rel=1e-15)


def test_the_graph_is_the_one_that_python_records():
    x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    written, read = z * (x + y), graph("z*(x+y)", {"x": -2.0, "y": 5.0, "z": -4.0})

    def outline(node):
        return (node.op and node.op.name, node.label, node.data, tuple(map(outline, node.inputs)))

    assert outline(read) == outline(written)


def test_a_name_that_stands_twice_is_one_node():
    f = graph("x*x", {"x": 3.0})
    assert f.inputs[0] is f.inputs[1]
    f.backward()
    assert f.inputs[0].grad == 6.0


def test_arrays_multiply_as_matrices():
    W, x = [[1.0, 2.0], [3.0, 4.0]], [0.1, -0.2]
    f = graph("sum(tanh(W @ x))", {"W": W, "x": x})
    assert f.item() == pytest.approx(np.tanh(np.array(W) @ np.array(x)).sum(), rel=1e-15)
    f.backward()
    leaf = f.inputs[0].inputs[0].inputs[1]
    assert isinstance(leaf, Tensor)
    np.testing.assert_allclose(leaf.grad, (1 - np.tanh(np.array(W) @ x) ** 2) @ np.array(W), rtol=1e-14)


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("", 0, "missing"),
        ("   ", 0, "missing"),
        ("x +", 3, "missing"),
        ("x + * 2", 4, "expected before '*'"),
        ("(x + 2", 6, "')'"),
        ("x + 2)", 5, "before ')'"),
        ("x 2", 2, "an operator is expected"),
        ("x $ 2", 2, "'$'"),
        ("2 × x + é€", 9, "'€'"),
        ("x + nope", 4, "nope has no value"),
        ("nope(x)", 0, "no function"),
        ("x + tanh", 4, "tanh is a function"),
        ("tanh(x, x)", 0, "one argument"),
        ("tanh()", 5, "expected before ')'"),
        ("x + [1, [2]]", 4, "differ in length"),
        ("x + [1, x]", 4, "holds numbers"),
        ("log(x - 9)", 0, "log comes to nan"),
        ("x / 0", 2, "div comes to inf"),
        ("x + 1e999", 4, "comes to inf"),
        ("x @ [1, 2]", 2, "matmul"),
        ("sum(x * [1, 2] + [1, 2, 3])", 15, "add"),
        ("x.data", 1, "'.'"),
        ("x = 2", 2, "'='"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, position, reason):
    with pytest.raises(ExpressionError) as caught:
        graph(text, {"x": 3.0})
    assert caught.value.position == position
    assert reason in caught.value.reason


def test_the_message_has_a_caret_under_the_place():
    with pytest.raises(ExpressionError) as caught:
        graph("x + * 2", {"x": 3.0})
    _, line, caret = str(caught.value).splitlines()
    assert line[caret.index("^")] == "*"


def test_the_caret_is_right_far_into_a_long_line():
    text = "x + " * 500 + "$"
    with pytest.raises(ExpressionError) as caught:
        graph(text, {"x": 3.0})
    _, line, caret = str(caught.value).splitlines()
    assert line[caret.index("^")] == "$"
    assert len(line) < 80


@pytest.mark.parametrize(
    ("text", "values", "reason"),
    [
        ("2 + 3", {}, "no operation on a name"),
        ("x", {"x": 1.0}, "no operation on a name"),
        ("x * 2", {"x": 1.0, "y": 2.0}, "y is given"),
        ("x * 2", {"x": [1.0, 2.0]}, r"shape \(2,\)"),
    ],
)
def test_what_has_no_gradient_is_refused(text, values, reason):
    with pytest.raises(ValueError, match=reason):
        graph(text, values)


@pytest.mark.parametrize(
    "text", ["__import__('os')", "().__class__", "x.__class__", "lambda: 1", "[].append(1)", "x[0]"]
)
def test_nothing_but_arithmetic_is_read(text):
    with pytest.raises(ExpressionError):
        graph(text, {"x": 1.0})


@pytest.mark.parametrize("part", ["(", "-", "+", "tanh(", "[", "2^", "max(1,", "x*(", "²"])
def test_no_depth_or_length_crashes_it(part):
    for count in (DEEPEST - 1, DEEPEST + 1, 1000, 100_000):
        with pytest.raises(ExpressionError):
            calculate(part * count)


def test_as_many_brackets_as_are_allowed_are_read():
    inner = DEEPEST - 1
    assert calculate("(" * inner + "1" + ")" * inner) == 1.0
    with pytest.raises(ExpressionError, match="deep"):
        calculate("(" * DEEPEST + "1" + ")" * DEEPEST)


def test_a_long_sum_is_no_deep_one_but_there_is_a_longest():
    assert calculate("1+" * (LONGEST // 2 - 1) + "1") == LONGEST // 2
    with pytest.raises(ExpressionError, match="characters"):
        calculate("1+" * (LONGEST // 2) + "1")


@given(st.one_of(st.text(), st.text(alphabet="x1.2e+-*/^@()[], ²tanhsumaxlog", max_size=30)))
def test_any_text_is_either_a_number_or_an_error_with_a_place_in_it(text):
    try:
        assert np.isfinite(calculate(text)).all()
    except ExpressionError as refused:
        error = refused
    else:
        return
    assert 0 <= error.position <= len(text)
    assert "^" in str(error)


def test_softmax_with_log_loss_apart_and_as_one():
    """The gradient is S − 1[m], worked out here by hand."""
    y = np.array([1.0, 2.0, 3.0])
    expected = np.exp(y) / np.exp(y).sum() - [0, 0, 1]
    for text in ("cross_entropy(y, 2)", "-log(softmax(y)[2])"):
        f = graph(text, {"y": y})
        f.backward()
        (leaf,) = {node for node in ancestors(f) if node.label == "y"}
        np.testing.assert_allclose(leaf.grad, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("softmax(x)", "softmax is of a list of numbers"),
        ("x[0]", r"\[...\] is of a list of numbers"),
        ("y[x]", "whole number, counted from 0, and no name"),
        ("y[0.5]", "whole number"),
        ("y[-1]", "whole number, counted from 0"),
        ("y[7]", "7"),
        ("cross_entropy(y)", "scores and the right class, not 1 argument: cross_entropy"),
        ("cross_entropy(y, 1, 2)", "not 3 arguments"),
        ("cross_entropy(y, 3)", "3"),
        ("cross_entropy(y, x)", "the class of cross_entropy is a whole number"),
        ("cross_entropy(x, 0)", "cross_entropy is of a list of numbers"),
        ("cross_entropy", r"write cross_entropy\(...\)"),
    ],
)
def test_what_is_wrong_with_lists_and_classes_is_said(text, said):
    with pytest.raises(ExpressionError, match=said):
        graph(f"sum({text}) + x + y[0]", {"x": 2.0, "y": [1.0, 2.0, 3.0]})
