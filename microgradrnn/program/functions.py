"""Ops that take several functions: what a program defines for each, to call it by the op's name.

- `WrittenFunction`: its lines, and what they call. `written_function`: that of an op. `letters`: of its arguments.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from microgradrnn.ops import SIGMOID, Op
from microgradrnn.program.names import Names
from microgradrnn.program.namespace import Expressions
from microgradrnn.program.writing import Writer


class WrittenFunction(NamedTuple):
    """A function of a program's own, and the helpers that it calls."""

    lines: list[str]
    helpers: set[str]


def written_function(
    op: Op, name: str, taken: Collection[str], rewrites: Collection[str], xp: Expressions, writes: type[Writer]
) -> WrittenFunction:
    """The function that does what an elementwise op does.

    Args:
        op: the op.
        name: of the function.
        taken: names that no variable may have.
        rewrites: which of `REWRITES` to do.
        xp: where to compute, in a language.
        writes: what writes that.
    """
    xs = list(map(xp.argument, letters(len(op.local or ()))))
    writer = writes({}, Names(*taken, *(x.name for x in xs)), (*rewrites, "inline"))
    writer.named |= {x: x.name for x in xs}
    found = 0.5 * xp.tanh(0.5 * xs[0]) + 0.5 if op is SIGMOID and "tanh" in rewrites else op.forward(xp, *xs)
    found = xp.held(found)
    writer.count([found])
    writer.write(found)
    result = f"    return {writer.text(found)[0]}"
    lines = [f"def {name}({', '.join(writer.named[x] for x in xs)}):", *writer.lines, result, "", ""]
    return WrittenFunction(lines, writer.helpers)


def letters(count: int) -> list[str]:
    """What so many inputs of an elementwise op are called: x and y; more are x_0, x_1 and so on."""
    return ["x", "y"][:count] if count <= 2 else [f"x_{slot}" for slot in range(count)]
