"""Where the numbers on arrows stand: near the tail, clear of boxes, captions and one another.

An arrow that shares its way with others from the same box has its number near its head, where it is alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..graph.view import Arrow, Box
from ..layout.arrange import Arranged, Point
from ..numbers import UNKNOWN, brief, norm
from ..sources import plain
from . import fonts
from .geometry import Occupied, Rectangle, Way, around
from .pen import FIGURE, TITLE

HEIGHT, LABEL = 11.0, 60.0
"""How high a number is, and how wide the name of a weight may be."""


@dataclass(frozen=True)
class Caption:
    """A text that stands already, and where."""

    text: str
    rectangle: Rectangle


@dataclass(frozen=True)
class Figures:
    """The middle of each arrow's number, and the rectangles that they take. Where there is no room there is none."""

    places: dict[int, Point]
    rectangles: dict[int, Rectangle]


def captions(placed: Arranged) -> dict[int, Caption]:
    """What stands at the foot of each column; steps left out are named by the box that stands for them."""
    left_out = {box.place for box in placed.view.boxes if box.role == "gap" and box.corner}
    found = {}
    for step, (x, y, width, height) in placed.layout.columns.items():
        text = "" if step in left_out else placed.view.caption(step)
        found[step] = Caption(text, around((x + width / 2, y + height - 13), (TITLE.width(text), 12.0)))
    return found


def figures(placed: Arranged) -> Figures:
    """Where the numbers stand, placed one after the other."""
    view, layout = placed.view, placed.layout
    taken = Occupied()
    for key, size in placed.sizes.items():
        taken.add(around(layout.boxes[key], size))
    for rectangle in rooms(placed):
        taken.add(rectangle)
    for caption in captions(placed).values():
        taken.add(caption.rectangle)
    fan_out = Counter(arrow.tail for arrow in view.arrows)
    places, rectangles = {}, {}
    for _, i, way in sorted(_ways(placed), key=lambda found: found[:2]):  # those with the least room come first
        arrow = view.arrows[i]
        half = FIGURE.width(text_on(arrow, arrow.contribution)) / 2 + 2
        for place in _candidates(way, half, fan_out[arrow.tail] > 1):
            mine = around(place, (2 * half, HEIGHT))
            if taken.is_free(mine):
                taken.add(mine)
                places[i], rectangles[i] = place, mine
                break
    return Figures(places, rectangles)


def rooms(placed: Arranged) -> list[Rectangle]:
    """The rooms on arrows, in which other numbers stand; see `viz.paint.marks`."""
    return [around(middle, placed.rooms[i].along(run)) for i, (middle, run) in placed.layout.rooms.items()]


def _ways(placed: Arranged) -> Iterator[tuple[float, int, Way]]:
    """The length of each arrow that has a number, which arrow it is, and its way from the end where the number goes."""
    view, paths = placed.view, placed.layout.arrows
    across = Counter(arrow.tail for arrow in view.arrows if _is_across(placed, arrow))
    for i, arrow in enumerate(view.arrows):
        tail = view.boxes[arrow.tail]
        if _is_shown(arrow, tail) and i not in placed.rooms:
            shared = across[arrow.tail] > 1 and _is_across(placed, arrow)
            way = Way(paths[i][::-1] if shared else paths[i])
            yield way.length, i, way


def _is_across(placed: Arranged, arrow: Arrow) -> bool:
    """Whether the arrow runs to another group, on a way that it may share."""
    boxes = placed.view.boxes
    return boxes[arrow.tail].place != boxes[arrow.head].place and boxes[arrow.head].place != "after"


def _candidates(way: Way, half: float, fan_out: bool) -> Iterator[Point]:
    """Places on the arrow, from its start on; then beside it, where it is too short for its neighbours."""
    (x0, y0), (x1, y1) = way.at(0.0), way.at(20.0)
    level = abs(x1 - x0) / max(math.hypot(x1 - x0, y1 - y0), 1e-9)
    nearest = 9.0 + level * half + 12.0 * fan_out  # where several leave, far enough out for them to part
    on_it = list(dict.fromkeys(way.at(nearest + further) for further in (0, 6, 12, 20, 30, 42, 56, 72)))
    yield from on_it
    yield from (way.at(nearest + further) for further in range(84, int(min(way.length, 600.0)), 12))
    for lift in range(0, 42, 6):
        for x, y in on_it:
            yield from ((x + side * half, y + up * lift) for side, up in ((-1, -1), (1, 1), (1, -1), (-1, 1)))
    for further in range(0, int(min(way.length, 600.0)), 8):
        x, y = way.at(further, furthest=0.95)
        yield from ((x + side * half, y + lift) for lift in range(-42, 43, 6) for side in (-1, 0, 1))


def _is_shown(arrow: Arrow, tail: Box) -> bool:
    """Whether something stands on an arrow: a contribution, or a dash for one that is not known yet, or words."""
    gets_grad = tail.differentiable or any(output.differentiable for output in tail.outputs)
    return bool(arrow.label) or arrow.cut or (tail.role != "alias" and (arrow.contribution is not None or gets_grad))


def text_on(arrow: Arrow, contribution: Any) -> str:
    """What stands on an arrow: a weight's name, that it is cut, or what it contributes."""
    return fonts.clip(arrow.label, LABEL, FIGURE.size, FIGURE.font) or (
        "cut: no ∇" if arrow.cut else _short(contribution)
    )


def _short(data: Any) -> str:
    """A contribution for an arrow, where there is less room than in a box."""
    if data is None:
        return UNKNOWN
    entries = brief(data)
    return norm(data) if np.ndim(data) > 0 and len(plain(entries)) > 12 else entries
