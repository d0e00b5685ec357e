"""The sums of products that make single entries of a contribution: upstream times local, once for each path.

- `entry`: how one entry comes about. `largest`: the entries worth showing. `written`: a sum of products as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradrnn.forward import push
from microgradrnn.stepping import Edge

from ..numbers import number, signed
from ..sources import entry as entry_of

Index = tuple[int, ...]


@dataclass(frozen=True)
class Term:
    """One product in the sum that makes an entry of a contribution: the visited node's entry ``index`` times local."""

    index: Index
    upstream: float
    local: float


@dataclass(frozen=True)
class Entry:
    """One entry of a contribution: the sum of its terms."""

    index: Index
    terms: tuple[Term, ...]
    total: float


def is_elementwise(edge: Edge) -> bool:
    """Whether downstream is upstream times local, entry by entry."""
    return edge.node.op is not None and edge.node.op.local is not None


def entry(edge: Edge, index: Index) -> Entry:
    """How one entry of a contribution comes about: the sum over the node's entries of upstream times local."""
    tangent = np.zeros(edge.input.shape, edge.input.dtype)
    tangent[index] = 1.0
    column = np.asarray(push(edge.node, edge.slot, tangent), dtype=float)
    upstream = np.broadcast_to(np.asarray(edge.upstream, dtype=float), edge.node.shape)
    counts = np.argwhere(column != 0)
    if is_elementwise(edge) and not len(counts):
        touched = np.broadcast_to(tangent, edge.node.shape)  # a local gradient of 0 is still a term
        counts = np.argwhere(touched != 0)
    terms = [Term(k, float(upstream[k]), float(column[k])) for k in (tuple(row.tolist()) for row in counts)]
    return Entry(index, tuple(terms), entry_of(edge.downstream, index))


def largest(data: Any, count: int) -> list[Index]:
    """The entries worth showing: all, in order, if there are at most ``count``, else the largest ones.

    >>> largest([1.0, -3.0, 2.0], 2)
    [(1,), (2,)]
    """
    sizes = np.abs(np.asarray(data, dtype=float))
    flat = range(sizes.size) if sizes.size <= count else np.argsort(-sizes, axis=None, kind="stable")[:count]
    return [tuple(int(i) for i in np.unravel_index(k, sizes.shape)) for k in flat]


def written(pairs: Sequence[tuple[float, float]], most: int = 8) -> str:
    """A sum of products; of more than ``most`` the small ones stand together.

    >>> written([(2.0, 3.0), (-1.0, -0.5)])
    '2 × 3 + (−1) × (−0.5)'
    >>> written([(5.0, 2.0), (0.1, 1.0), (0.2, 1.0)], most=1)
    '5 × 2 + 0.3 (the other 2)'
    """
    kept = set(sorted(range(len(pairs)), key=lambda i: -abs(pairs[i][0] * pairs[i][1]))[:most])
    parts: list[str] = []
    for i in sorted(kept):
        a, b = pairs[i]
        parts.append(f"{signed(a) if parts else number(a)} × {signed(b)}")
    others = [a * b for i, (a, b) in enumerate(pairs) if i not in kept]
    if others:
        parts.append(f"{signed(sum(others))} (the other {len(others)})")
    return " + ".join(parts) or "0"


def added(parts: Sequence[float]) -> str:
    """A sum as text.

    >>> added([1.0, -2.0, 0.5])
    '1 + (−2) + 0.5'
    """
    return " + ".join(signed(x) if i else number(x) for i, x in enumerate(parts))
