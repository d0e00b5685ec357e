"""The lowering: a Tensor graph as the scalar graph that it stands for, with equal values and gradients.

An elementwise op becomes a node of its own kind for every entry. A structural op runs its own ``forward`` with
`ScalarNodes` in NumPy's place, so that a matmul becomes products and sums, and a max one n-ary `maximum`.
"""

from __future__ import annotations

import functools
import math
import operator
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn import arrays, ops
from microgradrnn.context import at
from microgradrnn.convert import handed_out
from microgradrnn.engine import Node, Value, ancestors, constant, record
from microgradrnn.errors import describe, reading
from microgradrnn.graph import detached_from, next_serial, serial
from microgradrnn.ops import Op

Nodes = NDArray[np.object_]


def lower(root: Node) -> Any:
    """The scalar graph behind ``root``: a `Value` for a scalar root, an object array of them otherwise.

    Entries of a labelled Tensor are labelled ``W[0,1]``; scopes and time steps stay.

    >>> from microgradrnn import Tensor
    >>> x, W = Tensor([1.0, 2.0]), Tensor([[3.0], [4.0]], label="W")
    >>> y = lower((x @ W).sum())
    >>> y.data, y.op, [node.op for node in y.inputs[0].inputs]
    (11.0, <op add_n>, [<op mul>, <op mul>])
    """
    entries = lowering(root)[root]
    return entries[()] if entries.ndim == 0 else handed_out(entries)


def lowering(root: Node, live: bool = False) -> dict[Node, Nodes]:
    """For ``root`` and every node behind it, the object array of Values that stands for it.

    Args:
        root: any node.
        live: whether the graph is for numbers that change. Then every entry of every node has a Value of its own: what
            an op only moves becomes a ``copy``, so that the gradient of each entry is known apart. And what depends on
            the numbers is a node, not a choice that was made when they were recorded.

    Raises:
        CannotFollow: an op uses more than the namespace has, or, with ``live``, is known as a choice only.
    """
    lowered: dict[Node, Nodes] = {}
    nodes = ancestors(root)
    # A leaf may have moved on; what its consumers read is what the graph was computed with.
    recorded: dict[Node, Any] = {root: root._data}
    for node in nodes:
        for x, data in zip(node.inputs, node.xs, strict=True):
            if not np.array_equal(recorded.setdefault(x, data), data, equal_nan=x.dtype.kind == "f"):
                raise ValueError(f"lower: {describe(x)} was changed between two nodes that read it")
    for node in nodes:
        with at(node.place):
            if node.op is None:
                lowered[node] = _leaf(node, recorded[node])
                _note_cut(node, lowered)
            else:
                lowered[node] = _apply(node, node.op, lowered, live)
        if node.label:
            for index, value in np.ndenumerate(lowered[node]):
                value.label = value.label or _entry_label(node.label, index)
    return lowered


def _entry_label(label: str, index: tuple[int, ...]) -> str:
    return f"{label}[{','.join(map(str, index))}]" if index else label


def _leaf(node: Node, data: Any) -> Nodes:
    return _each(lambda number: Value(number, requires_grad=node.requires_grad), _array(data))


def _note_cut(leaf: Node, lowered: dict[Node, Nodes]) -> None:
    """The entries of a detached leaf are detached from those of what it was detached from."""
    source = detached_from(leaf)
    for index, entry in np.ndenumerate(lowered[leaf]):
        entry._source = weakref.ref(lowered[source][index]) if source in lowered else leaf._source


def _apply(node: Node, op: Op, lowered: dict[Node, Nodes], live: bool) -> Nodes:
    if op.local is not None:
        return _each(lambda *xs: record(op, *xs), *(lowered[x] for x in node.inputs))
    # Integers choose (indices, classes) rather than flow, so a structural op gets them as they are.
    xs = [lowered[x] if x.dtype.kind == "f" else data for x, data in zip(node.inputs, node.xs, strict=True)]
    if live and len(set(node.inputs)) < len(node.inputs):  # x @ x: what each slot carries is known apart
        xs = [_copied(x) if x.dtype == object else x for x in xs]
    newest = next_serial()
    choices = [(data, lowered[x]) for x, data in zip(node.inputs, node.xs, strict=True) if x.dtype.kind in "iu"]
    with reading(op, "lower"):
        entries = _array(op.forward(_live_nodes(choices) if live else ScalarNodes, *xs, **node.params))
    if node.dtype.kind != "f":
        return _leaf(node, entries)
    return _own(entries, newest) if live else entries


def _copied(entries: Nodes) -> Nodes:
    return _each(lambda x: record(ops.COPY, x), entries)


def _own(entries: Nodes, newest: int) -> Nodes:
    """The entries, with a copy in place of each that is older than ``newest`` or that stands before it too."""
    seen: set[Node] = set()
    found = np.empty(entries.shape, dtype=object)
    for index, entry in np.ndenumerate(entries):
        found[index] = record(ops.COPY, entry) if entry in seen or serial(entry) < newest else entry
        seen.add(entry)
    return found


def _array(data: Any) -> Nodes:
    """An object array of ``data``'s entries; a lone node becomes one of shape ()."""
    if isinstance(data, np.ndarray):
        return data.astype(object)
    array = np.empty((), dtype=object)
    array[()] = data
    return array


def _each(function: Callable[..., Any], *arrays: Any) -> Nodes:
    """``function`` of every entry, with broadcasting."""
    return _array(np.frompyfunc(function, len(arrays), 1)(*map(_array, arrays)))


def _elementwise(op: Op) -> Callable[..., Nodes]:
    return lambda *arrays: _each(lambda *xs: record(op, *xs), *arrays)


def _n_ary(op: Op) -> Callable[..., Any]:
    """One node of all the numbers; 0 of none, which is their sum."""
    return lambda *xs: record(op, *xs) if xs else constant(0.0)


def _chosen(condition: Any, x: Any, y: Any) -> Any:
    """One of the two, where it is known which and it is a node; else a `where` node, since a number has no history."""
    if not isinstance(condition, Node):
        chosen = x if condition else y
        if isinstance(chosen, Node):
            return chosen
    return record(ops.WHERE, condition, x, y)


def _product(*xs: Any) -> Any:
    return functools.reduce(operator.mul, xs) if xs else constant(1.0)


def _along(function: Callable[..., Any], array: Nodes, axis: Any, keepdims: bool) -> Nodes:
    """``function`` of all the entries along ``axis``."""
    array = _array(array)
    axes = tuple(range(array.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    last = np.moveaxis(array, axes, range(-len(axes), 0))
    kept = last.shape[: array.ndim - len(axes)]
    rows = last.reshape((*kept, math.prod(last.shape[len(kept) :])))
    reduced = np.empty(rows.shape[:-1], dtype=object)
    for index in np.ndindex(reduced.shape):
        reduced[index] = function(*rows[index])
    return np.expand_dims(reduced, axes) if keepdims else reduced


class ScalarNodes:
    """The namespace that a structural op's ``forward`` computes in when it is lowered: arrays of Values.

    It holds the elementwise ops of the table, sums, extremes, matmul, and what only moves entries.
    """

    exp = _elementwise(ops.EXP)
    log = _elementwise(ops.LOG)
    sqrt = _elementwise(ops.SQRT)
    abs = _elementwise(ops.ABS)
    tanh = _elementwise(ops.TANH)
    sin = _elementwise(ops.SIN)
    cos = _elementwise(ops.COS)
    log1p = _elementwise(ops.LOG1P)
    sign = _elementwise(ops.SIGN)
    floor = _elementwise(ops.FLOOR)
    rint = _elementwise(ops.ROUND)
    floor_divide = _elementwise(ops.FLOOR_DIVIDE)
    remainder = _elementwise(ops.REMAINDER)
    expm1 = _elementwise(ops.EXPM1)
    erf = _elementwise(ops.ERF)
    divide = _elementwise(ops.DIV)
    power = _elementwise(ops.POW)
    maximum = _elementwise(ops.MAXIMUM)
    minimum = _elementwise(ops.MINIMUM)

    pick = staticmethod(arrays.pick)
    reshape = staticmethod(np.reshape)
    transpose = staticmethod(np.transpose)
    broadcast_to = staticmethod(np.broadcast_to)
    squeeze = staticmethod(np.squeeze)
    stack = staticmethod(np.stack)
    concatenate = staticmethod(np.concatenate)
    cumsum = staticmethod(np.cumsum)  # NumPy adds entries of any kind

    @staticmethod
    def isfinite(array: Nodes) -> NDArray[Any]:
        """Which numbers are neither infinite nor nan, as they were recorded."""
        return np.array([math.isfinite(x.item()) for x in array.ravel()]).reshape(array.shape)

    @staticmethod
    def where(condition: Any, x: Any, y: Any) -> Nodes:
        """One of the two for each entry."""
        return _each(_chosen, condition, x, y)

    @staticmethod
    def astype(array: Nodes, dtype: Any) -> Nodes:
        """The nodes as they are: each holds a Python float."""
        return array

    @staticmethod
    def sum(array: Nodes, axis: Any = None, keepdims: bool = False) -> Nodes:
        """Sums as `add_n` nodes."""
        return _along(_n_ary(ops.ADD_N), array, axis, keepdims)

    @staticmethod
    def mean(array: Nodes, axis: Any = None, keepdims: bool = False) -> Nodes:
        """Sums over the number of entries in each."""
        total = _along(_n_ary(ops.ADD_N), array, axis, keepdims)
        return _each(lambda x: x / (array.size // total.size), total)

    @staticmethod
    def prod(array: Nodes, axis: Any = None, keepdims: bool = False) -> Nodes:
        """Products of two, one after another."""
        return _along(_product, array, axis, keepdims)

    @staticmethod
    def max(array: Nodes, axis: Any = None, keepdims: bool = False) -> Nodes:
        """The largest as n-ary `maximum` nodes."""
        return _along(_n_ary(ops.MAXIMUM), array, axis, keepdims)

    @staticmethod
    def min(array: Nodes, axis: Any = None, keepdims: bool = False) -> Nodes:
        """The smallest as n-ary `minimum` nodes."""
        return _along(_n_ary(ops.MINIMUM), array, axis, keepdims)

    @staticmethod
    def first_max(array: Nodes, axis: Any = None, keepdims: bool = False) -> Nodes:
        """The largest themselves, of ties the first, as they were recorded."""
        return _along(lambda *xs: xs[int(np.argmax([x.item() for x in xs]))], array, axis, keepdims)

    @staticmethod
    def first_min(array: Nodes, axis: Any = None, keepdims: bool = False) -> Nodes:
        """The smallest themselves, of ties the first, as they were recorded."""
        return _along(lambda *xs: xs[int(np.argmin([x.item() for x in xs]))], array, axis, keepdims)

    @staticmethod
    def matmul(x: Nodes, y: Nodes) -> Nodes:
        """Products, and an `add_n` for each entry."""
        rows = np.expand_dims(x[None, :] if x.ndim == 1 else x, -1)
        columns = np.expand_dims(y[:, None] if y.ndim == 1 else y, -3)
        sums = ScalarNodes.sum(_elementwise(ops.MUL)(rows, columns), axis=-2)
        return np.squeeze(sums, axis=(-2,) * (x.ndim == 1) + (-1,) * (y.ndim == 1))


def _option(slot: int) -> Any:
    return (lambda xp, z, xs: xs[0] == slot - 1) if slot else 0.0


def _choose(xp: Any, m: Any, *xs: Any) -> Any:
    *first, last = xs
    return functools.reduce(lambda found, k: xp.where(m == k, first[k], found), reversed(range(len(first))), last)


CHOOSE = ops.Op(
    name="choose",
    symbol="choose",
    latex="x_m",
    rule="routes: the input of that number gets upstream",
    forward=_choose,
    local=ops.EachInput(_option),
    routes=True,
    domain=("index", "real"),
)
"""Of numbers the one of that number: the first input, counted from 0. It is in graphs for numbers that change only."""


class LiveScalarNodes(ScalarNodes):
    """The same for numbers that change: nothing in it is settled by the numbers that were recorded."""

    @staticmethod
    def isfinite(array: Nodes) -> NDArray[Any]:
        """1 for a number that is neither infinite nor nan, else 0: then x - x is nan, which counts as true."""
        return _each(lambda x: record(ops.WHERE, x - x, 0.0, 1.0), array)

    @staticmethod
    def first_max(array: Nodes, axis: Any = None, keepdims: bool = False) -> Nodes:
        """Refused: which entry is the first of the largest is not known as nodes."""
        raise TypeError("of ties the first wins, which can be told of recorded numbers only; max(axis=...) shares ties")

    @staticmethod
    def first_min(array: Nodes, axis: Any = None, keepdims: bool = False) -> Nodes:
        """Refused: which entry is the first of the smallest is not known as nodes."""
        raise TypeError("of ties the first wins, which can be told of recorded numbers only; min(axis=...) shares ties")


def _live_nodes(choices: Sequence[tuple[NDArray[Any], Nodes]]) -> type[LiveScalarNodes]:
    """`LiveScalarNodes` for an op that reads integers, given as they were recorded and as nodes."""

    class Choosing(LiveScalarNodes):
        @staticmethod
        def pick(array: Nodes, classes: NDArray[Any]) -> Nodes:
            """The entry of each row that its class names; the class is a node, so that another one may be chosen."""
            found = np.empty(np.shape(classes), dtype=object)
            for recorded, nodes in choices:
                for index, k in np.ndenumerate(np.asarray(classes)):
                    row = array[index]
                    found[index] = record(CHOOSE, nodes[index], *row) if k == recorded[index] else row[k]
            return found

    return Choosing
