"""The file of a program: an `IR` as the text that a dialect writes.

- `Source`: the text, and the arrays that are handed to it. `written`: the text of an `IR`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from microgradrnn.program.dialects import Dialect
from microgradrnn.program.expressions import Expression
from microgradrnn.program.functions import LETTERS
from microgradrnn.program.helpers import helper_lines
from microgradrnn.program.ir import IR, Defined
from microgradrnn.program.names import Names
from microgradrnn.program.writing import Writer


class Source(NamedTuple):
    """A program's file.

    Attributes:
        text: the file.
        constants: the arrays that its function takes after inputs and weights, by name.
    """

    text: str
    constants: Mapping[str, Any]


def written(ir: IR, rewrites: Collection[str], dialect: Dialect, names: Names, begins: Sequence[str]) -> Source:
    """The file of a program.

    Args:
        ir: both passes.
        rewrites: those that are done; what "buffers" and "in_place" mean for lines is done here.
        dialect: the language.
        names: those that are taken.
        begins: what the function begins with: remarks, and lines that give names to sizes.
    """
    writer = dialect.writer(ir.loops, names.copy(), rewrites)
    results = [x for x in (ir.value, *ir.outputs, *ir.grads.values()) if isinstance(x, Expression)]
    writer.reserve(results)
    writer.named |= {argument: argument.name for argument in ir.arguments}
    writer.count(results)
    body = _body(ir, writer)
    functions = [*_functions(ir, dialect, rewrites, writer), *(f"    {line}" for line in begins), *body, ""]
    text = "\n".join(functions)
    imports = [line for line in ("import math", *dialect.imports) if re.search(rf"\b{line.split()[-1]}\.", text)]
    if "import math" in imports:
        imports.insert(1, "")
    return Source("\n".join([*_title(body), *imports, "", "", text]), writer.constants)


def _functions(ir: IR, dialect: Dialect, rewrites: Collection[str], writer: Writer) -> list[str]:
    """The functions that the program calls, and the first lines of the one that it is all for."""
    arguments = [*(x.name for x in ir.arguments), *writer.constants]
    lines = [line for helper in sorted(writer.helpers) for line in helper_lines(helper)]
    for name, function in ir.functions.items():
        lines += _definition(name, function, dialect.writer({}, Names("np", *LETTERS), rewrites))
    return [*lines, f"def forward_backward({', '.join(arguments)}):", *_first_lines(ir, dialect, writer)]


def _definition(name: str, function: Defined, writer: Writer) -> list[str]:
    """The lines that define a function of the program's own."""
    writer.named |= {x: str(x.args[0]) for x in function.arguments}
    writer.count([function.result])
    writer.write(function.result)
    result = f"    return {writer.text(function.result)[0]}"
    return [f"def {name}({', '.join(writer.named[x] for x in function.arguments)}):", *writer.lines, result, "", ""]


def _first_lines(ir: IR, dialect: Dialect, writer: Writer) -> list[str]:
    """What raises where a program of float64 would compute in something else, and constants as the dialect's arrays."""
    guard = dialect.guard if any(x.dtype == np.float64 for x in (*writer.uses, *ir.arguments)) else ()
    # A mask stays NumPy's: which entries it picks must be known before a run.
    arrays = [name for name, array in writer.constants.items() if array.dtype.kind != "b"]
    return [*guard, *(dialect.constant.format(name) for name in arrays if dialect.constant)]


def _body(ir: IR, writer: Writer) -> list[str]:
    """Forward, backward, and what is returned."""
    for x in (ir.value, *ir.outputs):
        writer.write(x)
    loss = writer.result(ir.value) if ir.value in writer.named else writer.write_as("loss", ir.value)
    split = len(writer.lines)
    for x in ir.grads.values():
        writer.write(x)
    grads = [f'"{name}": {writer.result(x)}' for name, x in ir.grads.items()]
    outputs = f"({', '.join(map(writer.result, ir.outputs))}{',' if len(ir.outputs) == 1 else ''})"
    backward = [*writer.lines[split:], *_returned(loss, grads, outputs)]
    return ["    # Forward", *writer.lines[:split], "", "    # Backward", *backward]


def _title(body: Sequence[str]) -> list[str]:
    """The docstring of the file, with a word on what may puzzle a reader of the function."""
    title = '"""Forward and backward, written by microgradrnn from a recorded graph.'
    puzzles = {
        ".dot(": "``h.dot(W)`` is ``h @ W``, sooner started.",
        "out=": "``out=`` and ``+=`` write into arrays that are there: rows to fill, or what nobody reads any more.",
    }
    said = [word for sign, word in puzzles.items() if any(sign in line for line in body)]
    return [title, "", *said, '"""', ""] if said else [f'{title}"""', ""]


def _returned(loss: str, grads: Sequence[str], outputs: str) -> list[str]:
    """The last lines: on one line if there is room."""
    line = f"    return {loss}, {{{', '.join(grads)}}}, {outputs}"
    if len(line) <= 110:
        return [line]
    return ["    grads = {", *(f"        {grad}," for grad in grads), "    }", f"    return {loss}, grads, {outputs}"]
