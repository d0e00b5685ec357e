"""Heat: an array as a small grid of cells, coloured on a scale that diverges from 0."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_COLUMNS, MAX_ROWS = 8, 5
VALUE = ((123, 82, 214), (0, 114, 178))
GRAD = ((22, 128, 122), (213, 94, 0))
"""Colours of the most negative and the most positive number; white is 0. Both pairs are safe for the colour-blind."""


def shape(data: Any) -> tuple[int, int]:
    """How many rows and columns of cells an array gets.

    >>> shape(range(16)), shape([[1.0], [2.0]])
    ((1, 8), (2, 1))
    """
    columns = np.shape(data)[-1] if np.ndim(data) else 1
    rows = np.size(data) // columns if columns else 0
    return min(MAX_ROWS, rows), min(MAX_COLUMNS, columns)


def largest(arrays: Iterable[Any]) -> float:
    """The largest finite size of any entry: what the full colour stands for. Arrays that are not known are None.

    >>> largest([[1.0, -3.0], None, [float("inf")]])
    3.0
    """
    known = [np.abs(np.asarray(a, dtype=float)).ravel() for a in arrays if a is not None]
    entries = np.concatenate([*known, np.zeros(1)])
    return float(entries[np.isfinite(entries)].max())


def grid(data: Any) -> NDArray[Any]:
    """The array as at most `MAX_ROWS` x `MAX_COLUMNS` cells; where entries share a cell, the largest speaks for them.

    >>> grid([1.0, -3.0, 2.0]).tolist()
    [[1.0, -3.0, 2.0]]
    >>> grid(range(16)).tolist()
    [[1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0]]
    """
    array = np.asarray(data, dtype=float)
    array = array.reshape(-1, array.shape[-1] if array.ndim else 1)
    rows = np.array_split(array, min(MAX_ROWS, array.shape[0]))
    return np.array([[_largest(cell) for cell in _split_columns(row)] for row in rows])


def _split_columns(row: NDArray[Any]) -> list[NDArray[Any]]:
    return np.array_split(row, min(MAX_COLUMNS, row.shape[1]), axis=1)


def _largest(cell: NDArray[Any]) -> float:
    """The entry that is furthest from 0; nan if there is one."""
    flat = cell.ravel()
    if np.isnan(flat).any():
        return float("nan")
    return float(flat[np.argmax(np.abs(flat))])


def colour(x: float, scale: float, ends: tuple[tuple[int, int, int], tuple[int, int, int]]) -> str:
    """The colour of ``x`` where ``scale`` is the largest size; nan is black, infinity the end of the scale.

    >>> colour(0.0, 1.0, VALUE), colour(1.0, 1.0, VALUE), colour(float("nan"), 1.0, VALUE)
    ('#ffffff', '#0072b2', '#000000')
    """
    if np.isnan(x):
        return "#000000"
    share = 0.0 if scale == 0 or not np.isfinite(scale) else min(abs(x) / scale, 1.0)
    share = 1.0 if np.isinf(x) else share
    end = ends[1] if x > 0 else ends[0]
    return "#" + "".join(f"{round(255 + (c - 255) * share):02x}" for c in end)
