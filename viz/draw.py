"""`draw`: a recorded graph as a picture, to show, save and hand on."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from functools import cached_property, partial
from html import escape
from pathlib import Path
from typing import Any

from microgradrnn.engine import Node

from .graph.levels import Level, view_at
from .graph.view import View
from .layout.arrange import Arranged, arrange_in_time
from .paint import dot, pdf, svg
from .paint.look import PLAIN, Direction, Edges, Labels, Look
from .paint.look import look as look_of
from .paint.marks import rooms
from .paint.png import png
from .passes import Pass, so_far
from .words.as_text import every_visit
from .words.visits import Words

_HTML = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body>
{svg}
</body></html>
"""
_next_drawing = itertools.count().__next__


class Drawing:
    """A picture of a graph, as it was when it was drawn. Shows itself in Jupyter.

    Attributes:
        view: what is drawn.
        look: what its arrows show.
        source: the same as DOT, to take elsewhere.
    """

    def __init__(
        self,
        run: Pass,
        view: View,
        rankdir: str,
        format: str,  # noqa: A002 - as below
        look: Look = PLAIN,
    ) -> None:
        self._run, self.view, self._rankdir, self._format, self.look = run, view, rankdir, format, look
        self.source = dot.source(view, "BT" if view.steps else rankdir)
        self._prefix = f"d{_next_drawing()}-"

    def svg(self) -> str:
        """The picture as one SVG element."""
        return self._svg

    @cached_property
    def _svg(self) -> str:
        return svg.paint(self.placed, self._prefix, look=self.look)

    @cached_property
    def placed(self) -> Arranged:
        """Where everything stands."""
        sizes, on_arrows = partial(svg.sizes, look=self.look), partial(rooms, look=self.look)
        placed = arrange_in_time("draw(root", self.view, sizes, self._rankdir, on_arrows)
        self.view = placed.view
        return placed

    def png(self) -> bytes:
        """The picture as PNG, at two pixels a point."""
        return png(self.svg())

    def to_text(self) -> str:
        """Every visit of the backward pass as text, also of what the picture leaves out."""
        if not self._run.visits:
            return f"{self._run.root.label or 'this node'} has no gradient yet: call backward() first\n"
        return every_visit(self._run)

    def save(self, path: str | Path) -> Path:
        """Write the picture; the name's ending says as what: .svg, .png, .pdf, .html, .dot or .txt. Folders
        are made. To step through a pass in a browser, see `viz.page`.

        Raises:
            ValueError: another ending.
            RuntimeError: a PDF without the package that makes it.
        """
        path = Path(path)
        writers: dict[str, Callable[[], bytes]] = {
            ".svg": lambda: self.svg().encode(),
            ".png": self.png,
            ".pdf": lambda: pdf.pdf(self.svg()),
            ".html": lambda: _HTML.format(title=escape(repr(self)), svg=self.svg()).encode(),
            ".dot": lambda: self.source.encode(errors="replace"),
            ".txt": lambda: self.to_text().encode(errors="replace"),
        }
        if path.suffix.lower() not in writers:
            raise ValueError(f"a drawing is saved as {', '.join(writers)}, not as {path.suffix or path.name!r}")
        data = writers[path.suffix.lower()]()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def render(self, path: str | Path, format: str | None = None) -> str:  # noqa: A002 - the graphviz package's name
        """As the graphviz package does: write ``path`` with ``.format`` added, and return that name."""
        return str(self.save(f"{path}.{format or self._format}"))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"image/svg+xml": self.svg(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        steps = f", {len(self.view.steps)} time steps" if self.view.steps else ""
        return f"<Drawing of {len(self.view.boxes)} boxes and {len(self.view.arrows)} arrows{steps}>"


def draw(
    root: Node,
    level: Level = "auto",
    steps: Iterable[int] | None = None,
    max_nodes: int = 100,
    rolled: bool = False,
    rankdir: str = "LR",
    format: str = "svg",  # noqa: A002 - the graphviz package's name
    edges: Edges = "auto",
    labels: Labels = "ends",
    direction: Direction = "forward",
    visits: bool = False,
) -> Drawing:
    """Draw the graph behind ``root``: values, gradients, and on every arrow what it contributes.

    Where nodes were recorded in time steps (`microgradrnn.scope`), or a loop is found in the graph, each step is a
    column and weights shared by the steps stand in each as an alias with that step's contribution. Without time the
    graph runs from left to right.

    Args:
        root: any node; gradients show once a backward pass from it, or through it, has been made.
        level: how near to look. "network": a box for each scope, all time steps in one. "cell": a box for each scope
            in each step, which shows all that is read outside it. "op": a box for each node. "scalar": a box for each
            number, by lowering; root must be one. "auto": "op", or "cell" where three steps of that would not fit.
        steps: the time steps to show; by default all, or the first and the last ones if there are too many.
        max_nodes: how many nodes are too many; what is left out is said on the picture.
        rolled: whether the time steps of a loop are one column, with an arrow back into it. Weights stand on the
            arrows, and only their gradients are shown, the sums over t.
        rankdir: which way a graph without time runs: LR, TB, BT or RL.
        format: what `Drawing.render` writes unless told: svg or png.
        edges: "all": on each arrow upstream at its head, local on it, downstream at its tail. "contribution": what is
            downstream alone. "auto": "all" where the picture has at most 16 arrows, none with more than 4 numbers at
            an end.
        labels: "ends": as above. "above_below": above each arrow the value that it carries, below it the gradients; a
            box with one arrow has none of its own then.
        direction: "both": beside each arrow a light one of the backward pass, with the gradients.
        visits: whether each box has the number of its turn in the backward pass.

    Raises:
        TypeError: root is no node.
        ValueError: nothing was recorded at one of the steps, or an argument makes no sense.

    >>> from microgradrnn import Value
    >>> f = Value(-4.0, "z") * (Value(-2.0, "x") + Value(5.0, "y"))
    >>> f.backward()
    >>> draw(f)
    <Drawing of 5 boxes and 4 arrows>
    """
    if not isinstance(root, Node):
        raise TypeError(f"draw takes a node, not {type(root).__name__}")
    if rankdir not in ("LR", "TB", "BT", "RL"):
        raise ValueError(f"draw: rankdir is LR, TB, BT or RL, not {rankdir!r}")
    if max_nodes < 1:
        raise ValueError(f"draw: max_nodes must be at least 1, not {max_nodes}")
    run = so_far(root)
    shown, view = view_at(run, level, steps, max_nodes, rolled)
    look = look_of(view, Words(shown), edges, labels, direction, visits)
    return Drawing(run, view, rankdir, format, look)


def draw_dot(root: Node, format: str = "svg", rankdir: str = "LR") -> Drawing:  # noqa: A002 - micrograd's name
    """micrograd's name for `draw`: ``draw_dot(loss)`` shows itself in a notebook, and renders to a file.

    >>> from microgradrnn import Value
    >>> draw_dot(Value(2.0) * 3).source.startswith("digraph")
    True
    """
    if format not in ("svg", "png"):
        raise ValueError(f"draw_dot: format is 'svg' or 'png', not {format!r}")
    return draw(root, rankdir=rankdir, format=format)
