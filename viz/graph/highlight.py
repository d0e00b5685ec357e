"""What lights up at each visit of the pass: the node's box, or its sum in the panel, and its arrows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ..words.lesson import Step
from .view import Sum, View


@dataclass(frozen=True)
class Light:
    """What one visit lights up in a picture.

    Attributes:
        boxes: the visited node's own box; of a shared weight all its aliases; of a step left out what stands for it.
        sum: which sum in the panel is the visited node's.
        handed: arrows that its contributions go down. received: arrows that its own grad came by.
    """

    boxes: tuple[int, ...] = ()
    sum: int | None = None
    handed: tuple[int, ...] = ()
    received: tuple[int, ...] = ()

    @property
    def arrows(self) -> frozenset[int]:
        """All arrows that are lit."""
        return frozenset(self.handed + self.received)


def lights(view: View, steps: Sequence[Step]) -> list[Light]:
    """For each step of the lesson what it lights up in the view of the same pass."""
    own = {box.visit: box.key for box in view.boxes if box.visit is not None}
    sums = _sums(view, [step for step in steps if step.number not in own])
    handed, leaving = defaultdict(list), defaultdict(list)
    for i, arrow in enumerate(view.arrows):
        if arrow.visit is not None:
            handed[arrow.visit].append(i)
            leaving[arrow.tail].append(i)

    found = []
    for step in steps:
        shared = sums.get(step.number)
        if step.number in own:
            boxes = [own[step.number]]
        elif shared is not None:
            boxes = _aliases(view, view.sums[shared])
        else:
            boxes = _stand_in(view, step.node.t)
        received = [] if boxes and view.boxes[boxes[0]].role == "gap" else [i for key in boxes for i in leaving[key]]
        found.append(Light(tuple(boxes), shared, tuple(handed[step.number]), tuple(received)))
    return found


def _sums(view: View, without_box: Sequence[Step]) -> dict[int, int]:
    """The visit of each shared weight. Both sums and visits go by age, so two that are read alike keep their order."""
    turn = {}
    leaves = [step for step in without_box if step.node.op is None]
    for i in reversed(range(len(view.sums))):
        for step in leaves:
            uses = len(step.received) == len(view.sums[i].parts)
            if uses and step.value is view.sums[i].value and step.number not in turn:
                turn[step.number] = i
                break
    return turn


def _aliases(view: View, shared: Sum) -> list[int]:
    """The boxes that stand for a shared weight in the steps."""
    return [box.key for box in view.boxes if box.role == "alias" and box.title == shared.title]


def _stand_in(view: View, t: int | None) -> list[int]:
    """The box that stands for the steps left out among which is ``t``."""
    before = [step for step in view.steps if t is not None and step <= t]
    return [box.key for box in view.boxes if box.role == "gap" and box.corner and before and box.place == before[-1]]
