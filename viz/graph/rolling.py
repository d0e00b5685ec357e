"""A rolled view: view -> view, with the steps of each loop as one column, and an arrow back where a step reads another.

A box of it stands for one box in every step. What differs from step to step, values and the gradients of states, is
not shown. What is one for all steps is: a weight's gradient, the sum over its steps. Weights that states and inputs
are multiplied by stand on their arrows.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import replace

from microgradrnn.counting import counted

from ..numbers import brief
from .acyclic import parts
from .collapse import Group, gathered, numbered, one_arrow, total
from .view import DETACHED, Arrow, Box, Output, Place, Tooltip, View

_LEAVES = ("data", "leaf", "parameter")
_STEP = re.compile(r"_(\d+)(\[[\d,]*\])?")


def rolled(view: View) -> View:
    """One column for all steps of a loop, and the next one for a loop that goes on from it, as a decoder does.

    Boxes of different steps that are alike are one.
    """
    return traced(view)[0]


def traced(view: View) -> tuple[View, Mapping[int, int]]:
    """As `rolled`, with the key of the box that stands for each one. A weight on arrows has none."""
    columns = _columns(view)
    arrows = tuple(replace(arrow, back=_goes_back(view, arrow, columns)) for arrow in view.arrows)
    view = replace(view, arrows=arrows)
    slots: dict[tuple[int, int], int] = {}

    def same(arrow: Arrow) -> Hashable:
        slots[arrow.tail, arrow.head] = slot = slots.get((arrow.tail, arrow.head), 0) + 1
        return slot, arrow.back

    groups = _groups(view, columns)
    found = gathered(view, groups, lambda _, boxes: _any_step_of(boxes), same, _over_time)
    steps = tuple(sorted(set(columns.values())))
    place = {box.key: _place(box, columns) for box in found.boxes}
    captions = {}
    for first in steps:
        times = [t for t in view.steps if columns[t] == first]
        captions[first] = f"t = {times[0]} … {times[-1]}  ×{len(times)}" if len(times) > 1 else f"t = {first}"
    note = f"rolled: {counted(len(view.steps), 'time step')} in {counted(len(steps), 'column')}; weights on arrows"
    in_columns = replace(
        found,
        boxes=tuple(replace(box, place=place[box.key]) for box in found.boxes),
        steps=steps,
        notes=(*view.notes, note),
        captions=captions,
    )
    key = _without_weights_on_arrows(in_columns)
    number = {group: i for i, group in enumerate(dict.fromkeys(groups))}
    keys = {box.key: key[number[groups[box.key]]] for box in view.boxes if number[groups[box.key]] in key}
    return _only(in_columns, key), keys


def _columns(view: View) -> dict[Place, int]:
    """For each time step the first step of the column that it stands in: steps that share a scope share a column."""
    scopes: dict[Place, set[str]] = {step: set() for step in view.steps}
    reach: dict[str, int] = {}
    for box in view.boxes:
        if isinstance(box.place, int) and box.role in ("op", "loss", "root", "cell"):
            name = box.scope.split("/")[0]
            scopes[box.place].add(name)
            reach[name] = max(reach.get(name, box.place), box.place)
    columns: dict[Place, int] = {}
    first = end = view.steps[0]
    for step in view.steps:
        if step > end:
            first = step
        columns[step] = first
        end = max([end, step, *(reach[name] for name in scopes[step])])
    return columns


def _groups(view: View, columns: dict[Place, int]) -> list[Group]:
    """For each box what it is one with. Within a step the boxes of a rolled view make no cycle."""
    wanted: list[Hashable] = [
        ("like", box.like, columns[box.place]) if box.place in columns and box.like is not None else box.key
        for box in view.boxes
    ]
    gap = {box.key for box in view.boxes if box.role == "gap"}
    return parts(wanted, [(a.tail, a.head) for a in view.arrows if not a.back and not gap & {a.tail, a.head}])


def _place(box: Box, columns: dict[Place, int]) -> Place:
    """Where a box of a rolled view stands. A leaf that one step alone reads, a state to start from, is not repeated."""
    place = columns.get(box.place, box.place)
    starts = box.role in _LEAVES and box.value is not None and box.corner != DETACHED
    return "before" if starts and place == min(columns.values()) else place


def _goes_back(view: View, arrow: Arrow, columns: dict[Place, int]) -> bool:
    """Whether an arrow leads from one step to another one that stands in the same column."""
    tail, head = view.boxes[arrow.tail].place, view.boxes[arrow.head].place
    return tail != head and tail in columns and columns.get(tail) == columns.get(head)


def _any_step_of(boxes: list[Box]) -> Box:
    """What stands for boxes of different steps that are alike."""
    first = boxes[0]
    if not isinstance(first.place, int) or first.role == "gap" or (len(boxes) == 1 and first.role in _LEAVES):
        return first
    is_weight = first.role == "alias"
    grad = total([box.grad for box in boxes]) if is_weight and all(box.grad is not None for box in boxes) else None
    when = max((turn for box in boxes for turn, _ in box.history), default=0)
    return replace(
        first,
        title=_one_name([_in_any_step(box, box.place) for box in boxes]),
        corner=f"×{len(boxes)}" if is_weight else f"{first.corner} ×{len(boxes)}".strip(),
        value=None,
        grad=grad,
        differentiable=is_weight and first.differentiable,
        tooltip=Tooltip((), tuple(f"t = {box.place}: {_numbers(box)}" for box in boxes)),
        history=((when, grad),) if grad is not None else (),
        visit=None,
        outputs=tuple(_outputs_in_any_step(boxes)),
    )


def _outputs_in_any_step(boxes: list[Box]) -> list[Output]:
    """The outputs of all steps, each once: their values and gradients are not one for all."""
    found: dict[Hashable, str] = {}
    for box in boxes:
        for output in box.outputs:
            name = _in_any_step(output, box.place).partition(" (")[0]  # it is numbered anew
            found.setdefault((output.like, name), name)
    return numbered([Output(name, None, None, differentiable=False) for name in found.values()])


def _numbers(box: Box) -> str:
    if not box.outputs:
        return f"value {brief(box.value)}, grad {brief(box.grad)}"
    return "; ".join(f"{out.name} value {brief(out.value)}, grad {brief(out.grad)}" for out in box.outputs)


def _in_any_step(named: Box | Output, place: Place) -> str:
    """What a box or an output is called in any step: its name without the step, or of no label the op's symbol."""
    name = named.title if isinstance(named, Box) else named.name
    return named.symbol or _without_step(name, place)


def _without_step(name: str, place: Place) -> str:
    """A name without its step: h_t for h_3, and h_t[0,1] for h_3[0,1].

    >>> _without_step("h_3", 3), _without_step("h1_3[0,1]", 3), _without_step("x_2 'a'", 2), _without_step("W_31", 3)
    ('h_t', 'h1_t[0,1]', 'x_t', 'W_31')
    """
    for found in _STEP.finditer(name):
        if int(found[1]) == place:
            return f"{name[: found.start()]}_t{found[2] or ''}"
    return name


def _one_name(names: list[str]) -> str:
    """What boxes have in common that are alike but for their names, such as numbers that are data."""
    return names[0] if len(set(names)) == 1 else "one per step"


def _over_time(arrows: list[Arrow], _: Hashable) -> Arrow:
    """One arrow for those of all steps. Only a weight's contributions are one thing that adds up."""
    first = one_arrow(arrows)
    return replace(first, label=first.weight, edge=None)


def _without_weights_on_arrows(view: View) -> dict[int, int]:
    """New keys for all boxes but those of weights whose name stands on an arrow."""
    named = {(arrow.head, arrow.label) for arrow in view.arrows if arrow.label}
    reader = {arrow.tail: arrow.head for arrow in view.arrows}
    gone = {box.key for box in view.boxes if box.role == "alias" and (reader.get(box.key), box.title) in named}
    return {box.key: i for i, box in enumerate(box for box in view.boxes if box.key not in gone)}


def _only(view: View, key: Mapping[int, int]) -> View:
    """The view of the boxes that have a new key; states have no gradients here, nor have arrows."""

    def means_something(arrow: Arrow) -> bool:
        """Whether what the arrow carries is a part of one gradient: of a weight's, or of a node outside time."""
        tail = view.boxes[arrow.tail]
        return tail.role == "alias" or not isinstance(tail.place, int)

    boxes = tuple(replace(box, key=key[box.key]) for box in view.boxes if box.key in key)
    moved = (
        replace(a, tail=key[a.tail], head=key[a.head])
        if means_something(a)
        else replace(a, tail=key[a.tail], head=key[a.head], contribution=None, visit=None)
        for a in view.arrows
        if a.tail in key
    )
    return replace(view, boxes=boxes, arrows=tuple(moved))
