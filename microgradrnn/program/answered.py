"""A loss that comes with its gradients: a node whose inputs are the leaves that those belong to.

- `answered`: the node; `Computed`: what it is, if it is a Tensor. A pass takes each gradient times upstream.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradrnn.backprop import store
from microgradrnn.context import here
from microgradrnn.engine import Node, Tensor, Value
from microgradrnn.graph import next_serial
from microgradrnn.ops import EachInput, Op


def _forward(xp: Any, *xs: Any, grads: Any) -> Any:
    raise TypeError("a program's answer is no graph: call the function itself, uncompiled, for one that can be read")


def _pull(slot: int) -> Any:
    """Each array is a new one: backward may run again, and what was handed out may have been changed."""
    return lambda xp, u, z, xs, grads: (u if type(u) is float else u.item()) * grads[slot]


def _push(slot: int) -> Any:
    return lambda xp, v, z, xs, grads: np.reshape((v * grads[slot]).sum(), np.shape(z))


_PROGRAM = Op(
    name="program",
    symbol="program",
    latex=r"\mathrm{program}(x, y)",
    rule="scales: each input gets upstream times the gradient that the program computed",
    forward=_forward,
    pull=EachInput(_pull),
    push=EachInput(_push),
    formula=("upstream * the gradient that the program computed",),
)


class Computed(Tensor):
    """A loss whose gradients are known: `backward` from it stores them, as a pass through its node would."""

    __slots__ = ()

    def _backward(self, upstream: Any) -> None:
        if upstream is not None or here().nan_is_error or any(x.op is not None for x in self.inputs):
            super()._backward(upstream)
            return
        for leaf, grad in zip(self.inputs, self.params["grads"], strict=True):
            if leaf._requires_grad:
                store({leaf: float(grad) if isinstance(leaf, Value) else np.array(grad)})
        store({self: np.ones(self.shape, self.dtype)})


def answered(kind: type[Node], value: Any, leaves: Sequence[Node], grads: Sequence[Any]) -> Any:
    """A loss of this value, whose gradients toward the leaves are known; None where no gradient reaches a leaf.

    >>> w = Tensor([1.0, 2.0])
    >>> loss = answered(Tensor, np.array(5.0), [w], [np.array([2.0, 4.0])])
    >>> loss.backward()
    >>> loss.item(), w.grad
    (5.0, array([2., 4.]))
    """
    if any(grad is None for grad in grads):
        reached = [k for k, grad in enumerate(grads) if grad is not None]
        leaves, grads = [leaves[k] for k in reached], [grads[k] for k in reached]
    node: Any = object.__new__(Value if kind is Value else Computed)
    if kind is Value:
        node._data = float(value)
    else:
        node._data, node._lent = np.asarray(value), False
    node._grad, node._requires_grad, node._serial = None, True, next_serial()
    node.inputs, node.op, node.params, node.label = tuple(leaves), _PROGRAM, {"grads": grads}, ""
    node.xs, node.place = tuple([leaf._data for leaf in leaves]), here()
    return node
