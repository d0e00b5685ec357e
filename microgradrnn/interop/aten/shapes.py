"""Operations that move entries: views, joining, repeating."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from microgradrnn import functional, ops
from microgradrnn.engine import record
from microgradrnn.interop.aten.entrywise import to_shape
from microgradrnn.interop.table import Row


def viewed(x: Any, shape: Any) -> Any:
    """Another shape. A product of rows that had been put below one another for it is one of a stack again."""
    if not isinstance(shape, (list, tuple)):
        return NotImplemented
    sizes = _sizes(x, shape)
    if sizes == x.shape:
        return x
    if x.op is ops.RESHAPE and x.inputs[0].shape == sizes:
        return x.inputs[0]
    stacked = _product_of_stack(x, sizes)
    return x.reshape(sizes) if stacked is None else stacked


def _sizes(x: Any, shape: Any) -> tuple[int, ...]:
    known = int(np.prod([size for size in shape if size != -1]))
    return tuple(x.size // max(known, 1) if size == -1 else int(size) for size in shape)


def _product_of_stack(x: Any, sizes: tuple[int, ...]) -> Any:
    """PyTorch's linear layer puts a stack's rows below one another, multiplies, and takes them apart again."""
    product, *bias = x.inputs if x.op is ops.ADD else (x,)
    if product.op not in (ops.MATMUL, ops.LINEAR) or any(part.ndim != 1 for part in bias):
        return None
    rows, weight = product.inputs
    if rows.op is not ops.RESHAPE or weight.ndim != 2 or rows.ndim != 2:
        return None
    stack = rows.inputs[0]
    if stack.shape[:-1] != sizes[:-1] or stack.shape[-1] != rows.shape[-1] or x.shape[-1] != sizes[-1]:
        return None
    found = record(product.op, stack, weight)
    return found + bias[0] if bias else found


def _transpose(x: Any, dim0: int, dim1: int) -> Any:
    return x if dim0 % max(x.ndim, 1) == dim1 % max(x.ndim, 1) else permuted(x, _swapped(x.ndim, dim0, dim1))


def _swapped(ndim: int, dim0: int, dim1: int) -> list[int]:
    axes = list(range(ndim))
    axes[dim0], axes[dim1] = axes[dim1], axes[dim0]
    return axes


def permuted(x: Any, dims: Any) -> Any:
    """The axes in another order."""
    axes = [axis % x.ndim for axis in dims]
    if x.op is ops.TRANSPOSE:  # two in a row are one, or none
        axes, x = [x.params["axes"][axis] % x.ndim for axis in axes], x.inputs[0]
    return x if axes == list(range(x.ndim)) else x.permute(axes)


def _squeeze(x: Any, dims: Any = None) -> Any:
    if x.ndim == 0:
        return x
    found = (
        range(x.ndim) if dims is None else [d % x.ndim for d in (dims if isinstance(dims, (list, tuple)) else [dims])]
    )
    sizes = tuple(size for axis, size in enumerate(x.shape) if not (axis in found and size == 1))
    return x if sizes == x.shape else x.reshape(sizes)


def _expand(x: Any, sizes: Any, implicit: bool = False) -> Any:
    new = len(sizes) - x.ndim
    return to_shape(x, [x.shape[k - new] if size == -1 else size for k, size in enumerate(sizes)])


def _at(dim: int, ndim: int, key: Any) -> tuple[Any, ...]:
    return (*(slice(None),) * (dim % ndim), key)


def _select(x: Any, dim: int, index: int) -> Any:
    """What stands at an index along an axis. Of a stack that is what was stacked."""
    if x.op is ops.STACK and x.params["axis"] % x.ndim == dim % x.ndim:
        return x.inputs[index]
    return x[_at(dim, x.ndim, index)]


def _slice(x: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Any:
    length = x.shape[dim]
    key = slice(*slice(start, end, step).indices(length))
    return x if key == slice(0, length, 1) else x[_at(dim, x.ndim, key)]


def _split(x: Any, size: Any, dim: int = 0) -> list[Any]:
    length = x.shape[dim]
    sizes = (
        size if isinstance(size, (list, tuple)) else [size] * (length // size) + [length % size] * (length % size > 0)
    )
    ends = np.cumsum([0, *sizes]).tolist()
    return [_slice(x, dim, a, b) for a, b in pairwise(ends)]


def _diagonal(x: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    rest = [axis for axis in range(x.ndim) if axis not in (dim1 % x.ndim, dim2 % x.ndim)]
    n = min(x.shape[dim1] + min(offset, 0), x.shape[dim2] - max(offset, 0))
    places = np.arange(max(n, 0))
    return x.permute([*rest, dim1, dim2])[(..., places - min(offset, 0), places + max(offset, 0))]


def unfolded(x: Any, dim: int, size: int, step: int) -> Any:
    """Windows along an axis, with a new last axis for what stands in them."""
    at = dim % max(x.ndim, 1)
    starts = np.arange(0, x.shape[at] - size + 1, step)
    windows = x[_at(at, x.ndim, starts[:, None] + np.arange(size))]
    return permuted(windows, [k for k in range(windows.ndim) if k != at + 1] + [at + 1])


def _cat(tensors: Any, dim: int = 0) -> Any:
    some = [x for x in tensors if x.shape != (0,)]
    return some[0] if len(some) == 1 else functional.concat(some, axis=dim)


def _stack(tensors: Any, dim: int = 0) -> Any:
    return functional.stack(tensors, axis=dim)


def _repeat(x: Any, repeats: Any) -> Any:
    return x.tile(*repeats)


def _flip(x: Any, dims: Any) -> Any:
    named = {axis % x.ndim for axis in dims}
    return x[tuple(slice(None, None, -1) if axis in named else slice(None) for axis in range(x.ndim))]


def _roll(x: Any, shifts: Any, dims: Any = ()) -> Any:
    if not dims:
        return x.reshape(-1)[np.roll(np.arange(x.size), shifts)].reshape(x.shape)
    for shift, dim in zip(shifts, dims, strict=True):
        x = x[_at(dim, x.ndim, np.roll(np.arange(x.shape[dim]), shift))]
    return x


def _triangle(below: bool) -> Row:
    def row(x: Any, diagonal: int = 0) -> Any:
        rows, columns = np.indices(x.shape[-2:])
        kept = columns - rows <= diagonal if below else columns - rows >= diagonal
        return functional.where(kept, x, 0.0)

    return row


def _padding(mode: str) -> Row:
    def row(x: Any, pad: Any) -> Any:
        return functional.pad(x, pad, mode)

    return row


ROWS: dict[str, Row] = {
    "aten.view.default": viewed,
    "aten._unsafe_view": viewed,
    "aten.t": lambda x: x if x.ndim < 2 else permuted(x, (1, 0)),
    "aten.transpose": _transpose,
    "aten.permute": permuted,
    "aten.unsqueeze": lambda x, dim: x.unsqueeze(dim),
    "aten.squeeze": _squeeze,
    "aten.expand": _expand,
    "aten.select.int": _select,
    "aten.slice.Tensor": _slice,
    "aten.split": _split,
    "aten.split_with_sizes": _split,
    "aten.unsafe_split": _split,
    "aten.unsafe_split_with_sizes": _split,
    "aten.unbind": lambda x, dim=0: [_select(x, dim, k) for k in range(x.shape[dim])],
    "aten.diagonal": _diagonal,
    "aten.unfold": unfolded,
    "aten.cat": _cat,
    "aten.stack": _stack,
    "aten.repeat": _repeat,
    "aten.flip": _flip,
    "aten.roll": _roll,
    "aten.tril": _triangle(below=True),
    "aten.triu": _triangle(below=False),
    "aten.constant_pad_nd": lambda x, pad, value=0: functional.pad(x, pad, value=value),
    "aten.reflection_pad1d": _padding("reflect"),
    "aten.replication_pad1d": _padding("replicate"),
}
