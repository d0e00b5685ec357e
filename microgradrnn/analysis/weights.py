"""The gradient of a weight that all steps share.

- `grad_by_time`: what each step contributes to it.
"""

from typing import Any

from microgradrnn.engine import Node
from microgradrnn.stepping import walk


def grad_by_time(loss: Node, weight: Node) -> dict[int | None, Any]:
    """What each time step contributes to dL/d(weight); the contributions sum to what ``backward`` gives it.

    Args:
        loss: a node with one entry, recorded over steps (`microgradrnn.scope`).
        weight: any node that steps read, such as W_hh.

    Returns:
        For each step t, last one first, an array of the weight's shape (a float for a `Value`): the sum over the uses
        in that step. What is used outside any step stands under None. No ``grad`` is touched.

    Raises:
        ValueError: the loss does not depend on the weight, or has several entries.

    >>> from microgradrnn import Tensor, scope
    >>> w, h = Tensor([2.0]), Tensor([1.0])
    >>> for t in (1, 2):
    ...     with scope("cell", t=t):
    ...         h = h * w
    >>> grad_by_time(h.sum(), w)
    {2: array([2.]), 1: array([2.])}
    """
    found: dict[int | None, Any] = {}
    for visit in walk(loss):
        for edge in visit.edges:
            if edge.input is weight:
                t = edge.node.t
                found[t] = found[t] + edge.downstream if t in found else edge.downstream
    if not found:
        raise ValueError(f"grad_by_time: the loss does not depend on {weight!r}, or that needs no gradient")
    return found
