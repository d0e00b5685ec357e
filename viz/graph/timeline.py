"""What a picture knows at each moment of a pass: every number that comes in, as the states it goes through.

Moments are whole numbers: the last forward step is 0, the one before -1, and the visits of the backward pass are 1, 2,
and so on.

- `Known`: what is known from some moment on. `at`: the state that holds at a moment.
- `of_value`, `of_arrow`, `of_use`, `of_total`: the states of a box's grad, an arrow's contribution, and, of a shared
  weight, one use and the total.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .view import Arrow, Box, Output, Sum


@dataclass(frozen=True)
class Known:
    """From moment ``since`` on ``data`` is known; None before anything is. ``complete``: no more will be added to it.

    The first of several states holds from the start.
    """

    since: int
    data: Any
    complete: bool = True


def at(states: Sequence[Known], moment: int | None) -> Known:
    """The state that holds at a moment; without one the last.

    >>> at([Known(0, None), Known(3, 1.5)], 2), at([Known(0, None), Known(3, 1.5)], None).data
    (Known(since=0, data=None, complete=True), 1.5)
    """
    if moment is None:
        return states[-1]
    return next((state for state in reversed(states) if state.since <= moment), states[0])


def of_value(box: Box | Output) -> list[Known]:
    """The states of a box's value: an operation's comes with its forward step."""
    return _coming(box.moment, box.value)


def of_box(box: Box | Output) -> list[Known]:
    """The states of a box's grad: it grows by one contribution after the other."""
    return _growing(box.history) if box.history else [Known(0, box.grad)]


def of_arrow(arrow: Arrow) -> list[Known]:
    """The states of an arrow's contribution: it comes with the visit of the node that the arrow points to."""
    return _coming(arrow.visit, arrow.contribution)


def of_use(shared: Sum, i: int) -> list[Known]:
    """The states of what the i-th use of a shared weight contributes."""
    return _coming(shared.visits[i], shared.parts[i][1])


def of_total(shared: Sum) -> list[Known]:
    """The states of a shared weight's grad: the sum of the uses that are in so far."""
    return _growing(shared.history)


def _coming(moment: int | None, data: Any) -> list[Known]:
    return [Known(0, data)] if moment is None else [Known(0, None), Known(moment, data)]


def _growing(history: Iterable[tuple[int, Any]]) -> list[Known]:
    latest = dict(history)  # of two contributions in one visit, as in x * x, the second one's sum
    last = max(latest, default=0)
    return [Known(0, None), *(Known(since, data, complete=since == last) for since, data in sorted(latest.items()))]
