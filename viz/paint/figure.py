"""A figure for a slide or a page: a view and its positions -> marks. Big type, textbook names, and little else.

- `Look`: what the figure shows.
- `picture`: the marks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from ..graph.view import View
from ..graph.ways import Ways
from ..layout.lanes import straight
from ..layout.positions import Layout, Point
from .figure_marks import Line, Mark, Picture, Shape, Text, Theme
from .geometry import Occupied, Rectangle, Way, around
from .nodes import Node, Printed, on_arrow

MARGIN = 6.0
LEAST = 9.0
"""No text is smaller on paper, in points."""


@dataclass(frozen=True)
class Look:
    """What a figure shows.

    Attributes:
        numbers: values and gradients. names: the boxes' names, and those of weights.
        path: what is lit up; all else is faded.
        foot: lines that stand under the figure.
    """

    numbers: bool = False
    names: bool = True
    theme: Theme = "light"
    path: Ways | None = None
    foot: tuple[tuple[Printed, ...], ...] = field(default=())


def picture(
    view: View,
    layout: Layout,
    nodes: Mapping[int, Node],
    look: Look,
    size: tuple[float, float],
    scale: float,
    title: str,
) -> Picture:
    """The marks of a figure.

    Args:
        view: what is drawn.
        layout: where it stands.
        nodes: its boxes.
        look: what it shows.
        size: width and height of the whole, in points of the layout.
        scale: points on paper for each of them.
        title: what it shows, in words.
    """
    return Picture(*size, scale, title, look.theme, tuple(_Painter(view, layout, nodes, look, size).marks()))


def foot_height(look: Look) -> float:
    """The room that the lines under a figure take."""
    return 17.0 * len(look.foot) + (6.0 if look.foot else 0.0)


class _Painter:
    def __init__(
        self, view: View, layout: Layout, nodes: Mapping[int, Node], look: Look, size: tuple[float, float]
    ) -> None:
        self.view, self.layout, self.nodes, self.look, self.size = view, layout, nodes, look, size
        room = size[1] - foot_height(look) - layout.height
        self.left, self.top = (size[0] - layout.width) / 2, room / 2

    def marks(self) -> Iterator[Mark]:
        path = self.look.path
        lit = path.arrows if path else frozenset()
        yield from self._cells()
        order = sorted(range(len(self.view.arrows)), key=lambda i: i in lit)
        for i in order:
            yield self._line(i, i in lit)
        for box in self.view.boxes:
            x, y = self._moved(self.layout.boxes[box.key])
            on = path is not None and box.key in path.boxes
            yield from self.nodes[box.key].marks(x, y, faded=path is not None and not on, lit=on)
        yield from self._labels(lit)
        yield from self._foot()

    def _cells(self) -> Iterator[Shape]:
        """What stands behind the operations of a step."""
        for x, y, width, height in self.layout.columns.values():
            mx, my = self._moved((x + width / 2, y + height / 2))
            yield Shape(mx, my, width, height, 12.0, "cell fill", "cell", 1.2, faded=self.look.path is not None)

    def _moved(self, point: Point) -> Point:
        return point[0] + self.left, point[1] + self.top

    def _line(self, i: int, lit: bool) -> Line:
        arrow = self.view.arrows[i]
        path = tuple(self._moved(point) for point in self.layout.arrows[i])
        faded = self.look.path is not None and not lit
        if lit and self.look.path is not None and self.look.path.back:
            path = path[::-1]
        title = f"through {arrow.weight}" if arrow.weight else ""
        return Line(path, "lit" if lit else "wire", 2.6 if lit else 1.3, True, faded, arrow.cut, title)

    # -- what stands on arrows --

    def _labels(self, lit: frozenset[int]) -> Iterator[Text]:
        if not self.look.names:
            return
        taken, lines = Occupied(), Occupied()
        for key, node in self.nodes.items():
            taken.add(around(self._moved(self.layout.boxes[key]), node.size))
        ways = [Way([self._moved(point) for point in self.layout.arrows[i]]) for i in range(len(self.view.arrows))]
        borders = [
            Way([self._moved(point) for point in straight(*side)])
            for x, y, w, h in self.layout.columns.values()
            for side in pairwise([(x, y), (x + w, y), (x + w, y + h), (x, y + h), (x, y)])
        ]
        for way in ways + borders:
            for k in range(int(way.length / 4) + 1):
                lines.add(around(way.at(4.0 * k, 1.0), (2.0, 2.0)))
        for i, arrow in enumerate(self.view.arrows):
            for printed in on_arrow(arrow, self.look.numbers):
                half, tall = printed.width / 2, max(run.size for run in printed.runs) * 1.25
                free = [
                    place
                    for place in _beside(ways[i], half + 3, tall / 2 + 1.5)
                    if taken.is_free(mine := around(place, (2 * half, tall))) and self._is_inside(mine)
                ]
                # Where no place is clear of lines, the label's ground covers what runs under it.
                clear = [place for place in free if lines.is_free(around(place, (2 * half, tall)))]
                for x, y in (clear or free)[:1]:
                    taken.add(around((x, y), (2 * half, tall)))
                    faded = self.look.path is not None and i not in lit
                    start = x - half, y + 0.2 * tall
                    yield Text(*start, printed.runs, printed.ink, 2 * half, faded, halo=not clear)

    def _is_inside(self, rectangle: Rectangle) -> bool:
        left, top, right, bottom = rectangle
        return left >= 0 and top >= 0 and right <= self.size[0] and bottom <= self.size[1]

    # -- under it --

    def _foot(self) -> Iterator[Text]:
        y = self.size[1] - MARGIN - 17.0 * (len(self.look.foot) - 1) - 3
        for line in self.look.foot:
            x = MARGIN
            for printed in line:
                yield Text(x, y, printed.runs, printed.ink, printed.width, centred=False)
                x += printed.width + 14
            y += 17.0


def _beside(way: Way, half: float, tall: float) -> Iterator[Point]:
    """Places beside an arrow: at its middle, then further to its ends."""
    for share in (0.46, 0.55, 0.36, 0.65, 0.26, 0.75, 0.16, 0.84, 0.31, 0.21, 0.11):
        (x0, y0), (x1, y1) = way.at(way.length * max(share - 0.03, 0.0), 1.0), way.at(way.length * share, 1.0)
        length = max(math.dist((x0, y0), (x1, y1)), 1e-9)
        ux, uy = (x1 - x0) / length, (y1 - y0) / length
        # Over a level line, at the right of one that runs up; beside a slanting one as far as its corners ask for.
        reach = abs(uy) * half + abs(ux) * tall
        for side in (1, -1):
            nx, ny = (-uy, ux) if (ux < -1e-9 or (abs(ux) < 1e-9 and uy < 0)) == (side > 0) else (uy, -ux)
            yield x1 + nx * reach, y1 + ny * reach
