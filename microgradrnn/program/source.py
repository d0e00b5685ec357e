"""The file of a program: an `IR` as the text that a dialect writes.

- `Source`: the text, and the arrays that are handed to it. `written`: the text of an `IR`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from microgradrnn.program.dialects import Dialect
from microgradrnn.program.helpers import helper_lines
from microgradrnn.program.ir import IR, Defined
from microgradrnn.program.lines import statement
from microgradrnn.program.names import Names
from microgradrnn.program.printing import Printer
from microgradrnn.program.statements import Body


class Source(NamedTuple):
    """A program's file.

    Attributes:
        text: the file.
        constants: the arrays that its function takes after inputs and weights, by name.
    """

    text: str
    constants: Mapping[str, Any]


def written(ir: IR, body: Body, dialect: Dialect, names: Names, begins: Sequence[str]) -> Source:
    """The file of a program.

    Args:
        ir: both passes.
        body: their statements.
        dialect: the language.
        names: those that are taken.
        begins: what the function begins with: remarks, and lines that give names to sizes.
    """
    printer = dialect.printer(ir.loops, names.copy(), body.kept)
    printer.reserve(ir.results)
    printer.named |= {argument: argument.name for argument in ir.arguments}
    printed = _body(ir, body, printer)
    text = "\n".join(
        [
            *_functions(ir, dialect, printer.helpers),
            *statement("def forward_backward(", ", ".join([*(x.name for x in ir.arguments), *printer.constants]), "):"),
            *_first_lines(ir, dialect, printer),
            *(f"    {line}" for line in begins),
            *printed,
            "",
        ]
    )
    imports = [line for name, line in dialect.imports.items() if f"{name}." in text and re.search(rf"\b{name}\.", text)]
    head = "\n".join([*_title(printed), "", *imports]).rstrip()
    return Source(f"{head}\n\n\n{text}", printer.constants)


def _functions(ir: IR, dialect: Dialect, helpers: Collection[str]) -> list[str]:
    """The lines of the functions that are called."""
    called, lines = set(helpers), []
    for name, function in ir.functions.items():
        printer = dialect.printer({}, Names(*dialect.taken), kept=False)
        lines += _definition(name, function, dialect, printer)
        called |= printer.helpers
    return [line for helper in sorted(called) for line in helper_lines(helper)] + lines


def _definition(name: str, function: Defined, dialect: Dialect, printer: Printer) -> list[str]:
    """The lines that define a function of the program's own."""
    given, result = function.arguments, function.result
    printer.named |= {x: printer.names.new(x.name) for x in given}
    printer.statements(dialect.layout([result], given, {}, ["inline"]).of(result))
    head = f"def {name}({', '.join(printer.named[x] for x in given)}):"
    return [head, *printer.lines, f"    return {printer.text(result)[0]}", "", ""]


def _first_lines(ir: IR, dialect: Dialect, printer: Printer) -> list[str]:
    """What raises where a program of float64 would compute in something else, and constants as the dialect's arrays."""
    guard = dialect.guard if dialect.guard and any(x.dtype == np.float64 for x in ir.expressions) else ()
    # A mask stays NumPy's: which entries it picks must be known before a run.
    arrays = [name for name, array in printer.constants.items() if array.dtype.kind != "b"]
    return [*guard, *(dialect.constant.format(name) for name in arrays if dialect.constant)]


def _body(ir: IR, body: Body, printer: Printer) -> list[str]:
    """Forward, backward, and what is returned."""
    forward, backward = body.parts
    printer.statements(forward)
    loss = printer.result(ir.value) if ir.value in printer.named else printer.write_as("loss", ir.value)
    split = len(printer.lines)
    printer.statements(backward)
    grads = [f'"{name}": {printer.result(x)}' for name, x in ir.grads.items()]
    returned = printer.returned(loss, grads, list(map(printer.result, ir.outputs)))
    back = ["", "    # Backward", *printer.lines[split:]] if ir.grads else []
    return ["    # Forward", *printer.lines[:split], *back, *returned]


def _title(body: Sequence[str]) -> list[str]:
    """The docstring of the file, with a word on what may puzzle a reader of the function."""
    title = '"""Forward and backward, written by microgradrnn from a recorded graph.'
    puzzles = {
        ".dot(": "``h.dot(W)`` is ``h @ W``, sooner started.",
        "out=": "``out=`` and ``+=`` write into arrays that are there: rows to fill, or what nobody reads any more.",
    }
    said = [word for sign, word in puzzles.items() if any(sign in line for line in body)]
    return [title, "", *said, '"""'] if said else [f'{title}"""']
