"""What makes a page live: the pass's program in JavaScript, and where each number on the page is in what it computes.

- `Live`: of a pass. Its ``run`` is the same pass with numbers that know their cells (`viz.sources`).
- `made_live`: a pass made live, or why it is not.

A Tensor of the picture is many scalars in the program. Each of its entries has one scalar node of its own, so its value
is that node's. What an edge of the picture contributes to an entry is the sum of what scalar edges do: those that lead
from the scalar nodes of the op that reads to the one of the entry.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from microgradrnn import Parameter, compile, ops  # noqa: A004 - a graph's
from microgradrnn.analysis import named_states, state_names
from microgradrnn.engine import Node
from microgradrnn.errors import CannotFollow
from microgradrnn.program import JavaScript
from microgradrnn.stepping import Edge, Visit

from .passes import Pass
from .sources import Cells, Indices, is_live, live
from .words.escape import clean

MOST = 5_000
"""So many scalar nodes a page computes anew while a number is dragged."""


class Live:
    """A pass whose numbers a page can work out again.

    Attributes:
        run: the pass, its numbers with their cells.
        program: what computes them.
        cells: all of them: values, then contributions and local gradients of scalar edges, then sums.
    """

    def __init__(self, run: Pass, program: JavaScript) -> None:
        self.program, self._root = program, run.root
        self._targets = dict(_targets(run))
        self._count = len(program.nodes)
        self.cells = Cells(self._count + 2 * len(program.edges))
        self._first = np.searchsorted(program.edges[:, 0], np.arange(self._count + 1)).tolist()
        self._ranges = dict(self._find_ranges())
        self._edges: list[list[Any]] = []
        self._grads: dict[Node, Any] = {run.root: run.visits[0].upstream}
        values = {node: self._value(node, data) for node, data in run.values.items()}
        self.run = replace(run, values=values, visits=tuple(self._visit(visit) for visit in run.visits))

    def _find_ranges(self) -> Iterator[tuple[Node, tuple[int, int]]]:
        """For each op's node the slots of the scalar nodes that stand for it: its entries, and those on the way."""
        end = len(self.program.leaves)
        for node, slots in self.program.slots.items():
            if node.op is not None:
                start, end = end, max([end, *(np.ravel(slots) + 1).tolist()])
                yield node, (start, end)

    def _value(self, node: Node, data: Any) -> Any:
        """A value with its cells; as it is where nothing changes it."""
        return live(data, self.cells, self.program.slots[node]) if self._may_change(node) else data

    def _may_change(self, node: Node) -> bool:
        """Whether a node's value may change: not that of a constant without a name, nor of integers but for targets."""
        is_constant = node.op is None and not node.label and not node.requires_grad
        return node in self._targets or (node.dtype.kind == "f" and node.size > 0 and not is_constant)

    # -- the backward pass --

    def _visit(self, visit: Visit) -> Visit:
        upstream, edges = self._grads[visit.node], []
        for edge in visit.edges:
            read = self._scalar_edges(edge)
            number = self._number(edge, upstream)
            down = live(edge.downstream, self.cells, self._contribution(edge, read), number)
            before = self._grads.get(edge.input)
            after = down if before is None else live(edge.after, self.cells, (before + down).index)
            self._grads[edge.input] = after
            edges.append(replace(edge, upstream=upstream, downstream=down, before=before, after=after))
        return replace(visit, upstream=upstream, edges=tuple(edges))

    def _scalar_edges(self, edge: Edge) -> list[int]:
        """The scalar edges that an edge of the picture stands for."""
        node, program = edge.node, self.program
        assert node.op is not None
        if node.op.local is not None:
            return [self._first[slot] + edge.slot for slot in np.ravel(program.slots[node]).tolist()]
        start, end = self._copies(edge) or self._ranges[node]
        wanted = set(np.ravel(program.slots[edge.input]).tolist())
        return [k for k in range(self._first[start], self._first[end]) if int(program.edges[k, 1]) in wanted]

    def _copies(self, edge: Edge) -> tuple[int, int] | None:
        """Of an input that an op reads more than once, the slots of the copies that it reads in this place."""
        node = edge.node
        if node.op is None or node.op.local is not None or len(set(node.inputs)) == len(node.inputs):
            return None
        start = self._ranges[node][0] + sum(x.size for x in node.inputs[: edge.slot] if x.dtype.kind == "f")
        return start, start + edge.input.size

    def _contribution(self, edge: Edge, read: Sequence[int]) -> Indices:
        """For each entry of the input the cell of what the edge contributes to it; of a sum in the pass's order."""
        of_entry: dict[int, list[int]] = defaultdict(list)
        for k in reversed(read):
            of_entry[int(self.program.edges[k, 1])].append(self._count + k)
        slots = np.ravel(self.program.slots[edge.input]).tolist()
        found = [self.cells.sum_of(of_entry[slot]) for slot in slots]  # a sum of nothing is 0
        return np.array(found, dtype=np.intp)

    def _number(self, edge: Edge, upstream: Any) -> int:
        """The edge's number on the page, where all stands that it takes to write its products out."""
        node, slots, run = edge.node, self.program.slots, self.cells.run
        assert node.op is not None
        start, end = self._ranges[node]
        copies = self._copies(edge)
        read = np.arange(*copies) if copies else slots[edge.input]
        above = "" if node is self._root else run(np.atleast_1d(upstream.index))
        slot = edge.slot if node.op.local is not None else -1
        self._edges.append([slot, start, end, run(read), run(slots[node]), above])
        return len(self._edges) - 1

    # -- for the page's script --

    def data(self, scales: Sequence[str]) -> dict[str, Any]:
        """All that the page's script needs beside the program: where what is, and what may be changed.

        Args:
            scales: the runs of cells that the colours of gradients are on one scale with, beside those of their strips.
        """
        trained = [node for node in self.run.nodes if node.op is None and node.requires_grad]
        trained = [node for node in trained if isinstance(node, Parameter)] or trained
        return {
            "nodes": [self._node(node, name, node in set(trained)) for node, name in self.named()],
            "called": self._called(),
            "leaves": [_for_json(x) for x in self.program.leaves.tolist()],
            "edges": self._edges,
            "flow": [
                [t, *([self._grad_run(node) for node in nodes] for nodes in kinds)]
                for t, kinds in self._states().items()
            ],
            "sums": [parts[0] if len(parts) == 1 else parts for parts in self.cells.sums],
            "scales": list(scales),
        }

    def _called(self) -> dict[str, str]:
        """Of leaves that share a name the one that tells them apart: with their time step, where they have one."""
        names = Counter(self.run.names[node] for node in self.run.nodes if node.op is None)
        leaves = [(node, name) for node, name in self.named() if node.op is None]
        return {
            clean(name): clean(f"{self.run.names[node]}, t={t}")
            for node, name in leaves
            if names[self.run.names[node]] > 1 and (t := self.run.t(node)) is not None
        }

    def _states(self) -> dict[int, list[list[Node]]]:
        """For each time step the states whose gradients change with the numbers: h, and of an LSTM also c.

        Empty where the graph has no steps.
        """
        try:
            names = state_names(self.run.root)
        except ValueError:
            return {}
        kinds = [self._by_step(names), self._by_step([re.sub(r"h(\d*r?)$", r"c\1", name) for name in names])]
        return {t: [kind.get(t, []) for kind in kinds if kind] for t in sorted(kinds[0])}

    def _by_step(self, names: Iterable[str]) -> dict[int, list[Node]]:
        """The states with these names that get a gradient, of each step."""
        found = defaultdict[int, list[Node]](list)
        for name in names:
            with suppress(ValueError):  # no state has that name
                for states in named_states(self.run.root, name).values():
                    for t, node in states.items():
                        if self._grad_run(node):
                            found[t].append(node)
        return found

    def _grad_run(self, node: Node) -> str:
        """The cells of a node's grad; empty where it has none that changes."""
        grad: Any = self._grads.get(node)
        return self.cells.run(np.atleast_1d(grad.index)) if is_live(grad) else ""

    def _node(self, node: Node, name: str, trained: bool) -> list[Any]:
        """Its name, shape, cells of its value and of its grad.

        Of a leaf that may be set there follow 1, and whether descent moves it; of a target then the number of classes,
        and the one that the loss ignores, if it does.
        """
        value = self.cells.run(self.program.slots[node])
        return [
            clean(name),
            list(node.shape),
            value,
            self._grad_run(node),
            *([1, int(trained)] if node.op is None and self._may_change(node) else []),
            *self._targets.get(node, ()),
        ]

    def named(self) -> Iterator[tuple[Node, str]]:
        """The nodes of floats with their names; of several with one name the later ones have a number."""
        seen: Counter[str] = Counter()
        for node in self.run.nodes:
            if (node.dtype.kind == "f" and node.size) or node in self._targets:
                name = self.run.names[node]
                seen[name] += 1
                yield node, name if seen[name] == 1 else f"{name}#{seen[name]}"


def _for_json(x: float) -> float | str:
    """A number in as few characters as it can be read from: -0 is not 0, and infinities are words."""
    if not math.isfinite(x):
        return repr(x)
    return int(x) if x.is_integer() and str(x) != "-0.0" else x


def _targets(run: Pass) -> Iterator[tuple[Node, tuple[int, int | None]]]:
    """The classes that only cross-entropies read: how many there are, and which one the loss ignores."""
    for node, readers in run.consumers.items():
        losses = [reader for reader, _ in readers if reader.op is ops.CROSS_ENTROPY]
        if node.op is None and node.dtype.kind in "iu" and node.size and losses and len(losses) == len(readers):
            ignored = {loss.params["ignore_index"] for loss in losses}
            if len(ignored) == 1:
                yield node, (min(loss.inputs[0].shape[-1] for loss in losses), ignored.pop())


def made_live(run: Pass, wanted: bool | str) -> tuple[Live | None, str]:
    """A pass made live, and if it is not, why, in a few words; nothing where that is not wanted.

    Args:
        run: a whole pass.
        wanted: True, False, or "auto": if it can be.

    Raises:
        ValueError: wanted is True, and there are too many scalar nodes, or the pass does not start with 1.
        CannotFollow: wanted is True, and an op has no JavaScript.
    """
    if wanted not in (True, False, "auto"):
        raise ValueError(f"page: live is True, False or 'auto', not {wanted!r}")
    if wanted is False:
        return None, ""
    try:
        return Live(run, _program(run)), ""
    except (ValueError, CannotFollow) as error:
        if wanted is True:
            raise
        return None, str(error)


def _program(run: Pass) -> JavaScript:
    if run.root.size != 1:
        raise ValueError(f"page: a live page starts at one number, and the root has shape {run.root.shape}; sum it")
    if float(np.ravel(run.visits[0].upstream)[0]) != 1.0:
        raise ValueError("page: a live page starts with a gradient of 1; set the root's grad to None")
    entries = sum(node.size for node in run.nodes)
    program = compile(run.root, dialect="javascript") if entries <= MOST else None
    count = entries if program is None else sum(node.op is not ops.COPY for node in program.nodes)
    if program is None or count > MOST:
        least = "at least " if program is None else ""
        raise ValueError(f"page: the graph has {least}{count:,} scalar nodes, and a live page takes {MOST:,}")
    return program
