"""Lines as SVG path data.

- `curve`: a path of cubic Bézier curves, as layouts give it. `area`: a closed line through points.
- `compact_curve`, `compact_area`: the same lines in fewer characters: relative, and what is straight as straight.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..layout.arrange import Point
from .pen import short

_STRAIGHT = 0.06
"""How far the control points of a curve may be from a straight line for which it is taken."""


def curve(path: Sequence[Point]) -> str:
    """A start, then the points of cubic curves.

    >>> curve([(0.0, 0.0), (10.0, 0.0), (20.0, 0.0), (30.0, 4.0)])
    'M0,0C10,0 20,0 30,4'
    """
    start, *rest = (f"{short(x)},{short(y)}" for x, y in path)
    return f"M{start}C{' '.join(rest)}"


def area(points: Sequence[Point]) -> str:
    """A closed line.

    >>> area([(0.0, 0.0), (10.0, 0.0), (0.0, 5.5)])
    'M0,0L10,0L0,5.5z'
    """
    return "M" + "L".join(f"{short(x)},{short(y)}" for x, y in points) + "z"


def compact_curve(path: Sequence[Point]) -> str:
    """As `curve`.

    >>> compact_curve([(0.0, 0.0), (10.0, 0.0), (20.0, 0.0), (30.0, 0.0), (35.0, 0.0), (40.0, 5.0), (40.0, 10.0)])
    'M0,0h30c5,0,10,5,10,10'
    """
    here, *rest = _rounded(path)
    written = [_pair("M", here)]
    for a, b, end in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        if _is_between(a, here, end) and _is_between(b, here, end):
            written.append(_line(here, end))
        else:
            written.append("c" + ",".join(_pair("", _from(here, point)) for point in (a, b, end)))
        here = end
    return "".join(written)


def compact_area(points: Sequence[Point]) -> str:
    """As `area`.

    >>> compact_area([(10.0, 0.0), (20.0, 0.0), (10.0, 5.5)])
    'M10,0h10l-10,5.5z'
    """
    found = _rounded(points)
    return _pair("M", found[0]) + "".join(map(_line, found, found[1:])) + "z"


def _rounded(points: Sequence[Point]) -> list[Point]:
    """The points as they are written, so that what is relative adds up to the same."""
    return [(float(short(x)), float(short(y))) for x, y in points]


def _from(start: Point, end: Point) -> Point:
    return end[0] - start[0], end[1] - start[1]


def _pair(letter: str, point: Point) -> str:
    return f"{letter}{short(point[0])},{short(point[1])}"


def _line(start: Point, end: Point) -> str:
    x, y = map(short, _from(start, end))
    return f"h{x}" if y == "0" else f"v{y}" if x == "0" else f"l{x},{y}"


def _is_between(point: Point, start: Point, end: Point) -> bool:
    """Whether a point is on the straight line between two others, or as good as."""
    (dx, dy), (x, y) = _from(start, end), _from(start, point)
    squared = dx * dx + dy * dy
    along = x * dx + y * dy
    return 0 <= along <= squared and abs(x * dy - y * dx) <= _STRAIGHT * squared**0.5
