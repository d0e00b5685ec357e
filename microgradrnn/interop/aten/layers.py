"""Softmax, losses, normalisations, convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradrnn import functional, ops
from microgradrnn.engine import constant, record
from microgradrnn.interop.aten.entrywise import _cast
from microgradrnn.interop.aten.shapes import permuted, unfolded, viewed
from microgradrnn.interop.table import Row

_REDUCTIONS = ("none", "mean", "sum")
"""By PyTorch's numbers for them."""


def _softmax(op: ops.Op) -> Row:
    def row(x: Any, dim: int, half_to_float: Any = False) -> Any:
        return record(op, x, axis=dim) if x.ndim else record(op, x.reshape(1), axis=0).reshape(())

    return row


def _safe_softmax(x: Any, dim: int, dtype: Any = None) -> Any:
    """Of a row whose entries are all -inf, 0."""
    x = _cast(x, dtype)
    nothing = np.isneginf(x._data).all(axis=dim, keepdims=True)
    if not nothing.any():
        return x.softmax(axis=dim)
    return functional.where(nothing, 0.0, functional.where(nothing, 0.0, x).softmax(axis=dim))


def _reduced(losses: Any, reduction: int) -> Any:
    if reduction == 0:
        return losses
    return losses.mean() if reduction == 1 else losses.sum()


def _nll(x: Any, target: Any, weight: Any, reduction: int, ignore_index: int) -> Any:
    """Minus the target's entry of each row, weighted by its class."""
    classes = target._data
    counted = classes != ignore_index
    safe = np.where(counted, classes, 0)
    rows = permuted(x, [0, *range(2, x.ndim), 1]) if x.ndim > 2 else x
    picked = rows[(*np.indices(classes.shape), safe)]
    if weight is None and counted.all():
        return -_reduced(picked, reduction)
    factors = counted.astype(x.dtype) * (1 if weight is None else weight._data[safe])
    losses = -(picked * constant(factors))
    return losses.sum() / factors.sum() if reduction == 1 else _reduced(losses, reduction)


def _cross_entropy(x: Any, target: Any, weight: Any, reduction: int, ignore_index: int) -> Any:
    """Of a log softmax over the classes one node with it, as PyTorch's cross_entropy means them.

    The second output, a sum of weights, is for PyTorch's own gradient.
    """
    inner = x.inputs[0] if x.op is ops.RESHAPE and x.shape[:2] == x.inputs[0].shape[:2] else x
    counted = target._data != ignore_index
    over_classes = inner.op is ops.LOG_SOFTMAX and inner.params["axis"] % inner.ndim == min(1, inner.ndim - 1)
    if not over_classes or weight is not None or not counted.any() or (inner is not x and reduction == 0):
        return _nll(x, target, weight, reduction, ignore_index), NotImplemented
    logits = inner.inputs[0]
    classes = target if inner is x else viewed(target, inner.shape[:1] + inner.shape[2:])
    rows = logits if logits.ndim <= 2 else permuted(logits, [0, *range(2, logits.ndim), 1])
    if reduction and classes.op is ops.RESHAPE:  # both may have been flattened, to one row a target
        stack = viewed(rows, (*classes.inputs[0].shape, rows.shape[-1]))
        if stack.op is not ops.RESHAPE or stack.inputs[0] is not rows:
            rows, classes = stack, classes.inputs[0]
    ignored = None if counted.all() else ignore_index
    return functional.cross_entropy(
        rows, classes, reduction=_REDUCTIONS[reduction], ignore_index=ignored
    ), NotImplemented


def _mse(x: Any, target: Any, reduction: int = 1) -> Any:
    return _reduced((x - target) ** 2, reduction)


def _huber(x: Any, target: Any, reduction: int = 1, delta: float = 1.0) -> Any:
    error = (x - target).abs()
    near = error.clamp(max=delta)
    return _reduced(near * (error - 0.5 * near), reduction)


def _smooth_l1(x: Any, target: Any, reduction: int = 1, beta: float = 1.0) -> Any:
    if beta == 0:
        return _reduced((x - target).abs(), reduction)
    return _huber(x, target, reduction, beta) / beta


def _binary_cross_entropy(x: Any, target: Any, weight: Any = None, reduction: int = 1) -> Any:
    """PyTorch cuts the logarithms off at -100; their gradient it does not cut off."""
    losses = -(target * x.log().clamp(min=-100.0) + (1.0 - target) * (1.0 - x).log().clamp(min=-100.0))
    return _reduced(losses if weight is None else losses * weight, reduction)


def _binary_cross_entropy_with_logits(
    x: Any, target: Any, weight: Any = None, pos_weight: Any = None, reduction: int = 1
) -> Any:
    ones = target if pos_weight is None else target * pos_weight
    losses = ones * (-x).softplus() + (1.0 - target) * x.softplus()
    return _reduced(losses if weight is None else losses * weight, reduction)


def _layer_norm(x: Any, shape: Any, weight: Any, bias: Any, eps: float) -> Any:
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    y, mean, rstd = _normalised(x, axes, eps)
    y = y if weight is None else y * weight
    return (y if bias is None else y + bias), mean, rstd


def _normalised(x: Any, axes: tuple[int, ...], eps: float) -> tuple[Any, Any, Any]:
    """x less its mean, over its standard deviation; the mean; and one over the deviation."""
    mean = x.mean(axis=axes, keepdims=True)
    centred = x - mean
    deviation = ((centred**2).mean(axis=axes, keepdims=True) + eps).sqrt()
    return centred / deviation, mean, 1.0 / deviation


def _group_norm(x: Any, weight: Any, bias: Any, N: int, C: int, size: int, groups: int, eps: float) -> Any:
    y, mean, rstd = _normalised(x.reshape(N, groups, -1), (2,), eps)
    y = _per_channel(y.reshape(x.shape), weight, bias)
    return y, mean.reshape(N, groups), rstd.reshape(N, groups)


def _per_channel(y: Any, weight: Any, bias: Any) -> Any:
    shape = (1, -1, *(1,) * (y.ndim - 2))
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


def _batch_norm(
    x: Any, weight: Any, bias: Any, mean: Any, var: Any, training: bool, momentum: float, eps: float
) -> Any:
    axes = (0, *range(2, x.ndim))
    if training or mean is None:
        y, mean, rstd = _normalised(x, axes, eps)
        return _per_channel(y, weight, bias), mean.reshape(-1), rstd.reshape(-1)
    shape = (1, -1, *(1,) * (x.ndim - 2))
    y = (x - mean.reshape(shape)) / (var + eps).sqrt().reshape(shape)
    return _per_channel(y, weight, bias), NotImplemented, NotImplemented


def _convolution(
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Any:
    if transposed or len(stride) not in (1, 2):
        return NotImplemented
    function = functional.conv1d if len(stride) == 1 else functional.conv2d
    return function(x, weight, bias, tuple(stride), tuple(padding), tuple(dilation), groups)


def _average_pool(
    x: Any,
    kernel: Any,
    stride: Any = (),
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> Any:
    kernels, steps, pads = (_two(setting) for setting in (kernel, stride or kernel, padding))
    if ceil_mode or divisor_override is not None or (any(pads) and not count_include_pad):
        return NotImplemented
    x = functional.pad(x, (pads[1], pads[1], pads[0], pads[0])) if any(pads) else x
    for which, axis in enumerate((x.ndim - 2, x.ndim - 1)):
        x = unfolded(x, axis, kernels[which], steps[which])
    return x.mean(axis=(-2, -1))


def _two(setting: Any) -> tuple[int, int]:
    one, *rest = setting if isinstance(setting, (list, tuple)) else (setting,)
    return one, rest[0] if rest else one


def _ctc(
    x: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int = 0, zero_infinity: bool = False
) -> Any:
    """A loss for each sequence; PyTorch reduces them itself. The second output is for its own gradient."""
    lengths = [np.asarray(getattr(found, "_data", found)).tolist() for found in (input_lengths, target_lengths)]
    if targets.ndim != 2 or x.ndim != 3:
        return NotImplemented
    losses = functional.ctc_loss(x, targets, lengths[0], lengths[1], blank, "none", zero_infinity)
    return losses, NotImplemented


ROWS: dict[str, Row] = {
    "aten._softmax": _softmax(ops.SOFTMAX),
    "aten._log_softmax": _softmax(ops.LOG_SOFTMAX),
    "aten._safe_softmax": _safe_softmax,
    "aten.nll_loss_forward": _cross_entropy,
    "aten.nll_loss2d_forward": _cross_entropy,
    "aten.mse_loss": _mse,
    "aten.huber_loss": _huber,
    "aten.smooth_l1_loss": _smooth_l1,
    "aten.binary_cross_entropy": _binary_cross_entropy,
    "aten.binary_cross_entropy_with_logits": _binary_cross_entropy_with_logits,
    "aten.native_layer_norm": _layer_norm,
    "aten.native_group_norm": _group_norm,
    "aten.native_batch_norm": _batch_norm,
    "aten.convolution": _convolution,
    "aten.avg_pool2d": _average_pool,
    "aten._ctc_loss": _ctc,
}
