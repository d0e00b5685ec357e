"""Products of matrices, and reductions: sums, means, the largest."""

from __future__ import annotations

import math
from typing import Any

from microgradrnn import ops
from microgradrnn.engine import record
from microgradrnn.interop.aten.entrywise import _cast
from microgradrnn.interop.table import Row


def _plus(product: Any, bias: Any, beta: Any, alpha: Any) -> Any:
    """alpha product + beta bias."""
    product = product if alpha == 1 else product * alpha
    return product if beta == 0 else product + (bias if beta == 1 else bias * beta)


def product(x: Any, y: Any) -> Any:
    """x @ y. A weight that is transposed for it is read as it is kept: so it is one node, however often it is used."""
    if y.op is ops.TRANSPOSE and y.ndim == 2 and y.inputs[0].op is None:
        return record(ops.LINEAR, x, y.inputs[0])
    return x @ y


def _add_product(bias: Any, x: Any, y: Any, beta: Any = 1, alpha: Any = 1) -> Any:
    return _plus(product(x, y), bias, beta, alpha)


def _add_summed_products(bias: Any, x: Any, y: Any, beta: Any = 1, alpha: Any = 1) -> Any:
    return _plus((x @ y).sum(axis=0), bias, beta, alpha)


def _reduction(op: ops.Op) -> Row:
    def row(x: Any, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
        return record(op, _cast(x, dtype), axis=_axes(x, dim), keepdims=keepdim)

    return row


def _axes(x: Any, dim: Any) -> Any:
    """NumPy's axes: None for all. A scalar has none to name."""
    if dim is None or x.ndim == 0 or (isinstance(dim, (list, tuple)) and not dim):
        return None
    return tuple(dim) if isinstance(dim, (list, tuple)) else dim


def _total(op: ops.Op) -> Row:
    return lambda x, dtype=None: record(op, _cast(x, dtype), axis=None, keepdims=False)


def _first_extreme(op: ops.Op) -> Row:
    def row(x: Any, dim: int, keepdim: bool = False) -> Any:
        return (x if x.ndim == 0 else record(op, x, axis=dim, keepdims=keepdim)), NotImplemented

    return row


def _variance(x: Any, dim: Any = None, correction: Any = None, keepdim: bool = False) -> Any:
    deviations, n = _deviations(x, dim)
    total = (deviations**2).sum(axis=_axes(x, dim), keepdims=keepdim)
    return total / max(n - (1 if correction is None else correction), 0)


def _deviations(x: Any, dim: Any) -> tuple[Any, int]:
    """x less its mean along the axes, and how many entries each mean is of."""
    axes = _axes(x, dim)
    mean = x.mean(axis=axes, keepdims=True)
    return x - mean, x.size // max(mean.size, 1)


def _deviation(x: Any, dim: Any = None, correction: Any = None, keepdim: bool = False) -> Any:
    deviations, n = _deviations(x, dim)
    length = deviations.norm(axis=_axes(x, dim), keepdims=keepdim)
    return length / math.sqrt(max(n - (1 if correction is None else correction), 0))


def _mean_beside(spread: Row) -> Row:
    def row(x: Any, dim: Any = None, correction: Any = None, keepdim: bool = False) -> Any:
        return spread(x, dim, correction=correction, keepdim=keepdim), x.mean(axis=_axes(x, dim), keepdims=keepdim)

    return row


def _norm(x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:  # noqa: A002
    return _cast(x, dtype).norm(2 if ord is None else ord, axis=_axes(x, dim), keepdims=keepdim)


def _cumsum(x: Any, dim: int, dtype: Any = None) -> Any:
    return x if x.ndim == 0 else _cast(x, dtype).cumsum(axis=dim)


def _logsumexp(x: Any, dim: Any, keepdim: bool = False) -> Any:
    return record(ops.LOGSUMEXP, x, axis=_axes(x, dim), keepdims=keepdim) if x.ndim else x


ROWS: dict[str, Row] = {
    "aten.mm": product,
    "aten.bmm": product,
    "aten.mv": product,
    "aten.dot": product,
    "aten.addmm": _add_product,
    "aten.addmv": _add_product,
    "aten.baddbmm": _add_product,
    "aten.addbmm": _add_summed_products,
    "aten.sum": _total(ops.SUM),
    "aten.sum.dim_IntList": _reduction(ops.SUM),
    "aten.mean": _total(ops.MEAN),
    "aten.mean.dim": _reduction(ops.MEAN),
    "aten.prod": _total(ops.PROD),
    "aten.prod.dim_int": _reduction(ops.PROD),
    "aten.amax": _reduction(ops.MAX),
    "aten.amin": _reduction(ops.MIN),
    "aten.max.default": _total(ops.MAX),
    "aten.min.default": _total(ops.MIN),
    "aten.max.dim": _first_extreme(ops.FIRST_MAX),
    "aten.min.dim": _first_extreme(ops.FIRST_MIN),
    "aten.var.correction": _variance,
    "aten.std.correction": _deviation,
    "aten.var_mean.correction": _mean_beside(_variance),
    "aten.std_mean.correction": _mean_beside(_deviation),
    "aten.linalg_vector_norm": _norm,
    "aten.cumsum": _cumsum,
    "aten.logsumexp": _logsumexp,
}
