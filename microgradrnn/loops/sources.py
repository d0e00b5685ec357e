"""What every node of a graph reads, as numbers, so that many steps of a loop are compared at once.

- `Sources`: the nodes in the order of recording, and the number of what each reads in each slot.

A number from 0 on is the place of a node. Numbers below 0 are what is no node of a loop: leaves, lists of leaves, and
rows, ``x[t]``. The same row of the same thing has one number, whichever node takes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.engine import Node
from microgradrnn.loops.reads import Listed, Row, Source, is_row, row_taken

Numbers = NDArray[np.int64]
NO_ROW = -(2**62)
"""The number of what something is a row of that is none."""


class Sources:
    """The nodes of a graph, and what they read.

    Args:
        nodes: oldest first, with all that they read.
        given: leaves that are given anew at each call; for those given as lists, the list and which of it.
        keep: nodes that are wanted themselves, even if they are rows.

    Attributes:
        nodes: by place; neither leaves nor rows are among them.
        numbers: of nodes, leaves, lists of leaves, and of rows (the number of what they are a row of, index, last).
        reads: for each slot of each node, one after another, the number of what it reads.
        begins: where the slots of each node begin, and where those of the last one end.
        row_of, index, last: by ~number, what a row is a row of, which one, and whether it was counted from the end;
            for what is no row, `NO_ROW`, 0 and False.
    """

    def __init__(self, nodes: Sequence[Node], given: Mapping[Node, Row | None], keep: frozenset[Node]) -> None:
        self.nodes: list[Node] = []
        self._things: list[Node | Listed | None] = []  # by ~number, as all that follows; None for rows
        self._roots: list[int] = []
        rows: list[tuple[int, int, bool]] = []
        self.numbers = numbers = dict[Any, int]()

        def number(thing: Node | Listed | None, row: tuple[int, int, bool]) -> int:
            """The number of a leaf, a list or a row."""
            key = row if thing is None else thing
            if key not in numbers:
                numbers[key] = ~len(rows)
                rows.append(row)
                self._things.append(thing)
                self._roots.append(-1 if thing is not None else row[0] if row[0] >= 0 else self._roots[~row[0]])
            return numbers[key]

        for node in nodes:
            if node.op is not None and not (is_row(node) and node not in keep):
                numbers[node] = len(self.nodes)
                self.nodes.append(node)
            elif node.op is not None:
                numbers[node] = number(None, (numbers[node.inputs[0]], *row_taken(node)))
            elif (listed := given.get(node)) is not None:
                row = number(listed.source, _NO_ROW), listed.index, listed.last  # type: ignore[arg-type]
                numbers[node] = number(None, row)
            else:
                number(node, _NO_ROW)
        slots = chain.from_iterable([node.inputs for node in self.nodes])
        self.reads: Numbers = np.fromiter(map(numbers.__getitem__, slots), dtype=np.int64)
        self.begins = [0, *accumulate(len(node.inputs) for node in self.nodes)]
        self.row_of, self.index, self.last = np.array(rows, dtype=np.int64).reshape(-1, 3).T

    def source(self, number: int) -> Source:
        """What a number stands for."""
        if number >= 0:
            return self.nodes[number]
        thing = self._things[~number]
        if thing is not None:
            return thing
        row_of, index, last = (int(of[~number]) for of in (self.row_of, self.index, self.last))
        return Row(self.source(row_of), index, bool(last))

    def leaf(self, number: int) -> Node | None:
        """The leaf that a number stands for; None for all else."""
        thing = self._things[~number] if number < 0 else None
        return thing if isinstance(thing, Node) else None

    def is_row(self, number: int) -> bool:
        """Whether a number stands for a row."""
        return number < 0 and self._things[~number] is None

    def root(self, number: int) -> int:
        """The place of a node, or of what a row was taken from; -1 for leaves and lists of them, and their rows."""
        return number if number >= 0 else self._roots[~number]


_NO_ROW = NO_ROW, 0, False
