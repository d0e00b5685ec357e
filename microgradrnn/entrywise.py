"""Functions of one number, as methods of nodes: a Value's number, or each entry of a Tensor.

Each is one record of the op table, or a composition of a few, so that a picture shows what it is made of.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from microgradrnn import ops

_MISSING = "clamp takes a lower limit (min), an upper one (max), or both"


class Entrywise:
    """What `microgradrnn.engine.Node` inherits for `Value` and `Tensor` alike."""

    __slots__ = ()

    _record: Callable[..., Any]

    # fmt: off
    def exp(self) -> Any: return self._record(ops.EXP, self)
    def log(self) -> Any: return self._record(ops.LOG, self)
    def sqrt(self) -> Any: return self._record(ops.SQRT, self)
    def abs(self) -> Any: return self._record(ops.ABS, self)
    def sin(self) -> Any: return self._record(ops.SIN, self)
    def cos(self) -> Any: return self._record(ops.COS, self)
    def log1p(self) -> Any: return self._record(ops.LOG1P, self)
    def expm1(self) -> Any: return self._record(ops.EXPM1, self)
    def erf(self) -> Any: return self._record(ops.ERF, self)
    def tanh(self) -> Any: return self._record(ops.TANH, self)
    def sigmoid(self) -> Any: return self._record(ops.SIGMOID, self)
    def relu(self) -> Any: return self._record(ops.RELU, self)
    def softplus(self) -> Any: return self._record(ops.SOFTPLUS, self)
    def sign(self) -> Any: return self._record(ops.SIGN, self)
    def floor(self) -> Any: return self._record(ops.FLOOR, self)
    def square(self) -> Any: return self._record(ops.POW, self, 2)
    # fmt: on

    def pow(self, exponent: Any) -> Any:
        """``x ** exponent``.

        >>> from microgradrnn import Value
        >>> Value(3.0).pow(2).item()
        9.0
        """
        return self._record(ops.POW, self, exponent)

    def round(self) -> Any:
        """The nearest whole number, of two the even one; like floor and sign it has gradient 0.

        >>> from microgradrnn import Value
        >>> Value(2.5).round().item()
        2.0
        """
        return self._record(ops.ROUND, self)

    def silu(self) -> Any:
        """x sigmoid(x), also called swish (Ramachandran, Zoph and Le, 2017).

        >>> from microgradrnn import Value
        >>> Value(0.0).silu().item()
        0.0
        """
        return self._record(ops.MUL, self, self.sigmoid())

    def gelu(self, approximate: str = "none") -> Any:
        """x times the normal distribution's probability of less than x (Hendrycks and Gimpel, 2016).

        Args:
            approximate: "none" for x (1 + erf(x / √2)) / 2, "tanh" for the approximation by a tanh.

        >>> from microgradrnn import Value
        >>> round(Value(1.0).gelu().item(), 6), round(Value(1.0).gelu("tanh").item(), 6)
        (0.841345, 0.841192)
        """
        x: Any = self
        if approximate == "none":
            return 0.5 * x * (1.0 + (x * math.sqrt(0.5)).erf())
        if approximate == "tanh":
            return 0.5 * x * (1.0 + (math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)).tanh())
        raise ValueError(f"gelu: approximate is 'none' or 'tanh', not {approximate!r}")

    def leaky_relu(self, negative_slope: Any = 0.01) -> Any:
        """x where x > 0, else negative_slope x.

        >>> from microgradrnn import Value
        >>> Value(-2.0).leaky_relu(0.1).item()
        -0.2
        """
        return self._record(ops.LEAKY_RELU, self, negative_slope)

    def elu(self, alpha: Any = 1.0) -> Any:
        """x where x > 0, else alpha (e^x - 1).

        >>> from microgradrnn import Value
        >>> Value(2.0).elu().item()
        2.0
        """
        return self._record(ops.ELU, self, alpha)

    def clamp(self, min: Any = None, max: Any = None) -> Any:  # noqa: A002 - PyTorch's and NumPy's names
        """x brought between two limits, either of which may be left out. At a limit itself x gets the gradient.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([-2.0, 0.5, 2.0])
        >>> y = x.clamp(-1, 1)
        >>> y.sum().backward()
        >>> y.data, x.grad
        (array([-1. ,  0.5,  1. ]), array([0., 1., 0.]))
        """
        if min is None and max is None:
            raise TypeError(_MISSING)
        low, high = -math.inf if min is None else min, math.inf if max is None else max
        return self._record(ops.CLAMP, self, low, high)

    clip = clamp


_EXAMPLE = """

        >>> from microgradrnn import Value
        >>> x = Value({x})
        >>> y = x.{name}()
        >>> y.backward()
        >>> y.item(), x.grad
        ({y}, {grad})
        """
_EXAMPLES = {
    ops.EXP: ("0.0", "1.0", "1.0"),
    ops.LOG: ("1.0", "0.0", "1.0"),
    ops.SQRT: ("4.0", "2.0", "0.25"),
    ops.ABS: ("-3.0", "3.0", "-1.0"),
    ops.SIN: ("0.0", "0.0", "1.0"),
    ops.COS: ("0.0", "1.0", "-0.0"),
    ops.LOG1P: ("1e-20", "1e-20", "1.0"),  # log(1 + x) would be 0
    ops.EXPM1: ("1e-20", "1e-20", "1.0"),  # exp(x) - 1 would be 0
    ops.ERF: ("0.0", "0.0", "1.1283791670955126"),  # 2 / √π
    ops.TANH: ("0.0", "0.0", "1.0"),
    ops.SIGMOID: ("0.0", "0.5", "0.25"),
    ops.RELU: ("-2.0", "0.0", "0.0"),
    ops.SOFTPLUS: ("1000.0", "1000.0", "1.0"),  # log(1 + e^x) would overflow
    ops.SIGN: ("-3.0", "-1.0", "0.0"),
    ops.FLOOR: ("2.5", "2.0", "0.0"),
}
"""For each op that is a method: x, what it gives, and its gradient."""


def _describe() -> None:
    """Give the methods above that are one record of the table that record's rule as their docstring."""
    for op, (x, y, grad) in _EXAMPLES.items():
        example = _EXAMPLE.format(name=op.name, x=x, y=y, grad=grad)
        getattr(Entrywise, op.name).__doc__ = f"{op.name}(x), entry by entry. Backward it {op.rule}.{example}"
    square = _EXAMPLE.format(name="square", x="3.0", y="9.0", grad="6.0")
    Entrywise.square.__doc__ = f"x squared, as ``x ** 2``.{square}"


_describe()
