"""A line of a program's source, broken where it would be long: `statement`."""

from __future__ import annotations

import re
from collections.abc import Iterator

WIDTH = 116
"""How long a line is before it is indented."""


def statement(start: str, text: str, end: str = "", why: str = "") -> list[str]:
    """``start``, text and ``end`` on a line, or on several if it would be long: broken before a + or after a comma."""
    comment = f"  # {why}" if why else ""
    if len(start) + len(text) + len(end) + len(comment) <= WIDTH:
        return [f"{start}{text}{end}{comment}"]
    if not end:
        start, end = f"{start}(", ")"
    lines = [f"{start}{comment}"]
    line = "   "
    for part in _parts(text):
        if line.strip() and len(line) + len(part) >= WIDTH:
            lines.append(line)
            line = "   "
        line += f" {part}"
    return [*lines, line, end]


def _parts(text: str) -> Iterator[str]:
    """The terms of a sum, each with its sign, or what stands between commas, each with its own."""
    depth = start = 0
    for found in re.finditer(r"[(]|[)]|(?<=,) | (?=[+-] )", text):
        if found[0] != " ":
            depth += 1 if found[0] == "(" else -1
        elif depth == 0:
            yield text[start : found.start()]
            start = found.end()
    yield text[start:]
