"""A minimal autograd engine that shows its work: record, run backward, step through every gradient, draw it.

>>> from microgradrnn import Value
>>> x, y, z = Value(-2.0), Value(5.0), Value(-4.0)
>>> f = z * (x + y)
>>> f.backward()
>>> f.data, x.grad, y.grad, z.grad
(-12.0, -4.0, -4.0, 3.0)
"""

from microgradrnn import functional, interop, nn, numpy_functions, optim
from microgradrnn.comparison import compare
from microgradrnn.context import detect_nan, no_grad, scope
from microgradrnn.engine import Node, Tensor, Value, record
from microgradrnn.forward import jvp
from microgradrnn.gradcheck import gradcheck
from microgradrnn.loops import time_steps
from microgradrnn.lowering import lower
from microgradrnn.nn.module import Parameter
from microgradrnn.ops import Op
from microgradrnn.program import compile, compiled  # noqa: A004 - a graph's, as in PyTorch and re
from microgradrnn.stepping import Backprop, Forward

numpy_functions.connect()

__version__ = "0.2.0"
__all__ = [
    "Backprop",
    "Forward",
    "Node",
    "Op",
    "Parameter",
    "Tensor",
    "Value",
    "compare",
    "compile",
    "compiled",
    "detect_nan",
    "functional",
    "gradcheck",
    "interop",
    "jvp",
    "lower",
    "nn",
    "no_grad",
    "optim",
    "record",
    "scope",
    "time_steps",
]
