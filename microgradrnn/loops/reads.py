"""Where an input of a loop's step comes from.

- `Same` for every step; from within the step (`Body`); from the step before (`Carried`); or another one for each
  step, in order or in reverse: `Rows` of a node, a `Member` of another loop, `OnePerStep`. `RowOf` is a row of these.
- `Single`: a node on its own. `Rolled`: a loop, with the nodes of its step, each as its instances.
- `Row`: one row of a node, ``x[t]``. It is no node of its own in a loop, so the rows of a sequence are not a loop.

Nodes are told apart by identity alone, so nothing here compares nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microgradrnn import ops
from microgradrnn.engine import Node


@dataclass(frozen=True, eq=False)
class Listed:
    """Leaves that are given as a list, one a step."""

    leaves: tuple[Node, ...]


@dataclass(frozen=True, eq=False)
class Row:
    """``source[index]``, for a plain integer. Two are equal if they are the same row of the same thing."""

    source: Node | Row | Listed
    index: int
    last: bool = False
    """Whether it was counted from the end."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Row):
            return False
        return same(self.source, other.source) and (self.index, self.last) == (other.index, other.last)

    def __hash__(self) -> int:
        return hash((self.source, self.index, self.last))


Source = Node | Row | Listed


@dataclass(frozen=True, eq=False)
class Same:
    """The same in every step."""

    source: Source


@dataclass(frozen=True, eq=False)
class Body:
    """What the q-th node of the step has made."""

    q: int


@dataclass(frozen=True, eq=False)
class Carried:
    """What the q-th node made in the step before; in the first step, ``initial``."""

    q: int
    initial: Source


@dataclass(frozen=True, eq=False)
class RowOf:
    """One row of what another of these says."""

    source: Any
    index: int


@dataclass(frozen=True, eq=False)
class Rows:
    """In step k, row ``sign * k + first`` of a node."""

    source: Source
    sign: int
    first: int


@dataclass(frozen=True, eq=False)
class Member:
    """In step k, what the q-th node of another loop made in its step ``sign * k + first``."""

    loop: Rolled
    q: int
    sign: int
    first: int


@dataclass(frozen=True, eq=False)
class OnePerStep:
    """In step k, the k-th of these leaves."""

    leaves: tuple[Node, ...]


@dataclass(eq=False)
class Single:
    """A node on its own."""

    node: Node


@dataclass(eq=False)
class Rolled:
    """A loop: for each node of its step the instances, one a step, and where each of its inputs comes from."""

    body: list[list[Node]]
    reads: list[list[Any]] = field(default_factory=list)

    @property
    def length(self) -> int:
        """The number of steps."""
        return len(self.body[0])


def same(one: Source, other: Source) -> bool:
    """Whether two sources are one node, one list, or one row of the same."""
    return one is other or (isinstance(one, Row) and isinstance(other, Row) and one == other)


def inner(read: Any) -> Any:
    """Where something comes from, whichever row of it is read."""
    while isinstance(read, RowOf):
        read = read.source
    return read


def is_row(node: Node) -> bool:
    """Whether it is one row of its input, taken with a plain integer."""
    if node.op is not ops.INDEX or len(node.inputs) != 1:
        return False
    key = node.params["key"]
    return len(key) == 1 and isinstance(key[0], (int, np.integer)) and not isinstance(key[0], (bool, np.bool_))


def source_of(node: Node, given: Mapping[Node, Row | None], keep: frozenset[Node]) -> Source:
    """A node, or what it is a row of; a leaf that is given in a list is a row of that list."""
    listed = given.get(node)
    if listed is not None:
        return listed
    if is_row(node) and node not in keep:
        return Row(source_of(node.inputs[0], given, keep), *row_taken(node))
    return node


def row_taken(row: Node) -> tuple[int, bool]:
    """Which row of its input a row is, and whether it was counted from the end."""
    index = int(row.params["key"][0])
    return index % row.inputs[0].shape[0], index < 0


def shape_of(source: Source) -> tuple[int, ...]:
    """The shape of what is read."""
    if isinstance(source, Row):
        return shape_of(source.source)[1:]
    if isinstance(source, Listed):
        return len(source.leaves), *source.leaves[0].shape
    return source.shape


def dtype_of(source: Source) -> np.dtype[Any]:
    """The type of what is read."""
    if isinstance(source, Row):
        return dtype_of(source.source)
    return source.leaves[0].dtype if isinstance(source, Listed) else source.dtype


def is_wanted(source: Source) -> bool:
    """Whether it gets a gradient."""
    if isinstance(source, Row):
        return is_wanted(source.source)
    return source.requires_grad if isinstance(source, Node) else any(leaf.requires_grad for leaf in source.leaves)
