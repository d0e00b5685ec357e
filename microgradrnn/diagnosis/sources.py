"""How much of each source's gradient reaches each state.

The loss reads a recurrent network at some steps: at the outputs of all, or at the last state alone. What it sends back
to step k is the *source* of step k, dL_k/d(what is read at step k). `from_sources` follows each source by itself, by a
backward pass that starts from it alone; so a loss at every step does not hide what is lost on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
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


def all_gradients(loss: Node, layers: Sequence[Layer]) -> tuple[Grads, dict[int, Grads]]:
    """The gradient of every node, and for each time step what the loss sends into the recurrent part there.

    An edge is a source where it leads from a node that no state depends on to one that is a state, or that a state
    depends on.
    """
    states = [s for layer in layers for s, part in zip(layer.states, layer.carried, strict=True) for s in (s, *part)]
    inside = _behind([s for s in states if s is not None])
    steps = {s: t for layer in layers for s, t in zip(layer.states, layer.times, strict=True) if s is not None}
    times = time_steps(loss)
    grads: Grads = {loss: seed(loss, None)}
    sources: dict[int, Grads] = {}

    def watch(node: Node, slot: int, downstream: Any, before: Any, after: Any) -> None:
        x = node.inputs[slot]
        if x.op is None or x not in inside or node in inside:
            return
        t = steps.get(x, times.of(x))
        if t is not None:
            if type(downstream) is Scattered:
                downstream = downstream.dense(x._data.shape, x._data.dtype)
            found = sources.setdefault(t, {})
            found[x] = add(found[x], downstream, in_place=False) if x in found else downstream

    visit(order(loss), grads, watch)
    if loss in inside and loss.op is not None:
        sources.setdefault(steps.get(loss, times.of(loss) or 0), {})[loss] = grads[loss]
    return grads, {t: found for t, found in sorted(sources.items()) if any(np.any(g) for g in found.values())}


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
