"""Forward mode: tangents pushed through the recorded graph, from the same op table as the backward pass.

- `jvp`: through a whole graph. `push`: through one edge.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.backprop import local_gradient
from microgradrnn.convert import as_array
from microgradrnn.engine import Node, Value, ancestors


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
        if not node._requires_grad or np.shape(tangent) != node.shape:
            raise ValueError(f"a tangent of shape {np.shape(tangent)} does not fit {node!r}")
        moves[node] = as_array(tangent, node.dtype)
    for node in ancestors(root):
        moving = [slot for slot, x in enumerate(node.inputs) if x in moves]
        if moving and node not in tangents:
            total = sum(push(node, slot, moves[node.inputs[slot]]) for slot in moving)
            moves[node] = np.broadcast_to(total, node.shape)
    tangent = moves.get(root, np.zeros(root.shape))
    return float(tangent) if type(root) is Value else np.array(tangent, dtype=root.dtype)


def push(node: Node, slot: int, tangent: NDArray[Any]) -> Any:
    """How ``node`` moves when its input at ``slot`` moves along ``tangent``; may still have to be broadcast."""
    op = node.op
    assert op is not None
    if op.push is None:
        return local_gradient(node, slot) * tangent
    xs = (node.xs,) if op.any_number else node.xs
    return op.push[slot](node.xp, tangent, node._data, *xs, **node.params)
