"""A chain of forward messages as a picture: units from left to right, messages handed on between them.

In a unit each message is its equation with numbers: direct part + what was handed on = the message. Losses stand above
their units, what units read below them, and the gradients, sums over t, at the right.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from microgradrnn.counting import counted

from ..numbers import brief, number
from ..paint import fonts, heat
from ..paint.pen import FIGURE, SMALL, TITLE, Pen
from ..paint.picture import Picture, element
from .reading import Reading, Unit
from .sizes import CELL, GAP, HEAD, HEADS, MARGIN, PAD, RISE, ROW, TALL, Sizes, height, rows_of, size, terms


def paint(reading: Reading) -> Picture:
    """The picture."""
    return _Painter(reading).picture()


class _Painter:
    def __init__(self, reading: Reading) -> None:
        self.reading, self.sizes, self.pen = reading, Sizes.of(reading), Pen()

    def picture(self) -> Picture:
        reading, sizes, x, before = self.reading, self.sizes, MARGIN, None
        for unit in reading.units:
            if before is not None:
                x += self._handed_on(x, before, unit)
            self._unit(x, unit)
            self._loss(x, unit)
            self._read(x, unit)
            x, before = x + sizes.unit, unit
        x += 24
        self._totals(x)
        title = f"forward messages along {counted(reading.steps, 'unit')}: E = {number(reading.loss)}"
        self.pen.text(MARGIN, MARGIN + 8, f"F{title[1:]}", "ink", TITLE)
        below = RISE + 24 if any(unit.reads is not None for unit in reading.units) else 0.0
        y = sizes.unit_top + sizes.unit_height + below + 22
        width = max(x + sizes.loss, self._bars(y)) + MARGIN
        bottom = self._legend(y + 28, width)
        return Picture(title, element(self.pen, width, bottom + 6, title), f"{title}\n{reading.words}\n")

    # -- boxes --

    def _unit(self, x: float, unit: Unit) -> None:
        pen, sizes, t, y = self.pen, self.sizes, unit.step.t, self.sizes.unit_top
        pen.rectangle(x, y, sizes.unit, sizes.unit_height, "box cell", 5)
        pen.text(x + PAD, y + 15, f"unit {t}", "ink", TITLE)
        y, left = y + HEAD, x + PAD + sizes.letters + 8
        for name, where in unit.step.units.items():
            part = unit.step.state[:, where]
            pen.text(x + PAD, y + 8, fonts.clip(f"{name}_{t}", sizes.letters, SMALL.size), "ink", SMALL)
            end = self._strip(left, y, part, heat.largest([part]), heat.VALUE)
            pen.text(end + 6, y + 8, brief(part), "blue", FIGURE)
            y += ROW
        if t > 1:
            self._jacobian(x + PAD, left, unit)
        for head, place in zip(HEADS, sizes.places(left), strict=True):
            pen.text(place, sizes.rows_top - 5, head, "faint", SMALL)
        for name, y in self.sizes.tops():
            if unit.step.messages[name].any():
                pen.text(x + PAD, y + 9, unit.symbol(name), "ink", TITLE)
                self._equation(left, y, terms(unit, name))

    def _jacobian(self, x: float, left: float, unit: Unit) -> None:
        """ds_t/ds_(t-1), in a row of its own above the messages."""
        t, shown = unit.step.t, rows_of(unit.step.jacobian)
        y = self.sizes.rows_top - 16 - max(height(rows_of(other.step.jacobian)) for other in self.reading.units)
        label = f"∂s_{t}/∂s_{t - 1}"
        self.pen.text(x, y + 8, label, "ink", SMALL)
        left = max(left, x + SMALL.width(label) + 8)
        self.pen.grid(left, y, heat.grid(shown), CELL, self.sizes.state_scale, heat.GRAD, TALL)
        self.pen.text(left + CELL * heat.shape(shown)[1] + 6, y + 8, size(shown), "orange", FIGURE)

    def _equation(self, left: float, y: float, arrays: Iterable[Any]) -> None:
        """Three grids, each with its norm below it."""
        for sign, array, place in zip(("", "+", "="), arrays, self.sizes.places(left), strict=True):
            self.pen.text(place - GAP / 2, y + 9, sign, "ink", TITLE, "middle")
            self.pen.grid(place, y, heat.grid(array), CELL, self.sizes.state_scale, heat.GRAD, TALL)
            self.pen.text(place, y + height(array) - 2, size(array), "orange", FIGURE)

    def _loss(self, x: float, unit: Unit) -> None:
        step, sizes = unit.step, self.sizes
        if not step.delta.any() and not step.loss:
            return
        x, y, t = x + (sizes.unit - sizes.loss) / 2, MARGIN + 22, step.t
        self.pen.rectangle(x, y, sizes.loss, sizes.loss_height, "box loss", 5)
        self.pen.text(x + PAD, y + 15, f"E_{t}", "ink", TITLE)
        self.pen.text(x + sizes.loss - PAD, y + 15, number(step.loss), "blue", FIGURE, "end")
        rows = [(f"∂E_{t}/∂{self._short(name)}", step.gradients[name]) for name in self.reading.trained]
        self._gradients(x, y + HEAD, [(f"∂E_{t}/∂s_{t}", step.delta), *rows])
        middle = x + sizes.loss / 2
        self._arrow(middle, sizes.unit_top, middle, y + sizes.loss_height)

    def _totals(self, x: float) -> None:
        reading, y = self.reading, MARGIN + 22
        self.pen.rectangle(x, y, self.sizes.loss, HEAD + ROW * len(reading.trained), "box card", 5)
        self.pen.text(x + PAD, y + 15, "∂E/∂p = Σ over t", "ink", TITLE)
        rows = [(f"∂E/∂{self._short(name)}", reading.totals[name]) for name in reading.trained]
        self._gradients(x, y + HEAD, rows)

    def _gradients(self, x: float, y: float, rows: Iterable[tuple[str, Any]]) -> None:
        for label, gradient in rows:
            self.pen.text(x + PAD, y + 8, fonts.clip(label, self.sizes.name, SMALL.size), "ink", SMALL)
            end = self._strip(x + PAD + self.sizes.name + 4, y, gradient, self.sizes.loss_scale, heat.GRAD)
            self.pen.text(end + 6, y + 8, size(gradient), "orange", FIGURE)
            y += ROW

    def _read(self, x: float, unit: Unit) -> None:
        if unit.reads is None:
            return
        bottom, middle = self.sizes.unit_top + self.sizes.unit_height, x + self.sizes.unit / 2
        label, flat = f"x_{unit.step.t}", unit.reads.reshape(-1)
        wide = TITLE.width(label) + CELL * heat.shape(flat)[1] + FIGURE.width(brief(flat)) + 34
        left, y = middle - wide / 2, bottom + RISE
        self.pen.rectangle(left, y, wide, 24, "box data", 10)
        self.pen.text(left + 10, y + 15, label, "ink", TITLE)
        end = self._strip(left + 16 + TITLE.width(label), y + 7, flat, heat.largest([flat]), heat.VALUE)
        self.pen.text(end + 6, y + 15, brief(flat), "blue", FIGURE)
        self._arrow(middle, y, middle, bottom)

    def _strip(self, x: float, y: float, array: Any, scale: float, colours: heat.Colours) -> float:
        """A row of cells; gives where it ends."""
        flat = np.ravel(array)
        self.pen.cells(x, y, flat, CELL, scale, colours)
        return x + CELL * heat.shape(flat)[1]

    # -- between boxes --

    def _handed_on(self, x: float, before: Unit, unit: Unit) -> float:
        """An arrow for the state and one for each message that the next unit gets; gives how long they are."""
        skipped = unit.step.t - before.step.t - 1
        length = self.sizes.lane * (2 if skipped else 1)
        rows = [(self.sizes.unit_top + 30, f"s_{before.step.t}")]
        rows += [(y + 12, before.symbol(name)) for name, y in self.sizes.tops() if before.step.messages[name].any()]
        for y, label in rows:
            self._arrow(x, y, x + length, y, "wire cut" if skipped else "wire across")
            self.pen.text(x + length / 2 - 3, y - 4, f"{label} ⋯" if skipped else label, "ink", SMALL, "middle")
        if skipped:
            where = f"t = {before.step.t + 1}" + (f" … {unit.step.t - 1}" if skipped > 1 else "")
            self.pen.text(x + length / 2, self.sizes.unit_top + 12, where, "faint", SMALL, "middle")
        return length

    def _arrow(self, x0: float, y0: float, x1: float, y1: float, look: str = "wire across") -> None:
        """A straight arrow, to the right or upwards."""
        if y0 == y1:
            end, tip = (x1 - 6, y1), f"{x1 - 6:.1f},{y1 - 3.2:.1f}L{x1 - 6:.1f},{y1 + 3.2:.1f}"
        else:
            end, tip = (x1, y1 + 6), f"{x1 - 3.2:.1f},{y1 + 6:.1f}L{x1 + 3.2:.1f},{y1 + 6:.1f}"
        self.pen.path(f"M{x0:.1f},{y0:.1f}L{end[0]:.1f},{end[1]:.1f}", look)
        self.pen.path(f"M{x1:.1f},{y1:.1f}L{tip}z", "tip")

    # -- the foot --

    def _bars(self, y: float) -> float:
        """The colour bars; gives where they end."""
        sizes, x = self.sizes, MARGIN
        of_states, of_losses = number(sizes.state_scale), number(sizes.loss_scale)
        for colours, ink, low, high in (
            (heat.VALUE, "blue", "value −max", "+max of each strip"),
            (heat.GRAD, "orange", f"∂s −{of_states}", f"+{of_states} in all grids"),
            (heat.GRAD, "orange", f"∂E −{of_losses}", f"+{of_losses} in all strips"),
        ):
            self.pen.text(x, y + 8, low, ink, FIGURE)
            x += FIGURE.width(low) + 4
            self.pen.grid(x, y + 0.5, np.linspace(-1, 1, 9)[None], 9.0, 1.0, colours)
            self.pen.text(x + 85, y + 8, high, ink, FIGURE)
            x += 85 + FIGURE.width(high) + 18
        return x - 18

    def _legend(self, y: float, width: float) -> float:
        """What letters and signs mean; gives where it ends."""
        lines = fonts.wrap(self._phrases(), width - 2 * MARGIN, SMALL.size)
        for i, line in enumerate(lines):
            self.pen.text(MARGIN, y + 14 * i, line, "faint", SMALL)
        return y + 14 * len(lines)

    def _phrases(self) -> list[str]:
        reading = self.reading
        said = ["message for a weight p: P_t = d⁺s_t/dp + ∂s_t/∂s_t−1 P_t−1, direct + handed on"]
        for name in reading.carried:
            having = [unit.symbol(name) for unit in reading.units if unit.step.messages[name].any()]
            letters = dict.fromkeys(symbol.rpartition("_")[0] for symbol in having)
            said.append(f"{', '.join(letters)}: for {self._short(name)}")
        said += [
            "∂E_t/∂p = d⁺E_t/dp + ∂E_t/∂s_t P_t, known at step t",
            "a grid has a row for each unit of s_t, a column for each entry of p",
            "where entries share a cell, it shows the one furthest from 0",
            "cells with a minus are below 0",
            "‖ ‖: a norm; norms do not add up",
        ]
        if reading.left_out:
            said.append(f"messages not shown: for {', '.join(map(self._short, reading.left_out))}")
        return [*said, "RNN White Box, 2016; in full: Williams and Zipser, 1989"]

    def _short(self, name: str) -> str:
        return fonts.clip(self.reading.names[name], 120, SMALL.size)
