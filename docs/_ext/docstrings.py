"""Sphinx: docstrings of this project as reStructuredText.

They are plain text with names in backticks, formulas as indented blocks, doctests, and Google's sections. So what
reStructuredText would take for markup is escaped, and an indented block after a paragraph is shown as it stands. In the
docstring of a property or a constant nothing that stands before a colon is a type.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_SECTION = re.compile(r"(Args( and attributes)?|Attributes|Returns|Raises|Yields):.*$")
_LETTER = re.compile(r"(^ *|: )(?=[A-Za-z][.)](?: |$))")
"""Before a letter and a full stop, which would make an item of a list."""
_CODE = re.compile(r"(``.+?``|`[^`]+`)")


def convert(lines: list[str]) -> list[str]:
    """The lines of a docstring, changed as said above."""
    out: list[str] = []
    section = doctest = False
    block = 0  # how far the block that is shown as it stands is indented
    for before, line in pairwise(["", *lines]):
        indent = len(line) - len(line.lstrip())
        if line.strip() and not indent:
            section, block = bool(_SECTION.match(line)), 0
        if not line.strip():
            doctest = False
        elif line.lstrip().startswith(">>>"):
            doctest = True
        if doctest or not line.strip():
            out.append(line)
            continue
        if indent < block:
            out += [""] if before.strip() else []
            block = 0
        if indent >= 4 and not section and not before.strip() and not block:
            block = indent
            if not (out and _last(out).endswith("::")):
                out += [" " * _margin(_last(out)) + ".. code-block:: none", ""]
        out.append(line if block else _escaped(line))
    return out


def _last(lines: list[str]) -> str:
    return next((line for line in reversed(lines) if line.strip()), "")


def _margin(line: str) -> int:
    """Where the text of a paragraph begins that a line belongs to, behind the number or dash of an item of a list."""
    item = re.match(r" *(\d+\.|-) ", line)
    return len(item[0]) if item else len(line) - len(line.lstrip())


def _escaped(line: str) -> str:
    parts = _CODE.split(_LETTER.sub(r"\1\\", line))
    return "".join(part if i % 2 else re.sub(r"(?<!\\)([*|]|_(?!\w))", r"\\\1", part) for i, part in enumerate(parts))


def process(_app: Sphinx, what: str, _name: str, _thing: Any, _options: Any, lines: list[str]) -> None:
    """For autodoc, before the sections are read."""
    lines[:] = convert(lines)
    if what in ("attribute", "data", "property"):  # of these Napoleon takes what a colon follows for a type
        lines[:0] = ["..", ""]  # an empty comment, which no colon follows


def setup(app: Sphinx) -> dict[str, bool]:
    """For Sphinx."""
    app.connect("autodoc-process-docstring", process, priority=100)
    return {"parallel_read_safe": True}
