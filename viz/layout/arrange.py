"""Where things go. Positions are in points, y downward.

- `positions`: one call of Graphviz, and what it said.
- `arrange_in_time`: a whole view, or, where Graphviz takes too long, what is nearest to its root.
- `arrange`: a whole view. Without time it is one such call, left to right. With time each step is a column, data
  flowing up; columns that are alike are laid out once and repeated, and what comes before and after stands around them.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..graph.collapse import nearest
from ..graph.view import Arrow, Box, Place, View
from .engine import LayoutTimeoutError, plain
from .skeleton import skeleton

Point = tuple[float, float]
Sizes = Mapping[int, tuple[float, float]]
GUTTER, PADDING, HEAD, FOOT = 56.0, 16.0, 40.0, 16.0

FEW = 30
"""So many boxes are laid out at once, where all of them took too long."""


@dataclass
class Layout:
    """Centres of boxes, the path of each arrow (start, then cubic Bézier points), and each column's rectangle."""

    boxes: dict[int, Point] = field(default_factory=dict)
    arrows: dict[int, list[Point]] = field(default_factory=dict)
    columns: dict[int, tuple[float, float, float, float]] = field(default_factory=dict)
    width: float = 0.0
    height: float = 0.0


@dataclass(frozen=True)
class Positions:
    """What Graphviz says of one graph: its size, centres by box, and a path for each arrow, in the order given."""

    width: float
    height: float
    centres: dict[int, Point]
    paths: list[list[Point]]


def positions(dot: str, edges: list[tuple[int, int]], seconds: float) -> Positions:
    """Lay out a `skeleton` and read the answer.

    Raises:
        RuntimeError: Graphviz refused, or took longer than ``seconds`` (`LayoutTimeoutError`).
    """
    lines = [line.split() for line in plain(dot, seconds).splitlines()]
    width, height = (72 * float(x) for x in lines[0][2:4])

    def point(x: str, y: str) -> Point:
        return 72 * float(x), height - 72 * float(y)

    centres = {int(words[1][1:]): point(*words[2:4]) for words in lines if words[0] == "node"}
    found: dict[tuple[int, int], list[list[Point]]] = {}
    for words in lines:
        if words[0] == "edge":
            count = int(words[3])
            path = [point(*words[4 + 2 * i : 6 + 2 * i]) for i in range(count)]
            found.setdefault((int(words[1][1:]), int(words[2][1:])), []).append(path)
    return Positions(width, height, centres, [found[edge].pop(0) for edge in edges])


def arrange(view: View, sizes: Sizes, rankdir: str, seconds: float = 20.0) -> Layout:
    """Positions for everything in ``view``, whose boxes have the given sizes.

    Raises:
        RuntimeError: Graphviz refused, or all of it took longer than ``seconds`` (`LayoutTimeoutError`).
    """
    if view.steps:
        return _Columns(view, sizes, seconds).layout()
    edges = [(arrow.tail, arrow.head, _weight(view, arrow)) for arrow in view.arrows]
    dot = skeleton(sizes, edges, rankdir=rankdir, ranksep=46 if rankdir in ("TB", "BT") else 66)
    found = positions(dot, [edge[:2] for edge in edges], seconds)
    layout = Layout(width=found.width, height=found.height)
    layout.boxes = found.centres
    layout.arrows = dict(enumerate(found.paths))
    return layout


@dataclass(frozen=True)
class Arranged:
    """A view, the sizes of its boxes, and where everything stands."""

    view: View
    sizes: Sizes
    layout: Layout


def arrange_in_time(who: str, view: View, sizes: Callable[[View], Sizes], rankdir: str) -> Arranged:
    """Positions for everything in a view, or only for what is nearest to its root; then it says so.

    Args:
        who: which function of viz was called, for the note.
        view: what is drawn.
        sizes: how large the boxes of a view are.
        rankdir: which way a graph without time runs.
    """
    try:
        return Arranged(view, found := sizes(view), arrange(view, found, rankdir))
    except LayoutTimeoutError as late:
        note = f"{late}: only the {FEW} boxes nearest to the root are shown; {who}, steps=…, max_nodes=…) picks"
        view = nearest(view, FEW, note)
        return Arranged(view, found := sizes(view), arrange(view, found, rankdir))


def _weight(view: View, arrow: Arrow) -> int:
    """What flows from op to op is the spine of the picture, and runs straight; leaves hang on it."""
    return 8 if view.boxes[arrow.tail].role in ("op", "loss", "gap") else 1


@dataclass(frozen=True)
class _Group:
    """The boxes of one column (or of what comes before or after all), and the arrows among them."""

    boxes: list[int]  # from the left: see _from_the_left
    straight: list[int]
    beside: list[int]  # arrows of weights and targets, which stand at the right of what reads them

    def ask(self, view: View, sizes: Sizes) -> tuple[str, list[tuple[int, int]]]:
        """The question for Graphviz, in terms of the boxes' order here: alike for columns that are alike."""
        local = {key: i for i, key in enumerate(self.boxes)}
        pairs = {i: (local[view.arrows[i].tail], local[view.arrows[i].head]) for i in self.straight + self.beside}
        straight = [pairs[i] for i in self.straight]
        weighted = [(*pairs[i], _weight(view, view.arrows[i])) for i in self.straight]
        beside = [pairs[i][::-1] for i in self.beside]
        return skeleton({local[key]: sizes[key] for key in self.boxes}, weighted, beside), straight + beside


class _Columns:
    def __init__(self, view: View, sizes: Sizes, seconds: float) -> None:
        self.view, self.sizes, self.deadline = view, sizes, time.monotonic() + seconds
        self.known: dict[str, Positions] = {}
        self.groups: dict[Place, _Group] = {}
        self.standing: dict[Place, dict[int, Box]] = defaultdict(dict)
        for box in view.boxes:
            self.standing[box.place][box.key] = box
        self.within: dict[Place, list[int]] = defaultdict(list)
        self.entered: set[int] = set()  # boxes that read another column
        self.between: dict[tuple[int, int], list[int]] = defaultdict(list)
        for i, arrow in enumerate(view.arrows):
            self.between[arrow.tail, arrow.head].append(i)
            place = view.boxes[arrow.head].place
            if place != view.boxes[arrow.tail].place:
                self.entered.add(arrow.head)
            elif not arrow.back:
                self.within[place].append(i)
        self.out = Layout()

    def layout(self) -> Layout:
        places: list[Place] = ["before", *self.view.steps, "after"]
        groups = self.groups = {place: self._group(place) for place in places}
        found = {place: self._ask(group) for place, group in groups.items()}
        first_states = not groups["before"].straight and bool(groups["before"].boxes)
        if first_states:
            widest = max(self.sizes[key][0] for key in groups["before"].boxes)
            found["before"] = Positions(widest, 0.0, {}, [])
        left, top = found["before"], found["after"]
        tallest = max(found[step].height for step in self.view.steps) + 2 * PADDING
        upper = top.height + HEAD if groups["after"].boxes else 0.0
        base = upper + tallest - PADDING  # where the feet of all columns stand

        x = start = left.width + GUTTER if groups["before"].boxes else 0.0
        for step in self.view.steps:
            p = found[step]
            is_gap = len(groups[step].boxes) == 1 and self.view.boxes[groups[step].boxes[0]].role == "gap"
            self._put(groups[step], p, x + PADDING, base - (tallest / 2 if is_gap else p.height))
            self.out.columns[step] = (x, upper, p.width + 2 * PADDING, tallest + FOOT)
            x += p.width + 2 * PADDING + GUTTER
        end = x - GUTTER
        middle = max((start + end - top.width) / 2, 0.0)
        self._put(groups["after"], top, middle, 0.0)
        self._put(groups["before"], left, 0.0, base - left.height)
        if first_states:
            self._stack_first_states(groups["before"].boxes)
        room_to_turn = GUTTER if any(arrow.back for arrow in self.view.arrows) else 0.0
        lowest = max(y + self.sizes[key][1] / 2 for key, (_, y) in self.out.boxes.items())
        self.out.width = max(end + room_to_turn, middle + top.width)
        self.out.height = max(upper + tallest + FOOT, lowest)
        for i, arrow in enumerate(self.view.arrows):
            if i not in self.out.arrows:
                self.out.arrows[i] = self._apart(i, self._across(arrow))
        return self.out

    # -- one group --

    def _group(self, place: Place) -> _Group:
        boxes, inner = self.standing[place], self.within[place]
        ops = {key for key, box in boxes.items() if box.role in ("op", "loss")}
        reads_op = {self.view.arrows[i].head for i in inner if self.view.arrows[i].tail in ops}
        beside = [
            i
            for i in inner
            if boxes[self.view.arrows[i].tail].role in ("alias", "data") and self.view.arrows[i].head in reads_op
        ]
        return _Group(self._from_the_left(boxes, inner), [i for i in inner if i not in beside], beside)

    def _from_the_left(self, boxes: Mapping[int, Box], inner: list[int]) -> list[int]:
        """The boxes depth first from the column's head: the nearer one is to reading another column, the further left.

        Graphviz keeps the order in which it hears of boxes where nothing else decides.
        """
        inputs: dict[int, list[int]] = {key: [] for key in boxes}
        for i in inner:
            inputs[self.view.arrows[i].head].append(self.view.arrows[i].tail)
        away: dict[int, float] = {}
        for key in sorted(boxes):
            away[key] = (
                0 if key in self.entered else 1 + min((away.get(x, math.inf) for x in inputs[key]), default=math.inf)
            )
        found: dict[int, None] = {}
        todo = [key for key in boxes if not any(key in tails for tails in inputs.values())]
        while todo:
            key = todo.pop()
            if key not in found:
                found[key] = None
                todo += sorted(inputs[key], key=lambda x: (-away[x], -x))
        return list(found)

    def _ask(self, group: _Group) -> Positions:
        """Graphviz's answer for a group, asked once for all that are alike."""
        if not group.boxes:
            return Positions(0.0, 0.0, {}, [])
        dot, edges = group.ask(self.view, self.sizes)
        if dot not in self.known:
            self.known[dot] = positions(dot, edges, self.deadline - time.monotonic())
        return self.known[dot]

    def _put(self, group: _Group, p: Positions, dx: float, dy: float) -> None:
        for i, (x, y) in p.centres.items():
            self.out.boxes[group.boxes[i]] = (x + dx, y + dy)
        for i, path in zip(group.straight + group.beside, p.paths, strict=True):
            moved = [(x + dx, y + dy) for x, y in path]
            self.out.arrows[i] = moved[::-1] if i in group.beside else moved

    def _stack_first_states(self, keys: list[int]) -> None:
        """First states, one under the other, each at the height of what reads it, so that its arrow runs straight."""
        reader = {arrow.tail: self.out.boxes[arrow.head][1] for arrow in self.view.arrows if arrow.tail in keys}
        right, floor = max(self.sizes[key][0] for key in keys), -math.inf
        for key in sorted(keys, key=lambda key: reader.get(key, 0.0)):
            width, height = self.sizes[key]
            y = max(reader.get(key, 0.0), floor + height / 2)
            self.out.boxes[key] = (right - width / 2, y)
            floor = y + height / 2 + 10

    # -- between groups --

    def _apart(self, i: int, path: list[Point]) -> list[Point]:
        """A path moved up or down where several arrows lead from one box to another, so that each can be seen."""
        alike = self.between[self.view.arrows[i].tail, self.view.arrows[i].head]
        height = min(self.sizes[key][1] for key in (self.view.arrows[i].tail, self.view.arrows[i].head))
        away = min(16.0, (height - 8) / len(alike)) * (alike.index(i) - (len(alike) - 1) / 2)
        upward = self.view.boxes[self.view.arrows[i].head].place == "after"
        return [(x + away, y) if upward else (x, y + away) for x, y in path]

    def _across(self, arrow: Arrow) -> list[Point]:
        """From one group to another: up to what comes after, or through the gutter to the left of the reader."""
        if arrow.back:
            return self._back(arrow)
        tail, head = self.out.boxes[arrow.tail], self.out.boxes[arrow.head]
        th, (hw, hh) = self.sizes[arrow.tail][1], self.sizes[arrow.head]
        place = self.view.boxes[arrow.head].place
        if place == "after":
            if self.view.boxes[arrow.tail].role == "gap":
                return self._around(tail, th, head, hh)
            spread = (tail[0] - head[0]) / self.out.width * hw
            return _straight((tail[0], tail[1] - th / 2), (head[0] + spread * 0.8, head[1] + hh / 2))
        forward = 1 if head[0] >= tail[0] else -1
        out = self._through_side(arrow.tail, forward, above=True)
        into = self._through_side(arrow.head, -forward, above=False)[::-1]
        bend = into[0][0] if not isinstance(place, int) else self._edge(place, -forward)
        bend -= forward * GUTTER / 2
        return [*out, (bend, out[-1][1]), (bend, into[0][1]), *into]

    def _back(self, arrow: Arrow) -> list[Point]:
        """From the one column of a rolled picture around its right side and back in: what the next step reads."""
        if arrow.tail == arrow.head:
            return self._loop(arrow.tail)
        out = self._through_side(arrow.tail, 1, above=True)
        into = self._through_side(arrow.head, 1, above=False)[::-1]
        bend = max(out[-1][0], into[0][0]) + GUTTER
        return [*out, (bend, out[-1][1]), (bend, into[0][1]), *into]

    def _loop(self, key: int) -> list[Point]:
        """From a box's right side back to it, lower down."""
        (x, y), (width, height) = self.out.boxes[key], self.sizes[key]
        right, away = x + width / 2, x + width / 2 + GUTTER
        return [(right, y - height / 4), (away, y - height / 4), (away, y + height / 4), (right, y + height / 4)]

    def _edge(self, place: int, side: int) -> float:
        """Where a column ends, at its right (side 1) or left (-1)."""
        x, _, width, _ = self.out.columns[place]
        return x + width if side > 0 else x

    def _through_side(self, key: int, side: int, above: bool) -> list[Point]:
        """From a box straight to where its column ends at one side; around what stands there, over it or under it."""
        (x, y), (width, height) = self.out.boxes[key], self.sizes[key]
        place = self.view.boxes[key].place
        flank = (x + side * width / 2, y)
        if not isinstance(place, int):
            return [flank]
        if not self._is_blocked(key, self._edge(place, side), flank[0]):
            return _straight(flank, (self._edge(place, side), y))
        turn = -1 if above else 1
        start, level = (x + side * width / 4, y + turn * height / 2), y + turn * (height / 2 + 11)
        corner = (start[0] + side * 10, level)
        line = _straight(corner, (self._edge(place, side), level))
        return [start, (start[0], level), (start[0], level), *line]

    def _is_blocked(self, head: int, edge: float, end: float) -> bool:
        """Whether a box stands between the edge of a column and one of its boxes, at the height of that."""
        left, right = min(edge, end), max(edge, end)
        for key in self.groups[self.view.boxes[head].place].boxes:
            (x, y), (width, height) = self.out.boxes[key], self.sizes[key]
            level = abs(y - self.out.boxes[head][1]) < height / 2
            if key != head and level and left < x + width / 2 and x - width / 2 < right:
                return True
        return False

    def _around(self, tail: Point, tail_height: float, head: Point, head_height: float) -> list[Point]:
        """From the stand-in for steps left out: up its own column first, so as to cross no other."""
        upper = min(y for _, y, _, _ in self.out.columns.values())
        corner = (tail[0], upper)
        end = (head[0], head[1] + head_height / 2)
        return _straight((tail[0], tail[1] - tail_height / 2), corner) + _straight(corner, end)[1:]


def _straight(a: Point, b: Point) -> list[Point]:
    third = ((b[0] - a[0]) / 3, (b[1] - a[1]) / 3)
    return [a, (a[0] + third[0], a[1] + third[1]), (b[0] - third[0], b[1] - third[1]), b]
