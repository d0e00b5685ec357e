"""Operations on each entry alone: arithmetic, nonlinearities, choosing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microgradrnn import functional, ops
from microgradrnn.engine import Node, constant, record
from microgradrnn.interop.table import Row


def _scaled(x: Any, alpha: Any) -> Any:
    return x if alpha == 1 else x * alpha


def _div(x: Any, y: Any, rounding_mode: str | None = None) -> Any:
    if rounding_mode is None:
        return x / y
    return record(ops.FLOOR_DIVIDE, x, y) if rounding_mode == "floor" else _trunc(x / y)


def _trunc(x: Any) -> Any:
    return x.sign() * x.abs().floor()


def _clamp(x: Any, low: Any = None, high: Any = None) -> Any:
    return x if low is None and high is None else x.clamp(low, high)


def _between(x: Any, low: Any, high: Any) -> Any:
    """x cut off at two limits; at a limit itself x gets no gradient, unlike in `clamp`."""
    inside = constant((x._data > low) & (x._data < high))
    return functional.where(inside, x, np.clip(x._data, low, high))


def _softplus(x: Any, beta: Any = 1, threshold: Any = 20) -> Any:
    linear = x._data * beta > threshold
    curved = _scaled(x, beta).softplus() / beta if beta != 1 else x.softplus()
    return functional.where(linear, x, curved) if linear.any() else curved


def _elu(x: Any, alpha: Any = 1, scale: Any = 1, input_scale: Any = 1) -> Any:
    if input_scale == 1:
        return _scaled(x.elu(alpha), scale)
    return _scaled(functional.where(x._data > 0, x, alpha * (x.clamp(max=0.0) * input_scale).expm1()), scale)


def _gelu(x: Any, *, approximate: str = "none") -> Any:
    return x.gelu(approximate)


def _lerp(x: Any, end: Any, weight: Any) -> Any:
    return x + weight * (end - x)


def _pow(x: Any, exponent: Any) -> Any:
    return x**exponent


def _copy(x: Any, source: Any, non_blocking: bool = False) -> Any:
    return to_shape(_cast(source, x.dtype), x.shape)


def to_shape(x: Any, shape: Any) -> Any:
    """x broadcast to a shape."""
    return x if x.shape == tuple(shape) else x.expand(tuple(shape))


def _cast(x: Any, dtype: Any = None) -> Any:
    return x if dtype is None or x.dtype == dtype else record(ops.ASTYPE, x, dtype=np.dtype(dtype))


def _fill(x: Any, value: Any = 0.0) -> Any:
    if isinstance(value, Node):
        return to_shape(_cast(value, x.dtype), x.shape)
    return constant(np.full(x.shape, value, x.dtype))


def _masked_fill(x: Any, mask: Any, value: Any) -> Any:
    return functional.where(mask, value, x)


def _maximum(x: Any, y: Any) -> Any:
    return functional.maximum(x, y)


def _threshold(x: Any, threshold: Any, value: Any) -> Any:
    return functional.where(x._data > threshold, x, value)


def _log_sigmoid(x: Any) -> Any:
    """The second output is a buffer of PyTorch's."""
    return -((-x).softplus()), NotImplemented


ROWS: dict[str, Row] = {
    "aten.add": lambda x, y, alpha=1: x + _scaled(y, alpha),
    "aten.sub": lambda x, y, alpha=1: x - _scaled(y, alpha),
    "aten.rsub": lambda x, y, alpha=1: y - _scaled(x, alpha),
    "aten.mul": lambda x, y: x * y,
    "aten.div": _div,
    "aten.pow": _pow,
    "aten.remainder": lambda x, y: record(ops.REMAINDER, x, y),
    "aten.floor_divide": lambda x, y: record(ops.FLOOR_DIVIDE, x, y),
    "aten.fmod": lambda x, y: x - _trunc(x / y) * y,
    "aten.hypot": lambda x, y: (x * x + y * y).sqrt(),
    "aten.addcmul": lambda x, y, z, value=1: x + _scaled(y * z, value),
    "aten.addcdiv": lambda x, y, z, value=1: x + _scaled(y / z, value),
    "aten.lerp": _lerp,
    "aten.maximum": _maximum,
    "aten.minimum": lambda x, y: functional.minimum(x, y),
    "aten.where.self": lambda condition, x, y: functional.where(condition, x, y),
    "aten.neg": lambda x: -x,
    "aten.abs": lambda x: x.abs(),
    "aten.exp": lambda x: x.exp(),
    "aten.exp2": lambda x: 2.0**x,
    "aten.expm1": lambda x: x.expm1(),
    "aten.log": lambda x: x.log(),
    "aten.log1p": lambda x: x.log1p(),
    "aten.log2": lambda x: x.log() / math.log(2),
    "aten.log10": lambda x: x.log() / math.log(10),
    "aten.sqrt": lambda x: x.sqrt(),
    "aten.rsqrt": lambda x: 1.0 / x.sqrt(),
    "aten.reciprocal": lambda x: 1.0 / x,
    "aten.sin": lambda x: x.sin(),
    "aten.cos": lambda x: x.cos(),
    "aten.tan": lambda x: x.sin() / x.cos(),
    "aten.sinh": lambda x: (x.exp() - (-x).exp()) / 2,
    "aten.cosh": lambda x: (x.exp() + (-x).exp()) / 2,
    "aten.tanh": lambda x: x.tanh(),
    "aten.sigmoid": lambda x: x.sigmoid(),
    "aten.log_sigmoid_forward": _log_sigmoid,
    "aten.erf": lambda x: x.erf(),
    "aten.erfc": lambda x: 1.0 - x.erf(),
    "aten.relu": lambda x: x.relu(),
    "aten.leaky_relu": lambda x, slope=0.01: x.leaky_relu(slope),
    "aten._prelu_kernel": lambda x, weight: x.leaky_relu(weight),
    "aten.elu": _elu,
    "aten.celu": lambda x, alpha=1: _elu(x, alpha, input_scale=1 / alpha),
    "aten.gelu": _gelu,
    "aten.silu": lambda x: x.silu(),
    "aten.mish": lambda x: x * x.softplus().tanh(),
    "aten.softplus": _softplus,
    "aten.hardtanh": lambda x, low=-1, high=1: _between(x, low, high),
    "aten.hardsigmoid": lambda x: _between(x, -3, 3) / 6 + 0.5,
    "aten.hardswish": lambda x: x * (_between(x, -3, 3) / 6 + 0.5),
    "aten.threshold": _threshold,
    "aten.clamp": _clamp,
    "aten.clamp_min": lambda x, low: x.clamp(min=low),
    "aten.clamp_max": lambda x, high: x.clamp(max=high),
    "aten.sign": lambda x: x.sign(),
    "aten.floor": lambda x: x.floor(),
    "aten.ceil": lambda x: -((-x).floor()),
    "aten.round.default": lambda x: x.round(),
    "aten.trunc": _trunc,
    "aten.clone": lambda x: x,
    "aten.copy": _copy,
    "aten._to_copy": lambda x, dtype=None: _cast(x, dtype),
    "aten.fill": _fill,
    "aten.zero": _fill,
    "aten.masked_fill": _masked_fill,
}
