"""Expressions and loops as source for JAX: a pure function whose loops are `jax.lax.scan`.

- `JaxWriter`: writes its body. `JaxExpressions`: the functions of arrays that JAX has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from microgradrnn.precedence import ATOM
from microgradrnn.program.expressions import Expression
from microgradrnn.program.groups import Group
from microgradrnn.program.lines import statement
from microgradrnn.program.namespace import Expressions
from microgradrnn.program.scan import Handed, Scan, Wanted
from microgradrnn.program.text import dtype_of, number, shape_of, type_of, word
from microgradrnn.program.writing import Writer


class JaxExpressions(Expressions):
    """Expressions of what JAX's own NumPy can compute."""

    def elementwise(self, fn: str, *args: Any) -> Any:
        """See `Expressions.elementwise`. Raises TypeError where JAX has no such function."""
        import jax.numpy as jnp

        if fn != "erf" and not hasattr(jnp, fn):
            raise TypeError(f"jax.numpy has no {fn}")
        return super().elementwise(fn, *args)


class JaxWriter(Writer):
    """The lines of a function for JAX; arguments as of `Writer`.

    The step of a loop is a function. Its first argument is what the step before hands on, its second the rows that it
    reads of arrays; it returns what it hands on, and what is saved of it.
    """

    module = "jnp"

    # ---- Expressions ------------------------------------------------------------------------------------------------

    def _saved(self, x: Expression) -> str:
        return self.buffer[x.params["group"], x.params["of"]]

    def _pick(self, x: Expression) -> str:
        rows, classes = x.args
        places = self.within(classes, ATOM) if classes.fn != "filled" else f"jnp.asarray({self.text(classes)[0]})"
        return f"jnp.take_along_axis({self.text(rows)[0]}, {places}[..., None], axis=-1)[..., 0]"

    def _erf(self, x: Expression) -> str:
        return f"jax.scipy.special.erf({self.text(x.args[0])[0]})"

    def _constant(self, x: Expression) -> str:
        text = super()._constant(x)
        return text.replace("jnp.", "np.") if x.dtype.kind == "b" else text  # a mask's entries are known before a run

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

    def _loop(self, group: Group) -> None:
        scan = self.scans[group]
        reads = sorted((x for x in scan.computed() if x.fn == "step"), key=lambda x: x.serial)
        rows = [self._rows(x, scan) for x in reads]
        handed = [self._handed(each) for each in scan.handed]
        sums = [self.names.new(f"{after.name or word(after)}_before") for after in scan.totals.values()]
        function = self.names.new("step_back" if scan.reverse else "step")
        self.carried |= {each.carry: name for each, name in zip(scan.handed, handed, strict=True)}
        self.named |= {x: self.names.new(f"{self._name_of_rows(x)}_t") for x in reads}
        self._define(group, scan, function, [*handed, *sums], [self.named[x] for x in reads])
        self._forget(group)
        starts = [self._start_of(each) for each in scan.handed]
        starts += [f"jnp.zeros({shape_of(x.shape)}{dtype_of(x.dtype)})" for x in scan.totals.values()]
        lasts = [self._last(each) for each in scan.handed]
        for after in scan.totals.values():
            self.named[after] = self._name(after)
        lasts += [self.named[after] for after in scan.totals.values()]
        for x in scan.saved:
            self.buffer[group, x] = self.names.new(x.name or word(x))
        saved = [self.buffer[group, x] for x in scan.saved]
        self._call_scan(scan, function, (starts, rows), (lasts, saved))
        self._befores(group, scan)

    def _handed(self, handed: Handed) -> str:
        """What a step calls what the one before hands on."""
        name = handed.carry.value.name or "state"
        return self.names.new(f"{name}_before" if name == handed.update.name or not handed.carry.value.name else name)

    def _rows(self, x: Expression, scan: Scan) -> str:
        """The rows of an array that the steps read, each step's at its own place."""
        rows, sign, first = x.args
        size, length = int(rows.shape[0]), int(scan.length)
        start, stop = (first, first + length) if sign == 1 else (first - length + 1, first + 1)
        text = self.within(rows, ATOM)
        if (start, stop) != (0, size):
            text += f"[{start or ''}:{'' if stop == size else stop - size}]"
        return text if sign == 1 else f"{text}[::-1]"

    def _name_of_rows(self, x: Expression) -> str:
        rows = x.args[0]
        return str(rows.name or self.named.get(rows) or word(rows))

    def _define(self, group: Group, scan: Scan, name: str, handed: Sequence[str], rows: Sequence[str]) -> None:
        """The function of a step."""
        before, read = _argument(handed, "handed"), _argument(rows, "row")
        self.lines.append("")
        self.line(f"def {name}({', '.join([before, read] if handed else [read])}):")
        self.indent += 1
        for argument, parts in ((before, handed), (read, rows)):
            if len(parts) > 1:
                self.line(f"{', '.join(parts)} = {argument}")
        self._steps(group, scan)
        inside = {wanted.of: wanted.inside for wanted in scan.wanted}
        after = [self._fitting(each.update) for each in scan.handed]
        added = [self.within(inside[x], ATOM) for x in scan.totals]
        after += [f"{one} + {more}" for one, more in zip(handed[len(after) :], added, strict=True)]
        made = [self.text(inside[x])[0] for x in scan.saved]
        parts = [_together(after), _together(made) if made else "None"] if handed else [_together(made)]
        for line in statement("return ", ", ".join(parts)):
            self.line(line)
        self.indent -= 1
        self.lines.append("")

    def _step_line(self, group: Group, x: Expression, wanted: Wanted | None) -> None:
        if wanted is not None and wanted.of in self.scans[group].saved:
            name = self.names.new(f"{wanted.of.name or word(wanted.of)}_t")
            if x.fn == "scattered":
                self._scatter(x, name)
            else:
                self.line(f"{name} = {self._fitting(x)}", x.why)
            self._give(x, name)
        elif self._has_line(x) or self._is_deep(x):
            self._assign(x)

    def _hand_on(self, handed: Sequence[Handed]) -> None:
        """A step returns it."""

    def _start_of(self, handed: Handed) -> str:
        """What the first step is handed, in the type of what it hands on itself."""
        x, like = handed.initial, handed.update
        if not isinstance(x, Expression):
            return f"jnp.full({shape_of(like.shape)}, {number(x)[0]}{dtype_of(like.dtype)})"
        return self.result(x) if x.dtype == like.dtype else f"{self.within(x, ATOM)}.astype({type_of(like.dtype)})"

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
            start, arguments = f"{', '.join(saved)} = jax.vmap({function})(", [_together(rows)]
        else:
            start = f"{_together(lasts)}, {_together(saved) if saved else '_'} = jax.lax.scan("
            arguments = [function, _together(starts), _together(rows) if rows else "None"]
            arguments += [] if rows else [f"length={scan.length}"]
            arguments += ["reverse=True"] if scan.reverse else []
        for line in statement(start, ", ".join(arguments), ")"):
            self.line(line)

    def _befores(self, group: Group, scan: Scan) -> None:
        """What the steps were handed, one below the other, where that is read after the loop."""
        for handed in scan.handed:
            carry = handed.carry
            wanted = (x for x in self.uses if x.fn == "saved" and x.params["of"] is carry.value)
            if any(x.params["group"] is group for x in wanted):
                name = self.buffer[group, carry.value] = self.names.new(f"{carry.value.name or 'state'}_before")
                first, others = f"{self._start_of(handed)}[None]", self.buffer[group, carry.update]
                parts = f"{others}[1:], {first}" if scan.reverse else f"{first}, {others}[:-1]"
                self.line(f"{name} = jnp.concatenate([{parts}])")


def _argument(names: Sequence[str], several: str) -> str:
    """One name is an argument itself; several come as a tuple, none as something that is not read."""
    return names[0] if len(names) == 1 else several if names else "_"


def _together(texts: Sequence[str]) -> str:
    """One text as it is, several as a tuple."""
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"
