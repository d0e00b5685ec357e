"""Expressions as Python, each where it is used.

- `Text`: knows what has a name; writes out the rest. `word`: a name for what has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from microgradrnn.precedence import ATOM, LEVELS, PRODUCT, SIGN, bracketed, sides
from microgradrnn.program.expressions import Expression
from microgradrnn.program.groups import Group
from microgradrnn.program.ir import Scan
from microgradrnn.program.names import Names
from microgradrnn.program.pieces import key_part, number, type_of
from microgradrnn.program.table import Memory, function


class Text:
    """Expressions as Python.

    Args:
        scans: the loops.
        names: the names that are taken.

    Attributes:
        module: what the functions of arrays are called from.
        named: the name of each expression that has a line of its own.
        buffer: what a loop writes to, for each expression that is wanted of all its steps.
        carried: the variables that loops hand on.
        constants: arrays that are handed in, by name.
        helpers: the functions that the program has to define.
    """

    module = "np"

    def __init__(self, scans: Mapping[Group, Scan], names: Names) -> None:
        self.scans, self.names = scans, names
        self.named: dict[Expression, str] = {}
        self.buffer: dict[tuple[Group, Expression], str] = {}
        self.carried: dict[Any, str] = {}
        self.constants: dict[str, Any] = {}
        self.helpers: set[str] = set()
        self.kept_names = Names()  # what arrays are kept under, which is no name in the program
        self.keeps: dict[Expression, str] = {}
        self.handed_out: set[Expression] = set()

    def text(self, x: Any) -> tuple[str, int]:
        """An expression as Python, and how tightly it binds."""
        if not isinstance(x, Expression):
            return number(x)
        if x in self.named:
            return self.named[x], ATOM
        row = function(x.fn)
        write = row.in_jax if self.module == "jnp" and row.in_jax is not None else row.in_numpy
        if write is not None:
            return write(self, x), ATOM
        if row.operator and len(x.args) == 1:
            return f"{row.operator}{self.within(x.args[0], SIGN)}", SIGN
        if row.operator:
            return self._infix(row.operator, *x.args)
        return f"{self.module}.{x.fn}({', '.join(self.text(arg)[0] for arg in x.args)})", ATOM

    def within(self, x: Any, level: int) -> str:
        """The text for a place that asks for a level, in brackets where this one is lower."""
        return bracketed(*self.text(x), level)

    def _infix(self, sign: str, left: Any, right: Any) -> tuple[str, int]:
        within = isinstance(left, Expression) and left not in self.named and len(left.args) == 2
        inner = function(left.fn).operator if within else ""
        if sign == "+" and isinstance(right, Expression) and right.fn == "negative" and right not in self.named:
            return self._infix("-", left, right.args[0])
        least, following = sides(sign)
        if inner and "@" in (sign, inner) and sign != inner and LEVELS[sign] == PRODUCT:
            least = ATOM  # a @ b * c is easier to read as (a @ b) * c
        return f"{self.within(left, least)} {sign} {self.within(right, following)}", LEVELS[sign]

    def key(self, key: tuple[Any, ...]) -> str:
        """What stands between the brackets of an index."""
        parts = (self.text(part)[0] if isinstance(part, Expression) else key_part(part) for part in key)
        return ", ".join(parts) or "()"

    def concatenated(self, x: Expression, out: str = "") -> str:
        """Arrays joined, perhaps into another."""
        parts = ", ".join(self.text(arg)[0] for arg in x.args)
        axis = x.params["axis"]
        return f"{self.module}.concatenate([{parts}], axis={axis if axis != x.ndim - 1 else -1}{out})"

    def keep(self, x: Expression) -> str:
        """The name that an array is kept under."""
        if x not in self.keeps:
            self.keeps[x] = self.kept_names.new(word(x))
        return self.keeps[x]

    def result(self, x: Any) -> str:
        """What is handed out: never a part of what is kept, nor the same array twice."""
        text = self.text(x)[0]
        if not isinstance(x, Expression):
            return text
        if x.fn == "filled" and not x.shape:
            return f"{type_of(x.dtype)}({text})"
        shared = (
            function(x.fn).memory in (Memory.VIEW, Memory.KEPT)
            or (x.fn == "constant" and x in self.named)
            or x in self.handed_out
        )
        self.handed_out.add(x)
        return f"np.array({text})" if shared and x.ndim else text

    def has_first(self, group: Group, x: Expression) -> bool:
        """Whether what a loop saves of x has a row more, for what it starts from."""
        handed = self.scans[group].handed
        return any(each.carry.update is x and each.carry not in self.carried for each in handed)


def word(x: Expression) -> str:
    """A name for what has none: that of what is done."""
    if x.hint:
        return x.hint
    word = function(x.fn).word or x.fn
    names = [arg.name for arg in x.args if isinstance(arg, Expression) and arg.name]
    return f"{word}_{names[0]}" if len(x.args) == 1 and names else word
