"""The gradient of a weight that all steps share.

- `grad_by_time`: what each step contributes to it. `by_time`: the same of several nodes, from the edges of a pass.
"""

from collections.abc import Collection, Iterable
from typing import Any

from microgradrnn.engine import Node
from microgradrnn.loops import Times, time_steps
from microgradrnn.stepping import Edge, walk


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
    edges = (edge for visit in walk(loss) for edge in visit.edges)
    found = by_time(edges, [weight], time_steps(loss))[weight]
    if not found:
        raise ValueError(f"grad_by_time: the loss does not depend on {weight!r}, or that needs no gradient")
    return found


def by_time(edges: Iterable[Edge], nodes: Collection[Node], times: Times) -> dict[Node, dict[int | None, Any]]:
    """For each of some nodes, what each time step contributes to it along the edges of one backward pass."""
    found: dict[Node, dict[int | None, Any]] = {node: {} for node in nodes}
    for edge in edges:
        parts = found.get(edge.input)
        if parts is not None:
            t = times.of(edge.node)
            parts[t] = parts[t] + edge.downstream if t in parts else edge.downstream
    return found
