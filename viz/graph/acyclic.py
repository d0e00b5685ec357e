"""Groups of boxes that can each be one box: gathering them never makes a cycle.

- `parts`: each group as one part where that can be, else as several.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Sequence


def parts(groups: Sequence[Hashable], edges: Iterable[tuple[int, int]]) -> list[tuple[Hashable, int]]:
    """Split groups of boxes where a path leaves a group and comes back to it.

    Boxes are taken in an order in which inputs come first. Each joins the last part of its group, or, where that would
    make a cycle of parts, begins a new one.

    Args:
        groups: for each box, what group it belongs to.
        edges: pairs (tail, head) of boxes, without cycles.

    Returns:
        For each box its group, and which part of that it belongs to, counted from 0.

    >>> parts(["A", "B", "A"], [(0, 1), (1, 2), (0, 2)])
    [('A', 0), ('B', 0), ('A', 1)]
    >>> parts(["A", "B", "B", "A"], [(0, 1), (2, 3)])  # A reads B, and B reads A, though no path comes back
    [('A', 0), ('B', 0), ('B', 0), ('A', 1)]
    """
    inputs: list[list[int]] = [[] for _ in groups]
    for tail, head in edges:
        inputs[head].append(tail)
    made = _Parts()
    latest: dict[Hashable, int] = {}  # the last part of each group
    part: dict[int, int] = {}
    found: list[tuple[Hashable, int]] = [(group, 0) for group in groups]
    counts: dict[Hashable, int] = {}
    for box in _inputs_first(inputs):
        group, reads = groups[box], {part[x] for x in inputs[box]}
        mine = latest.get(group)
        if mine is None or made.leads_to(mine, reads - {mine}):
            mine = latest[group] = made.new()
            counts[group] = counts.get(group, 0) + 1
        part[box], found[box] = mine, (group, counts[group] - 1)
        made.connect(reads - {mine}, mine)
    return found


def _inputs_first(inputs: Sequence[Sequence[int]]) -> list[int]:
    """All boxes, each after its inputs, else in the order given."""
    readers: list[list[int]] = [[] for _ in inputs]
    waits = [len(found) for found in inputs]
    for box, found in enumerate(inputs):
        for x in found:
            readers[x].append(box)
    ready = [box for box, count in enumerate(waits) if not count]
    order = []
    while ready:
        order.append(box := heapq.heappop(ready))
        for reader in readers[box]:
            waits[reader] -= 1
            if not waits[reader]:
                heapq.heappush(ready, reader)
    assert len(order) == len(inputs), "the boxes themselves make a cycle"
    return order


class _Parts:
    """The parts so far, and which reads which: a graph without cycles. ``depth`` grows along each of its edges."""

    def __init__(self) -> None:
        self.inputs: list[set[int]] = []
        self.readers: list[set[int]] = []
        self.depth: list[int] = []

    def new(self) -> int:
        self.inputs.append(set())
        self.readers.append(set())
        self.depth.append(0)
        return len(self.depth) - 1

    def leads_to(self, part: int, others: set[int]) -> bool:
        """Whether a path leads from the part to one of the others; only deeper parts can lie on it."""
        if not self.readers[part]:
            return False
        todo, seen = [x for x in others if self.depth[x] > self.depth[part]], set(others)
        while todo:
            for x in self.inputs[todo.pop()]:
                if x == part:
                    return True
                if x not in seen and self.depth[x] > self.depth[part]:
                    seen.add(x)
                    todo.append(x)
        return False

    def connect(self, inputs: set[int], part: int) -> None:
        self.inputs[part] |= inputs
        for x in inputs:
            self.readers[x].add(part)
        todo = [part] if inputs else []
        while todo:
            lower = todo.pop()
            depth = max((self.depth[x] + 1 for x in self.inputs[lower]), default=0)
            if depth > self.depth[lower]:
                self.depth[lower] = depth
                todo += self.readers[lower]
