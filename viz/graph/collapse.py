"""Views from further away: view -> view, with boxes gathered into one.

- `cells`: what was recorded in one scope of one step is one box, which shows all that others read of it.
- `nearest`: only what is nearest to the root, for a picture with too many boxes, or whose layout takes too long.
- `gathered`, `one_arrow`, `total`, `numbered`: for the views that gather boxes in another way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from microgradrnn.counting import counted

from ..names import scope_names
from ..numbers import brief
from .acyclic import parts
from .view import Arrow, Box, Output, Role, Tooltip, View

Group = tuple[Hashable, int]


def cells(view: View) -> View:
    """A box for each scope in each step; weights, and constants without a label, go into the box that reads them.

    Where a path leaves a scope's box and comes back, as it does where two layers share a scope, the box is split.
    Scalars of one name, such as the entries w[0,0] and w[0,1], stand side by side as one array.
    """
    groups = _groups(view)
    members: dict[Group, list[Box]] = {}
    for box in view.boxes:
        members.setdefault(groups[box.key], []).append(box)
    made = {group: found for group, found in members.items() if any(map(_is_inside, found))}
    leaving = {arrow.tail for arrow in view.arrows if groups[arrow.tail] != groups[arrow.head]}
    exits = {
        group: _by_name([box for box in found if box.key in leaving or box.role == "root"])
        for group, found in made.items()
    }
    output = {box.key: i for found in exits.values() for i, boxes in enumerate(found) for box in boxes}
    titles = scope_names({_scope(found) for found in made.values()})
    count = Counter(group for group, _ in made)
    several = {box.key: (i, len(found)) for found in _side_by_side(members, exits) for i, box in enumerate(found)}
    arrows = [
        replace(
            arrow,
            output=output.get(arrow.tail),
            contribution=_entry(arrow.contribution, several.get(arrow.tail)),
            edge=None if arrow.tail in several or groups[arrow.head] in made else arrow.edge,
        )
        for arrow in view.arrows
    ]
    inside: dict[int, list[Any]] = {}
    for arrow in arrows:
        if groups[arrow.tail] == groups[arrow.head] and arrow.contribution is not None:
            inside.setdefault(arrow.tail, []).append(arrow.contribution)

    def same(arrow: Arrow) -> Hashable:
        """What one box, or several side by side, send to a cell is one arrow."""
        tail, head = groups[arrow.tail], groups[arrow.head]
        if tail not in made and head not in made and arrow.tail not in several:
            return id(arrow)
        return None if tail == head else ("side by side", arrow.output) if arrow.tail in several else arrow.tail

    def merge(group: Group, boxes: list[Box]) -> Box:
        if group not in made:
            return boxes[0] if len(boxes) == 1 else _joined(boxes)
        which = f" ({group[1] + 1} of {count[group[0]]})" if count[group[0]] > 1 else ""
        outputs = numbered([_output(found, inside) for found in exits[group]])
        return _cell(boxes, outputs, titles[_scope(boxes)] + which, group[1])

    return gathered(replace(view, arrows=tuple(arrows)), groups, merge, same, lambda found, _: one_arrow(found))


def _side_by_side(members: Mapping[Group, list[Box]], exits: Mapping[Group, list[list[Box]]]) -> Iterator[list[Box]]:
    """The scalars that are one array, of a cell or of what stands alone."""
    for group, boxes in members.items():
        yield from (found for found in exits.get(group, [boxes]) if len(found) > 1)


def _entry(contribution: Any, place: tuple[int, int] | None) -> Any:
    """A contribution to one of several scalars that stand side by side, as one to all of them."""
    if contribution is None or place is None:
        return contribution
    return float(np.sum(contribution)) * (np.arange(place[1]) == place[0])


def _scope(boxes: list[Box]) -> str:
    """The scope that a group of boxes was recorded in."""
    return next(box.scope for box in boxes if _is_inside(box))


def _is_inside(box: Box) -> bool:
    """Whether a box is an op that a scope's box stands for."""
    return bool(box.scope) and box.role in ("op", "loss", "root")


def _groups(view: View) -> list[Group]:
    """For each box the scope and step, and which part of that, whose box it goes into; or itself."""
    readers: dict[int, set[int]] = {}
    for arrow in view.arrows:
        readers.setdefault(arrow.tail, set()).add(arrow.head)
    wanted: list[Hashable] = [
        (box.scope, box.place)
        if _is_inside(box)
        else (box.symbol, box.place, frozenset(readers[box.key]))
        if _is_entry(box)
        else box.key
        for box in view.boxes
    ]
    gap = {box.key for box in view.boxes if box.role == "gap"}  # what stands for many may be before and after others
    found: list[Group] = parts(
        wanted, [(a.tail, a.head) for a in view.arrows if not gap & {a.tail, a.head} and not a.back]
    )
    for box in view.boxes:
        of_reader = {found[reader] for reader in readers.get(box.key, ())}
        if len(of_reader) == 1 and all(_goes_into(box, view.boxes[reader]) for reader in readers[box.key]):
            found[box.key] = of_reader.pop()
        elif len(of_reader) == 1 and "[" in box.title and _is_scalar_leaf(box):
            found[box.key] = (of_reader.pop(), box.place, box.role, _base(box)), 0
    return found


def _is_entry(box: Box) -> bool:
    """Whether a box is a number computed outside all scopes, and without a label: an entry of a lowered tensor, say.

    Those that do the same for the same readers stand side by side.
    """
    return bool(box.symbol) and box.role == "op" and np.ndim(box.value) == 0


def _is_scalar_leaf(box: Box) -> bool:
    """Whether a box is one number that a user has made: a weight, or an entry of one, or data."""
    return box.labelled and box.role in ("leaf", "parameter", "data") and np.ndim(box.value) == 0


def _goes_into(box: Box, reader: Box) -> bool:
    """Whether a box without inputs goes into the box of what reads it."""
    if not _is_inside(reader):
        return False
    is_input = box.labelled or (np.size(box.value) > 1 and np.asarray(box.value).dtype.kind == "f")
    return box.role == "alias" or (box.role == "data" and not is_input)  # a 2, say, or a class


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


def gathered(
    view: View,
    groups: Sequence[Group],
    merge: Callable[[Group, list[Box]], Box],
    same: Callable[[Arrow], Hashable],
    join: Callable[[list[Arrow], Hashable], Arrow],
) -> View:
    """The view with the boxes of each group as one.

    Args:
        view: what to gather.
        groups: for each box, what group it belongs to.
        merge: a group and its boxes -> the box that stands for them.
        same: what arrows between the same two groups must share to become one; None for an arrow that goes.
        join: several arrows, and what they share -> the arrow that stands for them.
    """
    members: dict[Group, list[Box]] = {}
    for box in view.boxes:
        members.setdefault(groups[box.key], []).append(box)
    key = {group: i for i, group in enumerate(members)}
    boxes = [merge(group, found) for group, found in members.items()]
    arrows: dict[tuple[int, int, Hashable], list[Arrow]] = {}
    for arrow in view.arrows:
        name = same(arrow)
        if name is not None:
            tail, head = key[groups[arrow.tail]], key[groups[arrow.head]]
            arrows.setdefault((tail, head, name), []).append(replace(arrow, tail=tail, head=head))
    return replace(
        view,
        boxes=tuple(replace(box, key=i) for i, box in enumerate(boxes)),
        arrows=tuple(join(found, name[2]) for name, found in arrows.items()),
    )


def _cell(boxes: list[Box], outputs: list[Output], title: str, part: int) -> Box:
    """What was recorded in one scope of one step: it shows all that is read outside it."""
    ops = [box for box in boxes if _is_inside(box)]
    leads = {output.name for output in outputs}
    losses = {box.title for box in ops if box.role == "loss"}
    role: Role = "root" if any(box.role == "root" for box in ops) else "loss" if leads and leads <= losses else "cell"
    inner = [f"{box.title}: value {brief(box.value)}, grad {brief(box.grad)}" for box in ops]
    inner += [
        f"of the grad of {out.name} {brief(out.inside)} is from inside" for out in outputs if out.inside is not None
    ]
    return Box(
        key=0,
        title=title,
        corner=counted(len(ops), "op"),
        role=role,
        place=ops[0].place,
        value=None,
        grad=None,
        differentiable=False,
        tooltip=Tooltip((ops[0].scope,), tuple(inner)),
        scope=ops[0].scope,
        like=("cell", ops[0].scope, part),
        outputs=tuple(outputs),
    )


def _by_name(boxes: list[Box]) -> list[list[Box]]:
    """Boxes in the order of recording, with the scalars of one name as one."""
    found: dict[Hashable, list[Box]] = {}
    for box in boxes:
        found.setdefault(_base(box) if np.ndim(box.value) == 0 else box.key, []).append(box)
    return list(found.values())


def _base(box: Box) -> str:
    """The name of a tensor's entry without its place: h_2 of h_2[0,1]. Without a label it is what the op does."""
    return box.symbol or box.title.partition("[")[0] or box.title


def _output(boxes: list[Box], inside: Mapping[int, list[Any]]) -> Output:
    """A box of a cell that is read outside it, or scalars side by side.

    Args:
        boxes: the box, or the scalars.
        inside: what the cell's own nodes contribute to each of its boxes.
    """
    box = boxes[0] if len(boxes) == 1 else _joined(boxes)
    name = box.title if len(boxes) == 1 else f"{box.title} ×{len(boxes)}"
    within = total([part for found in boxes for part in inside.get(found.key, ())])
    return Output(
        name,
        box.value,
        box.grad,
        box.differentiable,
        box.history,
        box.visit,
        within,
        box.like,
        box.symbol,
        box.moment,
    )


def numbered(outputs: list[Output]) -> list[Output]:
    """Outputs of one name, such as two that are only known by their op, with their numbers."""
    count, seen = Counter(output.name for output in outputs), Counter[str]()
    found = []
    for output in outputs:
        seen[output.name] += 1
        several = f" ({seen[output.name]} of {count[output.name]})" if count[output.name] > 1 else ""
        found.append(replace(output, name=output.name + several))
    return found


def _joined(boxes: list[Box]) -> Box:
    """Scalars side by side."""
    first = boxes[0]
    known = all(box.grad is not None for box in boxes)
    grad = np.array([box.grad for box in boxes]) if known else None
    when = max((turn for box in boxes for turn, _ in box.history), default=0)
    return replace(
        first,
        title=_base(first),
        corner=f"×{len(boxes)}",
        value=np.array([box.value for box in boxes]),
        grad=grad,
        differentiable=any(box.differentiable for box in boxes),
        tooltip=Tooltip.of_all(box.tooltip for box in boxes[:8]),
        history=((when, grad),) if known else (),
        visit=None,
        moment=max((box.moment for box in boxes if box.moment is not None), default=None),
    )


def one_arrow(arrows: list[Arrow]) -> Arrow:
    """One for several: what they carry is summed."""
    first = arrows[0]
    if len(arrows) == 1:
        return first
    known = [arrow for arrow in arrows if arrow.contribution is not None]
    return replace(
        first,
        contribution=total([arrow.contribution for arrow in known]),
        visit=max((arrow.visit for arrow in known if arrow.visit is not None), default=None),
        tooltip=Tooltip.of_all(arrow.tooltip for arrow in arrows[:8]),
        weight=", ".join(dict.fromkeys(arrow.weight for arrow in arrows if arrow.weight)),
        edge=None,
    )


def total(arrays: Sequence[Any]) -> Any:
    """The sum of contributions; None where there are none, or of different shapes."""
    if not arrays or len({np.shape(array) for array in arrays}) > 1:
        return None
    return sum(arrays[1:], start=arrays[0])
