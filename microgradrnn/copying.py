"""Pickling leaves, and copying graphs: what `pickle` and `copy` ask of a node."""

from __future__ import annotations

import copy
import functools
import weakref
from typing import TYPE_CHECKING, Any

from microgradrnn.context import tell
from microgradrnn.graph import ancestors, detached_from, next_serial

if TYPE_CHECKING:
    from microgradrnn.engine import Node


def reduce(node: Node) -> tuple[Any, ...]:
    """What `pickle` saves: a leaf, as modules consist of them. Its place in the order of creation is made anew."""
    if node.op is not None:
        raise TypeError(f"{node._name()} is the output of {node.op.name}, and graphs are not pickled: detach() it")
    tell(node)
    return _leaf, (type(node), node._data, node._grad, node.label, node._requires_grad)


def _leaf(kind: Any, data: Any, grad: Any, label: str, requires_grad: bool) -> Any:
    leaf = kind(data, label=label, requires_grad=requires_grad)
    leaf.grad = grad
    return leaf


def deepcopy(root: Node, memo: dict[int, Any]) -> Any:
    """Copy the graph behind a node, one node at a time: a long chain needs no deep stack."""
    for node in ancestors(root):
        if id(node) in memo:
            continue
        kind: Any = type(node)
        twin = memo[id(node)] = object.__new__(kind)
        for name in _slots(kind):
            if hasattr(node, name):
                setattr(twin, name, getattr(node, name))
        twin._data, twin._grad, twin._serial = copy.copy(node._data), copy.copy(node._grad), next_serial()
        twin.inputs = tuple(memo[id(x)] for x in node.inputs)
        if (source := detached_from(node)) is not None and id(source) in memo:
            twin._source = weakref.ref(memo[id(source)])
    return memo[id(root)]


@functools.cache
def _slots(kind: type) -> tuple[str, ...]:
    """The attributes of a class of nodes."""
    names = (name for base in kind.__mro__ for name in getattr(base, "__slots__", ()))
    return tuple(name for name in names if name != "__weakref__")
