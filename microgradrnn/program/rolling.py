"""Finding loops: stretches of a recorded graph that do the same again and again become one step and a count.

A graph is recorded in order, so an unrolled loop is a stretch that repeats with a period. Whether its steps are alike
is seen from what their nodes do and read, never from scopes or labels:

- `Single`: a node on its own. `Rolled`: a loop, with the nodes of its step, each as its instances.
- Where an input of a step comes from: `Same` for every step, from within the step (`Body`), from the step before
  (`Carried`), or another one for each step, in order or in reverse.
- `Row`: one row of a node, ``x[t]``. It is no node of its own here, so the rows of a sequence are not a loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microgradrnn import ops
from microgradrnn.engine import Node
from microgradrnn.program.names import identifier


@dataclass(frozen=True, eq=False)
class Listed:
    """OnePerStep that are given as a list, one a step."""

    leaves: tuple[Node, ...]


@dataclass(frozen=True)
class Row:
    """``source[index]``, for a plain integer."""

    source: Node | Row | Listed
    index: int
    last: bool = False
    """Whether it was counted from the end."""


Source = Node | Row | Listed


@dataclass(frozen=True)
class Same:
    """The same in every step."""

    source: Source


@dataclass(frozen=True)
class Body:
    """What the q-th node of the step has made."""

    q: int


@dataclass(frozen=True)
class Carried:
    """What the q-th node made in the step before; in the first step, ``initial``."""

    q: int
    initial: Source


@dataclass(frozen=True)
class RowOf:
    """One row of what another of these says."""

    source: Any
    index: int


@dataclass(frozen=True)
class Rows:
    """In step k, row ``sign * k + first`` of a node."""

    source: Source
    sign: int
    first: int


@dataclass(frozen=True)
class Member:
    """In step k, what the q-th node of another loop made in its step ``sign * k + first``."""

    loop: Rolled
    q: int
    sign: int
    first: int


@dataclass(frozen=True)
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


class Recording:
    """A recorded graph, in the order of recording, as loops and single nodes.

    Args:
        nodes: oldest first; rows, ``x[t]``, are left out.
        given: leaves that are given anew at each call; for those given as lists, the list and which of it.
        keep: nodes that are wanted themselves, even if they are rows.

    Attributes:
        items: the loops and single nodes.
        member: for each node of a loop, (the loop, q, the step k).
    """

    def __init__(
        self, nodes: Sequence[Node], given: Mapping[Node, Row | None], keep: frozenset[Node] = frozenset()
    ) -> None:
        self.nodes = [node for node in nodes if node.op is not None and not (is_row(node) and node not in keep)]
        self.keep, self.given = keep, given
        self.items: list[Single | Rolled] = []
        self.member: dict[Node, tuple[Rolled, int, int]] = {}
        self._broken: list[tuple[range, str]] = []
        self.place = {node: i for i, node in enumerate(self.nodes)}
        self.inputs = [[self.source(x) for x in node.inputs] for node in self.nodes]
        self.repeats = _Repeats(self.nodes)
        i = 0
        while i < len(self.nodes):
            i = self._loop_at(i)

    @property
    def notes(self) -> list[str]:
        """Why stretches that repeat were not rolled."""
        rolled = {self.place[node] for node in self.member}
        return list(dict.fromkeys(why for stretch, why in self._broken if rolled.isdisjoint(stretch)))

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
        listed = self.given.get(node)
        if listed is not None:
            return listed
        if is_row(node) and node not in self.keep:
            index = int(node.params["key"][0])
            return Row(self.source(node.inputs[0]), index % node.inputs[0].shape[0], last=index < 0)
        return node

    def _loop_at(self, i: int) -> int:
        """Add the best loop that starts at node i, or else the node alone; where to go on."""
        for period, count in self.repeats.at(i):
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
            for other, count in self.repeats.at(j):
                earlier = self._steps(j, period, count) if other == period else None
                if earlier is not None and earlier.length > found.length:
                    return j, earlier
        return start, found

    def _longer_later(self, i: int, period: int) -> bool:
        """Whether a loop of more steps starts within the first of two, and goes farther."""
        later = ((j, found) for j in range(i + 1, i + period + 1) for found in self.repeats.at(j))
        return any(count > 2 and j + count * other > i + 2 * period for j, (other, count) in later)

    def _single(self, places: range) -> None:
        self.items += [Single(self.nodes[place]) for place in places]

    def _add(self, loop: Rolled) -> None:
        self.items.append(loop)
        for q, instances in enumerate(loop.body):
            for k, node in enumerate(instances):
                self.member[node] = (loop, q, k)

    def _steps(self, start: int, period: int, count: int) -> Rolled | None:
        """The loop of as many of the steps as read alike, if there are two of them."""
        if count < 2:
            return None
        body = [[self.nodes[start + k * period + q] for k in range(count)] for q in range(period)]
        loop, reads, alike = Rolled(body), [], count
        for q in range(period):
            slots = []
            for slot in range(len(self.inputs[start + q])):
                came = [self.inputs[start + k * period + q][slot] for k in range(count)]
                read, length = self._read(came, start, period)
                if length < count and count > 2:
                    self._note(range(start, start + count * period), body[q][length], slot)
                alike = min(alike, length)
                slots.append(read)
            reads.append(slots)
        if alike < 2 or (alike == 2 and (period < _WORTH or count > 2)) or not _agree(reads):
            return None
        loop.body = [instances[:alike] for instances in body]
        loop.reads = [[_cut(read, alike) for read in slots] for slots in reads]
        return loop

    def _note(self, stretch: range, node: Node, slot: int) -> None:
        assert node.op is not None
        name, read = (f" ({identifier(x.label)})" if x.label else "" for x in (node, node.inputs[slot]))
        op = identifier(node.op.name)
        why = f"{op}{name} is written again for each step: what it reads{read} does not go on from step to step"
        if len(stretch) > _FEW:
            self._broken.append((stretch, why))

    def _read(self, came: list[Source], start: int, period: int) -> tuple[Any, int]:
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

    def _offsets(self, came: list[Source], start: int, period: int) -> list[int | None]:
        """For each step, where in it, or before it, the input was made; None outside the loop."""
        places = [self.place.get(x, -1) if isinstance(x, Node) else -1 for x in came]
        return [p - start - k * period if p >= start else None for k, p in enumerate(places)]

    def _body(self, came: list[Source], start: int, period: int) -> tuple[Any, int] | None:
        offsets = self._offsets(came, start, period)
        q = offsets[0]
        if q is None or not 0 <= q < period:
            return None
        return Body(q), _prefix(offset == q for offset in offsets)

    def _carried(self, came: list[Source], start: int, period: int) -> tuple[Any, int] | None:
        offsets = self._offsets(came, start, period)[1:]
        if not self._outside(came[0], start) or offsets[0] is None or not -period <= offsets[0] < 0:
            return None
        if _shape(came[0]) != self.nodes[start + period + offsets[0]].shape:  # such as a bias that was broadcast later
            return None
        # A start that wants a gradient before states that want none would be sent nothing: its step stands alone.
        if _is_wanted(came[0]) and not self.nodes[start + period + offsets[0]]._requires_grad:
            return None
        return Carried(offsets[0] + period, came[0]), 1 + _prefix(offset == offsets[0] for offset in offsets)

    def _same(self, came: list[Source], start: int, period: int) -> tuple[Any, int] | None:
        if not self._outside(came[0], start):
            return None
        return Same(came[0]), _prefix(_one(x, came[0]) or self._equal_constants(x, came[0]) for x in came)

    def _rows(self, came: list[Source], start: int, period: int) -> tuple[Any, int] | None:
        first, second = came[:2]
        if not (isinstance(first, Row) and isinstance(second, Row) and abs(sign := second.index - first.index) == 1):
            return None
        source = first.source
        if not self._outside(source, start):
            return None
        expected = (Row(source, sign * k + first.index, first.last) for k in range(len(came)))
        return Rows(source, sign, first.index), _prefix(map(_one, came, expected))

    def _member(self, came: list[Source], start: int, period: int) -> tuple[Any, int] | None:
        found = [self.member.get(x) if isinstance(x, Node) else None for x in came]
        if found[0] is None or found[1] is None:
            return None
        loop, q, first = found[0]
        sign = found[1][2] - first
        if abs(sign) != 1:
            return None
        expected = ((loop, q, sign * k + first) for k in range(len(came)))
        return Member(loop, q, sign, first), _prefix(x == y for x, y in zip(found, expected, strict=True))

    def _row_of(self, came: list[Source], start: int, period: int) -> tuple[Any, int] | None:
        if not isinstance(came[0], Row):
            return None
        index, last = came[0].index, came[0].last
        length = _prefix(isinstance(x, Row) and (x.index, x.last) == (index, last) for x in came)
        if length < 2:
            return None
        source, alike = self._read([x.source for x in came[:length] if isinstance(x, Row)], start, period)
        return RowOf(source, index - _shape(came[0].source)[0] if last else index), alike

    def _leaves(self, came: list[Source], start: int, period: int) -> tuple[Any, int] | None:
        first = came[0]
        if not isinstance(first, Node) or first.op is not None:
            return None

        def fits(x: Source) -> bool:
            if not isinstance(x, Node) or x.op is not None or (x.shape, x.dtype) != (first.shape, first.dtype):
                return False
            return x not in self.given and not x.requires_grad

        return OnePerStep(tuple(x for x in came if isinstance(x, Node))), _prefix(map(fits, came))


def _one(x: Source, y: Source) -> bool:
    """Whether two sources are the same one; ``==`` on nodes would compare their entries."""
    while isinstance(x, Row) and isinstance(y, Row) and (x.index, x.last) == (y.index, y.last):
        x, y = x.source, y.source
    return x is y


class _Repeats:
    """Where a sequence of nodes does the same again, as seen from what they are, without what they read."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        numbers: dict[Any, int] = {}
        self.what = np.array([numbers.setdefault(_what(node), len(numbers)) for node in nodes], dtype=int)
        self.where: dict[int, list[int]] = {}
        for place, number in enumerate(self.what.tolist()):
            self.where.setdefault(number, []).append(place)
        self.rank = {place: rank for places in self.where.values() for rank, place in enumerate(places)}
        self.lengths: dict[int, Any] = {}

    def at(self, i: int) -> Iterator[tuple[int, int]]:
        """(period, number of steps) of the loops that may start at i: those that go farthest first."""
        places = self.where[int(self.what[i])]
        candidates = [j - i for j in places[self.rank[i] + 1 : self.rank[i] + 1 + _TRIED]]
        counted = [(period, int(self._alike(period)[i]) // period + 1) for period in candidates]
        yield from sorted(((p, n) for p, n in counted if n >= 2), key=lambda found: (-found[0] * found[1], found[0]))[
            :8
        ]

    def _alike(self, period: int) -> Any:
        """For each place, how many in a row from there are like the one a period later."""
        if period not in self.lengths:
            different = np.flatnonzero(self.what[:-period] != self.what[period:])
            ends = np.append(different, len(self.what) - period)
            places = np.arange(len(self.what) - period)
            self.lengths[period] = ends[np.searchsorted(ends, places)] - places
        return self.lengths[period]


_WORTH = 4
"""Two steps of fewer nodes than that are no loop, nor are two out of more: they are easier to read as they are."""
_FEW = 8
"""So many nodes that are written out nobody would miss a loop for."""
_TRIED = 64
"""How many periods are tried at a node: a step has fewer nodes of one kind than that."""


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


def _shape(source: Source) -> tuple[int, ...]:
    if isinstance(source, Row):
        return _shape(source.source)[1:]
    if isinstance(source, Listed):
        return len(source.leaves), *source.leaves[0].shape
    return source.shape


def _is_wanted(source: Source) -> bool:
    """Whether it gets a gradient."""
    if isinstance(source, Row):
        return _is_wanted(source.source)
    return source.requires_grad if isinstance(source, Node) else any(leaf.requires_grad for leaf in source.leaves)


def _what(node: Node) -> Any:
    params = tuple((name, repr(value)) for name, value in node.params.items())
    wanted = tuple(x._requires_grad for x in node.inputs) if node.op is ops.WHERE else node._requires_grad
    return id(node.op), params, node.shape, node.dtype.str, wanted, len(node.inputs)


def _prefix(holds: Any) -> int:
    """How many hold before the first that does not."""
    count = 0
    for yes in holds:
        if not yes:
            break
        count += 1
    return count


def _agree(reads: list[list[Any]]) -> bool:
    """Whether what the first step finds in place of a step before it is one thing for each node, not two."""
    carried = {(r.q, r.initial) for slots in reads for r in map(inner, slots) if isinstance(r, Carried)}
    return len({q for q, _ in carried}) == len(carried)


def _cut(read: Any, length: int) -> Any:
    return OnePerStep(read.leaves[:length]) if isinstance(read, OnePerStep) else read
