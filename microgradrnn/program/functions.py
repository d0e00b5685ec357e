"""What a program defines before its own function, where it needs it."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from microgradrnn.ops import SIGMOID, Op
from microgradrnn.program.names import Names
from microgradrnn.program.namespace import Expressions
from microgradrnn.program.writing import Writer

HELPERS = {
    "add_rows": [
        "def add_rows(grad, rows, values):",
        '    """Add each of the values to its row; those of one row are added up first, side by side once sorted."""',
        "    rows = rows.reshape(-1) % len(grad)",
        '    order = np.argsort(rows, kind="stable")',
        "    rows = rows[order]",
        "    starts = np.flatnonzero(np.diff(rows, prepend=-1))",
        "    grad[rows[starts]] += np.add.reduceat(values.reshape(-1, *grad.shape[1:])[order], starts)",
        "",
        "",
    ],
    "buffer": [
        "kept = {}",
        "",
        "",
        "def buffer(name, shape, dtype=np.float64):",
        '    """An array to write into: the same one at every call, while its shape stays."""',
        "    if name not in kept or kept[name].shape != shape:",
        "        kept[name] = np.empty(shape, dtype)",
        "    return kept[name]",
        "",
        "",
    ],
    "erf": [
        "def erf(x):",
        '    """The error function of each entry: Python has it, NumPy has not."""',
        "    return np.vectorize(math.erf, otypes=[x.dtype])(x)",
        "",
        "",
    ],
    "pick": [
        "def pick(rows, classes):",
        '    """The entry of each row that its class names."""',
        "    flat = rows.reshape(-1, rows.shape[-1])",
        "    return flat[np.arange(classes.size), classes.reshape(-1)].reshape(classes.shape)",
        "",
        "",
    ],
    "minus_one_hot": [
        "def minus_one_hot(S, m):",
        '    """S - 1[m], written over S: each row of probabilities, less 1 at its target."""',
        "    rows = S.reshape(-1, S.shape[-1])",
        "    rows[np.arange(m.size), m.reshape(-1)] -= 1.0",
        "    return rows.reshape(S.shape)",
        "",
        "",
    ],
    "product": [
        "def product(name, a, b):",
        '    """a @ b, in an array that is the same one at every call."""',
        "    return np.matmul(a, b, out=buffer(name, (a.shape[0], b.shape[1]), np.result_type(a, b)))",
        "",
        "",
    ],
}
"""The lines of each."""


def written_function(op: Op, name: str, rewrites: Collection[str]) -> list[str]:
    """The lines that define what an elementwise op does."""
    xp = Expressions()
    xs = [xp.make("argument", (letter,), {}, (), np.float64) for letter in "xyabcdefg"[: len(op.local or ())]]
    writer = Writer({}, Names("np", *"xyabcdefg"), rewrites)
    writer.named |= {x: str(x.args[0]) for x in xs}
    found = 0.5 * xp.tanh(0.5 * xs[0]) + 0.5 if op is SIGMOID and "tanh" in rewrites else op.forward(xp, *xs)
    writer.count([found])
    writer.write(found)
    result = f"    return {writer.text(found)[0]}"
    return [f"def {name}({', '.join(writer.named[x] for x in xs)}):", *writer.lines, result, "", ""]
