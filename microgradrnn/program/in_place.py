"""Results that are written where there is room already, so that no new array is made for them.

- `Readers`: which expressions are still to be read.
- `InPlace`: the text of operations that write into an array.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

import numpy as np

from microgradrnn.program.all_steps import is_ufunc, size_in_bytes
from microgradrnn.program.expressions import OPERATORS, Expression, inputs_of
from microgradrnn.program.groups import Group
from microgradrnn.program.shapes import same
from microgradrnn.program.text import SIGNS, Text

LARGE = 2**16
"""Bytes of an array for which fewer new ones are worth a line more."""
_AUGMENTED = ("add", "subtract", "multiply", "divide")
_NEW = ("matmul", "dot", "product", "call", "where", "power", "concatenate", "stack")
"""What makes a new array, other than entry by entry."""
_VIEWS = ("index", "transpose", "reshape", "broadcast_to", "step", "same", "contiguous")
"""What may be no more than another look at the array that it reads."""


class Readers:
    """Who reads each expression, and who has done so.

    Attributes:
        of: what reads an expression.
        kept: what is handed out, or on to the next step, and must stay as it is.
        done: what has been computed for the last time.
        loops: what the loops that are still to come compute in each step.
    """

    def __init__(self) -> None:
        self.of: dict[Expression, list[Expression]] = defaultdict(list)
        self.kept: set[Expression] = set()
        self.done: set[Expression] = set()
        self.loops: dict[Group, set[Expression]] = {}

    def add(self, x: Expression) -> None:
        """x reads its arguments."""
        for y in inputs_of(x.args) if x.fn != "carry" else ():
            self.of[y].append(x)

    def end(self, group: Group) -> None:
        """A loop is over; what another will compute again is not."""
        steps = self.loops.pop(group)
        self.done.update(steps.difference(*self.loops.values()))

    def are_done(self, x: Expression, now: Collection[Expression]) -> bool:
        """Whether nobody will read x, or a look at it, once those that read it now have."""
        looks, seen = [x], {x}
        while looks:
            look = looks.pop()
            if look in self.kept:
                return False
            for reader in self.of[look]:
                if reader.fn not in _VIEWS:
                    if reader not in self.done and reader not in now:
                        return False
                elif reader not in seen:
                    seen.add(reader)
                    looks.append(reader)
        return True


class InPlace(Text):
    """The text of operations that write into an array; arguments as of `Text`."""

    def path(self, x: Expression, handed_out: bool) -> list[Expression]:
        """The operations that give x one after another on one array, if that is new with the first of them.

        What an operation reads besides may be anything; of operations on two new arrays one is on the path. What is
        handed out must not be on an array that is kept.
        """
        path = [x]
        while is_elementwise(path[-1]):
            new = (y for y in path[-1].args if self._is_like(y, x) and self._is_new(y))
            inner = next((y for y in new if not (handed_out and _is_kept(y))), None)
            if inner is None:
                break
            path.append(inner)
        return path[::-1]

    def _is_like(self, y: object, x: Expression) -> bool:
        return isinstance(y, Expression) and y.dtype == x.dtype and y.ndim == x.ndim and same(y.shape, x.shape)

    def _is_new(self, x: Expression) -> bool:
        """Whether the line that reads x makes the array for it."""
        if x.fn == "reshape":
            return x not in self.named and x.args[0].fn in ("matmul", "product") and self._is_new(x.args[0])
        picked = x.fn == "index" and any(isinstance(part, Expression) for part in x.args[1])
        return x not in self.named and (picked or is_elementwise(x) or x.fn in _NEW)

    def room(self, x: Expression, readers: Readers) -> Expression | None:
        """An array that x reads, entry by entry, and nobody after it; x may be written over it."""
        within = set(self._within(x))
        for y in x.args:
            owned = self._is_like(y, x) and y in self.named and (is_elementwise(y) or y.fn in ("matmul", "product"))
            if owned and readers.are_done(y, within):
                return y  # type: ignore[no-any-return]
        return None

    def _within(self, x: Expression) -> Iterable[Expression]:
        """x, and all that is written where x is."""
        todo = [x]
        while todo:
            y = todo.pop()
            yield y
            todo += [z for z in inputs_of(y.args) if z not in self.named] if y.fn != "carry" else []

    def into(self, x: Expression, place: str) -> str:
        """x, written into an array."""
        if x.fn == "concatenate":
            return f"{self.text(x)[0][:-1]}, out={place})"
        return f"np.{x.fn}({', '.join(self.text(arg)[0] for arg in x.args)}, out={place})"

    def onto(self, x: Expression, made: Expression, name: str) -> str:
        """x, written over the array that holds one of its arguments."""
        left, right = x.args[0], x.args[-1]
        if one_hot(x) is not None:
            return f"{name} = {self.less_one(x, name)}"
        if x.fn in _AUGMENTED and (left is made or x.fn in ("add", "multiply")):
            return f"{name} {SIGNS[x.fn]}= {self.text(right if left is made else left)[0]}"
        return f"np.{x.fn}({', '.join(name if arg is made else self.text(arg)[0] for arg in x.args)}, out={name})"

    def less_one(self, x: Expression, array: str) -> str:
        """x, which is S - 1[m], written over the array that holds S."""
        self.helpers.add("less_one")
        return f"less_one({array}, {self.text(one_hot(x))[0]})"


def is_elementwise(x: Expression) -> bool:
    """Whether x is floats that a function of NumPy's which can write into an array computes, entry by entry."""
    return x.dtype.kind == "f" and x.fn not in _NEW and (x.fn in OPERATORS or is_ufunc(x.fn))


def _is_kept(x: Expression) -> bool:
    """Whether the array is the same one at every call."""
    return x.fn == "product" or (x.fn == "reshape" and _is_kept(x.args[0]))


def is_large(x: Expression) -> bool:
    """Whether the memory of x, as large as it was recorded, costs more to get than a line does."""
    return x.ndim > 0 and size_in_bytes(x) >= LARGE


def one_hot(x: Expression) -> Expression | None:
    """m where x is S - 1[m], a class m for each row of S; None if x is something else."""
    if x.fn != "subtract":
        return None
    equal = x.args[1]
    if not isinstance(equal, Expression) or equal.fn != "equal":
        return None
    numbers, classes = sorted(equal.args, key=lambda arg: getattr(arg, "fn", "") == "index")
    if not (_is_range(numbers, x.shape[-1]) and isinstance(classes, Expression) and classes.fn == "index"):
        return None
    m, key = classes.args
    widened = len(key) == 2 and key[0] is Ellipsis and key[1] is None
    return m if widened and m.ndim == x.ndim - 1 and same(m.shape, x.shape[:-1]) else None


def _is_range(x: object, length: int) -> bool:
    """Whether x is 0, 1, ... length - 1."""
    if not isinstance(x, Expression) or x.fn != "constant":
        return False
    return np.array_equal(x.args[0].value, np.arange(length))
