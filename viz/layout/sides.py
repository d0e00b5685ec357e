"""Where arrows leave boxes and enter them: by a side, straight or around what stands there, or above and below."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .positions import Point, Sizes

APART, CLEAR = 12.0, 11.0
"""Arrows at one side of a box stand so far apart, and keep so far from what they run around."""


@dataclass(frozen=True)
class Port:
    """An end of an arrow: the corners from its box outward. Beside a box it goes on at the height of the last one."""

    points: tuple[Point, ...]

    @property
    def start(self) -> Point:
        """The point on the box."""
        return self.points[0]


class Sides:
    """The ports of boxes.

    Args:
        sizes: of the boxes.
        boxes: where each box stands in its group.
        groups: the boxes of each group.
        width: how wide the group of a box is.
    """

    def __init__(
        self,
        sizes: Sizes,
        boxes: Mapping[int, Point],
        groups: Sequence[Sequence[int]],
        width: Callable[[int], float],
    ) -> None:
        self.sizes, self.boxes, self.width = sizes, boxes, width
        self.neighbours = {key: keys for keys in groups for key in keys}
        self.users: defaultdict[tuple[int, int], list[int | None]] = defaultdict(list)
        self.ports: dict[tuple[int, int, int | None], Port] = {}

    def add(self, key: int, side: int, arrow: int | None) -> None:
        """An arrow enters by a side; None: all that leave by it, which do so at one point."""
        users = self.users[key, side]
        if arrow is not None or None not in users:
            users.append(arrow)

    def is_free_above(self, key: int) -> bool:
        """Whether nothing of the group stands above a box's middle."""
        x, y = self.boxes[key]
        return not any(self._spans(other, 0, x) and self.boxes[other][1] < y for other in self._others(key))

    def is_free_below(self, key: int) -> bool:
        """Whether nothing of the group stands under a box."""
        (x, y), (width, _) = self.boxes[key], self.sizes[key]
        return not any(
            abs(self.boxes[other][0] - x) < (self.sizes[other][0] + width) / 2 and self.boxes[other][1] > y
            for other in self._others(key)
        )

    def level(self, key: int, side: int, arrow: int | None) -> float:
        """At which height an arrow gets out of the group."""
        return self.port(key, side, arrow).points[-1][1]

    def port(self, key: int, side: int, arrow: int | None) -> Port:
        """Where an arrow, or what leaves a box by a side, begins or ends."""
        name = (key, side, arrow)
        if name not in self.ports:
            self.ports[name] = self._upright(key, arrow) if side == 0 else self._beside(key, side, arrow)
        return self.ports[name]

    def _upright(self, key: int, arrow: int | None) -> Port:
        """In the middle above what leaves, or along the foot of what is entered."""
        (x, y), (width, height) = self.boxes[key], self.sizes[key]
        if arrow is None:
            return Port(((x, y - height / 2),))
        users = [user for user in self.users[key, 0] if user is not None]
        share = (users.index(arrow) + 0.5) / len(users) - 0.5
        return Port(((x + 0.8 * width * share, y + height / 2),))

    def _beside(self, key: int, side: int, arrow: int | None) -> Port:
        (x, y), (width, height) = self.boxes[key], self.sizes[key]
        users = self.users[key, side]
        count, k = len(users), users.index(arrow)
        blockers = self._blockers(key, side)
        if not blockers:
            apart = min(APART, (height - 10) / count)
            return Port(((x + side * width / 2, y + (k - (count - 1) / 2) * apart),))
        turn = -1 if arrow is None else 1  # what leaves goes over them, what enters comes from below
        reach = max(turn * self.boxes[other][1] + self.sizes[other][1] / 2 for other in (*blockers, key))
        start = x + side * (width / 4 + 5 * k)
        level = turn * (reach + CLEAR + 3 * k)
        return Port(((start, y + turn * height / 2), (start, level)))

    def _blockers(self, key: int, side: int) -> list[int]:
        """What stands between a box and the edge of its group, at the height of the box."""
        (x, y), (_, height) = self.boxes[key], self.sizes[key]
        return [
            other
            for other in self._others(key)
            if (self.boxes[other][0] - x) * side > 0
            and abs(self.boxes[other][1] - y) < (self.sizes[other][1] + height) / 2
        ]

    def _others(self, key: int) -> list[int]:
        return [other for other in self.neighbours[key] if other != key]

    def _spans(self, key: int, axis: int, at: float) -> bool:
        return abs(self.boxes[key][axis] - at) < self.sizes[key][axis] / 2 + 4
