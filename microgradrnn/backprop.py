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
from numpy.typing import NDArray

from microgradrnn.context import here
from microgradrnn.convert import as_array, as_float
from microgradrnn.engine import Node, Value, serial
from microgradrnn.errors import edge_name
from microgradrnn.ops import Scattered, downstream_of

Array = NDArray[Any]
Watch = Callable[[Node, int, Any, Any, Any], None]
"""Is told of every edge: node, slot, downstream, and the sum of its input's contributions before and after it."""


def order(root: Node) -> list[Node]:
    """The nodes that a backward pass from ``root`` visits: those that need a gradient, newest first."""
    found, todo = {root}, [root]
    while todo:
        for node in todo.pop().inputs:
            if node._requires_grad and node not in found:
                found.add(node)
                todo.append(node)
    return sorted(found, key=serial, reverse=True)


def visit(nodes: Iterable[Node], grads: dict[Node, Any], watch: Watch | None = None) -> None:
    """Give each node its turn: send its upstream, ``grads[node]``, down its edges, and add up what arrives.

    With ``watch`` each edge is reported, and its sums before and after stay as they were; unwatched, sums grow in
    place, since nobody else holds them before the pass ends. The numbers are the same, bit for bit.
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
                downstream = _fit(downstream, x)
            before = grads.get(x)
            if before is None:
                after = downstream if op.local is not None else _own(downstream, x, node, upstream)
            elif watch is None and type(downstream) is not Scattered:
                before += downstream
                after = before
            else:
                after = _add(before, downstream, in_place=watch is None)
            grads[x] = after
            if watch is not None:
                watch(node, slot, downstream, before, after)


def local_gradient(node: Node, slot: int) -> Any:
    """d(node)/d(its input at ``slot``), entry by entry, of a node whose op is elementwise."""
    assert node.op is not None
    assert node.op.local is not None
    local, xs = node.op.local[slot], (node.xs,) if node.op.any_number else node.xs
    return local(node.xp, node._data, *xs) if callable(local) else local


def _fit(downstream: Any, x: Node) -> Any:
    """Undo broadcasting and casting: the contribution in its input's shape and dtype."""
    if type(x) is Value:
        return float(np.sum(downstream))
    if type(downstream) is Scattered:
        return downstream
    data = x._data
    if type(downstream) is not np.ndarray:
        downstream = np.asarray(downstream)
    if downstream.shape != data.shape:
        downstream = unbroadcast(downstream, data.shape)
    if downstream.dtype is not data.dtype:
        downstream = downstream.astype(data.dtype)
    return downstream


def _own(downstream: Any, x: Node, node: Node, upstream: Any) -> Any:
    """What a pull returned, as an array that nobody else holds: it may be upstream, a view of it, or the graph's."""
    if type(downstream) is float:
        return downstream
    if type(downstream) is Scattered:
        return downstream.dense(x._data.shape, x._data.dtype)
    held = downstream.base is not None or downstream is upstream or downstream is node._data
    return downstream.copy() if held or id(downstream) in map(id, node.xs) else downstream


def unbroadcast(array: Array, shape: tuple[int, ...]) -> Array:
    """Sum ``array`` over every axis along which broadcasting had repeated an array of ``shape``.

    >>> unbroadcast(np.ones((4, 2, 3)), (2, 1))
    array([[12.],
           [12.]])
    """
    extra = array.ndim - len(shape)
    if extra > 0:
        array = np.asarray(np.add.reduce(array, axis=tuple(range(extra))))
    if array.shape == shape:
        return array
    stretched = tuple(i for i, size in enumerate(shape) if size == 1 and array.shape[i] != 1)
    array = array.sum(axis=stretched, keepdims=True)
    return array if array.shape == shape else np.broadcast_to(array, shape)


def _add(before: Any, downstream: Any, in_place: bool) -> Any:
    """The contributions so far and one more."""
    if type(downstream) is Scattered:
        after = before if in_place else before.copy()
        downstream.add_into(after)
        return after
    return np.asarray(before + downstream) if isinstance(before, np.ndarray) else before + downstream


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
        raise TypeError(f"{root!r} needs no gradient: no leaf of floats with requires_grad lies behind it")
    if upstream is None:
        if root.size != 1:
            raise ValueError(f"a root of shape {root.shape} needs an upstream of that shape; or sum it to a scalar")
        upstream = np.ones(root.shape)
    if np.shape(upstream) != root.shape:
        raise ValueError(f"upstream has shape {np.shape(upstream)}, root has {root.shape}: they must be equal")
    return as_float(upstream) if type(root) is Value else as_array(upstream, root.dtype)


def store(grads: Mapping[Node, Any], earlier: Mapping[Node, Any] | None = None) -> None:
    """Put gradients on their nodes; a leaf's goes on from its ``earlier`` one, which is the one it has unless told."""
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
