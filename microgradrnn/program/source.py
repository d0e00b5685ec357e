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
from microgradrnn.program.helpers import helper_lines
from microgradrnn.program.ir import IR, Defined
from microgradrnn.program.lines import statement
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
    arguments = [*(x.name for x in ir.arguments), *writer.constants]
    lines = [
        *_functions(ir, dialect, rewrites, writer.helpers),
        *statement("def forward_backward(", ", ".join(arguments), "):"),
        *_first_lines(ir, dialect, writer),
        *(f"    {line}" for line in begins),
        *body,
        "",
    ]
    text = "\n".join(lines)
    imports = [line for name, line in dialect.imports.items() if f"{name}." in text and re.search(rf"\b{name}\.", text)]
    head = "\n".join([*_title(body), "", *imports]).rstrip()
    return Source(f"{head}\n\n\n{text}", writer.constants)


def _functions(ir: IR, dialect: Dialect, rewrites: Collection[str], helpers: Collection[str]) -> list[str]:
    """The lines of the functions that are called."""
    called, lines = set(helpers), []
    for name, function in ir.functions.items():
        writer = dialect.writer({}, Names(*dialect.taken), [*rewrites, "inline"])
        lines += _definition(name, function, writer)
        called |= writer.helpers
    return [line for helper in sorted(called) for line in helper_lines(helper)] + lines


def _definition(name: str, function: Defined, writer: Writer) -> list[str]:
    """The lines that define a function of the program's own."""
    writer.named |= {x: writer.names.new(x.name) for x in function.arguments}
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
    writer.write(ir.value, *ir.outputs)
    loss = writer.result(ir.value) if ir.value in writer.named else writer.write_as("loss", ir.value)
    split = len(writer.lines)
    writer.write(*ir.grads.values())
    grads = [f'"{name}": {writer.result(x)}' for name, x in ir.grads.items()]
    returned = writer.returned(loss, grads, list(map(writer.result, ir.outputs)))
    backward = ["", "    # Backward", *writer.lines[split:]] if ir.grads else []
    return ["    # Forward", *writer.lines[:split], *backward, *returned]


def _title(body: Sequence[str]) -> list[str]:
    """The docstring of the file, with a word on what may puzzle a reader of the function."""
    title = '"""Forward and backward, written by microgradrnn from a recorded graph.'
    puzzles = {
        ".dot(": "``h.dot(W)`` is ``h @ W``, sooner started.",
        "out=": "``out=`` and ``+=`` write into arrays that are there: rows to fill, or what nobody reads any more.",
    }
    said = [word for sign, word in puzzles.items() if any(sign in line for line in body)]
    return [title, "", *said, '"""'] if said else [f'{title}"""']
