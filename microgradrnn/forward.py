"""Forward mode: tangents pushed through the recorded graph, from the same op table as the backward pass.

- `jvp`: through a whole graph. `push`: through one edge.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.backprop import local_gradient
from microgradrnn.convert import as_array
from microgradrnn.engine import Node, Value, ancestors
from microgradrnn.ops import Scattered, downstream_of


def jvp(root: Node, tangents: Mapping[Node, Any]) -> Any:
    """Forward mode: how ``root`` moves when each leaf moves along its tangent, d(root) = sum of d(root)/d(leaf) v.

    Args:
        root: any recorded node.
        tangents: for each moving node a number or array of its shape.

    Returns:
        The tangent of root: a float for a `Value`, else an array of its shape.

    >>> from microgradrnn import Value
    >>> x = Value(3.0)
    >>> jvp(x * x, {x: 1.0})
    6.0
    """
    moves: dict[Node, Any] = {}
    for node, tangent in tangents.items():
        move = as_array(tangent, node.dtype)
        if not node._requires_grad:
            raise ValueError(f"jvp: {node!r} needs no gradient, so it takes no tangent")
        if move.shape != node.shape:
            raise ValueError(f"jvp: the tangent of {node!r} has shape {move.shape}; it needs {node.shape}")
        moves[node] = move
    for node in ancestors(root):
        moving = [slot for slot, x in enumerate(node.inputs) if x in moves]
        if moving and node not in tangents:
            moves[node] = _move(node, [(slot, moves[node.inputs[slot]]) for slot in moving])
    tangent = moves.get(root, np.zeros(root.shape))
    return float(tangent) if type(root) is Value else np.array(tangent, dtype=root.dtype, order="C")


def push(node: Node, slot: int, tangent: NDArray[Any]) -> NDArray[Any]:
    """How ``node`` moves when its input at ``slot`` alone moves along ``tangent``."""
    return _move(node, [(slot, tangent)])


def _move(node: Node, tangents: Iterable[tuple[int, NDArray[Any]]]) -> NDArray[Any]:
    """How a node moves with its inputs at some slots: the sum of what each of them does."""
    total: Any = 0.0
    for slot, tangent in tangents:
        part = _push(node, slot, tangent)
        if isinstance(part, Scattered):
            total = total if np.shape(total) == node.shape else np.zeros(node.shape, node.dtype) + total
            part.add_into(total)
        else:
            total = total + part
    return np.broadcast_to(total, node.shape)


def _push(node: Node, slot: int, tangent: NDArray[Any]) -> Any:
    op = node.op
    assert op is not None
    if op.push is None:
        return downstream_of(op, node.xp, tangent, local_gradient(node, slot))
    xs = (node.xs,) if op.any_number else node.xs
    return op.push[slot](node.xp, tangent, node._data, *xs, **node.params)
