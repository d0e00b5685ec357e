"""Difference quotients at one entry of an input, and what they say where they are not what backward says.

- `Nudged`: a function's value beside a point. `judge`: backward, or the function, or neither is to blame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from microgradrnn.engine import Node

Array = NDArray[Any]
Index = tuple[int, ...]

_CLOSER = 5
"""At least so many distances from the point are tried where the function is finite, each a tenth of the one before."""
_CLOSE = 1e-4
"""And at least down to so much of x, since domains mostly end at 0."""


class Sides(NamedTuple):
    """The function below a point, at it and above it."""

    h_below: float
    h_above: float
    below: float
    at: float
    above: float

    @property
    def central(self) -> float:
        """(f(x + h) - f(x - h)) / 2h."""
        return (self.above - self.below) / (self.h_below + self.h_above)

    @property
    def left(self) -> float:
        """(f(x) - f(x - h)) / h."""
        return (self.at - self.below) / self.h_below

    @property
    def right(self) -> float:
        """(f(x + h) - f(x)) / h."""
        return (self.above - self.at) / self.h_above

    @property
    def finite(self) -> bool:
        """Whether all three values are."""
        return bool(np.isfinite([self.below, self.at, self.above]).all())


class Nudged:
    """The values of a function where one entry of a leaf is moved by h to either side; the data is put back.

    Args:
        function: takes no arguments and reads the leaf.
        leaf: what is moved.
        eps: h is ``eps * max(1, |x|)``.
    """

    def __init__(self, function: Callable[[], float], leaf: Node, eps: float) -> None:
        self._function, self._leaf, self._eps = function, leaf, eps
        self._kept = np.array(leaf.data)
        self._at = function()

    def quotients(self) -> Array:
        """The central difference quotient for each entry."""
        quotients = np.empty(self._kept.shape)
        for index in np.ndindex(self._kept.shape):
            quotients[index] = self._sides(index, self._h(index)).central
        return quotients

    def closer(self, index: Index) -> Iterator[Sides]:
        """The sides of an entry from ever closer to it, down to the precision of its type."""
        x, h = self.size(index), self._h(index)
        smallest = max(1e3 * x * self.precision if x else 1e-6 * h, float(np.finfo(self._kept.dtype).tiny))
        while h >= smallest:
            yield self._sides(index, h)
            h /= 10

    @property
    def precision(self) -> float:
        """The relative precision of the leaf's type."""
        return float(np.finfo(self._kept.dtype).eps)

    def size(self, index: Index) -> float:
        """|x|."""
        return abs(float(self._kept[index]))

    def _h(self, index: Index) -> float:
        return self._eps * max(1.0, self.size(index))

    def _sides(self, index: Index, h: float) -> Sides:
        x = float(self._kept[index])
        (above, f_above), (below, f_below) = self._moved(index, h), self._moved(index, -h)
        return Sides(x - below, above - x, f_below, self._at, f_above)

    def _moved(self, index: Index, by: float) -> tuple[float, float]:
        """The entry moved, as it can be held, and the function there."""
        nudged = self._kept.copy()
        nudged[index] += by
        try:
            self._leaf.data = nudged
            return float(nudged[index]), self._function()
        finally:
            self._leaf.data = self._kept


class Verdict(NamedTuple):
    """Why backward and the quotient disagree: whether backward is to blame, and the reason in words."""

    blames_backward: bool
    words: str


def judge(nudged: Nudged, index: Index, grad: float, rtol: float, atol: float) -> Verdict | None:
    """Why ``grad`` is not the central difference quotient; None where from closer to the point it is.

    From closer, the quotient of a smooth function comes to its slope, even if there is a kink or the end of the domain
    not far away. At a kink the quotients to the left and to the right stay apart.
    """
    seen: list[Sides] = []
    last = None
    for sides in nudged.closer(index):
        last = sides
        if sides.finite:
            seen.append(sides)
            allowed = atol + rtol * abs(sides.central)
            if _rounding(sides, nudged.precision) <= allowed and abs(grad - sides.central) <= allowed:
                return None
            if len(seen) >= _CLOSER and sides.h_above <= _CLOSE * nudged.size(index):
                break
    if not seen:
        assert last is not None
        return Verdict(
            False,
            f"the function is not finite here or beside it: it is {last.below:.6g} at x - h, {last.at:.6g} at x and "
            f"{last.above:.6g} at x + h, h = {last.h_above:.1g}; check it further inside its domain",
        )
    kink = _kink(seen, nudged.precision)
    tolerance = f"allowed: {atol:g} + {rtol:g} relative"
    if kink is None:
        return Verdict(
            True, f"backward says {grad:.9g}, central differences say {_best(seen, nudged.precision):.9g} ({tolerance})"
        )
    low, high = sorted((kink.left, kink.right))
    two = f"the difference quotient is {kink.left:.6g} to the left and {kink.right:.6g} to the right"
    margin = atol + rtol * max(abs(low), abs(high))
    if low - margin <= grad <= high + margin:
        return Verdict(
            False,
            f"the function has a kink here: {two}, and backward says {grad:.6g}, "
            f"{_where(grad, kink, margin)}; check it at another point",
        )
    return Verdict(True, f"backward says {grad:.9g}, and at this kink of the function {two} ({tolerance})")


def _where(grad: float, kink: Sides, margin: float) -> str:
    for side, quotient in (("left", kink.left), ("right", kink.right)):
        if abs(grad - quotient) <= margin:
            return f"as to the {side}"
    return "which lies between"


def _rounding(sides: Sides, precision: float) -> float:
    """How far a quotient may be off because the function's values are rounded."""
    size = max(abs(sides.below), abs(sides.at), abs(sides.above))
    return 4 * precision * size / min(sides.h_below, sides.h_above)


def _gap(sides: Sides) -> float:
    return abs(sides.right - sides.left)


def _kink(seen: list[Sides], precision: float) -> Sides | None:
    """The closest sides if their quotients stay apart; of a smooth function they come together in proportion to h."""
    clear = [sides for sides in seen if 10 * _rounding(sides, precision) <= _gap(seen[0])]
    if len(clear) < 2 or _gap(clear[-1]) < max(0.5 * _gap(clear[-2]), 10 * _rounding(clear[-1], precision)):
        return None
    return clear[-1]


def _best(seen: list[Sides], precision: float) -> float:
    """The quotient with the least error: from afar it is the function's curvature, from close by rounding."""
    apart = [_gap(sides) + _rounding(sides, precision) for sides in seen]
    return seen[int(np.argmin(apart))].central
