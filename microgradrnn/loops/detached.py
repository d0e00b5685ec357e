"""States that were detached from their past, as in truncated backpropagation through time: where they come from.

- `detached`: for each constant that holds the numbers of an earlier node, that node.

A detached state is a leaf, and nothing in the graph leads from it to where it was made. Its numbers tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradrnn.engine import Node
from microgradrnn.loops.uses import Reading, reading


def detached(nodes: Sequence[Node]) -> dict[Reading, Node]:
    """For each constant that a node with a gradient reads, the latest node before it with the same numbers.

    Zeros are none of these constants, since a first state is often made of them.

    Args:
        nodes: a graph, oldest first.

    >>> from microgradrnn import Tensor
    >>> from microgradrnn.graph import ancestors
    >>> state = Tensor([1.0, 2.0]).tanh()
    >>> cut = state.detach()
    >>> detached(ancestors(state + cut * state)) == {Reading(cut): state}
    True
    """
    constants = {x for node in nodes if node.requires_grad for x in node.inputs if not x.requires_grad}
    shapes = {x.shape for x in constants}
    made: dict[Any, list[Node]] = {}
    found: dict[Reading, Node] = {}
    for node in nodes:
        if node.shape not in shapes or not node.size:
            continue
        if node.requires_grad and node.op is not None:
            made.setdefault(_key(node), []).append(node)
        elif node in constants and np.any(node._data != 0):
            same = (x for x in reversed(made.get(_key(node), ())) if np.array_equal(x._data, node._data))
            if (state := next(same, None)) is not None:
                found[reading(node)] = state
    return found


def _key(node: Node) -> Any:
    """What nodes with the same numbers have in common, and others hardly ever."""
    numbers = np.ravel(node._data)
    return node.shape, float(numbers[0]), float(numbers[-1])
