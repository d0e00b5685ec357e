"""The shape and type of what each function gives, and when two shapes are one.

A rule, such as `entrywise`, takes a row of `microgradrnn.program.table` and what that function is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from microgradrnn.program.expressions import Expression
from microgradrnn.program.sizes import Shape, Size, broadcast, free_sizes, product, unite

if TYPE_CHECKING:
    from microgradrnn.program.table import Function

Args = tuple[Any, ...]
Params = Mapping[str, Any]
Result = tuple[Shape, np.dtype[Any]]
Rule = Callable[["Function", Args, Params], Result]


def entrywise(row: Function, args: Args, params: Params) -> Result:
    """Entry by entry, with broadcasting."""
    shape = broadcast([x.shape for x in args if isinstance(x, Expression)], f"{row.name} broadcasts it")
    return shape, computed_type(row, args)


def computed_type(row: Function, args: Args) -> np.dtype[Any]:
    """What NumPy makes of these types; Python's numbers take the type of what they meet."""
    numbers = (int(x) if type(x) is Size else x for x in args)
    return _computed_type(row, tuple([x.dtype if isinstance(x, Expression) else (type(x), x) for x in numbers]))


@lru_cache(maxsize=1024)
def _computed_type(row: Function, kinds: tuple[Any, ...]) -> np.dtype[Any]:
    """The same for types of arrays, and numbers beside their types: it is asked for a few cases over and over."""
    samples = [np.ones((1, 1), kind) if isinstance(kind, np.dtype) else kind[1] for kind in kinds]
    with np.errstate(all="ignore"):
        return np.asarray(row.computes(*samples)).dtype


def multiplied(row: Function, args: Args, params: Params) -> Result:
    """The matrix product."""
    x, y = args
    unite(x.shape[-1], y.shape[-2] if y.ndim > 1 else y.shape[0], reason="it is the inner size of a matrix product")
    stack = broadcast([x.shape[:-2], y.shape[:-2]], "matmul broadcasts it")
    return stack + x.shape[-2:-1] + (y.shape[-1:] if y.ndim > 1 else ()), np.result_type(x.dtype, y.dtype)


def contracted(row: Function, args: Args, params: Params) -> Result:
    """The sum of products over the first axes."""
    x, y = args
    return x.shape[params["axes"] :] + y.shape[params["axes"] :], np.result_type(x.dtype, y.dtype)


def reduced(row: Function, args: Args, params: Params) -> Result:
    """Over an axis, several, or all."""
    (x,) = args
    axes, kept = axes_of(params["axis"], x.ndim), [1] if params.get("keepdims") else []
    shape = [size for i, n in enumerate(x.shape) for size in (kept if i in axes else [n])]
    return tuple(shape), np.dtype(params.get("dtype") or reduced_type(row, x))


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """An axis, several, or all (None), counted from the left.

    >>> axes_of(-1, 3), axes_of((0, -1), 3), axes_of(None, 3)
    ((2,), (0, 2), (0, 1, 2))
    """
    return normalize_axis_tuple(range(ndim) if axis is None else axis, ndim)


def reduced_type(row: Function, x: Expression) -> np.dtype[Any]:
    """The type that a reduction gives unless it is told another."""
    return getattr(np, row.name)(np.ones(1, x.dtype)).dtype  # type: ignore[no-any-return]


def accumulated(row: Function, args: Args, params: Params) -> Result:
    """The sums of the first entries along an axis."""
    return args[0].shape, reduced_type(row, args[0])


def as_told(row: Function, args: Args, params: Params) -> Result:
    """In a shape that was asked for."""
    return params["shape"], params.get("dtype") or args[0].dtype


def permuted(row: Function, args: Args, params: Params) -> Result:
    """The axes in another order."""
    return tuple(args[0].shape[axis] for axis in params["axes"]), args[0].dtype


def joined(row: Function, args: Args, params: Params) -> Result:
    """Arrays along an axis that they have."""
    axis = params["axis"]
    shape = list(broadcast([(*x.shape[:axis], 1, *x.shape[axis + 1 :]) for x in args], "arrays are joined"))
    shape[axis] = sum(x.shape[axis] for x in args)
    return tuple(shape), np.result_type(*(x.dtype for x in args))


def stacked(row: Function, args: Args, params: Params) -> Result:
    """Arrays along a new axis."""
    shape = list(broadcast([x.shape for x in args], "arrays are stacked"))
    shape.insert(params["axis"], len(args))
    return tuple(shape), np.result_type(*(x.dtype for x in args))


def picked(row: Function, args: Args, params: Params) -> Result:
    """One entry of each row of the last axis."""
    return args[0].shape[:-1], args[0].dtype


def indexed(row: Function, args: Args, params: Params) -> Result:
    """NumPy's indexing: integers, slices, None, ..., and integer or boolean arrays."""
    x, key = args
    arrays = [part for part in key if isinstance(part, Expression)]
    if not arrays:
        return basic_shape(x.shape, key), x.dtype
    if len(key) == 1 and arrays[0].dtype.kind in "iu":
        return arrays[0].shape + x.shape[1:], x.dtype
    return fancy_shape(x.shape, key), x.dtype


def row_of(row: Function, args: Args, params: Params) -> Result:
    """One row of an array that has one for each step."""
    return args[0].shape[1:], args[0].dtype


def alike(row: Function, args: Args, params: Params) -> Result:
    """As the first argument is."""
    return args[0].shape, args[0].dtype


def cast(row: Function, args: Args, params: Params) -> Result:
    """The same entries as another type."""
    return args[0].shape, args[1]


def same(shape: Iterable[int], other: Iterable[int]) -> bool:
    """Whether two shapes are one, whatever the dimensions are."""
    return [_factors([size]) for size in shape] == [_factors([size]) for size in other]


def same_product(a: Iterable[int], b: Iterable[int]) -> bool:
    """Whether two shapes have equally many entries, whatever the dimensions are."""
    return _factors(a) == _factors(b)


def _factors(shape: Iterable[int]) -> tuple[int, list[tuple[int, int]]]:
    """The number of entries as a number and the dimensions that it is multiplied with."""
    total = product(shape)
    return total.known if isinstance(total, Size) else (int(total), [])


def basic_shape(shape: Shape, key: tuple[Any, ...]) -> Shape:
    """The shape of what integers, slices, None and ... pick."""
    taken = sum(part is not None and part is not Ellipsis for part in key)
    key = key if Ellipsis in key else (*key, Ellipsis)
    place = key.index(Ellipsis)
    sizes, found = iter(shape), []
    for part in (*key[:place], *[slice(None)] * (len(shape) - taken), *key[place + 1 :]):
        if part is None:
            found.append(1)
            continue
        size = next(sizes)
        if isinstance(part, slice):
            found.append(_sliced(size, part))
        elif isinstance(size, Size) and part not in (0, -1):
            size.fix("one entry of it is read by its number")
    return tuple(found)


def _sliced(size: Any, part: slice) -> Any:
    if part == slice(None):
        return size
    length = len(range(*part.indices(int(size))))
    if isinstance(size, Size):
        ends = part.stop is None or part.stop < 0
        left_out = (part.start or 0) - (part.stop or 0)
        # The rest of it, whatever its length is; what is empty because too much was left out does not show that.
        if part.step in (None, 1) and ends and (part.start or 0) >= 0 and left_out <= int(size):
            return size + -left_out
        if part.step == -1 and part.start is None and part.stop is None:
            return size
        size.fix("a slice of it was taken whose ends were numbers when recorded")
    return length


def fancy_shape(shape: Shape, key: tuple[Any, ...]) -> Shape:
    """The shape of what index arrays pick, asked of NumPy."""
    for size in free_sizes((*shape, *(n for part in key if isinstance(part, Expression) for n in part.shape))):
        size.fix("it is indexed with arrays")
    sample = np.broadcast_to(0, tuple(map(int, shape)))
    where = tuple(_sample(part) if isinstance(part, Expression) else part for part in key)
    return tuple(sample[where].shape)


def _sample(part: Expression) -> Any:
    """An index array to try: a constant's own numbers, since how many entries a mask picks depends on them."""
    shape = tuple(map(int, part.shape))
    if part.fn == "constant":
        return part.args[0].value
    if part.dtype.kind == "b" and part.fn != "filled":
        raise ValueError("compile: how many entries a mask picks is only known of a mask that is a constant")
    return np.full(shape, part.args[0] if part.fn == "filled" else 0, part.dtype)
