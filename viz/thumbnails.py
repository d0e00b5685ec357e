"""`thumbnails`: small figures of several graphs side by side, without names and numbers, each with a caption.

They are for the ways to read and write sequences: one to one, one to many, many to one, many to many.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from microgradrnn.counting import counted
from microgradrnn.engine import Node as Recorded

from .graph.build import build
from .graph.textbook import only, stem, textbook
from .graph.view import View
from .layout.blocks import Blocks
from .layout.grid import Grid
from .lengths import in_unit_of, points
from .paint import figure_svg, pdf, tikz
from .paint.figure import LEAST, MARGIN, Look, picture
from .paint.figure_marks import Mark, Picture, Text, Theme, moved
from .paint.nodes import Node, kinds
from .paint.png import on_paper
from .paint.typeset import extent, plain
from .passes import so_far

BESIDE, UNDER = 30.0, 12.0
"""Room between thumbnails, and between one and its caption."""

SMALLEST, MOST_STEPS = 0.4, 12
"""How far a thumbnail may shrink, and how many steps it shows."""

_next_sheet = itertools.count().__next__


class Thumbnails:
    """Small figures side by side. Show themselves in Jupyter.

    >>> import tempfile
    >>> import numpy as np
    >>> from microgradrnn import nn
    >>> both = thumbnails({
    ...     "many to one": nn.ManyToOne(3, 4, 2, seed=0)(np.ones((3, 1, 3))),
    ...     "many to many": nn.ManyToMany(3, 4, 2, seed=0)(np.ones((3, 1, 3))),
    ... })
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     both, both.svg()[:4], both.save(f"{folder}/both.svg").name
    (<Thumbnails: many to one, many to many>, '<svg', 'both.svg')
    """

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._prefix = f"t{_next_sheet()}-"

    def svg(self) -> str:
        """All of them as one SVG element."""
        return figure_svg.paint(self._picture, self._prefix)

    def save(self, path: str | Path) -> Path:
        """Write them; the name's ending says as what: .svg, .png, .pdf or .tex. Folders are made.

        Raises:
            ValueError: another ending.
        """
        path = Path(path)
        writers: dict[str, Callable[[], bytes]] = {
            ".svg": lambda: self.svg().encode(),
            ".png": lambda: on_paper(self.svg()),
            ".pdf": lambda: pdf.pdf(self.svg()),
            ".tex": lambda: tikz.document(self._picture).encode(),
        }
        if path.suffix.lower() not in writers:
            raise ValueError(f"thumbnails are saved as {', '.join(writers)}, not as {path.suffix or path.name!r}")
        data = writers[path.suffix.lower()]()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"image/svg+xml": self.svg(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<Thumbnails: {self._picture.title}>"


def thumbnails(graphs: Mapping[str, Recorded], width: str = "16cm", theme: Theme = "light") -> Thumbnails:
    """Small figures of recorded graphs side by side: inputs, states and outputs of each step, as boxes without names.

    Losses and the states from which sequences start, where these are constants, are left out.

    Args:
        graphs: a caption for each root.
        width: of all of them on paper: a number and cm, mm, in or pt.
        theme: "light", "dark", or "auto" for what the reader's system asks for.

    Raises:
        TypeError: graphs holds something else.
        ValueError: there are none, one has no time steps or more than 12, or they do not fit the width.

    >>> import numpy as np
    >>> from microgradrnn import nn
    >>> thumbnails({"many to one": nn.ManyToOne(3, 4, 2, seed=0)(np.ones((3, 1, 3)))})
    <Thumbnails: many to one>
    """
    if not isinstance(graphs, Mapping) or not all(isinstance(root, Recorded) for root in graphs.values()):
        raise TypeError("thumbnails takes a caption for each root: thumbnails({'many to one': y})")
    if not graphs:
        raise ValueError("thumbnails: there are no graphs to draw")
    if theme not in get_args(Theme):
        raise ValueError(f"thumbnails: theme is {', '.join(map(repr, get_args(Theme)))}, not {theme!r}")
    room = points("thumbnails", "width", width)
    drawn = [_drawn(str(caption), root) for caption, root in graphs.items()]
    for rows in range(1, len(drawn) + 1):
        per_row = -(-len(drawn) // rows)
        sheet = _Sheet([drawn[i : i + per_row] for i in range(0, len(drawn), per_row)], room)
        if sheet.scale >= SMALLEST:
            return Thumbnails(sheet.picture(", ".join(map(str, graphs)), theme))
    least = in_unit_of(width, sheet.room * SMALLEST / sheet.scale)
    raise ValueError(f"thumbnails: at width={width!r} a graph is too small to see: ask for at least {least}")


@dataclass(frozen=True)
class _Drawn:
    """A thumbnail: its caption, its marks, their size."""

    caption: str
    marks: tuple[Mark, ...]
    width: float
    height: float


def _drawn(caption: str, root: Recorded) -> _Drawn:
    run = so_far(root)
    if not 1 <= len(run.steps) <= MOST_STEPS:
        raise ValueError(
            f"thumbnails: {caption!r} has {counted(len(run.steps), 'time step')}; they show from 1 to {MOST_STEPS}"
        )
    view, kind = _bare(textbook(build(run, run.steps, 10**9)).view)
    nodes = {box.key: Node(box, kind[box.key], numbers=False, names=False) for box in view.boxes}
    sizes = {key: node.size for key, node in nodes.items()}
    layout = Blocks(view, Grid(view), sizes, {}, lambda _arrow, _head: 0.0, lambda key: nodes[key].radius).layout
    size = layout.width, layout.height
    made = picture(view, layout, nodes, Look(names=False), size, 1.0, caption)
    return _Drawn(caption, made.marks, *size)


def _bare(view: View) -> tuple[View, Sequence[str]]:
    """Inputs, states and outputs alone, and which each box is."""
    kind = kinds(view)
    states = {stem(box) for box in view.boxes if kind[box.key] == "state"}
    states |= {output.name.rpartition("_")[0] for box in view.boxes for output in box.outputs}
    starts = {box.key for box in view.boxes if box.role == "data" and _bare_stem(stem(box)) in states}
    kept = [key for key in kind if kind[key] in ("input", "state", "cell", "output") and key not in starts]
    return only(view, kept), [kind[key] for key in kept]


def _bare_stem(found: Any) -> Any:
    """A name without what owns it."""
    return found.rpartition(".")[2] if isinstance(found, str) else found


class _Sheet:
    """Thumbnails in rows, scaled to a width. Captions keep their size on paper."""

    def __init__(self, rows: Sequence[Sequence[_Drawn]], room: float) -> None:
        self.rows, self.room = rows, room
        low, high = 0.01, 1.0
        for _ in range(30):  # captions are wider where all is smaller
            middle = (low + high) / 2
            low, high = (middle, high) if self._fits(middle) else (low, middle)
        self.scale = low

    def _letter(self, scale: float) -> float:
        return max((LEAST + 1) / scale, 13.0)

    def _width(self, one: _Drawn, scale: float) -> float:
        return max(one.width, extent(plain(one.caption, self._letter(scale))))

    def _fits(self, scale: float) -> bool:
        room = self.room / scale - 2 * MARGIN
        return all(sum(self._width(one, scale) for one in row) + BESIDE * (len(row) - 1) <= room for row in self.rows)

    def picture(self, title: str, theme: Theme) -> Picture:
        size, whole = self._letter(self.scale), self.room / self.scale
        marks: list[Mark] = []
        y = MARGIN
        for row in self.rows:
            tall = max(one.height for one in row)
            widths = [self._width(one, self.scale) for one in row]
            gap = (whole - 2 * MARGIN - sum(widths)) / len(row)
            x = MARGIN + gap / 2
            for one, width in zip(row, widths, strict=True):
                dx, dy = x + (width - one.width) / 2, y + tall - one.height
                marks += [moved(mark, dx, dy) for mark in one.marks]
                letters = extent(plain(one.caption, size))
                at = x + (width - letters) / 2, y + tall + UNDER + size
                marks.append(Text(*at, tuple(plain(one.caption, size)), "ink", letters))
                x += width + gap
            y += tall + UNDER + 1.6 * size
        height = max(y + MARGIN, whole / 3)
        dy = (height - y - MARGIN) / 2
        return Picture(whole, height, self.scale, title, theme, tuple(moved(mark, 0.0, dy) for mark in marks))
