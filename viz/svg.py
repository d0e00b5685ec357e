"""View + positions -> SVG. Pure: it paints what it is given.

- `sizes`: how large each box must be for what stands in it.
- `paint`: the picture. Colours are literal attributes, for renderers that know no style sheets; a style sheet adds
  the dark theme. Labels are data, and escaped.
"""

import re
from collections import Counter
from collections.abc import Mapping
from html import escape
from itertools import pairwise
from typing import Any

import numpy as np

from viz import fonts, heat
from viz.layout import Layout, Point
from viz.numbers import MAX_ENTRIES, UNKNOWN, brief, norm, number
from viz.view import Arrow, Box, Sum, View

INK, FAINT, BLUE, ORANGE, PURPLE, OCHRE = "#1a1a1a", "#767676", "#00629b", "#a84300", "#5b3fa8", "#9a7209"
_FILL = {"data": "#eef5fd", "alias": "#fdf6e7", "parameter": "#fdf6e7", "loss": "#f1edfa", "root": "#f1edfa"}
_LINE = {"alias": OCHRE, "parameter": OCHRE, "loss": PURPLE, "root": PURPLE, "data": "#4a7ba6", "leaf": "#4a7ba6"}
TITLE, SMALL, DIGITS = 10.5, 8.0, 9.0
MARGIN, LINE_HEIGHT, CELL = 24.0, 13.0, 8.0

# In a web page a style sheet reaches everything on it, so ours names its own pictures.
_DARK = {
    "ground": "fill: #16181d",
    "band": "fill: #1e2127; stroke: #3a3f4a",
    "box": "fill: #22262e",
    "ink": "fill: #e8e8e8",
    "faint": "fill: #a0a0a0",
    "blue": "fill: #6cbcf0",
    "orange": "fill: #ff9a57",
    "wire": "stroke: #9a9a9a",
    "tip": "fill: #9a9a9a",
    "halo": "fill: #16181d",
}
_STYLE = "\n".join(
    [
        ".microgradrnn text { font-family: 'DejaVu Sans', Verdana, sans-serif; }",
        ".microgradrnn .mono { font-family: 'DejaVu Sans Mono', Menlo, Consolas, monospace; }",
        "@media (prefers-color-scheme: dark) {",
        *(f".microgradrnn .{name} {{ {look}; }}" for name, look in _DARK.items()),
        "}",
    ]
)


# ---- Sizes ----------------------------------------------------------------------------------------------------------


def sizes(view: View) -> dict[int, tuple[float, float]]:
    """Width and height of each box, in points."""
    return {box.key: _size(box) for box in view.boxes}


def _size(box: Box) -> tuple[float, float]:
    title = fonts.width(_title(box), TITLE, fonts.BOLD) + fonts.width(box.corner, SMALL) + 26
    rows = [_row_size(data, sign) for data, sign in _rows(box)]
    width = max([title, 54.0] + [w + 14 for w, _ in rows])
    height = 20 + sum(h for _, h in rows) + (4 if rows else 0)
    return width + 2 * _border(box), height + 2 * _border(box)


def _border(box: Box) -> float:
    """Room for the root's second border."""
    return 3.0 if box.role == "root" else 0.0


def _title(box: Box) -> str:
    return fonts.clip(box.title, 150, TITLE, fonts.BOLD)


def _rows(box: Box) -> list[tuple[Any, str]]:
    """What stands under a box's title: its value and its gradient."""
    elsewhere = box.role == "gap" or (box.role == "alias" and box.differentiable)  # a weight's stands in the panel
    says_it_already = elsewhere or box.title == brief(box.value)
    rows = [] if says_it_already else [(box.value, "")]
    return [*rows, (box.grad, "∇ ")] if box.differentiable else rows


def _is_text(data: Any) -> bool:
    """Whether a row is just text: a scalar, what is not known, and integers, which choose rather than measure."""
    return data is None or np.ndim(data) == 0 or np.size(data) == 0 or np.asarray(data).dtype.kind != "f"


def _row_size(data: Any, sign: str) -> tuple[float, float]:
    if _is_text(data):
        return fonts.width(sign + brief(data), DIGITS, fonts.MONO), LINE_HEIGHT
    cells = heat.grid(data)
    strip = cells.shape[1] * _cell_width(data)
    beside = fonts.width(_beside(data, sign), DIGITS, fonts.MONO) + 8
    return strip + beside, max(LINE_HEIGHT, cells.shape[0] * 5.0 + 4) + (9 if _spelled_out(data) else 0)


def _spelled_out(data: Any) -> bool:
    """Whether each entry stands as a number under its cell."""
    return np.ndim(data) > 0 and np.size(data) <= MAX_ENTRIES and heat.grid(data).shape[0] == 1


def _cell_width(data: Any) -> float:
    if not _spelled_out(data):
        return CELL
    return max(fonts.width(number(x), SMALL, fonts.MONO) for x in np.ravel(data)) + 6


def _beside(data: Any, sign: str) -> str:
    return sign.strip() if _spelled_out(data) else sign + brief(data)


# ---- Painting -------------------------------------------------------------------------------------------------------


def paint(view: View, layout: Layout, box_sizes: Mapping[int, tuple[float, float]], prefix: str) -> str:
    """The picture as one SVG element; ids begin with ``prefix``, so that two pictures can stand on one page."""
    return _Painter(view, layout, box_sizes, prefix).svg()


class _Painter:
    def __init__(self, view: View, layout: Layout, box_sizes: Mapping[int, tuple[float, float]], prefix: str) -> None:
        self.view, self.layout, self.sizes, self.prefix = view, layout, box_sizes, prefix
        self.grad_scale = _largest([box.grad for box in view.boxes if np.ndim(box.grad) > 0])
        self.panel = _panel_width(view) if view.steps else 0.0
        self.left = MARGIN + (self.panel + 16 if self.panel else 0)
        self.fan_out = Counter(arrow.tail for arrow in view.arrows)
        self.taken = [_around(layout.boxes[key], size) for key, size in box_sizes.items()]
        self.out: list[str] = []

    def svg(self) -> str:
        height = max(self.layout.height, self._panel_height() if self.left > MARGIN else 0)
        width = max(self.left + self.layout.width + MARGIN, 320.0)
        foot = fonts.wrap(self._legend(), width - 2 * MARGIN, SMALL)
        total = height + 2 * MARGIN + 14 * len(foot)
        # Literal numbers first: PNG renderers and slide programs size the picture by them.
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="microgradrnn" width="{width:.0f}" height="{total:.0f}" '
            f'viewBox="0 0 {width:.1f} {total:.1f}" role="img" aria-labelledby="{self.prefix}title">'
        )
        title = _xml(f"Computational graph of {self._root_title()}: values, gradients and what each edge contributes")
        self.out = [head, f'<title id="{self.prefix}title">{title}</title>', f"<style>{_STYLE}</style>"]
        self._rect(0, 0, width, total, "ground", "#ffffff", "none")
        if self.left > MARGIN:
            self._panel(MARGIN, MARGIN + max(0.0, (height - self._panel_height()) / 2))
        self.out.append(f'<g transform="translate({self.left:.1f} {MARGIN:.1f})">')
        gaps = {box.place for box in self.view.boxes if box.role == "gap" and box.corner}
        for step, (x, y, w, h) in self.layout.columns.items():
            self._rect(x, y, w, h, "band", "#fafafa", "#dddddd", rx=8)
            if step not in gaps:
                self._text(x + w / 2, y + h - 9, f"t = {step}", "ink", INK, TITLE, bold=True, anchor="middle")
        for i, arrow in enumerate(self.view.arrows):
            self._arrow(i, arrow)
        for box in self.view.boxes:
            self._box(box)
        for i, arrow in enumerate(self.view.arrows):
            self._contribution(i, arrow)
        self.out.append("</g>")
        for i, line in enumerate(foot):
            self._text(MARGIN, height + 2 * MARGIN + 14 * i, line, "faint", FAINT, SMALL)
        return "\n".join([*self.out, "</svg>", ""])

    def _root_title(self) -> str:
        return next((box.title for box in self.view.boxes if box.role == "root"), "a node")[:200]

    def _legend(self) -> list[str]:
        boxes = self.view.boxes
        legend = ["blue: value", "orange: gradient ∇, and on an arrow what it contributes"]
        if any(box.grad is None and box.differentiable for box in boxes):
            legend.append("–: not known yet, no backward pass has been here")
        if any(np.ndim(data) > 0 for box in boxes for data in (box.value, box.grad)):
            legend += ["‖ ‖: a norm (entries add, norms do not)", "cells below 0: purple ∇ teal, above: blue ∇ orange"]
            legend.append(f"gradients on one scale, ±{number(self.grad_scale)}")
        if any(_holds_nan(data) for box in boxes for data in (box.value, box.grad)):
            legend.append("black: nan")
        return [*legend, *(f"⋯ {note}" for note in self.view.notes)]

    # -- pieces --

    def _rect(
        self, x: float, y: float, w: float, h: float, name: str, fill: str, line: str, rx: float = 0, extra: str = ""
    ) -> None:
        self.out.append(
            f'<rect class="{name}" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="{rx:g}" '
            f'fill="{fill}" stroke="{line}"{extra}/>'
        )

    def _text(
        self, x: float, y: float, text: str, name: str, fill: str, size: float, bold: bool = False,
        anchor: str = "start", mono: bool = False,
    ) -> None:  # fmt: skip
        if not text:
            return
        weight = ' font-weight="bold"' if bold else ""
        family = "DejaVu Sans Mono" if mono else "DejaVu Sans"
        self.out.append(
            f'<text class="{name}{" mono" if mono else ""}" x="{x:.1f}" y="{y:.1f}" font-family="{family}" '
            f'font-size="{size:g}" fill="{fill}" text-anchor="{anchor}"{weight}>{_xml(text)}</text>'
        )

    def _arrow(self, i: int, arrow: Arrow) -> None:
        path = self.layout.arrows[i]
        across = self._crosses(arrow)
        (x0, y0), *rest = path
        curve = " ".join(f"{x:.1f},{y:.1f}" for x, y in rest)
        width = 1.8 if across else 1.0
        self.out.append(f'<g id="{self.prefix}a{i}" class="arrow"><title>{_xml(arrow.tooltip)}</title>')
        self.out.append(
            f'<path class="wire" d="M{x0:.1f},{y0:.1f} C{curve}" fill="none" stroke="#6a6a6a" stroke-width="{width}"/>'
        )
        self.out.append(f'<path class="tip" d="{_tip(path)}" fill="#6a6a6a"/></g>')

    def _crosses(self, arrow: Arrow) -> bool:
        """Whether the arrow carries a state from one time step to another."""
        tail, head = (self.view.boxes[key].place for key in (arrow.tail, arrow.head))
        return isinstance(head, int) and tail != head

    def _contribution(self, i: int, arrow: Arrow) -> None:
        """The number at the arrow's tail. An alias shows it itself: its grad is this contribution."""
        if self.view.boxes[arrow.tail].role == "alias":
            return
        text = _short(arrow.contribution)
        if arrow.contribution is None:
            if not self.view.boxes[arrow.tail].differentiable:
                return
            text = UNKNOWN
        half = fonts.width(text, SMALL, fonts.MONO) / 2 + 2
        x, y = self._free_place(self.layout.arrows[i], half, fan_out=self.fan_out[arrow.tail] > 1)
        self._rect(x - half, y - 5.5, 2 * half, 11, "halo", "#ffffff", "none", rx=2, extra=' fill-opacity="0.85"')
        self._text(x, y + 3, text, "orange", ORANGE, SMALL, anchor="middle", mono=True)

    def _free_place(self, path: list[Point], half: float, fan_out: bool) -> Point:
        """Where on its arrow a contribution stands: near the tail, clear of boxes and of what stands already."""
        (x0, y0), (x1, y1) = _along(path, 0.0), _along(path, 20.0)
        level = abs(x1 - x0) / max(float(np.hypot(x1 - x0, y1 - y0)), 1e-9)
        nearest = 9.0 + level * half + 12.0 * fan_out  # where several leave, far enough out for them to part
        along = [_along(path, nearest + further) for further in (0, 6, 12, 20, 30, 42, 56, 72)]
        beside = [(x + side * half, y + side * lift) for lift in (0, 6) for x, y in along for side in (-1, 1)]
        places = along + beside  # where the arrow is too short for its neighbours
        rectangles = [(x - half, y - 5.5, x + half, y + 5.5) for x, y in places]
        free = [k for k, mine in enumerate(rectangles) if not any(_overlap(mine, other) for other in self.taken)]
        best = free[0] if free else 0
        self.taken.append(rectangles[best])
        return places[best]

    def _box(self, box: Box) -> None:
        (cx, cy), (w, h) = self.layout.boxes[box.key], self.sizes[box.key]
        x, y = cx - w / 2, cy - h / 2
        fill, line = _FILL.get(box.role, "#ffffff"), _LINE.get(box.role, "#555555")
        rx = 10 if box.role in ("data", "leaf") else 3
        dash = {"alias": ' stroke-dasharray="4 2.5"', "gap": ' stroke-dasharray="1.5 3"'}.get(box.role, "")
        self.out.append(f'<g id="{self.prefix}b{box.key}" class="node {box.role}"><title>{_xml(box.tooltip)}</title>')
        if box.role == "root":
            self._rect(x, y, w, h, "box", fill, line, rx=5)
        x, y, w, h = x + _border(box), y + _border(box), w - 2 * _border(box), h - 2 * _border(box)
        thick = ' stroke-width="1.6"' if box.role in ("root", "loss", "parameter") else ""
        self._rect(x, y, w, h, "box", fill, line, rx, dash + thick)
        self._text(x + 7, y + 14, _title(box), "ink", INK, TITLE, bold=True)
        self._text(x + w - 7, y + 13.5, box.corner, "faint", FAINT, SMALL, anchor="end")
        top = y + 20
        for data, sign in _rows(box):
            top += self._row(x + 7, top, w - 14, data, sign)
        self.out.append("</g>")

    def _row(self, x: float, y: float, width: float, data: Any, sign: str) -> float:
        """Value or gradient: a number, or a strip of cells with the norm beside it; returns the height used."""
        ends, name, ink = (heat.GRAD, "orange", ORANGE) if sign else (heat.VALUE, "blue", BLUE)
        height = _row_size(data, sign)[1]
        if _is_text(data):
            self._text(x, y + 9, sign + brief(data), name, ink, DIGITS, mono=True)
            return height
        scale = self.grad_scale if sign else _largest([data])
        wide, spelled = _cell_width(data), _spelled_out(data)
        strip = heat.grid(data)
        if spelled:
            self._text(x, y + 9, sign.strip(), name, ink, DIGITS, mono=True)
            x += width - strip.shape[1] * wide
        self._cells(x, y + 1, data, wide, scale, ends)
        if spelled:
            for i, entry in enumerate(np.ravel(data)):
                self._text(x + (i + 0.5) * wide, y + 19, number(entry), name, ink, SMALL, anchor="middle", mono=True)
        else:
            self._text(x + width, y + 9, sign + brief(data), name, ink, DIGITS, anchor="end", mono=True)
        return height

    def _cells(self, x: float, y: float, data: Any, wide: float, scale: float, ends: Any) -> None:
        cells = heat.grid(data)
        tall = 9.0 if cells.shape[0] == 1 else 5.0
        for r, row in enumerate(cells):
            for c, entry in enumerate(row):
                self.out.append(
                    f'<rect x="{x + c * wide:.1f}" y="{y + r * tall:.1f}" width="{wide:.1f}" height="{tall:g}" '
                    f'fill="{heat.colour(float(entry), scale, ends)}" stroke="#c4c4c4" stroke-width="0.5"/>'
                )

    # -- shared weights --

    def _panel_height(self) -> float:
        return 44.0 + sum(self._sum_height(s) for s in self.view.sums)

    def _sum_height(self, s: Sum) -> float:
        return 58.0 + 12.0 * min(len(s.parts), 8) + (12.0 if len(s.parts) > 8 else 0)

    def _panel(self, x: float, y: float) -> None:
        self._rect(x, y, self.panel, self._panel_height(), "box", "#fffdf7", OCHRE, rx=8)
        self._text(x + 10, y + 18, "Shared weights: uses sum", "ink", INK, TITLE, bold=True)
        self._text(x + 10, y + self._panel_height() - 9, "entries add; norms do not", "faint", FAINT, SMALL)
        y += 30
        for s in self.view.sums:
            self._sum(x + 10, y, s)
            y += self._sum_height(s)

    def _sum(self, x: float, y: float, s: Sum) -> None:
        self._text(x, y + 10, fonts.clip(s.title, 150, TITLE, fonts.BOLD), "ink", INK, TITLE, bold=True)
        self._text(x, y + 24, "value", "faint", FAINT, SMALL)
        self._strip(x + 62, y + 16, s.value, heat.VALUE, _largest([s.value]))
        self._text(x + self.panel - 20, y + 24, brief(s.value), "blue", BLUE, SMALL, anchor="end", mono=True)
        y += 28
        self._text(x, y + 8, "∇ =", "orange", ORANGE, SMALL, mono=True)
        shown = s.parts if len(s.parts) <= 8 else s.parts[:8]
        for i, (t, part) in enumerate(shown):
            self._text(x + 10, y + 8, "+" if i else "", "ink", INK, SMALL, mono=True)
            self._text(x + 22, y + 8, "outside" if t is None else f"t={t}", "faint", FAINT, SMALL, mono=True)
            self._strip(x + 62, y, part, heat.GRAD, self.grad_scale)
            self._text(x + self.panel - 20, y + 8, brief(part), "orange", ORANGE, SMALL, anchor="end", mono=True)
            y += 12
        if len(s.parts) > 8:
            self._text(x + 22, y + 8, f"+ {len(s.parts) - 8} earlier steps", "faint", FAINT, SMALL)
            y += 12
        self._text(x + 10, y + 10, "=", "ink", INK, SMALL, bold=True, mono=True)
        self._strip(x + 62, y + 2, s.total, heat.GRAD, self.grad_scale)
        self._text(
            x + self.panel - 20, y + 10, brief(s.total), "orange", ORANGE, SMALL, bold=True, anchor="end", mono=True
        )

    def _strip(self, x: float, y: float, data: Any, ends: Any, scale: float) -> None:
        if np.ndim(data) > 0 and np.size(data) > MAX_ENTRIES:
            row = heat.grid(np.ravel(data))
            self._cells(x, y, row, CELL, scale, ends)


def _around(centre: Point, size: tuple[float, float]) -> tuple[float, float, float, float]:
    (x, y), (width, height) = centre, size
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _holds_nan(data: Any) -> bool:
    return np.ndim(data) > 0 and bool(np.isnan(np.asarray(data, dtype=float)).any())


def _short(data: Any) -> str:
    """A contribution for an arrow, where there is less room than in a box."""
    entries = brief(data)
    return norm(data) if np.ndim(data) > 0 and len(entries) > 12 else entries


def _panel_width(view: View) -> float:
    """Room for the longest contribution of a shared weight; 0 where there is none."""
    shown = [brief(data) for s in view.sums for data in (s.value, *(part for _, part in s.parts), s.total)]
    return max([220.0, *(fonts.width(text, SMALL, fonts.MONO) + 92 for text in shown)]) if shown else 0.0


def _largest(arrays: list[Any]) -> float:
    """The largest finite size of any entry: what the full colour stands for."""
    known = [np.abs(np.asarray(a, dtype=float)).ravel() for a in arrays if a is not None]
    entries = np.concatenate([*known, np.zeros(1)])
    return float(entries[np.isfinite(entries)].max())


def _along(path: list[Point], distance: float) -> Point:
    """The point at a distance from the start of a path, or its middle if that is nearer."""
    points = [_bezier(path[i : i + 4], s / 12) for i in range(0, len(path) - 3, 3) for s in range(13)]
    lengths = [float(np.hypot(b[0] - a[0], b[1] - a[1])) for a, b in pairwise(points)]
    distance = min(distance, sum(lengths) * 0.7)
    for length, a, b in zip(lengths, points[:-1], points[1:], strict=True):
        if distance <= length and length > 0:
            share = distance / length
            return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share
        distance -= length
    return points[-1]


def _bezier(p: list[Point], s: float) -> Point:
    weights = ((1 - s) ** 3, 3 * s * (1 - s) ** 2, 3 * s * s * (1 - s), s**3)
    x, y = (sum(w * q[axis] for w, q in zip(weights, p, strict=True)) for axis in (0, 1))
    return x, y


def _tip(path: list[Point]) -> str:
    """An arrowhead at the end of a path."""
    (x, y), (px, py) = path[-1], next(p for p in reversed(path[:-1]) if p != path[-1])
    length = float(np.hypot(x - px, y - py))
    ux, uy = (x - px) / length, (y - py) / length
    left, right = (x - 7 * ux - 3 * uy, y - 7 * uy + 3 * ux), (x - 7 * ux + 3 * uy, y - 7 * uy - 3 * ux)
    return f"M{x:.1f},{y:.1f} L{left[0]:.1f},{left[1]:.1f} L{right[0]:.1f},{right[1]:.1f} Z"


_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _xml(text: str) -> str:
    """Text for XML: markup escaped, characters that XML cannot hold replaced."""
    return escape(_FORBIDDEN.sub("\ufffd", text[:2000]))
