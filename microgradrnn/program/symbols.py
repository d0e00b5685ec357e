"""What a program of floats computes, before it is written down: the op table's functions, given symbols for numbers.

- `Symbol`: a float that is not there yet: what gives it, and of what.
- `Symbols`: the namespace that makes them. Numbers that are known meet in it as numbers, so no arithmetic of constants
  is left to the program.
- `SymbolWriter`: symbols as lines of Python.

Nothing here recurses, and no line nests deeply: a chain of 100,000 nodes is 100,000 lines.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from microgradrnn import floats
from microgradrnn.program import float_helpers
from microgradrnn.program.names import Names

CHOICE, COMPARE, OR, XOR, AND, SUM, PRODUCT, SIGN, POWER, ATOM = range(10)
"""How tightly an expression holds together: one that holds less tightly than its place asks for gets brackets."""

LEVELS = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "//": PRODUCT, "%": PRODUCT, "**": POWER}
LEVELS |= {"&": AND, "^": XOR, "|": OR} | dict.fromkeys(("<", ">", "<=", ">=", "==", "!="), COMPARE)

SIZE = 60
"""How many operations a line holds: Python's compiler recurses into them, and people read them."""
WIDTH = 116
"""How long a line is before it is indented."""


class Symbol:
    """A number (or the outcome of a comparison) that the program will compute by ``fn`` of ``args``.

    Attributes:
        fn: an operator's sign; negative, where, argument or number; or a function's name.
        label: how a person would call it; empty if nobody would. What has a label gets a line.
        hint: what to call it if it gets a line all the same.
        grad_of: what this is the gradient of, which then names it.
        why: what the line that computes it does.
        is_float: whether it is sure to be a float; arithmetic of comparisons' outcomes gives integers.
        uses: how often the program reads it.
        text: how it is written; of what has a line, its name.
        level, size: of the text: how tightly it holds together, and how many operations are in it.
    """

    __slots__ = (
        *("home", "serial", "fn", "args", "is_float"),
        *("label", "hint", "grad_of", "why", "uses", "text", "level", "size"),
    )
    __array_ufunc__ = None  # NumPy's numbers leave the arithmetic to us

    def __init__(self, home: Symbols, fn: str, args: tuple[Any, ...]) -> None:
        self.home, self.fn, self.args, self.serial = home, fn, args, len(home.made)
        self.label, self.hint, self.why = "", "", ""
        self.grad_of: Any = None
        self.is_float = _is_float(fn, args)
        self.uses, self.text, self.level, self.size = 0, "", ATOM, 0
        home.made.append(self)

    # fmt: off
    def __add__(self, other: Any) -> Any: return self.home.apply("+", self, other)
    def __radd__(self, other: Any) -> Any: return self.home.apply("+", other, self)
    def __sub__(self, other: Any) -> Any: return self.home.apply("-", self, other)
    def __rsub__(self, other: Any) -> Any: return self.home.apply("-", other, self)
    def __mul__(self, other: Any) -> Any: return self.home.apply("*", self, other)
    def __rmul__(self, other: Any) -> Any: return self.home.apply("*", other, self)
    def __truediv__(self, other: Any) -> Any: return self.home.apply("/", self, other)
    def __rtruediv__(self, other: Any) -> Any: return self.home.apply("/", other, self)
    def __floordiv__(self, other: Any) -> Any: return self.home.apply("//", self, other)
    def __rfloordiv__(self, other: Any) -> Any: return self.home.apply("//", other, self)
    def __mod__(self, other: Any) -> Any: return self.home.apply("%", self, other)
    def __rmod__(self, other: Any) -> Any: return self.home.apply("%", other, self)
    def __pow__(self, other: Any) -> Any: return self.home.apply("**", self, other)
    def __rpow__(self, other: Any) -> Any: return self.home.apply("**", other, self)
    def __neg__(self) -> Any: return self.home.apply("negative", self)
    def __abs__(self) -> Any: return self.home.apply("abs", self)
    def __lt__(self, other: Any) -> Any: return self.home.apply("<", self, other)
    def __gt__(self, other: Any) -> Any: return self.home.apply(">", self, other)
    def __le__(self, other: Any) -> Any: return self.home.apply("<=", self, other)
    def __ge__(self, other: Any) -> Any: return self.home.apply(">=", self, other)
    def __eq__(self, other: Any) -> Any: return self.home.apply("==", self, other)
    def __ne__(self, other: Any) -> Any: return self.home.apply("!=", self, other)
    def __and__(self, other: Any) -> Any: return self.home.both(self, other)
    def __rand__(self, other: Any) -> Any: return self.home.both(other, self)
    def __or__(self, other: Any) -> Any: return self.home.either(self, other)
    def __ror__(self, other: Any) -> Any: return self.home.either(other, self)
    # fmt: on
    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise TypeError("it branches on data; xp.where chooses")

    @property
    def is_call(self) -> bool:
        """Whether it takes a function to compute it."""
        return self.fn.isidentifier() and self.fn not in ("negative", "where", "argument", "number")


class Symbols:
    """The functions of `microgradrnn.floats` over symbols. Equal symbols are one.

    Attributes:
        made: all symbols, each after those that it reads.
    """

    def __init__(self) -> None:
        self.made: list[Symbol] = []
        self.known: dict[tuple[Any, ...], Symbol] = {}

    def make(self, fn: str, *args: Any) -> Symbol:
        """A symbol of its own, also where there is an equal one."""
        return Symbol(self, fn, args)

    def argument(self, name: str) -> Symbol:
        """What the program is given under a name."""
        found = self.make("argument", name)
        found.text = name
        return found

    def apply(self, fn: str, *args: Any) -> Symbol:
        """``fn`` of symbols and numbers, at least one of them a symbol."""
        args = tuple([x if type(x) is Symbol else as_number(x) for x in args])
        if fn in LEVELS and any(map(_known_float, args)):
            args = tuple([float(x) if type(x) is int else x for x in args])  # Python would do it at every call
        key = (fn, *[x.serial if type(x) is Symbol else repr(x) for x in args])
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = Symbol(self, fn, args)
        return found

    def both(self, x: Any, y: Any) -> Any:
        """Whether two conditions hold, one of which may be known."""
        known, other = (x, y) if type(y) is Symbol else (y, x)
        if type(known) is Symbol:
            return self.apply("&", x, y)
        return other if known else False

    def either(self, x: Any, y: Any) -> Any:
        """Whether at least one of two conditions holds, one of which may be known."""
        known, other = (x, y) if type(y) is Symbol else (y, x)
        if type(known) is Symbol:
            return self.apply("|", x, y)
        return True if known else other

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        """x where the condition holds, else y."""
        if type(condition) is not Symbol:
            return x if condition else y
        return self.apply("where", condition, x, y)

    def power(self, x: Any, y: Any) -> Any:
        """x to the y."""
        if type(y) is not Symbol and (y == 0 or (y == 1 and _known_float(x))):
            return x if y else 1.0  # of any x, also nan
        return self._call("power", x, y)

    def divide(self, x: Any, y: Any) -> Any:
        """x over y."""
        if type(y) is not Symbol and y != 0 and type(x) is Symbol:
            return x / y
        return self._call("divide", x, y)

    def maximum(self, x: Any, y: Any) -> Any:
        """The larger one; beside a number, a choice that needs no function (nan stays nan in it)."""
        if type(y) is not Symbol and y == y:
            return self.where(x < y, y, x)
        if type(x) is not Symbol and x == x:
            return self.where(y <= x, x, y)
        return self._call("maximum", x, y)

    def minimum(self, x: Any, y: Any) -> Any:
        """The smaller one; beside a number, a choice that needs no function (nan stays nan in it)."""
        if type(y) is not Symbol and y == y:
            return self.where(x > y, y, x)
        if type(x) is not Symbol and x == x:
            return self.where(y >= x, x, y)
        return self._call("minimum", x, y)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Any other function that floats has."""
        getattr(floats, name)  # it raises an error of its own where there is none
        return lambda *args: self._call(name, *args)

    def _call(self, name: str, *args: Any) -> Any:
        if not any(type(x) is Symbol for x in args):
            return getattr(floats, name)(*args)
        return self.apply(name, *args)


def as_number(x: Any) -> Any:
    """A number of the op table's own, such as the 1 in 1 - z², as one of Python's."""
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, (bool, int, float)):
        return x
    raise TypeError(f"it computes with {type(x).__name__}, not with real numbers only")


def _known_float(x: Any) -> bool:
    return x.is_float if type(x) is Symbol else type(x) is float


def _is_float(fn: str, args: Sequence[Any]) -> bool:
    if fn in LEVELS:
        return LEVELS[fn] > AND and (fn == "/" or any(map(_known_float, args)))
    if fn in ("where", "maximum", "minimum"):
        return all(map(_known_float, args[-2:]))
    return fn not in ("negative", "abs") or _known_float(args[0])


class SymbolWriter:
    """Symbols as lines of Python.

    What is read once stands where it is read. A line of its own has what is read more often, what has a label, the
    gradient of what has a line, and what would be long or nest deeply.

    Attributes:
        lines: what has been written, not indented.
        functions: the functions that the lines call, by NumPy's names.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.lines: list[str] = []
        self.functions: set[str] = set()
        self._parts = 0

    def write(self, symbols: Sequence[Symbol]) -> None:
        """Write those that are read (see `count_uses`), in their order."""
        for symbol in symbols:
            if symbol.uses and symbol.fn != "argument":
                symbol.text, symbol.level = self._composed(symbol)
                symbol.size = 1 + sum([x.size for x in symbol.args if type(x) is Symbol])
                if symbol.label or symbol.uses > 1 or symbol.size > SIZE or _has_name(symbol.grad_of):
                    name = self._name(symbol)
                    self.lines += statement(f"{name} = ", symbol.text, "", symbol.why)
                    symbol.text, symbol.level, symbol.size = name, ATOM, 0

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
        if fn == "negative":
            return f"-{_within(args[0], SIGN)}", SIGN
        if fn == "where":
            condition, x, y = (_within(arg, COMPARE) for arg in args)
            return f"{x} if {condition} else {y}", CHOICE
        if fn == "op":
            return f"{args[0]}({_listed(args[1:])})", ATOM
        if fn in ("abs", "float"):
            return f"{fn}({_listed(args)})", ATOM
        self.functions.add(fn)
        if fn == "tanh":
            return f"math.tanh({_listed(args)})", ATOM
        return f"{fn}({_listed(args)})" if fn in float_helpers.__all__ else f"float(np.{fn}({_listed(args)}))", ATOM


def count_uses(symbols: Sequence[Symbol], roots: Sequence[Any]) -> None:
    """Work out how often each symbol is read on the way to the roots. What is not read will not be written."""
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
    level = LEVELS[sign]
    strict = level in (COMPARE, POWER)  # neither goes on to its left as the others do
    left, right = _within(x, level + strict), _within(y, level + 1)
    if sign == "+" and _is_negative(y):
        return f"{left} - {right[1:]}", level
    return f"{left} {sign} {right}", level


def _is_negative(x: Any) -> bool:
    """Whether it is written as minus something: then adding it is subtracting that."""
    while type(x) is Symbol and x.level == PRODUCT and x.fn in ("*", "/"):
        x = x.args[0]
    return text_of(x)[1] == SIGN


def _within(x: Any, level: int) -> str:
    text, own = text_of(x)
    return text if own >= level else f"({text})"


def _listed(args: Sequence[Any]) -> str:
    return ", ".join([text_of(x)[0] for x in args])
