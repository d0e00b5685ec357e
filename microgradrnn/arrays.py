"""NumPy as the op table sees it: the namespace that it computes in for a `Tensor`.

It is all of NumPy. Only sum, max and min go straight to the reductions behind them, since NumPy's own functions cost
more than the reduction of a small array does. And `erf` and `pick` are added to it.
"""

import math
from typing import Any

import numpy as np

# `from numpy import *` would import the submodules too that NumPy loads when they are asked for (f2py, testing): 0.1 s.
globals().update({name: vars(np)[name] for name in np.__all__ if name in vars(np)})


def _reduction(ufunc: Any) -> Any:
    def function(x: Any, axis: Any = None, keepdims: Any = False, dtype: Any = None) -> Any:
        return ufunc.reduce(x, axis, dtype, None, keepdims)

    return function


sum = _reduction(np.add)
max = _reduction(np.maximum)
min = _reduction(np.minimum)
first_max, first_min = max, min  # where graphs are lowered, these tell ties apart


def astype(x: Any, dtype: Any) -> Any:  # NumPy has it since 2.1 only
    """The entries as another type."""
    return x.astype(dtype)


def erf(x: Any) -> Any:
    """The error function of each entry: NumPy has none, so Python's own is called, which is exact to the last digit.

    >>> erf(np.array([0.0, 1.0])).round(6)
    array([0.      , 0.842701])
    """
    return np.vectorize(math.erf, otypes=[x.dtype])(x)


def pick(x: Any, classes: Any) -> Any:
    """The entry of each row, along the last axis, that its class names.

    >>> pick(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 0]))
    array([2., 3.])
    """
    rows = x.reshape(classes.size, x.shape[-1])
    return rows[np.arange(classes.size), classes.ravel()].reshape(classes.shape)
