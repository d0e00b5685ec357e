"""Expressions as Python, each where it is used.

- `Text`: knows what has a name; writes out the rest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from microgradrnn.precedence import ATOM, LEVELS, PRODUCT, SIGN, SUM, bracketed, sides
from microgradrnn.program.expressions import Expression, is_identity
from microgradrnn.program.groups import Group
from microgradrnn.program.names import Names
from microgradrnn.program.scan import Scan
from microgradrnn.program.shapes import reduced
from microgradrnn.program.sizes import Size
from microgradrnn.program.table import Memory, function

LITERAL, LITERAL_WIDTH = 16, 72
"""Arrays of so many entries and characters stand in the source; larger ones are handed in."""


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
        self.kept = Names()  # what arrays are kept under, which is no name in the program
        self.keeps: dict[Expression, str] = {}
        self.handed_out: set[Expression] = set()

    def text(self, x: Any) -> tuple[str, int]:
        """An expression as Python, and how tightly it binds."""
        if not isinstance(x, Expression):
            return number(x)
        if x in self.named:
            return self.named[x], ATOM
        write = getattr(self, f"_{x.fn}", None)
        if write is not None:
            return write(x), ATOM
        row = function(x.fn)
        if row.operator and len(x.args) == 1:
            return f"{row.operator}{self.within(x.args[0], SIGN)}", SIGN
        if row.operator:
            return self._infix(row.operator, *x.args)
        if row.result is reduced:
            return self._reduction(x), ATOM
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

    def _carry(self, x: Expression) -> str:
        carry = x.args[0]
        if carry in self.carried:
            return self.carried[carry]
        group, scan = next(
            (group, scan)
            for group, scan in self.scans.items()
            if (group, carry.update) in self.buffer and any(handed.carry is carry for handed in scan.handed)
        )
        return f"{self.buffer[group, carry.update]}[{moved('t', int(scan.reverse))}]"

    def _saved(self, x: Expression) -> str:
        group, of = x.params["group"], x.params["of"]
        update = of.args[0].update if of.fn == "carry" else of
        name = self.buffer[group, update]
        if not self.has_first(group, update):
            return name
        return f"{name}[{':-1' if (of.fn == 'carry') != self.scans[group].reverse else '1:'}]"

    def _step(self, x: Expression) -> str:
        rows, sign, first = x.args
        if rows.fn == "saved" and sign == 1:
            group, of = rows.params["group"], rows.params["of"]
            update = of.args[0].update if of.fn == "carry" else of
            later = self.has_first(group, update) and (of.fn == "carry") == self.scans[group].reverse
            return f"{self.buffer[group, update]}[{moved('t', first + int(later))}]"
        # What is read in reverse is counted from the end, whose place is known whatever the length is.
        place = moved("t", first) if sign == 1 else f"{first - int(rows.shape[0])} - t"
        return f"{self.within(rows, ATOM)}[{place}]"

    def _index(self, x: Expression) -> str:
        return f"{self.within(x.args[0], ATOM)}[{self.key(x.args[1])}]"

    def key(self, key: tuple[Any, ...]) -> str:
        """What stands between the brackets of an index."""
        parts = (self.text(part)[0] if isinstance(part, Expression) else _key_part(part) for part in key)
        return ", ".join(parts) or "()"

    def _transpose(self, x: Expression) -> str:
        inner, axes = self.within(x.args[0], ATOM), x.params["axes"]
        if axes == tuple(reversed(range(len(axes)))):
            return f"{inner}.T"
        swapped = [i for i, axis in enumerate(axes) if i != axis]
        if len(swapped) == 2:
            one, other = (i - len(axes) for i in swapped)
            return f"{inner}.swapaxes({one}, {other})"
        return f"{inner}.transpose({', '.join(map(str, axes))})"

    def _reshape(self, x: Expression) -> str:
        inner, shape = self.within(x.args[0], ATOM), x.params["shape"]
        if len(shape) == 2 and shape[1] != 0 and str(shape[1]) == str(x.args[0].shape[-1]):
            return f"{inner}.reshape(-1, {shape[1]})"
        if len(shape) < 2:
            return f"{inner}.reshape({-1 if shape else ()})"
        return f"{inner}.reshape({', '.join(map(str, shape))})"

    def _reduction(self, x: Expression) -> str:
        axis, keep, dtype = (x.params.get(name) for name in ("axis", "keepdims", "dtype"))
        options = [] if axis is None else [f"axis={axis}"]
        options += ["keepdims=True"] if keep else []
        options += [f"dtype=np.{dtype}"] if dtype is not None else []
        return f"{self.within(x.args[0], ATOM)}.{x.fn}({', '.join(options)})"

    def _cumsum(self, x: Expression) -> str:
        return f"{self.within(x.args[0], ATOM)}.cumsum(axis={x.params['axis']})"

    def _erf(self, x: Expression) -> str:
        self.helpers.add("erf")
        return f"erf({self.text(x.args[0])[0]})"

    def _broadcast_to(self, x: Expression) -> str:
        text, shape = self.text(x.args[0])[0], shape_of(x.params["shape"])
        if x.args[0].ndim == 0 and x.dtype != np.float64:  # a number of Python would make it float64
            return f"{self.module}.full({shape}, {text}{dtype_of(x.dtype)})"
        return f"{self.module}.broadcast_to({text}, {shape})"

    def _concatenate(self, x: Expression) -> str:
        return self.concatenated(x)

    def concatenated(self, x: Expression, out: str = "") -> str:
        """Arrays joined, perhaps into another."""
        parts = ", ".join(self.text(arg)[0] for arg in x.args)
        axis = x.params["axis"]
        return f"{self.module}.concatenate([{parts}], axis={axis if axis != x.ndim - 1 else -1}{out})"

    def _stack(self, x: Expression) -> str:
        axis = f", axis={x.params['axis']}" if x.params["axis"] else ""
        return f"{self.module}.stack([{', '.join(self.text(arg)[0] for arg in x.args)}]{axis})"

    def _pick(self, x: Expression) -> str:
        self.helpers.add("pick")
        rows, classes = (self.text(arg)[0] for arg in x.args)
        return f"pick({rows}, {classes if x.args[1].ndim else f'np.array({classes})'})"

    def _product(self, x: Expression) -> str:
        self.helpers |= {"buffer", "product"}
        left, right = (self.text(arg)[0] for arg in x.args)
        if x not in self.keeps:
            self.keeps[x] = self.kept.new(word(x))
        return f'product("{self.keeps[x]}", {left}, {right})'

    def _tensordot(self, x: Expression) -> str:
        left, right = (self.text(arg)[0] for arg in x.args)
        axes = list(range(x.params["axes"]))
        return f"{self.module}.tensordot({left}, {right}, axes=({axes}, {axes}))"

    def _dot(self, x: Expression) -> str:
        return f"{self.within(x.args[0], ATOM)}.dot({self.text(x.args[1])[0]})"

    def _same(self, x: Expression) -> str:
        return self.within(x.args[0], ATOM)

    def _contiguous(self, x: Expression) -> str:
        return f"np.ascontiguousarray({self.text(x.args[0])[0]})"

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

    def _astype(self, x: Expression) -> str:
        return f"{self.within(x.args[0], ATOM)}.astype({type_of(x.dtype)})"

    def _call(self, x: Expression) -> str:
        return f"{x.params['function']}({', '.join(self.text(arg)[0] for arg in x.args)})"

    def _filled(self, x: Expression) -> str:
        value, shape = x.args[0], x.params["shape"]
        if not shape:
            return number(value)[0]
        if value in (0, 1):
            return f"{self.module}.{'ones' if value else 'zeros'}({shape_of(shape)}{dtype_of(x.dtype)})"
        return f"{self.module}.full({shape_of(shape)}, {number(value)[0]}{dtype_of(x.dtype)})"

    def _typed(self, x: Expression) -> str:
        return f"{type_of(x.dtype)}({number(x.args[0])[0]})"

    def _constant(self, x: Expression) -> str:
        array = x.args[0].value
        if array.ndim == 0:
            text, level = number(array.item())
            return text if level == ATOM else f"({text})"
        if array.size == 0:
            return f"{self.module}.zeros({shape_of(array.shape)}{dtype_of(array.dtype)})"
        if array.ndim == 1 and array.dtype.kind in "iu" and np.array_equal(array, np.arange(len(array))):
            return f"{self.module}.arange({len(array)})"
        if len(array) > 1 and is_identity(x):
            return f"{self.module}.eye({len(array)}{dtype_of(array.dtype)})"
        literal = f"{array.tolist()}" if array.size <= LITERAL and np.isfinite(array).all() else ""
        if literal and len(literal) <= LITERAL_WIDTH:
            return f"{self.module}.array({literal}{dtype_of(array.dtype) if array.dtype != int else ''})"
        name = self.named[x] = self.names.new(x.name or "constant")
        self.constants[name] = array
        return name

    def has_first(self, group: Group, x: Expression) -> bool:
        """Whether what a loop saves of x has a row more, for what it starts from."""
        handed = self.scans[group].handed
        return any(each.carry.update is x and each.carry not in self.carried for each in handed)


def number(x: Any) -> tuple[str, int]:
    """A number as Python, and how tightly it binds."""
    if isinstance(x, Size):
        return str(x), ATOM if str(x).isidentifier() or str(x).isdigit() else PRODUCT if "*" in str(x) else SUM
    if isinstance(x, float) and not np.isfinite(x):
        return ("np.nan" if x != x else "np.inf" if x > 0 else "-np.inf"), ATOM if x != x or x > 0 else SIGN
    if isinstance(x, (bool, np.bool_)):
        return str(bool(x)), ATOM
    return repr(x), ATOM if x >= 0 else SIGN


def _key_part(part: Any) -> str:
    if part is Ellipsis:
        return "..."
    if isinstance(part, slice):
        ends = ["" if end is None else str(end) for end in (part.start, part.stop)]
        return ":".join(ends) + (f":{part.step}" if part.step not in (None, 1) else "")
    return str(part)


def moved(name: str, more: int) -> str:
    """An index with a constant added."""
    return name if more == 0 else f"{name} {'+' if more > 0 else '-'} {abs(more)}"


def shape_of(shape: Sequence[Any]) -> str:
    """A shape as a tuple."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def type_of(dtype: Any) -> str:
    """A type of NumPy's."""
    return "bool" if dtype.kind == "b" else f"np.{dtype}"


def dtype_of(dtype: Any) -> str:
    """A type as the last argument of a function, where it needs saying."""
    return "" if dtype == np.float64 else f", dtype={type_of(dtype)}"


def zeros(shape: Sequence[Any], dtype: Any) -> str:
    """Zeros to add to."""
    return f"np.zeros({shape_of(shape)}{dtype_of(dtype)})" if shape else "0.0"


def word(x: Expression) -> str:
    """A name for what has none: that of what is done."""
    if x.hint:
        return x.hint
    word = function(x.fn).word or x.fn
    names = [arg.name for arg in x.args if isinstance(arg, Expression) and arg.name]
    return f"{word}_{names[0]}" if len(x.args) == 1 and names else word


def words(text: str) -> set[str]:
    """The names in a text."""
    return set(re.findall(r"\w+", text))
