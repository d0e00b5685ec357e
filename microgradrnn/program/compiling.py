"""Record once, replay as NumPy: a recorded graph as the forward and backward pass that a person would have written.

- `compile`: a recorded loss as a `Program`: its source, and the function that the source defines.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Literal, overload

import numpy as np

from microgradrnn.checks import check_choice
from microgradrnn.engine import Node, Value, ancestors
from microgradrnn.loops import Recording, Row
from microgradrnn.program.derive import Derivation
from microgradrnn.program.dialects import JAX, NUMPY, Dialect
from microgradrnn.program.expressions import Expression
from microgradrnn.program.fixing import fix_numbers, fix_rows, fix_untied, least_sizes, reasons
from microgradrnn.program.frozen import frozen
from microgradrnn.program.functions import written_function
from microgradrnn.program.helpers import helper_lines
from microgradrnn.program.javascript import JavaScript, compile_javascript
from microgradrnn.program.jax_program import JaxProgram, require_jax
from microgradrnn.program.labels import not_rolled
from microgradrnn.program.leaves import Leaves
from microgradrnn.program.limits import Limit, limits
from microgradrnn.program.names import Names
from microgradrnn.program.program import Argument, Program
from microgradrnn.program.rewrites import REWRITES, Rewriter
from microgradrnn.program.scalars import compile_scalars
from microgradrnn.program.scan import settled
from microgradrnn.program.sizes import Size
from microgradrnn.program.text import moved
from microgradrnn.program.writing import Writer


@overload
def compile(  # noqa: A001 - a graph's, as in PyTorch and re
    loss: Node,
    inputs: Sequence[Any] = ...,
    outputs: Sequence[Node] = ...,
    rewrites: Collection[str] = ...,
    sizes: str = ...,
    dialect: Literal["numpy"] = ...,
) -> Program: ...


@overload
def compile(  # noqa: A001
    loss: Node,
    inputs: Sequence[Any] = ...,
    outputs: Sequence[Node] = ...,
    rewrites: Collection[str] = ...,
    sizes: str = ...,
    *,
    dialect: Literal["javascript"],
) -> JavaScript: ...


@overload
def compile(  # noqa: A001
    loss: Node,
    inputs: Sequence[Any] = ...,
    outputs: Sequence[Node] = ...,
    rewrites: Collection[str] = ...,
    sizes: str = ...,
    *,
    dialect: Literal["jax"],
) -> JaxProgram: ...


def compile(  # noqa: A001
    loss: Node,
    inputs: Sequence[Any] = (),
    outputs: Sequence[Node] = (),
    rewrites: Collection[str] = REWRITES,
    sizes: str = "recorded",
    dialect: str = "numpy",
) -> Program | JavaScript:
    """Write a recorded graph out as plain source, forward and backward, that runs without nodes.

    Steps that are alike become loops. Parameters, the leaves that want a gradient, are read as they stand at each call.
    All else is as it was recorded, numbers too: Python's own control flow (an ``if``, a ``while``) is not captured, and
    neither is a dropout's mask drawn anew.

    It takes the sizes that were recorded. For others, such as another number of steps, use `microgradrnn.compiled`,
    which has the function and records at each.

    Args:
        loss: the root, with one entry.
        inputs: the leaves that are given anew at each call: data, integer targets, first states. A list of leaves, one
            a step, stands for one array with a row for each.
        outputs: nodes of the same graph whose values are wanted too, such as the last state; see `Program.run`.
        rewrites: which of `microgradrnn.program.REWRITES` to do; () writes the loops as they were recorded.
            In JAX "flatten", "buffers", "in_place" and "dot" are never done.
        sizes: "recorded", or "free" for a program that takes other sizes where the graph seems to show what follows
            from them; where it may not, the size is fixed, and `Program.notes` says why. This is a guess that nothing
            proves: a graph does not show what Python computed from a size, so compare with fresh recordings.
        dialect: "numpy" (of a graph of Values, Python on floats); "jax", which gives a `JaxProgram`, a pure function
            that `jax.jit` compiles, its loops as `jax.lax.scan`; or "javascript", which gives a `JavaScript` program of
            scalars: every value, contribution and gradient, with the leaves as arguments. Of it ``inputs`` are the
            leaves that come first; all nodes are put out, and sizes are as recorded.

    Raises:
        CannotFollow: an op cannot be written in the dialect; it is named, with the reason.
        ImportError: the dialect is "jax", and JAX is not installed.
        TypeError: loss is no node, or needs no gradient; an input is no leaf.
        ValueError: loss has several entries; an input is not read by the graph, or was named twice.

    >>> from microgradrnn import Tensor
    >>> x, W = Tensor([[1.0, 2.0]], label="x", requires_grad=False), Tensor([[3.0], [4.0]], label="W")
    >>> program = compile((x @ W).tanh().sum(), inputs=[x])
    >>> value, grads = program([[0.0, 0.0]])
    >>> float(value), grads["W"].tolist()
    (0.0, [[0.0], [0.0]])
    """
    unknown = set(rewrites) - set(REWRITES)
    if unknown:
        raise ValueError(f"compile: rewrites are {', '.join(REWRITES)}, not {sorted(unknown)}")
    check_choice("compile", "sizes", sizes, ("recorded", "free"))
    check_choice("compile", "dialect", dialect, ("numpy", "jax", "javascript"))
    graph = _graph(loss, outputs)
    if dialect == "javascript":
        if sizes == "free" or outputs:
            raise ValueError("compile: in JavaScript sizes are as recorded, and every node is an output")
        return compile_javascript(loss, inputs)
    if dialect == "jax":
        require_jax()
    elif all(type(node) is Value for node in graph):
        return compile_scalars(loss, graph, inputs, outputs)
    written = JAX if dialect == "jax" else NUMPY
    return _Compiling(loss, graph, inputs, outputs, rewrites, written).program(sizes == "free")


def _graph(loss: Any, outputs: Sequence[Any]) -> list[Node]:
    """All nodes behind the loss and the outputs, oldest first."""
    for said, root in [("loss", loss), *((f"outputs[{k}]", x) for k, x in enumerate(outputs))]:
        if not isinstance(root, Node):
            raise TypeError(f"compile: {said} is a node, not {type(root).__name__}")
    if loss.size != 1:
        raise ValueError(f"compile: loss has one entry, and what came has shape {loss.shape}; sum it")
    if not loss.requires_grad:
        raise TypeError("compile: loss needs no gradient: no leaf of floats with requires_grad lies behind it")
    found = {node for root in (loss, *outputs) for node in ancestors(root)}
    return sorted(found, key=lambda node: node._serial)


class _Compiling:
    """One compilation: both passes derived, rewritten and written down."""

    def __init__(
        self,
        loss: Node,
        graph: list[Node],
        inputs: Sequence[Any],
        outputs: Sequence[Node],
        rewrites: Collection[str],
        dialect: Dialect,
    ) -> None:
        self.graph, self.dialect = graph, dialect
        self.rewrites = [rewrite for rewrite in dialect.rewrites if rewrite in rewrites]
        self.names = Names(*dialect.taken)
        self.xp = dialect.expressions(self.names)
        self.leaves = Leaves(graph, inputs, self.xp)
        self.recording = Recording(graph, self.leaves.given, frozenset({loss, *outputs}))
        self.derivation = Derivation(self.recording, self.leaves.values, self.xp)
        self.derivation.backward(loss)
        fix_rows(self.recording, self.derivation.value)
        fix_numbers(graph, self.leaves.inputs, self.leaves.given)
        lengths = [forward.length for forward, _ in self.derivation.loops.values()]
        fix_untied(self.leaves.uniform, self.leaves.inputs, lengths)
        self.rewriter = Rewriter(self.xp, self.rewrites)
        self.value, *self.outputs = (self._value(node) for node in (loss, *outputs))
        self.grads = self._grads()

    def _value(self, node: Node) -> Expression:
        """What is handed out for a node."""
        found = self.rewriter.once(self.derivation.value(self.recording.source(node)))
        return found if isinstance(found, Expression) else self.xp.filled(found, (), node.dtype)

    def _grads(self) -> dict[str, Any]:
        """The gradients that are wanted, in the order in which a backward pass has them."""
        wanted: dict[Any, str] = {leaf: name for name, leaf in self.leaves.parameters.items()}
        for leaf, row in self.leaves.given.items():
            if leaf.requires_grad:
                wanted[leaf if row is None else row.source] = self.leaves.stands_for(leaf).name
        found = {name: self.derivation.gradient(leaf) for leaf, name in wanted.items()}
        for name, x in found.items():
            if isinstance(x, Expression) and x.fn not in ("argument", "constant"):
                x.name = f"d{name}"
        there = [(name, x) for name, x in found.items() if x is not None]
        return {
            name: self.rewriter.once(x) for name, x in sorted(there, key=lambda item: getattr(item[1], "serial", 0))
        }

    def program(self, free: bool) -> Program:
        """The program; its sizes are free, or as recorded."""
        sizes = self._name_sizes()
        writer = self.dialect.writer(settled(self.rewriter), self.names, self.rewrites)
        results = [x for x in (self.value, *self.outputs, *self.grads.values()) if isinstance(x, Expression)]
        writer.reserve(results)
        writer.named |= {argument: argument.name for argument in (*self.leaves.inputs, *self.leaves.weights)}
        writer.count(results)
        body = self._body(writer)
        notes = {
            "Fixed": reasons(self.leaves.inputs) if free else self._recorded_sizes(),
            "Constant": frozen(self.graph, self.leaves.given),
            "Not rolled": not_rolled(self.recording),
        }
        said = [f"    # {kind}: {why}" for kind, found in notes.items() for why in found]
        source = [*_title(body), *self._head(writer), *said, *(f"    {size}" for size in sizes), *body]
        least = least_sizes(loop.length for loop, _ in self.derivation.loops.values()) if free else None
        allowed = self._limits(free)
        inputs = [Argument(x.name, x.shape, x.dtype, allowed[x], least) for x in self.leaves.inputs]
        every_note = list(itertools.chain(*notes.values()))
        made = self.dialect.program
        return made("\n".join([*source, ""]), inputs, self.leaves.parameters, writer.constants, every_note)

    def _head(self, writer: Writer) -> list[str]:
        """All that stands between the title and the function's own lines."""
        arguments = [x.name for x in (*self.leaves.inputs, *self.leaves.weights)] + list(writer.constants)
        lines = []
        for helper in sorted(writer.helpers):
            lines += helper_lines(helper)
        for op, name in self.xp.functions.items():
            lines += written_function(op, name, self.rewrites, self.dialect.writer)
        lines += [f"def forward_backward({', '.join(arguments)}):", *self._guard(writer)]
        imports = [*(["import math", ""] if "erf" in writer.helpers else []), *self.dialect.imports, "", ""]
        return [*imports, *lines]

    def _guard(self, writer: Writer) -> Sequence[str]:
        """The lines that raise where a program of float64 would compute in something else."""
        read = (*writer.uses, *self.leaves.inputs, *self.leaves.weights)
        return self.dialect.guard if any(x.dtype == np.float64 for x in read) else ()

    def _body(self, writer: Writer) -> list[str]:
        """Forward, backward, and what is returned."""
        for x in (self.value, *self.outputs):
            writer.write(x)
        loss = writer.result(self.value) if self.value in writer.named else writer.write_as("loss", self.value)
        split = len(writer.lines)
        for x in self.grads.values():
            writer.write(x)
        grads = [f'"{name}": {writer.result(x)}' for name, x in self.grads.items()]
        outputs = f"({', '.join(map(writer.result, self.outputs))}{',' if len(self.outputs) == 1 else ''})"
        backward = [*writer.lines[split:], *_returned(loss, grads, outputs)]
        return ["    # Forward", *writer.lines[:split], "", "    # Backward", *backward]

    def _name_sizes(self) -> list[str]:
        """Names for the sizes that may change, T and N first, and the lines that say what they are."""
        lines = []
        lengths = [group.loop.length for group in self.rewriter.all]
        steps = {size.factors[0][0].root()[0] for size in lengths if isinstance(size, Size)}
        for argument in self.leaves.inputs:
            for axis, size in enumerate(argument.shape):
                dimension = size.dimension if isinstance(size, Size) else None
                root, offset = dimension.root() if dimension is not None else (None, 0)
                if root is None or root.reason or root.name:
                    continue
                root.name = self.names.new("T" if root in steps else "N" if axis else "M")
                found = f"len({argument.name})" if axis == 0 else f"{argument.name}.shape[{axis}]"
                lines.append(f"{root.name} = {moved(found, -offset)}")
        return lines

    def _limits(self, free: bool) -> dict[Expression, list[Limit]]:
        """What the integers of each input may be."""
        found: dict[Expression, list[Limit]] = {x: [] for x in self.leaves.inputs}
        for leaf, each in limits(
            self.graph, self.leaves.given, self._is_free if free else lambda x, axis: False
        ).items():
            x, row = self.leaves.stands_for(leaf), self.leaves.given[leaf]
            each = each if row is None else [replace(y, row=row.index) if y.counted else y for y in each]
            found[x] += [limit for limit in each if limit not in found[x]]
        return found

    def _is_free(self, node: Node, axis: int) -> bool:
        """Whether an axis of a node may have another size at another call."""
        source = self.recording.source(node)
        while isinstance(source, Row):
            source, axis = source.source, axis + 1
        place = self.recording.member.get(source) if isinstance(source, Node) else None
        value = self.derivation.bodies[place[0]][place[1]] if place else self.derivation.value(source)
        size = value.shape[axis] if isinstance(value, Expression) else 0
        return isinstance(size, Size) and any(not dimension.root()[0].reason for dimension, _ in size.factors)

    def _recorded_sizes(self) -> list[str]:
        """What the named sizes were, in one note; other sizes are refused."""
        roots = (x.factors[0][0].root()[0] for a in self.leaves.inputs for x in a.shape if isinstance(x, Size))
        named = {root.name: root.value for root in roots if root.name and not root.reason}
        found = ", ".join(f"{name} = {value}" for name, value in named.items())
        return [f"{found} when recorded; at other sizes this source is unproven"] if found else []


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
