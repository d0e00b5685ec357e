"""States that were detached from their past, as in truncated backpropagation through time: where they come from.

- `detached`: for each constant that is a detached state, or a part of one, the node that it has its numbers from.

Nothing in the graph leads from a detached state to where it was made. The leaf knows that it was detached, and its
numbers tell which state it is, or which part of one. A state that was cut off by hand, as in ``Tensor(h.data)``, is
known by its numbers alone, if these are such as nothing has by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradrnn.engine import Node
from microgradrnn.graph import is_detached
from microgradrnn.loops.uses import Reading, reading


def detached(nodes: Sequence[Node]) -> dict[Reading, Node]:
    """For each detached constant that a node with a gradient reads, the latest node before it with the same numbers.

    A constant is detached if it is a part of what `Node.detach` gave, or has unmistakable numbers.

    Args:
        nodes: a graph, oldest first.

    >>> from microgradrnn import Tensor
    >>> from microgradrnn.graph import ancestors
    >>> state = Tensor([1.0, 2.0]).tanh()
    >>> cut = state.detach()
    >>> detached(ancestors(state + cut * state)) == {Reading(cut): state}
    True
    """
    cut = _cut_off(nodes)
    read = {x for node in nodes if node.requires_grad for x in node.inputs if not x.requires_grad}
    shapes = {x.shape for x in read}
    made: dict[Any, list[Node]] = {}
    found: dict[Reading, Node] = {}
    for node in nodes:
        if node.shape not in shapes or not node.size:
            continue
        if node.requires_grad and node.op is not None:
            made.setdefault(_key(node), []).append(node)
        elif node in read and (alike := made.get(_key(node))) and (node in cut or _is_unmistakable(node)):
            same = (x for x in reversed(alike) if np.array_equal(x._data, node._data))
            if (state := next(same, None)) is not None:
                found[reading(node)] = state
    return found


def _cut_off(nodes: Sequence[Node]) -> set[Node]:
    """The detached leaves, and what is computed from them alone, such as the rows of one."""
    found: set[Node] = set()
    for node in nodes:
        if is_detached(node) or (node.inputs and all(x in found for x in node.inputs)):
            found.add(node)
    return found


def _is_unmistakable(node: Node) -> bool:
    """Whether no two nodes have these entries by chance: several, all different, and none of them a whole number."""
    entries = np.unique(node._data)
    return 1 < node.size == entries.size and not np.any(entries == np.round(entries))


def _key(node: Node) -> Any:
    """What nodes with the same numbers have in common, and others hardly ever."""
    numbers = np.ravel(node._data)
    return node.shape, float(numbers[0]), float(numbers[-1])
