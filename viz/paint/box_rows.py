"""What stands in a box under its title: a line for its value and one for its gradient.

- `Row`: a line, and all the states it goes through. `Name`: the name of an output over them. `rows`: those of a box.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..graph import timeline
from ..graph.timeline import Known
from ..graph.view import Box
from ..numbers import MAX_ENTRIES, brief, chosen, number
from ..sources import each
from . import heat
from .pen import DIGITS, FIGURE, SMALL, Pen

LINE_HEIGHT, CELL = 13.0, 8.0
MORE = " …"
"""Behind a gradient that has got some of its contributions and waits for others."""


@dataclass(frozen=True)
class Row:
    """A line of a box: its value, or, with a sign before it, its gradient.

    ``chooses`` is what integers choose: a class, say. ``share`` says how many entries share a cell of its strip.
    """

    sign: str
    states: list[Known]
    cell: float = CELL
    chooses: str = ""
    share: str = ""

    @property
    def size(self) -> tuple[float, float]:
        """The width and height that its largest state takes."""
        found = [_size(state, self) for state in self.states]
        return max(width for width, _ in found), max(height for _, height in found)

    def paint(self, pen: Pen, x: float, y: float, width: float, grad_scale: float) -> None:
        """Paint it between two edges; gradients of the whole picture are on one scale."""
        scale = grad_scale if self.sign else heat.largest([self.states[-1].data])
        pen.changing(self.states, lambda state: _paint(pen, x, y, width, state, self, scale))


@dataclass(frozen=True)
class Name:
    """A line that names an output, over its value and its gradient."""

    text: str
    visit: int | None = None
    sign: str = ""
    states: tuple[Known, ...] = ()

    @property
    def size(self) -> tuple[float, float]:
        """Its width and height."""
        return SMALL.width(self.text) + badge(self.visit), LINE_HEIGHT + (2 if self.visit else 0)

    def paint(self, pen: Pen, x: float, y: float, width: float, grad_scale: float) -> None:
        """Paint it between two edges."""
        paint_badge(pen, x, y + 6, self.visit)
        pen.text(x + badge(self.visit), y + 9, self.text, "ink", SMALL)


def badge(visit: int | None) -> float:
    """How much room the number of a visit takes, and what keeps it off the name behind it."""
    return 0.0 if visit is None else max(12.0, SMALL.width(str(visit)) + 6) + 4


def paint_badge(pen: Pen, x: float, middle: float, visit: int | None) -> None:
    """The number of a visit, light on a dark disc, as no value and no gradient is written."""
    if visit is not None:
        width = badge(visit) - 4
        pen.rectangle(x, middle - 6, width, 12, "badge", rx=6)
        pen.text(x + width / 2, middle + 3, str(visit), "paper", SMALL, "middle")


def rows(box: Box, animated: bool, visits: bool = False) -> list[Row | Name]:
    """The lines of a box.

    A box that stands for several nodes has a name, a value and a gradient for each of its outputs.

    Args:
        box: whose lines.
        animated: with every state of its gradients, not only the last one.
        visits: whether names have the number of their node's visit.
    """
    if not box.outputs:
        return _own_rows(box, animated)
    lines: list[Row | Name] = []
    for output in box.outputs:
        lines.append(Name(output.name, output.visit if visits else None))
        if output.value is not None:
            lines.append(Row("", timeline.of_value(output) if animated else [Known(0, output.value)]))
        if output.differentiable:
            lines.append(Row("∇ ", timeline.of_box(output) if animated else [Known(0, output.grad)]))
    return _aligned(lines)


def _own_rows(box: Box, animated: bool) -> list[Row | Name]:
    elsewhere = box.value is None or (box.role == "alias" and box.differentiable)  # a weight's stands in the panel
    says_it_already = elsewhere or box.title == brief(box.value)
    value = timeline.of_value(box) if animated else [Known(0, box.value)]
    lines: list[Row | Name] = [] if says_it_already else [Row("", value, chooses=box.chooses)]
    grad = timeline.of_box(box) if animated else [Known(0, box.grad)]
    lines += [Row("∇ ", grad)] if box.differentiable else []
    return _aligned(lines)


def _aligned(lines: list[Row | Name]) -> list[Row | Name]:
    """The same lines with cells of one width, so that each entry's gradient stands under its value.

    Where entries share cells, the first of the lines says so.
    """
    cell = max((_cell_width(state.data) for line in lines for state in line.states), default=CELL)
    found = [replace(line, cell=cell) if isinstance(line, Row) else line for line in lines]
    shares = ((i, heat.share(state.data)) for i, line in enumerate(found) for state in line.states)
    i, share = next(((i, share) for i, share in shares if share), (0, ""))
    return [replace(row, share=share) if k == i and isinstance(row, Row) else row for k, row in enumerate(found)]


def _size(state: Known, row: Row) -> tuple[float, float]:
    data = state.data
    if _is_text(data):
        return DIGITS.width(_text(state, row)), LINE_HEIGHT
    lines, columns = heat.shape(data)
    strip = columns * row.cell
    beside = max(DIGITS.width(_beside(state, row.sign)), SMALL.width(row.share)) + 8
    least = LINE_HEIGHT + (9 if row.share else 0)
    return strip + beside, max(least, lines * 5.0 + 4) + (9 if _spelled_out(data) else 0)


def _paint(pen: Pen, x: float, y: float, width: float, state: Known, row: Row, scale: float) -> None:
    """A number, or a strip of cells with the norm beside it."""
    colours, ink = (heat.GRAD, "orange") if row.sign else (heat.VALUE, "blue")
    data = state.data
    if _is_text(data):
        pen.text(x, y + 9, _text(state, row), ink, DIGITS)
        return
    if not _spelled_out(data):
        pen.cells(x, y + 1, data, row.cell, scale, colours)
        pen.text(x + width, y + 9, _figure(state, row.sign), ink, DIGITS, "end")
        pen.text(x + width, y + 19, row.share, "faint", SMALL, "end")
        return
    pen.text(x, y + 9, _beside(state, row.sign), ink, DIGITS)
    x += width - heat.shape(data)[1] * row.cell
    pen.cells(x, y + 1, data, row.cell, scale, colours)
    middles = [x + (i + 0.5) * row.cell for i in range(np.size(data))]
    pen.row(middles, y + 19, map(number, each(data)), ink, FIGURE)


def _is_text(data: Any) -> bool:
    """Whether a row is just text: a scalar, what is not known, and integers, which choose rather than measure."""
    return data is None or np.ndim(data) == 0 or np.size(data) == 0 or np.asarray(data).dtype.kind != "f"


def _spelled_out(data: Any) -> bool:
    """Whether each entry stands as a number under its cell."""
    return np.ndim(data) > 0 and np.size(data) <= MAX_ENTRIES and heat.shape(data)[0] == 1


def _cell_width(data: Any) -> float:
    if _is_text(data) or not _spelled_out(data):
        return CELL
    return max(FIGURE.width(number(x)) for x in each(data)) + 6


def _text(state: Known, row: Row) -> str:
    return chosen(state.data, row.chooses) if row.chooses else _figure(state, row.sign)


def _figure(state: Known, sign: str) -> str:
    return sign + brief(state.data) + ("" if state.complete else MORE)


def _beside(state: Known, sign: str) -> str:
    if _spelled_out(state.data):
        return sign.strip() + ("" if state.complete else MORE)
    return _figure(state, sign)
