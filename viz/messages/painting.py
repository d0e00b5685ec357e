"""A chain of forward messages as a picture: units from left to right, messages handed on between them.

In a unit each message is its equation with numbers: direct part + what was handed on = the message. Losses stand above
their units, what units read below them, and the gradients, sums over t, at the right.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..numbers import brief, norm, number
from ..paint import fonts, heat
from ..paint.pen import FIGURE, SMALL, TITLE, Pen
from ..paint.picture import Picture, element
from .reading import Reading, Unit

MARGIN, PAD, GAP, RISE = 24.0, 8.0, 14.0, 30.0
"""Around the picture, inside boxes, between columns of a box, and between boxes one above the other."""
_CELL, _TALL = 8.0, 7.0
_NAME = 90.0
"""How wide a name may be."""


def paint(reading: Reading) -> Picture:
    """The picture."""
    return _Painter(reading).picture()


class _Painter:
    def __init__(self, reading: Reading) -> None:
        self.reading, self.pen = reading, Pen()
        units = reading.units
        terms = [array for unit in units for name in reading.carried for array in _terms(unit, name)]
        self.state_scale = heat.largest([*terms, *(unit.step.jacobian for unit in units)])
        gradients = [g for unit in units for g in unit.step.gradients.values()]
        self.loss_scale = heat.largest([*reading.totals.values(), *gradients, *(unit.step.delta for unit in units)])
        self.columns = [
            max([_width(_terms(unit, name)[k]) for unit in units for name in reading.carried] or [0]) for k in range(3)
        ]
        self.heights = {name: max(_height(a) for unit in units for a in _terms(unit, name)) for name in reading.carried}
        symbols = [unit.symbol(name) for unit in units for name in reading.carried]
        self.letters = max([30.0, *(TITLE.width(symbol) for symbol in symbols)])
        self.parts = max(len(unit.step.units) for unit in units)
        self.jacobian = max(_height(_grid(unit.step.jacobian)) for unit in units)
        self.equation = sum(self.columns) + 2 * GAP
        self.unit = 2 * PAD + self.letters + 8 + max(self.equation, 130.0)
        self.lane = max([44.0, *(SMALL.width(symbol) + 22 for symbol in symbols)])
        self.names = [name for name in reading.totals if reading.totals[name].any()]
        self.name = min(_NAME, max([60.0, *(SMALL.width(f"∂E_{reading.steps}/∂{self._short(n)}") for n in self.names)]))
        self.loss = 2 * PAD + self.name + 8 * _CELL + 4 + 6 + FIGURE.width("‖0.00000000‖")
        self.unit = max(self.unit, self.loss)
        self.top = MARGIN + 22
        self.loss_height = 24 + 15.0 * (1 + len(self.names))
        self.unit_top = self.top + self.loss_height + RISE
        self.rows_top = self.unit_top + 24 + 15 * self.parts + self.jacobian + 16
        self.unit_height = self.rows_top - self.unit_top + sum(self.heights.values()) + 10 * len(self.heights)
        self.reads = any(unit.reads is not None for unit in units)

    def picture(self) -> Picture:
        reading, x, before = self.reading, MARGIN, None
        for unit in reading.units:
            if before is not None:
                skipped = unit.step.t - before.step.t - 1
                self._handed_on(x, before, unit, skipped)
                x += self.lane * (2 if skipped else 1)
            self._unit(x, unit)
            self._loss(x, unit)
            self._read(x, unit)
            x, before = x + self.unit, unit
        x += 24
        self._totals(x)
        width = x + self.loss + MARGIN
        title = f"forward messages along {reading.steps} units: E = {number(reading.loss)}"
        self.pen.text(MARGIN, MARGIN + 8, f"F{title[1:]}", "ink", TITLE)
        y = self.unit_top + self.unit_height + (RISE + 24 if self.reads else 0) + 22
        y = self._legend(y, width)
        return Picture(title, element(self.pen, width, y + 6, title), f"{title}\n{reading.words}\n")

    # -- boxes --

    def _unit(self, x: float, unit: Unit) -> None:
        pen, step, y = self.pen, unit.step, self.unit_top
        pen.rectangle(x, y, self.unit, self.unit_height, "box cell", 5)
        pen.text(x + PAD, y + 15, f"unit {step.t}", "ink", TITLE)
        y += 24
        left = x + PAD + self.letters + 8
        for name, where in step.units.items():
            part = step.state[:, where]
            pen.text(x + PAD, y + 8, f"{name}_{step.t}", "ink", SMALL)
            end = self._strip(left, y, part, heat.largest([part]), heat.VALUE)
            pen.text(end + 6, y + 8, brief(part), "blue", FIGURE)
            y += 15
        y = self.unit_top + 24 + 15 * self.parts
        if step.t > 1:
            pen.text(x + PAD, y + 8, f"∂s_{step.t}/∂s_{step.t - 1}", "ink", SMALL)
            shown = _grid(step.jacobian)
            after = left + max(0.0, SMALL.width(f"∂s_{step.t}/∂s_{step.t - 1}") - self.letters)
            pen.grid(after, y, heat.grid(shown), _CELL, self.state_scale, heat.GRAD, _TALL)
            end = after + _CELL * heat.shape(shown)[1]
            pen.text(end + 6, y + 8, norm(step.jacobian), "orange", FIGURE)
        heads = zip(("direct", "handed on", "message"), self._places(left), strict=True)
        for head, place in heads:
            pen.text(place, self.rows_top - 5, head, "faint", SMALL)
        for name, y in self._rows():
            if unit.step.messages[name].any():
                pen.text(x + PAD, y + 9, unit.symbol(name), "ink", TITLE)
                for k, (array, place) in enumerate(zip(_terms(unit, name), self._places(left), strict=True)):
                    self._block(place, y, array)
                    if k:
                        pen.text(place - GAP / 2, y + 9, "+="[k - 1], "ink", TITLE, "middle")

    def _loss(self, x: float, unit: Unit) -> None:
        step = unit.step
        if not step.delta.any() and not step.loss:
            return
        x, y = x + (self.unit - self.loss) / 2, self.top
        self.pen.rectangle(x, y, self.loss, self.loss_height, "box loss", 5)
        self.pen.text(x + PAD, y + 15, f"E_{step.t}", "ink", TITLE)
        self.pen.text(x + self.loss - PAD, y + 15, number(step.loss), "blue", FIGURE, "end")
        rows = [(f"∂E_{step.t}/∂s_{step.t}", step.delta)]
        rows += [(f"∂E_{step.t}/∂{self._short(name)}", step.gradients[name]) for name in self.names]
        self._gradients(x, y + 24, rows)
        middle = x + self.loss / 2
        self._arrow(middle, self.unit_top, middle, y + self.loss_height)

    def _totals(self, x: float) -> None:
        reading, y = self.reading, self.top
        height = 24 + 15.0 * len(self.names)
        self.pen.rectangle(x, y, self.loss, height, "box card", 5)
        self.pen.text(x + PAD, y + 15, "∂E/∂p = Σ over t", "ink", TITLE)
        self._gradients(x, y + 24, [(f"∂E/∂{self._short(name)}", reading.totals[name]) for name in self.names])

    def _gradients(self, x: float, y: float, rows: Iterable[tuple[str, Any]]) -> None:
        for label, gradient in rows:
            self.pen.text(x + PAD, y + 8, fonts.clip(label, self.name, SMALL.size), "ink", SMALL)
            end = self._strip(x + PAD + self.name + 4, y, gradient, self.loss_scale, heat.GRAD)
            self.pen.text(end + 6, y + 8, _size(gradient), "orange", FIGURE)
            y += 15

    def _read(self, x: float, unit: Unit) -> None:
        if unit.reads is None:
            return
        y, middle = self.unit_top + self.unit_height + RISE, x + self.unit / 2
        flat = unit.reads.reshape(-1)
        label, said = f"x_{unit.step.t}", brief(flat)
        wide = TITLE.width(label) + _CELL * heat.shape(flat)[1] + FIGURE.width(said) + 34
        left = middle - wide / 2
        self.pen.rectangle(left, y, wide, 24, "box data", 10)
        self.pen.text(left + 10, y + 15, label, "ink", TITLE)
        end = self._strip(left + 16 + TITLE.width(label), y + 7, flat, heat.largest([flat]), heat.VALUE)
        self.pen.text(end + 6, y + 15, said, "blue", FIGURE)
        self._arrow(middle, y, middle, self.unit_top + self.unit_height)

    # -- between boxes --

    def _handed_on(self, x: float, before: Unit, unit: Unit, skipped: int) -> None:
        """An arrow for the state and one for each message that the next unit gets."""
        length = self.lane * (2 if skipped else 1)
        rows = [(self.unit_top + 30, f"s_{before.step.t}")]
        rows += [(y + 12, before.symbol(name)) for name, y in self._rows() if before.step.messages[name].any()]
        for y, label in rows:
            self._arrow(x, y, x + length, y, dashed=bool(skipped))
            self.pen.text(x + length / 2 - 3, y - 4, f"{label} ⋯" if skipped else label, "ink", SMALL, "middle")
        if skipped:
            where = f"t = {before.step.t + 1}" + (f" … {unit.step.t - 1}" if skipped > 1 else "")
            self.pen.text(x + length / 2, self.unit_top + 12, where, "faint", SMALL, "middle")

    def _arrow(self, x0: float, y0: float, x1: float, y1: float, dashed: bool = False) -> None:
        size = 6.0
        dx, dy = (size, 0.0) if y0 == y1 else (0.0, -size)
        self.pen.path(f"M{x0:.1f},{y0:.1f}L{x1 - dx:.1f},{y1 - dy:.1f}", "wire cut" if dashed else "wire across")
        sideways = f"{x1 - dx:.1f},{y1 - 3.2:.1f}L{x1 - dx:.1f},{y1 + 3.2:.1f}"
        upwards = f"{x1 - 3.2:.1f},{y1 - dy:.1f}L{x1 + 3.2:.1f},{y1 - dy:.1f}"
        self.pen.path(f"M{x1:.1f},{y1:.1f}L{sideways if dx else upwards}z", "tip")

    # -- arrays --

    def _rows(self) -> Iterable[tuple[str, float]]:
        """Each parameter whose messages are shown, and the top of its row, the same in all units."""
        y = self.rows_top
        for name, height in self.heights.items():
            yield name, y
            y += height + 10

    def _places(self, left: float) -> list[float]:
        first, second, _ = self.columns
        return [left, left + first + GAP, left + first + second + 2 * GAP]

    def _block(self, x: float, y: float, array: Any) -> None:
        """A grid, and its norm below it."""
        self.pen.grid(x, y, heat.grid(array), _CELL, self.state_scale, heat.GRAD, _TALL)
        self.pen.text(x, y + _height(array) - 2, _size(array), "orange", FIGURE)

    def _strip(self, x: float, y: float, array: Any, scale: float, colours: heat.Colours) -> float:
        """A row of cells; gives where it ends."""
        flat = np.ravel(array)
        self.pen.cells(x, y, flat, _CELL, scale, colours)
        return x + _CELL * heat.shape(flat)[1]

    def _short(self, name: str) -> str:
        return self.reading.names[name]

    # -- the foot --

    def _legend(self, y: float, width: float) -> float:
        pen, steps = self.pen, np.linspace(-1, 1, 9)[None]
        x = MARGIN
        bars = (
            (heat.VALUE, "blue", "value −max", "+max of each strip"),
            (heat.GRAD, "orange", f"∂s −{number(self.state_scale)}", f"+{number(self.state_scale)} in all grids"),
            (heat.GRAD, "orange", f"∂E −{number(self.loss_scale)}", f"+{number(self.loss_scale)} in all strips"),
        )
        for colours, ink, low, high in bars:
            pen.text(x, y + 8, low, ink, FIGURE)
            x += FIGURE.width(low) + 4
            pen.grid(x, y + 0.5, steps, 9.0, 1.0, colours)
            x += 9.0 * steps.size + 4
            pen.text(x, y + 8, high, ink, FIGURE)
            x += FIGURE.width(high) + 18
        lines = fonts.wrap(self._phrases(), width - 2 * MARGIN, SMALL.size)
        for i, line in enumerate(lines):
            pen.text(MARGIN, y + 28 + 14 * i, line, "faint", SMALL)
        return y + 28 + 14 * len(lines)

    def _phrases(self) -> list[str]:
        reading = self.reading
        said = ["message for a weight p: P_t = d⁺s_t/dp + ∂s_t/∂s_t−1 P_t−1, direct + handed on"]
        for name in reading.carried:
            letters = dict.fromkeys(
                unit.symbol(name).rpartition("_")[0] for unit in reading.units if unit.step.messages[name].any()
            )
            said.append(f"{', '.join(letters)}: for {reading.names[name]}")
        said.append("∂E_t/∂p = d⁺E_t/dp + ∂E_t/∂s_t P_t, known at step t")
        said.append(
            "a grid has a row for each unit of s_t, a column for each entry of p; where entries share a cell, "
            "it shows the one furthest from 0"
        )
        said += ["cells with a minus are below 0", "‖ ‖: a norm; norms do not add up"]
        if reading.left_out:
            said.append(f"messages not shown: for {', '.join(map(self._short, reading.left_out))}")
        said.append("RNN White Box, 2016; in full: Williams and Zipser, 1989")
        return said


def _terms(unit: Unit, name: str) -> tuple[Any, Any, Any]:
    """Direct part, what was handed on, and the message, each a row for each unit of the state."""
    message, direct = _grid(unit.step.messages[name]), _grid(unit.step.direct[name])
    return direct, message - direct, message


def _grid(array: Any) -> Any:
    """(N, S, ...) as a matrix with a row for each of N x S."""
    return np.reshape(array, (array.shape[0] * array.shape[1], -1))


def _size(array: Any) -> str:
    return number(float(np.ravel(array)[0])) if np.size(array) == 1 else norm(array)


def _width(array: Any) -> float:
    return max(_CELL * heat.shape(array)[1], FIGURE.width(_size(array)))


def _height(array: Any) -> float:
    return _TALL * heat.shape(array)[0] + 12
