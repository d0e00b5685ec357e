"""The gradient of a weight that all steps share.

- `grad_by_time`: what each step contributes to it.
"""

from typing import Any

from microgradrnn.engine import Node
from microgradrnn.loops import time_steps
from microgradrnn.stepping import walk


def grad_by_time(loss: Node, weight: Node) -> dict[int | None, Any]:
    """What each time step contributes to dL/d(weight); the contributions sum to what ``backward`` gives it.

    Args:
        loss: a node with one entry, recorded over steps: written ones (`microgradrnn.scope`), or those that are found
            (`microgradrnn.loops.time_steps`).
        weight: any node that steps read, such as W_hh.

    Returns:
        For each step t, last one first, an array of the weight's shape (a float for a `Value`): the sum over the uses
        in that step. What is used outside any step stands under None. No ``grad`` is touched.

    Raises:
        ValueError: the loss does not depend on the weight, or has several entries.

    >>> from microgradrnn import Tensor
    >>> w, h = Tensor([2.0]), Tensor([1.0])
    >>> for _ in range(3):
    ...     h = h * w
    >>> grad_by_time(h.sum(), w)
    {3: array([4.]), 2: array([4.]), 1: array([4.])}
    """
    times = time_steps(loss)
    found: dict[int | None, Any] = {}
    for visit in walk(loss):
        for edge in visit.edges:
            if edge.input is weight:
                t = times.of(edge.node)
                found[t] = found[t] + edge.downstream if t in found else edge.downstream
    if not found:
        raise ValueError(f"grad_by_time: the loss does not depend on {weight!r}, or that needs no gradient")
    return found
