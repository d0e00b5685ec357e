"""Sequences that steps read in blocks of rows, as those of a packed batch: each step its own, one after another.

- `Blocks`: such a sequence. `blocks`: the one that a loop reads.
- `with_their_readers`: the steps of a loop, where a block stands in the step that reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from microgradrnn import ops
from microgradrnn.engine import Node
from microgradrnn.loops.uses import Graph


@dataclass(frozen=True)
class Blocks:
    """A sequence of which each step of a loop reads one block.

    Attributes:
        source: the sequence.
        bounds: where its blocks start, in the order of its rows, and where the last one ends.
        sign: 1 where the loop reads it from its start, -1 from its end.
    """

    source: Node
    bounds: tuple[int, ...]
    sign: int


def blocks(graph: Graph, steps: Sequence[Sequence[int]]) -> Blocks | None:
    """The sequence that a loop reads in blocks, if there is one."""
    found: dict[Node, list[tuple[int, int]]] = {}
    for k, places in enumerate(steps):
        for place in places:
            for x in graph.readings[place]:
                if x.row or (block := _block(x.source)) is None:
                    continue
                source, rows = block
                read = found.setdefault(source, [])
                if len(read) == k:
                    read.append(rows)
                elif len(read) != k + 1 or read[k] != rows:
                    read.clear()  # read in another way: not one block a step
    for source, read in found.items():
        sign = _way(read) if len(read) == len(steps) else 0
        if sign:
            in_order = read[::sign]
            return Blocks(source, (*(start for start, _ in in_order), in_order[-1][1]), sign)
    return None


def with_their_readers(graph: Graph, steps: Sequence[Sequence[int]]) -> Sequence[Sequence[int]]:
    """The places of each step, where a block that one other step alone reads has moved there.

    Such are a block of the inputs, and of a state the sequences that go on.
    """
    step_of = {place: k for k, places in enumerate(steps) for place in places}
    readers: dict[int, set[int]] = {place: set() for place in step_of if _block(graph.nodes[place]) is not None}
    for place, k in step_of.items() if readers else ():
        for x in graph.readings[place]:
            made = graph.place.get(x.source, -1)
            if made in readers:
                readers[made].add(k)
    if all(read_in <= {step_of[place]} for place, read_in in readers.items()):
        return steps
    moved: list[list[int]] = [[] for _ in steps]
    for place, k in sorted(step_of.items()):
        read_in = readers.get(place, set())
        moved[min(read_in) if len(read_in) == 1 else k].append(place)
    return moved


def _block(node: Node) -> tuple[Node, tuple[int, int]] | None:
    """What a node is a block of rows of, and which rows; None where it is no block of a matrix or more."""
    if node.op is not ops.INDEX or len(node.inputs) != 1 or node.inputs[0].ndim < 2:
        return None
    key = node.params["key"]
    if len(key) != 1 or not isinstance(key[0], slice):
        return None
    start, stop, step = key[0].indices(node.inputs[0].shape[0])
    return (node.inputs[0], (start, stop)) if step == 1 and start < stop else None


def _way(read: Sequence[tuple[int, int]]) -> int:
    """1 where each block starts where the one before ends, -1 where it ends where that starts, and 0 if neither."""
    if len(read) < 2:
        return 0
    if all(one[1] == other[0] for one, other in pairwise(read)):
        return 1
    return -1 if all(one[0] == other[1] for one, other in pairwise(read)) else 0
