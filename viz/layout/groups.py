"""Groups: the boxes of one time step, or of what comes before or after all steps, laid out by Graphviz.

Groups that are alike are laid out once.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial

from ..graph.view import Arrow, Box, Place, View
from .positions import Positions, Run, Sizes, positions
from .skeleton import ROOM, skeleton

MANY, WIDEST, LEAF_DEPTH = 30, 2.5, 3
"""Where a group of many boxes would be more than so many times as wide as high, its leaves stand on so many levels in
turn, and if that is not enough there is more room between levels."""

BETWEEN_ROOMS = 18.0
"""Between levels where each second one is of rooms on arrows."""


def weight(view: View, arrow: Arrow) -> int:
    """What flows from op to op is the spine of the picture, and runs straight; leaves hang on it."""
    return 8 if view.boxes[arrow.tail].role in ("op", "loss", "gap") else 1


@dataclass(frozen=True)
class Group:
    """The boxes of one group, the arrows among them, and where Graphviz puts them, numbered as they stand here."""

    boxes: list[int]  # from the left: see _from_the_left
    arrows: list[int]
    turned: frozenset[int]  # arrows that run to the left, whose paths Graphviz gives from the left all the same
    found: Positions


def groups(
    view: View, sizes: Sizes, runs: Sequence[Run], seconds: float, through: Set[int] = frozenset()
) -> dict[Place, Group]:
    """Every group of a view; one without boxes is empty.

    Args:
        view: what is drawn.
        sizes: of its boxes.
        runs: which way each arrow runs: to the left or right, from a box on the same level, or up.
        seconds: how long Graphviz may take.
        through: boxes that arrows run straight through.
    """
    return _Groups(view, sizes, runs, seconds, through).all()


class _Groups:
    def __init__(self, view: View, sizes: Sizes, runs: Sequence[Run], seconds: float, through: Set[int]) -> None:
        self.view, self.sizes, self.deadline = view, sizes, time.monotonic() + seconds
        self.runs, self.through = runs, through
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
        straight = [i for i in inner if self.runs[i] == "up"]
        beside = [i for i in inner if self.runs[i] != "up"]
        order = self._from_the_left(boxes, inner)
        if not order:
            return Group([], [], frozenset(), Positions(0.0, 0.0, {}, []))
        turned = frozenset(i for i in beside if self.runs[i] == "left")
        return Group(order, straight + beside, turned, self._ask(order, straight, beside))

    def _ask(self, boxes: list[int], straight: list[int], beside: list[int]) -> Positions:
        """Graphviz's answer, in terms of the boxes' order: asked once for all groups that are alike."""
        local = {key: i for i, key in enumerate(boxes)}
        arrows = self.view.arrows
        pairs = {i: (local[arrows[i].tail], local[arrows[i].head]) for i in straight + beside}
        weighted = [(*pairs[i], weight(self.view, arrows[i])) for i in straight]
        level = [pairs[i][::-1] if self.runs[i] == "left" else pairs[i] for i in beside]
        edges = [pairs[i] for i in straight] + level
        sizes = {local[key]: self.sizes[key] for key in boxes}
        through = {local[key] for key in boxes if key in self.through}
        ask = partial(skeleton, sizes, weighted, level, through=through)
        found = self._known(ask(ranksep=BETWEEN_ROOMS if through else ROOM), edges)
        if len(boxes) < MANY:
            return found
        if found.width > WIDEST * found.height:
            found = self._known(ask(leaf_depth=LEAF_DEPTH), edges)
        if (lacks := found.width / WIDEST - found.height) > 0:
            between = len({round(y) for _, y in found.centres.values()})
            room = min(ROOM + lacks / between, 10 * ROOM)
            found = self._known(ask(ranksep=room, leaf_depth=LEAF_DEPTH), edges)
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

        def measure(key: int) -> None:
            nearest = min((away.get(x, math.inf) for x in inputs[key]), default=math.inf)
            away[key] = 0 if key in self.entered else 1 + nearest

        for key in sorted(boxes.keys() - self.through):
            for room in inputs[key]:
                if room in self.through:  # on an arrow from a box that came before
                    measure(room)
            measure(key)
        found: dict[int, None] = {}
        read = {x for tails in inputs.values() for x in tails}
        todo = [key for key in boxes if key not in read]
        while todo:
            key = todo.pop()
            if key not in found:
                found[key] = None
                todo += sorted(inputs[key], key=lambda x: (-away[x], -x))
        return list(found | dict.fromkeys(boxes))  # boxes in a circle are read by one another
