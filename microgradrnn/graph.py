"""The nodes of a graph, each once and in topological order, without recursion.

A node is created after its inputs, so its serial number alone puts any graph in order.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradrnn.context import tell

if TYPE_CHECKING:
    from microgradrnn.engine import Node

next_serial = itertools.count().__next__
serial = operator.attrgetter("_serial")
"""When a node was created, among all nodes: the key to sort by."""


def ancestors(*roots: Node, needing_grad: bool = False) -> list[Node]:
    """The roots and every node that they were computed from, oldest first: inputs come before what reads them.

    Args:
        roots: any nodes.
        needing_grad: whether only nodes that need a gradient are followed and listed, as a backward pass does.

    >>> from microgradrnn import Value
    >>> x = Value(3.0, "x")
    >>> [node.label or str(node.data) for node in ancestors(x * x + 1)]
    ['x', '9.0', '1.0', '10.0']
    """
    for root in roots:
        tell(root)  # who walks a graph may read its numbers
    found, todo = set(roots), list(roots)
    while todo:
        for node in todo.pop().inputs:
            if node not in found and (node._requires_grad or not needing_grad):
                found.add(node)
                todo.append(node)
    return sorted(found, key=serial)


def is_detached(node: Node) -> bool:
    """Whether a leaf was cut off by `Node.detach` from something that needs a gradient.

    >>> from microgradrnn import Value
    >>> x = Value(0.0)
    >>> is_detached(x.detach()), is_detached(x), is_detached(x.detach().detach())
    (True, False, True)
    """
    return getattr(node, "_source", None) is not None


def detached_from(node: Node) -> Node | None:
    """What a leaf was detached from, as long as anybody holds that; None where it was not detached.

    >>> from microgradrnn import Value
    >>> x = Value(2.0)
    >>> detached_from(x.detach()) is x, detached_from(x)
    (True, None)
    """
    source = getattr(node, "_source", None)
    return None if source is None else source()


def part_of(node: Node, data: Any) -> Node:
    """A constant that is a part of a leaf: detached if the leaf is.

    >>> from microgradrnn import Tensor
    >>> x = Tensor([1.0, 2.0])
    >>> is_detached(part_of(x.detach(), 1.0)), is_detached(part_of(x, 1.0))
    (True, False)
    """
    part: Node = node._constant(data)
    part._source = getattr(node, "_source", None)
    return part


def by_value(x: Any) -> Hashable:
    """A key by which the params of two nodes are equal where they mean the same: arrays are so by their entries.

    What can be told apart in no other way is equal to itself alone.

    >>> by_value({"axis": 0}) == by_value({"axis": 0}), by_value(np.zeros(2000)) == by_value(np.eye(2000)[0])
    (True, False)
    """
    kind = type(x)
    if kind in _SIMPLE:
        return kind, x
    if kind in (tuple, list):
        return kind, tuple(map(by_value, x))
    if kind is slice:
        return kind, by_value(x.start), by_value(x.stop), by_value(x.step)
    if kind is dict or isinstance(x, Mapping):
        return kind, tuple([(name, by_value(value)) for name, value in x.items()])
    if isinstance(x, np.ndarray) and x.dtype.kind != "O":
        return x.shape, x.dtype.str, x.tobytes()
    if isinstance(x, (float, np.generic)):
        return kind, repr(x)  # which tells 0.0 from -0.0, and nan from no other nan
    return (kind, x) if isinstance(x, Hashable) else (kind, id(x))


_SIMPLE = frozenset([int, bool, str, type(None), type(...)])
"""The types whose things are known by themselves; the commonest ones, in the params of thousands of nodes."""
