"""Lengths as they are written for paper, such as 16cm, in points of 1/72 inch."""

from __future__ import annotations

import re

UNITS = {"cm": 72 / 2.54, "mm": 72 / 25.4, "in": 72.0, "pt": 1.0}
LONGEST = 200 * UNITS["cm"]


def points(who: str, name: str, length: str) -> float:
    """The points of a length.

    Args:
        who: the function, for errors.
        name: its argument, likewise.
        length: a number and cm, mm, in or pt.

    Raises:
        TypeError: no text. ValueError: another unit, no number, or a length that no picture can have.

    >>> points("draw", "width", "2.54cm"), points("draw", "width", "3 in")
    (72.0, 216.0)
    """
    example = f"write a number and {', '.join(UNITS)}, as in {name}='16cm'"
    if not isinstance(length, str):
        raise TypeError(f"{who}: {name} is a text such as '16cm', not {length!r}")
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?) ?(cm|mm|in|pt)", length, re.ASCII)
    if found is None:
        raise ValueError(f"{who}: {name}={length[:40]!r} is no length: {example}")
    size = float(found[1]) * UNITS[found[2]]
    if not 0 < size <= LONGEST:
        raise ValueError(f"{who}: {name}={length!r} is not between 0 and 200cm: {example}")
    return round(size, 6)


def in_unit_of(length: str, size: float) -> str:
    """A size in points, rounded up, in the unit of a length.

    >>> in_unit_of("16cm", 100.0), in_unit_of("3in", 100.0)
    ('3.6cm', '1.4in')
    """
    unit = next(unit for unit in UNITS if length.endswith(unit))
    return f"{int(size / UNITS[unit] * 10 + 0.999) / 10:g}{unit}"
