"""Points, paths and rectangles on the picture. A path is a start, then the points of cubic Bézier curves.

- `Way`: a point at a distance from a path's start. `arrowhead`: the triangle at its end.
- `backward`: a line beside a path, from its end to its start.
- `Occupied`: the rectangles where something stands already.
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from ..layout.arrange import Point

Rectangle = tuple[float, float, float, float]
"""Left, top, right, bottom; y points down."""


def around(centre: Point, size: tuple[float, float]) -> Rectangle:
    """The rectangle of a size around a point.

    >>> around((10.0, 10.0), (4.0, 2.0))
    (8.0, 9.0, 12.0, 11.0)
    """
    (x, y), (width, height) = centre, size
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def overlap(a: Rectangle, b: Rectangle) -> bool:
    """Whether two rectangles have more than an edge in common.

    >>> overlap((0, 0, 2, 2), (1, 1, 3, 3)), overlap((0, 0, 2, 2), (2, 0, 3, 2))
    (True, False)
    """
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


class Occupied:
    """Rectangles where something stands, in the order in which they were added.

    A new one is compared with its neighbours only: each is filed under the squares of a coarse grid that it touches.
    """

    _SQUARE = 64.0

    def __init__(self) -> None:
        self.rectangles: list[Rectangle] = []
        self._filed: defaultdict[tuple[int, int], list[Rectangle]] = defaultdict(list)

    def add(self, rectangle: Rectangle) -> None:
        """Something stands there now."""
        self.rectangles.append(rectangle)
        for square in self._squares(rectangle):
            self._filed[square].append(rectangle)

    def is_free(self, rectangle: Rectangle) -> bool:
        """Whether nothing stands there yet."""
        return not any(overlap(rectangle, other) for other in self._near(rectangle))

    def count(self, rectangle: Rectangle) -> int:
        """How many of the rectangles it lies on."""
        return sum(overlap(rectangle, other) for other in set(self._near(rectangle)))

    def _near(self, rectangle: Rectangle) -> Iterator[Rectangle]:
        return (other for square in self._squares(rectangle) for other in self._filed.get(square, ()))

    def _squares(self, rectangle: Rectangle) -> list[tuple[int, int]]:
        left, top, right, bottom = (math.floor(x / self._SQUARE) for x in rectangle)
        return [(i, j) for i in range(left, right + 1) for j in range(top, bottom + 1)]


class Way:
    """A path to walk along, as a line through thirteen points of each of its curves.

    >>> Way([(0.0, 0.0), (10.0, 0.0), (20.0, 0.0), (30.0, 0.0)]).at(15.0)
    (15.0, 0.0)
    """

    def __init__(self, path: list[Point]) -> None:
        self.points = [
            (_bezier(xs, weights), _bezier(ys, weights))
            for xs, ys in (zip(*path[i : i + 4], strict=True) for i in range(0, len(path) - 3, 3))
            for weights in _WEIGHTS
        ]
        self.lengths = [math.dist(a, b) for a, b in pairwise(self.points)]
        self.length = sum(self.lengths)

    def at(self, distance: float, furthest: float = 0.7) -> Point:
        """The point at a distance from the start, or at a share of the way if that is nearer."""
        distance = min(distance, furthest * self.length)
        for length, a, b in zip(self.lengths, self.points[:-1], self.points[1:], strict=True):
            if distance <= length and length > 0:
                share = distance / length
                return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share
            distance -= length
        return self.points[-1]


_WEIGHTS = [((1 - s) ** 3, 3 * s * (1 - s) ** 2, 3 * s * s * (1 - s), s**3) for s in (k / 12 for k in range(13))]


def _bezier(p: tuple[float, ...], w: tuple[float, float, float, float]) -> float:
    return w[0] * p[0] + w[1] * p[1] + w[2] * p[2] + w[3] * p[3]


def arrowhead(path: list[Point], weight: float = 1.0) -> tuple[Point, Point, Point]:
    """The triangle at the end of a path, for a line of a weight."""
    (x, y), (px, py) = path[-1], next(p for p in reversed(path[:-1]) if p != path[-1])
    length = math.dist((x, y), (px, py))
    ux, uy = (x - px) / length, (y - py) / length
    long, wide = 5.5 + 1.5 * weight, 2 + weight
    return (
        (x, y),
        (x - long * ux - wide * uy, y - long * uy + wide * ux),
        (x - long * ux + wide * uy, y - long * uy - wide * ux),
    )


def behind_tip(path: list[Point], middle: Point, half: float) -> Point:
    """Where a number on a path moves to, as far as there is room, so that a tip at the path's start is seen.

    >>> behind_tip([(0.0, 0.0), (0.0, -10.0), (0.0, -20.0), (0.0, -30.0)], (0.0, -9.0), 20.0)
    (0.0, -15.5)
    """
    way = Way(path)
    (x, y), (tx, ty) = path[0], way.at(1.0)
    length = max(math.dist((x, y), (tx, ty)), 1e-9)
    ux, uy = (tx - x) / length, (ty - y) / length
    at, reach = (middle[0] - x) * ux + (middle[1] - y) * uy, half * abs(ux) + 5.5 * abs(uy)
    by = max(min(10.0 - (at - reach), way.length - 2 - (at + reach)), 0.0)
    return middle[0] + by * ux, middle[1] + by * uy


def backward(path: list[Point], aside: float) -> list[Point]:
    """A line beside a path, from its end to its start: at the path's right hand, or, if ``aside`` is below 0, its left.

    >>> line = backward([(0.0, 0.0), (10.0, 0.0), (20.0, 0.0), (30.0, 0.0)], 6.0)
    >>> line[0], line[-1]
    ((27.0, 6.0), (0.0, 6.0))
    """
    points = [a for a, b in pairwise(Way(path).points) if math.dist(a, b) > 1e-6] + [path[-1]]
    found = []
    for k, (x, y) in enumerate(points):
        (ax, ay), (bx, by) = points[max(k - 1, 0)], points[min(k + 1, len(points) - 1)]
        length = max(math.dist((ax, ay), (bx, by)), 1e-9)
        found.append((x - aside * (by - ay) / length, y + aside * (bx - ax) / length))
    (x, y), (ax, ay) = found[-1], found[-2]
    length = max(math.dist((x, y), (ax, ay)), 1e-9)
    found[-1] = (x - 3 * (x - ax) / length, y - 3 * (y - ay) / length)  # off the box that it comes from
    return found[::-1]
