"""The boxes of a figure: how each kind looks, what stands in it, and how large it is for that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..graph.textbook import stem
from ..graph.view import Arrow, Box, Output, View
from ..numbers import UNKNOWN
from .figure_marks import Mark, Shape, Text
from .typeset import SANS, Run, extent, parsed, plain, runs

NAME, WEIGHT, SMALL, NUMBER = 15.0, 12.5, 10.5, 10.5
"""Sizes of a name, of a weight's, of what stands above and below in one, and of a number. The smallest decides how far
all may shrink."""

ROUND, ROW, LINE = 34.0, 39.0, 14.5
MOST_ENTRIES = 3
_SYMBOLS = {"*": "×", "softmax · CE": "CE", "sum": "Σ", "/": "÷"}


@dataclass(frozen=True)
class Printed:
    """A line of a box: its pieces, its ink, how wide it is."""

    runs: tuple[Run, ...]
    ink: str

    @property
    def width(self) -> float:
        """How wide it is."""
        return extent(list(self.runs))


def kinds(view: View, ops: bool = False) -> dict[int, str]:
    """What each box is to a reader: input, state, output, loss, cell, op or gap; ``ops``: among all operations."""
    boxes = view.boxes
    states = set()
    for arrow in view.arrows:
        tail, head = boxes[arrow.tail], boxes[arrow.head]
        if ops and tail.labelled and isinstance(tail.place, int) and head.place not in (tail.place, "after"):
            states.add(arrow.tail)
        enters = tail.place != head.place or tail.role in ("data", "leaf")  # of a single step the first state
        if enters and isinstance(head.place, int) and "gap" not in (tail.role, head.role):
            # What is only read by the next step, as an output that is fed back, is no state where states are alone.
            states |= {key for key in (arrow.tail, arrow.head) if stem(tail) == stem(head)}
    carried = {stem(boxes[key]) for key in states if not boxes[key].is_running_sum}
    looped = {arrow.tail for arrow in view.arrows if arrow.tail == arrow.head}
    return {
        box.key: _kind(box, (box.key in looped or stem(box) in carried) and not box.is_running_sum) for box in boxes
    }


def _kind(box: Box, is_state: bool) -> str:
    if box.role in ("data", "leaf", "parameter", "alias"):
        return "input"
    if box.role == "gap" or box.role == "cell":
        return box.role
    if is_state:
        return "state"
    if box.role == "loss" or (box.role == "root" and np.ndim(box.value) == 0):
        return "loss"
    return "output" if box.labelled else "op"


class Node:
    """A box of a figure.

    Args:
        box: what it shows.
        kind: see `kinds`.
        numbers: whether its value and gradient stand in it.
        names: whether its name does. ops: whether what made it stands beside its name.

    Attributes:
        size: its width and height.
    """

    def __init__(self, box: Box, kind: str, numbers: bool, names: bool = True, ops: bool = False) -> None:
        self.ops = ops
        self.box, self.kind, self.numbers = box, kind, numbers
        self.lines = list(self._lines()) if names else []
        self.size = self._size(names)

    @property
    def radius(self) -> float:
        """Of its corners."""
        if not self.lines:
            return 3.0
        return 5.0 if self.kind == "input" else self.size[1] / 2 if self.size[1] <= ROUND else 9.0

    def port(self, name: str) -> float:
        """How much under its middle the output of that name is, step apart; 0 for a box with one output."""
        wanted = name.rpartition("_")[0]
        for i, output in enumerate(self.box.outputs):
            if output.name.rpartition("_")[0] == wanted:
                return self.height_of(i)
        return 0.0

    def height_of(self, output: int | None) -> float:
        """How much under its middle an output is."""
        if output is None or not self.box.outputs:
            return 0.0
        count = len(self.box.outputs)
        return (output + 0.5 - count / 2) * self.size[1] / count

    def marks(self, x: float, y: float, faded: bool, lit: bool) -> Iterator[Mark]:
        """The box around a point."""
        width, height = self.size
        title = " ".join((self.box.title or ", ".join(output.name for output in self.box.outputs)).split())
        if self.kind != "gap" or not self.lines:
            radius = self.radius
            stroke = "lit" if lit else self.kind
            weight = 2.6 if lit else 1.4
            yield Shape(x, y, width, height, radius, f"{self.kind} fill", stroke, weight, faded=faded, title=title)
        if self.box.outputs:
            yield from self._outputs(x, y, faded)
            return
        total = NAME + LINE * (len(self.lines) - 1)
        base = y - total / 2 + 0.82 * NAME - 0.5
        for i, line in enumerate(self.lines):
            yield Text(x - line.width / 2, base + LINE * i * 1.06, line.runs, line.ink, line.width, faded)

    def _outputs(self, x: float, y: float, faded: bool) -> Iterator[Mark]:
        per_output = len(self.lines) // max(len(self.box.outputs), 1)
        for i in range(len(self.box.outputs)):
            lines = self.lines[i * per_output : (i + 1) * per_output]
            base = y + self.height_of(i) - (NAME + LINE * (len(lines) - 1)) / 2 + 0.82 * NAME - 0.5
            for k, line in enumerate(lines):
                yield Text(x - line.width / 2, base + LINE * k * 1.06, line.runs, line.ink, line.width, faded)

    def _lines(self) -> Iterator[Printed]:
        box = self.box
        if self.kind == "gap":
            yield Printed(tuple(plain("⋯", 20.0)), "ink")
            steps = box.title.removeprefix("⋯").replace("t =", "").replace(" ", "")
            if steps:
                yield Printed(tuple(plain(steps.replace("…", "–"), SMALL)), "faint")
        elif box.outputs:
            for output in box.outputs:
                yield _name(output.name)
                if self.numbers:
                    yield from _numbers(output)
        else:
            yield self._title()
            if self.ops and box.labelled and not self.numbers and (symbol := self._symbol()):
                yield Printed(tuple(plain(symbol, SMALL)), "faint")
            if self.numbers and not _is_number(box):
                yield from _numbers(box)

    def _title(self) -> Printed:
        box = self.box
        symbol = _SYMBOLS.get(box.title, box.title)
        if box.role in ("data", "leaf", "parameter", "alias"):
            return _name(box.title)
        if box.labelled:
            return self._named_op() if self.ops and self.numbers else _name(box.title)
        return Printed(tuple(plain(symbol, NAME if len(symbol) < 3 else 12.0)), "ink")

    def _named_op(self) -> Printed:
        """A name, and what made it."""
        name, symbol = _name(self.box.title), self._symbol()
        return Printed((*name.runs, Run(symbol, name.width + 6, 0.0, 12.0, SANS)), "ink")

    def _symbol(self) -> str:
        """The sign of the operation."""
        op = self.box.corner.rpartition(" ")[0]
        return _SYMBOLS.get(op, op)

    def _size(self, names: bool) -> tuple[float, float]:
        if not names:
            return (18.0, 30.0)
        width = max((line.width for line in self.lines), default=0.0)
        if self.kind == "gap":
            return max(width, 24.0), ROUND
        if self.box.outputs:
            count = len(self.box.outputs)
            each = ROW + LINE * (len(self.lines) / count - 1)
            return max(width + 20, 48.0), each * count + 4
        if len(self.lines) > 1:
            return max(width + 18 - 4 * self.ops, ROUND), (14 - 4 * self.ops) + NAME + LINE * (len(self.lines) - 1)
        return (ROUND if width <= ROUND - 10 else width + (20 if self.box.labelled else 14)), ROUND


def _is_number(box: Box) -> bool:
    """Whether a box is a plain number, whose name is its value."""
    return box.role == "data" and not box.labelled and np.ndim(box.value) == 0


def _name(label: str) -> Printed:
    name = parsed(label)
    return Printed(tuple(runs(name, NAME if name.is_symbol else 12.0, SMALL)), "ink")


def _numbers(of: Box | Output) -> Iterator[Printed]:
    yield Printed(tuple(plain(short(of.value), NUMBER)), "value")
    if of.differentiable:
        yield Printed(tuple(plain(f"∇ {short(of.grad)}", NUMBER)), "grad")


def short(data: Any) -> str:
    """A number or a norm in three digits, or a few entries in two.

    >>> short(2.0), short([-0.1234, 1.0]), short([3.0, 0.0, 0.0, 4.0]), short(None)
    ('2', '[−0.12, 1]', '‖5‖', '–')
    """
    if data is None:
        return UNKNOWN
    array = np.asarray(data)
    if array.ndim == 0:
        return _digits(array.item())
    if array.size <= MOST_ENTRIES:
        return f"[{', '.join(_digits(x, 2) for x in array.ravel().tolist())}]"
    return f"‖{_digits(float(np.linalg.norm(array.astype(float))))}‖"


def _digits(x: float, count: int = 3) -> str:
    return f"{x or 0:.{count}g}".replace("-", "−").replace("e+0", "e").replace("e−0", "e−")


def on_arrow(arrow: Arrow, numbers: bool) -> list[Printed]:
    """What stands on an arrow: the weights that it goes through, and what it contributes."""
    found = []
    if arrow.weight:
        pieces: list[Run] = []
        for i, weight in enumerate(arrow.weight.split(", ")):
            x = extent(pieces)
            if i:
                pieces.append(Run(", ", x, 0.0, 12.0, SANS))
                x = extent(pieces)
            if i == 2:
                pieces.append(Run("…", x, 0.0, 12.0, SANS))
                break
            pieces += [
                Run(run.text, run.x + x, run.drop, run.size, run.font) for run in runs(parsed(weight), WEIGHT, SMALL)
            ]
        found.append(Printed(tuple(pieces), "faint"))
    if numbers and arrow.contribution is not None and not arrow.weight:
        found.append(Printed(tuple(plain(short(arrow.contribution), NUMBER)), "grad"))
    return found
