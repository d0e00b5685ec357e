"""Statements as lines of NumPy: `Printer`. It decides nothing; it gives names, and walks over what there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from microgradrnn.program.expressions import Expression
from microgradrnn.program.groups import Group
from microgradrnn.program.ir import Handed, Scan
from microgradrnn.program.names import Names
from microgradrnn.program.one_hot import one_hot
from microgradrnn.program.pieces import dtype_of, moved, shape_of, zeros
from microgradrnn.program.statements import Assign, Fill, For, Increase, Statement
from microgradrnn.program.table import function
from microgradrnn.program.text import Text, word


class Printer(Text):
    """The lines of a function.

    Args:
        scans: the loops.
        names: the names that are taken.
        kept: whether arrays are kept from call to call.

    Attributes:
        lines: what has been written.
    """

    def __init__(self, scans: Mapping[Group, Scan], names: Names, kept: bool) -> None:
        super().__init__(scans, names)
        self.kept = kept
        self.lines: list[str] = []
        self.indent = 1
        self.reserved: dict[Expression, str] = {}
        self.variables: dict[Expression, str] = {}

    def reserve(self, results: Iterable[Expression]) -> None:
        """Results have the first choice of names."""
        for x in results:
            if x.name and x not in self.reserved and x.fn != "argument":
                self.reserved[x] = self.names.new(x.name)

    def statements(self, statements: Iterable[Statement]) -> None:
        """The lines of statements, one after another."""
        for each in statements:
            match each:
                case Assign():
                    self._assign(each)
                case For():
                    self._loop(each)
                case Fill():
                    self._fill(each)
                case Increase():
                    self._increase(each)

    def line(self, text: str, why: str = "") -> None:
        """A line, with a remark at its end, or above it if there is no room."""
        start = "    " * self.indent
        if why and len(start + text) + len(why) > 116:
            self.lines.append(f"{start}# {why}")
            why = ""
        self.lines.append(f"{start}{text}  # {why}" if why else f"{start}{text}")

    def write_as(self, name: str, x: Expression) -> str:
        """Give a line, and this name, to what would otherwise be written where it is used; the name that it has got."""
        name = self.names.new(name)
        self.line(f"{name} = {self.result(x)}")
        self.named[x] = name
        return name

    def returned(self, loss: str, grads: Sequence[str], outputs: Sequence[str]) -> list[str]:
        """The last lines: on one line if there is room."""
        others = f"({', '.join(outputs)}{',' if len(outputs) == 1 else ''})"
        line = f"    return {loss}, {{{', '.join(grads)}}}, {others}"
        if len(line) <= 110:
            return [line]
        entries = [f"        {grad}," for grad in grads]
        return ["    grads = {", *entries, "    }", f"    return {loss}, grads, {others}"]

    def _name(self, x: Expression) -> str:
        return self.reserved.pop(x, "") or self.names.new(x.name or word(x))

    # ---- Variables --------------------------------------------------------------------------------------------------

    def _assign(self, line: Assign) -> None:
        x, name = line.x, self.variables.get(line.variable)
        if name is not None and line.over is not None:
            self.line(self._written_over(x, line.over, name), x.why)
        else:
            name = self.variables[line.variable] = self._name(line.variable)
            self._first(line, name)
        self.named[x] = name

    def _first(self, line: Assign, name: str) -> None:
        """The first line of a variable."""
        x, over = line.x, line.over
        if x.fn == "scattered":
            self._scatter(x, name)
        elif over is not None and one_hot(x) is not None:
            self.line(f"{name} = {self._minus_one_hot(x, self.text(over)[0])}", x.why)
        elif over is not None:
            self.line(f"{name} = {self._with_out(x, self.named[over])}", x.why)
        elif line.kept:
            self.line(f"{name} = {self._with_out(x, self._buffer(name, x.shape, x.dtype))}", x.why)
        else:
            self.line(f"{name} = {self.text(x)[0]}", x.why)

    def _written_over(self, x: Expression, operand: Expression, name: str) -> str:
        """x, written over the array that holds one of its operands, in the same variable."""
        left, right = x.args[0], x.args[-1]
        if one_hot(x) is not None:
            return f"{name} = {self._minus_one_hot(x, name)}"
        sign = function(x.fn).operator
        if sign in ("+", "-", "*", "/") and len(x.args) == 2 and (left is operand or sign in ("+", "*")):
            return f"{name} {sign}= {self.text(right if left is operand else left)[0]}"
        return self._with_out(x, name)

    def _with_out(self, x: Expression, place: str) -> str:
        """x, written into an array by the function that computes it."""
        if x.fn == "concatenate":
            return self.concatenated(x, f", out={place}")
        return f"np.{x.fn}({', '.join(self.text(arg)[0] for arg in x.args)}, out={place})"

    def _minus_one_hot(self, x: Expression, array: str) -> str:
        """x, which is S - 1[m], written over the array that holds S."""
        self.helpers.add("minus_one_hot")
        return f"minus_one_hot({array}, {self.text(one_hot(x))[0]})"

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

    def _buffer(self, name: str, shape: Sequence[Any], dtype: Any) -> str:
        """An array that is kept from call to call."""
        self.helpers.add("buffer")
        return f'buffer("{self.kept_names.new(name)}", {shape_of(shape)}{dtype_of(dtype)})'

    # ---- Loops ------------------------------------------------------------------------------------------------------

    def _loop(self, loop: For) -> None:
        group, scan = loop.group, loop.scan
        length = str(scan.length)
        for handed in scan.handed:
            self._before(loop, handed)
        for x in (wanted.of for wanted in scan.wanted):
            if x in scan.saved and (group, x) not in self.buffer:
                self._make_rows(group, x, length)
        for after in scan.totals.values():
            self.named[after] = self._name(after)
            self.line(f"{self.named[after]} = {zeros(after.shape, after.dtype)}")
        self.line(f"for t in {f'reversed(range({length}))' if scan.reverse else f'range({length})'}:")
        self.indent += 1
        self._step(loop)
        self.indent -= 1
        self._forget(loop)
        for handed in scan.handed:
            if handed.final is not None:
                self.named[handed.final] = self._at_end(group, handed)
        if not self.kept:
            for x in scan.saved:
                name = self.buffer[group, x]
                self.line(f"{name} = np.stack({name})")

    def _before(self, loop: For, handed: Handed) -> None:
        """What the first step finds: in the row before its own, or in a variable."""
        scan, carry, initial = loop.scan, handed.carry, self.text(handed.initial)[0]
        if carry in loop.in_rows:
            name = self._make_rows(loop.group, carry.update, str(scan.length + 1))
            self.line(f"{name}[{-1 if scan.reverse else 0}] = {initial}")
        else:
            self.carried[carry] = self.names.new(carry.value.name or "state")
            self.line(f"{self.carried[carry]} = {initial}")

    def _make_rows(self, group: Group, x: Expression, length: str) -> str:
        """An array, or a list, with a row for each step."""
        name = self.buffer[group, x] = self.names.new(x.name or word(x))
        if self.kept:
            self.line(f"{name} = {self._buffer(name, (length, *x.shape), x.dtype)}")
        else:
            self.line(f"{name} = [None] * {length if length.isidentifier() or length.isdigit() else f'({length})'}")
        return name

    def _step(self, loop: For) -> None:
        """The lines of a step."""
        self.group, self.scan = loop.group, loop.scan
        self.statements(loop.body)
        self._hand_on(loop)

    def _forget(self, loop: For) -> None:
        """What the last step has left in variables is no other loop's; rows of arrays are."""
        for each in loop.body:
            if isinstance(each, Assign):
                del self.named[each.x], self.variables[each.variable]

    def _fill(self, row: Fill) -> None:
        """Into its row of the array that has one for each step: one further where row 0 holds what it started from."""
        offset = int(not self.scan.reverse and self.has_first(self.group, row.of))
        place = f"{self.buffer[self.group, row.of]}[{moved('t', offset)}]"
        if row.x.fn == "scattered":
            self._scatter(row.x, place)
        elif row.out:
            self.line(self._with_out(row.x, place), row.x.why)
        else:
            self.line(f"{place} = {self.text(row.x)[0]}", row.x.why)
        self.named[row.x] = place

    def _increase(self, line: Increase) -> None:
        self.line(f"{self.named[line.total]} += {self.text(line.x)[0]}", line.x.why or line.total.why)

    def _hand_on(self, loop: For) -> None:
        """What the next step finds in variables."""
        handed = [each for each in loop.scan.handed if each.carry in self.carried]
        names, texts = [self.carried[each.carry] for each in handed], [self.text(each.update)[0] for each in handed]
        if loop.at_once:
            self.line(f"{', '.join(names)} = {', '.join(texts)}")
            return
        for each, name, text in zip(handed, names, texts, strict=True):
            if name != text:
                self.line(f"{name} = {text}", each.update.why)

    def _at_end(self, group: Group, handed: Handed) -> str:
        if handed.carry in self.carried:
            return self.carried[handed.carry]
        return f"{self.buffer[group, handed.carry.update]}[{0 if self.scans[group].reverse else -1}]"
