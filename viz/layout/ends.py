"""Where lines leave and enter boxes.

- `edge`: the point of a box's outline on the way to somewhere. `curve`: from side to side.
"""

from __future__ import annotations

import math

from .positions import Point


def curve(a: Point, b: Point) -> list[Point]:
    """From side to side, at different heights."""
    middle = (a[0] + b[0]) / 2
    return [a, (middle, a[1]), (middle, b[1]), b]


def edge(middle: Point, size: tuple[float, float], radius: float, towards: Point) -> Point:
    """Where a line from the middle of a box leaves it; a box of round ends is left at these.

    >>> edge((0.0, 0.0), (4.0, 2.0), 0.0, (8.0, 0.0)), edge((0.0, 0.0), (2.0, 2.0), 1.0, (0.0, 5.0))
    ((2.0, 0.0), (0.0, 1.0))
    """
    (x, y), (width, height) = middle, size
    dx, dy = towards[0] - x, towards[1] - y
    length = max(math.hypot(dx, dy), 1e-9)
    ux, uy = dx / length, dy / length
    straight_out = min(width / 2 / abs(ux) if ux else math.inf, height / 2 / abs(uy) if uy else math.inf)
    px, py = straight_out * ux, straight_out * uy
    inner = width / 2 - radius, height / 2 - radius
    if abs(px) > inner[0] and abs(py) > inner[1]:  # at a corner, which is a quarter of a circle
        cx, cy = math.copysign(inner[0], ux), math.copysign(inner[1], uy)
        along = ux * cx + uy * cy
        reach = along + math.sqrt(max(radius**2 - (cx**2 + cy**2 - along**2), 0.0))
        px, py = reach * ux, reach * uy
    return x + px, y + py


def is_inside(point: Point, middle: Point, size: tuple[float, float], radius: float) -> bool:
    """Whether a point lies in a box with round corners.

    >>> is_inside((0.9, 0.9), (0.0, 0.0), (2.0, 2.0), 0.0), is_inside((0.9, 0.9), (0.0, 0.0), (2.0, 2.0), 1.0)
    (True, False)
    """
    dx, dy = abs(point[0] - middle[0]) - size[0] / 2, abs(point[1] - middle[1]) - size[1] / 2
    if dx > -radius and dy > -radius:
        return math.hypot(dx + radius, dy + radius) < radius
    return dx < 0 and dy < 0
