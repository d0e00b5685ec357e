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
    if is_sum(node) and is_sum(x) and x not in numbering.loop_of:
        return None  # a running sum, which starts from a number
    loop = numbering.loop_of.get(x)
    return kinds.get(x) if loop is None else (loop, graph.does[graph.place[x]])


def read_in_one_step(nodes: Sequence[Node], times: dict[Node, int]) -> dict[Node, int]:
    """The time steps of leaves and rows that one step alone reads, but for states that a loop starts from."""
    readers: dict[Node, list[tuple[Node, int]]] = {}
    for node in nodes:
        for slot, x in enumerate(node.inputs):
            if x not in times and (x.op is None or is_part(x)):
                readers.setdefault(x, []).append((node, slot))
    found: dict[Node, int] = {}
    shared: set[Node] = set()
    for x in reversed(nodes):
        if x in readers:
            uses = readers[x]
            t = times.get(uses[0][0], found.get(uses[0][0]))
            if any(times.get(node, found.get(node)) != t for node, _ in uses[1:]):
                shared.add(x)
            elif t is not None:
                found[x] = t
    starts = _starts([x for x in found if x.op is None or x.inputs[0].op is not None], nodes, times, readers, shared)
    return {x: t for x, t in found.items() if x not in starts}


def _starts(
    candidates: Sequence[Node],
    nodes: Sequence[Node],
    times: dict[Node, int],
    readers: dict[Node, list[tuple[Node, int]]],
    shared: set[Node],
) -> set[Node]:
    """Those that are read where other steps read what a step has made: first states.

    Nodes of different steps are known by their op, by the weights that they read, and by which such node of their step
    they are.
    """
    ops = {node.op for x in candidates for node, _ in readers[x]}
    keys: dict[Node, Any] = {}
    counts: Counter[Any] = Counter()
    carried: set[Any] = set()
    for node in nodes:
        if node.op in ops and (t := times.get(node)) is not None:
            key = node.op, node.scope, *(x if x in shared else None for x in node.inputs)
            keys[node] = key, counts[key, t]
            counts[key, t] += 1
            for slot, x in enumerate(node.inputs):
                if x.op and times.get(x, t) != t:
                    carried.add((keys[node], slot))
    return {x for x in candidates if any((keys.get(node), slot) in carried for node, slot in readers[x])}
