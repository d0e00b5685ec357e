"""Where the names of weights and the numbers on arrows of a figure stand: beside their arrow, clear of everything else.

- `Label`: one of them. `placed`: all of them. `crowded`: how many have no clear place.
- `rooms`: how much room they take on their arrows, where there is none beside them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from ..graph.view import View
from ..layout.lanes import straight
from ..layout.positions import Layout, Point
from ..layout.rooms import Room
from .geometry import Occupied, Rectangle, Way, around
from .nodes import Node, Printed, on_arrow

APART, SLANT = 8.0, 0.05
"""How far apart labels stand side by side; from which sine and cosine on a line is neither level nor upright."""


@dataclass(frozen=True)
class Label:
    """What stands beside an arrow.

    Attributes:
        arrow: whose it is, by its number.
        printed: the text.
        middle: where it stands.
        height: of its letters, with what stands below the line.
        is_clear: whether no line runs under it, but for its own arrow where it has room on that.
    """

    arrow: int
    printed: Printed
    middle: Point
    height: float
    is_clear: bool
    is_on_arrow: bool = False


def _size(printed: Printed) -> tuple[float, float]:
    """The width and height of a label."""
    return printed.width, max(run.size for run in printed.runs) * 1.25


def crowded(view: View, layout: Layout, nodes: Mapping[int, Node], numbers: bool, bounds: Rectangle) -> int:
    """How many labels have no place, or only one that a line runs through. The arguments are those of `placed`."""
    wanted = sum(len(on_arrow(arrow, numbers)) for arrow in view.arrows)
    return wanted - sum(label.is_clear for label in placed(view, layout, nodes, numbers, bounds))


def rooms(view: View, numbers: bool) -> dict[int, Room]:
    """How much room its label takes on each arrow."""
    found = {}
    for i, arrow in enumerate(view.arrows):
        for label in on_arrow(arrow, numbers):
            width, height = _size(label)
            found[i] = Room((width + 2 * APART, height), (width + APART, height + APART))
    return found


def placed(view: View, layout: Layout, nodes: Mapping[int, Node], numbers: bool, bounds: Rectangle) -> Iterator[Label]:
    """A place for each label that has one.

    Args:
        view: what is drawn.
        layout: where it stands.
        nodes: its boxes.
        numbers: whether the numbers that arrows carry stand on them.
        bounds: what no label reaches out of.
    """
    taken, lines = Occupied(), Occupied()
    for key, node in nodes.items():
        taken.add(around(layout.boxes[key], node.size))
    ways = [Way(list(layout.arrows[i])) for i in range(len(view.arrows))]
    for way in [*ways, *_borders(layout)]:
        for k in range(int(way.length / 4) + 1):
            lines.add(around(way.at(4.0 * k, 1.0), (2.0, 2.0)))
    for i, arrow in enumerate(view.arrows):
        for text in on_arrow(arrow, numbers):
            mine = _size(text)
            if i in layout.rooms:
                yield Label(i, text, layout.rooms[i][0], mine[1], is_clear=True, is_on_arrow=True)
                continue
            free = [
                place
                for place in _beside(ways[i], mine[0] / 2 + 3, mine[1] / 2 + 1.5)
                if taken.is_free(around(place, mine)) and _is_inside(around(place, mine), bounds)
            ]
            clear = next((place for place in free if lines.is_free(around(place, mine))), None)
            if free:
                # Where no place is clear of lines, the label's ground covers what runs under it, which is to be little.
                middle = clear or min(free, key=lambda place: lines.count(around(place, mine)))
                taken.add(around(middle, (mine[0] + APART, mine[1])))
                yield Label(i, text, middle, mine[1], clear is not None)


def _borders(layout: Layout) -> Iterator[Way]:
    """Those of what stands behind the boxes of a step."""
    for x, y, w, h in layout.columns.values():
        for side in pairwise([(x, y), (x + w, y), (x + w, y + h), (x, y + h), (x, y)]):
            yield Way(straight(*side))


def _is_inside(rectangle: Rectangle, bounds: Rectangle) -> bool:
    left, top, right, bottom = rectangle
    return left >= bounds[0] and top >= bounds[1] and right <= bounds[2] and bottom <= bounds[3]


def _beside(way: Way, half: float, tall: float) -> Iterator[Point]:
    """Places beside an arrow: near its middle, then further to its ends; where it runs level or upright come first, and
    a little further from the line last.
    """
    steps = max(12, int(way.length / 6))
    shares = sorted((k / steps for k in range(1, steps)), key=lambda share: (abs(share - 0.47), share))
    stretches = [(way.at(way.length * share, 1.0), _direction(way, share)) for share in shares]
    for is_slanting, away in itertools.product((False, True), (0.0, 4.0)):
        for (x, y), (ux, uy) in stretches:
            if (min(abs(ux), abs(uy)) > SLANT) != is_slanting:
                continue
            # Over a level line, at the right of one that runs up; beside a slanting one as far as its corners ask for.
            reach = abs(uy) * half + abs(ux) * tall + away
            for side in (1, -1):
                nx, ny = (-uy, ux) if (ux < -1e-9 or (abs(ux) < 1e-9 and uy < 0)) == (side > 0) else (uy, -ux)
                yield x + nx * reach, y + ny * reach


def _direction(way: Way, share: float) -> Point:
    """Which way an arrow runs, as a step of length 1."""
    (x0, y0), (x1, y1) = way.at(way.length * max(share - 0.03, 0.0), 1.0), way.at(way.length * share, 1.0)
    length = max(math.dist((x0, y0), (x1, y1)), 1e-9)
    return (x1 - x0) / length, (y1 - y0) / length
