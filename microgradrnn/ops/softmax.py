"""The softmax family: the largest logit is taken off first, so that no exponential overflows."""

import math
from typing import Any

import numpy as np

from microgradrnn.ops.half import HALF, computed_wide, wide
from microgradrnn.ops.record import ONE, Op
from microgradrnn.ops.reductions import spread


def _largest(xp: Any, x: Any, axis: int) -> Any:
    """The largest entry along the axis, which stays with size 1; of no entries at all -inf."""
    if x.size == 0:
        return xp.sum(x, axis=axis, keepdims=True) - math.inf
    return xp.max(x, axis=axis, keepdims=True)


def _softmax(xp: Any, x: Any, axis: int) -> Any:
    if x.dtype is HALF:
        return computed_wide(_softmax, xp, x, axis)
    e = xp.exp(x - _largest(xp, x, axis))
    return e / xp.sum(e, axis=axis, keepdims=True)


def _log_softmax(xp: Any, x: Any, axis: int) -> Any:
    if x.dtype is HALF:
        return computed_wide(_log_softmax, xp, x, axis)
    s = x - _largest(xp, x, axis)
    return s - xp.log(xp.sum(xp.exp(s), axis=axis, keepdims=True))


# Where the largest entry is infinite or nan, so is the result: inf - inf, which is nan, and log(0) are not computed.
def _logsumexp(xp: Any, x: Any, axis: int, keepdims: bool) -> Any:
    if x.dtype is HALF:
        return computed_wide(_logsumexp, xp, x, axis, keepdims)
    largest = _largest(xp, x, axis)
    finite = xp.isfinite(largest)
    sums = xp.sum(xp.exp(x - xp.where(finite, largest, 0.0)), axis=axis, keepdims=True)
    total = xp.log(xp.where(finite, sums, 1.0)) + largest
    return total if keepdims else xp.squeeze(total, axis=axis)


def _share_of_logsumexp(xp: Any, x: Any, axis: int) -> Any:
    """d(logsumexp)/d(entry): softmax; where all entries are -inf, so that none matters, 0."""
    largest = _largest(xp, x, axis)
    e = xp.exp(x - xp.where(xp.isfinite(largest), largest, 0.0))
    sums = xp.sum(e, axis=axis, keepdims=True)
    return xp.divide(e, xp.where(sums == 0, 1.0, sums))


SOFTMAX = Op(
    name="softmax",
    symbol="softmax",
    latex=r"\frac{e^{x_i}}{\sum_j e^{x_j}}",
    rule="competes: each entry gets z times (upstream − the z-weighted mean of upstream)",
    forward=_softmax,
    pull=(lambda xp, u, z, x, axis: z * (u - xp.sum(u * z, axis=axis, keepdims=True)),),
    push=(lambda xp, v, z, x, axis: z * (v - xp.sum(v * z, axis=axis, keepdims=True)),),
    formula=("z * (upstream - sum(upstream * z))",),
    in_floats=True,
    needs="an axis that x has",
    domain=("real",),
    example=(ONE, {"axis": -1}),
)

LOG_SOFTMAX = Op(
    name="log_softmax",
    symbol="log softmax",
    latex=r"x_i - \log \sum_j e^{x_j}",
    rule="competes: each entry gets upstream − softmax times the sum of upstream",
    forward=_log_softmax,
    pull=(lambda xp, u, z, x, axis: u - xp.exp(z) * xp.sum(wide(u), axis=axis, keepdims=True),),
    push=(lambda xp, v, z, x, axis: v - xp.sum(xp.exp(z) * v, axis=axis, keepdims=True),),
    formula=("upstream - exp(z) * sum(upstream)",),
    in_floats=True,
    needs="an axis that x has",
    domain=("real",),
    example=(ONE, {"axis": -1}),
)

LOGSUMEXP = Op(
    name="logsumexp",
    symbol="logsumexp",
    latex=r"\log \sum_i e^{x_i}",
    rule="shares: each entry gets upstream times its softmax",
    forward=_logsumexp,
    pull=(
        lambda xp, u, z, x, axis, keepdims: _share_of_logsumexp(xp, wide(x), axis) * spread(xp, u, x, axis, keepdims),
    ),
    push=(
        lambda xp, v, z, x, axis, keepdims: xp.sum(
            _share_of_logsumexp(xp, wide(x), axis) * v, axis=axis, keepdims=keepdims
        ),
    ),
    formula=("softmax(x) * upstream",),
    in_floats=True,
    needs="an axis that x has",
    domain=("real",),
    example=(ONE, {"axis": -1, "keepdims": False}),
)


def _counted(xp: Any, x: Any, m: Any, ignore_index: int | None) -> tuple[Any, Any]:
    """Logits and targets with harmless zeros in place of what is ignored: it may well be nan or infinite."""
    if ignore_index is None:
        return x, m
    return xp.where((m == ignore_index)[..., None], 0.0, x), m * (m != ignore_index)


def _count(x: Any, m: Any, ignore_index: int | None) -> Any:
    """How many targets the mean is over, as a number that float32 divided by it stays float32."""
    return m.size if ignore_index is None else (m != ignore_index).sum(dtype=x.dtype)


def _cross_entropy(xp: Any, x: Any, m: Any, reduction: str, ignore_index: int | None) -> Any:
    if x.dtype is HALF:
        return computed_wide(_cross_entropy, xp, x, m, reduction, ignore_index)
    logits, classes = _counted(xp, x, m, ignore_index)
    s = logits - _largest(xp, logits, -1)
    losses = xp.log(xp.sum(xp.exp(s), axis=-1)) - xp.pick(s, classes)
    if ignore_index is not None:
        losses = losses * (m != ignore_index)
    if reduction == "none":
        return losses
    total = xp.sum(losses, axis=None)
    return total / _count(x, m, ignore_index) if reduction == "mean" else total


def _cross_entropy_jacobian(xp: Any, x: Any, m: Any, reduction: str, ignore_index: int | None) -> Any:
    """S - 1[m], a row of classes for each target; 0 where the target is ignored, over their number for the mean."""
    x = wide(x)
    logits, classes = _counted(xp, x, m, ignore_index)
    rows = _softmax(xp, logits, -1) - (np.arange(x.shape[-1]) == classes[..., None])
    if ignore_index is not None:
        rows = rows * (m != ignore_index)[..., None]
    return rows / _count(x, m, ignore_index) if reduction == "mean" else rows


CROSS_ENTROPY = Op(
    name="cross_entropy",
    symbol="softmax · CE",
    latex=r"-\log \frac{e^{x_m}}{\sum_j e^{x_j}}",
    rule="competes: the logits get S − 1[m] times upstream, which sums to 0",
    forward=_cross_entropy,
    pull=(lambda xp, u, z, x, m, **how: _cross_entropy_jacobian(xp, x, m, **how) * u[..., None],),
    push=(
        lambda xp, v, z, x, m, **how: xp.sum(
            v * _cross_entropy_jacobian(xp, x, m, **how), axis=-1 if how["reduction"] == "none" else None
        ),
    ),
    formula=("(softmax(x) - 1[m]) * upstream",),
    in_floats=True,
    needs="logits of shape (..., classes) and integer targets of shape (...)",
    domain=("real", "index"),
    example=(((2, 4), (2,)), {"reduction": "sum", "ignore_index": None}),
)
