"""Operations of a recurrent cell around the line on which it hands a state on: c_(t-1) -> c_t along the top of an LSTM.

Of the states that a step hands on, the line is that of the one which the fewest operations change from step to step;
it runs level along the top. What it reads stands under it, in the order in which it is read. What reads it and leads to
another state hangs from it, at the right. Inputs stand below, and outputs above.

It is found in the graph, and does for any cell in which nothing would be crossed; for others `cell_line` gives None.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping
from itertools import pairwise

from ..graph.textbook import stem
from ..graph.view import Box, View
from .ends import edge, is_inside
from .lanes import rounded, straight
from .positions import Layout, Point, Sizes

BESIDE, BETWEEN, PAD, GAP = 12.0, 24.0, 10.0, 36.0
"""Room between slots, between rows, around a cell, and between cells."""


def cell_line(view: View, sizes: Sizes, radius: Callable[[int], float]) -> Layout | None:
    """Positions for a view of operations in time, or None where it is no network of such cells.

    Args:
        view: what is drawn.
        sizes: of its boxes.
        radius: of a box's corners.
    """
    found = _Cells(view, sizes, radius)
    return found.out if found.are_cells and not found.is_crossed() else None


class _Step:
    """The boxes of one step: in slots from the left, in rows from below; inputs are in row -1."""

    def __init__(self, cells: _Cells, boxes: list[Box]) -> None:
        self.cells = cells
        self.keys = {box.key for box in boxes}
        self.x: dict[int, float] = {}
        self.row: dict[int, float] = {}
        states = [box.key for box in boxes if stem(box) in cells.carried and box.role != "data"]
        self.core = self._before(states)
        self.inputs = {box.key for box in boxes if box.role in ("data", "leaf") and box.key not in self.core}
        self.line = self._line(states)
        if self.line:
            self._place()
        if self.core - set(self.x):  # what neither the line reads nor reads the line, as a second cell
            self.line = []

    def _reads(self, key: int) -> list[int]:
        """What a box reads in its own step, inputs apart."""
        return [x for x in self.cells.reads[key] if x in self.keys and self.cells.reads[x]]

    def _before(self, states: list[int]) -> set[int]:
        """The states, and the operations that lead to them."""
        found = set(states)
        queue = list(states)
        for key in queue:
            fresh = [x for x in self._reads(key) if x not in found]
            found.update(fresh)
            queue += fresh
        return found

    def _line(self, states: list[int]) -> list[int]:
        """The shortest way from what enters the step to a state."""
        ways = [way for state in states if (way := self._way(state))]
        return min(ways, key=len, default=[])

    def _way(self, state: int) -> list[int]:
        kind = stem(self.cells.view.boxes[state])
        ways = [[state]]
        seen = {state}
        for way in ways:
            if any(self.cells.enters(x, way[0], kind) for x in self.cells.reads[way[0]]):
                return way
            for x in self._reads(way[0]):
                if x not in seen:
                    seen.add(x)
                    ways.append([x, *way])
        return []

    # -- slots and rows --

    def _place(self) -> None:
        hanging = self._hanging()
        depth = self._depths(hanging)
        self.bus = {key for key in depth if depth[key] == 0 and self._fan_out(key) > 1}
        self.next = 0.0
        for key in sorted(self.bus):
            self._put(key, self.next, 0)
            self.next += 1
        drop = dict.fromkeys(self.line, 0)
        for key in hanging:
            drop[key] = 1 + max(drop[x] for x in self._reads(key) if x in drop)
        under_line = [depth[x] + 1 for key in self.line for x in self._reads(key) if x in depth]
        under_hanging = [depth[x] for key in hanging for x in self._reads(key) if x in depth]
        self.top = max([0, *under_line, max(drop.values()) + max([0, *under_hanging])])
        self._place_line(depth)
        for key in hanging:
            for x in self._reads(key):
                self._put_under(x, depth)
        for key in hanging:
            self._put(key, self.next, self.top - drop[key])
        self._outside()

    def _hanging(self) -> list[int]:
        """What reads the line, or what hangs from it."""
        found: list[int] = []
        for key in sorted(self.core.difference(self.line)):
            if any(x in self.line or x in found for x in self._reads(key)):
                found.append(key)
        return found

    def _depths(self, hanging: list[int]) -> dict[int, int]:
        """How many operations under each box that stands under the line the longest way to it begins."""
        found: dict[int, int] = {}
        for key in sorted(self.core.difference(self.line, hanging)):
            found[key] = max((found[x] + 1 for x in self._reads(key) if x in found), default=0)
        return found

    def _place_line(self, depth: Mapping[int, int]) -> None:
        """The boxes of the line, each over the middle of what it reads."""
        last = -1.0
        for key in self.line:
            for x in self._reads(key):
                self._put_under(x, depth)
            apart = self.bus.union(self.line)
            beside = [self.x[x] for x in self._reads(key) if x in self.x and x not in apart]
            last = max(last + 1, sum(beside) / len(beside) if beside else self.next)
            self._put(key, last, self.top)
            self.next = max(self.next, math.floor(last) + 1)

    def _fan_out(self, key: int) -> int:
        return sum(key in self.cells.reads[other] for other in self.core)

    def _put(self, key: int, x: float, row: float) -> None:
        self.x[key], self.row[key] = x, row

    def _put_under(self, key: int, depth: Mapping[int, int]) -> None:
        """A box under the line, after what it reads: over the middle of that, or in the next slot."""
        todo = [key]
        while todo:
            now = todo[-1]
            waits = [x for x in self._reads(now) if x in depth and x not in self.x]
            if now in self.x or now not in depth:
                todo.pop()
            elif waits:
                todo += waits[::-1]
            else:
                mine = [self.x[x] for x in self._reads(now) if x in depth and x not in self.bus]
                self._put(now, sum(mine) / len(mine) if mine else self.next, depth[now])
                self.next += not mine
                todo.pop()

    def _outside(self) -> None:
        """Outputs above, inputs below."""
        right = max(self.x.values())
        for key in sorted(self.keys - self.core - self.inputs):
            reads = [x for x in self.cells.reads[key] if x in self.row]
            over = max((self.row[x] for x in reads if x not in self.core), default=self.top)
            from_line = [self.x[x] for x in reads if x in self.line]
            mine = [self.x[x] for x in reads if x not in self.core]
            self._put(key, mine[0] if mine else from_line[0] if from_line else right + 0.75, over + 1)
        for key in sorted(self.inputs):
            readers = [other for other in self.x if key in self.cells.reads[other]]
            x = min((self.x[other] for other in readers), default=0.0)
            while any(self.x.get(other) == x and self.row.get(other) == -1 for other in self.inputs):
                x += 1
            self._put(key, x, -1)


class _Cells:
    def __init__(self, view: View, sizes: Sizes, radius: Callable[[int], float]) -> None:
        self.view, self.sizes, self.radius = view, sizes, radius
        self.reads: dict[int, list[int]] = defaultdict(list)
        for arrow in view.arrows:
            self.reads[arrow.head].append(arrow.tail)
        boxes = view.boxes
        self.carried: set[Hashable] = {
            stem(boxes[arrow.tail])
            for arrow in view.arrows
            if isinstance(boxes[arrow.tail].place, int)
            and isinstance(boxes[arrow.head].place, int)
            and boxes[arrow.tail].place != boxes[arrow.head].place
            and boxes[arrow.tail].role != "gap"
        }
        there = {t: [box for box in boxes if box.place == t and box.role != "gap"] for t in view.steps}
        self.steps = {t: _Step(self, found) for t, found in there.items() if found}
        self.are_cells = bool(self.steps) and all(step.line for step in self.steps.values())
        self.out = Layout()
        if self.are_cells:
            self._stand()
            for i, arrow in enumerate(view.arrows):
                self.out.arrows[i] = self._path(arrow.tail, arrow.head)

    def enters(self, x: int, reader: int, kind: Hashable) -> bool:
        """Whether a box is the state of a kind from outside the reader's step."""
        box = self.view.boxes[x]
        if box.place == self.view.boxes[reader].place and self.reads[x]:
            return False
        return box.role == "gap" or (stem(box) == kind and box.role in ("data", "leaf", "op", "cell"))

    def is_crossed(self) -> bool:
        """Whether a line passes through a box, or two boxes lie on each other."""
        for i, path in self.out.arrows.items():
            ends = self.view.arrows[i].tail, self.view.arrows[i].head
            for a, b in pairwise(path[::3]):
                count = int(math.dist(a, b) / 3) + 1
                for k in range(1, count):
                    point = a[0] + (b[0] - a[0]) * k / count, a[1] + (b[1] - a[1]) * k / count
                    for key, middle in self.out.boxes.items():
                        if key not in ends and is_inside(point, middle, self.sizes[key], self.radius(key)):
                            return True
        places = list(self.out.boxes.values())
        return len({(round(x), round(y)) for x, y in places}) < len(places)

    # -- positions --

    def _stand(self) -> None:
        cores = [key for step in self.steps.values() for key in step.core]
        self.slot = max(self.sizes[key][0] for key in cores) + BESIDE
        self.tall = max(self.sizes[key][1] for key in self.sizes) + BETWEEN
        self.highest = max(max(step.row.values()) for step in self.steps.values())
        self.y0 = self._y(0)
        self.exits: dict[int, float] = {}
        before = [box.key for box in self.view.boxes if box.place == "before"]
        x = start = max((self.sizes[key][0] for key in before), default=0.0) + (GAP if before else 0.0)
        for t in self.view.steps:
            for box in self.view.boxes:
                if box.place == t and box.role == "gap":
                    self.out.boxes[box.key] = (x + self.sizes[box.key][0] / 2, self._y(0))
                    x += self.sizes[box.key][0] + GAP
            if t in self.steps:
                x = self._stand_step(t, x) + GAP
        self._stand_before(before, start)
        self._stand_after(start, x - GAP)
        self.out.width = x - GAP
        self.out.height = max(y + self.sizes[key][1] / 2 for key, (_, y) in self.out.boxes.items())

    def _y(self, row: float) -> float:
        return (self.highest - row + 0.5) * self.tall

    def _stand_step(self, t: int, start: float) -> float:
        """Put down a step whose cell begins at ``start``; gives where the rightmost box of it ends."""
        step, boxes = self.steps[t], self.out.boxes
        left = start + PAD + self.slot / 2
        for key, place in step.x.items():
            boxes[key] = (left + place * self.slot, self._y(step.row[key]))
        self.exits[t] = left + (max(step.x[key] for key in step.core) + 0.75) * self.slot
        right = max(boxes[key][0] + self.sizes[key][0] / 2 for key in step.core) + PAD
        end = max(right, self.exits[t] + 10)
        top = self._y(step.top) - self.tall / 2 + 4
        self.out.columns[t] = (start, top, end - start, (step.top + 1) * self.tall - 8)
        return max(end, *(boxes[key][0] + self.sizes[key][0] / 2 for key in step.x))

    def _stand_before(self, before: list[int], start: float) -> None:
        for key in before:
            readers = [other for other in self.out.boxes if key in self.reads[other]]
            height = self.out.boxes[min(readers)][1] if readers else self.y0
            while any(
                other in self.out.boxes and abs(self.out.boxes[other][1] - height) < self.sizes[key][1]
                for other in before
            ):
                height += self.sizes[key][1] + 6
            self.out.boxes[key] = (start - GAP - self.sizes[key][0] / 2, height)

    def _stand_after(self, start: float, end: float) -> None:
        after = [box.key for box in self.view.boxes if box.key not in self.out.boxes]
        for key in after:
            reads = [self.out.boxes[x] for x in self.reads[key] if x in self.out.boxes]
            x = sum(place[0] for place in reads) / len(reads) if reads else (start + end) / 2
            self.out.boxes[key] = (x, min((place[1] for place in reads), default=0.0) - self.tall)
        lowest = min(y - self.sizes[key][1] / 2 for key, (_, y) in self.out.boxes.items())
        if lowest < 0:
            self.out.boxes = {key: (x, y - lowest) for key, (x, y) in self.out.boxes.items()}
            self.out.columns = {t: (x, y - lowest, w, h) for t, (x, y, w, h) in self.out.columns.items()}
            self.y0 -= lowest

    # -- lines --

    def _path(self, tail: int, head: int) -> list[Point]:
        (ax, ay), (bx, by) = self.out.boxes[tail], self.out.boxes[head]
        a, b = self.view.boxes[tail].place, self.view.boxes[head].place
        if b == "after" and self.view.boxes[tail].role == "gap":
            return self._past_boxes(tail, head)
        if abs(ay - by) < 1 or abs(ax - bx) < 1 or b == "after":
            return self._direct(tail, head)
        step = self.steps.get(a) if isinstance(a, int) else None
        if a != b or step is None or tail not in step.row or head not in step.row:
            return self._to_another_step(tail, head)
        is_output = head not in step.core  # over the edge of its cell
        if is_output or tail in step.bus or tail in step.line:
            return self._bent(tail, head, [(bx, ay)])
        return self._bent(tail, head, [(ax, by)])

    def _past_boxes(self, tail: int, head: int) -> list[Point]:
        """From what is left out to what comes after all steps; beside the line that may come down to it."""
        (ax, ay), b = self.out.boxes[tail], self.out.boxes[head]
        x = ax + 8
        if abs(x - b[0]) < self.sizes[head][0] / 2 + 8:
            return self._direct(tail, head)
        end = edge(b, self.sizes[head], self.radius(head), (x, b[1]))
        return rounded([(x, ay - self.sizes[tail][1] / 2), (x, b[1]), end])

    def _to_another_step(self, tail: int, head: int) -> list[Point]:
        (ax, ay), (bx, by) = self.out.boxes[tail], self.out.boxes[head]
        if self.view.boxes[head].role == "gap" and any(tail in step.line for step in self.steps.values()) and ay < by:
            return self._bent(tail, head, [(bx, ay)])  # the line runs on to what is left out
        place = self.view.boxes[tail].place
        x = self.exits.get(place, ax) if isinstance(place, int) else ax
        if x <= ax + 1:
            x = ax + self.sizes[tail][0] / 2 + GAP / 2
        return self._bent(tail, head, [(x, ay), (x, by)])

    def _direct(self, tail: int, head: int) -> list[Point]:
        a, b = self.out.boxes[tail], self.out.boxes[head]
        start = edge(a, self.sizes[tail], self.radius(tail), b)
        return straight(start, edge(b, self.sizes[head], self.radius(head), a))

    def _bent(self, tail: int, head: int, corners: list[Point]) -> list[Point]:
        a, b = self.out.boxes[tail], self.out.boxes[head]
        start = edge(a, self.sizes[tail], self.radius(tail), corners[0])
        return rounded([start, *corners, edge(b, self.sizes[head], self.radius(head), corners[-1])])
