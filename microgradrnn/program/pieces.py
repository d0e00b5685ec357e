"""Pieces of Python's text that stand for themselves: numbers, shapes, types, indices."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradrnn.precedence import ATOM, PRODUCT, SIGN, SUM
from microgradrnn.program.sizes import Size


def number(x: Any, module: str = "np") -> tuple[str, int]:
    """A number as Python, and how tightly it binds; the module has names for infinity and NaN."""
    if isinstance(x, Size):
        return str(x), ATOM if str(x).isidentifier() or str(x).isdigit() else PRODUCT if "*" in str(x) else SUM
    if isinstance(x, float) and not np.isfinite(x):
        return (f"{module}.nan", ATOM) if x != x else (f"{module}.inf", ATOM) if x > 0 else (f"-{module}.inf", SIGN)
    if isinstance(x, (bool, np.bool_)):
        return str(bool(x)), ATOM
    text = repr(x)
    return text, SIGN if text.startswith("-") else ATOM


def key_part(part: Any) -> str:
    """A part of an index: a slice, an integer, None or an ellipsis."""
    if part is Ellipsis:
        return "..."
    if isinstance(part, slice):
        ends = ["" if end is None else str(end) for end in (part.start, part.stop)]
        return ":".join(ends) + (f":{part.step}" if part.step not in (None, 1) else "")
    return str(part)


def moved(name: str, more: int) -> str:
    """An index with a constant added."""
    return name if more == 0 else f"{name} {'+' if more > 0 else '-'} {abs(more)}"


def shape_of(shape: Sequence[Any]) -> str:
    """A shape as a tuple."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def type_of(dtype: Any) -> str:
    """A type of NumPy's."""
    return "bool" if dtype.kind == "b" else f"np.{dtype}"


def dtype_of(dtype: Any) -> str:
    """A type as the last argument of a function, where it needs saying."""
    return "" if dtype == np.float64 else f", dtype={type_of(dtype)}"


def zeros(shape: Sequence[Any], dtype: Any) -> str:
    """Zeros to add to."""
    return f"np.zeros({shape_of(shape)}{dtype_of(dtype)})" if shape else "0.0"


def words(text: str) -> set[str]:
    """The names in a text."""
    return set(re.findall(r"\w+", text))
