"""Symbols as lines of Python.

- `SymbolWriter`: writes them, each where it is read or on a line of its own. `count_uses` says how often each is read.
- `text_of`: a symbol or number within a line. `statement`: a line, broken where it would be long.

Nothing here recurses, and no line nests deeply: a chain of 100,000 nodes is 100,000 lines.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from microgradrnn.precedence import ATOM, LEVELS, PRODUCT, SIGN, bracketed, sides
from microgradrnn.program.names import Names
from microgradrnn.program.symbols import Symbol
from microgradrnn.program.table import Form, function

SIZE = 60
"""How many operations a line holds: Python's compiler recurses into them, and people read them."""
WIDTH = 116
"""How long a line is before it is indented."""


class SymbolWriter:
    """Symbols as lines of Python.

    What is read once stands where it is read. A line of its own has what is read more often, what has a label, the
    gradient of what has a line, and what would be long or nest deeply. Without ``inline`` each has one.

    Attributes:
        lines: what has been written, not indented.
        helpers: the functions of ours that the lines call.
    """

    def __init__(self, names: Names, inline: bool = True) -> None:
        self.names, self.inline = names, inline
        self.lines: list[str] = []
        self.helpers: set[Callable[..., Any]] = set()
        self._parts = 0

    def write(self, symbols: Sequence[Symbol]) -> None:
        """Write those that are read (see `count_uses`), in their order."""
        for symbol in symbols:
            if symbol.uses and symbol.fn != "argument":
                symbol.text, symbol.level = self._composed(symbol)
                symbol.size = 1 + sum([x.size for x in symbol.args if type(x) is Symbol])
                if self._has_line(symbol):
                    name = self._name(symbol)
                    self.lines += statement(f"{name} = ", symbol.text, "", symbol.why)
                    symbol.text, symbol.level, symbol.size = name, ATOM, 0

    def written(self, symbols: Sequence[Symbol]) -> list[str]:
        """Write them; the lines."""
        before = len(self.lines)
        self.write(symbols)
        return self.lines[before:]

    def _has_line(self, symbol: Symbol) -> bool:
        read_often = not self.inline or symbol.uses > 1
        return bool(symbol.label) or read_often or symbol.size > SIZE or _has_name(symbol.grad_of)

    def _name(self, symbol: Symbol) -> str:
        if _has_name(symbol.grad_of):
            return self.names.new(f"d_{text_of(symbol.grad_of)[0]}")
        self._parts += not (symbol.label or symbol.hint)
        return self.names.new(symbol.label or symbol.hint or f"part_{self._parts}")

    def _composed(self, symbol: Symbol) -> tuple[str, int]:
        """A symbol as Python, and how tightly that holds together."""
        fn, args = symbol.fn, symbol.args
        if fn in LEVELS:
            return _infix(fn, *args)
        if fn == "number":
            return text_of(args[0])
        if fn == "op":
            return f"{args[0]}({_listed(args[1:])})", ATOM
        called = function(fn).python
        if isinstance(called, Form):
            return called.text.format(*(_within(x, called.least) for x in args)), called.level
        if called is None:
            return f"float(np.{fn}({_listed(args)}))", ATOM
        if inspect.isfunction(called):
            self.helpers.add(called)
        return f"{'math.' if called.__module__ == 'math' else ''}{called.__name__}({_listed(args)})", ATOM


def count_uses(symbols: Sequence[Symbol], roots: Sequence[Any], unread: bool = False) -> None:
    """Work out how often each symbol is read on the way to the roots. What is not read will not be written.

    With ``unread`` all are taken to be read.
    """
    for symbol in symbols:
        symbol.uses = int(unread)
        if symbol.fn != "argument":
            symbol.text = ""  # as another writer has left it
    for root in roots:
        if type(root) is Symbol:
            root.uses += 1
    for symbol in reversed(symbols):
        if symbol.uses:
            for x in symbol.args:
                if type(x) is Symbol:
                    x.uses += 1


def text_of(x: Any) -> tuple[str, int]:
    """A symbol or a number as it stands in a line, and how tightly that holds together."""
    if type(x) is Symbol:
        return x.text, x.level
    if isinstance(x, float) and not math.isfinite(x):
        return ("math.nan", ATOM) if x != x else ("math.inf", ATOM) if x > 0 else ("-math.inf", SIGN)
    text = repr(x)
    return text, SIGN if text.startswith("-") else ATOM


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


def _has_name(x: Any) -> bool:
    return type(x) is Symbol and x.text.isidentifier()


def _infix(sign: str, x: Any, y: Any) -> tuple[str, int]:
    left, right = map(_within, (x, y), sides(sign))
    if sign == "+" and _is_negative(y):
        return f"{left} - {right[1:]}", LEVELS[sign]
    return f"{left} {sign} {right}", LEVELS[sign]


def _is_negative(x: Any) -> bool:
    """Whether it is written as minus something: then adding it is subtracting that."""
    while type(x) is Symbol and x.level == PRODUCT and x.fn in ("*", "/"):
        x = x.args[0]
    return text_of(x)[1] == SIGN


def _within(x: Any, level: int) -> str:
    return bracketed(*text_of(x), level)


def _listed(args: Sequence[Any]) -> str:
    return ", ".join([text_of(x)[0] for x in args])
