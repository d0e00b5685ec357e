"""The nodes of a graph, each once and in topological order, without recursion.

A node is created after its inputs, so its serial number alone puts any graph in order.
"""

from __future__ import annotations

import itertools
import operator
from typing import TYPE_CHECKING

from microgradrnn.context import tell

if TYPE_CHECKING:
    from microgradrnn.engine import Node

next_serial = itertools.count().__next__
serial = operator.attrgetter("_serial")
"""When a node was created, among all nodes: the key to sort by."""


def ancestors(root: Node, needing_grad: bool = False) -> list[Node]:
    """``root`` and every node that it was computed from, oldest first: inputs come before what reads them.

    Args:
        root: any node.
        needing_grad: whether only nodes that need a gradient are followed and listed, as a backward pass does.

    >>> from microgradrnn import Value
    >>> x = Value(3.0, "x")
    >>> [node.label or str(node.data) for node in ancestors(x * x + 1)]
    ['x', '9.0', '1.0', '10.0']
    """
    tell(root)  # who walks a graph may read its numbers
    found, todo = {root}, [root]
    while todo:
        for node in todo.pop().inputs:
            if node not in found and (node._requires_grad or not needing_grad):
                found.add(node)
                todo.append(node)
    return sorted(found, key=serial)
