"""NumPy's functions over expressions: the namespace that the op table computes in to be written down.

What the table has computed in `Expressions` is the source of a program. Equal expressions are one: what the forward
pass has computed the backward pass finds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from microgradrnn import arrays
from microgradrnn.ops import Op
from microgradrnn.program.expressions import OPERATORS, Expression, Opaque, identity, inputs_of
from microgradrnn.program.names import Names
from microgradrnn.program.shapes import basic_shape, fancy_shape, same, same_product
from microgradrnn.program.sizes import Shape, Size, broadcast, product, unite

_KEEPDIMS = {"axis": -1, "keepdims": True}
_RESHAPED = "it is reshaped to sizes that were numbers when recorded"


class Expressions:
    """NumPy's functions over expressions; see `Expression`. Any other elementwise function goes by its NumPy name."""

    def __init__(self, names: Names | None = None) -> None:
        self.names = Names() if names is None else names
        self.known: dict[Any, Expression] = {}
        self.functions: dict[Op, str] = {}

    def make(
        self, fn: str, args: tuple[Any, ...], params: Mapping[str, Any], shape: Shape, dtype: Any, loop: Any = None
    ) -> Expression:
        """The expression, which is the one that was made before where it is equal."""
        if params == _KEEPDIMS:
            # Where x.sum(axis=-1) is there already: that with a new axis, in place of a second sum.
            found = self.known.get(_key(fn, args, {"axis": -1}, loop))
            if found is not None:
                return self.index(found, (Ellipsis, None))  # type: ignore[no-any-return]
        key = _key(fn, args, params, loop)
        if key not in self.known:
            loops = {x.loop for x in inputs_of(args) if x.loop is not None}
            assert len(loops) <= 1
            inside = loop if loop is not None else loops.pop() if loops else None
            self.known[key] = Expression(self, fn, args, params, shape, dtype, inside)
        return self.known[key]

    def constant(self, array: Any) -> Expression:
        """An array whose numbers stand in the program."""
        array = np.asarray(array)
        if array.ndim == 0:
            return self.filled(array.item(), (), array.dtype)
        key = (array.dtype.str, tuple(map(int, array.shape)), array.tobytes())
        return self.make("constant", (Opaque(key, array),), {}, array.shape, array.dtype)

    def filled(self, value: Any, shape: Shape, dtype: Any) -> Expression:
        """An array of one number throughout."""
        return self.make("filled", (value,), {"shape": shape, "dtype": np.dtype(dtype)}, shape, dtype)

    def elementwise(self, fn: str, *args: Any) -> Any:
        """A function of NumPy's, entry by entry, with broadcasting."""
        args = self._without_axes(tuple(map(self._lifted, args)))
        shape = broadcast([x.shape for x in args if isinstance(x, Expression)], f"{fn} broadcasts it")
        simple = _simplified(fn, args)
        if simple is not None:
            return simple
        if all(not isinstance(x, Size) and (not isinstance(x, Expression) or x.fn == "filled") for x in args):
            numbers = [np.asarray(x.args[0], x.dtype) if isinstance(x, Expression) else x for x in args]
            with np.errstate(all="ignore"):
                found = np.asarray((OPERATORS.get(fn) or getattr(arrays, fn))(*numbers))
            return self.filled(found.item(), shape, found.dtype)
        return self.make(fn, self._typed(fn, args), {}, shape, _dtype(fn, args))

    def _without_axes(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The same, arrays of one number and one entry as that number, where another has the axes."""
        most = max(x.ndim for x in args if isinstance(x, Expression)) if any(map(_is_expression, args)) else 0

        def plain(x: Any) -> Any:
            one = _is_expression(x) and x.fn == "filled" and all(type(size) is int and size == 1 for size in x.shape)
            return self.filled(x.args[0], (), x.dtype) if one and x.ndim < most else x

        return tuple(map(plain, args))

    def _typed(self, fn: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The same, numbers with their type where a plain number would make the result another one."""
        plain = tuple(x.args[0] if isinstance(x, Expression) and _is_number(x) else x for x in args)
        return args if _dtype(fn, plain) == _dtype(fn, args) else tuple(map(self._with_type, args))

    def _with_type(self, x: Any) -> Any:
        number = isinstance(x, Expression) and _is_number(x)
        return self.make("typed", x.args, {"dtype": x.dtype}, (), x.dtype) if number else x

    def call(self, op: Op, xs: Sequence[Any], like: Expression) -> Expression:
        """A function of a name of its own: what an elementwise op does, with all its steps."""
        if op not in self.functions:
            self.functions[op] = self.names.new(op.name)
        return self.make("call", tuple(xs), {"function": self.functions[op]}, like.shape, like.dtype)

    def _lifted(self, x: Any) -> Any:
        if isinstance(x, (Expression, bool, int, float)):
            return x
        return self.constant(x) if np.ndim(x) else np.asarray(x).item()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if not is_entry_by_entry(name):
            raise AttributeError(f"{name} is no function of NumPy's that generated programs know")
        return lambda *args: self.elementwise(name, *args)

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        """x where the condition holds, else y."""
        return self.elementwise("where", condition, x, y)

    def matmul(self, x: Any, y: Any) -> Expression:
        """The matrix product."""
        x, y = self._lifted(x), self._lifted(y)
        inner = x.shape[-1], y.shape[-2] if y.ndim > 1 else y.shape[0]
        unite(*inner, reason="it is the inner size of a matrix product")
        stack = broadcast([x.shape[:-2], y.shape[:-2]], "matmul broadcasts it")
        shape = stack + x.shape[-2:-1] + (y.shape[-1:] if y.ndim > 1 else ())
        return self.make("matmul", (x, y), {}, shape, _dtype("matmul", (x, y)))

    dot = matmul

    def _reduced(self, fn: str, x: Any, axis: Any, keepdims: bool, dtype: Any) -> Any:
        if not isinstance(x, Expression) or x.ndim == 0:
            return x
        axes = range(x.ndim) if axis is None else [a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,))]
        kept = [1 if i in axes else size for i, size in enumerate(x.shape)]
        shape = tuple(kept) if keepdims else tuple(size for i, size in enumerate(x.shape) if i not in axes)
        if fn == "sum" and shape and all(type(x.shape[i]) is int and x.shape[i] == 1 for i in axes):
            return self.reshape(x, shape)
        params: dict[str, Any] = {"axis": tuple(sorted(axes)) if axis is not None else None}
        if params["axis"] is not None and len(params["axis"]) == 1:
            params["axis"] = params["axis"][0] - (x.ndim if axis == -1 else 0)
        params |= {"keepdims": True} if keepdims else {}
        kind = np.dtype(dtype) if dtype is not None else getattr(np, fn)(np.ones(1, x.dtype)).dtype
        params |= {"dtype": kind} if dtype is not None and kind != getattr(np, fn)(np.ones(1, x.dtype)).dtype else {}
        return self.make(fn, (x,), params, shape, kind)

    def sum(self, x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
        """The sum over an axis, several, or all."""
        return self._reduced("sum", x, axis, keepdims, dtype)

    def prod(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        """The product over an axis, several, or all."""
        return self._reduced("prod", x, axis, keepdims, None)

    def cumsum(self, x: Any, axis: int) -> Any:
        """The sums of the first entries along an axis: of one, two, and so on."""
        if type(x.shape[axis]) is int and x.shape[axis] == 1:
            return x
        return self.make(
            "cumsum", (x,), {"axis": axis % x.ndim - x.ndim}, x.shape, np.cumsum(np.ones(1, x.dtype)).dtype
        )

    def max(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        """The largest entry over an axis, several, or all."""
        return self._reduced("max", x, axis, keepdims, None)

    def min(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        """The smallest entry over an axis, several, or all."""
        return self._reduced("min", x, axis, keepdims, None)

    def first_max(self, x: Any, axis: int, keepdims: bool = False) -> Any:
        """The largest along an axis; that ties go to the first shows in the gradient only."""
        return self._reduced("max", x, axis, keepdims, None)

    def first_min(self, x: Any, axis: int, keepdims: bool = False) -> Any:
        """The smallest along an axis; likewise."""
        return self._reduced("min", x, axis, keepdims, None)

    def mean(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        """The mean over an axis, several, or all."""
        return self._reduced("mean", x, axis, keepdims, None)

    def astype(self, x: Any, dtype: Any) -> Any:
        """The same entries as another type."""
        return x.astype(dtype) if isinstance(x, Expression) else np.asarray(x).astype(dtype)

    def reshape(self, x: Any, shape: Any) -> Any:
        """The same entries in another shape; one size may be -1."""
        shape = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
        if -1 in shape:
            shape = _completed(x.shape, shape)
        if same(shape, x.shape):
            return x
        if x.fn == "filled":
            return self.filled(x.args[0], shape, x.dtype)
        if not same_product(shape, x.shape):
            for size in (*x.shape, *shape):
                if isinstance(size, Size):
                    size.fix(_RESHAPED)
        return self.make("reshape", (x,), {"shape": shape}, shape, x.dtype)

    def transpose(self, x: Any, axes: Any) -> Any:
        """The axes in another order."""
        axes = tuple(axis % x.ndim for axis in axes)
        if axes == tuple(range(x.ndim)):
            return x
        if x.fn == "filled":
            return self.filled(x.args[0], tuple(x.shape[axis] for axis in axes), x.dtype)
        if x.fn == "transpose":
            return self.transpose(x.args[0], tuple(x.params["axes"][axis] for axis in axes))
        return self.make("transpose", (x,), {"axes": axes}, tuple(x.shape[axis] for axis in axes), x.dtype)

    def expand_dims(self, x: Any, axis: Any) -> Any:
        """New axes of size 1."""
        axes = axis if isinstance(axis, tuple) else (axis,)
        length = x.ndim + len(axes)
        new = {a % length for a in axes}
        return self.index(x, tuple(None if i in new else slice(None) for i in range(length)))

    def squeeze(self, x: Any, axis: Any) -> Any:
        """Axes of size 1 taken away."""
        axes = {a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,))}
        return self.index(x, tuple(0 if i in axes else slice(None) for i in range(x.ndim)))

    def broadcast_to(self, x: Any, shape: Any) -> Any:
        """Repeated to fill a shape."""
        if not isinstance(x, Expression):
            return self.filled(x, tuple(shape), np.asarray(x).dtype)
        if x.fn == "filled":
            return self.filled(x.args[0], tuple(shape), x.dtype)
        if same(x.shape, shape):
            return x
        return self.make("broadcast_to", (x,), {"shape": tuple(shape)}, tuple(shape), x.dtype)

    def concatenate(self, xs: Iterable[Any], axis: int = 0) -> Expression:
        """Arrays joined along an axis that they have."""
        xs = tuple(xs)
        axis %= xs[0].ndim
        shape = list(broadcast([(*x.shape[:axis], 1, *x.shape[axis + 1 :]) for x in xs], "arrays are joined"))
        shape[axis] = sum(x.shape[axis] for x in xs)
        return self.make("concatenate", xs, {"axis": axis}, tuple(shape), np.result_type(*(x.dtype for x in xs)))

    def stack(self, xs: Iterable[Any], axis: int = 0) -> Expression:
        """Arrays joined along a new axis."""
        xs = tuple(map(self._with_type, xs))
        axis %= xs[0].ndim + 1
        shape = list(broadcast([x.shape for x in xs], "arrays are stacked"))
        shape.insert(axis, len(xs))
        return self.make("stack", xs, {"axis": axis}, tuple(shape), np.result_type(*(x.dtype for x in xs)))

    def pick(self, x: Any, classes: Any) -> Expression:
        """The entry of each row of the last axis that its class names; see `microgradrnn.arrays.pick`."""
        return self.make("pick", (x, self._lifted(classes)), {}, x.shape[:-1], x.dtype)

    def row(self, x: Expression, k: int) -> Expression:
        """One row of an array whose length is looked after by `microgradrnn.program.fixing`."""
        if x.fn == "filled":
            return self.filled(x.args[0], x.shape[1:], x.dtype)
        return self.make("index", (x, (k,)), {}, x.shape[1:], x.dtype)

    def index(self, x: Any, key: tuple[Any, ...]) -> Any:
        """NumPy's indexing: integers, slices, None, ..., and integer or boolean arrays."""
        key = tuple(self._lifted(part) if isinstance(part, np.ndarray) else part for part in key)
        if all(part is Ellipsis or (isinstance(part, slice) and part == slice(None)) for part in key):
            return x
        arrays = [part for part in key if isinstance(part, Expression)]
        if not arrays and x.fn == "filled":
            return self.filled(x.args[0], basic_shape(x.shape, key), x.dtype)
        if not arrays:
            return self.make("index", (x, key), {}, basic_shape(x.shape, key), x.dtype)
        if key[0] is arrays[0] and len(key) == 1 and arrays[0].dtype.kind in "iu":
            return self.make("index", (x, key), {}, arrays[0].shape + x.shape[1:], x.dtype)
        return self.make("index", (x, key), {}, fancy_shape(x.shape, key), x.dtype)


def is_entry_by_entry(name: str) -> bool:
    """Whether a function of `microgradrnn.arrays` computes entry by entry, with broadcasting."""
    return name == "erf" or isinstance(getattr(np, name, None), np.ufunc)


def _merged_front(old: Shape, new: Shape) -> Shape | None:
    """A new shape whose last axes are the old ones, and all before them one, as of ``reshape(-1, 3)``; or None."""
    front = len(old) - len(new) + 1
    if new[0] != -1 or front < 0 or tuple(map(int, old[front:])) != tuple(map(int, new[1:])):
        return None
    for one, other in zip(old[front:], new[1:], strict=True):
        if isinstance(one, Size) and not same([one], [other]):
            one.fix(_RESHAPED)
    return product(old[:front]), *old[front:]


def _completed(old: Shape, new: Shape) -> Shape:
    """A new shape with the size that -1 stands for in it."""
    merged = _merged_front(old, new)
    if merged is not None:
        return merged
    rest = math.prod(int(size) for size in new if size != -1)
    missing = math.prod(map(int, old)) // max(rest, 1)
    known = [size for size in old if isinstance(size, Size)]
    if len(known) == 1 and int(known[0]) == missing:
        missing = known[0]
    return tuple(missing if size == -1 else size for size in new)


def _key(fn: str, args: tuple[Any, ...], params: Mapping[str, Any], loop: Any) -> Any:
    """What equal expressions have in common."""
    return fn, tuple(map(identity, args)), tuple((name, identity(value)) for name, value in params.items()), loop


def _dtype(fn: str, args: Iterable[Any]) -> np.dtype[Any]:
    """What NumPy makes of these types; Python's numbers take the type of what they meet."""
    samples = [
        np.ones((1, 1), x.dtype) if isinstance(x, Expression) else int(x) if type(x) is Size else x for x in args
    ]
    with np.errstate(all="ignore"):
        function = OPERATORS.get(fn) or getattr(arrays, fn)
        return np.asarray(function(*samples)).dtype


def _simplified(fn: str, args: tuple[Any, ...]) -> Any:
    """What is simpler and equal: once and none of a thing, and minus a minus."""
    x, y = args[0], args[-1]
    if fn == "multiply":
        for number, other in ((x, y), (y, x)):
            plain = isinstance(number, (int, float)) and not isinstance(number, (bool, Size))
            if plain and isinstance(other, Expression):
                if number == 1 and other.dtype.kind == "f":
                    return other
                if number == -1 and other.dtype.kind == "f":
                    return -other
            if _is_one(number) and isinstance(other, Expression) and _fits_in(number, other):
                return other
    if fn == "negative" and isinstance(x, Expression) and x.fn == "negative":
        return x.args[0]
    if (
        fn == "divide"
        and isinstance(y, (int, float))
        and not isinstance(y, Size)
        and y == 1
        and isinstance(x, Expression)
    ):
        return x
    if not any(isinstance(arg, Expression) for arg in args):
        function = OPERATORS.get(fn) or getattr(arrays, fn)
        return np.asarray(function(*args)).item()
    return None


def _is_expression(x: Any) -> bool:
    return isinstance(x, Expression)


def _is_number(x: Expression) -> bool:
    return x.fn == "filled" and not x.shape


def _is_one(x: Any) -> bool:
    return isinstance(x, Expression) and x.fn == "filled" and x.args[0] == 1


def _fits_in(x: Expression, other: Expression) -> bool:
    """Whether one array broadcasts to another, and its type with it."""
    sizes = zip(x.shape[::-1], other.shape[::-1], strict=False)
    fits = x.ndim <= other.ndim and all(one == 1 or one == size for one, size in sizes)
    return fits and np.result_type(x.dtype, other.dtype) == other.dtype
