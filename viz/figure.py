"""`draw(style="figure")`: a picture for a slide, a paper or a book, as wide as asked for, with type that can be read.

- `Figure`: the picture, and what it can be written as.
- `figure`: chooses what is drawn and how it is broken into rows so that it fits.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, get_args

import numpy as np

from microgradrnn.engine import Node as Recorded

from .graph.build import located
from .graph.inputs import rows_read
from .graph.levels import Level, lowered
from .graph.rolling import traced
from .graph.textbook import Textbook, textbook
from .graph.view import Arrow, View
from .graph.ways import Ways, between, ends, in_fewer, some
from .layout.arrange import arrange
from .layout.blocks import Blocks
from .layout.cell_line import cell_line
from .layout.grid import Grid
from .layout.positions import Layout, Sizes
from .lengths import in_unit_of, points
from .paint import figure_svg, foot, tikz
from .paint.arrow_labels import crowded, rooms
from .paint.figure import LEAST, MARGIN, Look, foot_height, picture
from .paint.figure_marks import Picture, Theme
from .paint.nodes import NUMBER, SMALL, Node, kinds, on_arrow
from .passes import Pass

MOST_SCALE, LEAST_SCALE = 1.25, LEAST / min(SMALL, NUMBER)
MOST_BLOCKS, MOST_BLOCKS_OF_NUMBERS, MOST_BLOCKS_ASKED, MOST_STEPS = 2, 4, 8, 24
FEWER_NODES = (50, 30, 20, 12, 8)
WIDER, HIGHER = (0.0, 0.3, 0.6, 1.0, 1.5), (1.0, 1.4, 1.8)
"""What is tried where labels have no clear place: so much more room between columns, and so many times as much between
rows."""

LONGEST_SIDE = 3.0
"""How many times as long as the other one a side of a figure may be."""


@dataclass(frozen=True)
class FigureOptions:
    """What `draw` was asked for in a figure; see there."""

    level: Level = "auto"
    steps: tuple[int, ...] | None = None
    max_nodes: int = 100
    rankdir: str = "LR"
    rolled: bool = False
    width: str = "16cm"
    numbers: bool | None = None
    panel: bool = False
    legend: bool = False
    theme: Theme = "light"
    path: tuple[Any, Any] | None = None


@dataclass(frozen=True)
class Figure:
    """A figure: what is drawn, the picture of it, and whether values and gradients stand in it."""

    view: View
    picture: Picture
    numbers: bool

    def svg(self, prefix: str) -> str:
        """As one SVG element."""
        return figure_svg.paint(self.picture, prefix)

    def tex(self) -> str:
        """As a LaTeX file."""
        return tikz.document(self.picture)


def figure(run: Pass, options: FigureOptions) -> Figure:
    """The figure of a pass.

    Raises:
        ValueError: it cannot be drawn so wide with type of 9 points, or its path joins nothing; says what to change.
    """
    return _Maker(run, options).figure()


@dataclass(frozen=True)
class _Seen:
    """What a figure shows.

    Attributes:
        view: the boxes and arrows that are drawn.
        at: the box of each node that has one, in ``unrolled``.
        unrolled: the view with all steps; ``view`` itself unless that is rolled.
        keys: for each box of ``unrolled`` that of ``view``.
    """

    view: View
    at: Mapping[Recorded, int]
    unrolled: View
    keys: Mapping[int, int]

    @classmethod
    def of(cls, view: View, at: Mapping[Recorded, int], is_rolled: bool = False) -> _Seen:
        """A view as it is, or rolled."""
        shown, keys = traced(view) if is_rolled else (view, {box.key: box.key for box in view.boxes})
        return cls(shown, at, view, keys)


@dataclass(frozen=True)
class _Drawn:
    """What is shown, with where things stand, in points of its own."""

    seen: _Seen
    nodes: Mapping[int, Node]
    layout: Layout


class _Maker:
    def __init__(self, run: Pass, options: FigureOptions) -> None:
        if options.level not in get_args(Level):
            raise ValueError(f"draw: level is {', '.join(map(repr, get_args(Level)))}, not {options.level!r}")
        self.run = lowered(run.root) if options.level == "scalar" else run
        self.options = options
        self.steps = None if options.steps is None else list(options.steps)
        self.room = points("draw", "width", options.width)
        self.is_rolled = options.rolled or options.level == "network"
        if self.is_rolled and not self.run.steps:
            raise ValueError(
                "draw: nothing was recorded in time steps, and no loop was found, so there is nothing to roll"
            )
        self.numbers = options.numbers if options.numbers is not None else self._are_all_scalars()

    @property
    def _has_operations(self) -> bool:
        return self.options.level in ("op", "scalar") and not self.is_rolled

    def _are_all_scalars(self) -> bool:
        return not self.run.steps and all(np.ndim(value) == 0 for value in self.run.values.values())

    def figure(self) -> Figure:
        if not self.run.steps:
            return self._without_time()
        if self._has_operations:
            return self._of_operations()
        narrowest, spare = np.inf, None
        for steps in self._choices():
            seen = self._seen(steps)
            nodes = self._nodes(seen.view)
            grid = Grid(seen.view)
            most = self._most_blocks(steps)
            for count in range(1, min(grid.columns, most) + 1):
                layout = self._in_blocks(seen.view, grid, nodes, count, (1.0, 1.0))
                narrowest = min(narrowest, layout.width)
                if self._scale(layout) < LEAST_SCALE:
                    continue
                found = _Drawn(seen, nodes, layout), grid, count
                if self._is_compact(layout):
                    return self._finished(*found)
                spare = spare or found
        if spare is not None:  # a low one gets room above and below it
            return self._finished(*spare)
        raise self._too_narrow(narrowest)

    def _most_blocks(self, steps: list[int] | None) -> int:
        """Rather than in many blocks a few steps stand in one, unless there are numbers, which take room."""
        if self.steps is not None:
            return MOST_BLOCKS_ASKED
        return MOST_BLOCKS_OF_NUMBERS if self.numbers else MOST_BLOCKS if steps is None else 1

    # -- which steps --

    def _choices(self) -> Iterable[list[int] | None]:
        """All steps, then fewer and fewer: the first and the last ones."""
        if self.steps is not None:
            yield self.steps
            return
        every = self.run.steps
        if self.is_rolled:
            yield None
            return
        if len(every) <= MOST_STEPS:
            yield None
        needed = {t for node in self._ends or () if (t := self.run.t(node)) is not None}
        for count in range(min(len(every) - 1, MOST_STEPS // 2), 1, -1):
            yield sorted({*every[: (count + 1) // 2], *every[len(every) - count // 2 :], *needed})

    def _of_operations(self) -> Figure:
        narrowest = np.inf
        every = self.run.steps
        first = [list(every[:count]) for count in range(1, min(len(every), MOST_STEPS // 2) + 1)]
        found = None
        for steps in first if self.steps is None else [self.steps]:  # one more as long as they fit
            seen = self._seen(steps)
            nodes = self._nodes(seen.view, ops=True)
            sizes = _sizes(nodes)
            layout = cell_line(seen.view, sizes, _radius(nodes)) or _with_cells(seen.view, sizes)
            narrowest = min(narrowest, layout.width)
            if self._scale(layout) < LEAST_SCALE:
                break
            found = _Drawn(seen, nodes, layout)
        if found is not None:
            return self._painted(found)
        raise self._too_narrow(narrowest)

    def _seen(self, steps: list[int] | None) -> _Seen:
        view, keys = located(self.run, self.run.steps if steps is None else steps, 10**9)
        names = {} if self.options.level == "scalar" else self.run.state_names
        states = {keys[node]: name for node, name in names.items() if node in keys}
        rows = {keys[node]: row for node, row in rows_read(self.run).items() if node in keys}
        found = textbook(view, self._has_operations, states, rows)
        return _Seen.of(found.view, _at(keys, found), self.is_rolled)

    # -- how it fits --

    def _nodes(self, view: View, ops: bool = False) -> dict[int, Node]:
        found = kinds(view, ops)
        return {box.key: Node(box, found[box.key], self.numbers, ops=ops) for box in view.boxes}

    def _in_blocks(
        self, view: View, grid: Grid, nodes: Mapping[int, Node], count: int, spacing: tuple[float, float]
    ) -> Layout:
        def port(arrow: Arrow, is_head: bool) -> float:
            if not is_head:
                return nodes[arrow.tail].height_of(arrow.output)
            tail = view.boxes[arrow.tail]
            name = tail.outputs[arrow.output].name if arrow.output is not None and tail.outputs else tail.title
            return nodes[arrow.head].port(name)

        labels = {
            i: max(printed.width for printed in found)
            for i, arrow in enumerate(view.arrows)
            if (found := on_arrow(arrow, self.numbers))
        }
        return Blocks(view, grid, _sizes(nodes), labels, port, _radius(nodes), count, spacing).layout

    def _scale(self, layout: Layout) -> float:
        return min(self.room / (layout.width + 2 * MARGIN), MOST_SCALE)

    def _is_compact(self, layout: Layout) -> bool:
        """Whether no side is much longer than the other."""
        height = (layout.height + 2 * MARGIN) * self._scale(layout)
        return self.room / LONGEST_SIDE <= height <= self.room * LONGEST_SIDE

    def _finished(self, drawn: _Drawn, grid: Grid, count: int) -> Figure:
        """The figure, with what room there is between its columns first."""
        wanted = self.room / MOST_SCALE - 2 * MARGIN
        stretch = 1.0
        while drawn.layout.width < 0.97 * wanted and stretch < 1.8:
            stretch += 0.1
            layout = self._in_blocks(drawn.seen.view, grid, drawn.nodes, count, (stretch, 1.0))
            if layout.width > wanted:
                break
            drawn = replace(drawn, layout=layout)
        return self._painted(self._roomier(drawn, grid, count, stretch))

    def _roomier(self, drawn: _Drawn, grid: Grid, count: int, stretch: float) -> _Drawn:
        """With more room between columns and rows where labels have no clear place, as far as the width allows."""
        fewest, found = self._crowded(drawn), drawn
        for wider, higher in sorted(itertools.product(WIDER, HIGHER), key=sum):
            if not fewest:
                break
            spacing = (stretch + wider, higher)
            layout = self._in_blocks(drawn.seen.view, grid, drawn.nodes, count, spacing)
            if self._scale(layout) >= LEAST_SCALE and self._is_compact(layout):
                tried = replace(drawn, layout=layout)
                if (crowded := self._crowded(tried)) < fewest:
                    fewest, found = crowded, tried
        return found

    def _crowded(self, drawn: _Drawn) -> int:
        layout = drawn.layout
        bounds = -MARGIN, -MARGIN, layout.width + MARGIN, layout.height + MARGIN
        return crowded(drawn.seen.view, layout, drawn.nodes, self.numbers, bounds)

    def _painted(self, drawn: _Drawn) -> Figure:
        scale, options, view = self._scale(drawn.layout), self.options, drawn.seen.view
        room = self.room / scale - 2 * MARGIN
        lines = foot.sums(view, room) if options.panel else []
        lines += foot.legend(view, drawn.nodes, self.numbers, room) if options.legend else []
        path = self._path(drawn.seen)
        look = Look(self.numbers, theme=options.theme, path=path, foot=tuple(lines))
        height = drawn.layout.height + 2 * MARGIN + foot_height(look)
        size = (self.room / scale, max(height, self.room / scale / LONGEST_SIDE))
        title = f"Computational graph of {self._root(view)}"
        return Figure(view, picture(view, drawn.layout, drawn.nodes, look, size, scale, title), self.numbers)

    def _root(self, view: View) -> str:
        return next((box.title for box in view.boxes if box.role == "root"), "a node")[:200]

    # -- its path --

    @cached_property
    def _ends(self) -> tuple[Recorded, Recorded] | None:
        """The two nodes that the path joins."""
        return None if self.options.path is None else ends(self.options.path, self.run.names)

    def _path(self, seen: _Seen) -> Ways | None:
        if self._ends is None:
            return None
        boxes, names = [], self.run.names
        for node in self._ends:
            if node not in seen.at:
                drawn = some(names[other] for other in seen.at)
                raise ValueError(f"draw: path: {names[node]!r} is not drawn in this figure; there are {drawn}")
            boxes.append(seen.at[node])
        found = between(seen.unrolled, *boxes)
        if found is None:
            first, last = (names[node] for node in self._ends)
            raise ValueError(f"draw: path: no way leads from {first!r} to {last!r}: neither depends on the other")
        return in_fewer(found, seen.unrolled, seen.view, seen.keys)

    def _too_narrow(self, narrowest: float) -> ValueError:
        fewer = "fewer steps (steps=[…])" if self.run.steps else "fewer nodes (max_nodes=…)"
        least = in_unit_of(self.options.width, (narrowest + 2 * MARGIN) * LEAST_SCALE)
        return ValueError(
            f"draw: at width={self.options.width!r} this figure would have type smaller than {LEAST:g} pt: "
            f"ask for a width of at least {least}, {fewer}, or another level"
        )

    # -- without time --

    def _without_time(self) -> Figure:
        """All boxes, or those nearest to the root, the way that is asked for, or else the other one; with room on
        arrows where a label has no clear place otherwise.
        """
        wanted = self.options.rankdir
        ways = wanted, "BT" if wanted in ("LR", "RL") else "LR"
        narrowest = np.inf
        for count in (self.options.max_nodes, *(few for few in FEWER_NODES if few < self.options.max_nodes)):
            seen = self._nearest(count)
            nodes = self._nodes(seen.view, ops=True)
            sizes = _sizes(nodes)
            fewest, best = np.inf, None
            for rankdir, on_arrows in itertools.product(ways, ({}, rooms(seen.view, self.numbers))):
                if fewest > 0:
                    layout = arrange(seen.view, sizes, rankdir, on_arrows)
                    narrowest = min(narrowest, layout.width)
                    found = _Drawn(seen, nodes, layout)
                    if self._fits(layout) and (here := self._crowded(found)) < fewest:
                        fewest, best = here, found
            if best is not None:
                return self._painted(best)
        raise self._too_narrow(narrowest)

    def _fits(self, layout: Layout) -> bool:
        too_high = layout.height * self._scale(layout) > LONGEST_SIDE * self.room
        return self._scale(layout) >= LEAST_SCALE and not too_high

    def _nearest(self, count: int) -> _Seen:
        """So many boxes, the root and what is nearest to it."""
        view, keys = located(self.run, None, count)
        if self.options.level != "cell":
            return _Seen.of(view, keys)
        found = textbook(view)
        return _Seen.of(found.view, _at(keys, found))


def _at(keys: Mapping[Recorded, int], found: Textbook) -> dict[Recorded, int]:
    """The box of each node in a textbook's view."""
    return {node: found.keys[key][0] for node, key in keys.items() if key in found.keys}


def _with_cells(view: View, sizes: Sizes) -> Layout:
    """Positions of operations, with a cell behind those of each step that is shown."""
    layout = arrange(view, sizes, "LR")
    shown = {box.place for box in view.boxes if box.role != "gap"}
    return replace(layout, columns={step: place for step, place in layout.columns.items() if step in shown})


def _sizes(nodes: Mapping[int, Node]) -> Sizes:
    return {key: node.size for key, node in nodes.items()}


def _radius(nodes: Mapping[int, Node]) -> Callable[[int], float]:
    return lambda key: nodes[key].radius
