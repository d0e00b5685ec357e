"""Time steps as people give them and as they read them.

- `chosen`: the steps that somebody asks for, checked. `in_short`: steps for a sentence, however many they are.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

_MOST = 6
"""Of more spans in short the first ones and the last one are named."""


def chosen(verb: str, steps: Any) -> tuple[int, ...] | None:
    """The steps that were asked for; None for all.

    Args:
        verb: who takes them, for the error.
        steps: integers, in anything that can be walked through.

    Raises:
        TypeError: they are something else, such as text.

    >>> chosen("draw", range(1, 4)), chosen("draw", None)
    ((1, 2, 3), None)
    """
    if steps is None:
        return None
    try:
        return tuple(operator.index(step) for step in steps)
    except TypeError:
        raise TypeError(
            f"{verb}: steps are the numbers of time steps, such as steps=[1, 2] or range(1, 5), or None for all; "
            f"got {steps!r}"
        ) from None


def in_short(steps: Sequence[int]) -> str:
    """Steps in their order, those that follow upon one another as a span.

    >>> in_short([1, 2, 3, 7, 9]), in_short(range(300, 0, -1))
    ('1 to 3, 7, 9', '300 to 1')
    >>> in_short(range(0, 100, 2))
    '0, 2, 4, 6, 8, ..., 98'
    """
    spans = [str(first) if first == last else f"{first} to {last}" for first, last in _spans(steps)]
    return ", ".join(spans if len(spans) <= _MOST else [*spans[: _MOST - 1], "...", spans[-1]])


def _spans(steps: Iterable[int]) -> list[list[int]]:
    """The first and the last step of each span, which runs up or down."""
    spans: list[list[int]] = []
    direction = 0
    for step in steps:
        change = step - spans[-1][1] if spans else 0
        if abs(change) == 1 and direction in (0, change):
            spans[-1][1], direction = step, change
        else:
            spans.append([step, step])
            direction = 0
    return spans
