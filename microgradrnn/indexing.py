"""Keys of indexing and of its relatives: what a node is indexed with, as NumPy and the op table take it.

- `split_key`, `plain_key`: of ``x[key]``. `grid`, `scattered`: of ``gather``, ``scatter`` and what is made of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradrnn import ops
from microgradrnn.context import numbers_of
from microgradrnn.convert import as_index, is_numeric
from microgradrnn.operators import Operators
from microgradrnn.shaping import Shaping


def split_key(key: Any) -> tuple[tuple[Any, ...], list[Any]]:
    """A key with a mark for each array in it, and the arrays in their order.

    >>> split_key((slice(2), [0, 1]))
    ((slice(None, 2, None), array), [array([0, 1])])
    """
    parts = key if isinstance(key, tuple) else (key,)
    is_array = [isinstance(part, Operators) or _is_array(part) for part in parts]
    arrays = [
        part if isinstance(part, Operators) else as_index(part)
        for part, yes in zip(parts, is_array, strict=True)
        if yes
    ]
    return tuple(ops.ARRAY if yes else part for part, yes in zip(parts, is_array, strict=True)), arrays


def plain_key(key: Any) -> tuple[Any, ...]:
    """A key as NumPy takes it.

    >>> from microgradrnn import Tensor
    >>> plain_key((Tensor([1, 0]), ..., [True, False]))
    (array([1., 0.]), Ellipsis, array([ True, False]))
    """
    return tuple(_plain(part) for part in (key if isinstance(key, tuple) else (key,)))


def grid(x: Any, name: str, dim: int, index: Any) -> tuple[Any, ...]:
    """A key that reads, at each place of the index, what it names along ``dim`` of x.

    Raises:
        ValueError: the index has other axes than x; ``name`` was called.
    """
    found = index if isinstance(index, Operators) else as_index(index)
    shape = np.shape(found._data if isinstance(found, Operators) else found)
    if len(shape) != x.ndim:
        raise ValueError(f"{name} got x of shape {x.shape} and an index of shape {shape}: give both as many axes")
    key: list[Any] = list(np.indices(shape, sparse=True))
    key[dim] = found
    return tuple(key)


def scattered(x: Any, name: str, dim: int, index: Any, src: Any) -> tuple[Any, Any]:
    """Where in x the entries of ``src`` go that the index has a place for, and these entries.

    Raises:
        ValueError: the index has other axes than x, or is larger than ``src``; ``name`` was called.
    """
    found = as_index(numbers_of(index) if isinstance(index, Operators) else index)
    source = src if isinstance(src, Shaping) else x._constant(np.full(found.shape, src) if np.ndim(src) == 0 else src)
    places = grid(x, name, dim, found)
    if source.ndim != x.ndim or any(i > s for i, s in zip(found.shape, source.shape, strict=True)):
        raise ValueError(f"{name} got an index of shape {found.shape} and a source of shape {source.shape}, smaller")
    return np.broadcast_arrays(*places), source[tuple(slice(size) for size in found.shape)]


def _is_array(part: Any) -> bool:
    """Whether a part of an index key is an array: no integer, slice, None or ... is."""
    return np.ndim(part) > 0 if isinstance(part, np.generic) else not np.isscalar(part) and is_numeric(part)


def _plain(part: Any) -> Any:
    if isinstance(part, Operators):
        return numbers_of(part)
    return as_index(part) if _is_array(part) else part
