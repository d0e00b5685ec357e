"""What the colours and signs of a picture mean, as far as they are there, and what was left out of it.

- `phrases`: in words. `Bars`: the colour bars, which say the scales of heat strips.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..graph.timeline import Known
from ..graph.view import View
from ..numbers import number
from ..sources import mark_as
from ..words.blocks import NORMS
from . import heat
from .look import PLAIN, Look
from .pen import FIGURE, SMALL, Kind, Pen

_CELL = 9.0
_STEPS = np.linspace(-1, 1, 9)


def phrases(view: View, grads: Iterable[Known], animated: bool, look: Look = PLAIN) -> list[str]:
    """The legend in words.

    Args:
        view: what is painted.
        grads: every state of a gradient that is painted.
        animated: whether numbers are still coming in.
        look: what arrows show.
    """
    grads, shown = list(grads), [data for box in view.boxes for data in box.numbers]
    found = ["blue: value", *_on_arrows(view, look)]
    if animated:
        found.append("–: not known yet")
    elif any(state.data is None for state in grads):
        found.append("–: not known yet, no backward pass has been here")
    if not all(state.complete for state in grads):
        found.append("…: more contributions are to come")
    if has_strips(view):
        found.append(NORMS)
    if any(map(heat.share, shown)):
        found.append("a strip of many entries shows, of those that share a cell, the one furthest from 0")
    if any(_holds_nan(data) for data in shown):
        found.append("×: nan")
    return [*found, *(f"⋯ {note}" for note in view.notes)]


def _on_arrows(view: View, look: Look) -> list[str]:
    """What the numbers on arrows are."""
    found = ["orange: gradient ∇" + (", and on an arrow what it contributes" if look.edges != "all" else "")]
    if look.edges == "all":
        found += [
            "at the head of an arrow: upstream",
            "on it: × local (violet)",
            "at its tail: = downstream (bold), which its ∇ adds up",
        ]
        if any(box.outputs for box in view.boxes):
            found.append("on one into a box of several nodes: what it contributes alone")
    if look.labels == "above_below":
        found.append("above or left of an arrow its value, under or right of it its gradient")
    if look.direction == "both":
        found.append("light arrows: the backward pass")
    if look.visits:
        found.append("number on a dark disc: the node's turn in the backward pass")
    return found


def has_strips(view: View) -> bool:
    """Whether there are arrays, which are painted as heat strips."""
    in_boxes = any(np.ndim(data) > 0 for box in view.boxes for data in box.numbers)
    return in_boxes or any(np.ndim(s.value) > 0 for s in view.sums)


class Bars:
    """The colour bars: values, each strip on a scale of its own, and gradients, all on one.

    ``changes``: on a live page the end of the scale does.

    Attributes:
        width, height: the room that they take.
    """

    height = 12.0

    def __init__(self, grad_scale: float, changes: bool = False) -> None:
        end = mark_as("g", number(grad_scale)) if changes else number(grad_scale)
        self._parts: list[tuple[heat.Colours, str, tuple[str, str, str]]] = [
            (heat.VALUE, "blue", ("value  −max", "+max of each strip", "cells with a minus are below 0")),
        ]
        if grad_scale:
            self._parts.append((heat.GRAD, "orange", (f"∇  −{end}", f"+{end} in all strips", "")))
        self.width = self._paint(Pen(), 0.0, 0.0)

    def paint(self, pen: Pen, x: float, y: float) -> None:
        """Paint them side by side at a place."""
        self._paint(pen, x, y)

    def _paint(self, pen: Pen, x: float, y: float) -> float:
        """Paints them, and gives where they end."""
        for colours, ink, (low, high, note) in self._parts:
            x = _text(pen, x, y, low, ink, FIGURE) + 4
            pen.grid(x, y + 0.5, _STEPS[None], _CELL, 1.0, colours)
            x = _text(pen, x + _CELL * _STEPS.size + 4, y, high, ink, FIGURE) + 14
            x = _text(pen, x, y, note, "faint", SMALL) + 14 if note else x
        return x - 14


def _text(pen: Pen, x: float, y: float, text: str, ink: str, kind: Kind) -> float:
    """Writes a text and gives where it ends."""
    pen.text(x, y + 8, text, ink, kind)
    return x + kind.width(text)


def _holds_nan(data: Any) -> bool:
    return np.ndim(data) > 0 and bool(np.isnan(np.asarray(data, dtype=float)).any())
