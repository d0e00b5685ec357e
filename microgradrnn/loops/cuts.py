"""Where the steps of a loop start and end. The first and the last one may lack some of the uses of the others.

- `Stretch`: a loop, as the places at which its steps start. `stretches`: the outermost loops of a graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from microgradrnn.loops.uses import Graph
from microgradrnn.loops.whole_steps import Core, cores, handed_on, made_in, more_than_sums, reads_from


@dataclass(frozen=True)
class Stretch:
    """A loop as places in a graph: step k goes from ``cuts[k]`` up to ``cuts[k + 1]``.

    Attributes:
        cuts: where steps start, and where the last one ends.
        whole: the steps that have all uses; the first and the last one may lack some.
        carries: whether steps hand something on to the next.
    """

    cuts: tuple[int, ...]
    whole: range
    carries: bool

    @property
    def steps(self) -> tuple[range, ...]:
        """The places of each step."""
        return tuple(range(a, b) for a, b in pairwise(self.cuts))


def stretches(graph: Graph) -> list[Stretch]:
    """The outermost loops of a graph, in the order of recording.

    Two steps of a few nodes each are no loop: they are as easily read as they are.
    """
    found: list[Stretch] = []
    parts = cores(graph)
    low = free = 0
    for k, core in enumerate(parts):
        high = parts[k + 1].first if k + 1 < len(parts) else len(graph.uses)
        ends = _Ends(graph, core, low, high)
        loop = ends.stretch(free)
        low = ends.stop
        if len(loop.cuts) > 3 or loop.cuts[-1] - loop.cuts[0] >= 2 * _WORTH:
            found.append(loop)
            free = loop.cuts[-1]
    return found


class _Ends:
    """Finds where the steps of a loop start and end.

    Args:
        graph: that it is a loop of.
        core: its whole steps.
        low, high: the uses that it may have, from and up to; those around belong to other loops.
    """

    def __init__(self, graph: Graph, core: Core, low: int, high: int) -> None:
        self.graph, self.core, self.low, self.high = graph, core, low, high
        self.starts = list(core.starts)
        self.stop = core.stop
        before, after = self._partly_before(), self._partly_after()
        self.whole = range(int(before < core.first), int(before < core.first) + len(self.starts))
        if before < core.first:
            self.starts.insert(0, before)
        if after > core.stop:
            self.starts.append(core.stop)
            self.stop = after

    def stretch(self, free: int) -> Stretch:
        """The loop; ``free`` is where the one before ends."""
        cuts = [self._cut(use, free) for use in self.starts[1:]]
        begin, end = self._begin(cuts), self._finish(cuts)
        if self.starts[0] > 0:
            begin = max(begin, free, self.graph.uses[self.starts[0] - 1] + 1)
        if self.stop < len(self.graph.uses):
            end = min(end, self.graph.uses[self.stop])
        return Stretch((begin, *cuts, end), self.whole, self.core.carries)

    # ---- Steps that lack some uses ----------------------------------------------------------------------------------

    def _partly_before(self) -> int:
        """The first of the uses of a step before the first whole one."""
        core = self.core
        at, use = core.period, core.first
        while use > self.low:
            like = (q for q in reversed(range(at)) if self._is_like(use - 1, core.first + q, core.period))
            found = next(like, None)
            if found is None:
                break
            use, at = use - 1, found
        return use if self._goes_on(use, core.first, core.first + core.period) else core.first

    def _partly_after(self) -> int:
        """Where the uses end of a step after the last whole one."""
        core = self.core
        at, use, last = -1, core.stop, core.stop - core.period
        while use < self.high:
            like = (q for q in range(at + 1, core.period) if self._is_like(use, last + q, -core.period))
            found = next(like, None)
            if found is None:
                break
            use, at = use + 1, found
        return use if self._goes_on(last, core.stop, use) else core.stop

    def _is_like(self, use: int, near: int, period: int) -> bool:
        """Whether a use does what one of the step beside it does, or reads the row beside those of the two steps."""
        graph = self.graph
        if graph.keys[use] == graph.keys[near]:
            return True
        readings = (graph.readings[graph.uses[k]] for k in (use, near, near + period))
        return any(
            graph.is_sequence(x)
            and x.source is one.source
            and x.source is two.source
            and x.row != one.row
            and [*x.row] == [2 * a - b for a, b in zip(one.row, two.row, strict=False)]
            for x, one, two in zip(*readings, strict=False)
        )

    def _goes_on(self, start: int, middle: int, end: int) -> bool:
        """Whether what is made from one use up to the next is read from there up to a third."""
        if start == middle or middle == end:
            return False
        graph = self.graph
        stop = graph.uses[end] if end < len(graph.uses) else len(graph.nodes)
        first, here = graph.uses[start], graph.uses[middle]
        state, made = more_than_sums(graph, first, stop), made_in(graph, first, stop)
        return reads_from(graph, state, made, range(here, stop), range(first, here))

    # ---- Between the last use of a step and the first of the next ---------------------------------------------------

    def _cut(self, use: int, free: int) -> int:
        """Where the step ends that comes before a use, the first one of the next step.

        What goes on after the last step as it does here belongs to the step before, and what stands before the first
        step as it does here to the step after, unless it belongs to the loop before, which ends at ``free``. Where that
        leaves a choice, a step ends where the least is handed on.
        """
        last, following = self.graph.uses[use - 1], self.graph.uses[use]
        gap = following - last - 1
        first = self.graph.uses[self.starts[0]]
        lead = self._common(following, first, min(gap, first - free), step=-1)
        trail = self._common(last, self.graph.uses[self.stop - 1], gap)
        if lead == 0 and trail == gap:
            return following
        low, high = sorted((gap - lead, trail))
        size = following - self.graph.uses[max(use - self.core.period, self.starts[0])]
        counts = handed_on(self.graph, last + 1 + low, last + 1 + high, size)
        return last + 1 + low + min(range(len(counts)), key=lambda k: (counts[k], -k))

    def _begin(self, cuts: list[int]) -> int:
        """Where the first step starts: before its first use, by as much as the next one that does the same there."""
        first, following = (self.graph.uses[use] for use in self.starts[:2])
        return first - self._common(following, first, following - cuts[0], step=-1)

    def _finish(self, cuts: list[int]) -> int:
        """Where the last step ends: after its last use, by as much as any of the others does the same there.

        Where none does the same to its end, since they do ever more, it ends where the one before it did what it ends
        with.
        """
        most, last = 0, self.graph.uses[self.stop - 1]
        complete, longest = False, 0
        for use, cut in zip(self.starts[1:], cuts, strict=True):
            before = self.graph.uses[use - 1]
            trail = cut - before - 1
            alike = self._common(before, last, trail)
            most, complete, longest = max(most, alike), complete or alike == trail, max(longest, trail)
        ends = range(last + 1 + most, min(last + 1 + 2 * longest, len(self.graph.nodes)) + 1)
        if complete or not ends:
            return last + 1 + most
        likest = max(ends, key=lambda end: (self._common(end, cuts[-1], min(longest, _FEW), step=-1), -end))
        return likest if self._common(likest, cuts[-1], 1, step=-1) else last + 1 + most

    def _common(self, one: int, other: int, most: int, step: int = 1) -> int:
        """How many nodes after, or before, two places are alike, one by one."""
        count, graph = 0, self.graph
        while count < most:
            one, other = one + step, other + step
            if not (min(one, other) >= 0 and max(one, other) < len(graph.nodes) and graph.are_alike(one, other)):
                break
            count += 1
        return count


_FEW = 16
"""So many nodes tell the end of a step."""
_WORTH = 4
"""Two steps of fewer nodes than that are no loop."""
