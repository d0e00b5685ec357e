"""What a diagnosis can tell of a training: the step that the optimiser is about to make, and the losses so far.

- `updates`: the norm of the next step against that of the weight. `losses_of`: the losses of a history.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from microgradrnn.diagnosis.sources import Grads
from microgradrnn.engine import Node
from microgradrnn.norms import norm
from microgradrnn.optim import Optimizer


def updates(optimizer: Any, grads: Grads) -> dict[str, float]:
    """For each parameter ‖step‖ / ‖weight‖, of the step that the optimiser would make with these gradients.

    Nothing is changed: the step is computed from a copy of the optimiser's memory. A weight of zeros, as biases are at
    the start, has no such ratio and is left out.

    Raises:
        TypeError: it is no optimiser of `microgradrnn.optim`.
    """
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"diagnose: optimizer is one of microgradrnn.optim, not {type(optimizer).__name__}; of another one hand in "
            "the losses as history instead"
        )
    found = {}
    for k, p in enumerate(optimizer.params):
        size = norm(p._data)
        if p in grads and size > 0:
            memory = copy.deepcopy(optimizer.memory.get(p, {}))
            corrections = optimizer.corrections(memory)
            with np.errstate(all="ignore"):
                step = optimizer.lr * optimizer.direction(p._data, grads[p], memory, corrections)
                found[p.label or f"parameter {k}"] = norm(step) / size
    return found


def losses_of(history: Any) -> list[float]:
    """The losses of a history: numbers, or rows with a "loss", as `Trainer.history` has them.

    Raises:
        TypeError: it is neither.

    >>> losses_of([{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.5}]), losses_of([3, 2.5])
    ([2.0, 1.5], [3.0, 2.5])
    """
    try:
        rows: Iterable[Any] = list(history)
        return [float(row["loss"] if isinstance(row, Mapping) else row) for row in rows]
    except (TypeError, ValueError, KeyError) as error:
        raise TypeError(
            "diagnose: history is a list of losses, or of rows with a 'loss' each, as Trainer.history is"
        ) from error


def growth(losses: list[float]) -> float | None:
    """The mean of the last quarter of the losses over the least mean of a quarter before: above 1 it has grown."""
    if len(losses) < 4:
        return None
    if not all(map(math.isfinite, losses)):
        return math.inf
    quarters = [float(np.mean(part)) for part in np.array_split(losses, 4)]
    least = min(quarters[:-1])
    return quarters[-1] / least if least > 0 else None


def where_not_finite(nodes: list[Node], grads: Grads) -> tuple[str, Node] | None:
    """Where NaN or inf first came up: ("forward", node), or ("backward", node that got it); None where nowhere."""
    for node in nodes:
        if node.dtype.kind == "f" and not np.isfinite(node._data).all():
            return "forward", node
    for node, grad in grads.items():
        if not np.isfinite(np.asarray(grad)).all():
            return "backward", node
    return None
