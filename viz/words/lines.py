"""Reports in lines of at most 80 columns: sections, filled paragraphs, tables, and shares in percent."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from ..numbers import number
from .advice import Advice

WIDTH = 80


def section(title: str, lines: list[str]) -> str:
    """A title and indented lines; nothing where there are no lines."""
    return "\n".join([title, *(filled(line, "  ") for line in lines)]) if lines else ""


def filled(text: str, indent: str = "") -> str:
    """Lines of at most 80 columns; what was indented stays so."""
    lines = []
    for k, line in enumerate(text.split("\n")):
        body = line.lstrip()
        first = (indent if k == 0 else " " * len(indent)) + " " * (len(line) - len(body))
        hanging = "   " if body[:2].rstrip(".").isdigit() else "" if indent.strip() else "  "
        rest = " " * len(first) + hanging
        fits = len(first + body) <= WIDTH
        lines += [first + body] if fits else textwrap.wrap(body, WIDTH, initial_indent=first, subsequent_indent=rest)
    return "\n".join(lines)


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Columns that stand one below the other."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def short(name: str, most: int = 22) -> str:
    """The end of a long name, where PyTorch's names differ."""
    return name if len(name) <= most else "…" + name[1 - most :]


def percent(share: float) -> str:
    """A share in percent, three digits.

    >>> percent(0.012345)
    '1.23%'
    """
    return f"{number(float(f'{100 * share:.3g}'))}%"


def tries(ranked: Sequence[Advice]) -> list[str]:
    """What to try, with its reasons."""
    return [f"{k}. {one.what}\n   Why: {one.why} ({one.source})" for k, one in enumerate(ranked, start=1)]
