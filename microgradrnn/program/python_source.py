"""Expressions of floats as Python: what a graph of `Value` nodes is written in.

- `PythonExpressions`: the functions of numbers that Python has. `FloatLayout`: what gets a line.
- `PythonPrinter`: the lines.

Nothing here recurses, and no line nests deeply: a chain of 100,000 nodes is 100,000 lines.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from microgradrnn import floats
from microgradrnn.precedence import AND, ATOM, LEVELS, PRODUCT, SIGN, sides
from microgradrnn.program.expressions import Expression
from microgradrnn.program.groups import Group
from microgradrnn.program.ir import Scan
from microgradrnn.program.lines import statement
from microgradrnn.program.names import Names
from microgradrnn.program.namespace import Expressions
from microgradrnn.program.pieces import number
from microgradrnn.program.printing import Printer
from microgradrnn.program.sizes import Shape
from microgradrnn.program.statements import Assign, Statement
from microgradrnn.program.table import Form, function

SIZE = 60
"""How many operations a line holds: Python's compiler recurses into them, and people read them."""
_FLOAT, _INTEGER, _CONDITION = np.dtype(float), np.dtype(int), np.dtype(bool)
_GIVEN = ("argument", "filled", "call")
_NONE: Mapping[str, Any] = {}


class PythonExpressions(Expressions):
    """The functions of `microgradrnn.floats` over expressions without axes.

    Numbers that are known meet in it as numbers, so no arithmetic of constants is left to the program. An expression's
    type is float64 where it is sure to be a float: arithmetic of comparisons' outcomes gives integers.

    Attributes:
        made: all expressions, each after those that it reads.
        gradient_of: what an expression is the gradient of, which then names it.
    """

    def __init__(self, names: Names | None = None) -> None:
        super().__init__(names)
        self.made: list[Expression] = []
        self.gradient_of: dict[Expression, Any] = {}

    def make(
        self,
        fn: str,
        args: tuple[Any, ...],
        params: Mapping[str, Any] = _NONE,
        shape: Shape | None = None,
        dtype: Any = None,
        loop: Any = None,
    ) -> Expression:
        """See `Expressions.make`. Raises TypeError for what only arrays have."""
        if fn not in _GIVEN:
            raise TypeError(f"{fn} is of arrays, and these are numbers")
        found = super().make(fn, args, params, shape, dtype, loop)
        self.made.append(found)
        return found

    def own(self, fn: str, *args: Any) -> Expression:
        """A float of its own, also where there is an equal one."""
        found = Expression(self, fn, args, _NONE, (), _FLOAT, None)
        self.made.append(found)
        return found

    def operate(self, operator: str, x: Any, y: Any) -> Any:
        """What an operator of Python's gives; of a condition that is known and another, what that leaves of it."""
        if operator in ("&", "|"):
            known, other = (x, y) if type(y) is Expression else (y, x)
            if type(known) is not Expression:
                return other if bool(known) == (operator == "&") else operator == "|"
        return self.elementwise(operator, x, y)

    def elementwise(self, fn: str, *args: Any) -> Expression:
        """``fn`` of expressions and numbers, at least one of them an expression."""
        args = tuple([x if type(x) is Expression or type(x) is float else as_number(x) for x in args])
        if fn in LEVELS and int in map(type, args) and any(map(_is_float, args)):
            args = tuple([float(x) if type(x) is int else x for x in args])  # Python would do it at every call
        key = (fn, *[x.serial if type(x) is Expression else repr(x) for x in args])
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = Expression(self, fn, args, _NONE, (), type_of(fn, args), None)
            self.made.append(found)
        return found

    def held(self, found: Any) -> Any:
        """What an op has computed as its node holds it: a float."""
        if type(found) is not Expression:
            return float(as_number(found))
        return found if _is_float(found) else self.elementwise("float", found)

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        """x where the condition holds, else y."""
        if type(condition) is not Expression:
            return x if condition else y
        return self.elementwise("where", condition, x, y)

    def power(self, x: Any, y: Any) -> Any:
        """x to the y."""
        if type(y) is not Expression and (y == 0 or (y == 1 and _is_float(x))):
            return x if y else 1.0  # of any x, also nan
        return self._call("power", x, y)

    def divide(self, x: Any, y: Any) -> Any:
        """x over y."""
        if type(y) is not Expression and y != 0 and type(x) is Expression:
            return x / y
        return self._call("divide", x, y)

    def maximum(self, x: Any, y: Any) -> Any:
        """The larger one; beside a number, a choice that needs no function (nan stays nan in it)."""
        if type(y) is not Expression and y == y:
            return self.where(x < y, y, x)
        if type(x) is not Expression and x == x:
            return self.where(y <= x, x, y)
        return self._call("maximum", x, y)

    def minimum(self, x: Any, y: Any) -> Any:
        """The smaller one; beside a number, a choice that needs no function (nan stays nan in it)."""
        if type(y) is not Expression and y == y:
            return self.where(x > y, y, x)
        if type(x) is not Expression and x == x:
            return self.where(y >= x, x, y)
        return self._call("minimum", x, y)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        getattr(floats, name)  # it raises an error of its own where there is none
        if function(name).is_comparison:  # a number here, as floats says
            return lambda *args: self._call("float", self._call(function(name).operator, *args))
        return lambda *args: self._call(name, *args)

    def _call(self, name: str, *args: Any) -> Any:
        if Expression not in map(type, args):
            return getattr(floats, name)(*args)
        return self.elementwise(name, *args)


def as_number(x: Any) -> Any:
    """A number of the op table's own, such as the 1 in 1 - z², as one of Python's."""
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, (bool, int, float)):
        return x
    raise TypeError(f"it computes with {type(x).__name__}, not with real numbers only")


def is_call(x: Expression) -> bool:
    """Whether it takes a function to compute it."""
    return not (x.fn in LEVELS or x.fn in _GIVEN or isinstance(function(x.fn).python, Form))


def _made(some: Iterable[Expression]) -> list[Expression]:
    """All expressions of the namespace of some."""
    home = next((x.home for x in some), None)
    return home.made if isinstance(home, PythonExpressions) else []


def _is_float(x: Any) -> bool:
    return x.dtype is _FLOAT if type(x) is Expression else type(x) is float


def type_of(fn: str, args: Sequence[Any]) -> np.dtype[Any]:
    """What Python makes of numbers of these types."""
    level = LEVELS.get(fn)
    if level is None:
        is_float = not function(fn).keeps_type or all(map(_is_float, args[-2:]))
    elif level <= AND:
        return _CONDITION
    else:
        is_float = fn == "/" or _is_float(args[0]) or _is_float(args[1])
    return _FLOAT if is_float else _INTEGER


class FloatLayout:
    """The statements of a function of floats; arguments as of `microgradrnn.program.layout.Layout`.

    Lines come in the order in which what they compute was derived. What is read once stands where it is read. A line of
    its own has what is read more often, what has a name, the gradient of what has a line, and what would be long or
    nest deeply. Without "inline" among the rewrites each has one.
    """

    def __init__(
        self,
        results: Iterable[Expression],
        given: Iterable[Expression],
        scans: Mapping[Group, Scan],
        rewrites: Collection[str],
    ) -> None:
        self.inline = "inline" in rewrites
        self.uses = uses = Counter(results)
        self.lined: set[Expression] = set(given)
        self.sizes: dict[Any, int] = {}  # how many operations stand within what has no line
        self.unstated: list[Expression] = []  # newest first
        for x in reversed(_made(uses)):
            if x in uses:
                self.unstated.append(x)
                for y in x.args:
                    if type(y) is Expression:
                        uses[y] += 1

    def of(self, *roots: Any) -> tuple[Statement, ...]:
        """All that some values need, and what stands for them, after what has been asked for before."""
        found, sizes = [], self.sizes
        for x in reversed(self._needed(roots)):
            if x.fn == "argument":
                continue
            size = 1
            for y in x.args:
                if y in sizes:
                    size += sizes[y]
            if size > SIZE or self.uses[x] > 1 or not self.inline or self._has_name(x):
                found.append(Assign(x, x))
                self.lined.add(x)
            else:
                sizes[x] = size
        return tuple(found)

    def _needed(self, roots: Iterable[Any]) -> list[Expression]:
        """What has to be stated for some values, newest first."""
        needed, rest, found = set(roots), [], []
        for x in self.unstated:
            if x not in needed:
                rest.append(x)
                continue
            found.append(x)
            for y in x.args:
                if type(y) is Expression:
                    needed.add(y)
        self.unstated = rest
        return found

    def _has_name(self, x: Expression) -> bool:
        of = _gradient_of(x)
        return x.name != "" or (of is not None and (of.fn == "argument" or of in self.lined))


def _gradient_of(x: Expression) -> Expression | None:
    """What an expression is the gradient of."""
    of = x.home.gradient_of.get(x) if isinstance(x.home, PythonExpressions) else None
    return of if type(of) is Expression else None


class PythonPrinter(Printer):
    """The lines of a function of floats; arguments as of `Printer`."""

    module = "math"

    def __init__(self, scans: Mapping[Group, Scan], names: Names, kept: bool) -> None:
        super().__init__(scans, names, kept)
        self._unnamed = 0

    def text(self, x: Any) -> tuple[str, int]:
        """An expression or a number as it stands in a line, and how tightly that holds together."""
        if type(x) is not Expression:
            return self.number(x)
        name = self.named.get(x)
        return self._composed(x) if name is None else (name, ATOM)

    def result(self, x: Any) -> str:
        """What is handed out."""
        return self.text(x)[0]

    def line(self, text: str, why: str = "") -> None:
        """A line, or several where it is long, with a remark."""
        name, sign, value = text.partition(" = ")
        self.lines += [f"    {line}" for line in statement(name + sign, value, "", why)]

    def returned(self, loss: str, grads: Sequence[str], outputs: Sequence[str]) -> list[str]:
        """The last lines: many gradients stand side by side."""
        lines, others = [], "()"
        if outputs:
            others = self.names.new("outputs")
            lines = statement(f"{others} = (", ", ".join(outputs) + ",", ")")
        lines += statement(f"return {loss}, {{", ", ".join(grads), f"}}, {others}")
        return [f"    {line}" for line in lines]

    def _assign(self, line: Assign) -> None:
        text, why = self._composed(line.x)[0], line.x.why
        self.named[line.x] = name = self._name(line.x)
        self.line(f"{name} = {text}", why)

    def _name(self, x: Expression) -> str:
        """What a person would call it: a gradient after what it is the gradient of, if that has a name."""
        of = _gradient_of(x)
        after = None if of is None else of.args[0] if of.fn == "argument" else self.named.get(of)
        name = x.name if after is None else f"d_{after}"
        if not (name or x.hint):
            self._unnamed += 1
            name = f"part_{self._unnamed}"
        return self.reserved.pop(x, "") or self.names.new(name or x.hint)

    # ---- How each function is written -------------------------------------------------------------------------------

    def _composed(self, x: Expression) -> tuple[str, int]:
        """An expression as Python, and how tightly that holds together."""
        fn, args = x.fn, x.args
        if fn in LEVELS:
            return self._infix(fn, *args)
        if fn == "argument":
            return args[0], ATOM
        if fn == "filled":
            return self.number(args[0])
        if fn == "call":
            return f"{x.params['function']}({self._listed(args)})", ATOM
        called = function(fn).python
        if isinstance(called, Form):
            return called.text.format(*(self.within(y, called.least) for y in args)), called.level
        if called is None:
            return f"float(np.{fn}({self._listed(args)}))", ATOM
        if inspect.isfunction(called):
            self.helpers.add(called.__name__)
        return f"{'math.' if called.__module__ == 'math' else ''}{called.__name__}({self._listed(args)})", ATOM

    def _infix(self, sign: str, left: Any, right: Any) -> tuple[str, int]:
        level, (least, following) = LEVELS[sign], sides(sign)
        (one, holds), (other, other_holds) = self.text(left), self.text(right)
        if holds < least:
            one = f"({one})"
        if other_holds < following:
            other = f"({other})"
        elif sign == "+" and other[0] == "-" and self._is_negative(right):
            return f"{one} - {other[1:]}", level
        return f"{one} {sign} {other}", level

    def _is_negative(self, x: Any) -> bool:
        """Whether it is written as minus something: then adding it is subtracting that."""
        while type(x) is Expression and x.fn in ("*", "/") and self.text(x)[1] == PRODUCT:
            x = x.args[0]
        return self.text(x)[1] == SIGN

    def _listed(self, args: Sequence[Any]) -> str:
        return ", ".join([self.text(y)[0] for y in args])

    def number(self, x: Any) -> tuple[str, int]:
        """A number as Python, and how tightly it holds together."""
        return number(x, self.module)
