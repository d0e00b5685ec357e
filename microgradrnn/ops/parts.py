"""Ops that read parts of an array, or join arrays."""

from collections.abc import Sequence
from typing import Any

from microgradrnn.ops.record import EachInput, Function, Op, Scattered


class _Array:
    """Stands in an index key for the next index array, which is an input of the node."""

    def __repr__(self) -> str:
        return "array"


ARRAY = _Array()


def index_key(key: tuple[Any, ...], arrays: Sequence[Any]) -> tuple[Any, ...]:
    """The key that NumPy takes: each `ARRAY` in it replaced by the next of the index arrays."""
    remaining = iter(arrays)
    return tuple(next(remaining) if part is ARRAY else part for part in key)


INDEX = Op(
    name="index",
    symbol="[ ]",
    latex="x_{i}",
    rule="picks: the entries that were read get upstream, an entry read twice gets both, the others nothing",
    forward=lambda xp, x, *arrays, key: x[index_key(key, arrays)],
    pull=(lambda xp, u, z, x, *arrays, key: Scattered(index_key(key, arrays), u),),
    push=(lambda xp, v, z, x, *arrays, key: v[index_key(key, arrays)],),
    formula=("zeros, with upstream added where x was read",),
    needs="indices that lie inside x's shape",
    domain=("real", "index"),
    example=(((3, 4), (5,)), {"key": (ARRAY,)}),
)


def _joined_part(slot: int, ndim: int, axis: int, starts: tuple[int, ...]) -> tuple[Any, ...]:
    """Where an input stands in what it was joined into."""
    return (*(slice(None),) * (axis % ndim), slice(starts[slot], starts[slot + 1]))


def _stacked_part(slot: int, ndim: int, axis: int) -> tuple[Any, ...]:
    return (*(slice(None),) * (axis % ndim), slot)


def _deal(part: Function) -> Function:
    """The pull of each input: its part of upstream."""
    return lambda slot: lambda xp, u, z, xs, **params: u[part(slot, z.ndim, **params)]


def _put(part: Function) -> Function:
    """The push of each input: its tangent in its place."""
    return lambda slot: lambda xp, v, z, xs, **params: Scattered(part(slot, z.ndim, **params), v)


# `starts` says where each input begins along the axis, and where the last one ends; see `functional.concat`.
CONCAT = Op(
    name="concat",
    symbol="concat",
    latex="[x ; y]",
    rule="deals: each input gets its own part of upstream",
    forward=lambda xp, *xs, axis, starts: xp.concatenate(xs, axis=axis),
    pull=EachInput(_deal(_joined_part)),
    push=EachInput(_put(_joined_part)),
    formula=("this input's part of upstream",),
    needs="inputs that agree on every axis but the one they are joined along",
    domain=("real", "real"),
    example=(((2, 3), (2, 1)), {"axis": 1, "starts": (0, 3, 4)}),
)

STACK = Op(
    name="stack",
    symbol="stack",
    latex="[x, y]",
    rule="deals: each input gets its own part of upstream",
    forward=lambda xp, *xs, axis: xp.stack(xs, axis=axis),
    pull=EachInput(_deal(_stacked_part)),
    push=EachInput(_put(_stacked_part)),
    formula=("this input's part of upstream",),
    needs="inputs of one shape",
    domain=("real", "real"),
    example=(((2, 3), (2, 3)), {"axis": 1}),
)
