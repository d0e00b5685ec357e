"""What gets a line of its own, and what is written where it is used.

- `Statements`: expressions as lines: what is used twice, or has a name, gets a line; the rest stands within others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from microgradrnn.program.expressions import Expression, read_by
from microgradrnn.program.groups import Group
from microgradrnn.program.in_place import InPlace, is_elementwise, is_large, one_hot
from microgradrnn.program.ir import Scan
from microgradrnn.program.names import Names
from microgradrnn.program.pieces import dtype_of, shape_of
from microgradrnn.program.table import function
from microgradrnn.program.text import word

WIDTH = 96
"""How long a line gets before a part of it is given a line of its own."""
_DEPTH = 10
"""How many operations may stand within one another on a line."""


class Statements(InPlace):
    """The lines of a function but for its loops; arguments as of `Text`, and the rewrites that are done.

    Attributes:
        lines: what has been written.
        indent: how deep the next line stands.
        buffers, in_place: whether these rewrites are done.
        uses, across: how often each expression is read, and which are read in a loop that they don't belong to.
    """

    def __init__(self, scans: Mapping[Group, Scan], names: Names, rewrites: Collection[str]) -> None:
        super().__init__(scans, names)
        self.buffers, self.in_place = ("buffers" in rewrites), ("in_place" in rewrites)
        self.lines: list[str] = []
        self.indent = 1
        self.uses: Counter[Expression] = Counter()
        self.across: set[Expression] = set()
        self.reserved: dict[Expression, str] = {}
        self.depth: dict[Expression, int] = {}

    def reserve(self, results: Iterable[Expression]) -> None:
        """Results have the first choice of names."""
        for x in results:
            if x.name and x not in self.reserved and x.fn != "argument":
                self.reserved[x] = self.names.new(x.name)

    def _name(self, x: Expression) -> str:
        return self.reserved.pop(x, "") or self.names.new(x.name or word(x))

    def line(self, text: str, why: str = "") -> None:
        """A line, with a remark at its end, or above it if there is no room."""
        start = "    " * self.indent
        if why and len(start + text) + len(why) > 116:
            self.lines.append(f"{start}# {why}")
            why = ""
        self.lines.append(f"{start}{text}  # {why}" if why else f"{start}{text}")

    def write_as(self, name: str, x: Any) -> str:
        """Give a line, and this name, to what would otherwise be written where it is used; the name that it has got."""
        name = self.names.new(name)
        self.line(f"{name} = {self.result(x)}")
        if isinstance(x, Expression):
            self._give(x, name)
        return name

    # ---- What gets a line -------------------------------------------------------------------------------------------

    def _has_line(self, x: Expression) -> bool:
        if x in self.named or function(x.fn).is_plain or self._is_view(x):
            return False
        if x.name or self.uses[x] > 1 or x in self.across or x.fn == "scattered":
            return True
        return self.in_place and one_hot(x) is not None  # it is written over S

    def _is_view(self, x: Expression) -> bool:
        """Whether it is no more than a view of something that has a name, such as W_hh.T or h[1:]."""
        if x.fn in ("transpose", "reshape") or (
            x.fn == "index" and not any(isinstance(part, Expression) for part in x.args[1])
        ):
            return self._plain(x.args[0]) and not x.why
        return x.fn == "filled" and not x.shape

    def _plain(self, x: Expression) -> bool:
        return x in self.named or x.fn in ("argument", "saved", "step", "carry", "after") or self._has_line(x)

    def _is_deep(self, x: Expression) -> bool:
        """Whether too much would stand within x, were it not given a line."""
        below = [self.depth.get(y, 0) for y in read_by(x) if y not in self.named]
        self.depth[x] = 1 + max(below, default=0)
        return self.depth[x] > _DEPTH and not function(x.fn).is_plain and not self._is_view(x)

    # ---- Its line ---------------------------------------------------------------------------------------------------

    def _assign(self, x: Expression) -> None:
        """Give an expression a line and a name; several, where it is written operation by operation over one array."""
        if self.in_place and one_hot(x) is not None and self._assign_minus_one_hot(x):
            return
        chain = self._chain_in_place(x)
        if chain:
            self._assign_chain(x, chain)
            return
        name = self._name(x)
        if x.fn == "scattered":
            self._scatter(x, name)
        else:
            self.line(f"{name} = {self._fitting(x)}", x.why)
        self._give(x, name)

    def _give(self, x: Expression, name: str) -> None:
        """The name of what now stands in a line, and that all that stands within it is computed."""
        if self.indent == 1:
            self.live.computed.update(self.written_with(x))
        self.named[x] = name

    def _assign_minus_one_hot(self, x: Expression) -> bool:
        """S - 1[m] over S, where S is new, or nobody reads it any more."""
        S, once = x.args[0], self.indent == 1
        if len(self.chain(x)) > 1 and is_large(S) and once:
            S.home.note(S, hint=S.hint or "S")
            self._assign(S)
        is_free = once and x not in self.live.live_out and self.reusable(x) is S
        if len(self.chain(x)) == 1 and not is_free:
            return False
        x.home.note(x, hint=x.hint or "rows")
        name, text = self._name(x), self._fitting(S)
        self.line(f"{name} = {self.minus_one_hot(x, text)}", x.why)
        self._give(x, name)
        return True

    def _chain_in_place(self, x: Expression) -> list[Expression]:
        """The operations that are to be written one after another over one array; none where a line does."""
        if not self.in_place or self.indent > 1 or not is_elementwise(x):
            return []
        chain = self.chain(x)
        return chain if is_large(x) and (len(chain) > 1 or x not in self.live.live_out) else []

    def _assign_chain(self, x: Expression, chain: Sequence[Expression]) -> None:
        """Lines that give x, the last of a chain of operations."""
        first = chain[0]
        operand = self.reusable(first) if is_elementwise(first) and x not in self.live.live_out else None
        if operand is not None and not (x.name or x.hint):  # x has no name of its own: the array keeps the one it has
            name = self.named[operand]
            self._overwrite(first, operand, name)
        else:
            name = self._name(x)
            self.line(f"{name} = {self._start(first, operand, name, x)}", first.why)
        for before, y in pairwise(chain):
            self._give(before, name)
            self._overwrite(y, before, name)
        self._give(x, name)

    def _overwrite(self, x: Expression, operand: Expression, name: str) -> None:
        """A line that writes x over one of its operands, after lines for what would be long within it."""
        self._fit_operands(x, operand)
        self.line(self.overwrite(x, operand, name), x.why)

    def _start(self, first: Expression, operand: Expression | None, name: str, x: Expression) -> str:
        """The first operation of a chain that ends with x: over an operand, into a kept array, or into a new one."""
        if operand is not None:
            self._fit_operands(first, operand)
            return self.with_out(first, self.named[operand])
        if is_elementwise(first) and is_large(first) and self.buffers and x not in self.live.live_out:
            self._fit_operands(first)
            return self.with_out(first, self._buffer(name, first.shape, first.dtype))
        return self._fitting(first)

    def _fit_operands(self, x: Expression, besides: Expression | None = None) -> None:
        for y in x.args:
            if isinstance(y, Expression) and y is not besides:
                self._fitting(y, WIDTH // 2)

    def _buffer(self, name: str, shape: Sequence[Any], dtype: Any) -> str:
        """An array that is kept from call to call."""
        self.helpers.add("buffer")
        return f'buffer("{self.kept.new(name)}", {shape_of(shape)}{dtype_of(dtype)})'

    def _fitting(self, x: Expression, width: int = WIDTH) -> str:
        """The text of an expression; where it is long, after lines for parts of it."""
        text, _ = self.text(x)
        while len(text) > width:
            parts = [y for y in self._parts(x) if len(self.text(y)[0]) < len(text)]
            if not parts:
                break
            part = max(parts, key=lambda y: len(self.text(y)[0]))
            if len(self.text(part)[0]) < 12:
                break
            self._assign(part)
            text, _ = self.text(x)
        return text

    def _parts(self, x: Expression) -> list[Expression]:
        """What would be written inside x, at any depth."""
        found, todo = [], read_by(x)
        while todo:
            y = todo.pop()
            if y in self.named or function(y.fn).is_plain:
                continue
            if not self._is_view(y):
                found.append(y)
            todo += read_by(y)
        return found

    def _scatter(self, x: Expression, name: str) -> None:
        base, parts = x.args[0], x.args[1:]
        start = self.text(base)[0] if base.fn == "filled" else f"np.array({self.text(base)[0]})"
        self.line(f"{name} = {start}", x.why)
        for key, values in zip(parts[::2], parts[1::2], strict=True):
            added = self.text(values)[0] if isinstance(values, Expression) else repr(values)
            picked = [part for part in key if isinstance(part, Expression) and part.dtype.kind != "b"]
            if picked and len(key) == 1 and np.shape(values) == (*picked[0].shape, *x.shape[1:]):
                self.helpers.add("add_rows")
                self.line(f"add_rows({name}, {self.key(key)}, {added})")
            elif picked:
                place = self.key(key) if len(key) == 1 else f"np.s_[{self.key(key)}]"
                self.line(f"np.add.at({name}, {place}, {added})")
            else:
                self.line(f"{name}[{self.key(key)}] += {added}")
