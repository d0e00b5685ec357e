"""One run over a graph, forward and backward, as data that never changes: what every picture and every sentence reads.

- `Pass`: the nodes in the order in which they were computed, with their values; the visits of the backward pass, with
  what each edge carried; when each grad was complete.
- `forward`: a run without gradients. `whole`: every visit of a backward pass. `so_far`: as much of it as the user's own
  passes have made.

Nothing is written to a node, here or anywhere else in viz.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from microgradrnn import Parameter
from microgradrnn.analysis.states import unlabelled_states
from microgradrnn.engine import Node
from microgradrnn.loops import Loop, Times, time_steps
from microgradrnn.stepping import Edge, Visit, recorded_values, walk

from .names import choosing, names

Consumer = tuple[Node, int]
"""A node that reads another one, and in which of its input slots."""


@dataclass(frozen=True, eq=False)
class Arrival:
    """A contribution that a node gets: at which visit, and over which edge."""

    visit: int
    edge: Edge


@dataclass(frozen=True, eq=False)
class Pass:
    """One run over the graph behind ``root``. Visits are numbered from 1.

    Attributes:
        root: where the backward pass starts.
        nodes: everything that the root depends on, in the order of the forward steps: inputs first.
        values: each node's data as the graph was computed with it; a leaf may have moved on since.
        names: what to call each node.
        visits: the backward pass: each node once, after all its consumers. Edge by edge upstream, local, downstream,
            and the sum before and after. Empty where no gradient is known.
        made: how many of the visits are known to have been made; fewer than all in the middle of a pass.
        unknown: visited nodes whose grad is not to be shown: leaves whose grad was forgotten.
    """

    root: Node
    nodes: tuple[Node, ...]
    values: Mapping[Node, Any]
    names: Mapping[Node, str]
    visits: tuple[Visit, ...] = ()
    made: int = 0
    unknown: frozenset[Node] = frozenset()

    @cached_property
    def choices(self) -> Mapping[Node, tuple[str, str]]:
        """The integer leaves that choose classes or rows: see `viz.names.choosing`."""
        return choosing(self.nodes)

    @cached_property
    def _times(self) -> Times:
        return time_steps(self.root)

    @cached_property
    def _loops(self) -> Mapping[Loop, int]:
        """The loops that were found, with their numbers."""
        return {loop: number for number, loop in enumerate(self._times.loops, start=1)}

    @cached_property
    def _steps(self) -> Mapping[Node, int | None]:
        of = self._times.of
        return {node: node.t if isinstance(node, Parameter) else of(node) for node in self.nodes}

    def t(self, node: Node) -> int | None:
        """The time step of a node, which all of viz asks here: the one that was written as a scope, or found.

        A parameter has none but a written one, also where one step alone reads it.
        """
        return self._steps.get(node)

    def scope(self, node: Node) -> str:
        """Where a node was recorded: its scope, or, of a step that was found, what its loop is called here.

        Of several loops each has a number; what stands beside them in a step is its input or its output.
        """
        if node.scope or node.op is None or self.t(node) is None:
            return node.scope
        if len(self._loops) < 2:
            return "step"
        if (loop := self._times.loop(node)) is not None:
            return f"loop {self._loops[loop]}"
        return "input" if all(self.t(x) is None for x in node.inputs) else "output"

    @cached_property
    def state_names(self) -> Mapping[Node, str]:
        """What the states of loops without labels are called, here and by `viz.grad_flow`: h_1, c_1, h2r_1."""
        return unlabelled_states(self.root, self._times)

    @cached_property
    def steps(self) -> tuple[int, ...]:
        """All time steps, in order."""
        return tuple(sorted({t for node in self.nodes if (t := self.t(node)) is not None}))

    @cached_property
    def consumers(self) -> Mapping[Node, Sequence[Consumer]]:
        """The nodes that read each node, the oldest first."""
        found: dict[Node, list[Consumer]] = {node: [] for node in self.nodes}
        for node in self.nodes:
            for slot, x in enumerate(node.inputs):
                found[x].append((node, slot))
        return found

    @cached_property
    def computed(self) -> tuple[Node, ...]:
        """The operations, in the order of the forward steps. Leaves have their values from the start, and no step."""
        return tuple(node for node in self.nodes if node.op is not None)

    @cached_property
    def moments(self) -> Mapping[Node, int]:
        """When each operation's value is there: ..., -1, 0, so that 1 is the moment of the first visit."""
        return {node: moment for moment, node in enumerate(self.computed, start=1 - len(self.computed))}

    @cached_property
    def turns(self) -> Mapping[Node, int]:
        """The number of each node's own visit."""
        made = enumerate(self.visits[: self.made], start=1)
        return {visit.node: number for number, visit in made if visit.node not in self.unknown}

    @cached_property
    def edges(self) -> Mapping[Consumer, Edge]:
        """What each edge slot carried."""
        return {(edge.node, edge.slot): edge for found in self.arrivals.values() for edge in (a.edge for a in found)}

    @cached_property
    def arrivals(self) -> Mapping[Node, Sequence[Arrival]]:
        """The contributions that each node got, in the order in which they came."""
        found: dict[Node, list[Arrival]] = {}
        for number, visit in enumerate(self.visits[: self.made], start=1):
            for edge in visit.edges:
                if edge.input not in self.unknown:
                    found.setdefault(edge.input, []).append(Arrival(number, edge))
        return found

    def history(self, node: Node) -> tuple[tuple[int, Any], ...]:
        """How a node's grad comes to be: pairs (after how many visits, what is known by then)."""
        if node is self.root:
            return ((0, self.visits[0].upstream),) if self.visits else ()
        return tuple((arrival.visit, arrival.edge.after) for arrival in self.arrivals.get(node, ()))

    def grad(self, node: Node) -> Any:
        """The sum of the contributions that a node got; None where none is known."""
        if node is self.root:
            return self.visits[0].upstream if self.visits else None
        arrivals = self.arrivals.get(node)
        return arrivals[-1].edge.after if arrivals else None

    def contribution(self, node: Node, slot: int) -> Any:
        """What a node contributes to the grad of one of its inputs; None where that is not known."""
        edge = self.edges.get((node, slot))
        return None if edge is None else edge.downstream

    def to_its_end(self) -> Pass:
        """The same pass with every visit made."""
        finished = self.made == len(self.visits) and not self.unknown
        return self if finished else replace(self, made=len(self.visits), unknown=frozenset())

    def lacks(self, edge: Edge) -> bool:
        """Whether the grad of an edge's input is the sum without this contribution, and not the whole one."""
        grad = edge.input.grad
        return not _same(grad, self.grad(edge.input)) and _same(grad, edge.before)

    def stands_at(self, made: int) -> bool:
        """Whether every node's grad is what the first ``made`` visits of this pass give it, and nothing else."""
        early = self if made == self.made else replace(self, made=made)
        return all(_same(visit.node.grad, early.grad(visit.node)) for visit in self.visits)


def forward(root: Node) -> Pass:
    """The run that recorded the graph, without any gradient."""
    values = recorded_values(root)
    return Pass(root, tuple(values), values, names(values))


def whole(root: Node, upstream: Any = None) -> Pass:
    """Every visit of the backward pass from ``root``, whether or not it has been made.

    Args:
        root: where it starts.
        upstream: dL/d(root); by default what ``root.grad`` says, else 1.

    Raises:
        TypeError: root needs no gradient.
        ValueError: root has several entries and no upstream.

    >>> from microgradrnn import Value
    >>> x = Value(3.0, "x")
    >>> run = whole(x * x)
    >>> [arrival.edge.downstream for arrival in run.arrivals[x]], run.grad(x), run.history(x)[-1][0], x.grad
    ([3.0, 3.0], 6.0, 1, None)
    """
    visits = tuple(walk(root, root.grad if upstream is None else upstream))
    return replace(forward(root), visits=visits, made=len(visits))


def so_far(root: Node) -> Pass:
    """As much of the pass that gave ``root`` its grad as has been made; no visits where none has been.

    The numbers are those of a pass of our own: leaves may hold what earlier passes left there, and inner nodes what
    a later one of another root did, and then the numbers of one picture would not add up.
    """
    if root.grad is None:
        return forward(root)
    run = whole(root)
    if run.stands_at(len(run.visits)):
        return run
    unknown = frozenset(visit.node for visit in run.visits if visit.node.grad is None)
    return replace(run, made=_visits_made(run), unknown=unknown)


def _visits_made(run: Pass) -> int:
    """How many visits have been made, as the nodes' grads tell: all of them, unless we are in the middle of a pass."""
    visits = run.visits
    reached = next((i for i, visit in enumerate(visits) if _finds_no_grad(visit)), len(visits))
    earlier = next((i for i in range(reached) if any(map(run.lacks, visits[i].edges))), reached)
    return earlier if run.stands_at(earlier) else reached


def _finds_no_grad(visit: Visit) -> bool:
    """Whether an inner node that the visit gives something to has no grad: then the visit is still to come."""
    return any(edge.input.op is not None and edge.input.grad is None for edge in visit.edges)


def _same(a: Any, b: Any) -> bool:
    """Whether two gradients of one node are the same, bit for bit."""
    if a is b:
        return True
    if a is None or b is None:
        return False
    return bool(np.asarray(a).tobytes() == np.asarray(b).tobytes())
