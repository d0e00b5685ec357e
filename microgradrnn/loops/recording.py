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
from microgradrnn.loops.alike import Alike, Members
from microgradrnn.loops.reads import Carried, Rolled, Row, Rows, Same, Single, Source, inner, source_of
from microgradrnn.loops.repeats import Repeats
from microgradrnn.loops.sources import Numbers, Sources
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
        nodes, sources: the nodes, and what they read.
        member: for each node of a loop, (the loop, q, the step k).
        looked: how many inputs were looked at to find the loops.
    """

    def __init__(
        self, nodes: Sequence[Node], given: Mapping[Node, Row | None], keep: frozenset[Node] = frozenset()
    ) -> None:
        self.keep, self.given = keep, given
        self.items: list[Single | Rolled] = []
        self.sources = Sources(nodes, given, keep)
        self.nodes = self.sources.nodes
        self.member = Members(self.sources.numbers)
        self.alike = Alike(self.sources, given, self.member)
        self.repeats = Repeats(numbered(map(_what, self.nodes)))
        self.looked = 0
        self._enough = _ENOUGH * len(self.sources.reads)
        self._failed: list[tuple[range, Broken]] = []
        self._breaks: dict[int, list[int]] = {}
        i = 0
        while i < len(self.nodes):
            i = self._loop_at(i)

    @property
    def broken(self) -> list[Broken]:
        """Why stretches that repeat were not rolled."""
        place = self.sources.numbers
        rolled = np.zeros(len(self.nodes) + 1, dtype=int)
        for loop in (item for item in self.items if isinstance(item, Rolled)):
            rolled[place[loop.body[0][0]] + 1 : place[loop.body[-1][-1]] + 2] = 1
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
                    self.items.append(found)
                    self.member.add(start, found)
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

    # ---- Whether the steps of a stretch read alike ------------------------------------------------------------------

    def _steps(self, start: int, period: int, count: int) -> Rolled | None:
        """The loop of as many of the steps as read alike, if there are two of them."""
        if count < 2 or self._breaks_early(start, period, count):
            return None
        reads = self._first_steps(start, period, count)
        if reads is None:
            return None
        tried, alike = _TRIED, self._alike(reads, start, period, min(count, _TRIED))
        while alike == tried < count:  # no step is looked at that is far behind where they stop being alike
            tried = min(count, 2 * tried)
            alike = self._alike(reads, start, period, tried)
        if alike < 2 or (alike == 2 and (period < _WORTH or count > 2)) or not _agree(reads):
            return None
        came = self._came(start, period, alike)
        filled = iter([self.alike.filled(read, came[:, k]) for k, read in enumerate(reads)])
        body = [self.nodes[start + q : start + alike * period : period] for q in range(period)]
        return Rolled(body, [[next(filled) for _ in instances[0].inputs] for instances in body])

    def _came(self, start: int, period: int, count: int) -> Numbers:
        """What so many steps read: a row for each step, in it all slots of all its nodes."""
        begins = self.sources.begins
        begin, width = begins[start], begins[start + period] - begins[start]
        return self.sources.reads[begin : begin + count * width].reshape(count, width)

    def _alike(self, reads: Sequence[Any], start: int, period: int, count: int) -> int:
        """How many of the steps read alike."""
        came = self._came(start, period, count)
        for k, read in enumerate(reads):
            self.looked += count
            count = min(count, self.alike.steps(read, came[:count, k], period))
        return count

    def _breaks_early(self, start: int, period: int, count: int) -> bool:
        """Whether the period is known to break so soon that there is no loop here."""
        breaks = self._breaks.get(period, [])
        k = bisect_left(breaks, start)
        return k < len(breaks) and breaks[k] < start + (period if count == 2 else 2 * period)

    def _first_steps(self, start: int, period: int, count: int) -> list[Any] | None:
        """Where the inputs come from, if the first two steps read alike, and the third where there is one.

        Where they do not, it is remembered.
        """
        several = min(count, 3)
        came = self._came(start, period, several)
        pairs = list(zip(came[0].tolist(), came[1].tolist(), strict=True))
        self.looked += 2 * len(pairs)
        # Weights that differ from step to step are seen at once, and where there are any, nothing else need be read.
        lengths = {k: 1 for k, pair in enumerate(pairs) if self._are_two_weights(*pair)}
        reads: list[Any] = []
        if not lengths:
            self.looked += several * len(pairs)
            reads = [self.alike.read(*pair, start, period) for pair in pairs]
            lengths = {
                k: 1 if read is None else self.alike.steps(read, came[:, k], period) for k, read in enumerate(reads)
            }
        broken = {k: length for k, length in lengths.items() if length < several}
        if not broken:
            return reads
        slots = [(q, slot) for q in range(period) for slot in range(len(self.nodes[start + q].inputs))]
        for k, length in broken.items():
            q, slot = slots[k]
            self._remember(start + q + (length - 1) * period, period, slot)
            if count > 2 and count * period > _FEW:
                why = Broken(self.nodes[start + q + length * period], slot)
                self._failed.append((range(start, start + count * period), why))
        return None

    def _are_two_weights(self, one: int, other: int) -> bool:
        """Whether two inputs cannot be alike, which is seen without trying what they may be: the commonest case."""
        if one == other:
            return False
        x, y = self.sources.leaf(one), self.sources.leaf(other)
        return x is not None and y is not None and x._requires_grad and y._requires_grad

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
        reads, begins = self.sources.reads, self.sources.begins
        first, made = (int(reads[begins[place + k * period] + slot]) for k in range(2))
        starts = max(place - period, made - period, self.sources.root(first)) < min(place, made)
        return starts and self.alike.fits_as_initial(first, made)


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
    data: Any = node._data if type(node._data) is np.ndarray else node  # whose own shape and type take longer
    return node.op, params, data.shape, data.dtype, wanted, len(node.inputs)


def _agree(reads: Sequence[Any]) -> bool:
    """Whether what the first step finds in place of a step before it is one thing for each node, not two."""
    carried = {(r.q, r.initial) for r in map(inner, reads) if isinstance(r, Carried)}
    return len({q for q, _ in carried}) == len(carried)
