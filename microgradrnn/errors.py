"""What errors say: the op, the shapes, what would fit."""

from __future__ import annotations

import dis
import inspect
import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradrnn.ops import Op

if TYPE_CHECKING:
    from microgradrnn.engine import Node


class CannotFollow(TypeError):  # noqa: N818 - what happened
    """What a reader of graphs, such as `compile`, cannot turn into what it makes of them; says what, and the remedy."""


_ONLY_SHAPES = re.compile("core dimension|not aligned|could not be broadcast|cannot reshape array")
"""NumPy's words for shapes that do not fit, which say no more than the shapes do."""


def misfit(op: Op, operands: Sequence[Node], params: Mapping[str, Any], error: Exception) -> Exception:
    """An error of NumPy's as one that names the op and its inputs' shapes, and says what it needs."""
    shapes = " and ".join(str(node.shape) for node in operands)
    told = "".join(f", {name}={value}" for name, value in params.items())
    kinds = (np.exceptions.AxisError, IndexError, ValueError)  # the first is both of the others
    kind = next(kind for kind in kinds if isinstance(error, kind))
    numpys = "" if _ONLY_SHAPES.search(str(error)) else f" ({error})"
    return kind(f"{op.name} got shapes {shapes}{told}; it needs {op.needs}{numpys}")


class reading:  # noqa: N801 - a context manager, entered thousands of times a compilation
    """Turn an error of the op's functions, which the reader calls with its own namespace, into one that says why.

    Mostly they use NumPy, which knows nothing of nodes and expressions, where ``xp`` would do.
    """

    __slots__ = ("op", "reader")

    def __init__(self, op: Op, reader: str) -> None:
        self.op, self.reader = op, reader

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, (TypeError, AttributeError)):
            remedy = " and ".join(f"write xp.{name.partition('.')[2]}, not {name}" for name in _outside_xp(self.op))
            remedy = remedy or "its functions may use operators and the functions of xp"
            raise CannotFollow(f"{self.reader} cannot follow op {self.op.name!r}: {remedy} ({error})") from error


def _outside_xp(op: Op) -> list[str]:
    """What an op's functions call of NumPy and math, such as np.exp, in the order of their first use."""
    found: dict[str, None] = {}
    for function in (op.forward, *(op.local or ()), *(op.pull or ()), *(op.push or ())):
        if not isinstance(function, FunctionType):
            continue
        known = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
        for name, attribute in pairwise(dis.get_instructions(function.__code__)):
            if known.get(name.argval) in (np, math) and attribute.opname in ("LOAD_ATTR", "LOAD_METHOD"):
                found[f"{name.argval}.{attribute.argval}"] = None
    return list(found)


def describe(node: Node) -> str:
    """A node for an error: its name, and its number or shape."""
    name = node.label or (node.op.name if node.op else "constant")
    nan = ", which holds NaN" if np.isnan(node._data).any() else ""
    return f"{name}={node._data}" if node.ndim == 0 else f"{name} of shape {node.shape}{nan}"


def edge_name(node: Node, slot: int) -> str:
    """An edge of the graph, from a node down to one of its inputs."""
    names = [n.label or (n.op.name if n.op else "a leaf") for n in (node, node.inputs[slot])]
    return f"from {names[0]}{node.place} to {names[1]}"
