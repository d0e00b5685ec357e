"""One op as JavaScript: its forward and its backward, written from its record.

- `kernel`: an op that reads so many inputs. `helper_sources`: the functions that kernels call, from ``helpers.js``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from microgradrnn.errors import CannotFollow, reading
from microgradrnn.ops import Op, downstream_of
from microgradrnn.precedence import ATOM, EQUAL, JAVASCRIPT, OR, SIGN, sides
from microgradrnn.program.expressions import Expression
from microgradrnn.program.functions import letters
from microgradrnn.program.names import Names
from microgradrnn.program.python_source import FloatLayout, PythonExpressions, PythonPrinter, as_number
from microgradrnn.program.table import Form, function


@dataclass(frozen=True)
class Kernel:
    """An op as an entry of the program's table, and the helpers that it calls."""

    source: str
    helpers: frozenset[str]


def kernel(op: Op, reads: int) -> Kernel:
    """An op that reads so many inputs, as an entry of a program's table of ops.

    Raises:
        CannotFollow: one of its functions computes with something that JavaScript, or ``xp``, lacks.

    >>> from microgradrnn.ops import MUL
    >>> print(kernel(MUL, 2).source)
    { // mul
      reads: 2,
      forward(v, at, k) {
        const x = v[at[k]], y = v[at[k + 1]];
        return x * y;
      },
      backward(v, at, k, z, u, local, down) {
        const x = v[at[k]], y = v[at[k + 1]];
        local[k] = y;
        down[k] = u * y;
        local[k + 1] = x;
        down[k + 1] = u * x;
      },
    },
    """
    if op.local is None:
        raise CannotFollow(f"compile: op {op.name!r} cannot be written in JavaScript: it works on whole arrays")
    forward, backward = _Lines(op, reads), _Lines(op, reads)
    with reading(op, "compile"):
        forward.add("return {};", op.forward(forward.xp, *forward.xs))
        for slot in range(reads):
            local = op.local[slot]
            if callable(local):
                local = local(backward.xp, backward.z, *([backward.xs] if op.any_number else backward.xs))
            place = f"[k + {slot}]" if slot else "[k]"
            backward.add(f"local{place} = {{}};", local)
            backward.add(f"down{place} = {{}};", downstream_of(op, backward.xp, backward.u, local))
    name = "".join(c if c.isalnum() else "_" for c in op.name)
    source = [
        f"{{ // {name}",
        f"  reads: {reads},",
        *("  forward(v, at, k) {", *(f"    {line}" for line in forward.written()), "  },"),
        *("  backward(v, at, k, z, u, local, down) {", *(f"    {line}" for line in backward.written()), "  },"),
        "},",
    ]
    return Kernel("\n".join(source), frozenset(forward.helpers | backward.helpers))


class _Lines:
    """The body of one function: expressions, and the lines that hand them out."""

    def __init__(self, op: Op, reads: int) -> None:
        self.op, self.xp = op, PythonExpressions()
        self.xs = list(map(self.xp.argument, letters(reads)))
        self.z, self.u = self.xp.argument("z"), self.xp.argument("u")
        self.handed: list[tuple[str, Any]] = []
        self.helpers: set[str] = set()

    def add(self, pattern: str, found: Any) -> None:
        """A line that hands out what was found."""
        self.handed.append((pattern, found if isinstance(found, Expression) else as_number(found)))

    def written(self) -> list[str]:
        """All lines: what is read, what is worked out on the way, what is handed out."""
        found = [x for _, x in self.handed if isinstance(x, Expression)]
        layout, printer = FloatLayout(found, (), {}, ("inline",)), _Printer(self.op)
        printer.statements(layout.of(*found))
        uses = layout.uses
        read = [f"{x.name} = v[at[k{f' + {slot}' if slot else ''}]]" for slot, x in enumerate(self.xs) if uses[x]]
        head = [f"const {', '.join(read)};"] if read else []
        lines = [*head, *printer.lines, *(pattern.format(printer.result(x)) for pattern, x in self.handed)]
        self.helpers |= printer.helpers
        return lines


class _Printer(PythonPrinter):
    """The lines of a function of an op's as JavaScript."""

    def __init__(self, op: Op) -> None:
        super().__init__({}, Names(), kept=False)
        self.op = op

    def line(self, text: str, why: str = "") -> None:
        """What is read more than once, or would be long."""
        self.lines.append(f"const {text};")

    def _composed(self, x: Expression) -> tuple[str, int]:
        if x.fn == "argument":
            return x.name, ATOM
        written = function(x.fn).javascript
        if not written:
            raise CannotFollow(
                f"compile: op {self.op.name!r} cannot be written in JavaScript: it uses xp.{x.fn}, for which "
                "there is no JavaScript here; write it with other functions of xp"
            )
        if isinstance(written, Form):
            texts = [self.within(y, written.least) for y in x.args]
            if x.fn == "where":
                texts[0] = self._condition(x.args[0])
            return written.text.format(*texts), written.level
        if written in JAVASCRIPT:
            left, right = map(self.within, x.args, sides(written, JAVASCRIPT))
            return f"{left} {written} {right}", JAVASCRIPT[written]
        if written in _helpers():
            self.helpers.add(written)
        return f"{written}({self._listed(x.args)})", ATOM

    def _condition(self, x: Any) -> str:
        """What Python takes for true: every number but 0. In JavaScript NaN would be false."""
        is_condition = isinstance(x, Expression) and x.dtype.kind == "b"
        return self.within(x, OR) if is_condition else f"{self.within(x, EQUAL)} != 0"

    def number(self, x: Any) -> tuple[str, int]:
        """A number as JavaScript, and how tightly it holds together."""
        text = repr(x).removesuffix(".0")
        text = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN", "True": "true", "False": "false"}.get(text, text)
        return text, SIGN if text.startswith("-") else ATOM


def asset(name: str) -> str:
    """A file of JavaScript beside this one."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


@cache
def _helpers() -> Mapping[str, str]:
    """The functions of ``helpers.js``, by name, in their order there."""
    sources = asset("helpers.js").strip().split("\n\n")
    return {source.split("function ")[1].split("(")[0]: source for source in sources}


def helper_sources(names: Iterable[str]) -> list[str]:
    """The sources of helpers. Each stands alone: none calls another."""
    wanted = set(names)
    return [source for name, source in _helpers().items() if name in wanted]
