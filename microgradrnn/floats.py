"""Python floats that answer as NumPy does: the namespace that the op table computes in for a `Value`.

`math` raises where NumPy gives inf or nan (``math.exp(1000)``), and ``(-8.0) ** (1/3)`` turns complex. Each
function here takes the quick road through `math`, and on its error asks NumPy, whose answer (and whose warning,
under the caller's `numpy.errstate`) it returns as a float.
"""

import math
from collections.abc import Callable

import numpy as np


def _as_numpy(quick: Callable[..., float], ufunc: np.ufunc) -> Callable[..., float]:
    def function(*xs: float) -> float:
        try:
            return quick(*xs)
        except (ArithmeticError, ValueError):
            return float(ufunc(*xs))

    return function


exp = _as_numpy(math.exp, np.exp)
log = _as_numpy(math.log, np.log)
sqrt = _as_numpy(math.sqrt, np.sqrt)
power = _as_numpy(math.pow, np.power)
divide = _as_numpy(lambda x, y: x / y, np.divide)
sin = _as_numpy(math.sin, np.sin)
cos = _as_numpy(math.cos, np.cos)
log1p = _as_numpy(math.log1p, np.log1p)
expm1 = _as_numpy(math.expm1, np.expm1)
tanh = math.tanh
erf = math.erf
abs = abs


def sign(x: float) -> float:
    """-1.0, 0.0 or 1.0; nan stays nan."""
    return x if x != x else float((x > 0) - (x < 0))


def maximum(x: float, y: float) -> float:
    """The larger one; nan if either is."""
    return x if x >= y or x != x else y


def minimum(x: float, y: float) -> float:
    """The smaller one; nan if either is."""
    return x if x <= y or x != x else y


def where(condition: bool, x: float, y: float) -> float:
    """x where the condition holds, else y."""
    return x if condition else y


def __getattr__(name: str) -> Callable[..., float]:
    """Any other function of NumPy's, for ops from outside the package."""
    ufunc = getattr(np, name, None)
    if not isinstance(ufunc, np.ufunc):
        raise AttributeError(f"{name} is no elementwise function of NumPy's, and so none of floats")
    return lambda *xs: float(ufunc(*xs))
