"""What stands on an arrow in the room that the layout has left for it: the three gradients of its edge, and its value.

From the tail of the arrow to its head: downstream, local, upstream. So, read the way the backward pass goes: upstream,
times local, is downstream.

- `Tag`: one of them, a number, a strip or a small matrix. `Mark`: those of one arrow. `marks`: all of a view.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ..graph.timeline import Known
from ..graph.view import Arrow, Box, View
from ..layout.arrange import Point, Room, Run
from ..numbers import MAX_ENTRIES, UNKNOWN, brief, norm, number
from ..words.local import Local, local
from . import fonts, heat
from .geometry import Rectangle, around
from .look import Look
from .pen import FIGURE, SMALL, TOTAL, Kind, Pen, short

_GAP, _END, _BESIDE = 9.0, 5.0, 3.0
"""Between tags, before the first one and after the last one, and between tags and an arrow that they stand beside."""

BACK = 6.0
"""How far from an arrow that of the backward pass runs."""

_FORMULA = 116.0
"""How wide a formula may be."""

_CELL, _LINE = 8.0, 11.0


@dataclass(frozen=True)
class _Ink:
    """How one kind of number is painted."""

    ink: str
    colours: heat.Colours
    kind: Kind = FIGURE


_INKS = {
    "value": _Ink("blue", heat.VALUE),
    "upstream": _Ink("orange", heat.GRAD),
    "local": _Ink("violet", heat.LOCAL),
    "downstream": _Ink("orange", heat.GRAD, TOTAL),
}


@dataclass(frozen=True, eq=False)
class Tag:
    """One number, array or formula on an arrow, and all the states it goes through; those of a formula are texts."""

    what: Literal["value", "upstream", "local", "downstream"]
    states: tuple[Known, ...]
    formula: str = ""
    note: str = ""
    is_matrix: bool = False

    @cached_property
    def size(self) -> tuple[float, float]:
        """The width and height that its largest state takes."""
        found = [self._size(state.data) for state in self.states]
        width, height = max(w for w, _ in found), max(h for _, h in found)
        if self.note:
            width, height = max(width, SMALL.width(self.note)), height + 9
        return (width + 8, height + 2) if self.what == "local" else (width + 4, height)

    def _size(self, data: Any) -> tuple[float, float]:
        kind = _INKS[self.what].kind
        if self._is_text(data):
            lines = self._lines(data)
            return max(map(kind.width, lines)), _LINE + 10.0 * (len(lines) - 1)
        rows, columns = np.shape(data) if self._is_grid(data) else heat.shape(data)
        if self._is_grid(data):
            return columns * self._entry_width(data) + 6, rows * _LINE
        if self._is_spelled(data):
            return columns * self._entry_width(data), 20.0
        return max(columns * _CELL, FIGURE.width(norm(data))), max(9.0, 5.0 * rows) + 11

    def _is_text(self, data: Any) -> bool:
        return data is None or np.ndim(data) == 0 or np.size(data) == 0 or np.asarray(data).dtype.kind != "f"

    def _is_grid(self, data: Any) -> bool:
        return self.is_matrix or (np.ndim(data) == 2 and np.shape(data)[0] > 1 and np.size(data) <= MAX_ENTRIES)

    def _is_spelled(self, data: Any) -> bool:
        return np.size(data) <= MAX_ENTRIES and heat.shape(data)[0] == 1

    def _entry_width(self, data: Any) -> float:
        return max(FIGURE.width(number(x)) for x in np.ravel(data)) + 5

    def _lines(self, data: Any) -> list[str]:
        if self.formula:
            parts = filter(None, (self.formula, data))
            return [
                line for part in parts for line in fonts.words_in_lines(part, _FORMULA, FIGURE.size, FIGURE.font, 4)
            ]
        sign = "× " if self.what == "local" and data is not None else ""
        return [sign + (UNKNOWN if data is None else brief(data))]

    def paint(self, pen: Pen, centre: Point, grad_scale: float) -> None:
        """Paint it around a point."""
        left, top, right, bottom = around(centre, self.size)
        is_local = self.what == "local"
        pen.rectangle(left, top, right - left, bottom - top, "pill" if is_local else "halo", rx=5 if is_local else 2)
        body = bottom - (9 if self.note else 0)
        pen.changing(
            self.states, lambda state: self._paint(pen, (left + right) / 2, (top + body) / 2, state, grad_scale)
        )
        if self.note:
            pen.text((left + right) / 2, bottom - 2.5, self.note, "faint", SMALL, "middle")

    def _paint(self, pen: Pen, x: float, y: float, state: Known, grad_scale: float) -> None:
        look, data = _INKS[self.what], state.data
        width, height = self._size(data)
        if self._is_text(data):
            lines = self._lines(data)
            for k, line in enumerate(lines):
                pen.text(x, y + 3 + 10 * (k - (len(lines) - 1) / 2), line, look.ink, look.kind, "middle")
            return
        left, top = x - width / 2, y - height / 2
        if self._is_grid(data):
            self._matrix(pen, left, top, np.asarray(data))
            return
        scale = grad_scale if look.colours is heat.GRAD else heat.largest([data])
        columns = heat.shape(data)[1]
        if not self._is_spelled(data):
            pen.cells(x - columns * _CELL / 2, top, data, _CELL, scale, look.colours)
            pen.text(x, top + height - 2.5, norm(data), look.ink, look.kind, "middle")
            return
        cell = self._entry_width(data)
        pen.cells(left, top, data, cell, scale, look.colours)
        for i, entry in enumerate(np.ravel(data)):
            pen.text(left + (i + 0.5) * cell, top + 18, number(entry), look.ink, look.kind, "middle")

    def _matrix(self, pen: Pen, left: float, top: float, data: Any) -> None:
        look, cell = _INKS[self.what], self._entry_width(data)
        rows, columns = data.shape
        right, bottom = left + columns * cell + 6, top + rows * _LINE
        if self.what == "local":
            for x, turn in ((left, 2.5), (right, -2.5)):
                corner = f"M{short(x + turn)},{short(top)}H{short(x)}V{short(bottom)}H{short(x + turn)}"
                pen.path(corner, "bracket")
        for r, row in enumerate(data.tolist()):
            for c, entry in enumerate(row):
                end = left + 3 + (c + 1) * cell - 2.5
                pen.text(end, top + r * _LINE + 8.5, number(entry), look.ink, look.kind, "end")


@dataclass(frozen=True, eq=False)
class Mark:
    """What stands on one arrow.

    Attributes:
        tags: of gradients, from the tail to the head. value: of what the arrow carries forward, if it is shown.
        near: how far from the arrow the tags stand; 0: on it.
    """

    tags: tuple[Tag, ...]
    value: Tag | None
    near: float

    @property
    def room(self) -> Room:
        """How much room it takes."""
        (w, h), (x, y) = self._row("right"), self._row("up")
        value = self.value.size if self.value else (0.0, 0.0)
        over = value[1] + _BESIDE if self.value else 0.0
        left = value[0] + _BESIDE if self.value else 0.0
        return Room(
            (max(w, value[0] + 2 * _END, 24.0), self._thick(h, over)),
            (self._thick(x, left), max(y, value[1] + 2 * _END, 24.0)),
        )

    def _thick(self, row: float, other: float) -> float:
        """Both sides of the arrow get as much room, since it runs through the middle."""
        return row if not self.near and not other else 2 * max(row + self.near, other)

    def _row(self, run: Run) -> tuple[float, float]:
        """The size of the gradients' tags one after the other."""
        axis = 0 if run in ("left", "right") else 1
        if not self.tags:
            return (0.0, 0.0)
        along = sum(tag.size[axis] for tag in self.tags) + _GAP * (len(self.tags) - 1) + 2 * _END
        over = max(tag.size[1 - axis] for tag in self.tags)
        return (along, over) if axis == 0 else (over, along)

    def places(self, middle: Point, run: Run) -> list[tuple[Tag, Point]]:
        """Each tag and the point around which it stands; ``middle`` is that of the room."""
        axis, way = (0, 1) if run == "right" else (0, -1) if run == "left" else (1, 1) if run == "down" else (1, -1)
        size = self._row(run)
        at = middle[axis] - way * (size[axis] / 2 - _END)
        found = []
        for tag in self.tags:
            length, over = tag.size[axis], tag.size[1 - axis]
            aside = middle[1 - axis] + (self.near + over / 2 if self.near else 0.0)
            along = at + way * length / 2
            found.append((tag, (along, aside) if axis == 0 else (aside, along)))
            at += way * (length + _GAP)
        if self.value:
            aside = middle[1 - axis] - _BESIDE - self.value.size[1 - axis] / 2
            found.append((self.value, (middle[0], aside) if axis == 0 else (aside, middle[1])))
        return found

    def rectangles(self, middle: Point, run: Run) -> list[Rectangle]:
        """Where its tags stand."""
        return [around(place, tag.size) for tag, place in self.places(middle, run)]


def marks(view: View, look: Look, animated: bool = False) -> dict[int, Mark]:
    """The marks of all arrows that have one, by arrow."""
    if not look.has_rooms:
        return {}
    found = {i: _mark(arrow, view.boxes[arrow.tail], look, animated) for i, arrow in enumerate(view.arrows)}
    return {i: mark for i, mark in found.items() if mark.tags or mark.value}


def rooms(view: View, look: Look, animated: bool = False) -> dict[int, Room]:
    """How much room the arrows of a view need."""
    return {i: mark.room for i, mark in marks(view, look, animated).items()}


def told_by_arrows(view: View, look: Look) -> set[int]:
    """The boxes whose numbers all stand on their one arrow, above and below it."""
    if look.labels != "above_below":
        return set()
    leaving = Counter(arrow.tail for arrow in view.arrows)
    single = {arrow.tail for arrow in view.arrows if leaving[arrow.tail] == 1 and not arrow.cut and not arrow.label}
    return {key for key in single if not view.boxes[key].outputs and view.boxes[key].role != "gap"}


def _mark(arrow: Arrow, tail: Box, look: Look, animated: bool) -> Mark:
    if arrow.cut or arrow.label:
        return Mark((), None, 0.0)
    tags: list[Tag] = []
    shows_itself = tail.role == "alias" and look.direction != "both" and look.labels == "ends"
    is_aside = look.labels == "above_below" or look.direction == "both"
    if arrow.contribution is not None and (look.edges == "all" or is_aside) and not shows_itself:
        tags.append(Tag("downstream", _states(arrow, arrow.contribution, animated)))
    if look.edges == "all" and arrow.edge is not None and look.words is not None:
        tags += [_local(arrow, local(arrow.edge, look.words), animated)]
        tags += [Tag("upstream", _states(arrow, arrow.edge.upstream, animated))]
    elif not is_aside:
        return Mark((), None, 0.0)
    near = 0.0
    if is_aside:
        near = _BESIDE + (BACK if look.direction == "both" and tags else 0.0)
    return Mark(tuple(tags), _value(arrow, tail) if look.labels == "above_below" else None, near)


def _local(arrow: Arrow, found: Local, animated: bool) -> Tag:
    known = found.entry if found.formula else found.data
    return Tag("local", _states(arrow, known, animated), found.formula, found.note, found.is_matrix)


def _value(arrow: Arrow, tail: Box) -> Tag | None:
    data = tail.outputs[arrow.output].value if arrow.output is not None and tail.outputs else tail.value
    if data is None or tail.title == brief(data):
        return None
    return Tag("value", (Known(0, data),))


def _states(arrow: Arrow, data: Any, animated: bool) -> tuple[Known, ...]:
    """A number that comes with the arrow's visit."""
    if not animated or arrow.visit is None:
        return (Known(0, data),)
    return Known(0, None), Known(arrow.visit, data)
