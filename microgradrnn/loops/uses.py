"""What steps of a loop have in common: that they use the same weights, and rows of the same sequences.

A step need not be the last one's double: its first may lack a state, an attention reads ever more states, an ``if``
may choose what is done. But each uses the same weights in the same order. So loops in time are looked for among the
*uses*: the nodes that read a weight or a row of a sequence.

- `Graph`: the nodes of a graph in the order of recording, and what each reads.
- `Reading`: what a node reads in one slot.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np

from microgradrnn import ops
from microgradrnn.engine import Node
from microgradrnn.graph import by_value


class Reading(NamedTuple):
    """What a node reads in one slot: a node, or one row of it, ``x[t]`` or ``x[:, t]`` or ``x[t][0]``.

    Attributes:
        source: the node, or what it is a row of.
        row: the integers that it is taken with; empty for a whole node.
    """

    source: Node
    row: tuple[int, ...] = ()


class Graph:
    """The nodes of a graph in the order of recording; rows and leaves are none of them, but are read.

    Args:
        nodes: oldest first.
        timed: those of them whose time step is known; they are read, and not looked at.
        wide: whether whatever is read again and again counts as a weight, such as one that was computed before the
            loop, or a constant; if not, only leaves that want a gradient do.

    Attributes:
        nodes, place: by place, and the place of each.
        readings: for each node and slot.
        does: for each node, as a number, what it does, whatever it reads.
        uses: the places of nodes that read a weight or a row of a sequence.
        keys: for each of the uses, as a number, what it does to which weights and sequences.
        last_read: where each node is read last; its own place if nowhere.
    """

    def __init__(self, nodes: Sequence[Node], timed: Collection[Node] = (), wide: bool = False) -> None:
        self.nodes = [node for node in nodes if node.op is not None and not is_part(node) and node not in timed]
        self.place = {node: place for place, node in enumerate(self.nodes)}
        known: dict[Node, Reading] = {}
        self.readings = [tuple([known.get(x) or _known(x, known) for x in node.inputs]) for node in self.nodes]
        self.does = numbered(_what(node) for node in self.nodes)
        self.last_read = list(range(len(self.nodes)))
        for place, read in enumerate(self.readings):
            for x in read:
                made = self.place.get(x.source)
                if made is not None:
                    self.last_read[made] = place
        reads = self._reads(wide)
        within = _within_a_step([found for x, found in reads.items() if wide or _is_parameter(x)])
        counts = {x: sum(map(len, found.values())) for x, found in reads.items()}
        several = {x for x, found in reads.items() if counts[x] > 1 and not within(found)}
        candidates = {x: counts[x] for x in several if _is_parameter(x) or (wide and counts[x] > 2)}
        self._weights = self._not_beside_others(candidates)
        self._sequences = self._find_sequences(within, _whole_loops(reads[x] for x in self._weights))
        self._leaves = {x for x in several if x.op is None}
        self._rows = self._rows_of_weights(within)
        kinds = {x: kind for x, read in known.items() if (kind := self._kind(read)) is not None}
        described = [
            self._describe(place, [kinds.get(x) for x in node.inputs]) for place, node in enumerate(self.nodes)
        ]
        self.uses = [place for place, key in enumerate(described) if key is not None]
        self.keys = numbered(key for key in described if key is not None)

    def is_sequence(self, x: Reading) -> bool:
        """Whether it is a row of something whose rows are read in turn."""
        return bool(x.row) and x.source in self._sequences

    def are_alike(self, one: int, other: int) -> bool:
        """Whether the nodes at two places do the same, and not to different leaves of which several steps read one."""
        if self.does[one] != self.does[other]:
            return False
        if not self._leaves:
            return True
        return not any(
            x.source is not y.source
            and x.source.op is None
            and y.source.op is None
            and {x.source, y.source} & self._leaves
            for x, y in zip(self.readings[one], self.readings[other], strict=False)
        )

    def _describe(self, place: int, kinds: Sequence[Any]) -> Any:
        """What a node does to which weights and sequences; None if it reads none."""
        if not any(kind is not None for kind in kinds):
            return None
        op = self.nodes[place].op
        assert op is not None
        return self.does[place], frozenset(kinds) if op.any_number else tuple(kinds)

    def _kind(self, x: Reading) -> Any:
        if x.source in self._sequences and x.row:
            return (x.source,)
        if x in self._rows:
            return x
        return x.source if x.source in self._weights else None

    def _reads(self, wide: bool) -> dict[Node, Reads]:
        """Where each leaf, or each node, is read as a whole, by what reads it and in which slot."""
        reads: dict[Node, Reads] = {}
        for place, read in enumerate(self.readings):
            for slot, x in enumerate(read):
                if not x.row and (wide or x.source.op is None):
                    reads.setdefault(x.source, {}).setdefault((self.does[place], slot), []).append(place)
        return reads

    def _rows_of_weights(self, within: Callable[[Reads], bool]) -> set[Reading]:
        """The rows of leaves that several steps read, such as a layer's matrix in a stack; a first state is none."""
        reads: dict[Reading, Reads] = {}
        for place, read in enumerate(self.readings):
            for slot, x in enumerate(read):
                if x.row and x.source.op is None:
                    reads.setdefault(x, {}).setdefault((self.does[place], slot), []).append(place)
        return {x for x, found in reads.items() if sum(map(len, found.values())) > 1 and not within(found)}

    def _not_beside_others(self, counts: dict[Node, int]) -> set[Node]:
        """Without those that are only read together with one that is read more often, as x_t is by both directions."""
        found: set[Node] = set()
        for read in self.readings:
            beside = [x.source for x in read if not x.row and x.source in counts]
            found.update(x for x in beside if counts[x] == max(map(counts.__getitem__, beside)))
        return found

    def _find_sequences(self, within: Callable[[Reads], bool], whole_loop: Callable[[int, int], bool]) -> set[Node]:
        """What is read row by row, one row after another: not the same rows over and over, nor all in one step.

        Nor is it one if a whole loop runs from each row to the next, as with the first states of several layers.
        """
        rows: dict[Node, list[tuple[int, ...]]] = {}
        places: dict[Node, list[int]] = {}
        for place, read in enumerate(self.readings):
            for x in read:
                if x.row:
                    rows.setdefault(x.source, []).append(x.row)
                    places.setdefault(x.source, []).append(place)
        in_turn = [x for x, read in rows.items() if 0 < _changes(read) <= _SWEEPS * len(set(read))]
        found = {x for x in in_turn if x.op is None or not within({None: places[x]})}
        return {x for x in found if not all(whole_loop(p, q) for p, q in _where_rows_change(rows[x], places[x]))}


Reads = dict[Any, list[int]]
"""Places by what is done there."""


def _within_a_step(reads: Iterable[Reads]) -> Callable[[Reads], bool]:
    """A test whether something is read within one step alone, as x_t is by several gates.

    That is so if something else is read before it, and in the same way not again before it has been read for the last
    time.
    """
    spans: list[tuple[int, int]] = []
    for found in reads:
        for places in found.values():
            if len(places) > 2:
                gaps = sorted(b - a for a, b in pairwise(places))
                usual = 4 * gaps[len(gaps) // 2]
                spans += [(a, b) for a, b in pairwise(places) if b - a <= usual]
                spans.append((places[-1], places[-1] + min(gaps[-1], usual)))
    spans.sort()
    starts, ends = [start for start, _ in spans], list(accumulate((end for _, end in spans), max))

    def within(found: Reads) -> bool:
        first, last = min(places[0] for places in found.values()), max(places[-1] for places in found.values())
        k = bisect_right(starts, first)
        return k > 0 and ends[k - 1] > last

    return within


def _whole_loops(weights: Iterable[Reads]) -> Callable[[int, int], bool]:
    """A test whether some weight is used, from one place up to another, over and over, and nearly nowhere else."""
    spans = [
        (places[0] if len(places) == 2 else places[1], places[-1])  # a step may have started before
        for found in weights
        for places in found.values()
        if len(places) > 1
    ]
    spans.sort()
    starts = [start for start, _ in spans]
    ends = [*accumulate((end for _, end in reversed(spans)), min)][::-1]

    def whole_loop(low: int, high: int) -> bool:
        k = bisect_left(starts, low)
        return k < len(ends) and ends[k] < high

    return whole_loop


def _where_rows_change(read: Sequence[tuple[int, ...]], places: Sequence[int]) -> list[tuple[int, int]]:
    return [(p, q) for one, other, p, q in zip(read, read[1:], places, places[1:], strict=False) if one != other]


def _is_parameter(x: Node) -> bool:
    return x.op is None and x.requires_grad


_SWEEPS = 3
"""How often a sequence may be read from end to end, or how many of its rows in a step."""


def is_part(node: Node) -> bool:
    """Whether it is a part of its input, taken with plain integers, and perhaps whole axes beside them."""
    return node.op is ops.INDEX and len(node.inputs) == 1 and any(map(_is_integer, node.params["key"]))


def reading(node: Node) -> Reading:
    """A node as what it is a row of."""
    if node.op is not ops.INDEX:
        return Reading(node)
    row: tuple[int, ...] = ()
    while is_part(node):
        source, axis, found = node.inputs[0], 0, []
        key = node.params["key"]
        for k, part in enumerate(key):
            if part is Ellipsis:
                axis = source.ndim - sum(x is not None for x in key[k + 1 :])
            elif part is not None:
                found += [int(part) % source.shape[axis]] if _is_integer(part) else []
                axis += 1
        node, row = source, (*found, *row)
    return Reading(node, row)


def _known(node: Node, known: dict[Node, Reading]) -> Reading:
    known[node] = found = reading(node)
    return found


def numbered(things: Iterator[Any]) -> list[int]:
    """Each thing as a number, equal things as the same."""
    numbers: dict[Any, int] = {}
    return [numbers.setdefault(thing, len(numbers)) for thing in things]


def _is_integer(part: Any) -> bool:
    return isinstance(part, (int, np.integer)) and not isinstance(part, (bool, np.bool_))


def _changes(read: Sequence[tuple[int, ...]]) -> int:
    return sum(one != other for one, other in pairwise(read))


def _what(node: Node) -> Any:
    """What a node does, but for sizes, which may grow from step to step."""
    if not node.params:
        return id(node.op)
    return id(node.op), by_value({name: value for name, value in node.params.items() if name != "shape"})
