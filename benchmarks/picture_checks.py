"""What holds for every picture, checked on the view and on the positions that things have in it.

`faults` gives what does not hold, each as (kind, words).
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from viz.draw import Drawing
from viz.graph.view import View
from viz.layout.arrange import Arranged, Point
from viz.paint.figures import captions, figures
from viz.paint.geometry import Rectangle, around, overlap
from viz.paint.marks import Mark, marks

Fault = tuple[str, str]
WIDEST = 3.0
SHRUNK = 1.0
"""What touches the border of a box is not on it."""


def faults(drawing: Drawing, every_use: bool) -> list[Fault]:
    """What is wrong with a drawing.

    Args:
        drawing: what to check.
        every_use: whether every use of a node has an arrow of its own, so that contributions must sum.
    """
    source = drawing.svg()
    placed = replace(drawing.placed, view=drawing.view)
    found = [*_names(placed.view), *_labels(placed), *_arrows(placed), *_scale(placed.view, source)]
    found += _marks(placed, marks(placed.view, drawing.look))
    found += [*_outputs(placed.view), *_weights(placed.view), *_inside(placed, source)]
    return found + list(_sums(placed.view)) if every_use else found


def aspect(drawing: Drawing) -> float:
    """How many times as wide as high a picture is."""
    found = re.search(r'width="(\d+)" height="(\d+)"', drawing.svg())
    assert found is not None
    return int(found[1]) / int(found[2])


def _names(view: View) -> Iterator[Fault]:
    for box in view.boxes:
        if not box.title.strip() or box.title == "varies":
            yield "name", f"box {box.key}, {box.role}, is called {box.title!r}"


def _bounds(placed: Arranged) -> dict[int, Rectangle]:
    found = {}
    for key, centre in placed.layout.boxes.items():
        left, top, right, bottom = around(centre, placed.sizes[key])
        found[key] = left + SHRUNK, top + SHRUNK, right - SHRUNK, bottom - SHRUNK
    return found


def _labels(placed: Arranged) -> Iterator[Fault]:
    """Numbers on arrows lie on no box, on no caption and not on one another, and none is left out."""
    boxes, found = _bounds(placed), figures(placed)
    stand = [(f"box {key}", bounds) for key, bounds in boxes.items()]
    stand += [(f"caption {step}", caption.rectangle) for step, caption in captions(placed).items() if caption.text]
    for i, mine in found.rectangles.items():
        for name, other in stand:
            if overlap(mine, other):
                yield "label", f"the number of arrow {i} lies on {name}"
    for (i, mine), (j, other) in itertools.combinations(found.rectangles.items(), 2):
        if overlap(mine, other):
            yield "label", f"the numbers of arrows {i} and {j} lie on each other"
    for i, arrow in enumerate(placed.view.arrows):
        if (
            (arrow.contribution is not None or arrow.label)
            and placed.view.boxes[arrow.tail].role != "alias"
            and i not in found.places
            and i not in placed.rooms
        ):
            yield "label", f"the number of arrow {i} is left out"
    for one, two in itertools.combinations(boxes.items(), 2):
        if overlap(one[1], two[1]):
            yield "box", f"boxes {one[0]} and {two[0]} lie on each other"


def _marks(placed: Arranged, found: Mapping[int, Mark]) -> Iterator[Fault]:
    """What stands on arrows lies on no box, no caption, no other arrow, and on nothing else that does."""
    stand = [(f"box {key}", bounds) for key, bounds in _bounds(placed).items()]
    stand += [(f"caption {step}", caption.rectangle) for step, caption in captions(placed).items() if caption.text]
    stand += [(f"the number of arrow {i}", rectangle) for i, rectangle in figures(placed).rectangles.items()]
    mine = [(i, r) for i, mark in found.items() for r in mark.rectangles(*placed.layout.rooms[i])]
    for i, rectangle in mine:
        for name, other in stand:
            if overlap(rectangle, other):
                yield "mark", f"what stands on arrow {i} lies on {name}"
    for (i, one), (j, two) in itertools.combinations(mine, 2):
        if overlap(one, two):
            yield "mark", f"what stands on arrows {i} and {j} lies on each other"
    if not mine:
        return
    left, top, right, bottom = np.array([rectangle for _, rectangle in mine]).T
    for k, path in placed.layout.arrows.items():
        x, y = np.array(list(_along(path))).T
        inside = (left < x[:, None]) & (x[:, None] < right) & (top < y[:, None]) & (y[:, None] < bottom)
        for m in np.flatnonzero(inside.any(axis=0)):
            if mine[m][0] != k:
                yield "mark", f"arrow {k} runs through what stands on arrow {mine[m][0]}"


def _arrows(placed: Arranged) -> Iterator[Fault]:
    """Arrows run from their tail to their head through no other box."""
    boxes = _bounds(placed)
    keys = list(boxes)
    left, top, right, bottom = np.array([boxes[key] for key in keys]).T
    for i, arrow in enumerate(placed.view.arrows):
        x, y = np.array(list(_along(placed.layout.arrows[i]))).T
        inside = (left < x[:, None]) & (x[:, None] < right) & (top < y[:, None]) & (y[:, None] < bottom)
        for k in np.flatnonzero(inside.any(axis=0)):
            if keys[k] not in (arrow.tail, arrow.head):
                yield "arrow", f"arrow {i} from box {arrow.tail} to box {arrow.head} runs through box {keys[k]}"
        for (x0, y0), key in ((placed.layout.arrows[i][0], arrow.tail), (placed.layout.arrows[i][-1], arrow.head)):
            near = around(placed.layout.boxes[key], tuple(side + 6 for side in placed.sizes[key]))  # type: ignore[arg-type]
            if not (near[0] <= x0 <= near[2] and near[1] <= y0 <= near[3]):
                yield "arrow", f"arrow {i} does not end at box {key}"


def _along(path: list[Point]) -> Iterator[Point]:
    """Points along a path of cubic Bézier curves."""
    for k in range(0, len(path) - 3, 3):
        for s in np.linspace(0, 1, 24):
            weights = ((1 - s) ** 3, 3 * s * (1 - s) ** 2, 3 * s * s * (1 - s), s**3)
            a, b = (sum(w * p[axis] for w, p in zip(weights, path[k : k + 4], strict=True)) for axis in (0, 1))
            yield a, b


def _scale(view: View, source: str) -> Iterator[Fault]:
    """The scale of gradients is above 0, and no gradient of a strip is beyond it, sums included."""
    grads = [box.grad for box in view.boxes if np.ndim(box.grad) > 0]
    grads += [output.grad for box in view.boxes for output in box.outputs if np.ndim(output.grad) > 0]
    grads += [part for s in view.sums if view.steps for _, part in s.parts if np.ndim(part) > 0]
    grads += [s.total for s in view.sums if view.steps if np.ndim(s.total) > 0]
    if not grads:
        return
    found = re.search(r">\+(\S+) in all strips<", source)
    largest = max(float(np.abs(grad).max(initial=0.0)) for grad in grads)
    if found is None:
        yield "scale", "no gradient scale is shown"
    elif float(found[1].replace("−", "-")) < largest * 0.999:
        yield "scale", f"the gradient scale is {found[1]}, and a gradient {largest:.4g}"


def _outputs(view: View) -> Iterator[Fault]:
    """Every output of a box that stands for several nodes shows its gradient, and, of one time step, its value."""
    rolled = bool(view.captions)
    for box in view.boxes:
        for output in box.outputs:
            lacks_grad = output.differentiable and output.grad is None and not rolled
            if not output.name.strip() or lacks_grad or (output.value is None and not rolled):
                yield "output", f"box {box.key}, {box.title}, does not show all of {output.name!r}"
        if box.role == "cell" and not box.outputs and box.value is None and not rolled:
            yield "output", f"box {box.key}, {box.title}, shows no output"


def _weights(view: View) -> Iterator[Fault]:
    """Where a weight is read it shows a gradient; in a rolled picture what its boxes show adds up to its gradient.

    A weight that stands on an arrow too shows only a part of it in boxes.
    """
    uses = defaultdict(list)
    for box in view.boxes:
        if box.role == "alias" and box.differentiable:
            uses[box.title].append(box.grad)
    known = any(box.grad is not None for box in view.boxes if box.role == "root")
    on_arrows = {arrow.label for arrow in view.arrows}
    totals = {s.title: s.total for s in view.sums}
    for title, grads in uses.items():
        if known and any(grad is None for grad in grads):
            yield "weight", f"{title} shows no gradient"
        elif known and view.captions and title in totals.keys() - on_arrows:
            yield from _unequal("weight", f"what the boxes of {title} show", grads, totals[title])
    for title, total in totals.items():
        if known and total is None:
            yield "weight", f"the panel shows no gradient of {title}"


def _inside(placed: Arranged, source: str) -> Iterator[Fault]:
    """The numbers and names on arrows lie inside the picture."""
    found = re.search(r'<svg [^>]*viewBox="0 0 (\S+) (\S+)"', source)
    graph = re.search(r'<g transform="translate\((\S+) (\S+)\)"', source)
    assert found is not None
    assert graph is not None
    width, height, x, y = (float(part) for part in (found[1], found[2], graph[1], graph[2]))
    for i, (left, top, right, bottom) in figures(placed).rectangles.items():
        if left + x < 0 or top + y < 0 or right + x > width or bottom + y > height:
            yield "outside", f"the number of arrow {i} is cut off at the border"


def _sums(view: View) -> Iterator[Fault]:
    """The contributions out of a box add up to its gradient."""
    parts = defaultdict(list)
    for arrow in view.arrows:
        parts[arrow.tail].append(arrow.contribution)
    for box in view.boxes:
        found = parts[box.key]
        if box.grad is None or box.role in ("root", "gap") or any(part is None for part in found):
            continue
        yield from _unequal("sum", f"what leaves box {box.key}, {box.title},", found, box.grad)
    for s in view.sums:
        if s.total is not None:
            yield from _unequal("sum", f"what the uses of {s.title} contribute", [part for _, part in s.parts], s.total)


def _unequal(kind: str, what: str, parts: list[Any], total: Any) -> Iterator[Fault]:
    if not np.allclose(sum(parts), total, rtol=1e-9, atol=1e-12):
        yield kind, f"{what} does not add up to the gradient"
