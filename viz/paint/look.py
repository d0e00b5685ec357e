"""What a picture shows beside its boxes: the options of `viz.draw` that are about edges, read and checked once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from ..graph.view import Arrow, View
from ..numbers import MAX_ENTRIES
from ..words.visits import Words

Edges = Literal["auto", "contribution", "all"]
Labels = Literal["ends", "above_below"]
Direction = Literal["forward", "both"]

MOST_ARROWS = 16
"""``edges="auto"`` shows all three gradients of so many edges, none of more than `MAX_ENTRIES` numbers."""


@dataclass(frozen=True, eq=False)
class Look:
    """How the edges of a picture look.

    Attributes:
        edges: whether an arrow shows all three gradients of its edge, or what it contributes alone.
        labels: whether they stand on the arrow, or under it, with the value above it.
        direction: whether arrows of the backward pass run beside the others.
        visits: whether boxes have the number of their visit.
        words: writes the formulas of local gradients; without it there is none.
    """

    edges: Literal["contribution", "all"] = "contribution"
    labels: Labels = "ends"
    direction: Direction = "forward"
    visits: bool = False
    words: Words | None = None

    @property
    def has_rooms(self) -> bool:
        """Whether numbers stand where the layout has left room for them."""
        return self.edges == "all" or self.labels != "ends" or self.direction != "forward"


PLAIN = Look()


def look(
    view: View, words: Words, edges: Edges, labels: Labels, direction: Direction, visits: bool, who: str = "draw"
) -> Look:
    """The look that the options of `viz.draw`, or of ``who`` takes the same, ask for.

    Raises:
        ValueError: one of them makes no sense, or does not fit the picture.
    """
    kinds = {"edges": (edges, Edges), "labels": (labels, Labels), "direction": (direction, Direction)}
    for name, (given, known) in kinds.items():
        if given not in get_args(known):
            raise ValueError(f"{who}: {name} is {' or '.join(map(repr, get_args(known)))}, not {given!r}")
    if not isinstance(visits, (bool, np.bool_)):
        raise ValueError(f"{who}: visits is True or False, not {visits!r}")
    asked = {
        "edges='all'": edges == "all",
        "labels='above_below'": labels == "above_below",
        "direction='both'": direction == "both",
        "visits=True": bool(visits),
    }
    for option in (option for option, is_given in asked.items() if is_given):
        if view.captions:
            raise ValueError(
                f"{who}: {option} is about single time steps, and a rolled picture has one column for all of them: "
                f"leave out {option}, or rolled=True and level='network'"
            )
        if option != "labels='above_below'" and not words.run.made:
            raise ValueError(f"{who}: {option} shows a backward pass, and none has been made: call backward() first")
    three = [arrow for arrow in view.arrows if arrow.edge is not None]
    if edges == "all" and not three:
        raise ValueError(
            f"{who}: edges='all' shows upstream, local and downstream of single edges, and every arrow of this picture "
            "stands for several: draw(root, level='op')"
        )
    is_small = edges == "auto" and three and len(view.arrows) <= MOST_ARROWS and all(map(_is_small, view.arrows))
    shown: Literal["contribution", "all"] = "all" if edges == "all" or is_small else "contribution"
    return Look(shown, labels, direction, bool(visits), words)


def _is_small(arrow: Arrow) -> bool:
    """Whether an edge carries few numbers; one that carries none takes no room."""
    return arrow.edge is None or max(_size(arrow.edge.upstream), _size(arrow.edge.downstream)) <= MAX_ENTRIES


def _size(data: Any) -> int:
    return int(np.size(data))
