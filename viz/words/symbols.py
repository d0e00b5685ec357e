"""Expressions that write themselves out: what the op table's functions compute when they are given symbols for numbers.

- `Symbol`: an expression, as text and as LaTeX. `Symbols`: the namespace that makes more of them; `lift`, `numeral`:
  numbers as symbols.

A symbol answers to every operator that a Python float, a NumPy array or a node answers to.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from microgradrnn.precedence import ATOM, POWER, PRODUCT, SIGN, SUM, bracketed, sides

from ..numbers import number, signed
from ..sources import is_live


@dataclass(frozen=True, eq=False)
class Symbol:
    """An expression: how it looks, how tightly it holds together, and its value where that is known."""

    text: str
    latex: str
    level: int = ATOM
    value: Any = None
    constant: bool = False

    __array_ufunc__ = None  # NumPy's numbers leave the arithmetic to us

    # fmt: off
    def __add__(self, other: Any) -> Any: return _add(self, lift(other))
    def __radd__(self, other: Any) -> Any: return _add(lift(other), self)
    def __sub__(self, other: Any) -> Any: return _subtract(self, lift(other))
    def __rsub__(self, other: Any) -> Any: return _subtract(lift(other), self)
    def __mul__(self, other: Any) -> Any: return _multiply(self, lift(other))
    def __rmul__(self, other: Any) -> Any: return _multiply(lift(other), self)
    def __truediv__(self, other: Any) -> Any: return _divide(self, lift(other))
    def __rtruediv__(self, other: Any) -> Any: return _divide(lift(other), self)
    def __pow__(self, other: Any) -> Any: return _raise(self, lift(other))
    def __rpow__(self, other: Any) -> Any: return _raise(lift(other), self)
    def __floordiv__(self, other: Any) -> Any: return _floor_divide(self, lift(other))
    def __rfloordiv__(self, other: Any) -> Any: return _floor_divide(lift(other), self)
    def __mod__(self, other: Any) -> Any: return _remainder(self, lift(other))
    def __rmod__(self, other: Any) -> Any: return _remainder(lift(other), self)
    def __matmul__(self, other: Any) -> Any: return Symbols().matmul(self, other)
    def __rmatmul__(self, other: Any) -> Any: return Symbols().matmul(other, self)
    def __neg__(self) -> Any: return _subtract(lift(0.0), self)
    def __pos__(self) -> Any: return self
    def __abs__(self) -> Any: return Symbols().abs(self)
    def __invert__(self) -> Any: return _not(self)
    def __lt__(self, other: Any) -> Any: return _compare(self, lift(other), "<", "<", lambda a, b: a < b)
    def __gt__(self, other: Any) -> Any: return _compare(self, lift(other), ">", ">", lambda a, b: a > b)
    def __le__(self, other: Any) -> Any: return _compare(self, lift(other), "≤", r"\le", lambda a, b: a <= b)
    def __ge__(self, other: Any) -> Any: return _compare(self, lift(other), "≥", r"\ge", lambda a, b: a >= b)
    def __eq__(self, other: Any) -> Any: return _compare(self, lift(other), "=", "=", lambda a, b: a == b)
    def __ne__(self, other: Any) -> Any: return _compare(self, lift(other), "≠", r"\ne", lambda a, b: a != b)
    def __and__(self, other: Any) -> Any: return _both(self, lift(other))
    def __rand__(self, other: Any) -> Any: return _both(lift(other), self)
    def __or__(self, other: Any) -> Any: return _either(self, lift(other))
    def __ror__(self, other: Any) -> Any: return _either(lift(other), self)
    def __xor__(self, other: Any) -> Any: return _compare(self, lift(other), "≠", r"\ne", lambda a, b: a != b)
    def __rxor__(self, other: Any) -> Any: return _compare(lift(other), self, "≠", r"\ne", lambda a, b: a != b)
    # fmt: on
    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise TypeError("an op's functions may not branch on data: use xp.where, xp.maximum, xp.minimum")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("NumPy takes arrays, and this is a formula")

    def within(self, level: int) -> tuple[str, str]:
        """Text and LaTeX for a place that asks for a level, in brackets where this one is lower."""
        latex = self.latex if self.level >= level else rf"\left({self.latex}\right)"
        return bracketed(self.text, self.level, level), latex

    def beside(self, other: Symbol, operator: str) -> tuple[str, str, str, str]:
        """Text and LaTeX of this one to the left of an operator, and of another one to its right.

        A sign that follows an operator has brackets: a + (−b).
        """
        left, right = sides(operator)
        return *self.within(left), *other.within(ATOM if other.level == SIGN else right)


def lift(x: Any) -> Symbol:
    """A number of the table's own, such as the 1 in 1 − z²: it takes part in arithmetic right away."""
    if isinstance(x, Symbol):
        return x
    if x is None or isinstance(x, str):
        return Symbol(str(x), rf"\mathrm{{{x}}}")
    x = float(x)
    return Symbol(number(x), number(x).replace("−", "-"), ATOM if x >= 0 else SIGN, x, constant=True)


def numeral(x: float) -> Symbol:
    """A number that was recorded: it stays to be seen, as it is printed."""
    if is_live(x):  # it may be of either sign before long
        return _LiveNumeral(number(x), number(float(x)).replace("−", "-"), SIGN, bracketed=signed(x))
    return Symbol(number(x), number(x).replace("−", "-"), ATOM if x >= 0 or x != x else SIGN, float(x))


@dataclass(frozen=True, eq=False)
class _LiveNumeral(Symbol):
    """A number that may change: in brackets, where its place asks for some, while it is negative."""

    bracketed: str = ""

    def within(self, level: int) -> tuple[str, str]:
        return (self.text if level <= SIGN else self.bracketed), self.latex


def _is(symbol: Symbol, x: float) -> bool:
    return symbol.constant and symbol.value == x


def _fold(a: Symbol, b: Symbol, f: Callable[[Any, Any], Any]) -> Symbol | None:
    return lift(f(a.value, b.value)) if a.constant and b.constant else None


def _add(a: Symbol, b: Symbol) -> Symbol:
    if _is(a, 0):
        return b
    if _is(b, 0):
        return a
    folded = _fold(a, b, lambda x, y: x + y)
    left, left_latex, right, right_latex = a.beside(b, "+")
    return folded if folded is not None else Symbol(f"{left} + {right}", f"{left_latex} + {right_latex}", SUM)


def _subtract(a: Symbol, b: Symbol) -> Symbol:
    folded = _fold(a, b, lambda x, y: x - y)
    if folded is not None or _is(b, 0):
        return folded if folded is not None else a
    left, left_latex, right, right_latex = a.beside(b, "-")
    if _is(a, 0):
        return Symbol(f"−{right}", f"-{right_latex}", SIGN)
    return Symbol(f"{left} − {right}", f"{left_latex} - {right_latex}", SUM)


def _multiply(a: Symbol, b: Symbol) -> Symbol:
    if _is(a, 0) or _is(b, 0):
        return lift(0)
    if _is(a, 1) or _is(b, 1):
        return b if _is(a, 1) else a
    if a is b:
        return _raise(a, lift(2))
    folded = _fold(a, b, lambda x, y: x * y)
    if folded is not None:
        return folded
    left, left_latex, right, right_latex = a.beside(b, "*")
    return Symbol(f"{left} × {right}", rf"{left_latex} \cdot {right_latex}", PRODUCT)


def _divide(a: Symbol, b: Symbol) -> Symbol:
    if _is(b, 1):
        return a
    folded = _fold(a, b, lambda x, y: x / y) if not _is(b, 0) else None
    if folded is not None:
        return folded
    left, _, right, _ = a.beside(b, "/")
    return Symbol(f"{left} / {right}", rf"\frac{{{a.latex}}}{{{b.latex}}}", PRODUCT)


def _floor_divide(a: Symbol, b: Symbol) -> Symbol:
    left, _, right, _ = a.beside(b, "//")
    return Symbol(f"{left} // {right}", rf"\lfloor \frac{{{a.latex}}}{{{b.latex}}} \rfloor", PRODUCT)


def _remainder(a: Symbol, b: Symbol) -> Symbol:
    left, left_latex, right, right_latex = a.beside(b, "%")
    return Symbol(f"{left} mod {right}", rf"{left_latex} \bmod {right_latex}", PRODUCT)


def _not(a: Symbol) -> Symbol:
    return lift(not a.value) if a.value is not None else Symbol(f"not({a.text})", rf"\lnot {a.within(ATOM)[1]}", SIGN)


def _raise(a: Symbol, b: Symbol) -> Symbol:
    if _is(b, 1) or _is(b, 0):
        return a if _is(b, 1) else lift(1)
    base, base_latex, power, _ = a.beside(b, "**")
    if _is(b, 2) and not re.search("[²³]$", base):
        return Symbol(f"{base}²", f"{{{base_latex}}}^2", POWER)
    return Symbol(f"{base}^{power}", f"{{{base_latex}}}^{{{b.latex}}}", POWER)


def _compare(a: Symbol, b: Symbol, sign: str, latex: str, holds: Callable[[Any, Any], bool]) -> Any:
    if a.value is not None and b.value is not None:
        return lift(holds(a.value, b.value))
    if a.text == b.text:
        return lift(sign in "=≤≥")  # a name stands for itself
    return Symbol(f"[{a.text} {sign} {b.text}]", rf"[{a.latex} {latex} {b.latex}]")


def _both(a: Symbol, b: Symbol) -> Symbol:
    if a.constant or b.constant:
        known, other = (a, b) if a.constant else (b, a)
        return other if known.value else known
    return Symbol(f"{a.text}{b.text}", f"{a.latex}{b.latex}", PRODUCT)


def _either(a: Symbol, b: Symbol) -> Symbol:
    if a.constant or b.constant:
        known, other = (a, b) if a.constant else (b, a)
        return known if known.value else other
    return Symbol(f"max({a.text}, {b.text})", rf"\max({a.latex}, {b.latex})")


class Symbols:
    """NumPy's functions over symbols: the namespace that op records compute in to be read."""

    # fmt: off
    divide = staticmethod(lambda a, b: _divide(lift(a), lift(b)))
    power = staticmethod(lambda a, b: _raise(lift(a), lift(b)))
    floor_divide = staticmethod(lambda a, b: _floor_divide(lift(a), lift(b)))
    remainder = staticmethod(lambda a, b: _remainder(lift(a), lift(b)))
    # fmt: on

    @staticmethod
    def where(condition: Any, x: Any, y: Any) -> Symbol:
        """x or y, where it is known which; else the choice, in words."""
        c, a, b = lift(condition), lift(x), lift(y)
        if c.value is not None:
            return a if c.value else b
        return Symbol(f"where({c.text}, {a.text}, {b.text})", rf"\mathrm{{where}}({c.latex}, {a.latex}, {b.latex})")

    def __getattr__(self, name: str) -> Any:
        """Any other function of NumPy's, by its name, and NumPy's constants."""
        if name.startswith("_"):
            raise AttributeError(name)
        constant = getattr(np, name, None)
        return lift(constant) if isinstance(constant, float) else partial(self.call, name)

    @staticmethod
    def call(name: str, *arguments: Any, **keywords: Any) -> Symbol:
        """A function by its name, of arguments.

        >>> Symbols.call("clip", Symbol("x", "x"), 0, 1).text
        'clip(x, 0, 1)'
        """
        symbols = [("", lift(x)) for x in arguments] + [(f"{key}=", lift(x)) for key, x in keywords.items()]
        text = ", ".join(key + s.text for key, s in symbols)
        latex = ", ".join(key.replace("_", r"\_") + s.latex for key, s in symbols)
        command = rf"\{name}" if name in _COMMANDS else rf"\operatorname{{{name.replace('_', chr(92) + '_')}}}"
        return Symbol(f"{name}({text})", rf"{command}\left({latex}\right)")


_COMMANDS = {"exp", "log", "tanh", "max", "min", "sin", "cos"}
