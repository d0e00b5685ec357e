"""Views from further away: view -> view, with boxes gathered into one.

- `cells`: what was recorded in one scope of one step is one box.
- `nearest`: only what is nearest to the root, for a picture whose layout takes too long.
- `rolled`: all steps are one column, with an arrow back where a step reads the one before; gradients are sums over t.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..numbers import brief
from .view import Arrow, Box, Tooltip, View

MOST_ARROWS = 4
"""Of more arrows between two cells one is drawn."""


def cells(view: View) -> View:
    """A box for each scope in each step; weights and constants go into the box that reads them."""
    reader = {arrow.tail: view.boxes[arrow.head] for arrow in view.arrows}

    def group(box: Box) -> Hashable:
        inside = box.role == "alias" or (
            box.role == "data" and box.key in reader and reader[box.key].scope == box.scope
        )
        owner = reader[box.key] if inside else box
        if owner.role in ("gap", "data", "leaf", "parameter") or not owner.scope:
            return box.key
        return owner.scope, owner.place

    groups = [group(box) for box in view.boxes]
    leaving = {arrow.tail for arrow in view.arrows if groups[arrow.tail] != groups[arrow.head]}
    between: dict[tuple[Hashable, Hashable], set[int]] = {}
    for arrow in view.arrows:
        if np.ndim(view.boxes[arrow.tail].value) == 0:
            between.setdefault((groups[arrow.tail], groups[arrow.head]), set()).add(arrow.tail)

    def same(arrow: Arrow) -> Hashable:
        """What one box sends to a cell is one arrow; so is what a great many do, the entries of a state lowered."""
        ends = groups[arrow.tail], groups[arrow.head]
        many = len(between.get(ends, ())) > MOST_ARROWS
        return None if ends[0] == ends[1] else "many" if many else arrow.tail

    return _gathered(
        view,
        groups,
        lambda boxes: _cell(boxes, [box for box in boxes if box.key in leaving or box.role == "root"]),
        same,
    )


def rolled(view: View) -> View:
    """One column for all steps. Boxes of different steps that are alike are one."""
    groups = [("like", box.like) if isinstance(box.place, int) and box.like else box.key for box in view.boxes]
    slots: dict[tuple[int, int], int] = {}

    def same(arrow: Arrow) -> Hashable:
        slots[arrow.tail, arrow.head] = slot = slots.get((arrow.tail, arrow.head), 0) + 1
        return slot, arrow.back

    marked = replace(view, arrows=tuple(replace(arrow, back=_goes_back(view, arrow)) for arrow in view.arrows))
    found = _gathered(marked, groups, _over_time, same)
    first, last, count = view.steps[0], view.steps[-1], len(view.steps)
    note = f"rolled: {count} time steps in one column, gradients are sums over t"
    return replace(
        found,
        boxes=tuple(replace(box, place=first) if isinstance(box.place, int) else box for box in found.boxes),
        steps=(first,),
        notes=(*view.notes, note),
        caption=f"t = {first} … {last}  ×{count}",
    )


def nearest(view: View, count: int, note: str) -> View:
    """The root and the boxes that it reads in the fewest steps, ``count`` in all."""
    inputs: dict[int, list[int]] = {}
    for arrow in view.arrows:
        inputs.setdefault(arrow.head, []).append(arrow.tail)
    root = next(box.key for box in view.boxes if box.role == "root")
    found = {root: 0}
    for key in (queue := [root]):
        for tail in inputs.get(key, []):
            if tail not in found and len(found) < count:
                found[tail] = len(found)
                queue.append(tail)
    boxes = tuple(replace(view.boxes[key], key=i) for key, i in found.items())
    return replace(
        view,
        boxes=boxes,
        arrows=tuple(
            replace(arrow, tail=found[arrow.tail], head=found[arrow.head])
            for arrow in view.arrows
            if arrow.tail in found and arrow.head in found
        ),
        steps=tuple(t for t in view.steps if any(box.place == t for box in boxes)),
        notes=(*view.notes, note),
    )


def _goes_back(view: View, arrow: Arrow) -> bool:
    tail, head = view.boxes[arrow.tail].place, view.boxes[arrow.head].place
    return isinstance(tail, int) and isinstance(head, int) and tail != head


def _gathered(
    view: View,
    groups: Sequence[Hashable],
    merge: Callable[[list[Box]], Box],
    same: Callable[[Arrow], Hashable],
) -> View:
    """The view with the boxes of each group as one.

    Args:
        view: what to gather.
        groups: for each box, what group it belongs to.
        merge: several boxes -> the box that stands for them.
        same: what arrows between the same two groups must share to become one; None for an arrow that goes.
    """
    members: dict[Hashable, list[Box]] = {}
    for box in view.boxes:
        members.setdefault(groups[box.key], []).append(box)
    key = {group: i for i, group in enumerate(members)}
    boxes = [merge(found) if len(found) > 1 else found[0] for found in members.values()]
    arrows: dict[tuple[int, int, Hashable], list[Arrow]] = {}
    for arrow in view.arrows:
        name = same(arrow)
        if name is not None:
            tail, head = key[groups[arrow.tail]], key[groups[arrow.head]]
            arrows.setdefault((tail, head, name), []).append(replace(arrow, tail=tail, head=head))
    return replace(
        view,
        boxes=tuple(replace(box, key=i) for i, box in enumerate(boxes)),
        arrows=tuple(_one_arrow(found, together=name[2] == "many") for name, found in arrows.items()),
    )


def _cell(boxes: list[Box], exits: list[Box]) -> Box:
    """What was recorded in one scope of one step. With one exit it wears that one's value and gradient."""
    first, ops = boxes[0], [box for box in boxes if box.role in ("op", "loss", "root")]
    inner = tuple(f"{box.title}: {_numbers(box)}" for box in ops)
    shown = exits[-1] if len(exits) == 1 else None
    return Box(
        key=0,
        title=first.scope.rpartition("/")[2] + (f": {shown.title}" if shown else ""),
        corner=f"{len(ops)} ops",
        role=shown.role if shown and shown.role in ("root", "loss") else "cell",
        place=first.place,
        value=shown.value if shown else None,
        grad=shown.grad if shown else None,
        differentiable=shown.differentiable if shown else False,
        tooltip=Tooltip((first.scope,), inner),
        history=shown.history if shown else (),
        visit=shown.visit if shown else None,
        scope=first.scope,
        like=("cell", first.scope),
    )


def _numbers(box: Box) -> str:
    return f"value {brief(box.value)}, grad {brief(box.grad)}"


def _over_time(boxes: list[Box]) -> Box:
    """Boxes of different steps that are alike: the gradients are summed, the values are many."""
    first, known = boxes[0], all(box.grad is not None for box in boxes)
    total = _total([box.grad for box in boxes]) if known else None
    when = max((turn for box in boxes for turn, _ in box.history), default=0)
    return replace(
        first,
        title=_one_title([_any_step(box) for box in boxes]),
        corner=f"{first.corner} ×{len(boxes)}" if first.role != "alias" else f"×{len(boxes)}",
        value=None,
        grad=total,
        differentiable=all(box.differentiable for box in boxes),
        tooltip=Tooltip((), tuple(f"t = {box.place}: {_numbers(box)}" for box in boxes)),
        history=((when, total),) if total is not None else (),
        visit=None,
    )


def _any_step(box: Box) -> str:
    """A title without its step: h_t for h_3, and what a label says after that is of one step alone."""
    return re.sub(rf"_{box.place}(?!\d).*", "_t", box.title)


def _one_title(titles: list[str]) -> str:
    return titles[0] if len(set(titles)) == 1 else "varies"


def _one_arrow(arrows: list[Arrow], together: bool) -> Arrow:
    """One for several: what they carry is summed, or, of many scalars ``together``, stands side by side."""
    first = arrows[0]
    if len(arrows) == 1:
        return first
    known = [arrow for arrow in arrows if arrow.contribution is not None]
    parts = [arrow.contribution for arrow in known]
    total = np.array([float(np.sum(part)) for part in parts]) if together else _total(parts)
    visit = max((arrow.visit for arrow in known if arrow.visit is not None), default=None)
    return replace(first, contribution=total, visit=visit, tooltip=Tooltip.of_all(a.tooltip for a in arrows[:8]))


def _total(arrays: list[Any]) -> Any:
    """The sum of contributions; None where there are none, or of different shapes."""
    if not arrays or len({np.shape(array) for array in arrays}) > 1:
        return None
    return sum(arrays[1:], start=arrays[0])
