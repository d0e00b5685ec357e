"""Every way through a view from one box to another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .view import View


@dataclass(frozen=True)
class Ways:
    """The boxes and arrows of all ways from one box to another; ``back``: they are walked against the arrows."""

    boxes: frozenset[int]
    arrows: frozenset[int]
    back: bool


def between(view: View, start: int, end: int) -> Ways | None:
    """All ways from ``start`` to ``end``, along the arrows or against them; None where none leads there."""
    heads, tails = defaultdict(list), defaultdict(list)
    for i, arrow in enumerate(view.arrows):
        heads[arrow.tail].append((i, arrow.head))
        tails[arrow.head].append((i, arrow.tail))
    for first, last, back in ((start, end, False), (end, start, True)):
        boxes = _reached(heads, first) & _reached(tails, last)
        if boxes:
            arrows = {i for i, a in enumerate(view.arrows) if a.tail in boxes and a.head in boxes}
            return Ways(frozenset(boxes), frozenset(arrows), back)
    return None


def _reached(steps: Mapping[int, Sequence[tuple[int, int]]], start: int) -> set[int]:
    found = {start}
    queue = [start]
    for key in queue:
        for _, other in steps.get(key, ()):
            if other not in found:
                found.add(other)
                queue.append(other)
    return found
