"""What Graphviz says of one graph, and where everything of a picture goes. In points, y downward.

- `Layout`: where the boxes and arrows of a picture go. `positions`: one call of Graphviz, and what it said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .engine import plain

Point = tuple[float, float]
Sizes = Mapping[int, tuple[float, float]]
Run = Literal["right", "left", "up", "down"]
"""Which way an arrow runs."""


@dataclass
class Layout:
    """Centres of boxes, the path of each arrow (start, then cubic Bézier points), and each column's rectangle.

    ``rooms`` are those on arrows, by arrow: the middle of each, and which way the arrow runs through it.
    """

    boxes: dict[int, Point] = field(default_factory=dict)
    arrows: dict[int, list[Point]] = field(default_factory=dict)
    columns: dict[int, tuple[float, float, float, float]] = field(default_factory=dict)
    rooms: dict[int, tuple[Point, Run]] = field(default_factory=dict)
    width: float = 0.0
    height: float = 0.0


@dataclass(frozen=True)
class Positions:
    """What Graphviz says of one graph: its size, centres by box, and a path for each arrow, in the order given."""

    width: float
    height: float
    centres: dict[int, Point]
    paths: list[list[Point]]


def positions(dot: str, edges: list[tuple[int, int]], seconds: float) -> Positions:
    """Lay out a `skeleton` and read the answer.

    Raises:
        RuntimeError: Graphviz refused, or took longer than ``seconds`` (`LayoutTimeoutError`).
    """
    lines = [line.split() for line in plain(dot, seconds).splitlines()]
    width, height = (72 * float(x) for x in lines[0][2:4])

    def point(x: str, y: str) -> Point:
        return 72 * float(x), height - 72 * float(y)

    centres = {int(words[1][1:]): point(*words[2:4]) for words in lines if words[0] == "node"}
    found: dict[tuple[int, int], list[list[Point]]] = {}
    for words in lines:
        if words[0] == "edge":
            count = int(words[3])
            path = [point(*words[4 + 2 * i : 6 + 2 * i]) for i in range(count)]
            tail, head = (int(word[1:].partition(":")[0]) for word in words[1:3])  # Graphviz names ports too
            found.setdefault((tail, head), []).append(path)
    return Positions(width, height, centres, [found[edge].pop(0) for edge in edges])
