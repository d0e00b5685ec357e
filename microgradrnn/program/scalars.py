"""A graph of `Value` nodes as straight-line Python on floats: the road of `compile` for scalar graphs.

- `compile_scalars`: the graph's forward and backward pass as a `Program`.

The op table's own functions write both passes, given symbols for numbers, so a user's op is written as any other. The
program gives what the recorded graph would give, bit for bit: infinities and NaN too, only without NumPy's warnings.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from microgradrnn.backprop import order
from microgradrnn.convert import as_float
from microgradrnn.engine import Node
from microgradrnn.errors import reading
from microgradrnn.ops import Op, downstream_of
from microgradrnn.program import float_helpers
from microgradrnn.program.frozen import frozen
from microgradrnn.program.inputs import checked_inputs
from microgradrnn.program.lines import SymbolWriter, count_uses, statement, text_of
from microgradrnn.program.names import Names
from microgradrnn.program.program import Program, Sizes
from microgradrnn.program.scalar_source import Passes
from microgradrnn.program.symbols import Symbol, Symbols, as_number

_TAKEN = ("forward_backward", "math", "np", *float_helpers.__all__)


def compile_scalars(loss: Node, graph: Sequence[Node], inputs: Sequence[Any], outputs: Sequence[Node]) -> Program:
    """A graph of Values as a program; see `microgradrnn.compile`.

    An input may be a leaf, which stands for one number, or a list of leaves, which stands for a sequence of them. Other
    leaves that want a gradient are read as they stand at each call; all the rest is literals.

    Args:
        loss: the root.
        graph: all nodes behind the loss and the outputs, oldest first; all Values.
        inputs: what is given anew at each call.
        outputs: nodes whose values are wanted too.

    Raises:
        TypeError: an input is no leaf; or an op's functions use more than ``xp`` and operators.
        ValueError: an input is not read by the graph, or was named twice.

    >>> from microgradrnn import Value
    >>> from microgradrnn.program import compile
    >>> x, y, z = (Value(data, label) for data, label in [(-2.0, "x"), (5.0, "y"), (-4.0, "z")])
    >>> program = compile((x + y) * z, inputs=[x])
    >>> program(-2.0)
    (-12.0, {'x': -4.0, 'y': -4.0, 'z': 3.0})
    >>> program(1.0)
    (-24.0, {'x': -4.0, 'y': -4.0, 'z': 6.0})
    """
    with np.errstate(all="ignore"):  # arithmetic of constants may have NumPy's answers
        return _Compiling(loss, graph, inputs, outputs).program()


class _Argument:
    """An input of a program: a number, or ``length`` of them."""

    def __init__(self, name: str, length: int | None) -> None:
        self.name, self.length = name, length

    def checked(self, given: Any, sizes: Sizes) -> Any:
        """What was given as a float, or a list of them, if it is that."""
        wanted = "one real number" if self.length is None else f"{self.length} real numbers"
        try:
            if self.length is None:
                return _number(given)
            found = [_number(x) for x in given]
        except TypeError as error:
            raise TypeError(f"program: {self.name} is {wanted}, and what came is {given!r}") from error
        if len(found) != self.length:
            raise ValueError(f"program: {self.name} is {wanted}, and what came is {len(found)}")
        return found


def _number(given: Any) -> float:
    return as_float(given.data if isinstance(given, Node) else given)


class _Edge(NamedTuple):
    """What a consumer's visit leaves for an input of its own."""

    op: Op
    upstream: Symbol
    local: Any


class _Compiling:
    """One compilation: a name for each leaf, then both passes in symbols, then the text."""

    def __init__(self, loss: Node, graph: Sequence[Node], inputs: Sequence[Any], outputs: Sequence[Node]) -> None:
        self.loss, self.graph, self.outputs = loss, graph, outputs
        self.xp, self.names, self.numbers = Symbols(), Names(*_TAKEN), Counter[str]()
        self.values: dict[Node, Any] = {}
        self.arguments: list[_Argument] = []
        self.unpacked: list[str] = []
        self.parameters: dict[str, Node] = {}
        self.functions: dict[Op, str] = {}
        self.defined: list[str] = []
        self.helpers: set[Callable[..., Any]] = set()
        for number, given in enumerate(checked_inputs(inputs, set(graph))):
            self._input(number, *given)
        self.notes = frozen(graph, set(self.values))
        for leaf in graph:
            if leaf.op is None and leaf.requires_grad and leaf not in self.values:
                self.parameters[self._leaf(leaf, leaf.label or self._numbered("w"))] = leaf

    def program(self) -> Program:
        """The program."""
        for node in self.graph:
            if node.op is not None:
                self.values[node] = self._forward(node, node.op)
        value, split = self.values[self.loss], len(self.xp.made)
        if type(value) is Symbol and value.fn != "argument":
            value.label = value.label or "loss"
        found = self._backward()
        passes = Passes(
            [argument.name for argument in self.arguments] + list(self.parameters),
            [*(f"# Constant: {note}" for note in self.notes), *self.unpacked],
            self.xp.made[:split],
            self.xp.made[split:],
            value,
            {text_of(x)[0]: found[leaf] for leaf, x in self.values.items() if leaf.op is None and leaf in found},
            [self.values.get(node, node._data) for node in self.outputs],
            self.defined,
            self.helpers,
            self.names,
        )
        source = passes.source()
        return Program(source, self.arguments, self.parameters, {}, self.notes, passes.stages)

    def _input(self, number: int, leaves: list[Node], several: bool) -> None:
        wanted = f"input_{number + 1}"
        names = [self._leaf(leaf, leaf.label or (self._numbered(wanted) if several else wanted)) for leaf in leaves]
        if several:
            name = self.names.new(leaves[0].label.rsplit("_", 1)[0] or wanted)
            self.unpacked += statement("[", ", ".join(names), f"] = {name}")
            self.arguments.append(_Argument(name, len(leaves)))
        else:
            self.arguments.append(_Argument(names[0], None))

    def _leaf(self, leaf: Node, wanted: str) -> str:
        name = self.names.new(wanted)
        self.values[leaf] = self.xp.argument(name)
        return name

    def _numbered(self, hint: str) -> str:
        self.numbers[hint] += 1
        return f"{hint}_{self.numbers[hint]}"

    # ---- Both passes, in symbols ------------------------------------------------------------------------------------

    def _read(self, node: Node) -> list[Any]:
        """What an op reads: symbols, and constants as they were recorded."""
        return [self.values.get(x, data) for x, data in zip(node.inputs, node.xs, strict=True)]

    def _forward(self, node: Node, op: Op) -> Any:
        """The op's output."""
        xs = self._read(node)
        if not any(type(x) is Symbol for x in xs):
            return node._data
        function = self._function(op)
        found: Any = self.xp.make("op", function, *xs) if function else traced(op, op.forward, self.xp, *xs)
        if type(found) is not Symbol:
            return float(found)
        if not found.is_float:
            found = self.xp.apply("float", found)
        if found.fn != "argument":
            found.label, found.hint = found.label or node.label, found.hint or self._numbered(op.name)
        return found

    def _backward(self) -> dict[Node, Any]:
        """The gradient of every node that a backward pass visits, in its order."""
        grads: dict[Node, Any] = {}
        sent: dict[Node, list[_Edge]] = {}
        for node in order(self.loss):
            upstream = grads[node] = self._gradient(node, sent.pop(node, []))
            if node.op is None:
                continue
            z, xs = self.values[node], self._read(node)
            for slot, x in enumerate(node.inputs):
                if x.requires_grad:
                    sent.setdefault(x, []).append(_Edge(node.op, upstream, self._local(node.op, slot, z, xs)))
        return grads

    def _gradient(self, node: Node, edges: Sequence[_Edge]) -> Symbol:
        """The sum of what a node's consumers send down; what is sent on as it was keeps its name."""
        if node is self.loss:
            total = self.xp.make("number", 1.0)
        else:
            downstream = list(map(self._downstream, edges))
            total = functools.reduce(lambda x, y: self.xp.make("+", x, y), downstream)
        if total.grad_of is None:
            total.grad_of, total.why = self.values[node], _reason(node, [edge.op for edge in edges])
            total.hint = f"d_{total.grad_of.hint}" if type(total.grad_of) is Symbol else "d_constant"
        return total

    def _local(self, op: Op, slot: int, z: Any, xs: Sequence[Any]) -> Any:
        assert op.local is not None
        local = op.local[slot]
        return traced(op, local, self.xp, z, *([xs] if op.any_number else xs)) if callable(local) else float(local)

    def _downstream(self, edge: _Edge) -> Symbol:
        """A product of its own also where another is equal, as it is another edge's."""
        upstream, local = edge.upstream, edge.local
        if edge.op.routes and type(local) is Symbol:
            return downstream_of(edge.op, self.xp, upstream, local)  # type: ignore[no-any-return]
        if edge.op.routes and not local:
            return self.xp.make("number", 0.0)
        if type(local) is not Symbol and abs(local) == 1:
            return upstream if local > 0 else self.xp.make("negative", upstream)
        return self.xp.make("*", upstream, local if type(local) is Symbol else float(local))

    # ---- Functions --------------------------------------------------------------------------------------------------

    def _function(self, op: Op) -> str:
        """The name of the program's own function for an op that takes several, such as sigmoid; empty for others."""
        if op not in self.functions:
            self.functions[op] = "" if op.any_number else self._define(op)
        return self.functions[op]

    def _define(self, op: Op) -> str:
        assert op.local is not None
        xp, names = Symbols(), Names(*_TAKEN)
        letters = "xy" if len(op.local) <= 2 else [f"x_{slot}" for slot in range(len(op.local))]
        arguments = [xp.argument(names.new(letter)) for letter, _ in zip(letters, op.local, strict=False)]
        found = traced(op, op.forward, xp, *arguments)
        if type(found) is Symbol and not found.is_float:
            found = xp.apply("float", found)
        if sum(symbol.is_call for symbol in xp.made) < 2:
            return ""
        count_uses(xp.made, [found])
        writer = SymbolWriter(names)
        writer.write(xp.made)
        self.helpers |= writer.helpers
        name = self.names.new(op.name)
        head = f"def {name}({', '.join(text_of(x)[0] for x in arguments)}):"
        self.defined.append("\n    ".join([head, *writer.lines, f"return {text_of(found)[0]}"]))
        return name


def traced(op: Op, function: Callable[..., Any], xp: Symbols, *args: Any) -> Any:
    """What a function of an op's record gives for symbols."""
    with reading(op, "compile"):
        found = function(xp, *args)
        return found if type(found) is Symbol else as_number(found)


def _reason(node: Node, ops: Sequence[Op]) -> str:
    """What a line of the backward pass does: the rules of the node's consumers, in words."""
    rules = Counter(" ".join([op.symbol, op.rule.split(":")[0]]) for op in ops)
    words = "; ".join(f"{rule} ({count} times)" if count > 1 else rule for rule, count in rules.items())
    step = "" if node.t is None else f"t={node.t}: "
    # Symbols and rules of users' ops are any text, and a comment ends with its line.
    return "".join(c if c.isprintable() else " " for c in f"{step}{words}").strip()
