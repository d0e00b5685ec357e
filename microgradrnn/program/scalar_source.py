"""The file of a program of floats: both passes, in symbols, as the text of a file of Python.

- `Passes`: both passes of a graph of Values; `Passes.source` writes them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from microgradrnn.program.lines import SymbolWriter, count_uses, statement, text_of
from microgradrnn.program.names import Names
from microgradrnn.program.symbols import Symbol

_TITLE = '"""Forward and backward, written by microgradrnn from a recorded graph."""'


@dataclass(frozen=True, eq=False)
class Passes:
    """Forward and backward pass of a graph of Values.

    Attributes:
        arguments: the names of what the function is called with.
        begins: the lines that the function begins with.
        forward, backward: the symbols of each pass, each after those that it reads.
        value: the loss.
        grads: the gradients that are wanted, by the names of their leaves.
        outputs: what is wanted besides.
        defined: the program's own functions, as text.
        helpers: the functions of ours that these call.
        names: those that are taken.
    """

    arguments: Sequence[str]
    begins: Sequence[str]
    forward: Sequence[Symbol]
    backward: Sequence[Symbol]
    value: Any
    grads: Mapping[str, Any]
    outputs: Sequence[Any]
    defined: Sequence[str]
    helpers: Collection[Callable[..., Any]]
    names: Names

    def source(self, unread: bool = False, inline: bool = True) -> str:
        """The file.

        Args:
            unread: whether to write what nobody reads.
            inline: whether to write what is read once where it is read.
        """
        writer = SymbolWriter(self.names.copy(), inline)
        symbols = [*self.forward, *self.backward]
        count_uses(symbols, [self.value, *self.outputs, *self.grads.values()], unread)
        body = [*self.begins, "# Forward", *writer.written(self.forward)]
        if self.backward:
            body += ["", "# Backward", *writer.written(self.backward)]
        return self._file([*body, *self._return(writer.names)], writer.helpers)

    def stages(self) -> list[tuple[str, str]]:
        """See `microgradrnn.program.Program.stages`."""
        forward = replace(self, backward=[], grads={})
        return [
            ("forward", forward.source(inline=False)),
            ("backward", self.source(unread=True, inline=False)),
            ("dead code", self.source(inline=False)),
            ("inline", self.source()),
        ]

    def _return(self, names: Names) -> list[str]:
        entries = ", ".join(f'"{name}": {text_of(x)[0]}' for name, x in self.grads.items())
        if not self.outputs:
            return statement(f"return {text_of(self.value)[0]}, {{", entries, "}, ()")
        name = names.new("outputs")
        return [
            *statement(f"{name} = (", ", ".join(text_of(x)[0] for x in self.outputs) + ",", ")"),
            *statement(f"return {text_of(self.value)[0]}, {{", entries, f"}}, {name}"),
        ]

    def _file(self, body: Sequence[str], called: Collection[Callable[..., Any]]) -> str:
        """The file: imports, the functions that are called, and the one that it is all for."""
        helpers = sorted({*called, *self.helpers}, key=lambda helper: helper.__name__)
        functions = [*(inspect.getsource(helper).strip() for helper in helpers), *self.defined]
        head = statement("def forward_backward(", ", ".join(self.arguments), "):")
        functions.append("\n".join([*head, *(line and f"    {line}" for line in body)]))
        start = [_TITLE]
        if any("math." in function for function in functions):
            start += ["", "import math"]
        if any("float(np." in function for function in functions):
            start += ["", "import numpy as np"]
        return "\n\n\n".join(["\n".join(start), *functions]) + "\n"
