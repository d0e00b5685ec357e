"""Sizes of gradients as a map: a row a layer, a column a step, on one scale of powers of ten."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..numbers import number
from . import heat
from .pen import SMALL, TITLE, Pen, short
from .picture import element

DECADES = 10
"""So many powers of ten there are between the full colour and none."""
_TALL, _GAP, _MARGIN, _CURVE = 9.0, 4.0, 12.0, 44.0
Block = tuple[str, Sequence[tuple[str, Sequence[float | None]]]]
"""A title, and rows: a name and a size at each step; None where there is none."""


Curve = tuple[str, Sequence[float]]
"""A title, and a number at each column."""


def paint(title: str, blocks: Sequence[Block], axis: str, columns: Sequence[str], curve: Curve | None = None) -> str:
    """The map as one SVG element.

    Args:
        title: of the whole.
        blocks: what to paint, one below the other, all on one scale.
        axis: what the columns are.
        columns: what each of them is called.
        curve: a line above the blocks, over the same columns.
    """
    sizes = [x for _, rows in blocks for _, row in rows for x in row if x is not None and math.isfinite(x) and x > 0]
    top = max(sizes, default=1.0)
    wide = min(22.0, max(3.0, 560.0 / max(len(columns), 1)))
    left = _MARGIN + max(map(SMALL.width, [axis, *(_name(name) for _, rows in blocks for name, _ in rows)])) + 8
    words = [TITLE.width(title), *(SMALL.width(heading) for heading, _ in blocks)]
    width = max(left + wide * len(columns) + _MARGIN, 460.0, _MARGIN * 2 + max(words))
    pen, y = Pen(), 24.0
    pen.text(_MARGIN, y, title, "ink", TITLE)
    if curve is not None:
        y = _curve(pen, left, y + 24, curve, wide)
    for heading, rows in blocks:
        y += 24
        pen.text(_MARGIN, y, heading, "ink", SMALL)
        y += 8
        for name, row in rows:
            pen.text(left - 6, y + _TALL - 1.5, _name(name), "ink", SMALL, "end")
            _row(pen, left, y, row, wide, top)
            y += _TALL + _GAP
    pen.text(left - 6, y + 8, axis, "faint", SMALL, "end")
    _ticks(pen, left, y + 8, columns, wide)
    y += 28
    _bar(pen, _MARGIN, y, top)
    return element(pen, width, y + 32, title)


def _curve(pen: Pen, left: float, y: float, curve: Curve, wide: float) -> float:
    """A line through the middles of the columns, with its largest and its last number; gives where it ends below."""
    name, sizes = curve
    finite = [x for x in sizes if math.isfinite(x)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    last = number(sizes[-1])
    pen.text(_MARGIN, y, f"{name}: from {number(low)} (below) to {number(high)} (above), at last {last}", "ink", SMALL)
    y, move, d = y + 8, "M", ""
    for k, x in enumerate(sizes):
        if math.isfinite(x):
            share = (high - x) / (high - low) if high > low else 0.5
            d += f"{move}{short(left + (k + 0.5) * wide)},{short(y + share * _CURVE)}"
        move = "L" if math.isfinite(x) else "M"
    pen.path(d, "minus")
    return y + _CURVE


def _name(name: str) -> str:
    return name if len(name) <= 26 else "…" + name[-25:]


def _row(pen: Pen, left: float, y: float, row: Sequence[float | None], wide: float, top: float) -> None:
    for k, size in enumerate(row):
        if size is None:
            continue
        with pen.group('class="cell"', title=number(size)):
            pen.grid(left + k * wide, y, np.array([[shade(size, top)]]), wide, 1.0, heat.GRAD)
            if size == 0:
                pen.path(f"M{short(left + k * wide + 1)},{short(y + _TALL / 2)}h{short(wide - 2)}", "minus")


def shade(size: float, top: float) -> float:
    """The strength of a size: 1 for the largest, 1/10 less for each power of ten, and never none but for 0.

    >>> shade(1.0, 1.0), shade(1e-5, 1.0), shade(1e-30, 1.0), shade(0.0, 1.0)
    (1.0, 0.5, 0.05, 0.0)
    """
    if math.isnan(size):
        return size
    if math.isinf(size):
        return 1.0
    return 0.0 if size <= 0 else min(1.0, max(0.05, 1 + (math.log10(size) - math.log10(top)) / DECADES))


def _ticks(pen: Pen, left: float, y: float, columns: Sequence[str], wide: float) -> None:
    every = max(1, math.ceil((max(map(SMALL.width, columns), default=0) + 8) / wide))
    for k in range(0, len(columns), every):
        pen.text(left + (k + 0.5) * wide, y, columns[k], "faint", SMALL, "middle")


def _bar(pen: Pen, x: float, y: float, top: float) -> None:
    cells = [max(0.05, 1 - k / DECADES) for k in range(DECADES, -1, -1)]
    wide = 12.0 * len(cells)
    pen.grid(x, y, np.array([cells]), 12.0, 1.0, heat.GRAD)
    pen.text(x, y + 20, f"{number(top / 10**DECADES)} or less", "faint", SMALL)
    pen.text(x + wide, y + 20, number(top), "faint", SMALL, "end")
    pen.text(x + wide + 12, y + 8, "a shade: one power of ten · −: exactly 0 · ×: nan", "faint", SMALL)
