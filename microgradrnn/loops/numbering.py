"""Which time step each step of a loop is: by what it reads of other loops, or of sequences.

- `Loop`: a loop as it was unrolled, with its time steps. `Numbering`: gives all loops of a graph theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from typing import Any

from microgradrnn import ops
from microgradrnn.engine import Node
from microgradrnn.loops.blocks import blocks, with_their_readers
from microgradrnn.loops.cuts import Stretch
from microgradrnn.loops.strands import strands
from microgradrnn.loops.uses import Graph, Reading, reading
from microgradrnn.loops.whole_steps import is_sum


@dataclass(frozen=True, eq=False)
class Loop:
    """A loop as it was unrolled.

    Of nested loops this is the outer one, and its steps are the columns of a picture: all that the inner loop makes in
    a step belongs to that step, in ``steps`` in the order of recording. Where the outer loop hands nothing on, as one
    over examples, each run of the inner loop is a loop of its own, and its steps count from 1.

    Attributes:
        steps: the nodes that each step has made, oldest first, in the order in which the steps were recorded.
        times: the time step of each. They fall where a sequence is read from its end.
        after: the loop whose last state, detached, this one starts from.
        cut: for constants that hold a detached state, the state.
    """

    steps: tuple[tuple[Node, ...], ...]
    times: tuple[int, ...]
    after: Loop | None = None
    cut: Mapping[Reading, Node] = field(default_factory=dict)

    def states(self) -> dict[int, Node]:
        """For each time step the state that it hands on: the last of its nodes that a later step reads.

        Running sums are none. The last step's state is the one that does what a state before it does.
        """
        return {t: nodes[-1] for t, nodes in self._handed_on().items()}

    def cells(self) -> dict[int, Node]:
        """For each time step what an LSTM calls c: it is handed on too, and its state is a function of it times a gate.

        Empty where that is not sure.
        """
        found = {}
        for t, (*others, state) in self._handed_on().items():
            cell = _behind_a_gate(state, set(others))
            if cell is None:
                return {}
            found[t] = cell
        return found

    def _handed_on(self) -> dict[int, list[Node]]:
        """For each time step the nodes that a later step reads, or that do what such a node does; the oldest first."""
        step_of = {node: k for k, step in enumerate(self.steps) for node in step}
        read = {
            x
            for node, k in step_of.items()
            for x in (self.cut.get(reading(x), x) for x in node.inputs)
            if step_of.get(x, k) < k and not (is_sum(node) and is_sum(x))
        }
        found: dict[int, list[Node]] = {}
        kinds: set[Any] = set()
        for t, step in zip(self.times, self.steps, strict=True):
            counts: dict[Any, int] = {}
            for node in step:
                counts[node.op] = count = counts.get(node.op, 0) + 1
                if node in read:
                    kinds.add((node.op, count))
                if node in read or (step is self.steps[-1] and (node.op, count) in kinds):
                    found.setdefault(t, []).append(node)
        return found


def _behind_a_gate(state: Node, others: Collection[Node]) -> Node | None:
    """The one of some other nodes that a state is a function of, times a gate, as o tanh(c); it may be projected."""
    product = state
    while product.op is not ops.MUL:
        computed = [x for x in product.inputs if x.op is not None]
        if len(computed) != 1 or product in others:
            return None
        product = computed[0]
    found = []
    for factor in product.inputs:
        x = factor
        while x not in others and len(x.inputs) == 1:
            x = x.inputs[0]
        found += [x] if x in others else []
    return found[0] if len(found) == 1 and all(x.op is not None for x in product.inputs) else None


class Numbering:
    """Gives the loops of a graph their time steps, in the order of recording.

    Args:
        graph: that the loops were found in.
        written: the time steps that the user has written.
        cut: where detached states come from; see `detached`.

    Attributes:
        loops: those that have their time steps.
        times, loop_of: of their nodes.
        about: for nodes outside, the one time step that all is of that they read, as far as it is of any.
    """

    def __init__(self, graph: Graph, written: dict[Node, int], cut: Mapping[Reading, Node]) -> None:
        self.graph, self.cut = graph, cut
        self.loops: list[Loop] = []
        self.times: dict[Node, int] = {}
        self.loop_of: dict[Node, Loop] = {}
        self.about: dict[Node, int] = dict(written)
        self._latest: dict[Node, int] = dict(written)  # the last time step that a node depends on
        self._ahead: dict[tuple[Node, int], int] = {}  # of a sequence and an axis, the time step less the row
        self._blocks: dict[Node, tuple[tuple[int, ...], int]] = {}  # where blocks of rows start, the first one's step
        self._at = 0

    def number(self, stretch: Stretch) -> None:
        """Give the next loop its time steps."""
        self._before(stretch.cuts[0])
        read = _Outside(self.graph, stretch.whole, stretch.steps)
        parts = _one_row_a_step(self.graph, stretch, read)
        several = strands(self.graph, parts)
        for strand in several:
            steps = with_their_readers(self.graph, strand)
            known = parts is stretch and len(several) == 1
            self._number(parts, steps, read if known else _Outside(self.graph, parts.whole, steps))
        self._at = stretch.cuts[-1]

    def finish(self) -> None:
        """Look at what comes after the last loop."""
        self._before(len(self.graph.nodes))

    def _before(self, stop: int) -> None:
        """Look at what comes before a place, after the last loop; a single step there may be one more of a loop."""
        at = self._at
        for place in range(self._at, stop) if self.cut else ():
            found = self._single_step(place) if place >= at else None
            if found is not None and at <= found[1].start and found[1].stop <= stop:
                self._between(range(at, found[1].start))
                self._append(*found)
                at = found[1].stop
        self._between(range(at, stop))

    def _single_step(self, place: int) -> tuple[Loop, range] | None:
        """The loop whose last state a node reads, detached, and the step around the node, if it does what others do."""
        loop = self._ended_before([place])
        if loop is None or loop.times[0] > loop.times[-1]:
            return None
        does = self.graph.does
        like = [does[self.graph.place[node]] for node in loop.steps[1]]
        starts = (place - k for k, kind in enumerate(like) if kind == does[place] and k <= place)
        start = next((start for start in starts if does[start : start + len(like)] == like), None)
        return None if start is None else (loop, range(start, start + len(like)))

    def _append(self, loop: Loop, places: range) -> None:
        """Give a loop one more step."""
        step, t = tuple(self.graph.nodes[place] for place in places), loop.times[-1] + 1
        read = {x for place in places for x in self.graph.readings[place] if x in self.cut}
        cut = {x: self.cut[x] for x in read if self.loop_of.get(self.cut[x]) is loop}
        longer = replace(loop, steps=(*loop.steps, step), times=(*loop.times, t), cut={**loop.cut, **cut})
        self.loops[self.loops.index(loop)] = longer
        for node in step:
            self.times[node] = self.about[node] = self._latest[node] = t
        self.loop_of.update((node, longer) for nodes in longer.steps for node in nodes)

    def _number(self, stretch: Stretch, steps: Sequence[Sequence[int]], read: _Outside) -> None:
        """Number a loop, unless its steps neither hand anything on nor read anything in turn."""
        found = self._aligned(read) or self._in_blocks(stretch, steps)
        after = self._ended_before(steps[0])
        cut = self.cut if not stretch.carries and self._hands_on_detached(steps) else {}
        found = found or (self._counted(read, stretch, after) if stretch.carries or cut or read.rows else None)
        if found is None:
            for places in steps:
                self._between(places)
            return
        first, sign = found
        times = tuple(first + sign * (k - stretch.whole.start) for k in range(len(steps)))
        nodes = tuple(tuple(self.graph.nodes[place] for place in places) for places in steps)
        self.loops.append(loop := Loop(nodes, times, after, cut))
        for rows in read.rows:
            if rows.sign == sign:
                self._ahead.setdefault((rows.source, rows.axis), first - rows.first)
        for step, t in zip(nodes, times, strict=True):
            for node in step:
                self.times[node] = self.about[node] = self._latest[node] = t
                self.loop_of[node] = loop
        self._keep_leaves(read, [times[k] for k in stretch.whole])

    def _keep_leaves(self, read: _Outside, times: Sequence[int]) -> None:
        """Note which leaves one step alone has read, such as x_t in a list, for loops that read them again."""
        steps: dict[Node, set[int]] = {}
        for found, t in zip(read.all, times, strict=True):
            for x in found:
                if x.source.op is None and not x.row:
                    steps.setdefault(x.source, set()).add(t)
        for leaf, found_at in steps.items():
            if len(found_at) == 1:
                self.about.setdefault(leaf, *found_at)

    def _aligned(self, read: _Outside) -> tuple[int, int] | None:
        """The time step of the first whole step, and whether time goes on or back from there: as other loops have it.

        They are those whose steps, or whose sequences, this one reads in turn.
        """
        for found in read.series:
            times = [self.about.get(x.source) for _, x in found]
            if (sign := _in_turn(times)) and times[0] is not None:
                return times[0], sign
        for rows in read.rows:
            ahead = self._ahead.get((rows.source, rows.axis))
            if ahead is not None and self._is_possible(read, rows, ahead):
                return rows.first + ahead, rows.sign
        return None

    def _in_blocks(self, stretch: Stretch, steps: Sequence[Sequence[int]]) -> tuple[int, int] | None:
        """Likewise, of a loop that reads blocks of rows: as those who made them, or from 1 if it depends on none."""
        read = blocks(self.graph, steps)
        if read is None:
            return None
        bounds, first = self._blocks.get(read.source, (read.bounds, 1))
        depends = any(
            x.source in self._latest for places in steps for place in places for x in self.graph.readings[place]
        )
        if bounds != read.bounds or bounds[0] != 0 or (read.source not in self._blocks and depends):
            return None
        start = first if read.sign == 1 else first + len(steps) - 1
        return start + read.sign * stretch.whole.start, read.sign

    def _ended_before(self, first_step: Sequence[int]) -> Loop | None:
        """The loop whose last step has made a state that a first step reads, detached."""
        for place in first_step:
            for slot, x in enumerate(self.graph.readings[place]):
                loop = self.loop_of.get(self.cut[x]) if x in self.cut else None
                if loop is None or self.times[self.cut[x]] != loop.times[-1]:
                    continue
                if self._is_carried(loop, place, slot):
                    return loop
        return None

    def _is_carried(self, loop: Loop, place: int, slot: int) -> bool:
        """Whether a node reads in some slot what, in a loop, the like of it reads there of the step before."""
        before, does = set(loop.steps[0]), self.graph.does
        for node in loop.steps[1]:
            other = self.graph.place[node]
            if does[other] == does[place] and slot < len(node.inputs):
                x = self.graph.readings[other][slot]
                if x.source in before or loop.cut.get(x) in before:
                    return True
        return False

    def _hands_on_detached(self, steps: Sequence[Sequence[int]]) -> bool:
        """Whether each step reads, detached, what the step before has made."""
        if not self.cut:
            return False
        places = self.graph.place
        return all(
            any(
                places.get(self.cut[x], -1) in steps[k - 1]
                for place in steps[k]
                for x in self.graph.readings[place]
                if x in self.cut
            )
            for k in range(1, len(steps))
        )

    def _counted(self, read: _Outside, stretch: Stretch, after: Loop | None) -> tuple[int, int]:
        """Likewise, after the last step that this loop depends on, or by its own rows, or from 1."""
        latest = [self._latest[x.source] for found in read.all for x in found if self._counts(x)]
        if after is not None:
            latest.append(after.times[-1])
        if latest:
            return max(latest) + 1 + stretch.whole.start, 1
        if read.rows:
            return read.rows[0].first + 1, read.rows[0].sign
        return 1 + stretch.whole.start, 1

    def _is_possible(self, read: _Outside, rows: _Rows, ahead: int) -> bool:
        """Whether no step would come before what it depends on."""
        for k, found in enumerate(read.all):
            t = rows.first + rows.sign * k + ahead
            if any(self._latest[x.source] > t for x in found if self._counts(x)):
                return False
        return True

    def _counts(self, x: Reading) -> bool:
        """Whether it depends on a time step; a row depends on that which it belongs to."""
        of_a_step = any((x.source, axis) in self._ahead for axis in range(len(x.row)))
        return x.source in self._latest and not of_a_step

    def _between(self, places: Sequence[int]) -> None:
        """Find out of what time steps nodes outside the loops are."""
        for place in places:
            node, read = self.graph.nodes[place], self.graph.readings[place]
            latest = [self._latest[x.source] for x in read if x.source in self._latest]
            if not latest:
                continue
            self._latest[node] = max(latest)
            summed = is_sum(node)
            about = {
                self.about.get(x.source)
                for x in read
                if x.source in self._latest and not (summed and is_sum(x.source) and x.source not in self.times)
            }
            if len(about) == 1 and (t := about.pop()) is not None:
                self.about[node] = t
            self._pass_rows_on(node, read)

    def _pass_rows_on(self, node: Node, read: Sequence[Reading]) -> None:
        """Note which time steps the rows of a node are of, such as those of a stack of states."""
        if node.op is ops.STACK and node.params["axis"] == 0:
            times = [self.about.get(x.source) for x in read]
            if _in_turn(times) == 1:
                self._ahead[node, 0] = times[0]  # type: ignore[assignment]
        elif node.op is ops.CONCAT and node.params["axis"] % node.ndim == 0:
            times = [self.about.get(x.source) for x in read]
            if _in_turn(times) == 1:
                sizes = [x.shape[0] for x in node.inputs]
                self._blocks[node] = (0, *accumulate(sizes)), times[0]  # type: ignore[assignment]
        elif not _moves_rows(node):
            for x in read:
                ahead = self._ahead.get((x.source, 0))
                if ahead is not None and not x.row and node.shape[:1] == x.source.shape[:1]:
                    self._ahead.setdefault((node, 0), ahead)
                if x.source in self._blocks and not x.row and node.shape[:1] == x.source.shape[:1]:
                    self._blocks.setdefault(node, self._blocks[x.source])


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of a sequence that whole steps read in turn."""

    source: Node
    axis: int
    first: int
    sign: int


class _Outside:
    """What the whole steps of a loop read that was made outside it.

    Attributes:
        all: for each step, everything.
        series: for what each step reads in the same place, the places of the readers and what they read, one a step.
        rows: the rows of sequences that are read in turn.
    """

    def __init__(self, graph: Graph, whole: range, steps: Sequence[Sequence[int]]) -> None:
        self.all: list[list[Reading]] = []
        series: dict[Any, list[tuple[int, Reading]]] = {}
        start, stop, place_of = steps[0][0], steps[-1][-1], graph.place
        for k in whole:
            found: list[Reading] = []
            counts: dict[int, int] = {}
            for place in steps[k]:
                does = graph.does[place]
                counts[does] = count = counts.get(does, 0) + 1
                for slot, x in enumerate(graph.readings[place]):
                    if not start <= place_of.get(x.source, -1) <= stop:
                        found.append(x)
                        series.setdefault((does, count, slot), []).append((place, x))
            self.all.append(found)
        self.series = [found for found in series.values() if len(found) == len(whole)]
        self.rows = [rows for found in self.series if (rows := _rows([x for _, x in found])) is not None]


def _rows(found: Sequence[Reading]) -> _Rows | None:
    """The rows of a sequence that steps read in turn, if that is what they read."""
    source, size = found[0].source, len(found[0].row)
    if any(x.source is not source or len(x.row) != size for x in found):
        return None
    moving = [axis for axis in range(size) if found[0].row[axis] != found[1].row[axis]]
    if len(moving) != 1:
        return None
    sign = _in_turn([x.row[moving[0]] for x in found])
    return _Rows(source, moving[0], found[0].row[moving[0]], sign) if sign else None


def _in_turn(numbers: Sequence[int | None]) -> int:
    """1 if each number is one more than the one before, -1 if it is one less, and 0 if neither."""
    if len(numbers) < 2 or None in numbers:
        return 0
    differences = {b - a for a, b in pairwise(numbers)}  # type: ignore[operator]
    return differences.pop() if differences in ({1}, {-1}) else 0


def _one_row_a_step(graph: Graph, stretch: Stretch, read: _Outside) -> Stretch:
    """A loop whose body reads several rows in turn, each in a way of its own, as so many times as many steps."""
    starts = _row_starts([found for found in read.series if graph.is_sequence(found[0][1])])
    if starts is None:
        return stretch
    cuts = list(stretch.cuts[: stretch.whole.start + 1])
    for k, places in zip(stretch.whole, starts, strict=True):
        lead = places[0] - stretch.cuts[k]
        cuts += [place - lead for place in places[1:]] + [stretch.cuts[k + 1]]
    whole = range(stretch.whole.start, len(cuts) - 1)
    cuts += stretch.cuts[stretch.whole.stop + 1 :]
    return Stretch(tuple(cuts), whole, stretch.carries)


def _row_starts(series: Sequence[Sequence[tuple[int, Reading]]]) -> list[list[int]] | None:
    """For each step, the places at which it reads its rows, if it reads several of one sequence, in turn."""
    for found in series:
        source = found[0][1].source
        same = [other for other in series if other[0][1].source is source]
        moves = len(same)
        if moves < 2 or len(found) < 2:
            continue
        rows = [[(x.row, place) for place, x in step] for step in zip(*same, strict=True)]
        flat = [row for step in rows for row, _ in step]
        if all(len(row) == len(flat[0]) for row in flat) and _follow(flat):
            places = [[place for _, place in step] for step in rows]
            if all(a < b for step in places for a, b in pairwise(step)):
                return places
    return None


def _follow(rows: Sequence[tuple[int, ...]]) -> bool:
    """Whether rows are read in turn, each once."""
    moving = [axis for axis in range(len(rows[0])) if rows[0][axis] != rows[1][axis]]
    still = [row[:axis] + row[axis + 1 :] for axis in moving for row in rows]
    return len(moving) == 1 and len(set(still)) == 1 and _in_turn([row[moving[0]] for row in rows]) != 0


def _moves_rows(node: Node) -> bool:
    """Whether a node's rows may be other rows of what it reads; both directions are joined along the last axis."""
    joins_beside = node.op is ops.CONCAT and node.params["axis"] % node.ndim > 0
    return node.op in _MOVES and not joins_beside


_MOVES = (ops.INDEX, ops.TRANSPOSE, ops.RESHAPE, ops.STACK, ops.CONCAT)
