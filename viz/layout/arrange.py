"""Where things go.

- `arrange_in_time`: a whole view, or, where Graphviz takes too long, what is nearest to its root.
- `arrange`: a whole view. Without time Graphviz does it, from left to right or upwards; with time see `columns`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..graph.collapse import nearest
from ..graph.view import View
from .columns import WIDEST, in_columns
from .engine import LayoutTimeoutError
from .groups import weight
from .positions import Layout, Point, Run, Sizes, positions
from .rooms import Room, Roomy, runs
from .skeleton import skeleton

__all__ = ["Arranged", "Layout", "Point", "Room", "Run", "Sizes", "arrange", "arrange_in_time"]

NARROW = 900.0
"""A picture no wider than that fits on a screen as it is, whatever its height."""

FEW = 30
"""So many boxes are laid out at once, where all of them took too long."""


def arrange(
    view: View, sizes: Sizes, rankdir: str, rooms: Mapping[int, Room] | None = None, seconds: float = 20.0
) -> Layout:
    """Positions for everything in ``view``, whose boxes have the given sizes, and ``rooms`` for what is on arrows.

    Of ``rankdir`` "auto" a graph without time runs from left to right, and upwards where that would be too wide.

    Raises:
        RuntimeError: Graphviz refused, or all of it took longer than ``seconds`` (`LayoutTimeoutError`).
    """
    found = _arranged_in(view, sizes, "LR" if rankdir == "auto" else rankdir, rooms or {}, seconds)
    too_wide = rankdir == "auto" and not view.steps and found.width > max(WIDEST * found.height, NARROW)
    return _arranged_in(view, sizes, "BT", rooms or {}, seconds) if too_wide else found


def _arranged_in(view: View, sizes: Sizes, rankdir: str, rooms: Mapping[int, Room], seconds: float) -> Layout:
    roomy = Roomy(view, sizes, rooms, runs(view, rankdir))
    return roomy.joined(_arranged(roomy, rankdir, seconds))


def _arranged(roomy: Roomy, rankdir: str, seconds: float) -> Layout:
    view, sizes, through = roomy.view, roomy.sizes, roomy.rooms.keys()
    if view.steps:
        return in_columns(view, sizes, roomy.runs, seconds, through)
    edges = [(arrow.tail, arrow.head, weight(view, arrow)) for arrow in view.arrows]
    between = 34 if through else 46 if rankdir in ("TB", "BT") else 66
    dot = skeleton(sizes, edges, rankdir=rankdir, ranksep=between, through=through)
    found = positions(dot, [edge[:2] for edge in edges], seconds)
    layout = Layout(width=found.width, height=found.height)
    layout.boxes = found.centres
    layout.arrows = dict(enumerate(found.paths))
    return layout


@dataclass(frozen=True)
class Arranged:
    """A view, the sizes of its boxes, where everything stands, and the sizes of the rooms on arrows."""

    view: View
    sizes: Sizes
    layout: Layout
    rooms: Mapping[int, Room] = field(default_factory=dict)


def arrange_in_time(
    who: str,
    view: View,
    sizes: Callable[[View], Sizes],
    rankdir: str,
    rooms: Callable[[View], Mapping[int, Room]] = lambda view: {},
) -> Arranged:
    """Positions for everything in a view, or only for what is nearest to its root; then it says so.

    Args:
        who: which function of viz was called, for the note.
        view: what is drawn.
        sizes: how large the boxes of a view are.
        rankdir: which way a graph without time runs.
        rooms: how much room its arrows need for what stands on them.
    """

    def arranged(view: View) -> Arranged:
        of_boxes, on_arrows = sizes(view), rooms(view)
        return Arranged(view, of_boxes, arrange(view, of_boxes, rankdir, on_arrows), on_arrows)

    try:
        return arranged(view)
    except LayoutTimeoutError as late:
        note = f"{late}: only the {FEW} boxes nearest to the root are shown; {who}, steps=…, max_nodes=…) picks"
        return arranged(nearest(view, FEW, note))
