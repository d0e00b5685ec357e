"""What errors say: the op, the shapes, what would fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradrnn.ops import Op

if TYPE_CHECKING:
    from microgradrnn.engine import Node


def misfit(op: Op, operands: Sequence[Node], params: Mapping[str, Any], error: Exception) -> Exception:
    """An error of NumPy's as one that names the op and its inputs' shapes, and says what it needs."""
    shapes = " and ".join(str(node.shape) for node in operands)
    told = "".join(f", {name}={value}" for name, value in params.items())
    kinds = (np.exceptions.AxisError, IndexError, ValueError)  # the first is both of the others
    kind = next(kind for kind in kinds if isinstance(error, kind))
    return kind(f"{op.name} got shapes {shapes}{told}; it needs {op.needs} ({error})")


def describe(node: Node) -> str:
    """A node for an error: its name, and its number or shape."""
    name = node.label or (node.op.name if node.op else "constant")
    nan = ", which holds NaN" if np.isnan(node._data).any() else ""
    return f"{name}={node._data}" if node.ndim == 0 else f"{name} of shape {node.shape}{nan}"


def edge_name(node: Node, slot: int) -> str:
    """An edge of the graph, from a node down to one of its inputs."""
    names = [n.label or (n.op.name if n.op else "a leaf") for n in (node, node.inputs[slot])]
    return f"from {names[0]}{node.place} to {names[1]}"
