"""Operations that read, or write, by index."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradrnn import functional
from microgradrnn.engine import constant
from microgradrnn.interop.table import Row


def _embedding(weight: Any, indices: Any, padding_idx: int = -1, scale_grad: bool = False, sparse: bool = False) -> Any:
    """The row of the padding gets no gradient."""
    if scale_grad:
        return NotImplemented
    found = weight[indices]
    padding = indices._data == padding_idx
    return functional.where(padding[..., None], found.detach(), found) if padding_idx >= 0 and padding.any() else found


def _index(x: Any, indices: Any) -> Any:
    return x[_key(indices)]


def _key(indices: Any) -> tuple[Any, ...]:
    return tuple(slice(None) if index is None else index for index in indices)


def _index_put(x: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """Entries replaced, or added to, by those of values."""
    places = np.arange(x.size).reshape(x.shape)[tuple(_plain(part) for part in _key(indices))]
    return _put(x, places, values.expand(places.shape) if values.shape != places.shape else values, accumulate)


def _put(x: Any, places: Any, values: Any, accumulate: bool) -> Any:
    """x with values put, or added, at places, which count its entries in a row. Of two at one place the last stays."""
    if accumulate:
        rows = x.reshape(-1).index_add(0, places.reshape(-1), values.reshape(-1))
        return rows.reshape(x.shape)
    which = np.arange(x.size)
    which[places.reshape(-1)] = x.size + np.arange(places.size)
    return functional.concat([x.reshape(-1), values.reshape(-1)])[which.reshape(x.shape)]


def _plain(part: Any) -> Any:
    return part if isinstance(part, slice) else part._data


def _along(x: Any, dim: int, index: Any) -> Any:
    """The places, counted in a row, that an index of gather or scatter names."""
    found = index._data
    grid = list(np.indices(found.shape, sparse=True)) if found.ndim else []
    if grid:
        grid[dim] = found
    return np.arange(x.size).reshape(x.shape)[tuple(grid)] if grid else np.zeros((), int)


def _scatter(x: Any, dim: int, index: Any, source: Any) -> Any:
    places = _along(x, dim, index)
    if not hasattr(source, "_data"):
        source = constant(np.full(places.shape, source, x.dtype))
    return _put(x, places, source[tuple(slice(0, n) for n in places.shape)], accumulate=False)


def _scatter_add(x: Any, dim: int, index: Any, source: Any) -> Any:
    places = _along(x, dim, index)
    return _put(x, places, source[tuple(slice(0, n) for n in places.shape)], accumulate=True)


def _index_select(x: Any, dim: int, index: Any) -> Any:
    return x[(*(slice(None),) * (dim % max(x.ndim, 1)), index)]


def _index_add(x: Any, dim: int, index: Any, source: Any, alpha: Any = 1) -> Any:
    return x.index_add(dim, index, source if alpha == 1 else source * alpha)


def _select_scatter(x: Any, source: Any, dim: int, index: int) -> Any:
    places = np.take(np.arange(x.size).reshape(x.shape), index, axis=dim)
    return _put(x, places, source, accumulate=False)


def _slice_scatter(x: Any, source: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    key = (*(slice(None),) * (dim % x.ndim), slice(start, end, step))
    return _put(x, np.arange(x.size).reshape(x.shape)[key], source, accumulate=False)


def _masked_scatter(x: Any, mask: Any, source: Any) -> Any:
    places = np.flatnonzero(np.broadcast_to(mask._data, x.shape))
    return _put(x, places, source.reshape(-1)[: places.size], accumulate=False)


def _in_order(x: Any, dim: int, descending: bool, k: int | None = None) -> Any:
    """The entries along an axis in order, or the first k of them; where they stood is PyTorch's to say."""
    order = np.argsort(-x._data if descending else x._data, axis=dim, kind="stable")
    found = np.take(order, np.arange(order.shape[dim] if k is None else k), axis=dim)
    return x.reshape(-1)[_along(x, dim, constant(found))], NotImplemented


def _sort(x: Any, dim: int = -1, descending: bool = False, stable: Any = None) -> Any:
    return _in_order(x, dim, descending) if x.ndim else (x, NotImplemented)


def _topk(x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:  # noqa: A002 - its name
    return _in_order(x, dim, largest, k) if x.ndim else (x, NotImplemented)


def _pack(x: Any, lengths: Any, batch_first: bool) -> Any:
    """The entries of all sequences at step 1, then at step 2, and so on."""
    sizes = lengths._data
    steps = np.concatenate([np.full(int((sizes > t).sum()), t) for t in range(int(sizes.max()))])
    which = np.concatenate([np.arange(int((sizes > t).sum())) for t in range(int(sizes.max()))])
    return x[(which, steps) if batch_first else (steps, which)], NotImplemented


ROWS: dict[str, Row] = {
    "aten.embedding": _embedding,
    "aten.index.Tensor": _index,
    "aten.index_select": _index_select,
    "aten.index_put": _index_put,
    "aten.index_add": _index_add,
    "aten.gather": lambda x, dim, index, sparse_grad=False: x.reshape(-1)[_along(x, dim, index)],
    "aten.scatter.src": _scatter,
    "aten.scatter.value": _scatter,
    "aten.scatter_add": _scatter_add,
    "aten.select_scatter": _select_scatter,
    "aten.slice_scatter": _slice_scatter,
    "aten.masked_select": lambda x, mask: x[mask] if x.shape == mask.shape else NotImplemented,
    "aten.masked_scatter": _masked_scatter,
    "aten.sort": _sort,
    "aten.topk": _topk,
    "aten._pack_padded_sequence": _pack,
}
