"""What gets a line of its own, and what is written where it is used.

- `Statements`: expressions as lines: what is used twice, or has a name, gets a line; the rest stands within others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from microgradrnn.program.expressions import Expression, inputs_of
from microgradrnn.program.in_place import InPlace, Readers, is_elementwise, is_large, one_hot
from microgradrnn.program.names import Names
from microgradrnn.program.rewrites import Rewriter
from microgradrnn.program.text import dtype_of, shape_of, word

WIDTH = 96
"""How long a line gets before a part of it is given a line of its own."""
_DEPTH = 10
"""How many operations may stand within one another on a line."""
_PLAIN = ("argument", "carry", "saved", "after", "constant", "step", "filled", "typed")
"""What is written where it is used, since it is no more than a name, an index or a number."""


class Statements(InPlace):
    """The lines of a function but for its loops; arguments as of `Text`.

    Attributes:
        lines: what has been written.
        indent: how deep the next line stands.
        uses, across: how often each expression is read, and which are read in a loop that they don't belong to.
        readers: who reads each.
    """

    def __init__(self, rewriter: Rewriter, names: Names) -> None:
        super().__init__(rewriter, names)
        self.buffers, self.in_place = ("buffers" in rewriter.rewrites), ("in_place" in rewriter.rewrites)
        self.lines: list[str] = []
        self.indent = 1
        self.uses: Counter[Expression] = Counter()
        self.across: set[Expression] = set()
        self.readers = Readers()
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
        """A line for what needs none to be read, and the name that it has got."""
        name = self.names.new(name)
        self.line(f"{name} = {self.result(x)}")
        if isinstance(x, Expression):
            self._give(x, name)
        return name

    # ---- What gets a line -------------------------------------------------------------------------------------------

    def _has_line(self, x: Expression) -> bool:
        if x in self.named or x.fn in _PLAIN or self._is_view(x):
            return False
        if x.name or self.uses[x] > 1 or x in self.across or x.fn == "scattered":
            return True
        return self.in_place and one_hot(x) is not None

    def _is_view(self, x: Expression) -> bool:
        """Whether it is no more than another look at something that has a name, such as W_hh.T or h[1:]."""
        if x.fn in ("transpose", "reshape") or (
            x.fn == "index" and not any(isinstance(part, Expression) for part in x.args[1])
        ):
            return self._plain(x.args[0]) and not x.why
        return x.fn == "filled" and not x.shape

    def _plain(self, x: Expression) -> bool:
        return x in self.named or x.fn in ("argument", "saved", "step", "carry", "after") or self._has_line(x)

    def _is_deep(self, x: Expression) -> bool:
        """Whether too much would stand within x, were it not given a line."""
        below = [self.depth.get(y, 0) for y in self._inputs(x) if y not in self.named]
        self.depth[x] = 1 + max(below, default=0)
        return self.depth[x] > _DEPTH and x.fn not in _PLAIN and not self._is_view(x)

    def _inputs(self, x: Expression) -> list[Expression]:
        return [] if x.fn == "carry" else list(inputs_of(x.args))

    # ---- Its line ---------------------------------------------------------------------------------------------------

    def _assign(self, x: Expression) -> None:
        """Give an expression a line and a name; several, where it is written step by step into one array."""
        path = self._path_in_place(x)
        if path:
            self._assign_in_place(x, path)
            return
        name = self._name(x)
        if x.fn == "scattered":
            self._scatter(x, name)
        elif self.in_place and one_hot(x) is not None and len(self.path(x, x in self.readers.kept)) > 1:
            self.line(f"{name} = {self.less_one(x, self._fitting(x.args[0]))}", x.why)
        else:
            self.line(f"{name} = {self._fitting(x)}", x.why)
        self._give(x, name)

    def _give(self, x: Expression, name: str) -> None:
        """The name of what now stands in a line, and that all that stands within it is computed."""
        if self.indent == 1:
            self.readers.done.update(self._within(x))
        self.named[x] = name

    def _path_in_place(self, x: Expression) -> list[Expression]:
        """The operations that are to be written one after another on one array; none where a line does."""
        if not self.in_place or self.indent > 1 or not is_elementwise(x):
            return []
        path = self.path(x, x in self.readers.kept)
        return path if is_large(x) and (len(path) > 1 or x not in self.readers.kept) else []

    def _assign_in_place(self, x: Expression, path: Sequence[Expression]) -> None:
        """Lines that give x, the last on a path of operations on one array."""
        first, why = path[0], x.why
        room = self.room(first, self.readers) if is_elementwise(first) and x not in self.readers.kept else None
        if room is not None and not (x.name or x.hint):  # nobody would call it anything else
            name = self.named[room]
            self.line(self.onto(first, room, name), why)
        else:
            name = self._name(x)
            self.line(f"{name} = {self._first(first, room, name, x)}", why)
        for before, y in pairwise(path):
            self._give(before, name)
            for other in y.args:
                if isinstance(other, Expression) and other is not before:
                    self._fitting(other)
            self.line(self.onto(y, before, name), "S - 1[m]" if one_hot(y) is not None else "")
        self._give(x, name)

    def _first(self, first: Expression, room: Expression | None, name: str, x: Expression) -> str:
        """The first of several operations on one array, which says where that is."""
        if room is not None:
            return self.into(first, self.named[room])
        text = self._fitting(first)
        if is_elementwise(first) and is_large(first) and self.buffers and x not in self.readers.kept:
            return self.into(first, self._buffer(name, first.shape, first.dtype))
        return text

    def _buffer(self, name: str, shape: Sequence[Any], dtype: Any) -> str:
        """An array that is kept from call to call."""
        self.helpers.add("buffer")
        return f'buffer("{self.kept.new(name)}", {shape_of(shape)}{dtype_of(dtype)})'

    def _fitting(self, x: Expression) -> str:
        """The text of an expression; where it is long, after lines for parts of it."""
        text, _ = self.text(x)
        while len(text) > WIDTH:
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
        found, todo = [], self._inputs(x)
        while todo:
            y = todo.pop()
            if y in self.named or y.fn in _PLAIN:
                continue
            if not self._is_view(y):
                found.append(y)
            todo += self._inputs(y)
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
