"""Whether a program computes what was recorded: its loss, outputs and gradients beside the graph's own.

- `Recording`: a loss that has been recorded, and what is wanted of it. `Answer`: its numbers, or a program's.
- `difference`: where two answers differ by more than rounding explains.
- `with_leaves`, `moved`: the same graph of other numbers, as those it was recorded with may hide a difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from microgradrnn.backprop import gradients
from microgradrnn.engine import Node, Tensor, Value, ancestors, record
from microgradrnn.rounding import Rounding

_TOLERANCE = {8: 1e-10, 4: 1e-4, 2: 2e-2}
"""By the bytes of a float, how far two answers may be apart, beside the largest numbers that were added up."""
_MOVED = 0.05
"""By how much numbers are moved, beside the largest of their array: little, or functions leave their domain."""


class Answer(NamedTuple):
    """A loss, the gradients of some leaves (None where there is none), and the values of some nodes."""

    value: Any
    grads: list[Any]
    outputs: list[Any]


@dataclass(eq=False)
class Recording:
    """A recorded loss, the nodes whose values are wanted beside it, and the leaves whose gradients are."""

    loss: Node
    outputs: list[Node]
    leaves: list[Node]

    @cached_property
    def answer(self) -> Answer:
        """What the engine says."""
        grads = gradients(self.loss)
        return Answer(self.loss._data, [grads.get(leaf) for leaf in self.leaves], [node._data for node in self.outputs])

    @cached_property
    def graph(self) -> list[Node]:
        """Every node, oldest first."""
        return ancestors(self.loss, *self.outputs)


def difference(recording: Recording, found: Answer) -> str:
    """What is not the same in a program's answer as in the recording's own; empty where all is."""
    if (len(found.grads), len(found.outputs)) != (len(recording.leaves), len(recording.outputs)):
        return "it has other leaves or outputs"
    floats = [node.dtype.itemsize for node in recording.graph if node.dtype.kind == "f"]
    tolerance = _TOLERANCE.get(min(floats, default=8), 1e-10)
    expected, nodes = recording.answer, [recording.loss, *recording.outputs]
    values = zip(nodes, (expected.value, *expected.outputs), (found.value, *found.outputs), strict=True)
    for k, (node, ours, theirs) in enumerate(values):
        size = max(_largest(x) for x in (ours, *node.xs))
        if not _same(ours, theirs, tolerance * size):
            return f"its loss is {theirs}, and {ours} was recorded" if k == 0 else f"output {k} differs"
    rounding: Rounding | None = None
    for leaf, mine, theirs in zip(recording.leaves, expected.grads, found.grads, strict=True):
        ours = np.zeros_like(leaf._data) if mine is None and theirs is not None else mine
        if ours is None or _same(ours, theirs, tolerance * _largest(ours)):
            continue
        rounding = rounding or Rounding(recording.loss, recording.leaves)
        if not _same(ours, theirs, tolerance * _largest(ours) + rounding.of(leaf)):
            return f"the gradient of {leaf._name()} differs"
    return ""


def with_leaves(recording: Recording, twins: Mapping[Node, Node]) -> Recording:
    """The same graph, recorded anew from other leaves in the place of some."""
    made: dict[Node, Node] = dict(twins)
    for node in recording.graph:
        if node.op is not None:
            made[node] = record(node.op, *(made.get(x, x) for x in node.inputs), **node.params)
    nodes = [[made.get(node, node) for node in nodes] for nodes in (recording.outputs, recording.leaves)]
    return Recording(made.get(recording.loss, recording.loss), *nodes)


def moved(leaf: Node, rng: np.random.Generator | None) -> Node:
    """A leaf like it, its floats moved a little, its integers in another order; without ``rng`` of the same numbers."""
    data = np.asarray(leaf._data)
    if rng is None:
        pass
    elif data.dtype.kind == "f":
        data = (data + _MOVED * (_largest(data) or 1.0) * rng.uniform(-1, 1, data.shape)).astype(data.dtype)
    else:
        data = np.roll(data, 1)
    kind = Value if isinstance(leaf, Value) else Tensor
    return kind(data, leaf.label, requires_grad=leaf._requires_grad)


def _same(ours: Any, theirs: Any, allowed: Any) -> bool:
    one, other = np.asarray(ours), np.asarray(theirs)
    if theirs is None or one.shape != other.shape or one.dtype != other.dtype:
        return False
    with np.errstate(all="ignore"):
        near = np.abs(one - other) <= allowed if one.dtype.kind == "f" else one == other
    return bool((near | (one == other) | ((one != one) & (other != other))).all())


def _largest(x: Any) -> float:
    """The largest finite magnitude in it."""
    array: NDArray[Any] = np.abs(np.asarray(x, np.float64))
    return float(np.max(array, initial=0.0, where=np.isfinite(array)))
