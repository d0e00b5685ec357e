"""NumPy's functions over expressions: the namespace that the op table computes in to be written down.

What the table has computed in `Expressions` is the source of a program. Equal expressions are one: what the forward
pass has computed the backward pass finds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from microgradrnn import arrays
from microgradrnn.ops import Op
from microgradrnn.program.expressions import Expression, Notes, Opaque, identity, inputs_of
from microgradrnn.program.names import Names
from microgradrnn.program.shapes import (
    axes_of,
    basic_shape,
    computed_type,
    entrywise,
    indexed,
    reduced,
    reduced_type,
    same,
    same_product,
)
from microgradrnn.program.sizes import Shape, Size, free_sizes, product
from microgradrnn.program.table import FUNCTIONS, Function, function

_NONE: Mapping[str, Any] = {}
_KEEPDIMS = {"axis": -1, "keepdims": True}
_RESHAPED = "it is reshaped to sizes that were numbers when recorded"


class Expressions:
    """NumPy's functions over expressions; see `Expression`. Any other elementwise function goes by its NumPy name."""

    def __init__(self, names: Names | None = None) -> None:
        self.names = Names() if names is None else names
        self.known: dict[Any, Expression] = {}
        self.notes: dict[Expression, Notes] = {}
        self.functions: dict[Op, str] = {}

    def make(
        self,
        fn: str,
        args: tuple[Any, ...],
        params: Mapping[str, Any] = _NONE,
        shape: Shape | None = None,
        dtype: Any = None,
        loop: Any = None,
    ) -> Expression:
        """The expression, which is the one that was made before where it is equal.

        Its shape and type follow from the function's row, unless they are given.
        """
        if params == _KEEPDIMS:
            # Where x.sum(axis=-1) is there already: that with a new axis, in place of a second sum.
            found = self.known.get(_key(fn, args, {"axis": -1}, loop))
            if found is not None:
                return self.index(found, (Ellipsis, None))  # type: ignore[no-any-return]
        key = _key(fn, args, params, loop)
        if key not in self.known:
            row = function(fn)
            if shape is None:
                assert row.result is not None
                shape, dtype = row.result(row, args, params)
            loops = {loop, *(x.loop for x in inputs_of(args))} - {None}
            assert len(loops) <= 1
            inside = loops.pop() if loops and not row.is_outside else None
            self.known[key] = Expression(self, fn, args, params, shape, np.dtype(dtype), inside)
        return self.known[key]

    def note(self, x: Expression, **notes: str) -> Expression:
        """Keep what an expression is called, or what is to be said of it; see `Notes`."""
        self.notes[x] = self.notes.get(x, Notes())._replace(**notes)
        return x

    def constant(self, array: Any, shape: Shape | None = None) -> Expression:
        """An array whose numbers stand in the program; perhaps with sizes that remember why they cannot change."""
        array = np.asarray(array)
        if array.ndim == 0:
            return self.filled(array.item(), (), array.dtype)
        key = (array.dtype.str, tuple(map(int, array.shape)), array.tobytes())
        return self.make("constant", (Opaque(key, array),), {}, shape or array.shape, array.dtype)

    def filled(self, value: Any, shape: Shape, dtype: Any) -> Expression:
        """An array of one number throughout."""
        return self.make("filled", (value,), {"shape": shape, "dtype": np.dtype(dtype)}, shape, dtype)

    def elementwise(self, fn: str, *args: Any) -> Any:
        """A function of NumPy's, entry by entry, with broadcasting."""
        args = self._without_axes(tuple(map(self._lifted, args)))
        row = function(fn)
        shape, dtype = entrywise(row, args, _NONE)
        simple = _simplified(row, args)
        if simple is not None:
            return simple
        if all(not isinstance(x, Size) and (not isinstance(x, Expression) or x.fn == "filled") for x in args):
            numbers = [np.asarray(x.args[0], x.dtype) if isinstance(x, Expression) else x for x in args]
            with np.errstate(all="ignore"):
                found = np.asarray(row.computes(*numbers))
            return self.filled(found.item(), shape, found.dtype)
        return self.make(fn, self._typed(row, args), _NONE, shape, dtype)

    def operate(self, operator: str, x: Any, y: Any) -> Any:
        """What an operator of Python's gives, entry by entry."""
        return self.elementwise(function(operator).name, x, y)

    def _without_axes(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The same, arrays of one number and one entry as that number, where another has the axes."""
        most = max((x.ndim for x in args if isinstance(x, Expression) and self._entry(x) is None), default=-1)
        return tuple([x if (entry := self._entry(x)) is None or x.ndim > most else entry for x in args])

    def _entry(self, x: Any) -> Any:
        """The number that an array of one entry was made of, if it was."""
        if not isinstance(x, Expression) or not all(type(size) is int and size == 1 for size in x.shape):
            return None
        if x.fn == "filled":
            return self.filled(x.args[0], (), x.dtype)
        return x.args[0] if x.fn == "broadcast_to" and not x.args[0].ndim else None

    def _typed(self, row: Function, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The same, numbers with their type where a plain number would make the result another one."""
        plain = tuple([x.args[0] if isinstance(x, Expression) and _is_number(x) else x for x in args])
        return args if computed_type(row, plain) == computed_type(row, args) else tuple(map(self.with_type, args))

    def with_type(self, x: Any) -> Any:
        """The same, a number with its type, where that need not be the one that NumPy gives it."""
        number = isinstance(x, Expression) and _is_number(x)
        return self.make("typed", x.args, {"dtype": x.dtype}, (), x.dtype) if number else x

    def argument(self, name: str, shape: Shape = (), dtype: Any = np.float64) -> Expression:
        """What a function is given under a name."""
        return self.note(self.make("argument", (name,), {}, shape, dtype), name=name)

    def call(self, op: Op, xs: Sequence[Any], shape: Shape, dtype: Any) -> Expression:
        """A function of a name of its own: what an elementwise op does, with all its steps."""
        if op not in self.functions:
            self.functions[op] = self.names.new(op.name)
        return self.make("call", tuple(xs), {"function": self.functions[op]}, shape, dtype)

    def held(self, found: Any) -> Any:
        """What an op has computed as its node holds it."""
        return found

    def _lifted(self, x: Any) -> Any:
        if isinstance(x, (Expression, bool, int, float)):
            return x
        return self.constant(x) if np.ndim(x) else np.asarray(x).item()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if function(name).result is reduced:
            return partial(self._reduced, name)
        if not hasattr(arrays, name) or not (name in FUNCTIONS or isinstance(getattr(np, name), np.ufunc)):
            raise AttributeError(f"{name} is no function of NumPy's that generated programs know")
        return lambda *args: self.elementwise(name, *args)

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        """x where the condition holds, else y."""
        return self.elementwise("where", condition, x, y)

    def matmul(self, x: Any, y: Any) -> Expression:
        """The matrix product."""
        return self.make("matmul", (self._lifted(x), self._lifted(y)))

    dot = matmul

    def _reduced(self, fn: str, x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
        if not isinstance(x, Expression) or x.ndim == 0:
            return x
        axes = axes_of(axis, x.ndim)
        if axis is not None and axis != -1:
            axis = tuple(sorted(axes)) if len(axes) != 1 else axes[0]
        params: dict[str, Any] = {"axis": axis} | ({"keepdims": True} if keepdims else {})
        if dtype is not None and np.dtype(dtype) != reduced_type(function(fn), x):
            params["dtype"] = np.dtype(dtype)
        shape, _ = reduced(function(fn), (x,), params)
        if fn == "sum" and shape and all(type(x.shape[i]) is int and x.shape[i] == 1 for i in axes):
            return self.reshape(x, shape)
        return self.make(fn, (x,), params)

    def cumsum(self, x: Any, axis: int) -> Any:
        """The sums of the first entries along an axis: of one, two, and so on."""
        if type(x.shape[axis]) is int and x.shape[axis] == 1:
            return x
        return self.make("cumsum", (x,), {"axis": axis % x.ndim - x.ndim})

    def first_max(self, x: Any, axis: int, keepdims: bool = False) -> Any:
        """The largest along an axis; that ties go to the first shows in the gradient only."""
        return self._reduced("max", x, axis, keepdims)

    def first_min(self, x: Any, axis: int, keepdims: bool = False) -> Any:
        """The smallest along an axis; likewise."""
        return self._reduced("min", x, axis, keepdims)

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
            for size in free_sizes((*x.shape, *shape)):
                size.fix(_RESHAPED)
        return self.make("reshape", (x,), {"shape": shape})

    def transpose(self, x: Any, axes: Any) -> Any:
        """The axes in another order."""
        axes = tuple(axis % x.ndim for axis in axes)
        if axes == tuple(range(x.ndim)):
            return x
        if x.fn == "filled":
            return self.filled(x.args[0], tuple(x.shape[axis] for axis in axes), x.dtype)
        if x.fn == "transpose":
            return self.transpose(x.args[0], tuple(x.params["axes"][axis] for axis in axes))
        return self.make("transpose", (x,), {"axes": axes})

    def expand_dims(self, x: Any, axis: Any) -> Any:
        """New axes of size 1."""
        length = x.ndim + (len(axis) if isinstance(axis, tuple) else 1)
        new = axes_of(axis, length)
        return self.index(x, tuple(None if i in new else slice(None) for i in range(length)))

    def squeeze(self, x: Any, axis: Any) -> Any:
        """Axes of size 1 taken away."""
        axes = axes_of(axis, x.ndim)
        return self.index(x, tuple(0 if i in axes else slice(None) for i in range(x.ndim)))

    def broadcast_to(self, x: Any, shape: Any) -> Any:
        """Repeated to fill a shape."""
        if not isinstance(x, Expression):
            return self.filled(x, tuple(shape), np.asarray(x).dtype)
        if x.fn == "filled":
            return self.filled(x.args[0], tuple(shape), x.dtype)
        if same(x.shape, shape):
            return x
        return self.make("broadcast_to", (x,), {"shape": tuple(shape)})

    def concatenate(self, xs: Iterable[Any], axis: int = 0) -> Expression:
        """Arrays joined along an axis that they have."""
        xs = tuple(xs)
        return self.make("concatenate", xs, {"axis": axis % xs[0].ndim})

    def stack(self, xs: Iterable[Any], axis: int = 0) -> Expression:
        """Arrays joined along a new axis."""
        xs = tuple(map(self.with_type, xs))
        return self.make("stack", xs, {"axis": axis % (xs[0].ndim + 1)})

    def pick(self, x: Any, classes: Any) -> Expression:
        """The entry of each row of the last axis that its class names; see `microgradrnn.arrays.pick`."""
        return self.make("pick", (x, self._lifted(classes)))

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
        if x.fn == "filled" and not any(map(_is_expression, key)):
            return self.filled(x.args[0], basic_shape(x.shape, key), x.dtype)
        if not x.ndim and not any(map(_is_expression, key)):  # of a number of Python's, 1.0 / T, no part can be taken
            return self.broadcast_to(x, basic_shape((), key))
        shape, dtype = indexed(function("index"), (x, key), _NONE)  # also of one that `row` has made: it fixes sizes
        return self.make("index", (x, key), _NONE, shape, dtype)


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
    known = free_sizes(old)
    if len(known) == 1 and int(known[0]) == missing:
        missing = known[0]
    return tuple(missing if size == -1 else size for size in new)


def _key(fn: str, args: tuple[Any, ...], params: Mapping[str, Any], loop: Any) -> Any:
    """What equal expressions have in common."""
    return fn, tuple(map(identity, args)), tuple((name, identity(value)) for name, value in params.items()), loop


def _simplified(row: Function, args: tuple[Any, ...]) -> Any:
    """What is simpler and equal: a number of numbers, once a thing, minus a minus; None where nothing is."""
    if not any(map(_is_expression, args)):
        return np.asarray(row.computes(*args)).item()
    fn, x, y = row.name, args[0], args[-1]
    if fn == "multiply":
        for number, other in ((x, y), (y, x)):
            if _is_plain(number) and abs(number) == 1 and other.dtype.kind == "f":
                return other if number == 1 else -other
            if _is_one(number) and _is_expression(other) and _fits_in(number, other):
                return other
    if fn == "negative" and x.fn == "negative":
        return x.args[0]
    return x if fn == "divide" and _is_plain(y) and y == 1 else None


def _is_expression(x: Any) -> bool:
    return isinstance(x, Expression)


def _is_plain(x: Any) -> bool:
    return isinstance(x, (int, float)) and not isinstance(x, (bool, Size))


def _is_number(x: Expression) -> bool:
    return x.fn == "filled" and not x.shape


def _is_one(x: Any) -> bool:
    return isinstance(x, Expression) and x.fn == "filled" and x.args[0] == 1


def _fits_in(x: Expression, other: Expression) -> bool:
    """Whether one array broadcasts to another, and its type with it."""
    sizes = zip(x.shape[::-1], other.shape[::-1], strict=False)
    fits = x.ndim <= other.ndim and all(one == 1 or one == size for one, size in sizes)
    return fits and np.result_type(x.dtype, other.dtype) == other.dtype
