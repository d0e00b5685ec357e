"""What nodes of different time steps have in common: doing the same to the same, each in its own step."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Any

from microgradrnn.engine import Node


class Counterparts:
    """A key for each node of a step, equal for the nodes of other steps that are its counterparts.

    A node is known by its op and what that reads, and by its label, with the step counted from its own: h_2 at t = 2
    is like h_3 at t = 3. A leaf is known by what reads it.

    Args:
        shared: the weights, which are the same in every step.
        consumers: for each node, the nodes that read it and in which slot.
        t: gives a node's time step.
        carried: whether a node reads in a slot what other steps read of the step before them.
    """

    def __init__(
        self,
        shared: Collection[Node],
        consumers: Mapping[Node, Sequence[tuple[Node, int]]],
        t: Callable[[Node], int | None],
        carried: Callable[[Node, int], bool],
    ) -> None:
        self.shared, self.consumers, self.t, self.carried = shared, consumers, t, carried
        self.keys: dict[Node, int] = {}
        self.numbers: dict[Hashable, int] = {}
        self.counts: dict[Hashable, int] = {}

    def of(self, node: Node) -> Hashable:
        """The key of a node, or None outside time. Ask for a node's inputs first."""
        if node.op is None:
            return self._of_leaf(node)
        if node not in self.keys:
            self.keys[node] = self._number(self._description(node))
        return self.keys[node] if self.t(node) is not None else None

    def _of_leaf(self, node: Node) -> Hashable:
        readers = [(consumer, slot) for consumer, slot in self.consumers[node] if self.t(consumer) is not None]
        if not readers or node in self.shared:
            return None
        consumer, slot = readers[0]
        return (
            "leaf",
            consumer.scope,
            consumer.op.name if consumer.op else "",
            slot,
            _relative(node.label, self.t(node)),
        )

    def _description(self, node: Node) -> Hashable:
        """What the node does; two that do the same in one step are told apart by which comes first."""
        read = tuple(self._as_input(x, node, slot) for slot, x in enumerate(node.inputs))
        does = (node.scope, node.op, _relative(node.label, self.t(node)), read)
        self.counts[does, self.t(node)] = self.counts.get((does, self.t(node)), 0) + 1
        return does, self.counts[does, self.t(node)]

    def _as_input(self, x: Node, reader: Node, slot: int) -> Hashable:
        # The first step has from a leaf what the others have from the step before.
        if (x not in self.shared and self.t(x) != self.t(reader)) or (x.op is None and self.carried(reader, slot)):
            return "carried over"
        if x in self.shared:
            return x
        return "leaf" if x.op is None else _relative(x.label, self.t(reader)) or self.keys.get(x, 0)

    def _number(self, description: Hashable) -> int:
        return self.numbers.setdefault(description, len(self.numbers) + 1)


def _relative(label: Any, t: int | None) -> str:
    """A label with its step counted from ``t``: what a formula calls h_t and h_(t-1)."""
    if t is None:
        return str(label)
    found = re.match(r"(.*?)_(\d+)\b", str(label))
    return f"{found[1]} {int(found[2]) - t:+d}" if found else str(label)
