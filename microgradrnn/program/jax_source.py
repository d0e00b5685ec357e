"""Expressions and loops as source for JAX: a pure function whose loops are `jax.lax.scan`.

- `JaxPrinter`: writes its body. `JaxExpressions`: the functions of arrays that JAX has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from microgradrnn.ops import Op
from microgradrnn.precedence import ATOM
from microgradrnn.program.expressions import Expression
from microgradrnn.program.groups import Group
from microgradrnn.program.ir import Handed, Scan
from microgradrnn.program.lines import WIDTH, statement
from microgradrnn.program.namespace import Expressions
from microgradrnn.program.pieces import dtype_of, key_part, number, shape_of, type_of
from microgradrnn.program.printing import Printer
from microgradrnn.program.shapes import same
from microgradrnn.program.sizes import Shape
from microgradrnn.program.statements import Fill, For, Increase
from microgradrnn.program.steps import rows_read
from microgradrnn.program.text import word


class JaxExpressions(Expressions):
    """Expressions of what JAX's own NumPy can compute, and in the types in which NumPy computes it.

    Of float32 and integers NumPy makes float64, and JAX float32: the integers are made float64 before.
    """

    def elementwise(self, fn: str, *args: Any) -> Any:
        """See `Expressions.elementwise`. Raises TypeError where JAX has no such function."""
        import jax.numpy as jnp

        if fn != "erf" and not hasattr(jnp, fn):
            raise TypeError(f"jax.numpy has no {fn}")
        choices = args[1:] if fn == "where" else args
        return super().elementwise(fn, *args[: len(args) - len(choices)], *_in_one_type(choices))

    def call(self, op: Op, xs: Sequence[Any], shape: Shape, dtype: Any) -> Expression:
        """A function of a name of its own: what an elementwise op does, with all its steps."""
        return super().call(op, _in_one_type(tuple(xs)), shape, dtype)

    def concatenate(self, xs: Iterable[Any], axis: int = 0) -> Expression:
        """Arrays joined along an axis that they have."""
        return super().concatenate(_in_one_type(tuple(xs)), axis)

    def stack(self, xs: Iterable[Any], axis: int = 0) -> Expression:
        """Arrays joined along a new axis."""
        return super().stack(_in_one_type(tuple(xs)), axis)

    def matmul(self, x: Any, y: Any) -> Any:
        """The matrix product. Stacks whose rows the op table puts below one another stay stacks."""
        x, y = _in_one_type((x, y))
        rows = _stack_of_rows(y)
        if isinstance(x, Expression) and x.fn == "transpose" and rows is not None:
            stack = _stack_of_rows(x.args[0])
            if stack is not None and same(stack.shape[:-1], rows.shape[:-1]):
                return self.make("tensordot", (stack, rows), {"axes": stack.ndim - 1})
        stack = _stack_of_rows(x)
        if stack is None or y.ndim != 2:
            return super().matmul(x, y)
        found = super().matmul(stack, y)
        return self.reshape(found, (*x.shape[:-1], found.shape[-1]))

    dot = matmul

    def reshape(self, x: Any, shape: Any) -> Any:
        """The same entries in another shape. What was reshaped only to be reshaped back stays as it was."""
        found = super().reshape(x, shape)
        before = found.args[0].args[0] if found.fn == "reshape" and found.args[0].fn == "reshape" else None
        return before if before is not None and same(before.shape, found.shape) else found


def _in_one_type(xs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arrays of integers beside such of floats as floats of the type that NumPy computes in."""
    arrays = [x.dtype for x in xs if isinstance(x, Expression)]
    common = np.result_type(*arrays) if arrays else None
    if common is None or common.kind != "f" or all(dtype.kind not in "iu" for dtype in arrays):
        return xs
    return tuple(x.astype(common) if isinstance(x, Expression) and x.dtype.kind in "iu" else x for x in xs)


def _stack_of_rows(x: Any) -> Expression | None:
    """The stack of matrices whose rows x has below one another; None where x is something else."""
    if not isinstance(x, Expression) or x.fn != "reshape" or x.ndim != 2:
        return None
    stack: Expression = x.args[0]
    return stack if stack.ndim > 2 and same(stack.shape[-1:], x.shape[-1:]) else None


class JaxPrinter(Printer):
    """The lines of a function for JAX; arguments as of `Printer`.

    The step of a loop is a function. Its first argument is what the step before hands on, its second the rows that it
    reads of arrays; it returns what it hands on, and what is saved of it.
    """

    module = "jnp"

    def result(self, x: Any) -> str:
        """What is handed out; a number with its type."""
        text = self.text(x)[0]
        return f"{type_of(x.dtype)}({text})" if isinstance(x, Expression) and x.fn == "filled" and not x.shape else text

    def _scatter(self, x: Expression, name: str) -> None:
        base, parts = x.args[0], x.args[1:]
        text, why = self.within(base, ATOM), x.why
        for key, values in zip(parts[::2], parts[1::2], strict=True):
            added = self.text(values)[0] if isinstance(values, Expression) else repr(values)
            self.line(f"{name} = {text}.at[{self.key(key)}].add({added})", why)
            text, why = name, ""

    # ---- Loops ------------------------------------------------------------------------------------------------------

    def _loop(self, loop: For) -> None:
        group, scan = loop.group, loop.scan
        reads = sorted((x for x in scan.computed() if x.fn == "step"), key=lambda x: x.serial)
        rows = [self._rows(x, scan) for x in reads]
        starts = [self._start_of(handed, handed.carry in loop.kept_before) for handed in scan.handed]
        function = self.names.new("step_back" if scan.reverse else "step")
        self._define(loop, function, reads)
        self._forget(loop)
        for x in (*reads, *(row.x for row in loop.body if isinstance(row, Fill))):
            del self.named[x]
        sums = scan.totals.values()
        lasts = [self._last(each) for each in scan.handed]
        self.named |= {after: self._name(after) for after in sums}
        self.buffer |= {(group, x): self.names.new(x.name or word(x)) for x in scan.saved}
        takes = [*starts, *(f"jnp.zeros({shape_of(x.shape)}{dtype_of(x.dtype)})" for x in sums)], rows
        gives = [*lasts, *(self.named[x] for x in sums)], [self.buffer[group, x] for x in scan.saved]
        self._call_scan(scan, function, takes, gives)
        for handed, start in zip(scan.handed, starts, strict=True):
            if handed.carry in loop.kept_before:
                self._write_before(group, handed, start)

    def _rows(self, x: Expression, scan: Scan) -> str:
        """The rows of an array that the steps read, each step's at its own place."""
        rows, sign, first = x.args
        text, key = self.within(rows, ATOM), rows_read(rows, scan.length, sign, first)
        if key != slice(None):
            text += f"[{key_part(key)}]"
        return text if sign == 1 else f"{text}[::-1]"

    def _define(self, loop: For, function: str, reads: Sequence[Expression]) -> None:
        """The function of a step. Its names are its own, as those of other steps are theirs."""
        scan = loop.scan
        outside, self.names = self.names, self.names.copy()
        self.carried |= {each.carry: self._handed(each) for each in scan.handed}
        handed = [self.carried[each.carry] for each in scan.handed]
        handed += [self.names.new(f"{after.name or word(after)}_before") for after in scan.totals.values()]
        self.named |= {x: self.names.new(f"{self._name_of_rows(x.args[0])}_t") for x in reads}
        rows = [self.named[x] for x in reads]
        before, read = _argument(handed, "handed"), _argument(rows, "row")
        self.lines.append("")
        self.line(f"def {function}({', '.join([before, read] if handed else [read])}):")
        self.indent += 1
        for argument, parts in ((before, handed), (read, rows)):
            if len(parts) > 1:
                self._line_of("", ", ".join(parts), f" = {argument}")
        self._step(loop)
        self._line_of("return ", ", ".join(self._returned(scan, handed)))
        self.indent -= 1
        self.lines.append("")
        self.names = outside

    def _returned(self, scan: Scan, handed: Sequence[str]) -> list[str]:
        """What a step hands on, and what is saved of it."""
        inside = {wanted.of: wanted.inside for wanted in scan.wanted}
        after = [self._with_type(each.update) for each in scan.handed]
        added = [self.within(inside[x], ATOM) for x in scan.totals]
        after += [f"{one} + {more}" for one, more in zip(handed[len(after) :], added, strict=True)]
        made = [self._with_type(inside[x]) for x in scan.saved]
        saved = self._tuple("saved", made) if made else "None"
        return [self._tuple("handed", after), saved] if handed else [saved]

    def _with_type(self, x: Expression) -> str:
        """A result of a step: a number of Python would be float64 there."""
        return self.result(x) if x.fn == "filled" and not x.shape else self.text(x)[0]

    def _tuple(self, name: str, texts: Sequence[str]) -> str:
        """Several as a tuple, which gets a line and a name where it is long; one as it is."""
        text = _together(texts)
        if len(text) <= WIDTH - 36 or len(texts) == 1:
            return text
        name = self.names.new(name)
        self._line_of(f"{name} = (", ", ".join(texts), ")")
        return name

    def _line_of(self, start: str, text: str, end: str = "") -> None:
        """A line, or several where it is long."""
        if len(start + text + end) > WIDTH and not start:
            start, end = "(", f"){end}"
        for line in statement(start, text, end):
            self.line(line)

    def _handed(self, handed: Handed) -> str:
        """What a step calls what the one before hands on."""
        name = handed.carry.value.name or "state"
        return self.names.new(f"{name}_before" if name in ("state", handed.update.name) else name)

    def _name_of_rows(self, rows: Expression) -> str:
        if rows.fn == "saved":
            return self.buffer[rows.params["group"], rows.params["of"]]
        return rows.name or self.named.get(rows) or word(rows)

    def _fill(self, row: Fill) -> None:
        x, name = row.x, self.names.new(f"{row.of.name or word(row.of)}_t")
        if x.fn == "scattered":
            self._scatter(x, name)
        else:
            self.line(f"{name} = {self.text(x)[0]}", x.why)
        self.named[x] = name

    def _increase(self, line: Increase) -> None:
        """A step returns the sum."""

    def _hand_on(self, loop: For) -> None:
        """A step returns it."""

    def _start_of(self, handed: Handed, is_read: bool) -> str:
        """What the first step is handed, in the type of what it hands on itself; a name, if it is read again."""
        x, like = handed.initial, handed.update
        if not isinstance(x, Expression):
            text = f"jnp.full({shape_of(like.shape)}, {number(x)[0]}{dtype_of(like.dtype)})"
        elif x.fn == "filled" and not x.shape:
            text = f"{type_of(like.dtype)}({self.text(x)[0]})"
        else:
            text = self.text(x)[0] if x.dtype == like.dtype else f"{self.within(x, ATOM)}.astype({type_of(like.dtype)})"
        if not is_read or text.isidentifier():
            return text
        name = self.names.new(f"first_{handed.carry.value.name or 'state'}")
        self.line(f"{name} = {text}")
        return name

    def _last(self, handed: Handed) -> str:
        """A name for what the last step hands on, where it is read."""
        if handed.final is None:
            return "_"
        self.named[handed.final] = self.names.new(f"last_{handed.update.name or handed.carry.value.name or 'state'}")
        return self.named[handed.final]

    def _call_scan(
        self, scan: Scan, function: str, takes: tuple[list[str], list[str]], gives: tuple[list[str], list[str]]
    ) -> None:
        """The line that runs a loop; steps that hand nothing on are run all at once."""
        (starts, rows), (lasts, saved) = takes, gives
        if not starts:
            start, arguments = f"{', '.join(saved)} = jax.vmap({function})(", [self._tuple("rows", rows)]
        else:
            last = _together(lasts) if set(lasts) != {"_"} else "_"
            start = f"{last}, {_together(saved) if saved else '_'} = jax.lax.scan("
            arguments = [function, self._tuple("first", starts), self._tuple("rows", rows) if rows else "None"]
            arguments += [] if rows else [f"length={scan.length}"]
            arguments += ["reverse=True"] if scan.reverse else []
        self._line_of(start, ", ".join(arguments), ")")

    def _write_before(self, group: Group, handed: Handed, first: str) -> None:
        """What all steps were handed: what they handed on themselves, moved by one step."""
        name = self.buffer[group, handed.carry.value] = self.names.new(f"{handed.carry.value.name or 'state'}_before")
        others = self.buffer[group, handed.carry.update]
        parts = f"{others}[1:], {first}[None]" if self.scans[group].reverse else f"{first}[None], {others}[:-1]"
        self.line(f"{name} = jnp.concatenate([{parts}])")


def _argument(names: Sequence[str], several: str) -> str:
    """One name is an argument itself; several come as a tuple, none as something that is not read."""
    return names[0] if len(names) == 1 else several if names else "_"


def _together(texts: Sequence[str]) -> str:
    """One text as it is, several as a tuple."""
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"
