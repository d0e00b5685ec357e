"""What a function does with its arguments that no recorded graph shows: it makes the loss depend on data.

- `Reads`: watches one recording (`microgradrnn.context.Watch`).
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from traceback import walk_stack
from types import FrameType
from typing import Any

from microgradrnn.engine import Node, serial

_PACKAGE = str(Path(__file__).parent.parent)
_CALLER = str(Path(__file__).with_name("calls.py"))
_ENGINE = {
    __file__,
    *(str(Path(_PACKAGE, name)) for name in ("context.py", "engine.py", "operators.py", "graph.py", "copying.py")),
}


class Reads:
    """A watch over the numbers of arguments, and of all that was computed from them.

    Args:
        arguments: the leaves that stand for what the function was called with.

    Attributes:
        why: the first thing that makes the loss depend on data, and the line where it is; empty if there is none.
        checks: what numbers of arguments must pass, as (the argument, a function that raises).
        cut: constants that are nodes cut off from the graph, each with its node.
    """

    def __init__(self, arguments: Collection[Node]) -> None:
        self.arguments, self.why = set(arguments), ""
        self.checks: list[tuple[Node, Callable[[Any], None]]] = []
        self.cut: dict[Node, Node] = {}
        self._lines: dict[Node, str] = {}  # of constants that were computed from arguments
        self._known = dict.fromkeys(arguments, True)

    def read(self, node: Node) -> None:
        """See `microgradrnn.context.Watch`."""
        if not self.why and self.depends(node):
            self.note(f"numbers that depend on its arguments are read {_line()}")

    def copied(self, copy: Node, node: Node) -> None:
        """See `microgradrnn.context.Watch`."""
        self.cut[copy] = node
        self.unrecorded(copy, (node,))

    def unrecorded(self, result: Node, nodes: tuple[Node, ...]) -> None:
        """See `microgradrnn.context.Watch`."""
        depends = any(map(self.depends, nodes))
        self._known[result] = depends
        if depends:
            self._lines[result] = _line()

    def varies(self, what: str) -> None:
        """See `microgradrnn.context.Watch`."""
        self.note(f"{what}, anew at each call, {_line()}")

    def requires(self, node: Node, check: Callable[[Any], None]) -> None:
        """See `microgradrnn.context.Watch`."""
        if node in self.arguments:
            self.checks.append((node, check))
        elif self.depends(node):
            self.note(f"numbers that depend on its arguments are checked {_line()}")

    def note(self, why: str) -> None:
        """Remember why what was recorded is not all that there is to the function; the first reason is kept."""
        self.why = self.why or why

    def look_at(self, graph: Collection[Node]) -> None:
        """Note a constant of a graph that was computed from the arguments, unrecorded."""
        for node in graph:
            if node in self._lines:
                self.note(f"a constant that was computed from its arguments, unrecorded, {self._lines[node]}, is used")
                return

    def depends(self, node: Node) -> bool:
        """Whether a node was computed from the arguments. Each node is looked at once, however many are asked about."""
        if node not in self._known:
            found, todo = {node}, [node]
            while todo:
                new = {x for x in todo.pop().inputs if x not in self._known and x not in found}
                found |= new
                todo += new
            for x in sorted(found, key=serial):  # inputs come before what reads them
                self._known[x] = any(self._known[y] for y in x.inputs)
        return self._known[node]


def _line() -> str:
    """The user's line that is being run: the innermost that is not in this package; else the package's own."""
    found: tuple[FrameType, int] | None = None
    for frame, number in walk_stack(sys._getframe(2)):
        file = frame.f_code.co_filename
        if file == _CALLER:
            break  # who called the compiled function does not matter
        if file in _ENGINE or file.startswith("<"):
            continue
        if not file.startswith(_PACKAGE):
            found = frame, number
            break
        found = found or (frame, number)
    if found is None:
        return "by the function"
    frame, number = found
    file, text = frame.f_code.co_filename, linecache.getline(frame.f_code.co_filename, number).strip()
    return f"at {Path(file).name}:{number}, in {frame.f_code.co_name}" + (f": {text}" if text else "")
