"""Ops that take entries along an axis together: sums, products, norms, the largest and the smallest."""

import dataclasses
from typing import Any

from microgradrnn.ops.elementwise import won
from microgradrnn.ops.half import HALF, SINGLE, computed_wide, wide
from microgradrnn.ops.record import ONE, Op

Axis = int | tuple[int, ...] | None


def spread(xp: Any, u: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """What a reduction left, with the axes that it took away put back, of size 1, to broadcast against x."""
    return u if keepdims or axis is None else xp.expand_dims(u, axis)


SUM = Op(
    name="sum",
    symbol="sum",
    latex=r"\sum x",
    rule="distributes: every entry gets upstream as it is",
    forward=lambda xp, x, axis, keepdims: xp.sum(x, axis=axis, keepdims=keepdims),
    pull=(lambda xp, u, z, x, axis, keepdims: xp.broadcast_to(spread(xp, u, x, axis, keepdims), x.shape),),
    push=(lambda xp, v, z, x, axis, keepdims: xp.sum(v, axis=axis, keepdims=keepdims),),
    formula=("upstream, repeated for every entry",),
    needs="an axis that x has",
    domain=("real",),
    example=(ONE, {"axis": 1, "keepdims": False}),
)

MEAN = Op(
    name="mean",
    symbol="mean",
    latex=r"\frac{1}{n} \sum x",
    rule="averages: each of the n entries gets upstream / n",
    forward=lambda xp, x, axis, keepdims: xp.mean(x, axis=axis, keepdims=keepdims),
    pull=(
        lambda xp, u, z, x, axis, keepdims: xp.broadcast_to(
            wide(spread(xp, u, x, axis, keepdims)) * z.size / max(x.size, 1), x.shape
        ),
    ),
    push=(lambda xp, v, z, x, axis, keepdims: xp.mean(v, axis=axis, keepdims=keepdims),),
    formula=("upstream / n, repeated for every entry",),
    needs="an axis that x has",
    domain=("real",),
    example=(ONE, {"axis": 1, "keepdims": False}),
)


def _product_of_others(xp: Any, x: Any, axis: Axis) -> Any:
    """d(product)/d(entry): what all others along the axis come to, where some are 0 too."""
    zero = x == 0
    zeros = xp.sum(zero, axis=axis, keepdims=True)
    divisor = xp.where(zero, 1.0, x)
    rest = xp.divide(xp.prod(divisor, axis=axis, keepdims=True), divisor)
    return xp.where(zeros == zero, rest, 0.0)  # where this entry is the only 0, or there is none


PROD = Op(
    name="prod",
    symbol="Π",
    latex=r"\prod_i x_i",
    rule="scales: each entry gets upstream times the product of the others",
    forward=lambda xp, x, axis, keepdims: xp.prod(x, axis=axis, keepdims=keepdims),
    pull=(lambda xp, u, z, x, axis, keepdims: spread(xp, u, x, axis, keepdims) * _product_of_others(xp, x, axis),),
    push=(
        lambda xp, v, z, x, axis, keepdims: xp.sum(v * _product_of_others(xp, x, axis), axis=axis, keepdims=keepdims),
    ),
    formula=("upstream * product of the other entries",),
    needs="an axis that x has",
    domain=("real",),
    example=(ONE, {"axis": 1, "keepdims": False}),
)

# At 0 it has a kink: the gradient there is 0, as PyTorch's; that of its scalar graph, of a root, is not a number.
NORM = Op(
    name="norm",
    symbol="‖x‖",
    latex=r"\sqrt{\sum_i x_i^2}",
    rule="scales: each entry gets upstream times x / z, 0 where z is 0",
    forward=lambda xp, x, axis, keepdims: xp.sqrt(xp.sum(x * x, axis=axis, keepdims=keepdims)),
    pull=(
        lambda xp, u, z, x, axis, keepdims: x * spread(xp, xp.divide(u, xp.where(z == 0, 1.0, z)), x, axis, keepdims),
    ),
    push=(
        lambda xp, v, z, x, axis, keepdims: xp.divide(
            xp.sum(v * x, axis=axis, keepdims=keepdims), xp.where(z == 0, 1.0, z)
        ),
    ),
    formula=("upstream * x / z",),
    needs="an axis that x has",
    in_floats=True,
    domain=("nonzero",),
    example=(ONE, {"axis": 1, "keepdims": False}),
)


def _reversed(x: Any, axis: int) -> Any:
    return x[(*(slice(None),) * (axis % x.ndim), slice(None, None, -1))]


def _cumsum(xp: Any, x: Any, axis: int) -> Any:
    if x.dtype is HALF:
        return computed_wide(_cumsum, xp, x, axis)
    return xp.cumsum(x, axis=axis)


CUMSUM = Op(
    name="cumsum",
    symbol="cumsum",
    latex=r"\sum_{j \le i} x_j",
    rule="distributes: each entry gets the sum of upstream from its own place to the end",
    forward=_cumsum,
    pull=(lambda xp, u, z, x, axis: _reversed(xp.cumsum(_reversed(wide(u), axis), axis=axis), axis),),
    push=(lambda xp, v, z, x, axis: xp.cumsum(wide(v), axis=axis),),
    formula=("upstream, summed up from the end",),
    needs="an axis that x has",
    domain=("real",),
    example=(ONE, {"axis": 1}),
)


def _to_extreme(xp: Any, u: Any, z: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """u where x is the largest or smallest along the axis, split evenly where several are, and 0 elsewhere."""
    best = won(x, spread(xp, z, x, axis, keepdims))
    how_many = xp.sum(best, axis=axis, keepdims=True, dtype=SINGLE if x.dtype is HALF else x.dtype)
    return xp.where(best, u / how_many, 0.0)


def _extreme_pull(xp: Any, u: Any, z: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    return _to_extreme(xp, spread(xp, u, x, axis, keepdims), z, x, axis, keepdims)


def _extreme_push(xp: Any, v: Any, z: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    return xp.sum(_to_extreme(xp, v, z, x, axis, keepdims), axis=axis, keepdims=keepdims)


MAX = Op(
    name="max",
    symbol="max",
    latex=r"\max x",
    rule="routes: the largest entry gets upstream, ties share it evenly",
    forward=lambda xp, x, axis, keepdims: xp.max(x, axis=axis, keepdims=keepdims),
    pull=(_extreme_pull,),
    push=(_extreme_push,),
    formula=("upstream where x is the largest, else 0",),
    needs="an axis that x has, with at least one entry",
    domain=("distinct",),
    example=(ONE, {"axis": 1, "keepdims": False}),
)

MIN = Op(
    name="min",
    symbol="min",
    latex=r"\min x",
    rule="routes: the smallest entry gets upstream, ties share it evenly",
    forward=lambda xp, x, axis, keepdims: xp.min(x, axis=axis, keepdims=keepdims),
    pull=(_extreme_pull,),
    push=(_extreme_push,),
    formula=("upstream where x is the smallest, else 0",),
    needs="an axis that x has, with at least one entry",
    domain=("distinct",),
    example=(ONE, {"axis": 1, "keepdims": False}),
)


def _first_extreme(xp: Any, z: Any, x: Any, axis: int, keepdims: bool) -> Any:
    """1 for the first entry along the axis that is the largest, or smallest, else 0."""
    best = won(x, spread(xp, z, x, axis, keepdims))
    return best & (xp.cumsum(best, axis=axis) == 1)


def _first_pull(xp: Any, u: Any, z: Any, x: Any, axis: int, keepdims: bool) -> Any:
    return spread(xp, u, x, axis, keepdims) * _first_extreme(xp, z, x, axis, keepdims)


def _first_push(xp: Any, v: Any, z: Any, x: Any, axis: int, keepdims: bool) -> Any:
    return xp.sum(v * _first_extreme(xp, z, x, axis, keepdims), axis=axis, keepdims=keepdims)


# What PyTorch's max(dim=) and min(dim=) give: as max and min, but of ties the first gets it all.
FIRST_MAX = dataclasses.replace(
    MAX,
    name="first_max",
    forward=lambda xp, x, axis, keepdims: xp.first_max(x, axis=axis, keepdims=keepdims),
    rule="routes: the largest entry gets upstream, of ties the first",
    pull=(_first_pull,),
    push=(_first_push,),
    formula=("upstream where x is the first of the largest, else 0",),
)

FIRST_MIN = dataclasses.replace(
    MIN,
    name="first_min",
    forward=lambda xp, x, axis, keepdims: xp.first_min(x, axis=axis, keepdims=keepdims),
    rule="routes: the smallest entry gets upstream, of ties the first",
    pull=(_first_pull,),
    push=(_first_push,),
    formula=("upstream where x is the first of the smallest, else 0",),
)
