"""Reverse accumulation: the chain rule at one node, and the order in which nodes have their turn.

- `order`: each node once, after all its consumers: newest first, so the last time step comes first.
- `visit`: one node's turn. On every edge downstream = local x upstream, and a node's grad is the sum of what its
  consumers send down.
- `gradients`: every visit. `backward`: the same, and stored in ``grad``.

`microgradrnn.stepping` makes the same visits one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from microgradrnn.accumulation import add, fit, own
from microgradrnn.context import here
from microgradrnn.convert import as_array
from microgradrnn.engine import Node, Value
from microgradrnn.errors import edge_name
from microgradrnn.graph import ancestors
from microgradrnn.ops import Scattered, downstream_of

Watch = Callable[[Node, int, Any, Any, Any], None]
"""Is told of every edge: node, slot, downstream, and the sum of its input's contributions before and after it."""


def order(root: Node) -> list[Node]:
    """The nodes that a backward pass from ``root`` visits: those that need a gradient, newest first."""
    return ancestors(root, needing_grad=True)[::-1]


def visit(nodes: Iterable[Node], grads: dict[Node, Any], watch: Watch | None = None) -> None:
    """Give each node its turn: send its upstream, ``grads[node]``, down its edges, and add up what arrives.

    With ``watch`` each edge is reported, and its sums before and after stay as they were; unwatched, sums grow in
    place, since nobody else holds them before the pass ends. The numbers are the same, bit for bit.

    An op's record says how: ``local`` are its partial derivatives, which upstream is multiplied by; of an op that
    ``routes``, nothing arrives where local is 0, even if upstream is infinite. Other ops have a ``pull`` instead. It
    may give a `Scattered`: a few entries, and zeros elsewhere. `fit` sums over the axes that were broadcast; `own`
    makes sure that nobody else holds the first array of a sum.
    """
    for node in nodes:
        op = node.op
        if op is None:
            continue
        upstream, xp, z, xs = grads[node], node.xp, node._data, (node.xs,) if op.any_number else node.xs
        for slot, x in enumerate(node.inputs):
            if not x._requires_grad:
                continue
            if op.local is None:  # then the record has a pull
                downstream = op.pull[slot](xp, upstream, z, *xs, **node.params)  # type: ignore[index]
            else:
                local = op.local[slot]
                local = local(xp, z, *xs) if callable(local) else local
                downstream = downstream_of(op, xp, upstream, local) if op.routes else upstream * local
            if type(downstream) is not float:
                downstream = fit(downstream, x)
            before = grads.get(x)
            if before is None:
                after = downstream if op.local is not None else own(downstream, x, node, upstream)
            elif watch is None and type(downstream) is not Scattered:
                before += downstream
                after = before
            else:
                after = add(before, downstream, in_place=watch is None)
            grads[x] = after
            if watch is not None:
                watch(node, slot, downstream, before, after)


def local_gradient(node: Node, slot: int) -> Any:
    """d(node)/d(its input at ``slot``), entry by entry, of a node whose op is elementwise."""
    assert node.op is not None
    assert node.op.local is not None
    local, xs = node.op.local[slot], (node.xs,) if node.op.any_number else node.xs
    return local(node.xp, node._data, *xs) if callable(local) else local


def backward(root: Node, upstream: Any = None) -> None:
    """Reverse accumulation: fill ``grad`` of ``root`` and of every node that it depends on and that needs one.

    Leaves add up over passes, as weights shared by several losses must; inner nodes start each pass afresh. If the
    pass fails on the way, no gradient has changed. Gradients are plain data, so there are no second derivatives.

    Args:
        root: where to start, such as a loss.
        upstream: dL/d(root), of root's shape; 1 if root has one entry, else it must be given.

    Raises:
        ValueError: root has several entries and no upstream, or upstream has another shape.
        TypeError: nothing that root was computed from needs a gradient.

    >>> from microgradrnn import Tensor
    >>> x = Tensor([1.0, 2.0])
    >>> backward(x * x, upstream=[1.0, 10.0])
    >>> x.grad
    array([ 2., 40.])
    """
    store(gradients(root, upstream))


def gradients(root: Node, upstream: Any = None) -> dict[Node, Any]:
    """What a backward pass from ``root`` gives every node that it visits, in order; no ``grad`` is touched."""
    grads = {root: seed(root, upstream)}
    watch = _refuse_nan if here().nan_is_error else None
    visit(order(root), grads, watch)
    return grads


def seed(root: Node, upstream: Any) -> Any:
    """The upstream that a pass from ``root`` starts with, checked; see `backward`."""
    if not root._requires_grad:
        raise TypeError(f"backward: {root!r} needs no gradient: no leaf of floats with requires_grad lies behind it")
    if upstream is None:
        if root.size != 1:
            raise ValueError(
                f"backward: the root has shape {root.shape}; give an upstream of that shape, or sum it to a scalar"
            )
        upstream = np.ones(root.shape)
    found = as_array(upstream, root.dtype)
    if found.shape != root.shape:
        raise ValueError(f"backward: upstream has shape {found.shape}; it needs the root's, {root.shape}")
    return float(found) if type(root) is Value else found


def store(grads: Mapping[Node, Any], earlier: Mapping[Node, Any] | None = None) -> None:
    """Put gradients on their nodes; a leaf's is added to its ``earlier`` one, or else to the one that it has."""
    for node, grad in grads.items():
        if node.op is None:
            before = node._grad if earlier is None else earlier[node]
            if before is not None:
                grad = before + grad if type(node) is Value else np.asarray(before + grad)
        node._grad = grad


def _refuse_nan(node: Node, slot: int, downstream: Any, before: Any, after: Any) -> None:
    entries = downstream.values if type(downstream) is Scattered else downstream
    if np.isnan(entries).any():
        raise FloatingPointError(f"NaN came up backward: {edge_name(node, slot)}")
