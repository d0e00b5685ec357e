"""What a history of a training tells: whether the loss has grown, and how large gradients usually are.

- `losses_of`, `norms_of`: read a history. `growth`, `clip_at`: what follows. `where_not_finite`: in a single pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from microgradrnn.diagnosis.sources import Grads
from microgradrnn.engine import Node


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


def norms_of(history: Any) -> list[float]:
    """The norms of the gradient in a history: of rows that have a "grad_norm", as those of `Watch.history`.

    >>> norms_of([{"loss": 2.0, "grad_norm": 0.5}, {"loss": 1.0}, 3.0])
    [0.5]
    """
    rows = [row["grad_norm"] for row in history if isinstance(row, Mapping) and "grad_norm" in row]
    return [float(norm) for norm in rows]


def clip_at(norms: list[float]) -> float | None:
    """A threshold to clip at: the median of the norms that were measured over updates, in two digits.

    Pascanu, Mikolov and Bengio (2013, section 3.2) take the average over many updates, and saw that half of it to ten
    times as much do. The median is not moved by the few exploded gradients that clipping is for.

    Returns:
        None where fewer than ten finite norms were measured.

    >>> clip_at([1.0, 1.2, 900.0] * 4), clip_at([1.0])
    (1.2, None)
    """
    finite = [norm for norm in norms if math.isfinite(norm) and norm > 0]
    return float(f"{np.median(finite):.2g}") if len(finite) >= 10 else None


def growth(losses: list[float]) -> float | None:
    """The mean of the last quarter of the losses over the least mean of a quarter before: above 1 it has grown.

    That least mean counts as no less than a tenth of the first quarter's: a loss that has come near 0 only flickers.

    >>> growth([4.0, 1.0, 2.0, 3.0]), growth([4.0, 1.0, 0.001, 0.004])
    (3.0, 0.01)
    """
    if len(losses) < 4:
        return None
    if not all(map(math.isfinite, losses)):
        return math.inf
    quarters = [float(np.mean(part)) for part in np.array_split(losses, 4)]
    least = max(min(quarters[:-1]), quarters[0] / 10)
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
