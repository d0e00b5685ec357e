"""Joining and choosing: several nodes as one, or one of two at each place."""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from microgradrnn import ops
from microgradrnn.checks import check_choice
from microgradrnn.engine import Node, constant, record
from microgradrnn.wording import UNSET, one_axis


def add_n(nodes: Sequence[Any]) -> Any:
    """The sum of several nodes as one node, drawn as one Σ.

    >>> from microgradrnn import Value
    >>> add_n([Value(1.0), Value(2.0), Value(3.0)]).data
    6.0
    """
    return record(ops.ADD_N, *_some(nodes, "add_n"))


def maximum(x: Any, y: Any, *more: Any) -> Any:
    """The largest of the inputs, entry by entry; ties share the gradient evenly.

    >>> maximum([1.0, 5.0], [3.0, 2.0]).data
    array([3., 5.])
    """
    return record(ops.MAXIMUM, x, y, *more)


def minimum(x: Any, y: Any, *more: Any) -> Any:
    """The smallest of the inputs, entry by entry; ties share the gradient evenly.

    >>> minimum([1.0, 5.0], [3.0, 2.0]).data
    array([1., 2.])
    """
    return record(ops.MINIMUM, x, y, *more)


def where(condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds, else y, entry by entry.

    >>> from microgradrnn import Tensor
    >>> where(np.array([True, False]), Tensor([1.0, 2.0]), 0.0).data
    array([1., 0.])
    """
    return record(ops.WHERE, condition, x, y)


def concat(nodes: Sequence[Any], axis: Any = UNSET, *, dim: Any = UNSET) -> Any:
    """Tensors joined along an axis that they have, the first one unless told; also called cat and concatenate.

    >>> from microgradrnn import Tensor
    >>> concat([Tensor([1.0]), Tensor([2.0, 3.0])]).data, cat([Tensor([[1.0]]), Tensor([[2.0]])], dim=1).shape
    (array([1., 2., 3.]), (1, 2))
    """
    axis = _axis("concat", axis, dim)
    nodes = _some(nodes, "concat")
    sizes = [np.shape(node._data if isinstance(node, Node) else node) for node in nodes]
    lengths = [size[axis] if -len(size) <= axis < len(size) else 0 for size in sizes]  # NumPy refuses what is amiss
    return record(ops.CONCAT, *nodes, axis=axis, starts=(0, *accumulate(lengths)))


cat = concatenate = concat


def stack(nodes: Sequence[Any], axis: Any = UNSET, *, dim: Any = UNSET) -> Any:
    """Nodes of one shape joined along a new axis; Values make a vector.

    >>> from microgradrnn import Value
    >>> stack([Value(1.0), Value(2.0)]).data
    array([1., 2.])
    """
    return record(ops.STACK, *_some(nodes, "stack"), axis=_axis("stack", axis, dim))


def pad(x: Any, pad: Sequence[int], mode: str = "constant", value: float = 0.0) -> Any:
    """Entries added at the ends of axes, as in PyTorch: of the last axis first, (left, right, top, bottom ...).

    Args:
        x: any shape.
        pad: how many before and after, a pair an axis, starting from the last axis; a negative one takes away.
        mode: "constant", "reflect", "replicate" or "circular".
        value: what is added, where the mode is constant.

    Raises:
        ValueError: the pad is no list of pairs for axes that x has, or the mode is unknown.

    >>> from microgradrnn import Tensor
    >>> pad(Tensor([[1.0, 2.0]]), (1, 2)).data
    array([[0., 1., 2., 0., 0.]])
    """
    x = x if isinstance(x, Node) else constant(x)
    check_choice("pad", "mode", mode, ("constant", *_PAD_MODES))
    if len(pad) % 2 or len(pad) > 2 * x.ndim:
        raise ValueError(f"pad: takes (before, after) for each axis from the last one, got {tuple(pad)} for {x.shape}")
    for k, (before, after) in enumerate(zip(pad[::2], pad[1::2], strict=True)):
        x = _padded(x, x.ndim - 1 - k, int(before), int(after), mode, value)
    return x


_PAD_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""PyTorch's words, and NumPy's."""


def _padded(x: Any, axis: int, before: int, after: int, mode: str, value: float) -> Any:
    front, length = (slice(None),) * axis, x.shape[axis]
    if mode != "constant":
        return x[(*front, np.pad(np.arange(length), (before, after), mode=_PAD_MODES[mode]))]  # type: ignore[call-overload]
    if min(before, after) < 0:
        x = x[(*front, slice(max(0, -before), length - max(0, -after)))]
    ends = [np.full((*x.shape[:axis], max(0, n), *x.shape[axis + 1 :]), value, x.dtype) for n in (before, after)]
    parts = [part for part in (ends[0], x, ends[1]) if part is x or part.size]
    return concat(parts, axis=axis) if len(parts) > 1 else x


def _axis(name: str, axis: Any, dim: Any) -> Any:
    """NumPy's word or PyTorch's for an axis, the first one unless told."""
    found = one_axis(name, (), axis, dim)
    return 0 if found is UNSET else found


def _some(nodes: Iterable[Any], name: str) -> Sequence[Any]:
    found = list(nodes)
    if not found:
        raise ValueError(f"{name} takes at least one node")
    return found
