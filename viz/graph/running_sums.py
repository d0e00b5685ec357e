"""Sums of losses that a loop carries along.

- `running_sums`: those of a pass.
"""

from __future__ import annotations

from collections.abc import Collection

from microgradrnn import ops
from microgradrnn.engine import Node
from microgradrnn.loops.whole_steps import is_sum

from ..passes import Pass


def running_sums(run: Pass) -> Collection[Node]:
    """The sums of the losses so far, as a loop makes them: scalars that the root is the sum of, or a multiple."""
    adds_up, found = {run.root}, set()
    for node in reversed(run.nodes):
        if node is run.root or all(c in adds_up and _is_linear(c) for c, _ in run.consumers[node]):
            adds_up.add(node)
            if node.ndim == 0 and is_sum(node):
                found.add(node)
    return found


def _is_linear(node: Node) -> bool:
    """Whether a node is a sum, or a multiple by a constant."""
    if node.op in (ops.MUL, ops.DIV):
        wanted = [x.requires_grad for x in node.inputs]
        return sum(wanted) == 1 and (node.op is ops.MUL or wanted[0])
    return is_sum(node) or node.op is ops.NEG
