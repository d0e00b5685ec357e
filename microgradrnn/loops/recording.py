"""Rolling a recorded graph up: stretches that do the same again and again become one step and a count.

A graph is recorded in order, so an unrolled loop is a stretch that repeats with a period (`repeats`). Whether its
steps are alike to the last number, so that one step can be written for all of them, is seen from what their nodes do
and read, never from scopes or labels.

- `Recording`: a graph as loops and single nodes.

Finding loops takes time close to linear in the number of nodes, whatever repeats or nearly does. Of each period it is
remembered where it breaks; what costs more than that has a limit, beyond which only short steps are tried.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from microgradrnn import ops
from microgradrnn.engine import Node
from microgradrnn.graph import by_value
from microgradrnn.loops.reads import (
    Body,
    Carried,
    Listed,
    Member,
    OnePerStep,
    Rolled,
    Row,
    RowOf,
    Rows,
    Same,
    Single,
    Source,
    first_of,
    inner,
    is_row,
    is_wanted,
    same,
    shape_of,
    source_of,
)
from microgradrnn.loops.repeats import Repeats
from microgradrnn.loops.uses import numbered


class Broken(NamedTuple):
    """Why a stretch that repeats is not one loop: what a node reads in a slot does not go on from step to step."""

    node: Node
    slot: int


class Recording:
    """A recorded graph, in the order of recording, as loops and single nodes.

    Args:
        nodes: oldest first; rows, ``x[t]``, are left out.
        given: leaves that are given anew at each call; for those given as lists, the list and which of it.
        keep: nodes that are wanted themselves, even if they are rows.

    Attributes:
        items: the loops and single nodes.
        member: for each node of a loop, (the loop, q, the step k).
        looked: how many inputs were looked at to find the loops.
    """

    def __init__(
        self, nodes: Sequence[Node], given: Mapping[Node, Row | None], keep: frozenset[Node] = frozenset()
    ) -> None:
        self.nodes = [node for node in nodes if node.op is not None and not (is_row(node) and node not in keep)]
        self.keep, self.given = keep, given
        self.items: list[Single | Rolled] = []
        self.member: dict[Node, tuple[Rolled, int, int]] = {}
        self.place = {node: i for i, node in enumerate(self.nodes)}
        self.inputs = [[self.source(x) for x in node.inputs] for node in self.nodes]
        self.repeats = Repeats(numbered(map(_what, self.nodes)))
        self.looked = 0
        self._enough = _ENOUGH * sum(map(len, self.inputs))
        self._failed: list[tuple[range, Broken]] = []
        self._breaks: dict[int, list[int]] = {}
        i = 0
        while i < len(self.nodes):
            i = self._loop_at(i)

    @property
    def broken(self) -> list[Broken]:
        """Why stretches that repeat were not rolled."""
        rolled = np.zeros(len(self.nodes) + 1, dtype=int)
        for node in self.member:
            rolled[self.place[node] + 1] = 1
        before = np.cumsum(rolled)
        return [why for stretch, why in self._failed if before[stretch.start] == before[stretch.stop]]

    def reads(self) -> Iterator[tuple[Rolled, Any]]:
        """Where the inputs of all loops come from, but for which row of them."""
        for item in self.items:
            if isinstance(item, Rolled):
                yield from ((item, inner(read)) for slots in item.reads for read in slots)

    def ranges(self) -> dict[Source, set[tuple[int, int]]]:
        """Which rows of a node are read by loops: from, and up to."""
        found: dict[Source, set[tuple[int, int]]] = {}
        for item, read in self.reads():
            if isinstance(read, Rows):
                first, last = sorted((read.first, read.first + read.sign * (item.length - 1)))
                found.setdefault(read.source, set()).add((first, last + 1))
        return found

    def alone(self) -> dict[Source, set[int]]:
        """Which rows of a node are read outside loops, or by all their steps."""
        found: dict[Source, set[int]] = {}
        read: list[Source] = [self.source(x) for i in self.items if isinstance(i, Single) for x in i.node.inputs]
        read += [r.initial for _, r in self.reads() if isinstance(r, Carried)]
        read += [r.source for _, r in self.reads() if isinstance(r, Same)]
        for source in read:
            while isinstance(source, Row):
                found.setdefault(source.source, set()).add(source.index)
                source = source.source
        return found

    def source(self, node: Node) -> Source:
        """A node, or what it is a row of."""
        return source_of(node, self.given, self.keep)

    # ---- Which stretches are tried ----------------------------------------------------------------------------------

    def _loop_at(self, i: int) -> int:
        """Add the best loop that starts at node i, or else the node alone; where to go on."""
        for period, count in self.repeats.at(i):
            if self.looked > self._enough and period > _SHORT:
                continue
            for skipped in (0, 1):
                start = i + skipped * period
                found = self._steps(start, period, count - skipped)
                if skipped and found is not None:
                    start, found = self._whole_steps(i, start, period, found)
                if found is not None and not (found.length == 2 and self._longer_later(start, period)):
                    self._single(range(i, start))
                    self._add(found)
                    return start + found.length * period
        self._single(range(i, i + 1))
        return i + 1

    def _whole_steps(self, i: int, start: int, period: int, found: Rolled) -> tuple[int, Rolled]:
        """A loop that leaves its first step out, or else as long a one that starts within that step and does not."""
        for j in range(i + 1, start):
            if self.looked > self._enough:
                break
            for other, count in self.repeats.at(j):
                earlier = self._steps(j, period, count) if other == period and count > found.length else None
                if earlier is not None and earlier.length > found.length:
                    return j, earlier
        return start, found

    def _longer_later(self, i: int, period: int) -> bool:
        """Whether a loop of more steps starts within the first of two, and goes farther."""
        return self.repeats.farthest(i + 1, i + period + 1) > i + 2 * period

    def _single(self, places: range) -> None:
        self.items += [Single(self.nodes[place]) for place in places]

    def _add(self, loop: Rolled) -> None:
        self.items.append(loop)
        for q, instances in enumerate(loop.body):
            for k, node in enumerate(instances):
                self.member[node] = (loop, q, k)

    # ---- Whether the steps of a stretch read alike ------------------------------------------------------------------

    def _steps(self, start: int, period: int, count: int) -> Rolled | None:
        """The loop of as many of the steps as read alike, if there are two of them."""
        if count < 2 or self._breaks_early(start, period, count) or not self._first_steps(start, period, count):
            return None
        tried, (alike, reads) = _TRIED, self._alike(start, period, min(count, _TRIED))
        while alike == tried < count:  # no step is looked at that is far behind where they stop being alike
            tried = min(count, 2 * tried)
            alike, reads = self._alike(start, period, tried)
        if alike < 2 or (alike == 2 and (period < _WORTH or count > 2)) or not _agree(reads):
            return None
        body = [[self.nodes[start + k * period + q] for k in range(alike)] for q in range(period)]
        return Rolled(body, [[first_of(read, alike) for read in slots] for slots in reads])

    def _alike(self, start: int, period: int, count: int) -> tuple[int, list[list[Any]]]:
        """How many of the steps read alike, and where their inputs come from."""
        alike, reads = count, []
        for q in range(period):
            slots = []
            for slot in range(len(self.inputs[start + q])):
                read, length = self._read(_Came(self, start + q, period, slot, alike), start, period)
                alike = min(alike, length)
                slots.append(read)
            reads.append(slots)
        return alike, reads

    def _breaks_early(self, start: int, period: int, count: int) -> bool:
        """Whether the period is known to break so soon that there is no loop here."""
        breaks = self._breaks.get(period, [])
        k = bisect_left(breaks, start)
        return k < len(breaks) and breaks[k] < start + (period if count == 2 else 2 * period)

    def _first_steps(self, start: int, period: int, count: int) -> bool:
        """Whether the first two steps read alike, and the third where there is one; and where not, remember it."""
        several = min(count, 3)
        slots = [(q, slot) for q in range(period) for slot in range(len(self.inputs[start + q]))]
        came = {place: _Came(self, start + place[0], period, place[1], several) for place in slots}
        # Weights that differ from step to step are seen at once, and where there are any, nothing else need be read.
        lengths = {place: 1 for place in slots if _are_two_weights(came[place][0], came[place][1])}
        lengths = lengths or {place: self._read(came[place], start, period)[1] for place in slots}
        broken = {place: length for place, length in lengths.items() if length < several}
        for (q, slot), length in broken.items():
            self._remember(start + q + (length - 1) * period, period, slot)
            if count > 2 and count * period > _FEW:
                why = Broken(self.nodes[start + q + length * period], slot)
                self._failed.append((range(start, start + count * period), why))
        return not broken

    def _remember(self, place: int, period: int, slot: int) -> None:
        """Note that a period breaks at a place, unless it depends on where the loop starts."""
        if self._may_be_carried(place, period, slot):
            return
        breaks = self._breaks.setdefault(period, [])
        k = bisect_left(breaks, place)
        if k == len(breaks) or breaks[k] != place:
            insort(breaks, place)

    def _may_be_carried(self, place: int, period: int, slot: int) -> bool:
        """Whether a loop may start so that this input comes from before it, and a period later from its first step."""
        first, second = (self.inputs[place + k * period][slot] for k in range(2))
        made = self.place.get(second, -1) if isinstance(second, Node) else -1
        outside = first
        while isinstance(outside, Row):
            outside = outside.source
        before = self.place.get(outside, -1) if isinstance(outside, Node) else -1
        starts = max(place - period, made - period, before) < min(place, made)
        return starts and self._fits_as_initial(first, self.nodes[made])

    def _read(self, came: Sequence[Source], start: int, period: int) -> tuple[Any, int]:
        """Where the input of a slot comes from, and for how many steps that holds."""
        for kind in (self._body, self._carried, self._same, self._rows, self._member, self._row_of, self._leaves):
            found = kind(came, start, period)
            if found is not None and found[1] >= 2:
                return found
        return None, 1

    def _outside(self, x: Source, start: int) -> bool:
        """Whether it was made before the loop."""
        while isinstance(x, Row):
            x = x.source
        return isinstance(x, Listed) or self.place.get(x, -1) < start

    def _equal_constants(self, x: Source, y: Source) -> bool:
        """Whether two leaves are the same number or array that nobody will give anew, such as the 1 in 1 - z."""
        if not (isinstance(x, Node) and isinstance(y, Node)) or x.op is not None or y.op is not None:
            return False
        if x.requires_grad or y.requires_grad or x in self.given or y in self.given or x.label != y.label:
            return False
        alike = type(x._data) is type(y._data) and x.shape == y.shape and x.dtype == y.dtype
        return alike and bool(np.array_equal(x._data, y._data))

    def _offset(self, x: Source, start: int) -> int | None:
        """How far after a place something was made; None for what was made before the loop."""
        place = self.place.get(x, -1) if isinstance(x, Node) else -1
        return None if place < 0 else place - start

    def _body(self, came: Sequence[Source], start: int, period: int) -> tuple[Any, int] | None:
        q = self._offset(came[0], start)
        if q is None or not 0 <= q < period:
            return None
        return Body(q), _prefix(self._offset(x, start + k * period) == q for k, x in enumerate(came))

    def _carried(self, came: Sequence[Source], start: int, period: int) -> tuple[Any, int] | None:
        offset = self._offset(came[1], start + period)
        if not self._outside(came[0], start) or offset is None or not -period <= offset < 0:
            return None
        if not self._fits_as_initial(came[0], self.nodes[start + period + offset]):
            return None
        later = (self._offset(x, start + k * period) == offset for k, x in enumerate(came) if k)
        return Carried(offset + period, came[0]), 1 + _prefix(later)

    def _fits_as_initial(self, first: Source, then: Node) -> bool:
        """Whether the first step can find in one thing's place what the others find in another."""
        if shape_of(first) != then.shape:  # such as a bias that was broadcast later
            return False
        # A start that wants a gradient before states that want none would be sent nothing: its step stands alone.
        return not is_wanted(first) or then._requires_grad

    def _same(self, came: Sequence[Source], start: int, period: int) -> tuple[Any, int] | None:
        if not self._outside(came[0], start):
            return None
        return Same(came[0]), _prefix(same(x, came[0]) or self._equal_constants(x, came[0]) for x in came)

    def _rows(self, came: Sequence[Source], start: int, period: int) -> tuple[Any, int] | None:
        first, second = came[0], came[1]
        if not (isinstance(first, Row) and isinstance(second, Row) and abs(sign := second.index - first.index) == 1):
            return None
        source, last = first.source, first.last
        if not self._outside(source, start):
            return None
        expected = (x == Row(source, sign * k + first.index, last) for k, x in enumerate(came))
        return Rows(source, sign, first.index), _prefix(expected)

    def _member(self, came: Sequence[Source], start: int, period: int) -> tuple[Any, int] | None:
        one, other = (self._place_in_loop(came[k]) for k in range(2))
        if one is None or other is None:
            return None
        loop, q, first = one
        sign = other[2] - first
        if abs(sign) != 1:
            return None
        expected = (self._place_in_loop(x) == (loop, q, sign * k + first) for k, x in enumerate(came))
        return Member(loop, q, sign, first), _prefix(expected)

    def _place_in_loop(self, x: Source) -> tuple[Rolled, int, int] | None:
        return self.member.get(x) if isinstance(x, Node) else None

    def _row_of(self, came: Sequence[Source], start: int, period: int) -> tuple[Any, int] | None:
        if not isinstance(came[0], Row):
            return None
        index, last = came[0].index, came[0].last
        length = _prefix(isinstance(x, Row) and (x.index, x.last) == (index, last) for x in came)
        if length < 2:
            return None
        sources = [x.source for k in range(length) if isinstance(x := came[k], Row)]
        source, alike = self._read(sources, start, period)
        return RowOf(source, index - shape_of(came[0].source)[0] if last else index), alike

    def _leaves(self, came: Sequence[Source], start: int, period: int) -> tuple[Any, int] | None:
        first = came[0]
        if not isinstance(first, Node) or first.op is not None:
            return None

        def fits(x: Source) -> bool:
            if not isinstance(x, Node) or x.op is not None or (x.shape, x.dtype) != (first.shape, first.dtype):
                return False
            return x not in self.given and not x.requires_grad

        length = _prefix(map(fits, came))
        return OnePerStep(tuple(x for k in range(length) if isinstance(x := came[k], Node))), length


class _Came(Sequence[Source]):
    """What the instances of a node read in a slot, one a step; looked up only as far as somebody asks."""

    def __init__(self, recording: Recording, place: int, period: int, slot: int, length: int) -> None:
        self.recording, self.place, self.period, self.slot, self.length = recording, place, period, slot, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, k: Any) -> Any:
        if not 0 <= k < self.length:
            raise IndexError(k)
        self.recording.looked += 1
        return self.recording.inputs[self.place + k * self.period][self.slot]


_WORTH = 4
"""Two steps of fewer nodes than that are no loop, nor are two out of more: they are easier to read as they are."""
_TRIED = 8
"""So many steps are looked at first."""
_FEW = 8
"""So many nodes that are written out nobody would miss a loop for."""
_ENOUGH = 200
"""How often each input is looked at, on average, before only short steps are tried."""
_SHORT = 64
"""So many nodes make a short step."""


def _what(node: Node) -> Any:
    wanted = tuple(x._requires_grad for x in node.inputs) if node.op is ops.WHERE else node._requires_grad
    params = by_value(node.params) if node.params else None
    return id(node.op), params, node.shape, node.dtype.str, wanted, len(node.inputs)


def _prefix(holds: Any) -> int:
    """How many hold before the first that does not."""
    count = 0
    for yes in holds:
        if not yes:
            break
        count += 1
    return count


def _are_two_weights(one: Source, other: Source) -> bool:
    """Whether two inputs cannot be alike, which is seen without trying what they may be: the commonest case."""
    if not (isinstance(one, Node) and isinstance(other, Node)) or one is other:
        return False
    return one.op is None and other.op is None and one._requires_grad and other._requires_grad


def _agree(reads: list[list[Any]]) -> bool:
    """Whether what the first step finds in place of a step before it is one thing for each node, not two."""
    carried = {(r.q, r.initial) for slots in reads for r in map(inner, slots) if isinstance(r, Carried)}
    return len({q for q, _ in carried}) == len(carried)
