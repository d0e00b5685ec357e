"""What there is to draw: a recorded graph as a frozen `View` of boxes and arrows. No DOT, no SVG, no HTML here.

- `Box`: a node, or an alias of a weight that is shared over time, or a stand-in for what was left out.
- `Arrow`: one edge slot, with the contribution that it carries.
- `Sum`: a shared weight's gradient, added up over its uses.
- `build`: makes the view, with gradients from a pass of its own, so that every number belongs to this root.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from microgradrnn import Parameter
from microgradrnn.engine import Node, ancestors
from microgradrnn.stepping import walk
from viz.names import expression, names
from viz.numbers import brief

Role = Literal["data", "leaf", "parameter", "alias", "op", "loss", "root", "gap"]
Place = int | Literal["before", "after"]
"""Which part of the picture a box stands in: a time step's column, or what comes before or after all steps."""


@dataclass(frozen=True)
class Box:
    """One box: ``value`` and ``grad`` are floats or arrays, ``grad`` is None while it is unknown."""

    key: int
    title: str
    corner: str
    role: Role
    place: Place
    value: Any
    grad: Any
    differentiable: bool
    tooltip: str


@dataclass(frozen=True)
class Arrow:
    """One edge slot, from the box of an input to the box that reads it."""

    tail: int
    head: int
    contribution: Any
    tooltip: str


@dataclass(frozen=True)
class Sum:
    """A shared weight: what each use contributes (time step, contribution), newest first, and the total."""

    title: str
    parts: tuple[tuple[int | None, Any], ...]
    total: Any


@dataclass(frozen=True)
class View:
    """Everything to draw, in an order that is the same in every run."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    sums: tuple[Sum, ...]
    steps: tuple[int, ...]
    notes: tuple[str, ...]

    def __post_init__(self) -> None:
        assert [box.key for box in self.boxes] == list(range(len(self.boxes)))


def build(root: Node, steps: Iterable[int] | None = None, max_nodes: int = 100) -> View:
    """The view of the graph behind ``root``.

    Args:
        root: the node that gradients are of; where its ``grad`` is None the view has no gradients.
        steps: which time steps to show; by default all, or the first and the last ones if there are too many.
        max_nodes: how many boxes are too many.
    """
    return _Builder(root, steps, max_nodes).view()


class _Builder:
    def __init__(self, root: Node, steps: Iterable[int] | None, max_nodes: int) -> None:
        self.root, self.max_nodes = root, max_nodes
        self.nodes = ancestors(root)
        self.names = names(self.nodes)
        self.grads, self.contributions = _gradients(root)
        self.all_steps = sorted({node.t for node in self.nodes if node.t is not None})
        self.consumers = _consumers(self.nodes)
        self.shared = self._shared()
        self.places = self._places()
        self.notes: list[str] = []
        self.shown = self._shown(steps)
        self.boxes: list[Box] = []
        self.arrows: list[Arrow] = []
        self.keys: dict[Node, int] = {}
        self.gaps: dict[Place, int] = {}

    def view(self) -> View:
        for node in self.nodes:
            if node not in self.shown or node in self.shared:
                continue
            self.keys[node] = self._box(node, self.places[node])
            for slot, x in enumerate(node.inputs):
                self._arrow(node, slot, x)
        for node in list(self.keys):
            self._arrow_into_gap(node)
        steps = tuple(t for t in self.all_steps if any(box.place == t for box in self.boxes))
        return View(tuple(self.boxes), tuple(self.arrows), self._sums(), steps, tuple(self.notes))

    # -- where things stand --

    def _shared(self) -> set[Node]:
        """Leaves outside time that steps read: weights, and whatever else is read more than once."""
        shared = set()
        for node in self.nodes:
            uses = [consumer for consumer, _ in self.consumers[node] if consumer.t is not None]
            if node.op is None and node.t is None and uses and (isinstance(node, Parameter) or len(uses) > 1):
                shared.add(node)
        return shared

    def _places(self) -> dict[Node, Place]:
        places: dict[Node, Place] = {}
        for node in self.nodes:
            if node.t is not None:
                places[node] = node.t
            else:
                from_time = any(places[x] != "before" for x in node.inputs if x not in self.shared)
                places[node] = "after" if from_time else "before"
        first = self.all_steps[0] if self.all_steps else None
        for node in self.nodes:  # a leaf stands with its only reader; but a first state stands before the first step
            readers = {places[consumer] for consumer, _ in self.consumers[node]}
            is_number = node.ndim == 0 and not node.requires_grad
            if len(readers) == 1 and node.op is None and node.t is None and (is_number or readers != {first}):
                places[node] = readers.pop()
        return places

    def _shown(self, steps: Iterable[int] | None) -> set[Node]:
        if steps is not None:
            wanted = set(steps)
            unknown = wanted - set(self.all_steps)
            if unknown:
                raise ValueError(f"draw: no node was recorded at step {min(unknown)}; steps are {self.all_steps}")
        elif len(self.nodes) > self.max_nodes and self.all_steps:
            wanted = self._first_and_last_steps()
        else:
            wanted = set(self.all_steps)
        left_out = len(self.all_steps) - len(wanted)
        if left_out:
            self.notes.append(f"{left_out} of {len(self.all_steps)} time steps are left out: draw(root, steps=…) picks")
        shown = [node for node in self.nodes if self.places[node] in wanted or isinstance(self.places[node], str)]
        if len(shown) > max(self.max_nodes, 1) and not wanted:
            self.notes.append(
                f"{len(shown) - self.max_nodes:,} of {len(shown):,} nodes, the oldest, are left out: "
                "draw(root, max_nodes=…) shows more"
            )
            shown = shown[-self.max_nodes :]
        return set(shown)

    def _first_and_last_steps(self) -> set[int]:
        size = Counter(place for node, place in self.places.items() if isinstance(place, int))
        typical = sorted(size.values())[len(size) // 2]
        room = max(3, self.max_nodes // typical)
        if room >= len(self.all_steps):
            return set(self.all_steps)
        return set(self.all_steps[:1] + self.all_steps[-(room - 1) :])

    # -- boxes and arrows --

    def _box(self, node: Node, place: Place, alias_of: tuple[Node, int] | None = None) -> int:
        role = self._role(node)
        grad = self.grads.get(node)
        corner = f"{node.op.symbol} {_verb(node)}" if node.op and node.label else _verb(node)
        if alias_of is not None:
            role, corner = "alias", f"@{place}" if isinstance(place, int) else "use"
            grad = self.contributions.get(alias_of)
        title = node.label or (node.op.symbol if node.op else self.names[node])
        key = len(self.boxes)
        value = self._recorded(node)
        self.boxes.append(
            Box(key, title, corner, role, place, value, grad, node.requires_grad, self._tooltip(node, value, grad))
        )
        return key

    def _recorded(self, node: Node) -> Any:
        """The number that the graph was computed with: a leaf may have moved on since."""
        for consumer, slot in self.consumers[node]:
            return consumer.xs[slot]
        return np.array(node.data)

    def _role(self, node: Node) -> Role:
        if node is self.root:
            return "root"
        if node.op is None:
            if isinstance(node, Parameter):
                return "parameter"
            return "leaf" if node.requires_grad else "data"
        feeds = [self.places[consumer] for consumer, _ in self.consumers[node]]
        ends_a_step = isinstance(self.places[node], int) and all(place == "after" for place in feeds)
        return "loss" if ends_a_step and node.ndim == 0 else "op"

    def _arrow(self, node: Node, slot: int, x: Node) -> None:
        head, contribution = self.keys[node], self.contributions.get((node, slot))
        if x in self.shared:
            tail = self._box(x, self.places[node], alias_of=(node, slot))
        elif x in self.keys:
            tail = self.keys[x]
        else:
            tail, contribution = self._gap(x), None
        self._add_arrow(tail, head, contribution, self._edge_tooltip(node, slot, x))

    def _add_arrow(self, tail: int, head: int, contribution: Any, tooltip: str) -> None:
        gap = "gap" in (self.boxes[tail].role, self.boxes[head].role)
        if not (gap and any((arrow.tail, arrow.head) == (tail, head) for arrow in self.arrows)):
            self.arrows.append(Arrow(tail, head, contribution, tooltip))

    def _arrow_into_gap(self, node: Node) -> None:
        """What a shown node hands on to consumers that were left out, with what all of them contribute."""
        edges = [(consumer, slot) for consumer, slot in self.consumers[node] if consumer not in self.shown]
        if edges:
            parts = [self.contributions[edge] for edge in edges if edge in self.contributions]
            total = sum(parts[1:], start=parts[0]) if parts else None
            self._add_arrow(self.keys[node], self._gap(edges[0][0]), total, "goes on in what was left out")

    def _gap(self, node: Node) -> int:
        """The box that stands for everything left out around ``node``: a run of time steps, or the oldest nodes."""
        place, title = self.places[node], "⋯ earlier nodes"
        if isinstance(place, int):
            kept = {self.places[n] for n in self.shown}
            run = [t for t in self.all_steps if t not in kept and not _separated(t, place, kept)]
            place, title = run[0], f"⋯ t = {run[0]} … {run[-1]}"
        if place not in self.gaps:
            self.gaps[place] = len(self.boxes)
            self.boxes.append(Box(len(self.boxes), title, "left out", "gap", place, None, None, False, self.notes[-1]))
        return self.gaps[place]

    def _sums(self) -> tuple[Sum, ...]:
        sums = []
        for node in self.nodes:
            uses = [edge for edge in self.consumers[node] if edge in self.contributions]
            if node in self.shared and node.requires_grad:
                parts = tuple((consumer.t, self.contributions[consumer, slot]) for consumer, slot in reversed(uses))
                sums.append(Sum(self.names[node], parts, self.grads.get(node)))
        return tuple(sums)

    # -- words --

    def _tooltip(self, node: Node, value: Any, grad: Any) -> str:
        lines = [self.names[node] if node.op is None else f"{self.names[node]} = {expression(node, self.names)}"]
        if node.op:
            lines.append(node.op.rule)
        lines.append(f"shape {node.shape}" + (f", t = {node.t}" if node.t is not None else ""))
        lines.append(f"value {brief(value)}")
        lines.append(f"grad {brief(grad)}" if node.requires_grad else "constant: gets no gradient")
        return "\n".join(lines)

    def _edge_tooltip(self, node: Node, slot: int, x: Node) -> str:
        if (node, slot) not in self.contributions:
            return f"{self.names[x]} → {self.names[node]}"
        return (
            f"{self.names[node]} sends to {self.names[x]}:\n"
            f"upstream {brief(self.grads[node])}\n{node.op.rule if node.op else ''}\n"
            f"downstream {brief(self.contributions[node, slot])}"
        )


def _gradients(root: Node) -> tuple[dict[Node, Any], dict[tuple[Node, int], Any]]:
    """Each node's grad and each edge's contribution in the pass that gave ``root`` its grad; none, if none did.

    It is a pass of our own: leaves may hold what earlier passes left there, and inner nodes what a later one of
    another root did, and then the numbers in one picture would not add up.
    """
    grads, contributions = {}, {}
    for visit in walk(root, root.grad) if root.grad is not None else ():
        grads[visit.node] = visit.upstream
        contributions.update({(edge.node, edge.slot): edge.downstream for edge in visit.edges})
    return grads, contributions


def _consumers(nodes: list[Node]) -> dict[Node, list[tuple[Node, int]]]:
    consumers: dict[Node, list[tuple[Node, int]]] = defaultdict(list)
    for node in nodes:
        for slot, x in enumerate(node.inputs):
            consumers[x].append((node, slot))
    return consumers


def _separated(t: int, place: int, kept: set[Place]) -> bool:
    """Whether a step that is shown lies between ``t`` and ``place``."""
    low, high = min(t, place), max(t, place)
    return any(isinstance(k, int) and low < k < high for k in kept)


def _verb(node: Node) -> str:
    """What the op does to a gradient, in a word."""
    return node.op.rule.split(":")[0] if node.op else ""
