"""What a program of floats computes, before it is written down: the op table's functions, given symbols for numbers.

- `Symbol`: a number that is not there yet: what gives it, and of what.
- `Symbols`: the namespace that makes them. Numbers that are known meet in it as numbers, so no arithmetic of constants
  is left to the program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from microgradrnn import floats
from microgradrnn.precedence import AND, ATOM, LEVELS
from microgradrnn.program.operand import Operand
from microgradrnn.program.table import Form, function

_GIVEN = ("argument", "number")
"""What no function computes."""


class Symbol(Operand):
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

    def __init__(self, home: Symbols, fn: str, args: tuple[Any, ...]) -> None:
        self.home, self.fn, self.args, self.serial = home, fn, args, len(home.made)
        self.label, self.hint, self.why = "", "", ""
        self.grad_of: Any = None
        self.is_float = _is_float(fn, args)
        self.uses, self.text, self.level, self.size = 0, "", ATOM, 0
        home.made.append(self)

    def _operate(self, operator: str, x: Any, y: Any) -> Any:
        if operator in ("&", "|"):
            return self.home.both(x, y) if operator == "&" else self.home.either(x, y)
        return self.home.apply(operator, x, y)

    def __neg__(self) -> Any:
        return self.home.apply("negative", self)

    def __abs__(self) -> Any:
        return self.home.apply("abs", self)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Booleans are what comparisons give."""
        return np.dtype(bool if LEVELS.get(self.fn, ATOM) <= AND else float)

    @property
    def is_call(self) -> bool:
        """Whether it takes a function to compute it."""
        return not (self.fn in LEVELS or self.fn in _GIVEN or isinstance(function(self.fn).python, Form))


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
        if function(name).is_comparison:  # a number here, as floats says
            return lambda *args: self._call("float", self._call(function(name).operator, *args))
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
    return not function(fn).keeps_type or all(map(_known_float, args[-2:]))
