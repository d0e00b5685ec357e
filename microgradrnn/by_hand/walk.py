"""The walk back through time, which all recurrent networks share.

- `StepGradients`: what one step of the walk finds.
- `walk_back`: every step, the last one first. `in_c_order`: gradients as they are handed out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradrnn.by_hand.shapes import Array

Weights = Mapping[str, Array]
Gradients = dict[str, Array]


@dataclass(frozen=True)
class StepGradients:
    """What one step of the walk finds, and whom it is for.

    Attributes:
        shared: of what all steps read, by label: this step's contribution, to be added to the other steps'.
        x: dL/dx_t. No other step reads x_t, so this is all of it.
        before: dL/d(the state before), as far as it runs through this step: for step t - 1, to be added to what comes
            through its own output.
    """

    shared: Gradients
    x: Array
    before: Any


def walk_back(
    backward_step: Callable[[Array, Any, Any], StepGradients],
    upstream: Array,
    cache: Sequence[Any],
    after: Any,
    interval: int | None = None,
) -> tuple[Gradients, Any]:
    """Backpropagation through time (Werbos, 1990): one step after the other, the last one first.

    L reaches the state h_t along two ways, through step t's own output and through step t + 1 (rule 3, copy). So the
    walk hands one thing on, dL/dh_t as it came through step t + 1, and each step adds what came through its output.
    The weights stand in every step, so their gradients are sums over the steps.

    Args:
        backward_step: of (dL/d output_t, ``after``, step t of the cache).
        upstream: dL/d output_t for every t, time first.
        cache: what `forward` kept of every step.
        after: what reaches the last state from beyond the sequence: zeros where there is nothing.
        interval: truncation: what is handed on is forgotten at the end of every ``interval`` steps, counted from the
            first.

    Returns:
        The gradients: ``shared`` summed over the steps, and "x" of every step, time first; and what the first step
        hands on, which is dL/dh_0 alone: no output belongs to h_0.

    h_t = h_(t-1) w, y_t = h_t, h_0 = 1 and w = 2: for L = y_1 + y_2 = w + w^2, dL/dw = 1 + 2 w = 5 and dL/dh_0 = 6:

    >>> h, w = [1.0, 2.0, 4.0], 2.0
    >>> def step(dy, dh_next, h_before):
    ...     dh = dy + dh_next
    ...     return StepGradients({"w": dh * h_before}, x=np.zeros(1), before=dh * w)
    >>> gradients, dh_0 = walk_back(step, np.ones(2), h[:2], after=0.0)
    >>> float(gradients["w"]), float(dh_0)
    (5.0, 6.0)
    """
    nothing = after
    total: Gradients = {}
    dx = []
    for t in range(len(cache), 0, -1):
        if interval and t % interval == 0:
            after = nothing
        found = backward_step(upstream[t - 1], after, cache[t - 1])
        for label, contribution in found.shared.items():
            total[label] = total[label] + contribution if label in total else contribution
        dx.append(found.x)
        after = found.before
    return in_c_order(total) | {"x": np.stack(dx[::-1])}, after


def in_c_order(gradients: Mapping[str, Array]) -> Gradients:
    """Copies in C order, which can be written to a file as they lie in memory.

    >>> in_c_order({"W": np.zeros((2, 3)).T})["W"].flags.c_contiguous
    True
    """
    return {label: np.array(gradient, order="C") for label, gradient in gradients.items()}
