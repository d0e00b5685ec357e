"""View + positions -> SVG. Pure: it paints what it is given.

- `sizes`: how large each box must be for what stands in it.
- `paint`: the picture, once the pass is over or as it is at one visit (`Frame`).
- `live`: the picture in pieces and with all its states, for a page that shows one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..graph import timeline
from ..graph.highlight import Highlight
from ..graph.timeline import Known
from ..graph.view import Arrow, Box, Place, Sum, View
from ..layout.arrange import Arranged, Point
from ..numbers import MAX_ENTRIES, UNKNOWN
from ..sources import flat, is_live
from ..words.escape import xml
from . import fonts, heat
from .box_rows import Name, Row, badge, paint_badge, rows
from .figure_marks import Theme
from .figures import captions, figures, text_on
from .geometry import around, arrowhead, backward, behind_tip
from .legend import Bars, has_strips, phrases
from .look import PLAIN, Look
from .marks import BACK, marks, told_by_arrows
from .panel import HEADING, Measured, Panel, beside
from .paths import area, compact_area, compact_curve, curve
from .pen import FIGURE, SMALL, TITLE, TOTAL, Pen, short, style, unquoted

MARGIN = 24.0

LIT_TIP = 2.0
"""The weight of the tip of a lit arrow that points back."""


def sizes(view: View, animated: bool = False, look: Look = PLAIN) -> dict[int, tuple[float, float]]:
    """Width and height of each box, in points; ``animated``: with room for every state, not only for the last one."""
    bare = told_by_arrows(view, look)
    return {
        box.key: _size(box, [] if box.key in bare else rows(box, animated, look.visits), look) for box in view.boxes
    }


def _size(box: Box, lines: list[Row | Name], look: Look) -> tuple[float, float]:
    title = badge(_visit(box, look)) + TITLE.width(_title(box)) + SMALL.width(box.corner) + 26
    found = [row.size for row in lines]
    width = max([title, 54.0] + [w + 14 for w, _ in found])
    height = 20 + sum(h for _, h in found) + (4 if found else 0)
    return width + 2 * _border(box), height + 2 * _border(box)


def _visit(box: Box, look: Look) -> int | None:
    """The number of a box's visit, of an alias that of its weight's, where boxes have one."""
    return (box.visit if box.weight is None else box.weight) if look.visits else None


def _border(box: Box) -> float:
    """Room for the root's second border."""
    return 3.0 if box.role == "root" else 0.0


def _title(box: Box) -> str:
    return fonts.clip(box.title, 150, TITLE.size, TITLE.font)


@dataclass(frozen=True)
class Frame:
    """One visit of the pass: which, what it lights up, and what the foot says: its name, and its rule in words."""

    visit: int
    highlight: Highlight
    caption: str
    rule: str


@dataclass(frozen=True)
class Live:
    """The pieces of a picture for a page: SVG of the graph, HTML with a card for each shared weight (empty without
    any), the legend in words and SVG of its colour bars (empty without strips).

    Its heat strips of gradients are on one scale, and so are those that `strip` paints for the words beside it. Of a
    live page ``scaled`` are the runs of cells that this scale is the largest of, beside those of its strips.
    """

    graph: str
    panel: str
    legend: tuple[str, ...]
    scales: str
    grad_scale: float
    scaled: tuple[str, ...] = ()

    def strip(self, data: Any) -> str:
        """A gradient as a heat strip; empty where the numbers are all there."""
        if np.ndim(data) == 0 or np.size(data) <= MAX_ENTRIES or np.asarray(data).dtype.kind != "f":
            return ""
        pen, row = Pen(live=True), flat(data)
        pen.cells(0, 0, row, 8.0, self.grad_scale, heat.GRAD)
        size = f'width="{8 * heat.shape(row)[1]}" height="9"'
        return unquoted(f'<svg {size} aria-hidden="true">{"".join(pen.out)}</svg>')


@dataclass(frozen=True)
class Extras:
    """What stands around the graph, and on which ground: the sums of shared weights, and what colours mean."""

    panel: bool = True
    legend: bool = True
    theme: Theme = "auto"


def paint(
    placed: Arranged, prefix: str, frame: Frame | None = None, look: Look = PLAIN, extras: Extras | None = None
) -> str:
    """The picture as one SVG element; ids begin with ``prefix``, so that two pictures can stand on one page.

    With a ``frame`` it is painted as it is at that visit, in boxes sized for a picture that moves; else as at the end.
    ``look`` is that with which the boxes were sized and the arrows were given room.
    """
    return _Painter(placed, prefix, Pen(frame.visit if frame else None), frame, look, extras or Extras()).svg()


def live(placed: Arranged, prefix: str, look: Look = PLAIN) -> Live:
    """The picture for a page; see `Pen` for how the states are marked. ``prefix`` is as for `paint`."""
    painter = _Painter(placed, prefix, Pen(live=True), None, look, Extras())
    graph, panel, words = painter.graph(), painter.cards(), tuple(painter.legend())
    scaled = dict.fromkeys(data.cells.run(data.index) for data in painter.scaled if is_live(data))
    painted = set(re.findall(rf'data-heat="(\S+) \S+ {heat.GRAD.name[0]} ', graph + panel))
    others = tuple(run for run in scaled if run not in painted)
    return Live(graph, panel, words, painter.scales(), painter.grad_scale, others)


class _Painter:
    def __init__(
        self, placed: Arranged, prefix: str, pen: Pen, frame: Frame | None, look: Look, extras: Extras
    ) -> None:
        view, layout = self.view, self.layout = placed.view, placed.layout
        self.sizes, self.prefix, self.pen = placed.sizes, prefix, pen
        self.animated = pen.live or frame is not None
        self.frame = frame
        self.highlight = frame.highlight if frame else Highlight()
        self.look, bare = look, told_by_arrows(view, look)
        self.rows = {box.key: [] if box.key in bare else rows(box, self.animated, look.visits) for box in view.boxes}
        self.grads = [state for lines in self.rows.values() for row in lines if row.sign for state in row.states]
        self.marks = marks(view, look, self.animated)
        self.grads += [
            state for mark in self.marks.values() for tag in mark.tags if tag.what != "local" for state in tag.states
        ]
        self.scaled = _scaled(self.grads, view.sums)
        self.grad_scale = heat.largest(self.scaled)
        sums, labels = view.sums if view.steps and extras.panel else (), figures(placed)
        # A number beside the outermost arrow reaches further than any box.
        self.width = max([layout.width, *(right for _, _, right, _ in labels.rectangles.values())])
        self.height = max([layout.height, *(bottom for _, _, _, bottom in labels.rectangles.values())])
        size = self.width, self.height
        self.under = False
        if pen.live:  # a page's panel stands by itself, in as many columns as there is room for
            self.panel = Panel(Measured.of(sums, animated=True), self.grad_scale, prefix)
        else:
            self.panel, self.under = beside(sums, self.grad_scale, prefix, self.animated, size)
        self.extras = extras
        changes = any(map(is_live, self.scaled))
        self.bars = Bars(self.grad_scale, changes) if has_strips(view) and extras.legend else None
        self.captions = captions(placed)
        self.figures = labels.places

    # -- the whole --

    def svg(self) -> str:
        """Panel, graph and legend as one picture."""
        pen, panel = self.pen, self.panel
        left, top = MARGIN, MARGIN
        width, height = self.width, self.height
        if panel.sums:
            x, y = self._place_panel()
            if not self.under:
                left += panel.width + 16
                width, height = width + panel.width + 16, max(height, panel.height)
            else:
                width, height = max(width, panel.width), height + panel.height + 16
        bars = self.bars
        width = max(width + 2 * MARGIN, 320.0, bars.width + 2 * MARGIN if bars else 0.0)
        foot = fonts.wrap(self.legend(), width - 2 * MARGIN, SMALL.size) if self.extras.legend else []
        total = height + 2 * MARGIN + 14 * len(foot) + (30 if self.frame else 0) + (18 if bars else 0)
        pen.rectangle(0, 0, width, total, "ground")
        if panel.sums:
            panel.paint(pen, x, y, self.highlight.sum)
        with pen.group(f'transform="translate({short(left)} {short(top)})"'):
            self._graph()
        y = height + 2 * MARGIN
        if self.frame:
            for line, kind in ((self.frame.caption, TITLE), (self.frame.rule, SMALL)):
                pen.text(MARGIN, y, fonts.clip(line, width - 2 * MARGIN, kind.size, kind.font), "ink", kind)
                y += 15
        if bars:
            bars.paint(pen, MARGIN, y - 9)
            y += 18
        for i, line in enumerate(foot):
            pen.text(MARGIN, y + 14 * i, line, "faint", SMALL)
        return self._element("title", width, total, self._about(), f"<style>{style(theme=self.extras.theme)}</style>")

    def _place_panel(self) -> Point:
        """Under the graph, or at its left, where it stands as high as its middle."""
        if self.under:
            return MARGIN, self.height + MARGIN + 16
        return MARGIN, MARGIN + max(0.0, (self.height - self.panel.height) / 2)

    def graph(self) -> str:
        """The graph alone, for a page whose style sheet knows it."""
        self.pen.out.clear()
        with self.pen.group(f'transform="translate({short(MARGIN)} {short(MARGIN)})"'):
            self._graph()
        return self._element("title", self.width + 2 * MARGIN, self.height + 2 * MARGIN, self._about())

    def cards(self) -> str:
        """The shared weights, a card each, under what there is to say about all of them; empty without any."""
        found = []
        for i, shared in enumerate(self.panel.sums):
            self.pen.out.clear()
            size = self.panel.card(self.pen, i)
            found.append(self._element(f"sum{i}", *size, shared.title))
        notes = " · ".join(self.panel.notes)
        return f'<p><b>{HEADING}</b> {notes}</p><div class="cards">{"".join(found)}</div>' if found else ""

    def _element(self, name: str, width: float, height: float, title: str, sheet: str = "") -> str:
        # Literal numbers first: PNG renderers and slide programs size the picture by them.
        name, space = (
            self.prefix + name,
            "" if self.pen.live else 'xmlns="http://www.w3.org/2000/svg" ',
        )  # HTML needs none
        head = (
            f'<svg {space}class="microgradrnn" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.1f} {height:.1f}" role="img" aria-labelledby="{name}">'
            f'<title id="{name}">{xml(title)}</title>{sheet}'
        )
        if self.pen.live:
            return unquoted("".join([head, *self.pen.out, "</svg>\n"]))
        return "\n".join([head, *self.pen.out, "</svg>\n"])

    def _about(self) -> str:
        root = next((box.title for box in self.view.boxes if box.role == "root"), "a node")[:200]
        return f"Computational graph of {root}: values, gradients and what each edge contributes"

    def legend(self) -> list[str]:
        """What the colours and signs mean."""
        return phrases(self.view, self.grads, self.animated, self.look)

    def scales(self) -> str:
        """The colour bars alone, for a page; empty without strips."""
        if self.bars is None:
            return ""
        self.pen.out.clear()
        self.bars.paint(self.pen, 1, 1)
        return self._element("scales", self.bars.width + 2, self.bars.height + 2, "The scales of the heat strips")

    # -- pieces --

    def _graph(self) -> None:
        """What leads from place to place, and then the places one after the other, each a group of its own."""
        view, place = self.view, {box.key: box.place for box in self.view.boxes}
        for step, (x, y, w, h) in self.layout.columns.items():
            self.pen.rectangle(x, y, w, h, "band", rx=8)
            self.pen.text(x + w / 2, y + h - 9, self.captions[step].text, "ink", TITLE, "middle")
        places: list[Place] = ["before", *view.steps, "after"]
        inner: dict[Place, list[int]] = {here: [] for here in places}
        leaving: dict[Place, list[int]] = {here: [] for here in places}
        for i, arrow in enumerate(view.arrows):
            leaving[place[arrow.tail]].append(i)
            if place[arrow.tail] == place[arrow.head]:
                inner[place[arrow.tail]].append(i)
            else:
                self._arrow(i)
        for here in places:
            with self._place(here):
                for i in inner[here]:
                    self._arrow(i)
                for box in view.boxes:
                    if box.place == here:
                        self._box(box)
                for i in leaving[here]:
                    self._contribution(i)

    def _place(self, place: Place) -> AbstractContextManager[None]:
        """A place's group; a column on a page, which is as far as its band reaches, is left out while out of sight."""
        if not self.pen.live or place not in self.layout.columns:
            return self.pen.group('class="place"')
        # Chromium lays a hidden <g> out all the same, for what may be referred to in it, but not a hidden <svg>.
        return self.pen.group('class="place column" overflow="visible"', tag="svg")

    def _arrow(self, i: int) -> None:
        arrow, path, lit = self.view.arrows[i], self.layout.arrows[i], i in self.highlight.arrows
        line, tip = (compact_curve, compact_area) if self.pen.live else (curve, area)
        # Where a gradient goes along it, it points back.
        head = arrowhead(path[::-1], LIT_TIP) if i in self.highlight.back else arrowhead(path)
        tooltip = arrow.tooltip.words if self.animated else arrow.tooltip.text
        # While numbers are still coming in, no tooltip gives them away.
        with self.pen.group(f'id="{self.prefix}a{i}" class="arrow"', tooltip):
            self.pen.path(line(path), self._wire(arrow), lit)
            self.pen.path(tip(head), "tip", lit)
            if self.look.direction == "both" and arrow.contribution is not None:
                self._backward(i, lit)

    def _backward(self, i: int, lit: bool) -> None:
        """The arrow of the backward pass, beside that of the forward one."""
        _, run = self.layout.rooms[i]
        line = backward(self.layout.arrows[i], BACK if run in ("right", "up") else -BACK)
        self.pen.path("M" + "L".join(f"{short(x)},{short(y)}" for x, y in line), "wire back", lit)
        self.pen.path(area(arrowhead(line)), "tip back", lit)

    def _wire(self, arrow: Arrow) -> str:
        return "wire cut" if arrow.cut else "wire across" if self._crosses(arrow) else "wire"

    def _crosses(self, arrow: Arrow) -> bool:
        """Whether the arrow carries a state from one time step to another."""
        tail, head = (self.view.boxes[key].place for key in (arrow.tail, arrow.head))
        return arrow.back or (isinstance(head, int) and tail != head)

    def _contribution(self, i: int) -> None:
        """The numbers on the arrow, or the one at its tail. An alias shows it itself: its grad is this contribution."""
        if i in self.marks:
            with self.pen.group(f'id="{self.prefix}n{i}" class="contribution"'):
                for tag, place in self.marks[i].places(*self.layout.rooms[i]):
                    tag.paint(self.pen, place, self.grad_scale)
        if i not in self.figures:
            return
        arrow, lit, middle = self.view.arrows[i], i in self.highlight.arrows, self.figures[i]

        def figure(state: Known) -> None:
            text = text_on(arrow, state.data)
            x, y = middle
            if i in self.highlight.back:
                x, y = behind_tip(self.layout.arrows[i], middle, FIGURE.width(text) / 2 + 2)
            if text != UNKNOWN or not self.pen.live:  # on a page the outline of a dash sets it off from the arrow
                half = FIGURE.width(text) / 2 + 2
                self.pen.rectangle(x - half, y - 5.5, 2 * half, 11, "halo", rx=2)
            ink = "ink" if arrow.label or arrow.cut else "orange"
            self.pen.text(x, y + 3, text, ink, TOTAL if lit else FIGURE, "middle")

        with self.pen.group(f'id="{self.prefix}n{i}" class="contribution"'):
            self.pen.changing(timeline.of_arrow(arrow) if self.animated else [Known(0, arrow.contribution)], figure)

    def _box(self, box: Box) -> None:
        x, y, right, bottom = around(self.layout.boxes[box.key], self.sizes[box.key])
        w, h, lit = right - x, bottom - y, box.key in self.highlight.boxes
        rx = 10 if box.role in ("data", "leaf") else 3
        tooltip = box.tooltip.words if self.animated else box.tooltip.text
        short_name = f' data-short="{xml(box.symbol)}"' if self.pen.live and box.symbol else ""
        with self.pen.group(f'id="{self.prefix}b{box.key}" class="node {box.role}"{short_name}', tooltip):
            if box.role == "root":
                self.pen.rectangle(x, y, w, h, "box rim", rx=5, lit=lit)
            x, y, w, h = x + _border(box), y + _border(box), w - 2 * _border(box), h - 2 * _border(box)
            self.pen.rectangle(x, y, w, h, f"box {box.role}", rx, lit and box.role != "root")
            visit = _visit(box, self.look)
            paint_badge(self.pen, x + 6, y + 10.5, visit)
            self.pen.text(x + 7 + badge(visit), y + 14, _title(box), "ink", TITLE)
            self.pen.text(x + w - 7, y + 13.5, box.corner, "faint", SMALL, "end")
            top = y + 20
            for row in self.rows[box.key]:
                row.paint(self.pen, x + 7, top, w - 14, self.grad_scale)
                top += row.size[1]


def _scaled(grads: Iterable[Known], sums: Iterable[Sum]) -> list[Any]:
    """All gradients that are painted as strips, and all sums in the panel: their colours are on one scale."""
    in_boxes = [state.data for state in grads]
    in_sums = [data for s in sums for data in (s.total, *(part for _, part in s.parts))]
    return [data for data in in_boxes + in_sums if np.ndim(data) > 0]
