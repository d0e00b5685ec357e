"""One op as JavaScript: its forward and its backward, written from its record.

- `kernel`: an op that reads so many inputs. `helper_sources`: the functions that kernels call, from ``helpers.js``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from microgradrnn.errors import CannotFollow, reading
from microgradrnn.ops import Op, downstream_of
from microgradrnn.precedence import ATOM, EQUAL, JAVASCRIPT, OR, SIGN, bracketed, sides
from microgradrnn.program.symbols import Symbol, Symbols, as_number
from microgradrnn.program.table import Form, function

_LONGEST = 60
"""How many operations a line holds."""


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
    letters = ["x", "y"][:reads] if reads <= 2 else [f"x${slot}" for slot in range(reads)]
    forward, backward = _Lines(op, letters), _Lines(op, letters)
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
    """The body of one function: symbols, and the lines that hand them out."""

    def __init__(self, op: Op, letters: Sequence[str]) -> None:
        self.op, self.xp, self.helpers = op, Symbols(), set[str]()
        self.xs = [self.xp.argument(letter) for letter in letters]
        self.z, self.u = self.xp.argument("z"), self.xp.argument("u")
        self.handed: list[tuple[str, Any]] = []

    def add(self, pattern: str, found: Any) -> None:
        """A line that hands out what was found."""
        self.handed.append((pattern, found if type(found) is Symbol else as_number(found)))

    def written(self) -> list[str]:
        """All lines: what is read, what is worked out on the way, what is handed out."""
        self._count()
        parts = [
            line for symbol in self.xp.made if symbol.uses and symbol.fn != "argument" for line in self._part(symbol)
        ]
        read = [f"{x.text} = v[at[k{f' + {slot}' if slot else ''}]]" for slot, x in enumerate(self.xs) if x.uses]
        head = [f"const {', '.join(read)};"] if read else []
        return [*head, *parts, *(pattern.format(_text(found)[0]) for pattern, found in self.handed)]

    def _count(self) -> None:
        for _, found in self.handed:
            if type(found) is Symbol:
                found.uses += 1
        for symbol in reversed(self.xp.made):
            for x in symbol.args if symbol.uses else ():
                if type(x) is Symbol:
                    x.uses += 1

    def _part(self, symbol: Symbol) -> list[str]:
        """A line of its own for what is read more than once, or would be long."""
        symbol.text, symbol.level = self._composed(symbol)
        symbol.size = 1 + sum(x.size for x in symbol.args if type(x) is Symbol)
        if symbol.uses == 1 and symbol.size <= _LONGEST:
            return []
        line = f"const p{symbol.serial} = {symbol.text};"
        symbol.text, symbol.level, symbol.size = f"p{symbol.serial}", ATOM, 0
        return [line]

    def _composed(self, symbol: Symbol) -> tuple[str, int]:
        args, written = symbol.args, function(symbol.fn).javascript
        if not written:
            raise CannotFollow(
                f"compile: op {self.op.name!r} cannot be written in JavaScript: it uses xp.{symbol.fn}, for which "
                "there is no JavaScript here; write it with other functions of xp"
            )
        if isinstance(written, Form):
            texts = [_within(x, written.least) for x in args]
            if symbol.fn == "where":
                texts[0] = _condition(args[0])
            return written.text.format(*texts), written.level
        if written in JAVASCRIPT:
            left, right = map(_within, args, sides(written, JAVASCRIPT))
            return f"{left} {written} {right}", JAVASCRIPT[written]
        if written in _helpers():
            self.helpers.add(written)
        return f"{written}({', '.join(_text(x)[0] for x in args)})", ATOM


def _condition(x: Any) -> str:
    """What Python takes for true: every number but 0. In JavaScript NaN would be false."""
    return _within(x, OR) if type(x) is Symbol and x.dtype.kind == "b" else f"{_within(x, EQUAL)} != 0"


def _text(x: Any) -> tuple[str, int]:
    """A symbol or a number within a line, and how tightly it holds together."""
    if type(x) is Symbol:
        return x.text, x.level
    text = repr(x).removesuffix(".0")
    text = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN", "True": "true", "False": "false"}.get(text, text)
    return text, SIGN if text.startswith("-") else ATOM


def _within(x: Any, level: int) -> str:
    return bracketed(*_text(x), level)


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
