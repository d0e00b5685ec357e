"""The time steps of what stands around loops: what is done to each step's output, and what one step alone reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from microgradrnn.engine import Node
from microgradrnn.loops.numbering import Numbering
from microgradrnn.loops.uses import Graph, is_part
from microgradrnn.loops.whole_steps import is_sum


def of_each_step(graph: Graph, numbering: Numbering) -> dict[Node, int]:
    """The time steps of nodes outside the loops that do the same with what different steps have made.

    What is done with one step's output alone, such as a loss of the last state, belongs to no step.
    """
    kinds: dict[Node, Any] = {}
    numbers: dict[Any, int] = {}
    steps: dict[int, set[int]] = {}
    for place, node in enumerate(graph.nodes):
        t = numbering.about.get(node)
        if t is None or node in numbering.times:
            continue
        read = tuple(_kind(graph, numbering, kinds, node, x.source) for x in graph.readings[place])
        kinds[node] = numbers.setdefault((graph.does[place], read), len(numbers))
        steps.setdefault(kinds[node], set()).add(t)
    found: dict[Node, int] = {}
    for node in graph.nodes:
        if node in kinds and len(steps[kinds[node]]) > 1:
            read_outside = [x.source for x in graph.readings[graph.place[node]] if x.source in kinds]
            if all(x in found for x in read_outside):
                found[node] = numbering.about[node]
    return found


def _kind(graph: Graph, numbering: Numbering, kinds: dict[Node, Any], node: Node, x: Node) -> Any:
    """What there is to say of an input that inputs of other steps have in common with it."""
    if is_sum(node) and is_sum(x) and x not in numbering.times:
        return None  # a running sum, which starts from a number
    return ("step", graph.does[graph.place[x]]) if x in numbering.times else kinds.get(x)


def read_in_one_step(nodes: Sequence[Node], times: dict[Node, int]) -> dict[Node, int]:
    """The time steps of leaves and rows that one step alone reads, but for states that a loop starts from."""
    readers: dict[Node, list[tuple[Node, int]]] = {}
    for node in nodes:
        for slot, x in enumerate(node.inputs):
            if x not in times and (x.op is None or is_part(x)):
                readers.setdefault(x, []).append((node, slot))
    entrances = _Entrances(nodes, times)
    found: dict[Node, int] = {}
    for x in reversed(nodes):
        steps = {times.get(node, found.get(node)) for node, _ in readers.get(x, [])}
        t = steps.pop() if len(steps) == 1 else None
        is_start = any(entrances.is_carried(node, slot) for node, slot in readers.get(x, []))
        if t is not None and not is_start:
            found[x] = t
    return found


class _Entrances:
    """Where a step reads what another step has made."""

    def __init__(self, nodes: Sequence[Node], times: dict[Node, int]) -> None:
        readers: dict[Node, set[int | None]] = {}
        for node in nodes:
            for x in node.inputs:
                if x.op is None:
                    readers.setdefault(x, set()).add(times.get(node))
        self.keys: dict[Node, Any] = {}
        counts: Counter[Any] = Counter()
        for node in nodes:
            if node in times:
                weights = tuple(x if len(readers.get(x, ())) > 1 else None for x in node.inputs)
                key = node.op, node.scope, weights
                self.keys[node] = (key, counts[key, times[node]])
                counts[key, times[node]] += 1
        self.carried = {
            (self.keys[node], slot)
            for node in self.keys
            for slot, x in enumerate(node.inputs)
            if x in times and x.op is not None and times[x] != times[node]
        }

    def is_carried(self, node: Node, slot: int) -> bool:
        """Whether other steps read there what a step has made."""
        return (self.keys.get(node), slot) in self.carried
