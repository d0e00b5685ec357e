"""A figure for a slide or a page: a view and its positions -> marks. Big type, textbook names, and little else.

- `Look`: what the figure shows.
- `picture`: the marks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..graph.view import View
from ..graph.ways import Ways
from ..layout.positions import Layout, Point
from .arrow_labels import placed
from .figure_marks import Line, Mark, Picture, Shape, Text, Theme
from .nodes import Node, Printed

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

    def _labels(self, lit: frozenset[int]) -> Iterator[Text]:
        if not self.look.names:
            return
        bounds = -self.left, -self.top, self.size[0] - self.left, self.size[1] - self.top
        for label in placed(self.view, self.layout, self.nodes, self.look.numbers, bounds):
            (x, y), text = self._moved(label.middle), label.printed
            faded = self.look.path is not None and label.arrow not in lit
            start = x - text.width / 2, y + 0.2 * label.height
            yield Text(*start, text.runs, text.ink, text.width, faded, halo=label.is_on_arrow or not label.is_clear)

    # -- under it --

    def _foot(self) -> Iterator[Text]:
        y = self.size[1] - MARGIN - 17.0 * (len(self.look.foot) - 1) - 3
        for line in self.look.foot:
            x = MARGIN
            for printed in line:
                yield Text(x, y, printed.runs, printed.ink, printed.width, centred=False)
                x += printed.width + 14
            y += 17.0
