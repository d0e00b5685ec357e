"""`draw`: a recorded graph as a picture, to show, save and hand on."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from functools import cached_property, partial
from html import escape
from pathlib import Path
from typing import Any, Literal, get_args

from microgradrnn.counting import counted
from microgradrnn.engine import Node
from microgradrnn.named_steps import chosen

from .draw_more import and_more
from .figure import Figure, FigureOptions, figure
from .graph.levels import Level, view_at
from .graph.view import View
from .layout.arrange import Arranged, arrange_in_time
from .paint import dot, pdf, svg
from .paint.figure_marks import Theme
from .paint.look import PLAIN, Direction, Edges, Labels, Look
from .paint.look import look as look_of
from .paint.marks import rooms
from .paint.picture import fitting
from .paint.png import on_paper, png
from .passes import Pass, so_far
from .words.as_text import every_visit
from .words.visits import Words

_HTML = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body>
{svg}
</body></html>
"""
Style = Literal["full", "figure"]
_next_drawing = itertools.count().__next__


class Drawing:
    """A picture of a graph, as it was when it was drawn. Shows itself in Jupyter.

    Attributes:
        view: what is drawn.
        look: what its arrows show.
        source: the same as DOT, to take elsewhere.

    >>> import tempfile
    >>> from microgradrnn import Value
    >>> x = Value(3.0, "x")
    >>> y = x * x
    >>> y.backward()
    >>> drawing = draw(y)
    >>> [(box.title, box.value, box.grad) for box in drawing.view.boxes]
    [('x', 3.0, 6.0), ('x * x', 9.0, 1.0)]
    >>> drawing.svg()[:4], drawing.png()[1:4]
    ('<svg', b'PNG')
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = drawing.save(f"{folder}/square.svg")
    ...     other = drawing.render(f"{folder}/square", format="dot")
    >>> path.name, other.removeprefix(folder)[1:]
    ('square.svg', 'square.dot')
    """

    def __init__(
        self,
        run: Pass,
        view: View,
        rankdir: str,
        format: str,  # noqa: A002 - as below
        extras: svg.Extras,
        figure: Figure | None = None,
        look: Look = PLAIN,
    ) -> None:
        self._run, self.view, self._rankdir, self._format, self.look = run, view, rankdir, format, look
        self._extras, self._figure = extras, figure
        self.source = dot.source(view, "BT" if view.steps else "LR" if rankdir == "auto" else rankdir, look)
        self._prefix = f"d{_next_drawing()}-"

    def svg(self) -> str:
        """The picture as one SVG element."""
        return self._svg

    @cached_property
    def _svg(self) -> str:
        if self._figure is not None:
            return self._figure.svg(self._prefix)
        return svg.paint(self.placed, self._prefix, look=self.look, extras=self._extras)

    @cached_property
    def placed(self) -> Arranged:
        """Where everything stands in a full picture.

        >>> from microgradrnn import Value
        >>> placed = draw(Value(0.0, "x").tanh().exp()).placed
        >>> left_to_right = sorted(placed.layout.boxes.items(), key=lambda item: item[1])
        >>> [placed.view.boxes[key].title for key, _ in left_to_right]
        ['x', 'tanh(x)', 'exp(tanh(x))']
        """
        sizes, on_arrows = partial(svg.sizes, look=self.look), partial(rooms, look=self.look)
        placed = arrange_in_time("draw(root", self.view, sizes, self._rankdir, on_arrows)
        self.view = placed.view
        return placed

    def png(self) -> bytes:
        """The picture as PNG: two pixels a point, or, of a figure, 300 pixels an inch."""
        return png(self.svg()) if self._figure is None else on_paper(self.svg())

    def tex(self) -> str:
        """A figure as TikZ: a file of its own for lualatex or xelatex.

        Raises:
            ValueError: the drawing is no figure.

        >>> from microgradrnn import Value
        >>> draw(Value(2.0, "x") * 3.0, style="figure").tex().splitlines()[1]
        '% lualatex or xelatex, without shell escape'
        """
        if self._figure is None:
            raise ValueError("only a figure is written as TikZ: draw(root, style='figure')")
        return self._figure.tex()

    def to_text(self) -> str:
        """Every visit of the backward pass as text, also of what the picture leaves out.

        >>> from microgradrnn import Value
        >>> x = Value(3.0, "x")
        >>> y = x * x
        >>> y.backward()
        >>> print(draw(y).to_text())
        visit 1 of 2
        x * x = 9   upstream 1
          swaps: each input gets upstream times the other input
          to x   1 × 3 = 3   so far 3
          to x   1 × 3 = 3   so far 3 + 3 = 6
        <BLANKLINE>
        visit 2 of 2
        x = 3   grad 6
          the sum of 3 from x * x + 3 from x * x
        <BLANKLINE>
        """
        if not self._run.visits:
            return f"{self._run.root.label or 'this node'} has no gradient yet: call backward() first\n"
        return every_visit(self._run)

    def save(self, path: str | Path) -> Path:
        """Write the picture; the name's ending says as what: .svg, .png, .pdf, .html, .dot, .txt, and
        .tex for a figure. Folders are made. To step through a pass in a browser, see `viz.page`.

        Raises:
            ValueError: another ending, or .tex for what is no figure.
            RuntimeError: a PDF without the package that makes it.
        """
        path = Path(path)
        writers: dict[str, Callable[[], bytes]] = {
            ".svg": lambda: self.svg().encode(),
            ".png": self.png,
            ".pdf": lambda: pdf.pdf(self.svg()),
            ".html": lambda: _HTML.format(title=escape(repr(self)), svg=fitting(self.svg())).encode(),
            ".dot": lambda: self.source.encode(errors="replace"),
            ".txt": lambda: self.to_text().encode(errors="replace"),
            ".tex": lambda: self.tex().encode(),
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
        return {"image/svg+xml": fitting(self.svg()), "text/plain": repr(self)}

    def __repr__(self) -> str:
        boxes, arrows = counted(len(self.view.boxes), "box", "boxes"), counted(len(self.view.arrows), "arrow")
        steps = f", {counted(len(self.view.steps), 'time step')}" if self.view.steps else ""
        return f"<Drawing of {boxes} and {arrows}{steps}>"


@and_more
def draw(
    root: Node,
    level: Level = "auto",
    steps: Iterable[int] | None = None,
    max_nodes: int = 100,
    rolled: bool = False,
    rankdir: str = "auto",
    format: str = "svg",  # noqa: A002 - the graphviz package's name
    edges: Edges = "auto",
    labels: Labels = "ends",
    direction: Direction = "forward",
    visits: bool = False,
    style: Style = "full",
    width: str | None = None,
    numbers: bool | None = None,
    path: tuple[Node | str, Node | str] | None = None,
    panel: bool | None = None,
    legend: bool | None = None,
    theme: Theme | None = None,
) -> Drawing:
    """Draw the graph behind ``root``: values, gradients, and on every arrow what it contributes.

    Where nodes were recorded in time steps (`microgradrnn.scope`), or a loop is found in the graph, each step is a
    column and weights shared by the steps stand in each as an alias with that step's contribution. Without time the
    graph runs from left to right, or upwards where that would make it too wide.

    Args:
        root: any node; gradients show once a backward pass from it, or through it, has been made.
        level: how near to look. "network": a box for each scope, all time steps in one. "cell": a box for each scope
            in each step, which shows all that is read outside it. "op": a box for each node. "scalar": a box for each
            number, by lowering; root must be one. "auto": "op", or "cell" where three steps of that would not fit.
        steps: the time steps to show; by default all, or the first and the last ones if there are too many.
        max_nodes: how many nodes are too many; what is left out is said on the picture.
        rolled: whether the time steps of a loop are one column, with an arrow back into it. Weights stand on the
            arrows, and only their gradients are shown, the sums over t.
        rankdir: which way a graph without time runs: LR, TB, BT, RL, or "auto": LR, and BT where that is too wide.
        format: what `Drawing.render` writes unless told: svg or png.
        edges: "all": on each arrow upstream at its head, local on it, downstream at its tail. "contribution": what is
            downstream alone. "auto": "all" where the picture has at most 16 arrows, none with more than 4 numbers at
            an end.
        labels: "ends": as above. "above_below": above each arrow the value that it carries, below it the gradients; a
            box with one arrow has none of its own then.
        direction: "both": beside each arrow a light one of the backward pass, with the gradients.
        visits: whether each box has the number of its turn in the backward pass.
        style: "full" shows every number. "figure" is for slides, papers and books: inputs, states, outputs and losses
            as textbooks draw them, weights on the arrows, type of at least 9 points. Steps that do not fit are left
            out unless ``steps`` asks for them.
        width: of a figure, on paper: a number and cm, mm, in or pt; "16cm" unless given.
        numbers: whether values and gradients stand in a figure; unless given, in one of single numbers without time.
        path: two nodes of a figure, or their labels: all ways from the first to the second are lit up, and the rest
            is faded. From a loss to a state the arrows point back. In a rolled figure what stands for them is lit up.
        panel: whether the sums of shared weights' gradients stand beside the picture; in a full picture, unless told.
        legend: whether it says what its colours mean; in a full picture, unless told.
        theme: "light", "dark", or "auto" for what the reader's system asks for. Unless given a full picture is
            "auto", and a figure "light".

    Other things have pictures of their own. A chain of forward messages (`microgradrnn.messages`): its units, what each
    hands on to the next, and what its loss gives each weight; ``steps`` chooses units. A
    `microgradrnn.analysis.Spectrum`: the matrix, its eigenvalues and its singular values.

    Raises:
        TypeError: root is none of these.
        ValueError: nothing was recorded at one of the steps, an argument makes no sense, a figure of that width would
            have type smaller than 9 points, or no way leads from one end of the path to the other.

    >>> from microgradrnn import Value
    >>> f = Value(-4.0, "z") * (Value(-2.0, "x") + Value(5.0, "y"))
    >>> f.backward()
    >>> draw(f)
    <Drawing of 5 boxes and 4 arrows>
    >>> import numpy as np
    >>> from microgradrnn import nn
    >>> from microgradrnn.messages import synchronized
    >>> chain = synchronized(nn.ManyToMany(2, 3, 2, seed=0), np.ones((4, 1, 2)), np.array([[0], [1], [1], [0]]))
    >>> draw(chain)
    <Picture of forward messages along 4 units: E = 2.817>
    """
    _check("draw", root, rankdir)
    _check_look(max_nodes, style, theme)
    wanted = chosen("draw", steps)
    run = so_far(root)
    if style == "figure":
        _refuse("full", edges=edges != "auto", labels=labels != "ends", direction=direction != "forward", visits=visits)
        options = FigureOptions(
            level=level,
            steps=wanted,
            max_nodes=max_nodes,
            rankdir="LR" if rankdir == "auto" else rankdir,
            rolled=rolled,
            width="16cm" if width is None else width,
            numbers=numbers,
            panel=bool(panel),
            legend=bool(legend),
            theme=theme or "light",
            path=path,
        )
        made = figure(run, options)
        return Drawing(run, made.view, rankdir, format, svg.Extras(), made)
    _refuse("figure", width=width is not None, numbers=numbers is not None, path=path is not None)
    extras = svg.Extras(panel is not False, legend is not False, theme or "auto")
    shown, view = view_at(run, level, wanted, max_nodes, rolled)
    look = look_of(view, Words(shown), edges, labels, direction, visits)
    return Drawing(run, view, rankdir, format, extras, look=look)


def _check(who: str, root: Any, rankdir: str) -> None:
    """Refuse what is no node, and a direction that there is not."""
    if not isinstance(root, Node):
        raise TypeError(f"{who} takes a node, not {type(root).__name__}")
    if rankdir not in ("auto", "LR", "TB", "BT", "RL"):
        raise ValueError(f"{who}: rankdir is auto, LR, TB, BT or RL, not {rankdir!r}")


def _check_look(max_nodes: int, style: str, theme: str | None) -> None:
    """Refuse options that make no sense."""
    if max_nodes < 1:
        raise ValueError(f"draw: max_nodes must be at least 1, not {max_nodes}")
    if style not in get_args(Style):
        raise ValueError(f"draw: style is {' or '.join(map(repr, get_args(Style)))}, not {style!r}")
    if theme not in (None, *get_args(Theme)):
        raise ValueError(f"draw: theme is {', '.join(map(repr, get_args(Theme)))}, not {theme!r}")


def _refuse(style: Style, **given: bool) -> None:
    """Refuse options that another style has."""
    for name in (name for name, is_given in given.items() if is_given):
        raise ValueError(f"draw: {name}= goes with style={style!r}")


def draw_dot(root: Node, format: str = "svg", rankdir: str = "LR") -> Drawing:  # noqa: A002 - micrograd's name
    """micrograd's name for `draw`: ``draw_dot(loss)`` shows itself in a notebook, and renders to a file.

    >>> from microgradrnn import Value
    >>> draw_dot(Value(2.0) * 3)
    <Drawing of 3 boxes and 2 arrows>
    """
    if format not in ("svg", "png"):
        raise ValueError(f"draw_dot: format is 'svg' or 'png', not {format!r}")
    _check("draw_dot", root, rankdir)
    return draw(root, rankdir=rankdir, format=format)
