"""The factor that all gradients of a loss have in common, such as the 1 / count of a mean over the targets that count.

- `common_factor`: the node that a loss is a multiple of, and what it is multiplied with.

Gradients are linear in upstream, so the factor may wait until they are complete. On several devices that is what lets
sums travel: were it applied first, the count would have to be known on all devices before the backward pass begins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from microgradrnn import ops
from microgradrnn.engine import Node
from microgradrnn.program.expressions import Expression


@dataclass(frozen=True)
class Factor:
    """Where a backward pass begins, and what its gradients are then multiplied with or divided by.

    Attributes:
        start: the node that gets upstream 1.
        params: the params of its op in that pass.
        steps: "multiply" or "divide", and by what, in order.
    """

    start: Node
    params: Mapping[str, Any]
    steps: Sequence[tuple[str, Any]] = ()

    def applied(self, grad: Any) -> Any:
        """A gradient of the loss, from that of the start; in its own type."""
        found = grad
        for fn, x in self.steps:
            found = found * x if fn == "multiply" else found / x
        return found.astype(grad.dtype)


def common_factor(root: Node, graph: Sequence[Node], value: Callable[[Node], Any]) -> Factor:
    """The factor of a loss; none where it is no multiple of anything, or of plain numbers only.

    Args:
        root: the loss.
        graph: all nodes behind it.
        value: the expression of a node outside all loops.
    """
    readers = Counter(x for node in graph for x in node.inputs) if root.op in _PRODUCTS else Counter[Node]()
    node, steps = root, list[tuple[str, Any]]()
    while node.op in _PRODUCTS:
        one, other = node.inputs
        if node.op is ops.MUL and one.size == 1 and not one.requires_grad:
            one, other = other, one
        if other.requires_grad or other.size != 1 or one.size != 1 or readers[one] > 1:
            break
        steps.insert(0, ("multiply" if node.op is ops.MUL else "divide", value(other)))
        node = one
    params = node.params
    if node.op is ops.CROSS_ENTROPY and params["reduction"] == "mean":
        mean = value(node)
        if isinstance(mean, Expression) and mean.fn == "divide":
            steps.insert(0, ("divide", mean.args[1]))
            params = {**params, "reduction": "sum"}
    if not any(isinstance(x, Expression) and x.fn not in ("filled", "constant") for _, x in steps):
        return Factor(root, root.params)
    return Factor(node, params, steps)


_PRODUCTS = (ops.MUL, ops.DIV)
