"""Where things go.

- `arrange_in_time`: a whole view, or, where Graphviz takes too long, what is nearest to its root.
- `arrange`: a whole view. Without time Graphviz does it, from left to right or upwards; with time see `columns`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..graph.collapse import nearest
from ..graph.view import View
from .columns import WIDEST, in_columns
from .engine import LayoutTimeoutError
from .groups import weight
from .positions import Layout, Point, Sizes, positions
from .skeleton import skeleton

__all__ = ["Arranged", "Layout", "Point", "Sizes", "arrange", "arrange_in_time"]

NARROW = 1100.0
"""A picture no wider than that fits on a screen as it is, whatever its height."""

FEW = 30
"""So many boxes are laid out at once, where all of them took too long."""


def arrange(view: View, sizes: Sizes, rankdir: str, seconds: float = 20.0) -> Layout:
    """Positions for everything in ``view``, whose boxes have the given sizes.

    Of ``rankdir`` "auto" a graph without time runs from left to right, and upwards where that would be too wide.

    Raises:
        RuntimeError: Graphviz refused, or all of it took longer than ``seconds`` (`LayoutTimeoutError`).
    """
    if view.steps:
        return in_columns(view, sizes, seconds)
    if rankdir == "auto":
        found = _without_time(view, sizes, "LR", seconds)
        too_wide = found.width > max(WIDEST * found.height, NARROW)
        return _without_time(view, sizes, "BT", seconds) if too_wide else found
    return _without_time(view, sizes, rankdir, seconds)


def _without_time(view: View, sizes: Sizes, rankdir: str, seconds: float) -> Layout:
    edges = [(arrow.tail, arrow.head, weight(view, arrow)) for arrow in view.arrows]
    dot = skeleton(sizes, edges, rankdir=rankdir, ranksep=46 if rankdir in ("TB", "BT") else 66)
    found = positions(dot, [edge[:2] for edge in edges], seconds)
    layout = Layout(width=found.width, height=found.height)
    layout.boxes = found.centres
    layout.arrows = dict(enumerate(found.paths))
    return layout


@dataclass(frozen=True)
class Arranged:
    """A view, the sizes of its boxes, and where everything stands."""

    view: View
    sizes: Sizes
    layout: Layout


def arrange_in_time(who: str, view: View, sizes: Callable[[View], Sizes], rankdir: str) -> Arranged:
    """Positions for everything in a view, or only for what is nearest to its root; then it says so.

    Args:
        who: which function of viz was called, for the note.
        view: what is drawn.
        sizes: how large the boxes of a view are.
        rankdir: which way a graph without time runs.
    """
    try:
        return Arranged(view, found := sizes(view), arrange(view, found, rankdir))
    except LayoutTimeoutError as late:
        note = f"{late}: only the {FEW} boxes nearest to the root are shown; {who}, steps=…, max_nodes=…) picks"
        view = nearest(view, FEW, note)
        return Arranged(view, found := sizes(view), arrange(view, found, rankdir))
