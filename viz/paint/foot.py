"""What stands under a figure where it is asked for: what the colours mean, and how shared weights' gradients add up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from ..graph.view import Sum, View
from ..words.blocks import NORMS
from .nodes import NUMBER, SMALL, Node, Printed, short
from .typeset import Run, extent, parsed, plain, runs

Line = tuple[Printed, ...]

_MEANS = {
    "input": "input",
    "state": "state, handed from step to step",
    "cell": "cell, with the states that it hands on",
    "output": "output",
    "op": "operation",
    "loss": "loss",
}


def legend(view: View, nodes: Mapping[int, Node], numbers: bool, room: float) -> list[Line]:
    """What colours and signs mean, as far as they are there, in lines that fit."""
    there = {node.kind for node in nodes.values()}
    pieces = [Printed(tuple(plain(f"■ {said}", SMALL)), kind) for kind, said in _MEANS.items() if kind in there]
    if numbers:
        pieces.append(Printed(tuple(plain("value", SMALL)), "value"))
        pieces.append(Printed(tuple(plain("∇ gradient, and on an arrow what it contributes", SMALL)), "grad"))
        if any(short(data).startswith("‖") for box in view.boxes for data in box.numbers if data is not None):
            pieces.append(Printed(tuple(plain(NORMS, SMALL)), "faint"))
    if any(arrow.weight for arrow in view.arrows):
        pieces.append(Printed(tuple(plain("W on an arrow: the weight on the way", SMALL)), "faint"))
    return _filled([*pieces, *(Printed(tuple(plain(f"⋯ {note}", SMALL)), "faint") for note in _notes(view))], room)


def _notes(view: View) -> Iterable[str]:
    return (note.partition(": draw(")[0] for note in view.notes)


def sums(view: View, room: float) -> list[Line]:
    """Each shared weight's gradient, and what each step contributes to it: the first and the last ones."""
    return [_sum(shared, room) for shared in view.sums]


def _sum(shared: Sum, room: float) -> Line:
    name = parsed(shared.title)
    head = [Run("∇", 0.0, 0.0, NUMBER, "sans")]
    head += [Run(run.text, run.x + 9, run.drop, run.size, run.font) for run in runs(name, NUMBER + 1.5, SMALL)]
    parts = sorted(shared.parts, key=lambda part: (part[0] is None, part[0] or 0))
    for count in range(len(parts), 0, -1):
        kept = parts if count == len(parts) else [*parts[: count - count // 2], None, *parts[len(parts) - count // 2 :]]
        total, between = short(shared.total), "  +  "
        if total.startswith("‖"):  # norms do not add
            between = ",  "
        text = between.join("⋯" if part is None else _part(*part) for part in kept)
        said = Printed(tuple(plain(f"=  {total}{'  of  ' if between[0] == ',' else '  =  '}{text}", NUMBER)), "grad")
        if said.width + extent(head) + 10 <= room or count == 1:
            return Printed(tuple(head), "grad"), said
    return (Printed(tuple(head), "grad"),)


def _part(t: int | None, data: object) -> str:
    return short(data) if t is None else f"{short(data)} (t={t})"


def _filled(pieces: Sequence[Printed], room: float) -> list[Line]:
    lines: list[Line] = []
    used = math.inf
    for piece in pieces:
        if used + piece.width > room:
            lines.append(())
            used = 0.0
        lines[-1] = (*lines[-1], piece)
        used += piece.width + 14
    return lines
