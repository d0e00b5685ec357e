"""`draw(style="figure")`: a picture for a slide, a paper or a book, as wide as asked for, with type that can be read.

- `Figure`: the picture, and what it can be written as.
- `figure`: chooses what is drawn and how it is broken into rows so that it fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, get_args

import numpy as np

from microgradrnn.engine import Node as Recorded

from .graph.build import located
from .graph.levels import Level, lowered
from .graph.rolling import rolled
from .graph.textbook import textbook
from .graph.view import Arrow, View
from .graph.ways import Ways, between
from .layout.arrange import arrange
from .layout.blocks import Blocks
from .layout.cell_line import cell_line
from .layout.grid import Grid
from .layout.positions import Layout
from .lengths import in_unit_of, points
from .paint import figure_svg, foot, tikz
from .paint.figure import LEAST, MARGIN, Look, foot_height, picture
from .paint.figure_marks import Picture, Theme
from .paint.nodes import NUMBER, SMALL, Node, kinds, on_arrow
from .passes import Pass

MOST_SCALE, LEAST_SCALE = 1.25, LEAST / min(SMALL, NUMBER)
MOST_BLOCKS, MOST_BLOCKS_OF_NUMBERS, MOST_BLOCKS_ASKED, MOST_STEPS = 2, 4, 8, 24
FEWER_NODES = (50, 30, 20, 12, 8)
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
    """A figure: what is drawn, and the picture of it."""

    view: View
    picture: Picture

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
class _Drawn:
    """A view with where things stand, in its own points."""

    view: View
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
        if self.is_rolled and options.path is not None:
            raise ValueError(
                "draw: path= goes with a figure that shows the steps: leave out rolled=True, level='network'"
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
            view, keys = self._view(steps)
            nodes = self._nodes(view)
            grid = Grid(view)
            most = self._most_blocks(steps)
            for count in range(1, min(grid.columns, most) + 1):
                layout = self._in_blocks(view, grid, nodes, count, 1.0)
                narrowest = min(narrowest, layout.width)
                if self._scale(layout) < LEAST_SCALE:
                    continue
                found = _Drawn(view, nodes, layout), keys, grid, count
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
            view, keys = self._view(steps)
            nodes = self._nodes(view, ops=True)
            sizes = {key: node.size for key, node in nodes.items()}
            layout = cell_line(view, sizes, _radius(nodes))
            layout = layout or arrange(view, sizes, "LR")
            narrowest = min(narrowest, layout.width)
            if self._scale(layout) < LEAST_SCALE:
                break
            found = _Drawn(view, nodes, layout), keys
        if found is not None:
            return self._painted(*found)
        raise self._too_narrow(narrowest)

    def _view(self, steps: list[int] | None) -> tuple[View, dict[Recorded, tuple[int, int | None]]]:
        view, keys = located(self.run, self.run.steps if steps is None else steps, 10**9)
        found = textbook(view, operations=self._has_operations)
        at = {node: found.keys[key] for node, key in keys.items() if key in found.keys}
        return (rolled(found.view), {}) if self.is_rolled else (found.view, at)

    # -- how it fits --

    def _nodes(self, view: View, ops: bool = False) -> dict[int, Node]:
        found = kinds(view, ops)
        return {box.key: Node(box, found[box.key], self.numbers, ops=ops) for box in view.boxes}

    def _in_blocks(self, view: View, grid: Grid, nodes: Mapping[int, Node], count: int, stretch: float) -> Layout:
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
        sizes = {key: node.size for key, node in nodes.items()}
        return Blocks(view, grid, sizes, labels, port, _radius(nodes), count, stretch).layout

    def _scale(self, layout: Layout) -> float:
        return min(self.room / (layout.width + 2 * MARGIN), MOST_SCALE)

    def _is_compact(self, layout: Layout) -> bool:
        """Whether no side is much longer than the other."""
        height = (layout.height + 2 * MARGIN) * self._scale(layout)
        return self.room / LONGEST_SIDE <= height <= self.room * LONGEST_SIDE

    def _finished(self, drawn: _Drawn, keys: Mapping[Recorded, Any], grid: Grid, count: int) -> Figure:
        """The figure, with what room there is between its columns first."""
        wanted = self.room / MOST_SCALE - 2 * MARGIN
        stretch = 1.0
        while drawn.layout.width < 0.97 * wanted and stretch < 1.8:
            stretch += 0.1
            layout = self._in_blocks(drawn.view, grid, drawn.nodes, count, stretch)
            if layout.width > wanted:
                break
            drawn = replace(drawn, layout=layout)
        return self._painted(drawn, keys)

    def _painted(self, drawn: _Drawn, keys: Mapping[Recorded, Any]) -> Figure:
        scale, options = self._scale(drawn.layout), self.options
        room = self.room / scale - 2 * MARGIN
        lines = foot.sums(drawn.view, room) if options.panel else []
        lines += foot.legend(drawn.view, drawn.nodes, self.numbers, room) if options.legend else []
        path = self._path(drawn.view, keys)
        look = Look(self.numbers, theme=options.theme, path=path, foot=tuple(lines))
        height = drawn.layout.height + 2 * MARGIN + foot_height(look)
        size = (self.room / scale, max(height, self.room / scale / LONGEST_SIDE))
        title = f"Computational graph of {self._root(drawn.view)}"
        return Figure(drawn.view, picture(drawn.view, drawn.layout, drawn.nodes, look, size, scale, title))

    def _root(self, view: View) -> str:
        return next((box.title for box in view.boxes if box.role == "root"), "a node")[:200]

    # -- its path --

    @cached_property
    def _ends(self) -> tuple[Recorded, Recorded] | None:
        """The two nodes that the path joins."""
        path = self.options.path
        if path is None:
            return None
        if not isinstance(path, (tuple, list)) or len(path) != 2:
            raise TypeError("draw: path is two nodes or their labels, as in path=(loss, 'h_1')")
        first, last = (self._end(end) for end in path)
        return first, last

    def _end(self, wanted: Any) -> Recorded:
        names = self.run.names
        if isinstance(wanted, Recorded):
            if wanted not in names:
                raise ValueError(f"draw: path: {wanted.label or 'a node'!r} is not in the graph behind the root")
            return wanted
        if not isinstance(wanted, str):
            raise TypeError(f"draw: path is two nodes or their labels, not {type(wanted).__name__}")
        found = [node for node in names if wanted in (node.label, names[node])]
        if len(found) == 1:
            return found[0]
        if found:
            raise ValueError(f"draw: path: {len(found)} nodes are called {wanted!r}: give the node itself")
        raise ValueError(f"draw: path: no node is called {wanted!r}; there are {_some(names.values())}")

    def _path(self, view: View, keys: Mapping[Recorded, Any]) -> Ways | None:
        if self._ends is None:
            return None
        boxes = []
        for node in self._ends:
            if node not in keys:
                drawn = _some(self.run.names[other] for other in keys)
                raise ValueError(f"draw: path: {self.run.names[node]!r} is not drawn in this figure; there are {drawn}")
            boxes.append(keys[node][0])
        found = between(view, *boxes)
        if found is None:
            first, last = (self.run.names[node] for node in self._ends)
            raise ValueError(f"draw: path: no way leads from {first!r} to {last!r}: neither depends on the other")
        return found

    def _too_narrow(self, narrowest: float) -> ValueError:
        fewer = "fewer steps (steps=[…])" if self.run.steps else "fewer nodes (max_nodes=…)"
        least = in_unit_of(self.options.width, (narrowest + 2 * MARGIN) * LEAST_SCALE)
        return ValueError(
            f"draw: at width={self.options.width!r} this figure would have type smaller than {LEAST:g} pt: "
            f"ask for a width of at least {least}, {fewer}, or another level"
        )

    # -- without time --

    def _without_time(self) -> Figure:
        """All boxes, or those nearest to the root, the way that is asked for, or else the other one."""
        wanted = self.options.rankdir
        narrowest = np.inf
        for count in (self.options.max_nodes, *(few for few in FEWER_NODES if few < self.options.max_nodes)):
            view, keys = self._boxes(count)
            nodes = self._nodes(view, ops=True)
            sizes = {key: node.size for key, node in nodes.items()}
            for rankdir in (wanted, "BT" if wanted in ("LR", "RL") else "LR"):
                layout = arrange(view, sizes, rankdir)
                narrowest = min(narrowest, layout.width)
                too_high = layout.height * self._scale(layout) > LONGEST_SIDE * self.room
                if self._scale(layout) >= LEAST_SCALE and not too_high:
                    return self._painted(_Drawn(view, nodes, layout), keys)
        raise self._too_narrow(narrowest)

    def _boxes(self, count: int) -> tuple[View, dict[Recorded, tuple[int, int | None]]]:
        view, keys = located(self.run, None, count)
        if self.options.level == "cell":
            found = textbook(view)
            return found.view, {node: found.keys[key] for node, key in keys.items() if key in found.keys}
        return view, {node: (key, None) for node, key in keys.items()}


def _radius(nodes: Mapping[int, Node]) -> Callable[[int], float]:
    return lambda key: nodes[key].radius


def _some(names: Iterable[str]) -> str:
    """A few names, for an error."""
    found = sorted({name for name in names if len(name) < 20 and name[:1].isalpha()})
    return ", ".join(found[:8]) + (" …" if len(found) > 8 else "")
