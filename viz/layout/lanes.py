"""Lanes: what runs along a gutter or a channel side by side, so that no two arrows from different boxes coincide.

- `Lanes`: collects stretches and deals them out to lanes. `rounded`: a line of corners as a path with rounded ones.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable

from .positions import Point

RADIUS = 10.0


class Lanes:
    """The stretches of each track, one for each box that arrows come from; those that do not overlap share."""

    def __init__(self) -> None:
        self._stretches: defaultdict[Hashable, dict[int, tuple[float, float]]] = defaultdict(dict)
        self._dealt: dict[Hashable, dict[int, int]] = {}

    def add(self, track: Hashable, box: int, a: float, b: float) -> None:
        """An arrow that comes from ``box`` runs from a to b, or back."""
        low, high = self._stretches[track].get(box, (math.inf, -math.inf))
        self._stretches[track][box] = min(low, a, b), max(high, a, b)

    def count(self, track: Hashable) -> int:
        """How many lanes a track has."""
        return max(self._of(track).values(), default=-1) + 1

    def share(self, track: Hashable, box: int) -> float:
        """Where in the width of a track the lane of a box is: between 0 and 1."""
        return (self._of(track)[box] + 1) / (self.count(track) + 1)

    def _of(self, track: Hashable) -> dict[int, int]:
        if track not in self._dealt:
            ends: list[float] = []
            dealt = self._dealt[track] = {}
            for box, (low, high) in sorted(self._stretches.get(track, {}).items(), key=lambda item: item[1]):
                lane = next((k for k, end in enumerate(ends) if end + 2 * RADIUS < low), len(ends))
                ends[lane:] = [high, *ends[lane + 1 :]]
                dealt[box] = lane
        return self._dealt[track]


def rounded(corners: list[Point]) -> list[Point]:
    """A line through corners as a path of cubic Bézier curves, which cut the corners.

    >>> rounded([(0.0, 0.0), (30.0, 0.0)])
    [(0.0, 0.0), (10.0, 0.0), (20.0, 0.0), (30.0, 0.0)]
    """
    points = _without_straight(corners)
    path = [points[0]]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(RADIUS, math.dist(before, corner) / 2, math.dist(corner, after) / 2)
        start, end = _towards(corner, before, radius), _towards(corner, after, radius)
        path += straight(path[-1], start)[1:]
        path += [_towards(corner, before, radius / 2), _towards(corner, after, radius / 2), end]
    return path + straight(path[-1], points[-1])[1:]


def straight(a: Point, b: Point) -> list[Point]:
    """A straight line as a path."""
    third = ((b[0] - a[0]) / 3, (b[1] - a[1]) / 3)
    return [a, (a[0] + third[0], a[1] + third[1]), (b[0] - third[0], b[1] - third[1]), b]


def _towards(a: Point, b: Point, distance: float) -> Point:
    share = distance / max(math.dist(a, b), 1e-9)
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


def _without_straight(corners: list[Point]) -> list[Point]:
    """The corners at which a line turns, and its ends."""
    found = [corners[0]]
    for point in corners[1:]:
        if math.dist(point, found[-1]) < 0.1:
            continue
        if len(found) > 1 and _in_line(found[-2], found[-1], point):
            found.pop()
        found.append(point)
    return found if len(found) > 1 else [corners[0], (corners[0][0], corners[0][1] - 0.2)]


def _in_line(a: Point, b: Point, c: Point) -> bool:
    return any(abs(a[axis] - b[axis]) < 0.1 and abs(b[axis] - c[axis]) < 0.1 for axis in (0, 1))
