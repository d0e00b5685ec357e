"""Where the inputs of a loop's steps come from, and for how many steps that holds.

- `Alike`: the first two steps say where an input comes from; all others either go on so or do not.
- `Members`: which loop a node is in.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping
from itertools import takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.engine import Node
from microgradrnn.loops.reads import (
    Body,
    Carried,
    Member,
    OnePerStep,
    Rolled,
    RowOf,
    Rows,
    Same,
    Source,
    dtype_of,
    is_wanted,
    shape_of,
)
from microgradrnn.loops.sources import NO_ROW, Numbers, Sources


class Members:
    """The nodes of loops.

    Args:
        numbers: the place of each node of the graph; other numbers are below 0.
    """

    def __init__(self, numbers: Mapping[Any, int]) -> None:
        self._numbers = numbers
        self._starts: list[int] = []
        self._loops: list[Rolled] = []

    def add(self, start: int, loop: Rolled) -> None:
        """Add a loop, which starts at a place after all others."""
        self._starts.append(start)
        self._loops.append(loop)

    def at(self, place: int) -> tuple[Rolled, int, int] | None:
        """For the place of a node (the loop, q, the step k); None if it is in none."""
        k = bisect_right(self._starts, place) - 1
        if k < 0:
            return None
        loop, offset = self._loops[k], place - self._starts[k]
        step, q = divmod(offset, len(loop.body))
        return (loop, q, step) if step < loop.length else None

    def of(self, node: Node) -> tuple[Rolled, int, int] | None:
        """The same for a node."""
        return self.at(self._numbers[node])


class Alike:
    """Compares what steps read.

    Args:
        sources: the graph.
        given: leaves that are given anew at each call.
        members: the loops that were found before.
    """

    def __init__(self, sources: Sources, given: Collection[Node], members: Members) -> None:
        self.sources, self.given, self.members = sources, given, members

    # ---- What two steps have in common ------------------------------------------------------------------------------

    def read(self, one: int, two: int, start: int, period: int) -> Any:
        """Where an input comes from, by what the first two steps of a loop read; None if they have nothing in common.

        It may hold for the first step only; see `steps`. Of `OnePerStep` the leaves are still to be filled in; see
        `filled`.
        """
        sources = self.sources
        if one >= start:
            return Body(one - start)
        if sources.root(one) < start:
            if start <= two < start + period and self.fits_as_initial(one, two):
                return Carried(two - start, sources.source(one))
            if self._is_same(one, two):
                return Same(sources.source(one))
        if one >= 0:
            return self._member(one, two)
        if sources.is_row(one) and sources.is_row(two):
            return self._row(one, two, start, period)
        leaf = sources.leaf(one)
        return OnePerStep(()) if leaf is not None and self._may_differ(leaf) else None

    def _row(self, one: int, two: int, start: int, period: int) -> Any:
        """Two rows: one after another of the same, or one and the same of what two steps read."""
        row_of, index, last = self.sources.row_of, self.sources.index, self.sources.last
        source, first, sign = int(row_of[~one]), int(index[~one]), int(index[~two] - index[~one])
        if abs(sign) == 1 and self.sources.root(source) < start:
            return Rows(self.sources.source(source), sign, first)
        read = self.read(source, int(row_of[~two]), start, period)
        size = shape_of(self.sources.source(source))[0]
        return None if read is None else RowOf(read, first - size if last[~one] else first)

    def _member(self, one: int, two: int) -> Member | None:
        first, second = self.members.at(one), self.members.at(two)
        if first is None or second is None or first[:2] != second[:2] or abs(second[2] - first[2]) != 1:
            return None
        return Member(first[0], first[1], second[2] - first[2], first[2])

    def fits_as_initial(self, first: int, then: int) -> bool:
        """Whether the first step can find in one thing's place what the others find in another."""
        initial, node = self.sources.source(first), self.sources.nodes[then]
        if shape_of(initial) != node.shape:  # such as a bias that was broadcast later
            return False
        # States in the type of the start would be cut off to it: fractions to integers, float64 to float32.
        if not self._is_number(initial) and dtype_of(initial) != node.dtype:
            return False
        # A start that wants a gradient before states that want none would be sent nothing: its step stands alone.
        return not is_wanted(initial) or node._requires_grad

    def _is_same(self, one: int, other: int) -> bool:
        """Whether two things are one, or leaves of the same number or array that nobody will give anew: 1 in 1 - z."""
        if one == other:
            return True
        x, y = self.sources.leaf(one), self.sources.leaf(other)
        if x is None or y is None or not (self._may_differ(x) and self._is_like(x, y)):
            return False
        return type(x._data) is type(y._data) and np.array_equal(x._data, y._data)

    def _is_number(self, source: Source) -> bool:
        """Whether it is a constant number of Python, which takes the type of what it meets."""
        return isinstance(source, Node) and not isinstance(source._data, np.ndarray) and source not in self.given

    def _may_differ(self, leaf: Node) -> bool:
        """Whether a leaf is a constant, of which each step may have another."""
        return not leaf.requires_grad and leaf not in self.given

    def _is_like(self, leaf: Node, other: Node) -> bool:
        """Whether another step may have another leaf for one."""
        return self._may_differ(other) and (leaf.shape, leaf.dtype) == (other.shape, other.dtype)

    # ---- How many steps go on so ------------------------------------------------------------------------------------

    def steps(self, read: Any, came: Numbers, period: int) -> int:
        """For how many steps that holds; ``came`` says what each reads."""
        match read:
            case Body():
                return 1 + _prefix(np.diff(came) == period)
            case Carried():
                return 2 + _prefix(np.diff(came[1:]) == period)
            case Same():
                return self._same_steps(came)
            case Member(loop, _, sign, first):
                left = loop.length - first if sign > 0 else first + 1
                return min(left, 1 + _prefix(np.diff(came) == sign * len(loop.body)))
            case OnePerStep():
                return self._other_leaves(came)
        rows = ~came[: _prefix(came < 0)]
        row_of, index, last = (of[rows] for of in (self.sources.row_of, self.sources.index, self.sources.last))
        if isinstance(read, Rows):
            expected = index[0] + read.sign * np.arange(len(rows))
            return _prefix((row_of == row_of[0]) & (index == expected) & (last == last[0]))
        count = _prefix((row_of != NO_ROW) & (index == index[0]) & (last == last[0]))
        return min(count, self.steps(read.source, row_of[:count], period))

    def _same_steps(self, came: Numbers) -> int:
        first, count = int(came[0]), _prefix(came == came[0])
        while count < len(came) and self._is_same(first, int(came[count])):
            count += 1
        return count

    def _other_leaves(self, came: Numbers) -> int:
        leaves = map(self.sources.leaf, came.tolist())
        first = next(leaves)
        assert first is not None
        return 1 + sum(1 for _ in takewhile(lambda leaf: leaf is not None and self._is_like(first, leaf), leaves))

    def filled(self, read: Any, came: Numbers) -> Any:
        """Where an input comes from, with the leaves that the steps read."""
        match read:
            case OnePerStep():
                return OnePerStep(
                    tuple(leaf for number in came.tolist() if (leaf := self.sources.leaf(number)) is not None)
                )
            case RowOf(source, index):
                return RowOf(self.filled(source, self.sources.row_of[~came]), index)
        return read


def _prefix(holds: NDArray[np.bool_]) -> int:
    """How many hold before the first that does not."""
    return len(holds) if holds.all() else int(holds.argmin())
