"""What holds for every figure (`draw(style="figure")`), checked on its marks.

`faults` gives what does not hold, each as (kind, words).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from benchmarks.picture_checks import WIDEST, Fault
from viz.figure import Figure
from viz.layout.ends import is_inside
from viz.paint.figure_marks import Line, Picture, Shape, Text
from viz.paint.geometry import Rectangle, Way, around, overlap
from viz.paint.nodes import on_arrow


def faults(figure: Figure) -> list[Fault]:
    """What is wrong with a figure that has neither a panel nor a legend."""
    picture = figure.picture
    boxes = [mark for mark in picture.marks if isinstance(mark, Shape) and mark.title]
    places = [around((box.x, box.y), (box.width, box.height)) for box in boxes]
    labels = {text: _bounds(text) for text in _beside(picture, places)}
    found = list(_shape(picture))
    for (i, a), (j, b) in itertools.combinations(enumerate(places), 2):
        if overlap(a, b):
            found.append(("box", f"{boxes[i].title} and {boxes[j].title} lie on each other"))
    found += [*_lines(picture, boxes, labels), *_labels(boxes, places, labels)]
    wanted = sum(len(on_arrow(arrow, figure.numbers)) for arrow in figure.view.arrows)
    if len(labels) < wanted:
        found.append(("label", f"{wanted - len(labels)} of the {wanted} labels on arrows are left out"))
    return found


def _shape(picture: Picture) -> Iterator[Fault]:
    ratio = picture.width / picture.height
    if not 1 / WIDEST - 1e-3 <= ratio <= WIDEST + 1e-3:
        yield "aspect", f"{ratio:.2f} times as wide as high"


def _beside(picture: Picture, places: list[Rectangle]) -> list[Text]:
    """The texts that stand beside boxes, but for dots and the steps that they stand for."""
    texts = (mark for mark in picture.marks if isinstance(mark, Text) and not _is_in_one(mark, places))
    return [t for t in texts if t.ink == "grad" or (t.ink == "faint" and not re.fullmatch(r"'[\d–]+'", _said(t)))]


def _is_in_one(text: Text, places: list[Rectangle]) -> bool:
    x, y = text.x + text.width / 2, text.y - 3
    return any(left < x < right and top < y < bottom for left, top, right, bottom in places)


def _bounds(text: Text) -> Rectangle:
    """The letters of a text, and what stands below its line."""
    tall = max(run.size for run in text.runs)
    return text.x, text.y - 0.7 * tall, text.x + text.width, text.y + max(0.6 * run.drop for run in text.runs)


def _labels(boxes: list[Shape], places: list[Rectangle], labels: dict[Text, Rectangle]) -> Iterator[Fault]:
    for text, mine in labels.items():
        for box, place in zip(boxes, places, strict=True):
            if overlap(mine, place):
                yield "label", f"{_said(text)} lies on {box.title}"
    for (one, a), (two, b) in itertools.combinations(labels.items(), 2):
        if overlap(a, b):
            yield "label", f"{_said(one)} and {_said(two)} lie on each other"


def _lines(picture: Picture, boxes: list[Shape], labels: dict[Text, Rectangle]) -> Iterator[Fault]:
    covered: dict[Text, set[frozenset[tuple[int, int]]]] = {text: set() for text in labels}
    for line in (mark for mark in picture.marks if isinstance(mark, Line)):
        way = Way(list(line.path))
        points = [way.at(3.0 * k, 1.0) for k in range(int(way.length / 3))]
        for box in boxes:
            inner = (box.width - 2, box.height - 2)
            if any(is_inside(point, (box.x, box.y), inner, max(box.radius - 1, 0)) for point in points):
                yield "arrow", f"a line runs through {box.title}"
        for text, (left, top, right, bottom) in labels.items():
            if inside := {(round(x), round(y)) for x, y in points if left < x < right and top < y < bottom}:
                covered[text].add(frozenset(inside))  # lines from one box that share their way are one
    for text, found in covered.items():
        if len(found) > text.halo:  # a label with a ground of its own may cover one line
            yield "line", f"{len(found)} lines run through {_said(text)}"


def _said(text: Text) -> str:
    return repr("".join(run.text for run in text.runs))
