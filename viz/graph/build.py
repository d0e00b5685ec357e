"""Pass -> view: a box for each node, an arrow for each edge slot, a column for each time step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np

from microgradrnn import Parameter, ops
from microgradrnn.counting import are_left_out
from microgradrnn.engine import Node
from microgradrnn.graph import detached_from, is_detached
from microgradrnn.loops.detached import detached
from microgradrnn.loops.uses import reading
from microgradrnn.named_steps import in_short

from ..passes import Pass
from . import tooltips
from .counterparts import Counterparts
from .running_sums import running_sums
from .view import DETACHED, Arrow, Box, Place, Role, Sum, Tooltip, View

MOST_SUMS = 12
"""So many shared weights are added up beside a picture."""

FURTHEST = ", the furthest from the root,"
"""Which of too many nodes are left out."""


def build(run: Pass, steps: Iterable[int] | None = None, max_nodes: int = 100, call: str = "draw(root") -> View:
    """The view of a pass: a box a node, an arrow an edge slot.

    Args:
        run: what is drawn.
        steps: which time steps to show; by default all, or the first and the last ones if there are too many.
        max_nodes: how many boxes are too many.
        call: how the call begins that asked for it, for notes and errors.

    Raises:
        ValueError: there is no such step.
    """
    return _Builder(run, steps, max_nodes, call).view()


def located(run: Pass, steps: Iterable[int] | None = None, max_nodes: int = 100) -> tuple[View, Mapping[Node, int]]:
    """As `build`, with the key of each node's box. What was left out has none, nor has a weight that steps share."""
    builder = _Builder(run, steps, max_nodes, "draw(root")
    return builder.view(), builder.keys


class _Builder:
    def __init__(self, run: Pass, steps: Iterable[int] | None, max_nodes: int, call: str) -> None:
        self.call = call
        self.run, self.root, self.nodes, self.max_nodes = run, run.root, run.nodes, max_nodes
        self.t, self.all_steps, self.consumers = run.t, run.steps, run.consumers
        self.shared = self._shared()
        self.titles = self.run.names
        self.counterparts = Counterparts(self.shared, self.consumers, self.t, self._is_carried)
        self.places = self._places()
        self.detached = self._detached()
        self.running_sums = running_sums(run)
        self.notes: list[str] = []
        self.shown = self._shown(steps)
        self.boxes: list[Box] = []
        self.arrows: list[Arrow] = []
        self.keys: dict[Node, int] = {}
        self.gaps: dict[tuple[Place, int], int] = {}
        self.joined: set[tuple[int, int]] = set()

    def view(self) -> View:
        for node in self.nodes:
            if node not in self.shown or node in self.shared:
                continue
            self.keys[node] = self._box(node, self.places[node])
            for slot, x in enumerate(node.inputs):
                self._arrow(node, slot, x)
            if (source := self.detached.get(node)) in self.keys:
                tooltip = Tooltip(("detached: no gradient goes back from here",))
                self._add_arrow(Arrow(self.keys[source], self.keys[node], None, tooltip, cut=True))
        for node in list(self.keys):
            self._arrow_into_gap(node)
        filled = {box.place for box in self.boxes}
        steps = tuple(t for t in self.all_steps if t in filled)
        sums = self._sums()
        return View(tuple(self.boxes), tuple(self.arrows), sums, steps, tuple(self.notes))

    # -- where things stand --

    def _shared(self) -> set[Node]:
        """Leaves outside time that steps read: weights, and whatever else several of them read."""
        shared = set()
        for node in self.nodes:
            if node.op is not None or self.t(node) is not None:
                continue
            steps = {self.t(consumer) for consumer, _ in self.consumers[node]} - {None}
            if steps and (isinstance(node, Parameter) or len(steps) > 1):
                shared.add(node)
        return shared

    def _places(self) -> dict[Node, Place]:
        places: dict[Node, Place] = {}
        read_in_time: set[Node] = set()
        for node in reversed(self.nodes):
            if self.t(node) is not None or node in read_in_time:
                read_in_time.update(node.inputs)
        for node in self.nodes:
            t = self.t(node)
            reads = {places[x] for x in node.inputs if x not in self.shared} - {"before"}
            if t is not None:
                places[node] = t
            elif not reads:
                places[node] = "before"
            else:  # what steps read of several earlier ones, such as all states of an encoder, stands in the last one
                times = [place for place in reads if isinstance(place, int)]
                places[node] = max(times) if node in read_in_time and times else "after"
        for node in self.nodes:  # a leaf stands with its only reader; but a first state stands before the first step
            readers = {places[consumer] for consumer, _ in self.consumers[node]}
            if len(readers) == 1 and node.op is None and self.t(node) is None and not self._is_first_state(node):
                places[node] = readers.pop()
        return places

    def _is_first_state(self, node: Node) -> bool:
        """Whether the leaf enters the first step where later steps are entered by what the step before computed."""
        steps = self.all_steps
        if not steps or {self.t(consumer) for consumer, _ in self.consumers[node]} != {steps[0]}:
            return False
        if len(steps) == 1:
            return node.ndim > 0
        return any(self._is_carried(consumer, slot) for consumer, slot in self.consumers[node])

    @cached_property
    def _carried(self) -> set[tuple[Any, ...]]:
        """Where steps are entered by what another step computed."""
        return {
            self._entrance(later, slot)
            for later in self.nodes
            for slot, x in enumerate(later.inputs)
            if self.t(later) is not None and self.t(x) not in (None, self.t(later))
        }

    def _entrance(self, node: Node, slot: int) -> tuple[Any, ...]:
        """What makes an edge of one step the counterpart of an edge of another: op, slot, and the weights beside it."""
        return node.op, slot, frozenset(x for k, x in enumerate(node.inputs) if k != slot and x in self.shared)

    def _detached(self) -> dict[Node, Node | None]:
        """Leaves that were cut off from what they are the data of, as in truncated backpropagation, and from what.

        That is what `Node.detach` recorded, and for a state that was cut off by hand what its numbers tell.
        """
        found: dict[Node, Node | None] = {}
        cut_by_hand = detached(self.nodes)
        for leaf in self.nodes:
            if leaf.op is not None or leaf.requires_grad or leaf in self.shared:
                continue
            if is_detached(leaf):
                found[leaf] = detached_from(leaf)
            elif any(self._is_carried(*use) for use in self.consumers[leaf]):
                source = cut_by_hand.get(reading(leaf))
                if source is not None:
                    found[leaf] = source
        return found

    def _is_carried(self, reader: Node, slot: int) -> bool:
        """Whether a node reads in a slot what other steps read of the step before them."""
        return self.t(reader) is not None and self._entrance(reader, slot) in self._carried

    def _shown(self, steps: Iterable[int] | None) -> set[Node]:
        if steps is not None:
            wanted = set(steps)
            unknown = wanted - set(self.all_steps)
            if unknown:
                there = f"steps are {in_short(self.all_steps)}" if self.all_steps else "nothing was recorded in steps"
                raise ValueError(f"{self.call.partition('(')[0]}: no node was recorded at step {min(unknown)}; {there}")
        elif len(self.nodes) > self.max_nodes and self.all_steps:
            wanted = self._first_and_last_steps()
        else:
            wanted = set(self.all_steps)
        left_out = len(self.all_steps) - len(wanted)
        if left_out:
            said = are_left_out(left_out, len(self.all_steps), "time step")
            self.notes.append(f"{said}: {self.call}, steps=…) picks")
        shown = [node for node in self.nodes if self.places[node] in wanted or isinstance(self.places[node], str)]
        most = self.max_nodes if steps is None else len(shown)
        if len(shown) > (3 * most if wanted else most):  # a few whole steps are worth a large picture
            said = are_left_out(len(shown) - most, len(shown), "node", which=FURTHEST)
            self.notes.append(f"{said}: {self.call}, max_nodes=…) shows more")
            return self._nearest(set(shown), most)
        return set(shown)

    def _nearest(self, shown: set[Node], count: int) -> set[Node]:
        """The nodes that the root reads in the fewest steps; of those equally far, as they are read."""
        found = {self.root: None}
        for node in (queue := [self.root]):
            for x in node.inputs:
                if x in shown and x not in found and len(found) < count:
                    found[x] = None
                    queue.append(x)
        return set(found)

    def _typical_step(self) -> int:
        size = sorted(Counter(place for place in self.places.values() if isinstance(place, int)).values())
        return size[len(size) // 2] if size else 0

    def _first_and_last_steps(self) -> set[int]:
        room = max(3, self.max_nodes // self._typical_step())
        if room >= len(self.all_steps):
            return set(self.all_steps)
        return set(self.all_steps[:1] + self.all_steps[-(room - 1) :])

    # -- boxes and arrows --

    def _box(self, node: Node, place: Place) -> int:
        run = self.run
        rule = node.op.rule.split(":")[0] if node.op else ""  # what the op does to a gradient, in a word
        symbol = node.op.symbol if node.op else ""
        corner = rule if symbol in self.titles[node] else f"{symbol} {rule}"
        box = Box(
            key=len(self.boxes),
            title=self.titles[node],
            corner=DETACHED if node in self.detached else corner,
            role=self._role(node),
            place=place,
            value=run.values[node],
            grad=run.grad(node),
            differentiable=node.requires_grad,
            tooltip=tooltips.of_node(run, node, run.grad(node)),
            history=run.history(node),
            visit=run.turns.get(node),
            scope=run.scope(node),
            like=self.counterparts.of(node),
            labelled=bool(node.label),
            symbol="" if node.label else symbol,
            chooses=run.choices.get(node, ("", ""))[1],
            moment=run.moments.get(node),
            is_running_sum=node in self.running_sums,
        )
        self.boxes.append(box)
        return box.key

    def _alias(self, weight: Node, node: Node, slot: int) -> int:
        """The box that stands for a shared weight where a node reads it: its grad is what this use contributes."""
        run, place = self.run, self.places[node]
        grad = run.contribution(node, slot)
        box = Box(
            key=len(self.boxes),
            title=self.titles[weight],
            corner=f"@{place}" if isinstance(place, int) else "use",
            role="alias",
            place=place,
            value=run.values[weight],
            grad=grad,
            differentiable=weight.requires_grad,
            tooltip=tooltips.of_alias(run, weight, place, grad),
            history=((run.turns[node], grad),) if grad is not None else (),
            weight=run.turns.get(weight),
            scope=run.scope(node),
            like=(self.counterparts.of(node), "reads", slot),
            labelled=bool(weight.label),
        )
        self.boxes.append(box)
        return box.key

    def _role(self, node: Node) -> Role:
        if node is self.root:
            return "root"
        if node.op is None:
            if isinstance(node, Parameter):
                return "parameter"
            return "leaf" if node.requires_grad else "data"
        in_a_step = isinstance(self.places[node], int) and node.ndim == 0 and node not in self.running_sums
        return "loss" if in_a_step and self._is_only_added_up(node) else "op"

    def _is_only_added_up(self, node: Node) -> bool:
        """Whether all that reads a node is a sum of losses, or comes after all steps."""
        return all(c in self.running_sums or self.places[c] == "after" for c, _ in self.consumers[node])

    def _arrow(self, node: Node, slot: int, x: Node) -> None:
        head, contribution = self.keys[node], self.run.contribution(node, slot)
        if x in self.shared:
            tail = self._alias(x, node, slot)
        elif x in self.keys:
            tail = self.keys[x]
        else:
            tail, contribution = self._gap(x, head), None
        known = contribution is not None
        visit, edge = (self.run.turns.get(node), self.run.edges.get((node, slot))) if known else (None, None)
        tooltip = tooltips.of_edge(self.run, node, slot)
        self._add_arrow(Arrow(tail, head, contribution, tooltip, visit, weight=self._weight(node, slot), edge=edge))

    def _weight(self, node: Node, slot: int) -> str:
        """The name of the weight that a node multiplies one of its inputs by, or looks it up in; else empty."""
        if node.op is None or len(node.inputs) != 2 or node.inputs[slot] in self.shared:
            return ""
        if node.op.contracts is None and node.op not in (ops.MUL, ops.INDEX):
            return ""
        other = node.inputs[1 - slot]
        return self.titles[other] if other in self.shared and other.requires_grad else ""

    def _add_arrow(self, arrow: Arrow) -> None:
        ends = arrow.tail, arrow.head
        gap = "gap" in (self.boxes[arrow.tail].role, self.boxes[arrow.head].role)
        if not (gap and ends in self.joined):
            self.joined.add(ends)
            self.arrows.append(arrow)

    def _arrow_into_gap(self, node: Node) -> None:
        """What a shown node hands on to consumers that were left out, with what all of them contribute."""
        edges = [(consumer, slot) for consumer, slot in self.consumers[node] if consumer not in self.shown]
        if edges:
            known = [edge for edge in edges if edge in self.run.edges]
            parts = [self.run.edges[edge].downstream for edge in known]
            total = sum(parts[1:], start=parts[0]) if parts else None
            gap = self._gap(edges[0][0], self.keys[node])
            last = max((self.run.turns[consumer] for consumer, _ in known), default=None)
            tooltip = Tooltip(("goes on in what was left out",))
            self._add_arrow(Arrow(self.keys[node], gap, total, tooltip, last))

    def _gap(self, node: Node, neighbour: int) -> int:
        """The box that stands for what was left out around ``node``: a run of steps, or more beside a neighbour."""
        place: Place = self.boxes[neighbour].place
        title, gap = "⋯", (place, neighbour)
        own = self.places[node]
        if isinstance(own, int) and own in self._runs_left_out:
            first, last = self._runs_left_out[own]
            place, title = first, f"⋯ t = {first}" + (f" … {last}" if last > first else "")
            gap = (place, -1)
        if gap not in self.gaps:
            self.gaps[gap] = len(self.boxes)
            corner = "left out" if gap[1] < 0 else ""
            note = Tooltip((self.notes[-1],))
            self.boxes.append(Box(len(self.boxes), title, corner, "gap", place, None, None, False, note))
        return self.gaps[gap]

    @cached_property
    def _runs_left_out(self) -> dict[int, tuple[int, int]]:
        """For each time step that is left out the first and the last one of those around it that are left out too."""
        kept = {self.places[node] for node in self.shown}
        found: dict[int, tuple[int, int]] = {}
        for is_kept, run in groupby(self.all_steps, key=kept.__contains__):
            steps = list(run)
            if not is_kept:
                found |= dict.fromkeys(steps, (steps[0], steps[-1]))
        return found

    def _sums(self) -> tuple[Sum, ...]:
        sums, run = [], self.run
        for node in self.nodes:
            if node in self.shared and node.requires_grad:
                uses = [use for use in reversed(self.consumers[node]) if use in run.edges]
                uses.sort(key=lambda use: self.t(use[0]) is None)  # what reads it outside time comes last
                parts = tuple((self.t(consumer), run.contribution(consumer, slot)) for consumer, slot in uses)
                visits = tuple(run.turns[consumer] for consumer, _ in uses)
                title, value = self.titles[node], run.values[node]
                turn, history = run.turns.get(node), run.history(node)
                sums.append(Sum(title, value, parts, run.grad(node), visits, history, turn))
        return self._largest_of(sums)

    def _largest_of(self, sums: list[Sum]) -> tuple[Sum, ...]:
        """The sums with the largest gradients, where there are more than a panel holds: of a scalar graph, say."""
        if len(sums) <= MOST_SUMS:
            return tuple(sums)
        self.notes.append(f"{len(sums) - MOST_SUMS:,} shared weights with smaller gradients are left out of the panel")
        norms = [0.0 if s.total is None else float(np.linalg.norm(np.ravel(s.total))) for s in sums]
        kept = sorted(range(len(sums)), key=lambda i: -norms[i])[:MOST_SUMS]
        return tuple(sums[i] for i in sorted(kept))
