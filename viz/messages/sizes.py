"""How large everything is in a picture of forward messages, the same in all units so that arrows run level.

- `Sizes`: of boxes, columns and rows, and the scales of colours. `terms`: an equation's three arrays. `size`: a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..numbers import brief, norm, number
from ..paint import heat
from ..paint.pen import FIGURE, SMALL, TITLE
from .reading import Reading, Unit

MARGIN, PAD, GAP, RISE = 24.0, 8.0, 14.0, 30.0
"""Around the picture, inside boxes, between columns of a box, and between boxes one above the other."""
CELL, TALL = 8.0, 7.0
"""How wide and how tall a cell of a grid is."""
HEAD, ROW = 24.0, 15.0
"""How tall a box's title is, and a line in it."""
HEADS = ("direct", "handed on", "message")
"""What the columns of an equation are."""
_NAME = 90.0
"""How wide a name may be."""


@dataclass(frozen=True)
class Sizes:
    """Lengths in points.

    Attributes:
        letters: the width of the column of letters in a unit.
        columns: the widths of direct part, what was handed on, and message.
        rows: the height of the row of each parameter whose messages are shown.
        unit, unit_height: of a unit's box.
        unit_top, rows_top: where units begin, and in them the rows of messages.
        lane: how far units stand apart.
        name: the width of the names of gradients.
        loss, loss_height: of a loss's box.
        state_scale, loss_scale: what the full colour means for derivatives of states, and of losses.
    """

    letters: float
    columns: tuple[float, float, float]
    rows: Mapping[str, float]
    unit: float
    unit_height: float
    unit_top: float
    rows_top: float
    lane: float
    name: float
    loss: float
    loss_height: float
    state_scale: float
    loss_scale: float

    @classmethod
    def of(cls, reading: Reading) -> Sizes:
        """What a reading needs."""
        units, carried = reading.units, reading.carried
        equations = [(name, terms(unit, name)) for unit in units for name in carried]
        symbols = [unit.symbol(name) for unit in units for name in carried]
        letters = max([30.0, *(TITLE.width(symbol) for symbol in symbols)])
        first, second, third = (
            max([SMALL.width(head), *(_width(arrays[k]) for _, arrays in equations)]) for k, head in enumerate(HEADS)
        )
        rows = {
            name: max(height(a) for other, arrays in equations if other == name for a in arrays) for name in carried
        }
        names = [f"∂E_{reading.steps}/∂{reading.names[name]}" for name in reading.trained]
        name = min(_NAME, max([60.0, *map(SMALL.width, names)]))
        loss = 2 * PAD + name + 8 * CELL + 10 + FIGURE.width("‖0.00000000‖")
        loss_height = HEAD + ROW * (1 + len(names))
        states = max(
            FIGURE.width(brief(unit.step.state[:, where])) for unit in units for where in unit.step.units.values()
        )
        inside = max(first + second + third + 2 * GAP, 8 * CELL + 6 + states)
        unit_top = MARGIN + 22 + loss_height + RISE
        parts = max(len(unit.step.units) for unit in units)
        jacobian = max(height(rows_of(unit.step.jacobian)) for unit in units)
        rows_top = unit_top + HEAD + ROW * parts + jacobian + 16
        gradients = [gradient for unit in units for gradient in (unit.step.delta, *unit.step.gradients.values())]
        return cls(
            letters=letters,
            columns=(first, second, third),
            rows=rows,
            unit=max(2 * PAD + letters + 8 + inside, loss),
            unit_height=rows_top - unit_top + sum(rows.values()) + 10 * len(rows),
            unit_top=unit_top,
            rows_top=rows_top,
            lane=max([44.0, *(SMALL.width(symbol) + 22 for symbol in symbols)]),
            name=name,
            loss=loss,
            loss_height=loss_height,
            state_scale=heat.largest([*(a for _, arrays in equations for a in arrays), *_jacobians(units)]),
            loss_scale=heat.largest([*reading.totals.values(), *gradients]),
        )

    def places(self, left: float) -> tuple[float, float, float]:
        """Where the three columns of an equation begin."""
        first, second, _ = self.columns
        return left, left + first + GAP, left + first + second + 2 * GAP

    def tops(self) -> list[tuple[str, float]]:
        """Each parameter whose messages are shown, and where its row begins."""
        found, y = [], self.rows_top
        for name, tall in self.rows.items():
            found.append((name, y))
            y += tall + 10
        return found


def terms(unit: Unit, name: str) -> tuple[Any, Any, Any]:
    """Direct part, what was handed on, and the message, each with a row for each unit of the state."""
    message, direct = rows_of(unit.step.messages[name]), rows_of(unit.step.direct[name])
    return direct, message - direct, message


def rows_of(array: Any) -> Any:
    """(N, S, ...) as a matrix with a row for each of N x S."""
    return np.reshape(array, (array.shape[0] * array.shape[1], -1))


def size(array: Any) -> str:
    """A number, or a norm.

    >>> size([[2.0]]), size([3.0, 4.0])
    ('2', '‖5‖')
    """
    return number(float(np.ravel(array)[0])) if np.size(array) == 1 else norm(array)


def height(array: Any) -> float:
    """Of a grid with its norm below it."""
    return TALL * heat.shape(array)[0] + 12


def _width(array: Any) -> float:
    return max(CELL * heat.shape(array)[1], FIGURE.width(size(array)))


def _jacobians(units: tuple[Unit, ...]) -> list[Any]:
    return [unit.step.jacobian for unit in units if unit.step.t > 1]
