"""A guided visit of a page: a few stops, each with a sentence or two.

- `Stop`: one of them. `stops`: what the page's script needs of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from microgradrnn.engine import Node

from .animation import Animation
from .words.escape import clean


@dataclass(frozen=True)
class Stop:
    """One stop of a guided visit.

    Attributes:
        words: what is said there.
        node: whose step the page shows meanwhile; None: the start, before the first step.
        back: its visit in the backward pass, and not its forward step.
        change: the name of a leaf: a page whose numbers can be changed offers this one.
    """

    words: str
    node: Node | None = None
    back: bool = False
    change: str = ""


def stops(tour: Iterable[Stop], film: Animation, told: Sequence[int]) -> list[dict[str, Any]]:
    """Each stop's words and position on a page that tells these moments.

    Raises:
        ValueError: a stop's node has no such step on the page.
    """
    return [_stop(stop, film, told) for stop in tour]


def _stop(stop: Stop, film: Animation, told: Sequence[int]) -> dict[str, Any]:
    found = {"words": clean(stop.words), "position": 0}
    if stop.node is not None:
        moment = (film.run.turns if stop.back else film.run.moments).get(stop.node)
        if moment not in told:
            what = "visit" if stop.back else "forward step"
            name = film.run.names.get(stop.node, stop.node.label or "that node")
            raise ValueError(f"page: a stop of the tour is at the {what} of {name}, which is not on the page")
        found["position"] = told.index(moment) + 1
    return found | ({"change": clean(stop.change)} if stop.change else {})
