"""What lights up at each forward step and at each visit: the node's box, or its sum in the panel, and its arrows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from microgradrnn.engine import Node

from ..passes import Pass
from .view import View


@dataclass(frozen=True)
class Highlight:
    """What one step lights up in a picture.

    Attributes:
        boxes: the node's own box; of a shared weight all its aliases; of a step left out what stands for it.
        sum: which sum in the panel is the visited node's.
        sent: arrows that its contributions go down. received: arrows that its own grad came by.
        read: arrows that a forward step gets its inputs by.
    """

    boxes: tuple[int, ...] = ()
    sum: int | None = None
    sent: tuple[int, ...] = ()
    received: tuple[int, ...] = ()
    read: tuple[int, ...] = ()

    @property
    def back(self) -> frozenset[int]:
        """The arrows that gradients go along, and that point back."""
        return frozenset(self.sent + self.received)

    @property
    def arrows(self) -> frozenset[int]:
        """All arrows that are lit."""
        return self.back | frozenset(self.read)


def forward_highlights(view: View, run: Pass) -> list[Highlight]:
    """For each forward step of the pass what it lights up in a view of it."""
    own = {box.moment: [box.key] for box in view.boxes if box.moment is not None}
    own |= {out.moment: [box.key] for box in view.boxes for out in box.outputs if out.moment is not None}
    entering = defaultdict(list)
    for i, arrow in enumerate(view.arrows):
        if not arrow.cut:
            entering[arrow.head].append(i)

    def lit(node: Node) -> Highlight:
        boxes = own.get(run.moments[node])
        if boxes is None:
            return Highlight(tuple(_stand_in(view, run.t(node))))
        return Highlight(tuple(boxes), read=tuple(i for key in boxes for i in entering[key]))

    return [lit(node) for node in run.computed]


def highlights(view: View, run: Pass) -> list[Highlight]:
    """For each visit of the pass what it lights up in a view of it."""
    own = {box.visit: [box.key] for box in view.boxes if box.visit is not None}
    own |= {out.visit: [box.key] for box in view.boxes for out in box.outputs if out.visit is not None}
    sums = {shared.visit: i for i, shared in enumerate(view.sums) if shared.visit is not None}
    aliases, sent, leaving = defaultdict(list), defaultdict(list), defaultdict(list)
    for box in view.boxes:
        if box.weight is not None:
            aliases[box.weight].append(box.key)
    for i, arrow in enumerate(view.arrows):
        if arrow.visit is not None:
            sent[arrow.visit].append(i)
            leaving[arrow.tail].append(i)

    found = []
    for number, visit in enumerate(run.visits, start=1):
        boxes = own.get(number) or aliases[number] or _stand_in(view, run.t(visit.node))
        stands_in = bool(boxes) and view.boxes[boxes[0]].role == "gap"
        received = [] if stands_in else [i for key in boxes for i in leaving[key]]
        found.append(Highlight(tuple(boxes), sums.get(number), tuple(sent[number]), tuple(received)))
    return found


def _stand_in(view: View, t: int | None) -> list[int]:
    """The box that stands for the steps left out among which is ``t``."""
    before = [step for step in view.steps if t is not None and step <= t]
    return [box.key for box in view.boxes if box.role == "gap" and box.corner and before and box.place == before[-1]]
