"""The shapes of what is picked out of an array, and when two shapes are one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from microgradrnn.program.expressions import Expression
from microgradrnn.program.sizes import Shape, Size, product


def same(shape: Iterable[int], other: Iterable[int]) -> bool:
    """Whether two shapes are one, whatever the dimensions are."""
    return [_factors([size]) for size in shape] == [_factors([size]) for size in other]


def same_product(a: Iterable[int], b: Iterable[int]) -> bool:
    """Whether two shapes have equally many entries, whatever the dimensions are."""
    return _factors(a) == _factors(b)


def _factors(shape: Iterable[int]) -> tuple[int, list[tuple[int, int]]]:
    """The number of entries as a number and the dimensions that it is multiplied with."""
    total = product(shape)
    if not isinstance(total, Size):
        return int(total), []
    roots = [(*dimension.root(), more) for dimension, more in total.factors]
    return total.times, sorted((id(root), offset + more) for root, offset, more in roots)


def basic_shape(shape: Shape, key: tuple[Any, ...]) -> Shape:
    """The shape of what integers, slices, None and ... pick."""
    named = sum(part is not None and part is not Ellipsis for part in key)
    if Ellipsis in [part for part in key if part is None or part is Ellipsis]:
        at = next(i for i, part in enumerate(key) if part is Ellipsis)
        key = key[:at] + (slice(None),) * (len(shape) - named) + key[at + 1 :]
    else:
        key = key + (slice(None),) * (len(shape) - named)
    sizes, found = iter(shape), []
    for part in key:
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
    for size in (*shape, *(n for part in key if isinstance(part, Expression) for n in part.shape)):
        if isinstance(size, Size):
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
