"""NumPy's functions of nodes: ``np.tanh(x)``, ``np.sum(x)``, ``array @ x``, recorded as ours are (NEP 13 and NEP 18).

- `UFUNCS`, `FUNCTIONS`: NumPy's function, and what is recorded in its place.
- `connect`: tells NumPy. It is called once, as the package is imported.

NumPy asks here for its operators too, ``array * x``, so results are one node and never an object array of nodes. A
function that is not listed raises, where a gradient would be lost; of constants it takes the plain numbers.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from microgradrnn import functional, ops
from microgradrnn.context import here, numbers_of
from microgradrnn.engine import Node, record
from microgradrnn.functional.activations import as_node
from microgradrnn.ops import Op


def _compared(compare: Callable[[Any, Any], Any], reflected: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A comparison with the node on the left, whose method it is."""
    return lambda x, y: compare(x, y) if isinstance(x, Node) else reflected(y, x)


OPS_OF: Mapping[np.ufunc, Op] = {
    np.add: ops.ADD,
    np.subtract: ops.SUB,
    np.multiply: ops.MUL,
    np.divide: ops.DIV,
    np.power: ops.POW,
    np.float_power: ops.POW,
    np.matmul: ops.MATMUL,
    np.negative: ops.NEG,
    np.floor_divide: ops.FLOOR_DIVIDE,
    np.remainder: ops.REMAINDER,
    np.exp: ops.EXP,
    np.log: ops.LOG,
    np.sqrt: ops.SQRT,
    np.absolute: ops.ABS,
    np.fabs: ops.ABS,
    np.sin: ops.SIN,
    np.cos: ops.COS,
    np.log1p: ops.LOG1P,
    np.expm1: ops.EXPM1,
    np.tanh: ops.TANH,
    np.sign: ops.SIGN,
    np.floor: ops.FLOOR,
    np.rint: ops.ROUND,
    np.maximum: ops.MAXIMUM,
    np.minimum: ops.MINIMUM,
}
"""The ufuncs that are an op of the table."""

UFUNCS: Mapping[np.ufunc, Callable[..., Any]] = {
    np.positive: lambda x: x,
    np.square: lambda x: x**2,
    np.logaddexp: lambda x, y: functional.maximum(x, y) + (-abs(as_node(x) - y)).softplus(),
    np.equal: _compared(operator.eq, operator.eq),
    np.not_equal: _compared(operator.ne, operator.ne),
    np.less: _compared(operator.lt, operator.gt),
    np.less_equal: _compared(operator.le, operator.ge),
    np.greater: _compared(operator.gt, operator.lt),
    np.greater_equal: _compared(operator.ge, operator.le),
    np.bitwise_and: _compared(operator.and_, operator.and_),
    np.bitwise_or: _compared(operator.or_, operator.or_),
    np.bitwise_xor: _compared(operator.xor, operator.xor),
    np.invert: lambda x: ~x,
    np.logical_and: lambda x, y: (as_node(x) != 0) & (as_node(y) != 0),
    np.logical_or: lambda x, y: (as_node(x) != 0) | (as_node(y) != 0),
    np.logical_not: lambda x: x == 0,
}
"""The ufuncs that are a composition, or a comparison."""


def _reduction(name: str) -> Callable[..., Any]:
    def function(a: Any, axis: Any = None, **words: Any) -> Any:
        return getattr(as_tensor(a), name)(axis=axis, **words)

    return function


def _method(name: str) -> Callable[..., Any]:
    return lambda a, *args, **words: getattr(as_tensor(a), name)(*args, **words)


def as_tensor(x: Any) -> Any:
    """A node with the methods of arrays: a Value as a Tensor of shape ()."""
    node = as_node(x)
    return node if hasattr(node, "reshape") else record(ops.RESHAPE, node, shape=())


def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:  # noqa: A002
    return as_node(a).clamp(a_min if min is None else min, a_max if max is None else max)


def _where(condition: Any, x: Any = None, y: Any = None) -> Any:
    if x is None or y is None:
        raise TypeError("numpy.where of a node takes a condition and both choices; for places write x.data.nonzero()")
    return functional.where(condition, x, y)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:  # noqa: A002 - NumPy's name
    node = as_tensor(x)
    if ord not in (None, "fro") and axis is None and node.ndim > 1:
        raise TypeError(
            f"numpy.linalg.norm of a matrix with ord={ord} is not differentiated here: write x.norm(p, axis=...)"
        )
    return node.norm(2 if ord is None else ord, axis=axis, keepdims=keepdims)


def _expand_dims(a: Any, axis: Any) -> Any:
    places = axis if isinstance(axis, (tuple, list)) else (axis,)
    length = a.ndim + len(places)
    for place in sorted(p % length for p in places):
        a = a.unsqueeze(place)
    return a


def _order(a: Any, source: Any, destination: Any) -> list[int]:
    sources, destinations = ([axis % a.ndim for axis in np.atleast_1d(given)] for given in (source, destination))
    order = [axis for axis in range(a.ndim) if axis not in sources]
    for place, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(place, axis)
    return order


def _joined(join: Callable[..., Any]) -> Callable[..., Any]:
    return lambda arrays, axis=0: join([as_node(x) for x in arrays], axis=axis)


FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    np.sum: _reduction("sum"),
    np.mean: _reduction("mean"),
    np.prod: _reduction("prod"),
    np.max: _reduction("max"),
    np.min: _reduction("min"),
    np.amax: _reduction("max"),
    np.amin: _reduction("min"),
    np.var: _reduction("var"),
    np.std: _reduction("std"),
    np.argmax: _reduction("argmax"),
    np.argmin: _reduction("argmin"),
    np.any: _reduction("any"),
    np.all: _reduction("all"),
    np.cumsum: _method("cumsum"),
    np.dot: lambda a, b: as_tensor(a).dot(b),
    np.outer: lambda a, b: as_tensor(a).outer(b),
    np.einsum: functional.einsum,
    np.linalg.norm: _norm,
    np.clip: _clip,
    np.round: lambda a, decimals=0: (as_node(a) * 10.0**decimals).round() / 10.0**decimals if decimals else a.round(),
    np.where: _where,
    np.concatenate: _joined(functional.concat),
    np.stack: _joined(functional.stack),
    np.vstack: lambda tup: functional.concat([_at_least_2d(x) for x in tup], axis=0),
    np.hstack: lambda tup: functional.concat([as_tensor(x).reshape(1) if np.ndim(x) == 0 else x for x in tup], axis=-1),
    np.reshape: lambda a, shape: as_tensor(a).reshape(shape),
    np.ravel: _method("ravel"),
    np.transpose: lambda a, axes=None: as_tensor(a).permute(axes) if axes is not None else as_tensor(a).T,
    np.swapaxes: _method("swapaxes"),
    np.moveaxis: lambda a, source, destination: a.permute(_order(a, source, destination)),
    np.squeeze: lambda a, axis=None: as_tensor(a).squeeze(axis=axis),
    np.expand_dims: _expand_dims,
    np.broadcast_to: lambda array, shape: as_tensor(array).broadcast_to(shape),
    np.split: lambda ary, indices_or_sections, axis=0: as_tensor(ary).split(indices_or_sections, axis=axis),
    np.repeat: lambda a, repeats, axis=None: as_tensor(a).repeat_interleave(repeats, axis=axis),
    np.tile: lambda A, reps: as_tensor(A).tile(reps if isinstance(reps, (tuple, list)) else (reps,)),
    np.flip: lambda m, axis=None: m.flip(range(m.ndim) if axis is None else axis),
    np.tril: lambda m, k=0: as_tensor(m).tril(k),
    np.triu: lambda m, k=0: as_tensor(m).triu(k),
    np.take_along_axis: lambda arr, indices, axis=-1: as_tensor(arr).take_along_axis(indices, axis),
    np.copy: lambda a: as_node(a).copy(),
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.size: lambda a, axis=None: int(a.size) if axis is None else a.shape[axis],
}
"""What is no ufunc."""


def _at_least_2d(x: Any) -> Any:
    node = as_tensor(x)
    return node if node.ndim > 1 else node.reshape(1, -1)


def _array_ufunc(self: Node, ufunc: np.ufunc, method: str, *inputs: Any, **words: Any) -> Any:
    """What NumPy calls for its operators and functions of one entry after another."""
    if method == "__call__" and not words:
        op = OPS_OF.get(ufunc)
        if op is not None:
            return record(op, *inputs)
        function = UFUNCS.get(ufunc)
        if function is not None:
            return function(*inputs)
    _check_out(ufunc.__name__, words)
    name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
    return getattr(ufunc, method)(*_plain(name, inputs), **words)


def _array_function(
    self: Node, func: Any, types: Iterable[type], args: tuple[Any, ...], words: Mapping[str, Any]
) -> Any:
    """What NumPy calls for its other functions."""
    name = getattr(func, "__name__", str(func))
    words = {word: value for word, value in words.items() if value is not np._NoValue}
    _check_out(name, words)
    function = FUNCTIONS.get(func)
    if function is None:
        return func(*_plain(name, args), **dict(zip(words, _plain(name, tuple(words.values())), strict=True)))
    try:
        return function(*args, **words)
    except TypeError as error:
        raise TypeError(f"numpy.{name} of a node: {error}") from error


def _check_out(name: str, words: Mapping[str, Any]) -> None:
    if words.get("out") is not None:
        raise TypeError(
            f"numpy.{name} with out=, or an array changed in place by a node (array += x), would lose the gradient: "
            "write y = array + x, which is recorded, or x.detach().numpy() for the numbers alone"
        )


def _plain(name: str, args: Any) -> Any:
    """Arguments with plain arrays in place of constants. Raises TypeError where a gradient would be lost."""
    if isinstance(args, Node):
        if args.requires_grad and here().recording:
            raise TypeError(
                f"numpy.{name} is not differentiated here: write it with the node's own methods and "
                "microgradrnn.functional, or take x.detach().numpy() for the numbers alone"
            )
        return np.array(numbers_of(args))
    return type(args)(_plain(name, part) for part in args) if type(args) in (tuple, list) else args


def connect() -> None:
    """Have NumPy ask here, for all nodes."""
    Node.__array_ufunc__ = _array_ufunc  # type: ignore[attr-defined]
    Node.__array_function__ = _array_function  # type: ignore[attr-defined]
