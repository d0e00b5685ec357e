"""Room on arrows for what stands on them: a box in the layout that no one paints, halfway along its arrow.

So nothing else is put there, neither a box nor another arrow nor what stands on that.

- `Room`: how much an arrow needs. `runs`: which way each arrow runs. `Roomy`: a view with rooms for boxes, and back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..graph.view import Arrow, Tooltip, View
from .lanes import straight
from .positions import Layout, Point, Run, Sizes

_BY_RANKDIR: Mapping[str, Run] = {"LR": "right", "RL": "left", "TB": "down", "BT": "up"}


@dataclass(frozen=True)
class Room:
    """Width and height of what stands on an arrow, on one that runs to the side and on one that runs up or down."""

    across: tuple[float, float]
    upright: tuple[float, float]

    def along(self, run: Run) -> tuple[float, float]:
        """The size on an arrow that runs that way."""
        return self.across if run in ("left", "right") else self.upright


def runs(view: View, rankdir: str) -> list[Run]:
    """Which way each arrow of a view runs where it enters its reader.

    In columns data flows up, and states of another step, weights and targets come from a side.

    >>> from viz.graph.view import View
    >>> runs(View((), (), (), (), ()), "LR")
    []
    """
    if not view.steps:
        return [_BY_RANKDIR[rankdir]] * len(view.arrows)
    boxes = view.boxes
    within = [arrow for arrow in view.arrows if boxes[arrow.tail].place == boxes[arrow.head].place and not arrow.back]
    reads_op = {arrow.head for arrow in within if boxes[arrow.tail].role in ("op", "loss")}

    def run(arrow: Arrow) -> Run:
        tail, head = boxes[arrow.tail], boxes[arrow.head]
        if tail.place == head.place or arrow.back:
            return "left" if tail.role in ("alias", "data") and arrow.head in reads_op and not arrow.back else "up"
        if head.place == "after":
            return "up"
        backward = isinstance(tail.place, int) and isinstance(head.place, int) and tail.place > head.place
        return "left" if backward or tail.place == "after" else "right"

    return [run(arrow) for arrow in view.arrows]


class Roomy:
    """A view to lay out: one with rooms on its arrows has a box for each, and two arrows in place of one.

    Attributes:
        view, sizes: what to lay out. runs: which way each of its arrows runs.
        rooms: the boxes that are rooms, each with the number of its arrow in the view that came in.
    """

    def __init__(self, view: View, sizes: Sizes, rooms: Mapping[int, Room], runs: Sequence[Run]) -> None:
        self._before = view
        self._runs = list(runs)
        self._halves: list[tuple[int, ...]] = []
        self.rooms: dict[int, int] = {}
        self.sizes, self.runs = dict(sizes), list[Run]()
        boxes, arrows = list(view.boxes), list[Arrow]()
        for i, (arrow, run) in enumerate(zip(view.arrows, runs, strict=True)):
            if i not in rooms:
                self._halves.append((len(arrows),))
                arrows.append(arrow)
                self.runs.append(run)
                continue
            key, tail = len(boxes), view.boxes[arrow.tail]
            place = view.boxes[arrow.head].place
            boxes.append(replace(tail, key=key, place=place, tooltip=Tooltip(()), outputs=()))
            self.sizes[key] = rooms[i].along(run)
            self.rooms[key] = i
            self._halves.append((len(arrows), len(arrows) + 1))
            arrows += [replace(arrow, head=key), replace(arrow, tail=key)]
            self.runs += [run, run]
        self.view = replace(view, boxes=tuple(boxes), arrows=tuple(arrows))

    def joined(self, layout: Layout) -> Layout:
        """The layout of the view that came in, with the middle of each room and which way its arrow runs there."""
        paths = {i: self._joined([layout.arrows[k] for k in halves]) for i, halves in enumerate(self._halves)}
        return replace(
            layout,
            boxes={box.key: layout.boxes[box.key] for box in self._before.boxes},
            arrows=paths,
            rooms={i: (layout.boxes[key], self._runs[i]) for key, i in self.rooms.items()},
        )

    def _joined(self, paths: Sequence[list[Point]]) -> list[Point]:
        if len(paths) == 1:
            return paths[0]
        first, second = paths
        return first + straight(first[-1], second[0])[1:] + second[1:]
