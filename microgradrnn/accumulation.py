"""What happens to a contribution on its way into a gradient: it is fitted to its input, and added up.

- `fit`: undo broadcasting and casting. `unbroadcast`: sum over the axes that broadcasting repeated.
- `own`: make sure that no one else holds the array. `add`: the contributions so far and one more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.engine import Node, Value
from microgradrnn.ops import Scattered

Array = NDArray[Any]


def fit(downstream: Any, x: Node) -> Any:
    """The contribution in its input's shape and dtype."""
    if type(x) is Value:
        return float(np.sum(downstream))
    if type(downstream) is Scattered:
        return downstream
    data = x._data
    if type(downstream) is not np.ndarray:
        downstream = np.asarray(downstream)
    if downstream.shape != data.shape:
        downstream = unbroadcast(downstream, data.shape)
    if downstream.dtype is not data.dtype:
        downstream = downstream.astype(data.dtype)
    return downstream


def unbroadcast(array: Array, shape: tuple[int, ...]) -> Array:
    """Sum ``array`` over every axis along which broadcasting had repeated an array of ``shape``.

    >>> unbroadcast(np.ones((4, 2, 3)), (2, 1))
    array([[12.],
           [12.]])
    """
    extra = array.ndim - len(shape)
    if extra > 0:
        array = np.asarray(np.add.reduce(array, axis=tuple(range(extra))))
    if array.shape == shape:
        return array
    stretched = tuple(i for i, size in enumerate(shape) if size == 1 and array.shape[i] != 1)
    array = array.sum(axis=stretched, keepdims=True)
    return array if array.shape == shape else np.broadcast_to(array, shape).copy()


def own(downstream: Any, x: Node, node: Node, upstream: Any) -> Any:
    """What a pull returned, as an array that nobody else holds: it may be upstream, a view of it, or the graph's."""
    if type(downstream) is float:
        return downstream
    if type(downstream) is Scattered:
        return downstream.dense(x._data.shape, x._data.dtype)
    held = downstream.base is not None or downstream is upstream or downstream is node._data
    return downstream.copy() if held or id(downstream) in map(id, node.xs) else downstream


def add(before: Any, downstream: Any, in_place: bool) -> Any:
    """The contributions so far and one more."""
    if type(downstream) is Scattered:
        after = before if in_place else before.copy()
        downstream.add_into(after)
        return after
    return np.asarray(before + downstream) if isinstance(before, np.ndarray) else before + downstream
