"""The recurrent layers of a graph: weights that are read step after step, and the states that they hand on.

- `find_layers`: finds them by structure: a weight W is recurrent where what it multiplies was computed from an earlier
  product with W. Labels give a layer its name and decide nothing.

So a cell of `nn`, a loop of your own and a network captured from PyTorch are found alike.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from microgradrnn.engine import Node, ancestors, serial
from microgradrnn.loops import time_steps
from microgradrnn.loops.detached import detached
from microgradrnn.loops.uses import Reading, reading

_MOVES = ("transpose", "reshape", "copy", "astype")


@dataclass(frozen=True, eq=False)
class Use:
    """One product of a state with a recurrent weight: the product, the state as it came, and its rows of the weight."""

    product: Node
    state: Node
    weight: Node
    rows: slice
    transposed: bool


@dataclass(eq=False)
class Layer:
    """A recurrent layer, or one direction of it.

    Attributes:
        name: as the labels have it, such as "h1" or "rnn.weight_hh_l0".
        uses: its products, in the order in which the steps were made.
        times: the time step of each.
        states: the state after each step; None where nothing of it was recorded.
        cells: the nodes of each step that lie between the product and the state.
        carried: what else each step hands on to the next, such as an LSTM's c.
    """

    name: str
    uses: list[Use]
    times: list[int]
    states: list[Node | None] = field(default_factory=list)
    cells: list[set[Node]] = field(default_factory=list)
    carried: list[list[Node]] = field(default_factory=list)

    @property
    def weight(self) -> Node:
        """W_hh, as the leaf that it is."""
        return self.uses[0].weight

    def matrix(self) -> np.ndarray:
        """W_hh as (hidden, gates * hidden): what a state, a row, is multiplied with."""
        use = self.uses[-1]
        data = np.asarray(use.weight._data, dtype=np.float64)
        return (data.T if use.transposed else data)[use.rows]


def leaf_of(node: Node) -> tuple[Node, bool] | None:
    """The matrix that a node is, or is the transpose of; None where it is no leaf."""
    turned = False
    while node.op is not None:
        if node.op.name not in _MOVES or node.op.name == "reshape":
            return None
        turned ^= node.op.name == "transpose"
        node = node.inputs[0]
    return (node, turned) if node.ndim == 2 else None


def find_layers(root: Node) -> list[Layer]:
    """The recurrent layers behind a node, in the order of recording.

    >>> from microgradrnn import Tensor, nn
    >>> outputs, _ = nn.GRU(2, 3, num_layers=2, seed=0)(np.ones((4, 1, 2)))
    >>> [(layer.name, layer.times) for layer in find_layers(outputs.sum())]
    [('h1', [1, 2, 3, 4]), ('h2', [1, 2, 3, 4])]
    >>> h, W = Tensor([[1.0]]), Tensor([[0.5]])
    >>> for _ in range(3):
    ...     h = h @ W
    >>> [layer.times for layer in find_layers(h.sum())]
    [[1, 2, 3]]
    """
    nodes = ancestors(root)
    times = time_steps(root)
    consumers: dict[Node, list[Node]] = defaultdict(list)
    for node in nodes:
        for x in node.inputs:
            consumers[x].append(node)
    layers = []
    for uses in _chains(nodes):
        known = [times.of(use.product) for use in uses]
        distinct = None not in known and len(set(known)) == len(known)
        layer = Layer("", uses, [t for t in known if t is not None] if distinct else list(range(1, len(uses) + 1)))
        _fill(layer, consumers)
        layers.append(layer)
    layers = _one_per_state(layers)
    _name(layers)
    return layers


def _chains(nodes: Sequence[Node]) -> list[list[Use]]:
    """For each recurrent weight its products in turn, and for one whose state is cut, those that it has."""
    products: dict[Node, list[tuple[Node, Node, bool]]] = defaultdict(list)
    for node in nodes:
        if node.op is not None and node.op.contracts is not None and (found := leaf_of(node.inputs[1])):
            leaf, turned = found
            products[leaf].append((node, node.inputs[0], turned ^ (node.op.name == "linear")))
    found_chains, unnamed = [], []
    origins = detached(nodes)
    for weight, read in products.items():
        before = _latest_before(nodes, [product for product, _, _ in read])
        uses = [_use(weight, *one, before) for one in read]
        linked = [use for use in uses if before.get(use.state) is not None]
        if linked and _fits(uses[-1]):
            found_chains += _paths(uses, before)
        elif _is_cut(uses):
            found_chains.append(uses)
        elif _reads_own_past(uses[-1], before, origins):
            unnamed.append(uses)
    return found_chains or unnamed  # an output that is fed back detached has a past too, in a network with a state


def _fits(use: Use) -> bool:
    """Whether a state of H units gives gates of H units each, as recurrent weights do, or its name says that it is."""
    width, out = use.state.shape[-1] if use.state.ndim else 1, use.product.shape[-1] if use.product.ndim else 1
    return out % width == 0 or "hh" in use.weight.label


def _latest_before(nodes: Sequence[Node], products: Sequence[Node]) -> dict[Node, Node]:
    """For each node the latest of some products that it was computed from; of a product, the latest before it."""
    among, latest = set(products), dict[Node, Node]()
    for node in nodes:
        found = [x if x in among else latest[x] for x in node.inputs if x in among or x in latest]
        if found:
            latest[node] = max(found, key=serial)
    # A product with the weight as state, h @ W where h is itself a product, stands for itself.
    return latest | {product: product for product in products}


def _use(weight: Node, product: Node, operand: Node, transposed: bool, before: dict[Node, Node]) -> Use:
    """A product; of inputs that stand side by side, [x, h] W, the state is the one that was computed from W."""
    rows = slice(0, weight.shape[1] if transposed else weight.shape[0])
    if operand.op is not None and operand.op.name == "concat":
        at = 0
        for x in operand.inputs:
            width = x.shape[-1] if x.ndim else 1
            if before.get(x) is not None or (_is_first_state(x) and x is operand.inputs[-1]):
                rows, operand = slice(at, at + width), x
                break
            at += width
    return Use(product, operand, weight, rows, transposed)


def _is_first_state(node: Node) -> bool:
    return node.op is None and bool(re.search(r"(^|[^a-z])h[^/]*$", node.label))


def _paths(uses: Sequence[Use], before: dict[Node, Node]) -> list[list[Use]]:
    """Products in turn: each one that no later one follows ends a path. A cut path goes on with the next."""
    by_product = {use.product: use for use in uses}
    follows = {use: by_product.get(before[use.state]) if use.state in before else None for use in uses}
    ends = [use for use in uses if use not in set(follows.values())]
    paths = []
    for end in ends:
        path: list[Use] = []
        at: Use | None = end
        while at is not None:
            path.insert(0, at)
            at = follows[at]
        paths.append(path)
    joined: list[list[Use]] = []
    for path in paths:  # a constant that is no zero state: a state that was cut off from the path before
        if joined and is_cut_state(path[0].state):
            joined[-1].extend(path)
        else:
            joined.append(path)
    return joined


def is_cut_state(state: Node) -> bool:
    """Whether a state that a product reads is data without a past: a constant, and not the zeros of a fresh start."""
    leaf = state
    while leaf.op is not None and len(leaf.inputs) == 1 and leaf.op.name in (*_MOVES, "index"):
        leaf = leaf.inputs[0]
    return leaf.op is None and not leaf.requires_grad and bool(np.any(np.asarray(state._data) != 0))


def _is_cut(uses: Sequence[Use]) -> bool:
    """Whether a weight that depends on no product of itself is a recurrent one whose every state was cut off."""
    use = uses[-1]
    named = "hh" in use.weight.label or bool(re.fullmatch(r"h[^_]*_[1-9]\d*", use.state.label))
    return named and is_cut_state(use.state) and _fits(use)


def _reads_own_past(use: Use, before: dict[Node, Node], origins: Mapping[Reading, Node]) -> bool:
    """Whether a state was cut off and has the numbers of a node that was computed with the same weight before."""
    origin = origins.get(reading(use.state))
    return origin is not None and origin in before and is_cut_state(use.state) and _fits(use)


def _fill(layer: Layer, consumers: dict[Node, list[Node]]) -> None:
    """Find the states after each step, what lies between, and what else is carried."""
    uses = layer.uses
    for here, after in pairwise(uses):
        layer.states.append(_recorded_state(here, after, consumers))
    ways = (_way(uses[k - 1].product, layer.states[k - 1]) for k in range(len(uses) - 1, 0, -1))
    way = next((way for way in ways if way is not None), None)
    layer.states.append(_along(way, uses[-1].product, consumers) if way is not None else None)
    if way is not None:
        for k, state in enumerate(layer.states):
            if state is None:
                layer.states[k] = _along(way, uses[k].product, consumers)
    for use, state in zip(uses, layer.states, strict=True):
        layer.cells.append(_between(use.product, state, consumers))
    for k, cell in enumerate(layer.cells):
        later = layer.cells[k + 1] if k + 1 < len(uses) else set()
        parts = (n for n in cell if n is not layer.states[k] and any(c in later for c in consumers[n]))
        layer.carried.append(sorted(parts, key=serial))
    if len(uses) > 1 and layer.states[-1] is not None and layer.carried[-2]:
        for part in layer.carried[-2]:
            found = _along(_way(uses[-2].product, part), uses[-1].product, consumers)
            if found is not None:
                layer.carried[-1].append(found)


def _recorded_state(here: Use, after: Use, consumers: dict[Node, list[Node]]) -> Node | None:
    """The state after a step, as the next product reads it; a detached one is found by its data.

    Where the next product reads fewer sequences, since those of a packed batch have ended, the state is that of all.
    """
    if after.state.op is not None:
        state = after.state
        while _is_of_fewer(state) and serial(state.inputs[0]) >= serial(here.product):
            state = state.inputs[0]
        return state
    found = [n for n in _between(here.product, None, consumers, below=serial(after.product)) if _same(n, after.state)]
    return max(found, key=serial) if found else None


def _is_of_fewer(node: Node) -> bool:
    """Whether a node is some of the first rows of its input, which is a matrix."""
    if node.op is None or node.op.name != "index" or len(node.inputs) != 1 or node.inputs[0].ndim != 2:
        return False
    key = node.params["key"]
    return len(key) == 1 and isinstance(key[0], slice) and key[0].start in (None, 0)


def _same(node: Node, state: Node) -> bool:
    return node.shape == state.shape and bool(np.array_equal(node._data, state._data))


def _between(start: Node, end: Node | None, consumers: dict[Node, list[Node]], below: int | None = None) -> set[Node]:
    """All nodes on ways from one node to another, both included; without an end, all after it up to a serial."""
    if end is None and below is None:
        return {start}
    limit = serial(end) if end is not None else below
    assert limit is not None
    after, todo = {start}, [start]
    while todo:
        for node in consumers[todo.pop()]:
            if serial(node) <= limit and node not in after:
                after.add(node)
                todo.append(node)
    if end is None:
        return after
    found, todo = {end}, [end]
    while todo:
        for node in todo.pop().inputs:
            if node in after and node not in found:
                found.add(node)
                todo.append(node)
    return found | {start}


_Way = list[tuple[str, int, str]]


def _way(start: Node, end: Node | None) -> _Way | None:
    """The shortest way from a product to a state, as what each edge does: op, slot and parameters."""
    if end is None:
        return None
    ways: dict[Node, _Way] = {end: []}
    todo = [end]
    for node in todo:
        if node is start:
            return ways[node]
        for slot, x in enumerate(node.inputs):
            if x not in ways and serial(x) >= serial(start):
                assert node.op is not None
                ways[x] = [(node.op.name, slot, repr(sorted(node.params.items()))), *ways[node]]
                todo.append(x)
    return None


def _along(way: _Way | None, start: Node, consumers: dict[Node, list[Node]]) -> Node | None:
    """Where a way leads from another product."""
    if way is None:
        return None
    at = {start}
    for name, slot, params in way:
        at = {
            node
            for x in at
            for node in consumers[x]
            if node.op is not None
            and node.op.name == name
            and slot < len(node.inputs)
            and node.inputs[slot] is x
            and repr(sorted(node.params.items())) == params
        }
    return max(at, key=serial) if at else None


def _one_per_state(layers: Iterable[Layer]) -> list[Layer]:
    """Weights of single gates that read the same states are one layer; and what feeds back through another is none."""
    found: dict[Node, Layer] = {}
    for layer in layers:
        key = layer.uses[-1].state
        if key not in found or len(layer.uses) > len(found[key].uses):
            found[key] = layer
    return sorted(found.values(), key=lambda layer: serial(layer.uses[0].product))


def _name(layers: Sequence[Layer]) -> None:
    """Names from labels: of states, h1_3 -> h1; else of the weight; else the scope or a number."""
    taken: dict[str, int] = {}
    for k, layer in enumerate(layers):
        labels = [state.label for state in layer.states if state is not None and state.label]
        bases = {match[1] for label in labels if (match := re.fullmatch(r"(.+)_\d+", label))}
        scope = layer.uses[-1].product.scope
        if len(bases) == 1:
            name = bases.pop()
            name = (
                f"{scope}/{name}"
                if any(other.weight is not layer.weight for other in layers) and scope and (taken.get(name))
                else name
            )
        else:
            name = layer.weight.label or scope or f"layer {k + 1}"
        taken[name] = taken.get(name, 0) + 1
        layer.name = name if taken[name] == 1 else f"{name} #{taken[name]}"
