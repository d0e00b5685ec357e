"""What there is to draw: a recorded graph as a frozen `View` of boxes and arrows. No DOT, no SVG, no HTML here.

- `Box`: a node, or an alias of a weight that is shared over time, or a stand-in for what was left out.
- `Arrow`: one edge slot, with the contribution that it carries.
- `Sum`: a shared weight's gradient, added up over its uses.
- `build`: makes the view, with gradients from a pass of its own, so that every number belongs to this root.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from microgradrnn import Parameter
from microgradrnn.backprop import local_gradient
from microgradrnn.engine import Node, ancestors
from microgradrnn.stepping import walk

from ..names import expression, names, recorded
from ..numbers import entries
from .counterparts import Alikeness

Role = Literal["data", "leaf", "parameter", "alias", "op", "loss", "root", "gap", "cell"]
MOST_SUMS = 12
"""So many shared weights are added up beside a picture."""

Place = int | Literal["before", "after"]
"""Which part of the picture a box stands in: a time step's column, or what comes before or after all steps."""


@dataclass(frozen=True)
class Box:
    """One box: ``value`` and ``grad`` are floats or arrays, ``grad`` is None while it is unknown.

    ``history`` is how grad comes to be: pairs (how many visits have been made, what is known by then). ``visit`` is
    the number of the node's own turn; a constant and an alias have none. ``scope`` is where it was recorded, and
    ``like`` what it has in common with the boxes of other time steps that do the same there.
    """

    key: int
    title: str
    corner: str
    role: Role
    place: Place
    value: Any
    grad: Any
    differentiable: bool
    tooltip: str
    history: tuple[tuple[int, Any], ...] = ()
    visit: int | None = None
    scope: str = ""
    like: Hashable = None


@dataclass(frozen=True)
class Arrow:
    """One edge slot, from the box of an input to the box that reads it, at whose ``visit`` it contributes.

    In a rolled picture an arrow that leads from one step ``back`` into the next one starts and ends in one column.
    """

    tail: int
    head: int
    contribution: Any
    tooltip: str
    visit: int | None = None
    back: bool = False


@dataclass(frozen=True)
class Sum:
    """A shared weight: its value, what each use contributes (time step or None, contribution), and the total.

    ``visits`` are the numbers of the visits at which the parts come in.
    """

    title: str
    value: Any
    parts: tuple[tuple[int | None, Any], ...]
    total: Any
    visits: tuple[int, ...]


@dataclass(frozen=True)
class View:
    """Everything to draw, in an order that is the same in every run. ``caption`` is that of a rolled view's column."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    sums: tuple[Sum, ...]
    steps: tuple[int, ...]
    notes: tuple[str, ...]
    caption: str = ""

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
        self.names, self.data = names(self.nodes), recorded(self.nodes)
        self.grads, self.contributions, self.turns, self.history = _gradients(root)
        self.all_steps = sorted({node.t for node in self.nodes if node.t is not None})
        self.consumers = _consumers(self.nodes)
        self.shared = self._shared()
        self.titles = self._titles()
        self.alikeness = Alikeness(self.shared, self.consumers)
        self.places = self._places()
        self.notes: list[str] = []
        self.shown = self._shown(steps)
        self.boxes: list[Box] = []
        self.arrows: list[Arrow] = []
        self.keys: dict[Node, int] = {}
        self.gaps: dict[tuple[Place, int], int] = {}

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
        sums = self._sums()
        return View(tuple(self.boxes), tuple(self.arrows), sums, steps, tuple(self.notes))

    # -- where things stand --

    def _shared(self) -> set[Node]:
        """Leaves outside time that steps read: weights, and whatever else several of them read."""
        shared = set()
        for node in self.nodes:
            steps = {consumer.t for consumer, _ in self.consumers[node] if consumer.t is not None}
            if node.op is None and node.t is None and steps and (isinstance(node, Parameter) or len(steps) > 1):
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
        for node in self.nodes:  # a leaf stands with its only reader; but a first state stands before the first step
            readers = {places[consumer] for consumer, _ in self.consumers[node]}
            if len(readers) == 1 and node.op is None and node.t is None and not self._is_first_state(node):
                places[node] = readers.pop()
        return places

    def _is_first_state(self, node: Node) -> bool:
        """Whether the leaf enters the first step where later steps are entered by what the step before computed."""
        steps = self.all_steps
        if not steps or {consumer.t for consumer, _ in self.consumers[node]} != {steps[0]}:
            return False
        if len(steps) == 1:
            return node.ndim > 0
        return any(self._entrance(consumer, slot) in self._carried for consumer, slot in self.consumers[node])

    @cached_property
    def _carried(self) -> set[tuple[Any, ...]]:
        """Where steps are entered by what another step computed."""
        return {
            self._entrance(later, slot)
            for later in self.nodes
            for slot, x in enumerate(later.inputs)
            if later.t is not None and x.t not in (None, later.t)
        }

    def _entrance(self, node: Node, slot: int) -> tuple[Any, ...]:
        """What makes an edge of one step the counterpart of an edge of another: op, slot, and the weights beside it."""
        return node.op, slot, frozenset(x for x in node.inputs if x in self.shared)

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
        most = self.max_nodes if steps is None else len(shown)
        if len(shown) > (3 * most if wanted else most):  # a few whole steps are worth a large picture
            self.notes.append(
                f"{len(shown) - most:,} of {len(shown):,} nodes, the furthest from the root, are left out: "
                "draw(root, max_nodes=…) shows more"
            )
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

    def _box(self, node: Node, place: Place, alias_of: tuple[Node, int] | None = None) -> int:
        role = self._role(node)
        grad, history, visit = self.grads.get(node), tuple(self.history.get(node, ())), self.turns.get(node)
        corner = f"{node.op.symbol} {_verb(node)}" if node.op and node.label else _verb(node)
        if alias_of is not None:
            role, corner, visit = "alias", f"@{place}" if isinstance(place, int) else "use", None
            grad = self.contributions.get(alias_of)
            history = ((self.turns[alias_of[0]], grad),) if grad is not None else ()
        title = self.titles[node]
        key = len(self.boxes)
        value = self.data[node]
        tooltip = self._tooltip(node, value, grad)
        like: Hashable = self.alikeness.of(node)
        scope = node.scope
        if alias_of is not None:
            like, scope = (self.alikeness.of(alias_of[0]), "reads", alias_of[1]), alias_of[0].scope
        box = Box(
            key, title, corner, role, place, value, grad, node.requires_grad, tooltip, history, visit, scope, like
        )
        self.boxes.append(box)
        return key

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
            tail, contribution = self._gap(x, head), None
        visit = self.turns.get(node) if contribution is not None else None
        self._add_arrow(tail, head, contribution, self._edge_tooltip(node, slot, x), visit)

    def _add_arrow(self, tail: int, head: int, contribution: Any, tooltip: str, visit: int | None) -> None:
        gap = "gap" in (self.boxes[tail].role, self.boxes[head].role)
        if not (gap and any((arrow.tail, arrow.head) == (tail, head) for arrow in self.arrows)):
            self.arrows.append(Arrow(tail, head, contribution, tooltip, visit))

    def _arrow_into_gap(self, node: Node) -> None:
        """What a shown node hands on to consumers that were left out, with what all of them contribute."""
        edges = [(consumer, slot) for consumer, slot in self.consumers[node] if consumer not in self.shown]
        if edges:
            parts = [self.contributions[edge] for edge in edges if edge in self.contributions]
            total = sum(parts[1:], start=parts[0]) if parts else None
            gap = self._gap(edges[0][0], self.keys[node])
            last = max((self.turns[edge[0]] for edge in edges if edge in self.contributions), default=None)
            self._add_arrow(self.keys[node], gap, total, "goes on in what was left out", last)

    def _gap(self, node: Node, neighbour: int) -> int:
        """The box that stands for what was left out around ``node``: a run of steps, or more beside a neighbour."""
        place: Place = self.boxes[neighbour].place
        title, gap = "⋯", (place, neighbour)
        kept = {self.places[n] for n in self.shown}
        own = self.places[node]
        if isinstance(own, int) and own not in kept:
            run = [t for t in self.all_steps if t not in kept and not _separated(t, own, kept)]
            place, title = run[0], f"⋯ t = {run[0]}" + (f" … {run[-1]}" if len(run) > 1 else "")
            gap = (place, -1)
        if gap not in self.gaps:
            self.gaps[gap] = len(self.boxes)
            corner = "left out" if gap[1] < 0 else ""
            self.boxes.append(Box(len(self.boxes), title, corner, "gap", place, None, None, False, self.notes[-1]))
        return self.gaps[gap]

    def _sums(self) -> tuple[Sum, ...]:
        sums = []
        for node in self.nodes:
            if node in self.shared and node.requires_grad:
                uses = [edge for edge in reversed(self.consumers[node]) if edge in self.contributions]
                uses.sort(key=lambda edge: edge[0].t is None)  # what reads it outside time comes last
                parts = tuple((consumer.t, self.contributions[consumer, slot]) for consumer, slot in uses)
                visits = tuple(self.turns[consumer] for consumer, _ in uses)
                sums.append(Sum(self.titles[node], self.data[node], parts, self.grads.get(node), visits))
        return self._largest_of(sums)

    def _largest_of(self, sums: list[Sum]) -> tuple[Sum, ...]:
        """The sums with the largest gradients, where there are more than a panel holds: of a scalar graph, say."""
        if len(sums) <= MOST_SUMS:
            return tuple(sums)
        self.notes.append(f"{len(sums) - MOST_SUMS:,} shared weights with smaller gradients are left out of the panel")
        norms = [0.0 if s.total is None else float(np.linalg.norm(np.ravel(s.total))) for s in sums]
        kept = sorted(range(len(sums)), key=lambda i: -norms[i])[:MOST_SUMS]
        return tuple(sums[i] for i in sorted(kept))

    def _titles(self) -> dict[Node, str]:
        """What stands at the head of each box; two weights of one name are told apart by the scope that reads them."""
        titles = {node: str(node.label) or (node.op.symbol if node.op else self.names[node]) for node in self.nodes}
        count = Counter(titles[node] for node in self.shared)
        for node in self.shared:
            readers = [consumer.scope for consumer, _ in self.consumers[node] if consumer.scope]
            if count[titles[node]] > 1 and readers:
                titles[node] = f"{readers[0].rpartition('/')[2]}.{titles[node]}"
        return titles

    # -- words --

    def _tooltip(self, node: Node, value: Any, grad: Any) -> str:
        lines = [self.names[node] if node.op is None else f"{self.names[node]} = {expression(node, self.names)}"]
        if node.op:
            lines.append(node.op.rule)
        step = f", t = {node.t}" if node.t is not None else ""
        lines.append(f"shape {node.shape}{step}" + (f", scope {node.scope}" if node.scope else ""))
        lines.append(f"value {entries(value)}")
        lines.append(f"grad {entries(grad)}" if node.requires_grad else "constant: gets no gradient")
        return "\n".join(lines)

    def _edge_tooltip(self, node: Node, slot: int, x: Node) -> str:
        if (node, slot) not in self.contributions or node.op is None:
            return f"{self.names[x]} → {self.names[node]}"
        local = entries(local_gradient(node, slot)) if node.op.local is not None else node.op.rule
        return (
            f"{self.names[node]} sends to {self.names[x]}:\n"
            f"upstream {entries(self.grads[node])}\nlocal {local}\n"
            f"downstream {entries(self.contributions[node, slot])}"
        )


def _gradients(
    root: Node,
) -> tuple[dict[Node, Any], dict[tuple[Node, int], Any], dict[Node, int], dict[Node, list[tuple[int, Any]]]]:
    """Each node's grad and each edge's contribution in the pass that gave ``root`` its grad; none, if none did.

    Also the number of each node's visit, and how its grad grows from visit to visit.

    It is a pass of our own: leaves may hold what earlier passes left there, and inner nodes what a later one of
    another root did, and then the numbers in one picture would not add up.
    """
    contributions: dict[tuple[Node, int], Any] = {}
    turns: dict[Node, int] = {}
    history: dict[Node, list[tuple[int, Any]]] = {}
    for number, visit in enumerate(walk(root, root.grad) if root.grad is not None else (), start=1):
        if any(edge.input.op and edge.input.grad is None for edge in visit.edges):
            break  # we are in the middle of a pass, which has not come here yet
        if visit.node.grad is None:
            continue  # a leaf that it has not come to, or whose grad was forgotten
        turns[visit.node] = number
        history.setdefault(visit.node, [(0, visit.upstream)])
        known = [edge for edge in visit.edges if edge.input.grad is not None]
        contributions.update({(edge.node, edge.slot): edge.downstream for edge in known})
        for edge in known:
            history.setdefault(edge.input, []).append((number, edge.after))
    grads = {node: states[-1][1] for node, states in history.items()}
    return grads, contributions, turns, history


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
