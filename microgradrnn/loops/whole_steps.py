"""Loops that were unrolled by recording them, as far as their steps are whole.

- `Core`: the whole steps of a loop. `cores`: those of the outermost loops of a graph.

A loop is a stretch whose uses of weights and sequences repeat (`uses`, `repeats`), and whose steps hand something on to
the next, or read rows in turn.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, groupby

import numpy as np

from microgradrnn import ops
from microgradrnn.engine import Node
from microgradrnn.loops.repeats import Run, runs
from microgradrnn.loops.uses import Graph


@dataclass(frozen=True)
class Core:
    """The whole steps of a loop.

    Attributes:
        first, stop: the uses in them.
        period: how many uses a step has.
        carries: whether steps hand something on to the next.
    """

    first: int
    stop: int
    period: int
    carries: bool

    @property
    def starts(self) -> range:
        """The first use of each step."""
        return range(self.first, self.stop, self.period)


def cores(graph: Graph) -> list[Core]:
    """The outermost loops of a graph, in the order of recording.

    Where stretches overlap, one that hands something on from step to step goes before one that does not, and then the
    one of more uses. So of nested loops the outer one is found, unless it only does the inner one for other data.
    """
    found: list[Core] = []
    waiting: list[Core] = []
    taken = np.zeros(len(graph.uses), dtype=bool)
    looked, enough = 0, _ENOUGH * len(graph.nodes)
    for run in sorted(runs(graph.keys), key=lambda run: run.start - run.end):
        for free in _untaken(run, taken):
            looked += graph.uses[free.end - 1] - graph.uses[free.start]
            if looked <= enough or free.end - free.start <= _SHORT:
                for part in _parts(graph, free):
                    (found if part.carries else waiting).append(part)
                    taken[part.first : part.stop] |= part.carries
    for part in waiting:
        if not taken[part.first : part.stop].any():
            taken[part.first : part.stop] = True
            found.append(part)
    return sorted(found, key=lambda part: part.first)


def _untaken(run: Run, taken: np.ndarray) -> Iterator[Run]:
    """What of a run is no part of another loop, where it still repeats."""
    place = run.start
    if not taken[run.start : run.end].any():
        yield run
        return
    for is_taken, uses in groupby(taken[run.start : run.end].tolist()):
        size = len(list(uses))
        if not is_taken and size >= 2 * run.period:
            yield Run(place, place + size, run.period)
        place += size


def _parts(graph: Graph, run: Run) -> list[Core]:
    """The loops in a stretch.

    They are several where a step does not go on from the one before: it does the same for other data, or is cut off.
    """
    first, p = run.start + _phase(graph, run), run.period
    count = (run.end - first) // p
    linked = _linked(graph, [graph.uses[first + k * p] for k in range(count)], graph.uses[first + count * p - 1] + 1)
    carries = any(linked) and not _is_in_pieces(graph, run)
    begins = [k for k in range(count) if k == 0 or (carries and not linked[k])]
    ends = [*begins[1:], count]
    return [Core(first + a * p, first + b * p, p, carries) for a, b in zip(begins, ends, strict=True) if b - a > 1]


def _is_in_pieces(graph: Graph, run: Run) -> bool:
    """Whether a run is several pieces of a period each, between which nothing is handed on, wherever they start.

    So are stretches of truncated backpropagation, of which the last may be shorter, and runs of an inner loop.
    """
    uses = graph.uses[run.start : run.end]
    start, stop = uses[0], uses[-1] + 1
    state, made = more_than_sums(graph, start, stop), made_in(graph, start, stop)
    change = [0] * (len(uses) + 1)
    for place in range(start, stop):
        for x in graph.readings[place] if place in state else ():
            if (read := graph.place.get(x.source, -1)) in made:
                change[bisect_right(uses, read)] += 1
                change[bisect_right(uses, place)] -= 1
    handed = list(accumulate(change))  # before each use, how much of what was made is read from there on
    return any(not any(handed[k] for k in range(p or run.period, len(uses), run.period)) for p in range(run.period))


def _phase(graph: Graph, run: Run) -> int:
    """How many uses of a run stand before its first whole step.

    A run whose length is no multiple of the period lacks something at its start or at its end. It is the first step
    that does, since it has no state before it, unless that would take two steps for alike that are not.
    """
    left = (run.end - run.start) % run.period
    if left and not _starts_alike(graph, run, run.start + left) and _starts_alike(graph, run, run.start):
        return 0
    return left


def _starts_alike(graph: Graph, run: Run, first: int) -> bool:
    """Whether a step that starts with a use does what the next one does."""
    one, other = (graph.uses[first + k * run.period] for k in range(2))
    size = min(other - one, len(graph.nodes) - other)
    return all(graph.are_alike(one + k, other + k) for k in range(size))


def handed_on(graph: Graph, low: int, high: int, size: int) -> list[int]:
    """For the places from ``low`` to ``high``, how many of so many nodes before it are read from there on."""
    still_read = {place for place in range(max(low - size, 0), low) if graph.last_read[place] >= low}
    found = [len(still_read)]
    for place in range(low, high):
        if graph.last_read[place] > place:
            still_read.add(place)
        still_read.discard(place - size)
        read = (graph.place.get(x.source, -1) for x in graph.readings[place])
        still_read.difference_update([made for made in read if graph.last_read[made] == place])
        found.append(len(still_read))
    return found


def _linked(graph: Graph, starts: list[int], stop: int) -> list[bool]:
    """For each step, whether it reads something, other than a running sum, that steps before it have made."""
    ends = [*starts[1:], stop]
    linked, origin = [], 0
    state, made = more_than_sums(graph, starts[0], ends[-1]), made_in(graph, starts[0], ends[-1])
    for k, (start, end) in enumerate(zip(starts, ends, strict=True)):
        linked.append(reads_from(graph, state, made, range(start, end), range(starts[origin], start)))
        origin = origin if linked[k] else k
    return linked


def reads_from(graph: Graph, state: set[int], made: set[int], places: range, before: range) -> bool:
    """Whether something at ``places``, other than a running sum, reads what was made of uses at those before."""
    for place in places:
        if place in state:
            read = (graph.place.get(x.source, -1) for x in graph.readings[place])
            if any(x in made and x in before for x in read):
                return True
    return False


def made_in(graph: Graph, start: int, stop: int) -> set[int]:
    """The places of a stretch that depend on one of its uses.

    What does not may stand between two steps without being handed on, such as the part of the inputs that the next step
    reads.
    """
    low, high = bisect_left(graph.uses, start), bisect_left(graph.uses, stop)
    made = set(graph.uses[low:high])
    for place in range(start, stop):
        if any(graph.place.get(x.source, -1) in made for x in graph.readings[place]):
            made.add(place)
    return made


def more_than_sums(graph: Graph, start: int, stop: int) -> set[int]:
    """The places of a stretch whose nodes do not only add to a running sum, which nothing reads but such sums."""
    state: set[int] = set()
    for place in reversed(range(start, stop)):
        if place in state or not is_sum(graph.nodes[place]):
            state |= {place, *(graph.place.get(x.source, -1) for x in graph.readings[place])}
    return state


def is_sum(node: Node) -> bool:
    """Whether a node only adds up what it reads."""
    return node.op in _SUMS


_SUMS = (ops.ADD, ops.ADD_N, ops.SUB)
_ENOUGH = 50
"""How often each node is looked at, on average, before only short stretches are tried."""
_SHORT = 64
"""So many uses make a short stretch."""
