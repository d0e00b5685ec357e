"""A view as textbooks draw a network: view -> view, with inputs, states, outputs and losses, and nothing between them.

Kept are what the graph starts from, but for weights; what one time step hands to another; losses and the root; and of
what else has a name what does not only lead to a state of its own step, as a gate does. An arrow stands for every way
from one kept box to another, and has the names of the weights on it. States that need each other from step to step,
such as c and h of an LSTM, are one box with two outputs. What has no name gets the usual one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from .carried import carried, few, one_way, sum_of
from .view import DETACHED, Arrow, Box, Output, Role, View

_LEAVES = ("data", "leaf", "parameter")
_BETWEEN = ("@", "[ ]")
"""Operations between a box and the next one: a product with a weight, a slice."""
_INFIX = ("+", "−", "*", "/", "**")


@dataclass(frozen=True)
class Textbook:
    """The view, and where each box of the one that it was made of is in it: the box, and which output of it."""

    view: View
    keys: Mapping[int, tuple[int, int | None]]


def textbook(
    view: View,
    operations: bool = False,
    states: Mapping[int, str] | None = None,
    rows: Mapping[int, tuple[str, int]] | None = None,
) -> Textbook:
    """The view of inputs, states, outputs and losses alone.

    Args:
        view: all boxes.
        operations: whether all operations are kept, but those that a weight on an arrow or a slice stands for.
        states: the names of boxes without a label that are known to be states, such as h_1 and c_1.
        rows: the boxes of rows that steps read of a sequence, with its name and their number; see `rows_read`.
    """
    boxes = (_as_input(box, *rows[box.key]) if rows and box.key in rows else _by_its_sign(box) for box in view.boxes)
    return _Reader(replace(view, boxes=tuple(boxes)), operations, states or {}, rows or {}).textbook()


def _as_input(box: Box, name: str, row: int) -> Box:
    """A row of a sequence as a box like that of a leaf."""
    role: Role = "leaf" if box.differentiable else "data"
    title = box.title if box.labelled else f"{name}_{row}"
    return replace(box, title=title, labelled=True, symbol="", corner="", role=role)


def _by_its_sign(box: Box) -> Box:
    """An operation without a label is known by its sign, not by the expression that is its name elsewhere."""
    return replace(box, title=box.symbol, corner=box.corner.removeprefix(box.symbol).strip()) if box.symbol else box


def only(view: View, keys: Iterable[int]) -> View:
    """The view of some of its boxes, and of the arrows between them."""
    number = {key: i for i, key in enumerate(sorted(keys))}
    boxes = tuple(replace(view.boxes[key], key=i) for key, i in number.items())
    arrows = (a for a in view.arrows if a.tail in number and a.head in number)
    joined = tuple(replace(a, tail=number[a.tail], head=number[a.head]) for a in arrows)
    steps = tuple(t for t in view.steps if any(box.place == t for box in boxes))
    return replace(view, boxes=boxes, arrows=joined, steps=steps)


def stem(box: Box) -> Hashable:
    """What boxes of different steps have in common that stand in one row: a name without its step, or what they do."""
    found = re.match(r"(.+?)_\d+\b", box.title) if box.labelled else None
    return found[1] if found else box.like if box.like is not None else (box.key, "alone")


class _Reader:
    def __init__(
        self, view: View, operations: bool, states: Mapping[int, str], rows: Mapping[int, tuple[str, int]]
    ) -> None:
        self.view, self.operations, self.states, self.rows = view, operations, states, rows
        self.unnamed: dict[str, str] = {}
        self.into: dict[int, list[int]] = defaultdict(list)
        self.out: dict[int, list[int]] = defaultdict(list)
        for i, arrow in enumerate(view.arrows):
            self.into[arrow.head].append(i)
            self.out[arrow.tail].append(i)
        self.order = self._inputs_first()
        self.carried = self._carried()
        self.leads = self._lead_to_states()
        self.kept = [box.key for box in view.boxes if self._is_kept(box)]
        self.is_kept = frozenset(self.kept)

    def textbook(self) -> Textbook:
        arrows = self._arrows()
        groups = self._groups(arrows)
        order = sorted({groups[key] for key in self.kept})
        number = {group: i for i, group in enumerate(order)}
        members: dict[int, list[int]] = {group: [] for group in order}
        for key in self.kept:
            members[groups[key]].append(key)
        keys = {
            key: (number[group], i if len(found) > 1 else None)
            for group, found in members.items()
            for i, key in enumerate(found)
        }
        names = self._names()
        merged: dict[Hashable, list[Arrow]] = defaultdict(list)
        inside: dict[int, list[Arrow]] = defaultdict(list)
        for arrow in arrows:
            (tail, output), (head, _) = keys[arrow.tail], keys[arrow.head]
            if tail != head:
                merged[tail, output, head].append(replace(arrow, tail=tail, head=head, output=output))
            else:
                inside[arrow.tail].append(arrow)
        within = {key: sum_of(found) for key, found in inside.items()}
        boxes = [self._box(number[group], found, names, within) for group, found in members.items()]
        return Textbook(
            replace(
                self.view,
                boxes=tuple(boxes),
                arrows=tuple(one_way(found, sum_of(found)) for found in merged.values()),
                steps=tuple(t for t in self.view.steps if any(box.place == t for box in boxes)),
            ),
            keys,
        )

    # -- what is kept --

    def _inputs_first(self) -> list[int]:
        """All boxes but what stands for steps left out, inputs before what reads them; then those."""
        gaps = {box.key for box in self.view.boxes if box.role == "gap"}
        waits = {
            box.key: sum(self.view.arrows[i].tail not in gaps for i in self.into[box.key]) for box in self.view.boxes
        }
        ready = [box.key for box in self.view.boxes if not waits[box.key] and box.key not in gaps]
        for key in ready:
            for i in self.out[key]:
                head = self.view.arrows[i].head
                waits[head] -= 1
                if not waits[head] and head not in gaps:
                    ready.append(head)
        return ready + sorted(gaps)

    def _carried(self) -> set[Hashable]:
        """What is handed from one step to another; a sum of the losses so far is no state."""
        boxes = self.view.boxes
        found = set()
        for arrow in self.view.arrows:
            tail, head = boxes[arrow.tail], boxes[arrow.head]
            between = isinstance(tail.place, int) and isinstance(head.place, int) and tail.place != head.place
            if between and tail.role not in (*_LEAVES, "gap", "alias") and not tail.is_running_sum:
                found.add(stem(tail))
        return found

    def _lead_to_states(self) -> set[int]:
        """Boxes from which every way leads to a state of their own scope and step."""
        found: set[int] = set()
        boxes = self.view.boxes
        for key in reversed(self.order):
            readers = [boxes[self.view.arrows[i].head] for i in self.out[key]]
            here = (boxes[key].scope, boxes[key].place)
            if readers and all(
                (box.scope, box.place) == here and (stem(box) in self.carried or box.key in found) for box in readers
            ):
                found.add(key)
        return found

    def _is_kept(self, box: Box) -> bool:
        if box.role in ("root", "loss", "gap") or box.key in self.rows:
            return True
        if self.out[box.key] and all(self.view.arrows[i].head in self.rows for i in self.out[box.key]):
            return False  # a sequence, of which rows are shown
        if box.role in _LEAVES or (box.role == "alias" and not box.differentiable):
            return self._is_input(box) or self._is_operand(box)
        if box.role == "alias":
            return self._is_operand(box)
        if stem(box) in self.carried:
            return True
        if self.operations:
            return box.labelled or box.title not in _BETWEEN
        return box.labelled and box.key not in self.leads and not self._is_on_the_way(box)

    def _is_input(self, box: Box) -> bool:
        """Whether a leaf is something that a network reads: no weight, no constant, no class to be predicted.

        Nor is what was detached from another box, which an arrow leads to; but without that box it is.
        """
        is_shown_elsewhere = box.corner == DETACHED and bool(self.into[box.key])
        if box.role == "parameter" or is_shown_elsewhere or np.asarray(box.value).dtype.kind in "iub":
            return False
        if box.labelled or box.differentiable:
            return True
        return np.ndim(box.value) > 0 and isinstance(box.place, int) and not self._starts(box)

    def _is_operand(self, leaf: Box) -> bool:
        """Whether an operation that is drawn would lack an input without a leaf, as 1 − z would without 1.

        A weight whose name stands on the arrow beside it is there, and what is learnt and added is left out: a bias.
        """
        for i in self.out[leaf.key] if self.operations else ():
            reader = self.view.boxes[self.view.arrows[i].head]
            beside = (self.view.arrows[k].weight for k in self.into[reader.key] if k != i)
            sign = reader.symbol or reader.corner.partition(" ")[0]
            if sign in _INFIX and leaf.title not in beside and not (sign == "+" and leaf.differentiable):
                return True
        return False

    def _is_on_the_way(self, box: Box) -> bool:
        """Whether it is what one function makes a named box of, as tanh makes h of z."""
        if len(self.out[box.key]) != 1:
            return False
        reader = self.view.boxes[self.view.arrows[self.out[box.key][0]].head]
        return reader.labelled and reader.role != "loss" and len(self.into[reader.key]) == 1

    # -- arrows --

    def _arrows(self) -> list[Arrow]:
        """An arrow for all ways from one kept box to another."""
        found = []
        contributions = carried(self.view, self.is_kept, self.order)
        above: dict[int, dict[int, tuple[Arrow, ...]]] = {}
        for key in self.order:
            here: dict[int, tuple[Arrow, ...]] = {}
            for i in self.into[key]:
                arrow = self.view.arrows[i]
                weight = self._named(arrow.weight or self._weight(arrow))
                if not here and not weight and not arrow.cut and len(self.out[arrow.tail]) == 1:
                    here = above.pop(arrow.tail, {})  # nothing else reads it, such as the losses so far
                if arrow.tail in self.is_kept:
                    named = replace(arrow, weight=weight)
                    here[arrow.tail] = (*here.get(arrow.tail, ()), named)
                else:
                    for start, ways in above.get(arrow.tail, {}).items():
                        on = tuple(self._further(way, weight, arrow.cut) for way in ways)
                        here[start] = few(here.get(start, ()) + on)
            if key in self.is_kept:
                for start, ways in here.items():
                    found.append(replace(one_way(ways, contributions.get((start, key))), head=key))
            else:
                above[key] = here
        return found

    def _further(self, way: Arrow, weight: str, cut: bool) -> Arrow:
        if not weight and not cut:
            return way
        names = dict.fromkeys(name for name in (*way.weight.split(", "), weight) if name)
        return replace(way, weight=", ".join(names), cut=way.cut or cut)

    def _named(self, weight: str) -> str:
        """A weight's name; one that the user has not named is W, a further one U or V."""
        if not re.fullmatch(r"(leaf|constant) [\d×]+(#\d+)?", weight):
            return weight
        if weight not in self.unnamed:
            taken = {arrow.weight for arrow in self.view.arrows} | set(self.unnamed.values())
            self.unnamed[weight] = next((name for name in "WUV" if name not in taken), weight)
        return self.unnamed[weight]

    def _weight(self, arrow: Arrow) -> str:
        """The matrix that stands beside what an arrow carries, of a weight that one step alone reads."""
        beside = [self.view.boxes[self.view.arrows[i].tail] for i in self.into[arrow.head]]
        others = [box for box in beside if box.key != arrow.tail]
        if len(beside) != 2 or len(others) != 1 or self.view.boxes[arrow.tail].role in ("parameter", "alias"):
            return ""
        (other,) = others
        return other.title if other.role in ("parameter", "alias") and np.ndim(other.value) >= 2 else ""

    # -- boxes --

    def _groups(self, arrows: Iterable[Arrow]) -> dict[int, int]:
        """For each kept box the first of those that it is one box with."""
        boxes = self.view.boxes
        reads: set[tuple[Hashable, Hashable]] = set()
        for arrow in arrows:
            tail, head = boxes[arrow.tail], boxes[arrow.head]
            if tail.scope == head.scope:
                reads.add((stem(tail), stem(head)))
        found: dict[int, int] = {}
        by_step: dict[Hashable, list[int]] = defaultdict(list)
        for key in self.kept:
            box, mine = boxes[key], stem(boxes[key])
            found[key] = key
            if self.operations or not isinstance(box.place, int) or (mine, mine) not in reads:
                continue
            for other in by_step[box.scope, box.place]:
                theirs = stem(boxes[other])
                if (mine, theirs) in reads and (theirs, mine) in reads:
                    found[key] = found[other]
            by_step[box.scope, box.place].append(key)
        return found

    def _names(self) -> dict[int, str]:
        """Names for what the user has not named: x_t for an input, h_t for a state, L_t for a loss."""
        boxes = [self.view.boxes[key] for key in self.kept]
        given: dict[Hashable, str] = {
            ("h", stem(self.view.boxes[key])): name.rpartition("_")[0] for key, name in self.states.items()
        }
        for box in boxes:  # a state goes on from a first one that the user has named, h_0
            first = re.fullmatch(r"(.+?)_?0", box.title) if box.labelled and box.role in _LEAVES else None
            if first and (starts := self._starts(box)):
                given.setdefault(("h", starts[0]), first[1])
        taken = {str(stem(box)) for box in boxes if box.labelled} | set(given.values())
        letters = "xuvq", "srz" if given else "hsrz", "LJE", "yoq"
        free = {kind: [x for x in found if x not in taken] for kind, found in zip("xhLy", letters, strict=True)}
        found = {}
        for box in boxes:
            kind = self._letter(box)
            if box.labelled or box.role == "gap" or not kind or (self.operations and box.role == "root"):
                continue
            place: Any = None if kind == "L" and box.role == "root" else box.place
            if box.role not in _LEAVES:
                of = stem(box)
            elif (starts := self._starts(box)) is not None:
                of, place = starts
            else:
                of = self._reader(box)
            like = kind, of
            if like not in given and free[kind]:
                given[like] = free[kind].pop(0)
            if like in given:
                found[box.key] = f"{given[like]}_{place}" if isinstance(place, int) else given[like]
        return found

    def _starts(self, leaf: Box) -> tuple[Hashable, int] | None:
        """The state that other steps read where the first reads a leaf, and the step that the leaf is of, as in h_0.

        None where there is no such state, or several.
        """
        found = set()
        for i in self.out[leaf.key]:
            reader = self.view.boxes[self.view.arrows[i].head]
            for state, ahead in self.states_read[self._entrance(reader, i)]:
                found.add((state, _step(reader) + ahead))
        return found.pop() if len(found) == 1 else None

    @cached_property
    def states_read(self) -> Mapping[Hashable, set[tuple[Hashable, int]]]:
        """For each entrance of a step the states that come in there, and how many steps before or after it they are."""
        found: dict[Hashable, set[tuple[Hashable, int]]] = defaultdict(set)
        for i, arrow in enumerate(self.view.arrows):
            state, reader = self.view.boxes[arrow.tail], self.view.boxes[arrow.head]
            if reader.like is not None and stem(state) in self.carried and _step(state) != _step(reader):
                found[self._entrance(reader, i)].add((stem(state), _step(state) - _step(reader)))
        return found

    def _entrance(self, reader: Box, arrow: int) -> Hashable:
        """Where an arrow enters a box, the same for the boxes of all steps that do the same."""
        into = self.into[reader.key]  # of what was left out there is one arrow for all
        return reader.like, into.index(arrow), len(into)

    def _letter(self, box: Box) -> str:
        if box.role in _LEAVES:
            is_number = box.role == "data" and np.ndim(box.value) == 0
            return "h" if self._starts(box) else "x" if isinstance(box.place, int) and not is_number else ""
        if stem(box) in self.carried:
            return "h" if box.like is not None else ""  # what is made of all steps is handed to each, but is no state
        return "L" if box.role in ("loss", "root") and np.ndim(box.value) == 0 else "y" if box.role == "root" else ""

    def _reader(self, box: Box) -> Hashable:
        """What an input without a name has in common with those of other steps: the first kept box that it leads to."""
        key = box.key
        while self.out[key]:
            key = self.view.arrows[self.out[key][0]].head
            if key in self.is_kept:
                return stem(self.view.boxes[key])
        return box.key

    def _box(self, number: int, members: list[int], names: Mapping[int, str], within: Mapping[int, Any]) -> Box:
        found = [
            replace(self.view.boxes[key], title=names[key], labelled=True, symbol="")
            if key in names
            else self.view.boxes[key]
            for key in members
        ]
        if len(found) == 1:
            return replace(found[0], key=number)
        first = found[0]
        outputs = tuple(
            Output(
                box.title, box.value, box.grad, box.differentiable, box.history, box.visit, within.get(key), box.like
            )
            for key, box in zip(members, found, strict=True)
        )
        return replace(
            first, key=number, role="cell", title="", value=None, grad=None, labelled=False, symbol="", outputs=outputs
        )


def _step(box: Box) -> int:
    """The time step of a box; 0 before all steps, and outside them."""
    return box.place if isinstance(box.place, int) else 0
