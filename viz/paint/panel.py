"""The panel beside a picture with time: each shared weight's gradient, added up over its uses.

- `Panel`: all of them, in columns, or each as a card of its own. `beside`: the panel that suits a picture of a given
  size, and on which side it goes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..graph import timeline
from ..graph.timeline import Known
from ..graph.view import Sum
from ..numbers import MAX_ENTRIES, brief, number, padded
from ..sources import each, flat, is_live, measured
from . import fonts, heat
from .heat import Colours
from .pen import FIGURE, SMALL, TITLE, TOTAL, Kind, Pen, heat_class, short

MOST = 8
"""So many uses stand in lines of their own: the newest ones and the oldest ones."""

HEADING = "Shared weights: uses sum"
_ADD = "entries add; norms do not"
_BARS = "bars: the norm of each use, the oldest at the left, on a logarithmic scale"

PAGE = 1.6
"""How many times as wide as high a picture should be."""

_STRIP, _CELL, _LINE, _CHART = 62.0, 8.0, 12.0, 20.0
_SPACE = "\N{NO-BREAK SPACE}"
"""SVG would make one of several usual ones."""

_DECADES = 8
"""Of the chart of all uses: what is smaller than the largest one by more powers of ten than that gets no bar."""


@dataclass(frozen=True)
class Measured:
    """Shared weights, how wide a column of the panel must be for them, and, of each, how wide one entry is in letters.

    ``animated``: with room for every state, not only for the last one.
    """

    sums: Sequence[Sum]
    column: float
    letters: Sequence[int]

    @staticmethod
    def of(sums: Sequence[Sum], animated: bool) -> Measured:
        """Measure sums, which takes longer than to arrange them."""
        letters = [_columns(s, animated) for s in sums]
        widths = [_width(data, n) for s, n in zip(sums, letters, strict=True) for data in _shown(s, animated)]
        return Measured(sums, max([210.0, *(width + _STRIP + 24 for width in widths)]) if sums else 0.0, letters)


class Panel:
    """The panel of some shared weights, in as many columns as it takes to be no higher than ``room``, if it can.

    ``most``: so many uses have lines of their own.
    """

    def __init__(
        self, measured: Measured, grad_scale: float, prefix: str, room: float = math.inf, most: int = MOST
    ) -> None:
        self.sums, self.column, self.letters = measured.sums, measured.column, measured.letters
        self.grad_scale, self.prefix, self.most = grad_scale, prefix, most
        heights = [_height(s, most) for s in self.sums]
        self.places = _in_columns(heights, room - 44.0)
        self.columns = 1 + max((column for column, _ in self.places), default=0)
        self.width = self.column * self.columns
        self.height = 44.0 + max((y + h for h, (_, y) in zip(heights, self.places, strict=True)), default=0.0)

    def paint(self, pen: Pen, x: float, y: float, lit: int | None = None) -> None:
        """Paint it at a place; ``lit`` is the sum whose weight is visited."""
        pen.rectangle(x, y, self.width, self.height, "box card", rx=8)
        pen.text(x + 10, y + 18, HEADING, "ink", TITLE)
        pen.text(x + 10, y + self.height - 9, _ADD, "faint", SMALL)
        if self._has_bars():
            room = self.width - 30 - SMALL.width(_ADD)
            pen.text(x + self.width - 10, y + self.height - 9, _that_fits(_BARS, room), "faint", SMALL, "end")
        for i, (s, (column, down)) in enumerate(zip(self.sums, self.places, strict=True)):
            left, top = x + column * self.column, y + 30 + down
            with pen.group(f'id="{self.prefix}s{i}" class="sum"', _about(s)):
                if i == lit:
                    height = _height(s, self.most) - 4
                    pen.rectangle(left + 4, top - 5, self.column - 8, height, "frame", rx=5, lit=True)
                self._sum(pen, left + 10, top, s, self.letters[i])

    def card(self, pen: Pen, i: int) -> tuple[float, float]:
        """Paint one sum by itself, and give the width and height that it takes."""
        s, height = self.sums[i], _height(self.sums[i], self.most) + 2
        with pen.group(f'id="{self.prefix}s{i}" class="sum"', _about(s)):
            pen.rectangle(1, 1, self.column - 2, height - 2, "box card", rx=8)
            self._sum(pen, 10, 7, s, self.letters[i])
        return self.column, height

    @property
    def notes(self) -> list[str]:
        """What there is to say about all of the sums."""
        return [_ADD, *([_BARS] if self._has_bars() else [])]

    def _has_bars(self) -> bool:
        return any(_own_lines(s, self.most)[1] for s in self.sums)

    def _sum(self, pen: Pen, x: float, y: float, s: Sum, columns: int) -> None:
        right = x + self.column - 20
        share = heat.share(flat(s.value)) if s.value is not None else ""
        room = self.column - 30 - SMALL.width(share)
        pen.text(x, y + 10, fonts.clip(s.title, room, TITLE.size, TITLE.font), "ink", TITLE)
        pen.text(right, y + 10, share, "faint", SMALL, "end")
        pen.text(x, y + 24, "value", "faint", SMALL)
        _entries(pen, x, y + 16, right, s.value, heat.VALUE, heat.largest([s.value]), columns, FIGURE)
        y += 28
        pen.text(x, y + 8, "∇ =", "orange", FIGURE)
        newest, oldest = _own_lines(s, self.most)
        for i in newest:
            self._use(pen, x, y, right, s, i, columns)
            y += _LINE
        hidden = len(s.parts) - len(newest) - len(oldest)
        if hidden:
            pen.text(x + 10, y + 12, f"+ {hidden} more", "faint", SMALL)
            states = [Known(0, None), Known(max(s.visits, default=0), s)] if pen.live else [Known(0, s)]
            pen.changing(states, lambda state: _fading(pen, x + _STRIP, y + 2, right, state.data))
            y += _CHART
        for i in oldest:
            self._use(pen, x, y, right, s, i, columns)
            y += _LINE
        pen.text(x + 10, y + 10, "=", "ink", TOTAL)

        def total(state: Known) -> None:
            pen.text(x + 22, y + 10, "" if state.complete else "so far", "faint", FIGURE)
            _entries(pen, x, y + 2, right, state.data, heat.GRAD, self.grad_scale, columns, TOTAL)

        pen.changing(timeline.of_total(s), total)

    def _use(self, pen: Pen, x: float, y: float, right: float, s: Sum, i: int, columns: int) -> None:
        """What one use contributes."""
        t, _ = s.parts[i]
        pen.text(x + 10, y + 8, "+" if i else "", "ink", FIGURE)
        pen.text(x + 22, y + 8, "outside" if t is None else f"t={t}", "faint", FIGURE)

        def use(state: Known) -> None:
            _entries(pen, x, y, right, state.data, heat.GRAD, self.grad_scale, columns, FIGURE)

        pen.changing(timeline.of_use(s, i), use)


def _about(s: Sum) -> str:
    return f"{s.title}\nshared weight: its gradient is the sum of {len(s.parts)} contributions"


def beside(
    sums: Sequence[Sum], grad_scale: float, prefix: str, animated: bool, size: tuple[float, float]
) -> tuple[Panel, bool]:
    """A panel no larger than a picture of a size, if it can be, and whether it stands under it rather than beside it.

    With fewer lines a sum it gets smaller. It stands where both together are nearer to the shape of a page.
    """
    (width, height), measured = size, Measured.of(sums, animated)
    for most in (MOST, 4, 2):
        rooms = [max(height, 300.0), 1.5 * height, 2.0 * height]
        left = [Panel(measured, grad_scale, prefix, room, most) for room in rooms]
        under = Panel(measured, grad_scale, prefix, _lowest(measured, width, most), most)
        shapes = [((width + panel.width) / max(height, panel.height), panel, False) for panel in left]
        shapes.append((max(width, under.width) / (height + under.height), under, True))
        _, best, goes_under = min(shapes, key=lambda shape: abs(math.log(shape[0] / PAGE)))
        if best.width * best.height <= width * height:
            break
    return best, goes_under


def _lowest(measured: Measured, width: float, most: int) -> float:
    """How high a panel must be that is no wider than ``width``, if it can be."""
    heights = [_height(s, most) for s in measured.sums]
    columns = max(1, int(1.1 * width / measured.column)) if measured.sums else 1
    room = max([sum(heights) / columns, *heights])
    while max((column for column, _ in _in_columns(heights, room)), default=0) >= columns:
        room += _LINE
    return room + 44.0


def _entries(
    pen: Pen,
    x: float,
    y: float,
    right: float,
    data: Any,
    colours: Colours,
    scale: float,
    column: int,
    kind: Kind,
) -> None:
    """An array's few entries in columns of their own, so that they add up from top to bottom; or a strip and a norm."""
    ink = "blue" if colours is heat.VALUE else "orange"
    if data is not None and _is_few(data):
        parts = each(data) if ink == "blue" else [data]  # of a value each number may be changed by itself
        pen.text(right, y + 8, "".join(padded(part, column) for part in parts), ink, kind, "end")
        return
    if np.ndim(data) > 0 and np.size(data) > MAX_ENTRIES:
        pen.cells(x + _STRIP, y, flat(data), _CELL, scale, colours)
    pen.text(right, y + 8, brief(data), ink, kind, "end")


def _is_few(data: Any) -> bool:
    return 1 < np.size(data) <= MAX_ENTRIES and np.ndim(data) > 0 and np.asarray(data).dtype.kind == "f"


def _columns(s: Sum, animated: bool) -> int:
    """How many characters wide the columns of a sum's entries are."""
    if not _is_few(s.value):
        return 0
    shown = [data for data in _shown(s, animated) if data is not None]
    return 2 + max((len(measured(number(x))) for data in shown for x in each(data)), default=0)


def _width(data: Any, columns: int) -> float:
    if data is not None and _is_few(data):
        return np.size(data) * columns * TOTAL.width(_SPACE)
    strip = 8 * _CELL + 8 if np.ndim(data) > 0 and np.size(data) > MAX_ENTRIES else 0.0
    return strip + TOTAL.width(brief(data))


def _that_fits(text: str, room: float) -> str:
    """As many of the phrases of a text as there is room for."""
    phrases = text.split(", ")
    while phrases and SMALL.width(", ".join(phrases)) > room:
        phrases.pop()
    return ", ".join(phrases)


def _own_lines(s: Sum, most: int) -> tuple[list[int], list[int]]:
    """Which parts have lines of their own, the newest and the oldest ones."""
    count = len(s.parts)
    if count <= most + 1:
        return list(range(count)), []
    return list(range((most + 1) // 2)), list(range(count - most // 2, count))


def _fading(pen: Pen, x: float, y: float, right: float, s: Sum | None) -> None:
    """How large the contributions of all uses are, the oldest at the left, on a logarithmic scale."""
    if s is None:
        return
    if any(is_live(data) for _, data in s.parts):
        runs = " ".join(data.cells.run(np.atleast_1d(data.index)) for _, data in reversed(s.parts))
        with pen.group(f'data-bars="{runs}" data-at="{short(x)} {short(y)} {short(right)}"'):
            _bars(pen, x, y, right, s)
    else:
        _bars(pen, x, y, right, s)


def _bars(pen: Pen, x: float, y: float, right: float, s: Sum) -> None:
    sizes = [0.0 if data is None else float(np.linalg.norm(np.ravel(data))) for _, data in reversed(s.parts)]
    largest, width = max(sizes), right - x
    if not largest or not math.isfinite(largest):
        return
    bars = np.array_split(np.array(sizes), min(len(sizes), int(width / 2)))
    step, path = min(width / len(bars), _CELL), []
    for i, found in enumerate(bars):
        size = float(found.max())
        height = 14.0 * max(0.0, 1 + math.log10(size / largest) / _DECADES) if size > 0 else 0.0
        if height > 0:
            path.append(f"M{short(x + i * step)},{short(y + 14)}v{short(-height)}h{short(step * 0.8)}v{short(height)}z")
    pen.path(f"M{short(x)},{short(y + 14)}h{short(step * len(bars))}", "base")
    pen.path("".join(path), heat_class(heat.GRAD, 1))


def _in_columns(heights: Sequence[float], room: float) -> list[tuple[int, float]]:
    """Column and distance from its top of each block, one under the other and on to the next column where it is full.

    >>> _in_columns([10.0, 10.0, 10.0], room=25.0)
    [(0, 0.0), (0, 10.0), (1, 0.0)]
    """
    found: list[tuple[int, float]] = []
    column, y = 0, 0.0
    for height in heights:
        if y > 0 and y + height > room:
            column, y = column + 1, 0.0
        found.append((column, y))
        y += height
    return found


def _height(s: Sum, most: int) -> float:
    lines = sum(map(len, _own_lines(s, most)))
    return 56.0 + _LINE * lines + (_CHART if lines < len(s.parts) else 0.0)


def _shown(s: Sum, animated: bool) -> list[Any]:
    """Every number that may stand in the panel."""
    totals = [state.data for state in timeline.of_total(s)] if animated else [s.total]
    return [s.value, *(part for _, part in s.parts), *totals]
