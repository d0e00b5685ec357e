"""The panel beside a picture with time: each shared weight's gradient, added up over its uses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph import timeline
from ..graph.timeline import Known
from ..graph.view import Sum
from ..numbers import MAX_ENTRIES, brief
from . import fonts, heat
from .pen import FIGURE, SMALL, TITLE, TOTAL, Ends, Pen

MOST = 8
"""So many uses stand in lines of their own."""

_STRIP, _CELL = 62.0, 8.0


class Panel:
    """The panel of some shared weights, in as many columns as it takes to be no higher than ``room``, if it can.

    ``animated``: with room for every state, not only for the last one.
    """

    def __init__(
        self, sums: Sequence[Sum], grad_scale: float, prefix: str, animated: bool = False, room: float = math.inf
    ) -> None:
        self.sums, self.grad_scale, self.prefix = sums, grad_scale, prefix
        figures = [brief(data) for s in sums for data in _shown(s, animated)]
        self.column = max([220.0, *(FIGURE.width(text) + 92 for text in figures)]) if sums else 0.0
        self.places = _in_columns([_height(s) for s in sums], room - 44.0)
        self.width = self.column * (1 + max((column for column, _ in self.places), default=0))
        self.height = 44.0 + max((y + _height(s) for s, (_, y) in zip(sums, self.places, strict=True)), default=0.0)

    def paint(self, pen: Pen, x: float, y: float, lit: int | None = None) -> None:
        """Paint it at a place; ``lit`` is the sum whose weight is visited."""
        pen.rectangle(x, y, self.width, self.height, "box card", rx=8)
        pen.text(x + 10, y + 18, "Shared weights: uses sum", "ink", TITLE)
        pen.text(x + 10, y + self.height - 9, "entries add; norms do not", "faint", SMALL)
        for i, (s, (column, down)) in enumerate(zip(self.sums, self.places, strict=True)):
            left, top = x + column * self.column, y + 30 + down
            about = f"{s.title}\nshared weight: its gradient is the sum of {len(s.parts)} contributions"
            with pen.group(f'id="{self.prefix}s{i}" class="sum"', about):
                if pen.live or i == lit:
                    pen.rectangle(left + 4, top - 5, self.column - 8, _height(s) - 4, "frame", rx=5, lit=i == lit)
                self._sum(pen, left + 10, top, s)

    def _sum(self, pen: Pen, x: float, y: float, s: Sum) -> None:
        right = x + self.column - 20
        pen.text(x, y + 10, fonts.clip(s.title, 150, TITLE.size, TITLE.font), "ink", TITLE)
        pen.text(x, y + 24, "value", "faint", SMALL)
        self._strip(pen, x + _STRIP, y + 16, s.value, heat.VALUE, heat.largest([s.value]))
        pen.text(right, y + 24, brief(s.value), "blue", FIGURE, "end")
        y += 28
        pen.text(x, y + 8, "∇ =", "orange", FIGURE)
        for i, (t, _) in enumerate(s.parts[:MOST]):
            pen.text(x + 10, y + 8, "+" if i else "", "ink", FIGURE)
            pen.text(x + 22, y + 8, "outside" if t is None else f"t={t}", "faint", FIGURE)

            def use(state: Known, y: float = y) -> None:
                self._strip(pen, x + _STRIP, y, state.data, heat.GRAD, self.grad_scale)
                pen.text(right, y + 8, brief(state.data), "orange", FIGURE, "end")

            pen.changing(timeline.of_use(s, i), use)
            y += 12
        if len(s.parts) > MOST:
            pen.text(x + 22, y + 8, f"+ {len(s.parts) - MOST} earlier steps", "faint", SMALL)
            y += 12
        pen.text(x + 10, y + 10, "=", "ink", TOTAL)

        def total(state: Known) -> None:
            pen.text(x + 22, y + 10, "" if state.complete else "so far", "faint", FIGURE)
            self._strip(pen, x + _STRIP, y + 2, state.data, heat.GRAD, self.grad_scale)
            pen.text(right, y + 10, brief(state.data), "orange", TOTAL, "end")

        pen.changing(timeline.of_total(s), total)

    def _strip(self, pen: Pen, x: float, y: float, data: Any, ends: Ends, scale: float) -> None:
        if np.ndim(data) > 0 and np.size(data) > MAX_ENTRIES:
            pen.cells(x, y, np.ravel(data), _CELL, scale, ends)


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


def _height(s: Sum) -> float:
    return 58.0 + 12.0 * min(len(s.parts), MOST) + (12.0 if len(s.parts) > MOST else 0)


def _shown(s: Sum, animated: bool) -> list[Any]:
    """Every number that may stand in the panel."""
    totals = [state.data for state in timeline.of_total(s)] if animated else [s.total]
    return [s.value, *(part for _, part in s.parts), *totals]
