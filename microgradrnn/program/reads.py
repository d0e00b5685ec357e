"""What a function does with its arguments that no recorded graph shows: it makes the loss depend on data.

- `Reads`: watches one recording (`microgradrnn.context.Watch`).
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from types import FrameType
from typing import Any

from microgradrnn.engine import Node, serial

_PACKAGE = str(Path(__file__).parent.parent)
_ENGINE = tuple(
    str(Path(_PACKAGE, name)) for name in ("context.py", "engine.py", "operators.py", "graph.py", "copying.py")
)


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
    frame: FrameType | None = sys._getframe(2)
    own: FrameType | None = None
    while frame is not None:
        file = frame.f_code.co_filename
        if file == __file__ or file in _ENGINE:
            frame = frame.f_back
            continue
        if file.startswith(_PACKAGE):
            if Path(file).name == "function.py" and Path(file).parent == Path(__file__).parent:
                break  # who called the compiled function does not matter
            own = own or frame
        elif not file.startswith("<"):
            return _described(frame)
        frame = frame.f_back
    return _described(own) if own is not None else "by the function"


def _described(frame: FrameType) -> str:
    file, number = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(file, number).strip()
    return f"at {Path(file).name}:{number}, in {frame.f_code.co_name}" + (f": {text}" if text else "")
