"""Are the targets those that the network is just reading? Then it learns to copy, and needs no memory at all."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.diagnosis.layers import Layer
from microgradrnn.engine import Node

Array = NDArray[Any]


def copied_share(nodes: list[Node], layers: list[Layer], lag: int = 0) -> float | None:
    """The share of targets that equal the input so many steps before; with a lag of 0, that of the same step.

    Inputs are the constants that states are computed from, targets the constants that only the loss reads. One-hot rows
    count as the number of their class. Of targets for fewer steps than there are, only as many steps at the end count.

    Returns:
        None where no targets of the inputs' form were found, or where all are alike.
    """
    ends = [s for layer in layers for s in layer.states if s is not None]
    inside = _behind(ends)
    data = [n for n in nodes if n.op is None and not n.requires_grad]
    steps = len(layers[0].times) if layers else 0
    state = ends[0].shape if ends else ()
    batch = state[0] if len(state) == 2 else 1
    inputs = _in_time([n for n in data if n in inside], steps, batch)
    targets = _in_time([n for n in data if n not in inside], steps, batch)
    for target in targets:
        for read in inputs:
            if read.shape == target.shape and np.unique(target).size > 1 and len(target) > lag:
                return float(np.mean(read[: len(read) - lag] == target[lag:]))
    return None


def _behind(nodes: list[Node]) -> set[Node]:
    found, todo = set(nodes), list(nodes)
    while todo:
        for x in todo.pop().inputs:
            if x not in found:
                found.add(x)
                todo.append(x)
    return found


def _in_time(nodes: list[Node], steps: int, batch: int) -> list[Array]:
    """Arrays of shape (steps, batch, ...): of one node that holds all steps, or of one node a step, alike in shape."""
    found = [_classes(n._data) for n in nodes if n.shape[:2] == (steps, batch) or n.shape == (steps * batch,)]
    alike: dict[tuple[Any, ...], list[Any]] = {}
    for n in nodes:
        if n.shape[:1] == (batch,) or batch == 1:
            alike.setdefault((n.shape, n.dtype.kind), []).append(n._data)
    for parts in alike.values():
        extra = len(parts) - steps
        if extra >= 0 and steps > 1:
            found += [_classes(np.stack(parts[k : k + steps])) for k in {0, extra}]
    return [array.reshape(steps, batch, -1) for array in found if array.size % (steps * batch) == 0]


def _classes(data: Any) -> Array:
    array = np.asarray(data)
    if array.dtype.kind == "f" and array.ndim > 1 and array.shape[-1] > 1:
        ones = (array == 1).sum(axis=-1)
        if (ones == 1).all() and ((array == 0) | (array == 1)).all():
            return np.asarray(array.argmax(axis=-1))
    return array
