"""Record once, replay as NumPy: a recorded graph as the forward and backward pass that a person would have written.

- `compile`: a recorded loss as a `Program`: its source, and the function that the source defines.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from microgradrnn.engine import Node, Value, ancestors
from microgradrnn.program.derive import Derivation
from microgradrnn.program.expressions import Expression
from microgradrnn.program.fixing import fix_numbers, fix_rows, reasons
from microgradrnn.program.functions import HELPERS, written_function
from microgradrnn.program.names import Names
from microgradrnn.program.namespace import Expressions
from microgradrnn.program.program import Argument, Program
from microgradrnn.program.rewrites import REWRITES, Rewriter
from microgradrnn.program.rolling import Recording, Row
from microgradrnn.program.scalars import compile_scalars
from microgradrnn.program.sizes import WEIGHT, Dimension, Size
from microgradrnn.program.text import LITERAL
from microgradrnn.program.writing import Writer


def compile(  # noqa: A001 - a graph's, as in PyTorch and re
    loss: Node,
    inputs: Sequence[Any] = (),
    outputs: Sequence[Node] = (),
    rewrites: Collection[str] = REWRITES,
) -> Program:
    """Write a recorded graph out as plain NumPy source, forward and backward, that runs without nodes.

    Steps that are alike become loops. Parameters, the leaves that want a gradient, are read as they stand at each call.
    All else is as it was recorded: Python's own control flow (an ``if``, a ``while``) is not captured, and neither is a
    dropout's mask drawn anew.

    Args:
        loss: the root, with one entry.
        inputs: the leaves that are given anew at each call: data, integer targets, first states. A list of leaves, one
            a step, stands for one array with a row for each.
        outputs: nodes of the same graph whose values are wanted too, such as the last state; see `Program.run`.
        rewrites: what is done to loops, of `microgradrnn.program.REWRITES`; () leaves them as they were recorded.

    Raises:
        TypeError: loss is no node, or needs no gradient; an input is no leaf.
        ValueError: loss has several entries; an input is not read by the graph, or was named twice.

    >>> from microgradrnn import Tensor
    >>> x, W = Tensor([[1.0, 2.0]], label="x", requires_grad=False), Tensor([[3.0], [4.0]], label="W")
    >>> program = compile((x @ W).tanh().sum(), inputs=[x])
    >>> value, grads = program(np.array([[0.0, 0.0]]))
    >>> float(value), grads["W"].tolist()
    (0.0, [[0.0], [0.0]])
    """
    unknown = set(rewrites) - set(REWRITES)
    if unknown:
        raise ValueError(f"compile: rewrites are {', '.join(REWRITES)}, not {sorted(unknown)}")
    graph = _graph(loss, outputs)
    if all(type(node) is Value for node in graph):
        return compile_scalars(loss, graph, inputs, outputs)
    return _Compiling(loss, graph, inputs, outputs, rewrites).program()


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
    """One compilation: what stands for each leaf, then both passes, then the text."""

    def __init__(
        self, loss: Node, graph: list[Node], inputs: Sequence[Any], outputs: Sequence[Node], rewrites: Collection[str]
    ) -> None:
        self.loss, self.graph, self.outputs, self.rewrites = loss, graph, outputs, rewrites
        self.names = Names("np", "t", "kept", "forward_backward", "IndexError", *HELPERS)
        self.xp = Expressions(self.names)
        self.values: dict[Any, Any] = {}
        self.given: dict[Node, Row | None] = {}
        self.arguments: list[tuple[str, Expression]] = []
        self.parameters: dict[str, Node] = {}
        self.recorded: dict[Node, Any] = {}
        for node in graph:
            for x, data in zip(node.inputs, node.xs, strict=True):
                self.recorded.setdefault(x, data)
        for number, given in enumerate(inputs):
            self._input(number, given)
        for leaf in graph:
            if leaf.op is None and leaf not in self.given:
                self._leaf(leaf)

    def _input(self, number: int, given: Any) -> None:
        several = isinstance(given, (list, tuple))
        leaves = list(given) if several else [given]
        if not leaves:
            raise ValueError(f"compile: inputs[{number}] is a leaf, or a list of leaves, and not an empty one")
        for leaf in leaves:
            if not isinstance(leaf, Node) or leaf.op is not None:
                raise TypeError(f"compile: inputs[{number}] is a leaf, or a list of leaves, not {leaf!r}")
            if leaf in self.given:
                raise ValueError(f"compile: inputs[{number}] was named before: {leaf!r}")
        if not any(leaf in self.recorded for leaf in leaves):
            raise ValueError(
                f"compile: inputs[{number}] is not read by the graph: {leaves[0]!r}. A network copies an array that it "
                "is called with: call it with this Tensor instead"
            )
        first = leaves[0]
        shape = (len(leaves), *first.shape) if several else first.shape
        name = self.names.new(_plain_label(first, several) or f"input_{number + 1}")
        dtype = np.asarray(self.recorded.get(first, first._data)).dtype
        argument = self._argument(name, tuple(Size.of(Dimension(size)) for size in shape), dtype)
        self.values[tuple(leaves) if several else first] = argument
        self.given |= {leaf: Row(tuple(leaves), k) if several else None for k, leaf in enumerate(leaves)}

    def _argument(self, name: str, shape: tuple[int, ...], dtype: Any) -> Expression:
        argument = self.xp.make("argument", (name,), {}, shape, dtype)
        argument.name = name
        self.arguments.append((name, argument))
        return argument

    def _leaf(self, leaf: Node) -> None:
        data = self.recorded.get(leaf, leaf._data)
        if leaf.requires_grad:
            name = self.names.new(leaf.label or "parameter")
            self.values[leaf] = self._argument(name, _fixed_shape(leaf.shape, WEIGHT), leaf.dtype)
            self.parameters[name] = leaf
        elif isinstance(leaf._data, (bool, int, float)):
            self.values[leaf] = leaf._data
        else:
            self.values[leaf] = self._constant(np.asarray(data), leaf)

    def _constant(self, array: Any, leaf: Node) -> Expression:
        """A constant; one of a single number throughout may be as large as what it meets."""
        if array.ndim and array.size and (array == array.flat[0]).all():
            shape = tuple(Size.of(Dimension(size)) for size in array.shape)
            return self.xp.filled(array.flat[0].item(), shape, array.dtype)
        found = self.xp.constant(array)
        found.name = found.name or leaf.label or "constant"
        if found.ndim and array.size > LITERAL:
            found.shape = _fixed_shape(array.shape, f"the constant {found.name!r} has that size")
        return found

    def program(self) -> Program:
        """The program."""
        recording = Recording(self.graph, self.given, frozenset({self.loss, *self.outputs}))
        derivation = Derivation(recording, self.values, self.xp)
        derivation.backward(self.loss)
        inputs = len(self.arguments) - len(self.parameters)
        given = [argument for _, argument in self.arguments[:inputs]]
        fix_rows(recording, derivation.value)
        fix_numbers(self.graph, given)
        rewriter = Rewriter(self.xp, self.rewrites)
        value = rewriter.once(derivation.value(self.loss))
        outputs = [rewriter.once(derivation.value(node)) for node in self.outputs]
        grads = self._grads(derivation, rewriter)
        lengths = [group.loop.length for group in rewriter.all]
        sizes = self._name_sizes(lengths, given)
        writer = Writer(rewriter, self.names, "buffers" in self.rewrites)
        writer.reserve([x for x in (value, *outputs, *grads.values()) if isinstance(x, Expression)])
        for name, argument in self.arguments:
            writer.named[argument] = name
        roots = [x for x in (value, *outputs, *grads.values()) if isinstance(x, Expression)]
        writer.count(roots)
        for x in (value, *outputs):
            writer.write(x)
        if not isinstance(value, Expression) or value not in writer.named:
            writer.line(f"{self.names.new('loss')} = {writer.text(value)[0]}")
        split = len(writer.lines)
        for x in grads.values():
            writer.write(x)
        fixed = reasons(given)
        source = self._source(writer, sizes, split, value, outputs, grads, fixed, recording.notes)
        least = _least(loop.length for loop, _ in derivation.loops.values())
        arguments = [
            Argument(name, argument.shape, argument.dtype, self._chooses(argument), least)
            for name, argument in self.arguments[:inputs]
        ]
        return Program(source, arguments, self.parameters, writer.constants, [*fixed, *recording.notes])

    def _chooses(self, argument: Expression) -> bool:
        """Whether an input holds indices or classes, none of them negative, as far as can be seen."""
        data = [
            self.recorded[leaf] for leaf in self.given if leaf in self.recorded and self._stands_for(leaf) is argument
        ]
        ignoring = any(node.params.get("ignore_index") is not None for node in self.graph)
        return argument.dtype.kind in "iu" and not ignoring and all(np.min(x, initial=0) >= 0 for x in data)

    def _stands_for(self, leaf: Node) -> Any:
        row = self.given[leaf]
        return self.values[leaf if row is None else row.source]

    def _grads(self, derivation: Derivation, rewriter: Rewriter) -> dict[str, Any]:
        """The gradients that are wanted, in the order in which a backward pass has them."""
        wanted: dict[Any, str] = {leaf: name for name, leaf in self.parameters.items()}
        for leaf, row in self.given.items():
            if leaf.requires_grad:
                wanted[leaf if row is None else row.source] = self._stands_for(leaf).name
        found = {name: derivation.gradient(leaf) for leaf, name in wanted.items()}
        for name, x in found.items():
            if isinstance(x, Expression) and x.fn not in ("argument", "constant"):
                x.name = f"d{name}"
        there = {name: x for name, x in found.items() if x is not None}
        ordered = sorted(there.items(), key=lambda item: getattr(item[1], "serial", 0))
        return {name: rewriter.once(x) for name, x in ordered}

    def _name_sizes(self, lengths: Sequence[Any], arguments: Sequence[Expression]) -> list[str]:
        """Names for the sizes that may change, T and N first, and the lines that say what they are."""
        lines = []
        steps = {size.factors[0][0].root()[0] for size in lengths if isinstance(size, Size)}
        for argument in arguments:
            for axis, size in enumerate(argument.shape):
                if not isinstance(size, Size):
                    continue
                root, offset = size.dimension.root() if size.dimension else (None, 0)
                if root is None or root.reason or root.name:
                    continue
                root.name = self.names.new("T" if root in steps else "N" if axis else "M")
                found = f"len({argument.name})" if axis == 0 else f"{argument.name}.shape[{axis}]"
                lines.append(
                    f"{root.name} = {found}" + (f" {'-' if offset > 0 else '+'} {abs(offset)}" if offset else "")
                )
        return lines

    def _source(
        self,
        writer: Writer,
        sizes: list[str],
        split: int,
        value: Any,
        outputs: Sequence[Any],
        grads: Mapping[str, Any],
        fixed: Sequence[str],
        notes: Sequence[str],
    ) -> str:
        arguments = [name for name, _ in self.arguments] + list(writer.constants)
        loss = writer.named[value] if isinstance(value, Expression) and value in writer.named else "loss"
        found = [f'"{name}": {writer.result(x)}' for name, x in grads.items()]
        more = f"({', '.join(writer.result(x) for x in outputs)}{',' if len(outputs) == 1 else ''})"
        head = [
            '"""Forward and backward, written by microgradrnn from a recorded graph."""',
            "",
            "import numpy as np",
            "",
            "",
        ]
        for helper in sorted(writer.helpers):
            head += HELPERS[helper]
        for op, name in self.xp.functions.items():
            head += written_function(op, name, self.rewrites)
        head += [f"def forward_backward({', '.join(arguments)}):"]
        head += [f"    # Fixed: {line}" for line in fixed] + [f"    # Not rolled: {line}" for line in notes]
        head += [f"    {line}" for line in sizes]
        return "\n".join(
            [
                *(*head, "    # Forward", *writer.lines[:split], "", "    # Backward", *writer.lines[split:]),
                *_returned(loss, found, more),
                "",
            ]
        )


def _least(lengths: Iterable[int]) -> dict[Dimension, int]:
    """What dimensions are at least, for every loop to have a step."""
    found: dict[Dimension, int] = {}
    for length in lengths:
        if isinstance(length, Size) and length.dimension is not None:
            root, offset = length.dimension.root()
            found[root] = max(found.get(root, 1), 1 - offset - length.factors[0][1])
    return found


def _returned(loss: str, grads: Sequence[str], outputs: str) -> list[str]:
    """The last lines: on one line if there is room."""
    line = f"    return {loss}, {{{', '.join(grads)}}}, {outputs}"
    if len(line) <= 110:
        return [line]
    return ["    grads = {", *(f"        {grad}," for grad in grads), "    }", f"    return {loss}, grads, {outputs}"]


def _fixed_shape(shape: Sequence[int], reason: str) -> tuple[int, ...]:
    """Sizes that cannot change, for a reason."""
    sizes = [Size.of(Dimension(size)) for size in shape]
    for size in sizes:
        size.fix(reason)
    return tuple(sizes)


def _plain_label(leaf: Node, several: bool) -> str:
    return leaf.label.rsplit("_", 1)[0] if several else leaf.label
