"""Loops that were written as one, such as both directions of a network, of which neither reads what the other makes.

- `strands`: the parts of a loop that no node joins.
"""

from __future__ import annotations

from collections.abc import Sequence

from microgradrnn.loops.cuts import Stretch
from microgradrnn.loops.uses import Graph


def strands(graph: Graph, stretch: Stretch) -> list[tuple[Sequence[int], ...]]:
    """The places of each part of a loop, step by step; what is not in every step goes with the first part."""
    start, stop = stretch.cuts[0], stretch.cuts[-1]
    joined = list(range(stop - start))
    for place in range(start, stop):
        for x in graph.readings[place]:
            made = graph.place.get(x.source, -1)
            if start <= made:
                joined[_first(joined, made - start)] = _first(joined, place - start)
    parts = [[_first(joined, place - start) for place in step] for step in stretch.steps]
    steps_of: dict[int, set[int]] = {}
    for k, step in enumerate(parts):
        for part in step:
            steps_of.setdefault(part, set()).add(k)
    several = [part for part, steps in steps_of.items() if steps.issuperset(stretch.whole)]
    if len(several) < 2:
        return [stretch.steps]
    own = {part: number for number, part in enumerate(several)}
    found: list[list[list[int]]] = [[[] for _ in parts] for _ in several]
    for k, (places, step) in enumerate(zip(stretch.steps, parts, strict=True)):
        for place, part in zip(places, step, strict=True):
            found[own.get(part, 0)][k].append(place)
    return [tuple(steps) for steps in found]


def _first(joined: list[int], place: int) -> int:
    """What a place is joined with, and stands for all of them."""
    while joined[place] != place:
        joined[place] = joined[joined[place]]
        place = joined[place]
    return place
