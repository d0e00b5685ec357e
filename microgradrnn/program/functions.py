"""Ops that take several of NumPy's functions: what a program defines for each, to call it by the op's name."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from microgradrnn.ops import SIGMOID, Op
from microgradrnn.program.names import Names
from microgradrnn.program.namespace import Expressions
from microgradrnn.program.writing import Writer


def written_function(op: Op, name: str, rewrites: Collection[str], writes: type[Writer]) -> list[str]:
    """The lines that define what an elementwise op does."""
    xp = Expressions()
    xs = [xp.make("argument", (letter,), {}, (), np.float64) for letter in "xyabcdefg"[: len(op.local or ())]]
    writer = writes({}, Names("np", *"xyabcdefg"), rewrites)
    writer.named |= {x: str(x.args[0]) for x in xs}
    found = 0.5 * xp.tanh(0.5 * xs[0]) + 0.5 if op is SIGMOID and "tanh" in rewrites else op.forward(xp, *xs)
    writer.count([found])
    writer.write(found)
    result = f"    return {writer.text(found)[0]}"
    return [f"def {name}({', '.join(writer.named[x] for x in xs)}):", *writer.lines, result, "", ""]
