"""Groups: the boxes of one time step, or of what comes before or after all steps, laid out by Graphviz.

Groups that are alike are laid out once.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from ..graph.view import Arrow, Box, Place, View
from .positions import Positions, Sizes, positions
from .skeleton import ROOM, skeleton

MANY, WIDEST, LEAF_DEPTH = 30, 2.5, 3
"""Where a group of many boxes would be more than so many times as wide as high, its leaves stand on so many levels in
turn, and if that is not enough there is more room between levels."""


def weight(view: View, arrow: Arrow) -> int:
    """What flows from op to op is the spine of the picture, and runs straight; leaves hang on it."""
    return 8 if view.boxes[arrow.tail].role in ("op", "loss", "gap") else 1


@dataclass(frozen=True)
class Group:
    """The boxes of one group, the arrows among them, and where Graphviz puts them, numbered as they stand here."""

    boxes: list[int]  # from the left: see _from_the_left
    straight: list[int]
    beside: list[int]  # arrows of weights and targets, which stand at the right of what reads them
    found: Positions

    @property
    def arrows(self) -> list[int]:
        """All of them, as `found` has their paths."""
        return self.straight + self.beside


def groups(view: View, sizes: Sizes, seconds: float) -> dict[Place, Group]:
    """Every group of a view; one without boxes is empty."""
    return _Groups(view, sizes, seconds).all()


class _Groups:
    def __init__(self, view: View, sizes: Sizes, seconds: float) -> None:
        self.view, self.sizes, self.deadline = view, sizes, time.monotonic() + seconds
        self.known: dict[str, Positions] = {}
        self.standing: dict[Place, dict[int, Box]] = defaultdict(dict)
        for box in view.boxes:
            self.standing[box.place][box.key] = box
        self.within: dict[Place, list[int]] = defaultdict(list)
        self.entered: set[int] = set()  # boxes that read another column
        for i, arrow in enumerate(view.arrows):
            place = view.boxes[arrow.head].place
            if place != view.boxes[arrow.tail].place:
                self.entered.add(arrow.head)
            elif not arrow.back:
                self.within[place].append(i)

    def all(self) -> dict[Place, Group]:
        places: list[Place] = ["before", *self.view.steps, "after"]
        return {place: self._group(place) for place in places}

    def _group(self, place: Place) -> Group:
        boxes, inner = self.standing[place], self.within[place]
        ops = {key for key, box in boxes.items() if box.role in ("op", "loss")}
        reads_op = {self.view.arrows[i].head for i in inner if self.view.arrows[i].tail in ops}
        beside = [
            i
            for i in inner
            if boxes[self.view.arrows[i].tail].role in ("alias", "data") and self.view.arrows[i].head in reads_op
        ]
        straight = [i for i in inner if i not in set(beside)]
        order = self._from_the_left(boxes, inner)
        if not order:
            return Group([], [], [], Positions(0.0, 0.0, {}, []))
        return Group(order, straight, beside, self._ask(order, straight, beside))

    def _ask(self, boxes: list[int], straight: list[int], beside: list[int]) -> Positions:
        """Graphviz's answer, in terms of the boxes' order: asked once for all groups that are alike."""
        local = {key: i for i, key in enumerate(boxes)}
        arrows = self.view.arrows
        pairs = {i: (local[arrows[i].tail], local[arrows[i].head]) for i in straight + beside}
        weighted = [(*pairs[i], weight(self.view, arrows[i])) for i in straight]
        turned = [pairs[i][::-1] for i in beside]
        edges = [pairs[i] for i in straight] + turned
        sizes = {local[key]: self.sizes[key] for key in boxes}
        found = self._known(skeleton(sizes, weighted, turned), edges)
        if len(boxes) < MANY:
            return found
        if found.width > WIDEST * found.height:
            found = self._known(skeleton(sizes, weighted, turned, leaf_depth=LEAF_DEPTH), edges)
        if (lacks := found.width / WIDEST - found.height) > 0:
            between = len({round(y) for _, y in found.centres.values()})
            room = min(ROOM + lacks / between, 10 * ROOM)
            found = self._known(skeleton(sizes, weighted, turned, ranksep=room, leaf_depth=LEAF_DEPTH), edges)
        return found

    def _known(self, dot: str, edges: list[tuple[int, int]]) -> Positions:
        if dot not in self.known:
            self.known[dot] = positions(dot, edges, self.deadline - time.monotonic())
        return self.known[dot]

    def _from_the_left(self, boxes: Mapping[int, Box], inner: list[int]) -> list[int]:
        """The boxes depth first from the column's head: the nearer one is to reading another column, the further left.

        Graphviz keeps the order in which it hears of boxes where nothing else decides.
        """
        inputs: dict[int, list[int]] = {key: [] for key in boxes}
        for i in inner:
            inputs[self.view.arrows[i].head].append(self.view.arrows[i].tail)
        away: dict[int, float] = {}
        for key in sorted(boxes):
            away[key] = (
                0 if key in self.entered else 1 + min((away.get(x, math.inf) for x in inputs[key]), default=math.inf)
            )
        found: dict[int, None] = {}
        read = {x for tails in inputs.values() for x in tails}
        todo = [key for key in boxes if key not in read]
        while todo:
            key = todo.pop()
            if key not in found:
                found[key] = None
                todo += sorted(inputs[key], key=lambda x: (-away[x], -x))
        return list(found | dict.fromkeys(boxes))  # boxes in a circle are read by one another
