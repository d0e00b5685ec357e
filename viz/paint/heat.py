"""Heat: an array as a small grid of cells, coloured on a scale that diverges from 0.

A cell at 0 shows the ground. The colour of an end of the scale covers it the more, the larger the number: so a dark
theme changes two colours and no cell. Negative cells have a minus in them, since colours alone do not tell signs apart
in a black and white print.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_COLUMNS, MAX_ROWS = 8, 5

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Colours:
    """A scale's colours on a light and on a dark ground: of the most negative and of the most positive number."""

    name: str
    light: tuple[Colour, Colour]
    dark: tuple[Colour, Colour]


VALUE = Colours("value", ((122, 112, 0), (0, 114, 178)), ((200, 186, 60), (86, 170, 240)))
GRAD = Colours("grad", ((22, 128, 122), (213, 94, 0)), ((40, 190, 180), (255, 140, 60)))
LOCAL = Colours("local", ((150, 120, 20), (91, 63, 168)), ((205, 175, 70), (176, 150, 250)))
"""Olive and blue, teal and orange, ochre and violet: the two ends of each are told apart by people who lack any one
kind of cones."""

LEVELS = 20
"""So many strengths of a colour there are."""


def shape(data: Any) -> tuple[int, int]:
    """How many rows and columns of cells an array gets.

    >>> shape(range(16)), shape([[1.0], [2.0]])
    ((1, 8), (2, 1))
    """
    columns = np.shape(data)[-1] if np.ndim(data) else 1
    rows = np.size(data) // columns if columns else 0
    return min(MAX_ROWS, rows), min(MAX_COLUMNS, columns)


def share(data: Any) -> str:
    """How many entries share a cell, in a few words; empty where each has its own.

    >>> share(np.zeros((10, 16))), share(np.zeros(13)), share(np.zeros(8)), share(2.0), share(None)
    ('4 entries a cell', 'up to 2 a cell', '', '', '')
    """
    if np.ndim(data) == 0 or np.size(data) == 0 or np.asarray(data).dtype.kind != "f":
        return ""
    columns = np.shape(data)[-1]
    sizes = list(zip((np.size(data) // columns, columns), shape(data), strict=True))
    most = math.prod(math.ceil(entries / cells) for entries, cells in sizes)
    if most == 1:
        return ""
    same = all(entries % cells == 0 for entries, cells in sizes)
    return f"{most} entries a cell" if same else f"up to {most} a cell"


def largest(arrays: Iterable[Any]) -> float:
    """The largest finite size of any entry: what the full colour stands for. Arrays that are not known are None.

    >>> largest([[1.0, -3.0], None, [float("inf")]])
    3.0
    """
    known = [np.abs(np.asarray(a, dtype=float)).ravel() for a in arrays if a is not None]
    entries = np.concatenate([*known, np.zeros(1)])
    return float(entries[np.isfinite(entries)].max())


def grid(data: Any, rows: int = MAX_ROWS, columns: int = MAX_COLUMNS) -> NDArray[Any]:
    """The array as at most so many rows and columns of cells; where entries share a cell, the largest speaks for them.

    >>> grid([1.0, -3.0, 2.0]).tolist()
    [[1.0, -3.0, 2.0]]
    >>> grid(range(16)).tolist()
    [[1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0]]
    """
    array = np.asarray(data, dtype=float)
    array = array.reshape(-1, array.shape[-1] if array.ndim else 1)
    columns = min(columns, array.shape[1])
    bands = np.array_split(array, min(rows, array.shape[0]))
    return np.array([[_largest(cell) for cell in np.array_split(band, columns, axis=1)] for band in bands])


def _largest(cell: NDArray[Any]) -> float:
    """The entry that is furthest from 0; nan if there is one."""
    flat = cell.ravel()
    if np.isnan(flat).any():
        return float("nan")
    return float(flat[np.argmax(np.abs(flat))])


def strength(x: float, scale: float) -> int:
    """How much of the full colour ``x`` gets where ``scale`` is the largest size: 0 to `LEVELS`.

    >>> strength(-1.0, 5.0), strength(float("inf"), 4.0), strength(0.0, 0.0)
    (4, 20, 0)
    """
    if math.isinf(x):
        return LEVELS
    return 0 if scale == 0 or not math.isfinite(scale) else round(LEVELS * min(abs(x) / scale, 1.0))
