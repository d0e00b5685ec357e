"""`heat_matrix`: a matrix as colours and numbers, such as the Jacobian of softmax or the one between two states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.counting import counted

from .numbers import norm, number
from .paint import fonts, heat
from .paint.pen import DIGITS, FIGURE, SMALL, TITLE, Pen
from .paint.picture import Picture, element

_MOST_NUMBERS, _MOST_CELLS = 10, 96
"""Matrices of up to so many rows and columns show their entries; larger ones than the second share cells."""
_MARGIN, _SIDE, _LABEL = 20.0, 420.0, 90.0
"""Around the picture; how long a side of many cells is; how wide a label may be."""

Names = str | Sequence[Any]


def heat_matrix(matrix: Any, rows: Names = "", columns: Names = "", title: str = "") -> Picture:
    """A matrix as cells: ochre below 0, with a minus, white at 0, violet above, on one scale; small ones with numbers.

    The colours are those of local gradients, which a Jacobian is. Teal and orange are for gradients of the loss.

    Args:
        matrix: of two axes, such as `microgradrnn.analysis.state_jacobian` gives, `Edge.jacobian` of a pass, or
            `microgradrnn.by_hand.softmax_cross_entropy.jacobian`.
        rows: what the rows are entries of, such as "h_3"; or a name for each row.
        columns: the same of the columns.
        title: what stands above.

    Returns:
        A picture, which shows itself in Jupyter and has ``save``, ``svg``, ``png`` and ``to_text``.

    Raises:
        ValueError: it is no matrix, or there is not a name for each row or column.

    The Jacobian of softmax is diag(S) - S S^T; its rows sum to 0:

    >>> from microgradrnn.by_hand.softmax_cross_entropy import jacobian
    >>> print(heat_matrix(jacobian(np.array([0.0, 0.0])), rows="S", columns="y", title="dS/dy"))
    dS/dy: 2 rows S, 2 columns y
             y[0]   y[1]
    S[0]     0.25  −0.25
    S[1]    −0.25   0.25
    """
    array = np.asarray(matrix, dtype=float)
    if array.ndim != 2 or not array.size:
        hint = "; of several sequences choose one: matrix[0]" if array.ndim == 3 else ""
        raise ValueError(f"heat_matrix takes a matrix with two axes, not shape {array.shape}{hint}")
    down = _names("rows", rows, array.shape[0])
    across = _names("columns", columns, array.shape[1])
    about = f"{title or 'matrix'}: {_about('row', rows, len(down))}, {_about('column', columns, len(across))}"
    painter = _Painter(array, down, across)
    return Picture(about, painter.svg(about, title, rows, columns), f"{about}\n{_as_text(array, down, across)}")


def _names(side: str, names: Names, count: int) -> list[str]:
    if isinstance(names, str):
        return [f"{names}[{k}]" if names else str(k) for k in range(count)]
    if len(names) != count:
        raise ValueError(
            f"heat_matrix: {side} has {counted(len(names), 'name')}, and the matrix has {counted(count, side[:-1])}"
        )
    return [str(name) for name in names]


def _about(side: str, names: Names, count: int) -> str:
    what = f" {names}" if isinstance(names, str) and names else ""
    return f"{counted(count, side)}{what}"


def _as_text(array: NDArray[Any], down: list[str], across: list[str]) -> str:
    """All entries in columns, or how large they are where there are too many."""
    if max(array.shape) > 2 * _MOST_NUMBERS:
        return f"smallest {number(array.min())}, largest {number(array.max())}, norm {norm(array)}"
    cells = [[number(x) for x in row] for row in array.tolist()]
    wide = max(len(text) for row in [across, *cells] for text in row) + 2
    left = max(map(len, down)) + 2
    lines = ["".join([" " * left, *(f"{name:>{wide}}" for name in across)])]
    lines += [
        "".join([f"{name:<{left}}", *(f"{x:>{wide}}" for x in row)]) for name, row in zip(down, cells, strict=True)
    ]
    return "\n".join(lines)


class _Painter:
    def __init__(self, array: NDArray[Any], down: list[str], across: list[str]) -> None:
        self.array, self.down, self.across, self.pen = array, down, across, Pen()
        self.cells = heat.grid(array, _MOST_CELLS, _MOST_CELLS)
        self.scale = heat.largest([array])
        self.numbers = max(array.shape) <= _MOST_NUMBERS
        most = max(self.cells.shape)
        named = max(SMALL.width(name) for name in across)
        entries = max(DIGITS.width(number(x)) for x in array.ravel()) if self.numbers else 0.0
        self.wide = max(entries + 12, min(named, _LABEL) + 8) if self.numbers else max(4.0, min(16.0, _SIDE / most))
        self.tall = 24.0 if self.numbers else self.wide
        self.signs = not self.numbers and self.wide >= 8  # in smaller cells they would hide the colours

    def svg(self, about: str, title: str, rows: Names, columns: Names) -> str:
        pen, (count_down, count_across) = self.pen, self.cells.shape
        left = _MARGIN + max(min(SMALL.width(name), _LABEL) for name in self.down) + 8
        top = _MARGIN + (18 if title else 0) + 30
        pen.text(_MARGIN, _MARGIN + 6, title, "ink", TITLE)
        said = [f"{side}: {names}" for side, names in (("rows", rows), ("columns", columns)) if isinstance(names, str)]
        pen.text(_MARGIN, top - 22, " · ".join(line for line in said if not line.endswith(": ")), "faint", SMALL)
        pen.grid(left, top, self.cells, self.wide, self.scale, heat.LOCAL, self.tall, signs=self.signs)
        for k in self._shown(count_across, self.array.shape[1]):
            name = fonts.clip(self._name(self.across, columns, k, count_across), _LABEL, SMALL.size)
            pen.text(left + (k + 0.5) * self.wide, top - 5, name, "ink", SMALL, "middle")
        for k in self._shown(count_down, self.array.shape[0]):
            name = fonts.clip(self._name(self.down, rows, k, count_down), _LABEL, SMALL.size)
            pen.text(left - 6, top + (k + 0.5) * self.tall + 3, name, "ink", SMALL, "end")
        if self.numbers:
            self._entries(left, top)
        bottom = top + count_down * self.tall + 18
        right = self._bar(bottom)
        if self.cells.shape != self.array.shape:
            note = "where entries share a cell, it shows the one furthest from 0"
            bottom += 16
            pen.text(_MARGIN, bottom + 8, note, "faint", SMALL)
            right = max(right, _MARGIN + SMALL.width(note))
        width = max(right, left + count_across * self.wide, _MARGIN + TITLE.width(title)) + _MARGIN
        return element(pen, width, bottom + 12 + _MARGIN, about)

    def _shown(self, cells: int, entries: int) -> range:
        """The cells that have their names beside them: all, or so many as there is room for."""
        return range(cells) if self.numbers else range(0, cells, max(1, -(-cells // 10)))

    def _name(self, names: list[str], given: Names, cell: int, cells: int) -> str:
        entry = cell * len(names) // cells
        return str(entry) if isinstance(given, str) and not self.numbers else names[entry]

    def _entries(self, left: float, top: float) -> None:
        for (i, j), x in np.ndenumerate(self.array):
            text, middle, y = number(x), left + (j + 0.5) * self.wide, top + (i + 0.5) * self.tall
            half = DIGITS.width(text) / 2 + 2
            self.pen.rectangle(middle - half, y - 6.5, 2 * half, 13, "halo", rx=2)
            self.pen.text(middle, y + 3.2, text, "ink", DIGITS, "middle")

    def _bar(self, y: float) -> float:
        """The colour bar; gives where it ends."""
        end, x = number(self.scale), _MARGIN
        self.pen.text(x, y + 8, f"−{end}", "violet", FIGURE)
        x += FIGURE.width(f"−{end}") + 4
        self.pen.grid(x, y + 0.5, np.linspace(-1, 1, 9)[None], 9.0, 1.0, heat.LOCAL)
        self.pen.text(x + 85, y + 8, f"+{end}", "violet", FIGURE)
        return x + 85 + FIGURE.width(f"+{end}")
