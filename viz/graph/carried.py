"""What goes back from one kept box to another through the boxes between them, which are not drawn.

- `carried`: for each two kept boxes the sum over all ways that join them. `few`, `one_way`: the ways as arrows.
- `sum_of`: what arrows carry together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from heapq import heappop, heappush
from typing import Any

from .collapse import total
from .view import Arrow, View


def carried(view: View, kept: Collection[int], order: Sequence[int]) -> Mapping[tuple[int, int], Any]:
    """What each kept box contributes to the grad of each other one, by (tail, head), where that is known.

    A box between them that several kept boxes read sends each one's share of its upstream further, so the numbers
    into a box add up to its grad.

    Args:
        view: all boxes.
        kept: the keys of those that are drawn.
        order: the keys of all boxes, inputs before what reads them.
    """
    into: dict[int, list[Arrow]] = defaultdict(list)
    out: dict[int, list[Arrow]] = defaultdict(list)
    for arrow in view.arrows:
        into[arrow.head].append(arrow)
        out[arrow.tail].append(arrow)
    place = {key: i for i, key in enumerate(order)}
    behind = _behind(view, kept, order, into)
    found: dict[tuple[int, int], Any] = {}
    for head in kept:
        parts: dict[int, list[Any]] = defaultdict(list)
        whole, waiting = {head}, [(0, head)]
        while waiting:
            _, key = heappop(waiting)
            if key != head and all(arrow.head in whole for arrow in out[key]):
                whole.add(key)
            share = None if key in whole else total(parts[key])
            for arrow in into[key]:
                if arrow.contribution is not None and arrow.tail in behind:
                    part = arrow.contribution if key in whole else _part(arrow, share)
                    if arrow.tail not in kept and arrow.tail not in parts:
                        heappush(waiting, (-place[arrow.tail], arrow.tail))
                    parts[arrow.tail].append(part)
        found |= {(tail, head): total(given) for tail, given in parts.items() if tail in kept}
    return found


def _behind(
    view: View, kept: Collection[int], order: Sequence[int], into: Mapping[int, Sequence[Arrow]]
) -> Collection[int]:
    """The boxes that are kept and have a gradient, and those that were computed from such a box."""
    found: set[int] = set()
    for key in order:
        is_end = key in kept and view.boxes[key].differentiable
        if is_end or any(arrow.tail in found for arrow in into.get(key, ())):
            found.add(key)
    return found


def _part(arrow: Arrow, share: Any) -> Any:
    """What an arrow carries of a share of its head's upstream."""
    assert arrow.edge is not None
    return arrow.edge.sent(share)


def few(ways: tuple[Arrow, ...]) -> tuple[Arrow, ...]:
    """Ways from one box that differ in what is on them, each once."""
    return tuple({(way.weight, way.cut): way for way in ways}.values())


def one_way(ways: Sequence[Arrow], contribution: Any) -> Arrow:
    """One arrow for several ways, with all the weights that are on them, and what goes along all of them."""
    names = dict.fromkeys(name for way in ways for name in way.weight.split(", ") if name)
    return replace(
        ways[0], weight=", ".join(names), cut=all(way.cut for way in ways), contribution=contribution, edge=None
    )


def sum_of(arrows: Sequence[Arrow]) -> Any:
    """What several arrows from one box carry together."""
    return total([arrow.contribution for arrow in arrows if arrow.contribution is not None])
