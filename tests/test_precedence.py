"""The table of precedence against Python's own parser: brackets stand where they are needed, and elsewhere not."""

import ast
import functools
import itertools
import operator

import numpy as np
import pytest

from microgradrnn import ops
from microgradrnn.precedence import ATOM, LEVELS, bracketed, sides


def shape(text):
    return ast.dump(ast.parse(text, mode="eval"))


@pytest.mark.parametrize(("outer", "inner"), list(itertools.product(LEVELS, LEVELS)))
def test_brackets_keep_the_tree_that_python_would_parse(outer, inner):
    left, right = sides(outer)
    for least, written, meant in (
        (left, "{} {} c", "({}) {} c"),
        (right, "c {1} {0}", "c {1} ({0})"),
    ):
        operand = f"a {inner} b"
        text = written.format(bracketed(operand, LEVELS[inner], least), outer)
        assert shape(text) == shape(meant.format(operand, outer)), text


def test_products_in_a_sum_and_a_chain_to_the_left_have_no_brackets():
    assert bracketed("a * b", LEVELS["*"], sides("+")[1]) == "a * b"
    assert bracketed("a - b", LEVELS["-"], sides("-")[0]) == "a - b"
    assert bracketed("a", ATOM, sides("**")[0]) == "a"


@pytest.mark.parametrize("op", [op for op in ops.OPS.values() if op.operator], ids=repr)
def test_what_an_op_is_written_with_computes_what_the_op_does(op):
    numbers = [np.array([[1.5, 0.25], [2.0, 0.5]]) + i for i in range(3 if op.any_number else len(op.example[0]))]
    written = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv}
    written |= {"%": operator.mod, "@": operator.matmul, "**": operator.pow}
    expected = -numbers[0] if len(numbers) == 1 else functools.reduce(written[op.operator], numbers)
    np.testing.assert_allclose(op.forward(np, *numbers), expected)
