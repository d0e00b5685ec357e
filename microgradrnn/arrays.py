"""NumPy as the op table sees it: the namespace that it computes in for a `Tensor`.

It is all of NumPy. Only sum, max and min go straight to the reductions behind them, since NumPy's own functions cost
more than the reduction of a small array does. And `erf`, `pick` and `add_rows` are added to it; generated programs that
call these copy them.
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
    """The error function of each entry: Python has it, NumPy has not.

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
    return rows[np.arange(classes.size), classes.reshape(-1)].reshape(classes.shape)


def add_rows(grad: Any, rows: Any, values: Any) -> None:
    """Add each of the values to its row of grad; those of one row are added up first, side by side once sorted.

    >>> grad = np.zeros((2, 1))
    >>> add_rows(grad, np.array([1, 0, -1]), np.array([[1.0], [2.0], [3.0]]))
    >>> grad.tolist()
    [[2.0], [4.0]]
    """
    rows = rows.reshape(-1) % len(grad)  # -1 and the last row are one
    order = np.argsort(rows, kind="stable")  # each row's values in the order of reading, whatever is read in between
    rows = rows[order]
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    grad[rows[starts]] += np.add.reduceat(values.reshape(-1, *grad.shape[1:])[order], starts)
