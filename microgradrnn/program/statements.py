"""The lines of a program before they have names: `Assign`, `Fill`, `Increase`, `For`, and a function's `Body` of them.

`microgradrnn.program.layout` makes them of an IR, passes change them, and a printer gives them names.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from microgradrnn.program.expressions import Carry, Expression, read_by
from microgradrnn.program.groups import Group
from microgradrnn.program.ir import Scan


@dataclass(frozen=True, eq=False)
class Assign:
    """A line that computes an expression into a variable.

    Attributes:
        x: what it computes; what has no line of its own stands within it.
        variable: what its variable is named after. Lines that have it in common write into one variable in turn.
        over: the operand whose array it is written over, or None.
        kept: whether it is written into an array that is kept from call to call.
    """

    x: Expression
    variable: Expression
    over: Expression | None = None
    kept: bool = False


@dataclass(frozen=True, eq=False)
class Fill:
    """A line in a loop that computes what is saved of all steps.

    Attributes:
        x: what the step computes.
        of: the expression of the derivation; see `Wanted`.
        out: whether the function writes into the step's row by itself.
    """

    x: Expression
    of: Expression
    out: bool = False


@dataclass(frozen=True, eq=False)
class Increase:
    """A line in a loop that adds ``x`` to ``total``, which stands for the sum over all steps."""

    total: Expression
    x: Expression


@dataclass(frozen=True, eq=False)
class For:
    """A loop.

    Attributes:
        group, scan: which, and what its steps read, compute and hand on.
        body: the lines of a step.
        in_rows: of what it hands on, what lies in the row that the step before has filled. The rest is in variables.
        at_once: whether a step must replace all variables at once, as one needs what another replaces.
        kept_before: of what it hands on, that of which the values before each step are read after the loop.
    """

    group: Group
    scan: Scan
    body: tuple[Statement, ...]
    in_rows: Collection[Carry]
    at_once: bool
    kept_before: Collection[Carry]


Statement = Assign | Fill | Increase | For


@dataclass(frozen=True, eq=False)
class Body:
    """What a function does.

    Attributes:
        parts: its statements, forward and backward.
        results: what it hands out.
        given: its arguments.
        kept: whether its arrays are kept from call to call.
    """

    parts: tuple[tuple[Statement, ...], ...]
    results: tuple[Expression, ...]
    given: tuple[Expression, ...]
    kept: bool = False


def is_view(x: Expression, is_plain: Callable[[Expression], bool]) -> bool:
    """Whether it is no more than a view of something that has a name, such as W_hh.T or h[1:]."""
    if x.fn in ("transpose", "reshape") or (
        x.fn == "index" and not any(isinstance(part, Expression) for part in x.args[1])
    ):
        return is_plain(x.args[0]) and not x.why
    return x.fn == "filled" and not x.shape


def within(x: Expression, lined: Collection[Expression]) -> Iterator[Expression]:
    """x, unless it has a line, and all that stands within it where it is written, down to what has one."""
    todo = [x]
    while todo:
        y = todo.pop()
        if y not in lined:
            yield y
            todo += read_by(y)
