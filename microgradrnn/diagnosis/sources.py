"""How much of each source's gradient reaches each state.

The loss reads a recurrent network at some steps: at the outputs of all, or at the last state alone. What it sends back
to step k is the *source* of step k, dL_k/d(what is read at step k). `from_source` follows each source by itself, by a
backward pass that starts from it alone; so a loss at every step does not hide what is lost on the way.

An encoder is read by its decoder, and not by the loss. What the decoder sends back to step k is its source of step k.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microgradrnn.accumulation import add
from microgradrnn.backprop import order, seed, visit
from microgradrnn.diagnosis.layers import Layer
from microgradrnn.engine import Node, serial
from microgradrnn.loops import time_steps
from microgradrnn.norms import norm
from microgradrnn.ops import Scattered

Grads = dict[Node, Any]


@dataclass
class Sources:
    """What enters a group of layers from outside, by time step.

    Attributes:
        grads: for each time step, in order, the gradients that come in there and at what; none that are all 0.
        direct: the time steps at which what the loss reads is read by no other layer between.
    """

    grads: dict[int, Grads] = field(default_factory=dict)
    direct: set[int] = field(default_factory=set)


def all_gradients(loss: Node, groups: Sequence[Sequence[Layer]]) -> tuple[Grads, list[Sources]]:
    """The gradient of every node, and for each group of layers what enters it from the loss.

    An edge is a source where it leads to a node between the group's first products and its states, from one that is
    none of these. It starts at the loss itself, or at a layer that runs after the group.
    """
    behind, inside = _behind_groups(groups), _inside_groups(order(loss), groups)
    steps = {
        s: t
        for layers in groups
        for layer in layers
        for s, t in zip(layer.states, layer.times, strict=True)
        if s is not None
    }
    times = time_steps(loss)
    grads: Grads = {loss: seed(loss, None)}
    found = [Sources() for _ in groups]

    def enter(x: Node, downstream: Any, entered: int, t: int | None, is_direct: bool) -> None:
        for k, one in enumerate(found):
            if t is not None and entered >> k & 1:
                at = one.grads.setdefault(t, {})
                at[x] = add(at[x], downstream, in_place=False) if x in at else downstream
                if is_direct and np.any(downstream):
                    one.direct.add(t)

    def watch(node: Node, slot: int, downstream: Any, before: Any, after: Any) -> None:
        x = node.inputs[slot]
        entered = inside.get(x, 0) & behind.get(x, 0) & ~behind.get(node, 0)
        if entered:
            if type(downstream) is Scattered:
                downstream = downstream.dense(x._data.shape, x._data.dtype)
            enter(x, downstream, entered, steps.get(x, times.of(x)), node not in behind)

    visit(order(loss), grads, watch)
    enter(loss, grads[loss], inside.get(loss, 0) & behind.get(loss, 0), steps.get(loss, times.of(loss) or 0), True)
    for one in found:
        one.grads = {t: at for t, at in sorted(one.grads.items()) if any(np.any(g) for g in at.values())}
    return grads, found


def _behind_groups(groups: Sequence[Sequence[Layer]]) -> dict[Node, int]:
    """For each node the groups whose states it is, or is read by on the way: group k is bit k."""
    found: dict[Node, int] = {}
    for k, layers in enumerate(groups):
        for node in _behind(_carried(layers)):
            found[node] = found.get(node, 0) | 1 << k
    return found


def _inside_groups(nodes: Sequence[Node], groups: Sequence[Sequence[Layer]]) -> dict[Node, int]:
    """For each node, newest first, the groups whose products or states it is computed from: group k is bit k."""
    found: dict[Node, int] = {}
    for k, layers in enumerate(groups):
        for node in [*_carried(layers), *(use.product for layer in layers for use in layer.uses)]:
            found[node] = found.get(node, 0) | 1 << k
    for node in reversed(nodes):
        for x in node.inputs:
            if x in found:
                found[node] = found.get(node, 0) | found[x]
    return found


def _carried(layers: Sequence[Layer]) -> list[Node]:
    """The states of some layers, and what else they carry on."""
    pairs = (pair for layer in layers for pair in zip(layer.states, layer.carried, strict=True))
    return [x for state, parts in pairs for x in (state, *parts) if x is not None]


def from_source(source: Grads, nodes: set[Node]) -> dict[Node, float]:
    """The norms of what a source's gradient alone gives some nodes."""
    grads = {node: np.array(grad) if np.ndim(grad) else grad for node, grad in source.items()}
    behind = sorted(_behind(list(source)), key=serial, reverse=True)
    oldest = min(map(serial, nodes), default=0)
    visit((node for node in behind if node in grads and serial(node) >= oldest), grads)
    return {node: norm(grads[node]) for node in nodes if node in grads}


def _behind(nodes: list[Node]) -> set[Node]:
    found, todo = set(nodes), list(nodes)
    while todo:
        for x in todo.pop().inputs:
            if x.requires_grad and x not in found:
                found.add(x)
                todo.append(x)
    return found
