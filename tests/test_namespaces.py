"""The namespaces that the op table computes in: what a record uses, each of them has."""

import numpy as np
import pytest

from microgradrnn import arrays, floats
from microgradrnn.lowering import ScalarNodes
from microgradrnn.ops import EachInput
from microgradrnn.program.namespace import Expressions
from microgradrnn.program.python_source import PythonExpressions
from tests.op_cases import every_elementwise_op, every_op, example


class Recorder:
    """NumPy as the op table sees it, and the names of what it was asked for."""

    def __init__(self):
        self.asked = set()

    def __getattr__(self, name):
        self.asked.add(name)
        return getattr(arrays, name)


def used_forward(op):
    """What an op's forward asks of its namespace, and its output."""
    xp, call = Recorder(), example(op)
    return xp.asked, np.asarray(op.forward(xp, *call.arrays, **call.params))


def used_backward(op):
    """What its local gradients, or its pulls, ask of it."""
    xp, call = Recorder(), example(op)
    _, z = used_forward(op)
    xs = (call.arrays,) if op.any_number else call.arrays
    rules = op.local if op.local is not None else op.pull
    for slot in range(len(call.arrays)) if isinstance(rules, EachInput) else range(len(rules)):
        if op.local is None:
            rules[slot](xp, np.ones(z.shape), z, *xs, **call.params)
        elif callable(rules[slot]):
            rules[slot](xp, z, *xs)
    return xp.asked


@every_elementwise_op
@pytest.mark.parametrize("namespace", [floats, PythonExpressions()], ids=["floats", "expressions"])
def test_numbers_have_what_an_elementwise_op_uses(op, namespace):
    for name in used_forward(op)[0] | used_backward(op):
        assert callable(getattr(namespace, name))


@every_op
def test_programs_have_what_an_op_uses(op):
    for name in used_forward(op)[0] | used_backward(op):
        assert callable(getattr(Expressions(), name))


@every_op
def test_the_lowering_has_what_a_forward_uses(op):
    for name in used_forward(op)[0]:
        assert callable(getattr(ScalarNodes, name))
