"""What functions take and give: arrays and nodes in nested tuples and lists.

- `outline`: the outline of arguments, by which calls are alike, and the arrays and nodes in it.
- `rebuilt`: the same tuples and lists, with others in place of the arrays and nodes.
- `nodes_in`: the nodes of an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from microgradrnn.convert import as_numbers, is_numeric, with_parts
from microgradrnn.engine import Node, Value

_STATIC = (bool, int, float, str, np.integer, np.bool_)
"""What is a part of the outline itself: numbers and words of Python, such as a reduction."""


def outline(x: Any, found: list[Any]) -> Any:
    """What must be equal for two calls to be alike; arrays and nodes are added to ``found``, in order.

    Raises:
        TypeError: x is neither an array nor a node, number, text or None, nor a tuple or list of such.

    >>> found = []
    >>> outline((np.zeros((2, 3)), [None, "mean"]), found), len(found)
    ((<class 'tuple'>, ((2, 3), dtype('float64')), (<class 'list'>, None, (<class 'str'>, 'mean'))), 1)
    """
    kind = type(x)
    if kind is np.ndarray:
        found.append(x)
        return x.shape, x.dtype
    if x is None:
        return None
    if isinstance(x, Node):
        found.append(x)
        data = x._data
        return (Value,) if isinstance(x, Value) else (data.shape, data.dtype), x._requires_grad
    if isinstance(x, (tuple, list)):
        return kind, *[outline(y, found) for y in x]
    if isinstance(x, _STATIC):
        return kind, x
    if not is_numeric(x):
        raise TypeError(f"compiled: arguments are arrays, nodes, numbers, text or None, or tuples and lists, not {x!r}")
    array = as_numbers(x)
    found.append(array)
    return array.shape, array.dtype


def ranks(spec: Any) -> Any:
    """An outline with the numbers of axes in place of shapes: what two calls at different sizes have in common."""
    if isinstance(spec, tuple):
        if len(spec) == 2 and isinstance(spec[1], np.dtype):
            return len(spec[0]), spec[1]
        return tuple(map(ranks, spec))
    return spec


def rebuilt(x: Any, change: Callable[[Any], Any]) -> Any:
    """The same nested tuples and lists, each array and node in them changed.

    >>> rebuilt((np.ones(2), [None, "mean"]), len)
    (2, [None, 'mean'])
    """
    if isinstance(x, (tuple, list)):
        return with_parts(x, [rebuilt(y, change) for y in x])
    return x if x is None or isinstance(x, _STATIC) else change(x)


def nodes_in(x: Any) -> list[Node]:
    """The nodes of an answer. Raises TypeError where it holds anything but nodes and None.

    >>> nodes_in((Value(1.0), [None, Value(2.0)]))
    [Value(data=1.0, grad=None), Value(data=2.0, grad=None)]
    """
    if x is None:
        return []
    if isinstance(x, Node):
        return [x]
    if isinstance(x, (tuple, list)):
        return [node for y in x for node in nodes_in(y)]
    raise TypeError(f"it returns {type(x).__name__} beside the loss, and a program returns nodes and None only")
