"""Results that are written over arrays that are there already, so that no new array is made for them.

- `Liveness`: which expressions are still to be read.
- `InPlace`: the text of operations that write into an array.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

import numpy as np

from microgradrnn.program.all_steps import size_in_bytes
from microgradrnn.program.expressions import Expression, read_by
from microgradrnn.program.groups import Group
from microgradrnn.program.ir import Scan
from microgradrnn.program.names import Names
from microgradrnn.program.shapes import same
from microgradrnn.program.table import Memory, function
from microgradrnn.program.text import Text

LARGE = 2**16
"""Bytes of an array for which fewer new ones are worth a line more."""


class Liveness:
    """Which expressions are still to be read, as lines are written one after another.

    Attributes:
        readers: what reads an expression.
        live_out: what is handed out, or on to the next step, and must stay as it is.
        computed: what is not computed again.
        loops: what the loops that are still to come compute in each step.
    """

    def __init__(self) -> None:
        self.readers: dict[Expression, list[Expression]] = defaultdict(list)
        self.live_out: set[Expression] = set()
        self.computed: set[Expression] = set()
        self.loops: dict[Group, set[Expression]] = {}

    def add(self, x: Expression) -> None:
        """x reads its arguments."""
        for y in read_by(x):
            self.readers[y].append(x)

    def end(self, group: Group) -> None:
        """A loop is over; what another computes too is not."""
        steps = self.loops.pop(group)
        self.computed.update(steps.difference(*self.loops.values()))

    def is_dead_after(self, x: Expression, now: Collection[Expression]) -> bool:
        """Whether nobody will read x, or a view of it, once what is computed now has been."""
        views, seen = [x], {x}
        while views:
            view = views.pop()
            if view in self.live_out:
                return False
            for reader in self.readers[view]:
                if function(reader.fn).memory is not Memory.VIEW:
                    if reader not in self.computed and reader not in now:
                        return False
                elif reader not in seen:
                    seen.add(reader)
                    views.append(reader)
        return True


class InPlace(Text):
    """The text of operations that write into an array; arguments as of `Text`."""

    def __init__(self, scans: Mapping[Group, Scan], names: Names) -> None:
        super().__init__(scans, names)
        self.live = Liveness()

    def chain(self, x: Expression) -> list[Expression]:
        """The operations that give x one after another on one array; found from the last, x, back to the first.

        The first may make the array anew. What an operation reads besides may be anything: of two operands that are new
        arrays one is on the chain.
        """
        chain = [x]
        while is_elementwise(chain[-1]):
            new = (y for y in chain[-1].args if _is_alike(y, x) and self._is_new(y))
            # What is handed out must not lie on an array that the next call writes into.
            operand = next((y for y in new if not (x in self.live.live_out and _is_kept(y))), None)
            if operand is None:
                break
            chain.append(operand)
        return chain[::-1]

    def _is_new(self, x: Expression) -> bool:
        """Whether the line that reads x makes the array for it."""
        if x in self.named:
            return False
        if x.fn == "reshape":
            return x.args[0].fn in ("matmul", "product") and self._is_new(x.args[0])
        picked = x.fn == "index" and any(isinstance(part, Expression) for part in x.args[1])
        return picked or is_elementwise(x) or function(x.fn).memory in (Memory.NEW, Memory.KEPT)

    def reusable(self, x: Expression) -> Expression | None:
        """An operand of x, of its shape, that nobody reads after it; x may be written over it."""
        within = set(self.written_with(x))
        for y in x.args:
            owned = _is_alike(y, x) and y in self.named and (is_elementwise(y) or y.fn in ("matmul", "product"))
            if owned and self.live.is_dead_after(y, within):
                return y  # type: ignore[no-any-return]
        return None

    def written_with(self, x: Expression) -> Iterable[Expression]:
        """x, and all that is written where x is."""
        todo = [x]
        while todo:
            y = todo.pop()
            yield y
            todo += [z for z in read_by(y) if z not in self.named]

    def with_out(self, x: Expression, place: str) -> str:
        """x, written into an array by the function that computes it."""
        if x.fn == "concatenate":
            return self.concatenated(x, f", out={place}")
        return f"np.{x.fn}({', '.join(self.text(arg)[0] for arg in x.args)}, out={place})"

    def overwrite(self, x: Expression, operand: Expression, name: str) -> str:
        """x, written over the array that holds one of its operands."""
        left, right = x.args[0], x.args[-1]
        if one_hot(x) is not None:
            return f"{name} = {self.minus_one_hot(x, name)}"
        sign = function(x.fn).operator
        if sign in ("+", "-", "*", "/") and len(x.args) == 2 and (left is operand or sign in ("+", "*")):
            return f"{name} {sign}= {self.text(right if left is operand else left)[0]}"
        return f"np.{x.fn}({', '.join(name if arg is operand else self.text(arg)[0] for arg in x.args)}, out={name})"

    def minus_one_hot(self, x: Expression, array: str) -> str:
        """x, which is S - 1[m], written over the array that holds S."""
        self.helpers.add("minus_one_hot")
        return f"minus_one_hot({array}, {self.text(one_hot(x))[0]})"


def is_elementwise(x: Expression) -> bool:
    """Whether x can be written over an operand: floats that a ufunc of NumPy's computes, entry by entry."""
    return x.dtype.kind == "f" and function(x.fn).memory is Memory.ENTRYWISE


def is_written_into_its_row(x: Expression) -> bool:
    """Whether a step writes x into its row by ``out=``. Formulas of small arrays are easier to read as they are."""
    if not x.ndim:  # a row of numbers is no array
        return False
    is_call = x.fn in ("dot", "concatenate") or (is_elementwise(x) and not function(x.fn).operator)
    return is_call or (is_elementwise(x) and is_large(x))


def is_large(x: Expression) -> bool:
    """Whether the memory of x, as large as it was recorded, costs more to get than a line does."""
    return x.ndim > 0 and size_in_bytes(x) >= LARGE


def _is_alike(y: object, x: Expression) -> bool:
    return isinstance(y, Expression) and y.dtype == x.dtype and y.ndim == x.ndim and same(y.shape, x.shape)


def _is_kept(x: Expression) -> bool:
    """Whether the array is the same one at every call."""
    return x.fn == "product" or (x.fn == "reshape" and _is_kept(x.args[0]))


def one_hot(x: Expression) -> Expression | None:
    """m where x is S - 1[m], the class m of each row of S, and in range, as cross-entropy's are; None otherwise."""
    if x.fn != "subtract":
        return None
    equal = x.args[1]
    if not isinstance(equal, Expression) or equal.fn != "equal":
        return None
    classes, numbers = equal.args
    if _is_range(classes, x.shape[-1]):
        classes, numbers = numbers, classes
    if not (_is_range(numbers, x.shape[-1]) and isinstance(classes, Expression) and classes.fn == "index"):
        return None
    m, key = classes.args
    widened = len(key) == 2 and key[0] is Ellipsis and key[1] is None
    of_each_row = m.dtype.kind in "iu" and m.ndim == x.ndim - 1 and same(m.shape, x.shape[:-1])
    return m if widened and of_each_row else None


def _is_range(x: object, length: int) -> bool:
    """Whether x is 0, 1, ... length - 1."""
    return isinstance(x, Expression) and x.fn == "constant" and np.array_equal(x.args[0].value, np.arange(length))
