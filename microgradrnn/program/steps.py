"""The words that loops add to NumPy's: a value at a step, at all steps, summed over them, and after the last.

And what an op needs, `in_floats`, and a gradient: `fit`, `scattered`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradrnn.ops import Op, Scattered
from microgradrnn.program.expressions import Carry, Expression, Loop


def step(x: Any, loop: Loop, sign: int = 1, first: int = 0) -> Any:
    """In step k of a loop, row ``sign * k + first`` of an array; what has no steps stays as it is."""
    if not isinstance(x, Expression):
        return x
    if x.fn == "whole" and sign == 1 and first == 0 and x.params["loop"] is loop:
        return x.args[0]
    return x.home.make("step", (x, sign, first), loop=loop)


def whole(x: Any, loop: Loop | None = None) -> Any:
    """The values of all steps, one below the other."""
    loop = x.loop if isinstance(x, Expression) and x.loop is not None else loop
    assert loop is not None
    found = x.home.make("whole", (x,), {"loop": loop}, (loop.length, *x.shape), x.dtype)
    return x.home.note(found, name=x.name, why=x.why)


def total(x: Any, loop: Loop | None = None) -> Any:
    """The sum over all steps."""
    if not isinstance(x, Expression):
        assert loop is not None
        return x * loop.length
    loop = x.loop if x.loop is not None else loop
    return x.home.note(x.home.make("total", (x,), {"loop": loop}), why=x.why)


def final(carry: Carry) -> Expression:
    """What a loop hands on from its last step."""
    return carry.initial.home.make("final", (carry.value,))


def in_floats(op: Op, xs: list[Any]) -> list[Any]:
    """The inputs of an op as `microgradrnn.engine.record` hands them to it."""
    if op.in_floats and isinstance(xs[0], Expression) and xs[0].dtype.kind != "f":
        return [xs[0].astype(np.dtype(np.float64)), *xs[1:]]
    return xs


def zeros_like(x: Expression) -> Expression:
    """Zeros of its shape and type."""
    return x.home.filled(0.0, x.shape, x.dtype)


def fit(downstream: Any, x: Any) -> Any:
    """Undo broadcasting and casting, as `microgradrnn.backprop` does."""
    if not isinstance(x, Expression) or not isinstance(downstream, Expression):
        return downstream
    extra = downstream.ndim - x.ndim
    if extra > 0:
        downstream = downstream.home.sum(downstream, axis=tuple(range(extra)))
    stretched = tuple(
        i for i, (one, other) in enumerate(zip(downstream.shape, x.shape, strict=True)) if one != other and other == 1
    )
    if stretched:
        downstream = downstream.home.sum(downstream, axis=stretched, keepdims=True)
    if any(one != other for one, other in zip(downstream.shape, x.shape, strict=True)):
        downstream = downstream.home.broadcast_to(downstream, x.shape)
    return downstream.astype(x.dtype)


def scattered(base: Any, parts: Sequence[Scattered], like: Expression) -> Expression:
    """Zeros, or ``base``, with values added at their keys; side by side where they fill an axis exactly."""
    xp = like.home
    tiled = _tiles(parts, like) if base is None else None
    if tiled is not None:
        return tiled
    args: list[Any] = [base if isinstance(base, Expression) else zeros_like(like)]
    if base is not None and not isinstance(base, Expression):
        args[0] = args[0] + base
    for part in parts:
        args += [part.key, part.values]
    return xp.make("scattered", tuple(args), {}, like.shape, like.dtype)


def _tiles(parts: Sequence[Scattered], like: Expression) -> Expression | None:
    """Values whose keys are slices of the last axis, one after another, as those of a cell's gates are."""
    ends = []
    for part in parts:
        key = part.key
        whole_axes = all(part is Ellipsis or (isinstance(part, slice) and part == slice(None)) for part in key[:-1])
        last = len(key) == like.ndim or (len(key) > 1 and key[0] is Ellipsis)
        if not (whole_axes and last and isinstance(key[-1], slice) and key[-1].step in (None, 1)):
            return None
        ends.append((key[-1].start or 0, key[-1].stop, part.values))
    ends.sort(key=lambda end: end[0])
    starts, stops = [end[0] for end in ends], [end[1] for end in ends]
    if starts != [0, *stops[:-1]] or stops[-1] not in (None, like.shape[-1]):
        return None
    return like.home.concatenate([values for _, _, values in ends], axis=-1)


def all_scattered(part: Scattered, loop: Loop) -> Scattered:
    """What every step scatters, as one."""
    if any(isinstance(x, Expression) for x in part.key):
        return Scattered((whole(part.key[0], loop),), whole(part.values, loop))
    return Scattered(part.key, total(part.values, loop))


def stands_alone(key: tuple[Any, ...]) -> bool:
    """Whether a key is one index array, or holds none."""
    return len(key) == 1 or not any(isinstance(x, Expression) for x in key)


def each_row(rows: Expression, sign: int, first: int, like: Expression) -> Any:
    """The rows that a loop has made, where they stand in the array that it read them from."""
    key, rows = rows_read(like, rows.shape[0], sign, first), rows if sign == 1 else rows[::-1]
    return rows if key == slice(None) else Scattered((key,), rows)


def rows_read(x: Expression, length: int, sign: int, first: int) -> slice:
    """Which rows of an array a loop reads that reads row ``sign * k + first`` in step k."""
    start = first if sign == 1 else first - int(length) + 1
    left_out = int(x.shape[0]) - start - int(length)
    return slice(start or None, -left_out or None)
