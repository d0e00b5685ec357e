"""Lines that would be long, after lines for parts of them: `Shortened`, from statements to statements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from microgradrnn.program.expressions import Expression
from microgradrnn.program.groups import Group
from microgradrnn.program.ir import Scan
from microgradrnn.program.names import Names
from microgradrnn.program.statements import Assign, Fill, For, Statement, is_view, within
from microgradrnn.program.table import function
from microgradrnn.program.text import Text, word

WIDTH = 96
"""How long the text of a line gets before a part of it is given a line of its own."""
_SHORT = 12
"""Parts shorter than this are left where they are."""


class Shortened:
    """Shortens the statements of a function.

    Args:
        given: its arguments.
        scans: its loops.
        module: what the functions of arrays are called from.
    """

    def __init__(self, given: Iterable[Expression], scans: Mapping[Group, Scan], module: str) -> None:
        self.draft = _Draft(scans, module)
        self.draft.give(*given)

    def lines(self, statements: Iterable[Statement]) -> Iterator[Statement]:
        """The same; where a line would be long its longest part is given a line before it, until it is not."""
        for each in statements:
            if isinstance(each, For):
                yield self._loop(each)
                continue
            yield from self._parts(each.x)
            yield each
            if isinstance(each, (Assign, Fill)):
                self.draft.give(each.x)

    def _loop(self, loop: For) -> For:
        outside = dict(self.draft.named)
        body = [*self.lines(loop.body)]
        for handed in loop.scan.handed:
            body += self._parts(handed.update)
        self.draft.named = outside
        self.draft.give(*(row.x for row in body if isinstance(row, Fill)))
        return replace(loop, body=tuple(body))

    def _parts(self, x: Expression) -> Iterator[Assign]:
        """Lines for parts of x."""
        draft = self.draft
        if x in draft.named or x.fn == "scattered":  # that has a line for each key
            return
        while (width := draft.width(x)) > WIDTH:
            parts = [(draft.width(y), y) for y in within(x, draft.named) if y is not x and self._may_have_line(y)]
            parts = [(of, y) for of, y in parts if _SHORT <= of < width]
            if not parts:
                break
            _, part = max(parts, key=lambda pair: pair[0])
            yield from self._parts(part)
            yield Assign(part, part)
            draft.give(part)

    def _may_have_line(self, x: Expression) -> bool:
        named = self.draft.named
        return not (function(x.fn).is_plain or is_view(x, lambda y: y in named or function(y.fn).is_plain))


class _Draft(Text):
    """Expressions as text, with names that numbers do not tell apart yet."""

    def __init__(self, scans: Mapping[Group, Scan], module: str) -> None:
        super().__init__(scans, Names())
        self.module = module
        for group, scan in scans.items():
            in_rows = scan.in_rows()
            for handed in scan.handed:
                value = handed.carry.value
                self.buffer[group, value] = value.name
                if handed.carry not in in_rows:
                    self.carried[handed.carry] = value.name or "state"
            self.buffer |= {(group, x): x.name or word(x) for x in scan.saved}

    def give(self, *xs: Expression) -> None:
        """Give expressions a line, and so a name."""
        self.named |= {x: x.name or word(x) for x in xs}

    def width(self, x: Expression) -> int:
        """How long the text of x is."""
        return len(self.text(x)[0])
