"""The local gradient of one edge, as short as there is room for on an arrow.

- `Local`: a number, an array, a small Jacobian, or a formula. `local`: that of an edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradrnn.stepping import Edge

from ..numbers import number
from .products import entry, is_elementwise, largest, written
from .visits import Words

SMALL, MOST_TERMS = 4, 2
"""A Jacobian of so many rows and columns is written out, and so many products of a sum."""


@dataclass(frozen=True, eq=False)
class Local:
    """d(node)/d(one of its inputs).

    Attributes:
        data: the number; of an elementwise op the array of them; the Jacobian; None where it is too large.
        is_matrix: whether ``data`` is a Jacobian: a row an entry of the node, a column an entry of the input.
        formula: what goes down the edge, in names, where ``data`` is None.
        entry: the same in numbers: how the largest entry of it comes about.
        note: what else happens on the way down.
    """

    data: Any = None
    is_matrix: bool = False
    formula: str = ""
    entry: str = ""
    note: str = ""


def local(edge: Edge, words: Words) -> Local:
    """The local gradient of an edge.

    >>> from microgradrnn import Value, functional
    >>> from viz.passes import whole
    >>> run = whole(Value(2.0, "a") * Value(3.0, "b"))
    >>> [local(edge, Words(run)).data for edge in run.visits[0].edges]
    [3.0, 2.0]
    >>> from microgradrnn import Tensor
    >>> run = whole(functional.softmax(Tensor([0.0, 0.0], "y")), upstream=[1.0, 0.0])
    >>> local(run.visits[0].edges[0], Words(run)).data
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    node, x = edge.node, edge.input
    if is_elementwise(edge):
        summed = "summed" if node.size > x.size else ""
        data = np.asarray(edge.local, dtype=float)
        if data.size and (data == data.flat[0]).all():
            return Local(float(data.flat[0]), note=summed)
        return Local(data, note=summed)
    if 0 < node.size <= SMALL and 0 < x.size <= SMALL:
        jacobian = edge.jacobian().reshape(node.size, x.size)
        is_identity = np.array_equal(jacobian, np.eye(*jacobian.shape)) and node.size == x.size
        return Local(1.0) if is_identity else Local(jacobian, is_matrix=True)  # what moves entries keeps them
    if node.size == 1 and x.size:
        return Local(edge.jacobian().reshape(x.shape))
    return Local(formula=words.local(edge).text, entry=_largest(edge))


def _largest(edge: Edge) -> str:
    """The largest entry of a contribution, as the sum of upstream times local that makes it."""
    (place,) = largest(edge.downstream, 1)
    found = entry(edge, place)
    where = f"[{','.join(map(str, place))}]" if place else ""
    pairs = [(term.upstream, term.local) for term in found.terms if term.upstream * term.local]
    return f"{where}: " + (f"{written(pairs, MOST_TERMS)} = {number(found.total)}" if pairs else "0")
