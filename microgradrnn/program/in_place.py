"""Results that are written over arrays that are there already, so that no new array is made for them.

- `in_place`: the pass, from statements to statements. `kept`: the pass that keeps arrays from call to call.

Only arrays of `LARGE` bytes and more are written over, and outside loops: for smaller ones a formula on one line is
easier to read, and as fast. In loops, functions write into the row that a step fills.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import cached_property, partial
from itertools import pairwise

from microgradrnn.program.all_steps import size_in_bytes
from microgradrnn.program.expressions import Expression, read_by
from microgradrnn.program.one_hot import one_hot
from microgradrnn.program.shapes import same
from microgradrnn.program.statements import Assign, Body, Fill, For, Statement, within
from microgradrnn.program.table import Memory, function

LARGE = 2**16
"""Bytes of an array for which fewer new ones are worth a line more."""


def kept(body: Body) -> Body:
    """The same; what loops fill is kept from call to call, and so is what a large formula is worked out in."""
    return replace(body, kept=True)


def in_place(body: Body) -> Body:
    """The same; large formulas one operation a line, each written over what nobody reads any more (liveness)."""
    outlive = _live_out(body)
    body = _each(body, _Split(body.given, outlive).statement)
    return _each(body, _Placed(body, outlive).statement)


def _each(body: Body, change: Callable[[Statement], Iterator[Statement]]) -> Body:
    parts = ([new for old in part for new in change(old)] for part in body.parts)
    return replace(body, parts=tuple(map(tuple, parts)))


class _Split:
    """Large elementwise formulas as a line for each operation, on one array."""

    def __init__(self, given: Collection[Expression], live_out: Collection[Expression]) -> None:
        self.lined, self.live_out = set(given), live_out

    def statement(self, each: Statement) -> Iterator[Statement]:
        """The lines that take its place."""
        if isinstance(each, Assign):
            yield from self._lines(each.x)
        else:
            yield each

    def _lines(self, x: Expression) -> Iterator[Assign]:
        chain = [x]
        if is_large(x) and is_elementwise(x):
            chain = _chain(x, self.lined, self.live_out)
            S = _subtracted_from(x)
            if S is not None and len(chain) > 1:
                S.home.note(S, hint=S.hint or "S")
                yield from self._lines(S)
                chain = [x]
        yield Assign(chain[0], x)
        for before, y in pairwise(chain):
            yield Assign(y, x, over=before)
        self.lined.update(chain)


class _Placed:
    """Each line, and whether it is written over an operand or into a kept array."""

    def __init__(self, body: Body, live_out: Collection[Expression]) -> None:
        self.body, self.live_out = body, live_out
        self.variables = {x: x for x in body.given}
        self.renamed: dict[Expression, Expression] = {}
        self.place = -1

    @cached_property
    def last(self) -> dict[Expression, float]:
        """The place of the last statement that reads each expression, or a view of it."""
        return _last_reads(self.body, self.live_out)

    def statement(self, each: Statement) -> Iterator[Statement]:
        """The line that takes its place."""
        self.place += 1
        if isinstance(each, Assign):
            each = self._line(each)
            self.variables[each.x] = each.variable
        elif isinstance(each, For):
            each = replace(each, body=tuple(map(partial(self._in_step, set(self.variables)), each.body)))
        yield each

    def _line(self, line: Assign) -> Assign:
        x, variable = line.x, line.variable
        if line.over is not None:
            return replace(line, variable=self.renamed.get(variable, variable))
        S = _subtracted_from(x)
        if S is not None:
            return self._minus_one_hot(line, S)
        if variable in self.live_out or not (is_elementwise(x) and is_elementwise(variable) and is_large(variable)):
            return line
        operand = self._reusable(x)
        if operand is None:
            return replace(line, kept=self.body.kept)
        if not (variable.name or variable.hint):  # the array keeps the name it has
            variable = self.renamed[variable] = self.variables[operand]
        return replace(line, variable=variable, over=operand)

    def _minus_one_hot(self, line: Assign, S: Expression) -> Assign:
        """Over S, where S is new, or nobody reads it any more."""
        x, handed_out = line.x, line.x in self.live_out
        is_new = _is_new(S, self.variables) and _is_alike(S, x) and not (handed_out and _is_kept(S))
        is_free = is_new or (not handed_out and self._reusable(x) is S)
        if is_free:
            x.home.note(x, hint=x.hint or "rows")
        return replace(line, over=S) if is_free else line

    def _reusable(self, x: Expression) -> Expression | None:
        """An operand of x, of its shape, that nobody reads after it; x may be written over it."""
        for y in x.args:
            owned = _is_alike(y, x) and y in self.variables and (is_elementwise(y) or y.fn in ("matmul", "product"))
            if owned and self.last.get(y, -1) <= self.place:
                return y  # type: ignore[no-any-return]
        return None

    def _in_step(self, lined: set[Expression], each: Statement) -> Statement:
        if isinstance(each, Assign):
            S = _subtracted_from(each.x)
            lined.add(each.x)
            if S is not None and _is_new(S, lined) and _is_alike(S, each.x):
                each.x.home.note(each.x, hint=each.x.hint or "rows")
                return replace(each, over=S)
        elif isinstance(each, Fill):
            lined.add(each.x)
            return replace(each, out=self.body.kept and _is_written_into_its_row(each.x))
        return each


def _live_out(body: Body) -> set[Expression]:
    """What is handed out, or on to the next step, and must stay as it is."""
    found = set(body.results)
    for part in body.parts:
        for each in part:
            if isinstance(each, For):
                found.update(each.scan.initials(), each.scan.inside())
    return found


def _last_reads(body: Body, live_out: Collection[Expression]) -> dict[Expression, float]:
    found: dict[Expression, float] = {}
    lined = set(body.given)
    for place, each in enumerate(x for part in body.parts for x in part):
        roots = each.scan.roots() if isinstance(each, For) else [each.x]
        for x in roots:
            found.update((z, place) for y in within(x, lined) for z in read_by(y))
        if isinstance(each, Assign):
            lined.add(each.x)
    for x in body.results:
        found.update((z, math.inf) for y in within(x, lined) for z in read_by(y))
    found |= dict.fromkeys(live_out, math.inf)
    for x in sorted(found, key=lambda x: -x.serial):
        if function(x.fn).memory is Memory.VIEW:
            found.update((y, max(found.get(y, -1), found[x])) for y in read_by(x))
    return found


def _chain(x: Expression, lined: Collection[Expression], live_out: Collection[Expression]) -> list[Expression]:
    """The operations that give x one after another on one array; found from the last, x, back to the first.

    The first may make the array anew. What an operation reads besides may be anything: of two operands that are new
    arrays one is on the chain.
    """
    chain = [x]
    while is_elementwise(chain[-1]):
        new = (y for y in chain[-1].args if _is_alike(y, x) and _is_new(y, lined))
        # What is handed out must not lie on an array that the next call writes into.
        operand = next((y for y in new if not (x in live_out and _is_kept(y))), None)
        if operand is None:
            break
        chain.append(operand)
    return chain[::-1]


def _subtracted_from(x: Expression) -> Expression | None:
    """S where x is S - 1[m]."""
    return x.args[0] if one_hot(x) is not None else None


def _is_new(x: Expression, lined: Collection[Expression]) -> bool:
    """Whether the line that reads x makes the array for it."""
    if x in lined:
        return False
    if x.fn == "reshape":
        return x.args[0].fn in ("matmul", "product") and _is_new(x.args[0], lined)
    picked = x.fn == "index" and any(isinstance(part, Expression) for part in x.args[1])
    return picked or is_elementwise(x) or function(x.fn).memory in (Memory.NEW, Memory.KEPT)


def is_elementwise(x: Expression) -> bool:
    """Whether x can be written over an operand: floats that a ufunc of NumPy's computes, entry by entry."""
    return x.dtype.kind == "f" and function(x.fn).memory is Memory.ENTRYWISE


def _is_written_into_its_row(x: Expression) -> bool:
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
