"""What a recorded graph of `Value` nodes says about its program: what `recorded` finds of arrays, without loops.

- `RecordedScalars`: both passes as expressions of floats.

The op table's own functions write both passes, given expressions for numbers, so a user's op is written as any other.
The program gives what the recorded graph would give, bit for bit, infinities and NaN too, but no NumPy's warnings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from microgradrnn.backprop import order
from microgradrnn.convert import as_float
from microgradrnn.engine import Node
from microgradrnn.errors import reading
from microgradrnn.ops import Op, downstream_of
from microgradrnn.program.expressions import Expression, Notes
from microgradrnn.program.frozen import frozen
from microgradrnn.program.functions import defined
from microgradrnn.program.inputs import checked_inputs
from microgradrnn.program.ir import IR, Defined
from microgradrnn.program.lines import statement
from microgradrnn.program.program import Sizes
from microgradrnn.program.python_source import PythonExpressions, as_number, is_call


class Numbers:
    """An input of a program of floats: a number, or ``length`` of them."""

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
            raise TypeError(f"program: {self.name} is {wanted}, got {given!r}") from error
        if len(found) != self.length:
            raise ValueError(f"program: {self.name} is {wanted}, got {len(found)}")
        return found


def _number(given: Any) -> float:
    return as_float(given.data if isinstance(given, Node) else given)


class _Edge(NamedTuple):
    """What a consumer's visit leaves for an input of its own."""

    op: Op
    upstream: Expression
    local: Any


class RecordedScalars:
    """A recorded graph of Values, and its backward pass; arguments as of `microgradrnn.program.recorded.Recorded`.

    An input may be a leaf, which stands for one number, or a list of leaves, which stands for a sequence of them. Other
    leaves that want a gradient are read as they stand at each call; all the rest is literals.

    Attributes:
        ir: both passes.
        parameters: the leaves that are read as they stand at each call, by name.
    """

    def __init__(
        self, loss: Node, graph: list[Node], inputs: Sequence[Any], outputs: Sequence[Node], xp: PythonExpressions
    ) -> None:
        self.loss, self.xp, self.numbers = loss, xp, Counter[str]()
        self.values: dict[Node, Any] = {}
        self.inputs: list[Numbers] = []
        self.unpacked: list[str] = []
        self.parameters: dict[str, Node] = {}
        self.functions: dict[Op, Defined | None] = {}
        self.rules: dict[Op, str] = {}
        for number, given in enumerate(checked_inputs(inputs, set(graph))):
            self._input(number, *given)
        self.constants = frozen(graph, set(self.values))
        for leaf in graph:
            if leaf.op is None and leaf.requires_grad and leaf not in self.values:
                self.parameters[self._leaf(leaf, leaf.label or self._numbered("w"))] = leaf
        with np.errstate(all="ignore"):  # arithmetic of constants may have NumPy's answers
            self.ir = self._passes(graph, outputs)

    def notes(self, free: bool) -> dict[str, list[str]]:
        """What may surprise in the program, by kind."""
        return {"Constant": self.constants}

    def arguments(self, free: bool) -> list[Numbers]:
        """The inputs, and what may be handed in for them."""
        return self.inputs

    def first_lines(self, ir: IR) -> list[str]:
        """The lines that give names to the numbers of sequences."""
        return self.unpacked

    # ---- Leaves -----------------------------------------------------------------------------------------------------

    def _input(self, number: int, leaves: list[Node], several: bool) -> None:
        wanted = f"input_{number + 1}"
        names = [self._leaf(leaf, leaf.label or (self._numbered(wanted) if several else wanted)) for leaf in leaves]
        if several:
            name = self.xp.names.new(leaves[0].label.rsplit("_", 1)[0] or wanted)
            self.unpacked += statement("[", ", ".join(names), f"] = {name}")
            self.inputs.append(Numbers(name, len(leaves)))
        else:
            self.inputs.append(Numbers(names[0], None))

    def _leaf(self, leaf: Node, wanted: str) -> str:
        name = self.xp.names.new(wanted)
        self.values[leaf] = self.xp.argument(name)
        return name

    def _numbered(self, hint: str) -> str:
        self.numbers[hint] += 1
        return f"{hint}_{self.numbers[hint]}"

    # ---- Both passes ------------------------------------------------------------------------------------------------

    def _passes(self, graph: Sequence[Node], outputs: Sequence[Node]) -> IR:
        leaves = dict(self.values)
        for node in graph:
            if node.op is not None:
                self.values[node] = self._forward(node, node.op)
        value = self._handed_out(self.loss)
        if value.fn != "argument" and not value.name:
            self.xp.note(value, name="loss")
        grads = self._backward()
        return IR(
            self.xp,
            (*(self.xp.argument(x.name) for x in self.inputs), *map(leaves.__getitem__, self.parameters.values())),
            value,
            tuple(map(self._handed_out, outputs)),
            {x.args[0]: grads[leaf] for leaf, x in leaves.items() if leaf in grads},
            {name: found for op, name in self.xp.functions.items() if (found := self.functions[op]) is not None},
            {},
            settled=True,
        )

    def _handed_out(self, node: Node) -> Expression:
        found = self.values.get(node, node._data)
        return found if type(found) is Expression else self.xp.own("filled", found)

    def _read(self, node: Node) -> list[Any]:
        """What an op reads: expressions, and constants as they were recorded."""
        return [self.values.get(x, data) for x, data in zip(node.inputs, node.xs, strict=True)]

    def _forward(self, node: Node, op: Op) -> Any:
        """The op's output."""
        xs = self._read(node)
        if Expression not in map(type, xs):
            return node._data
        found = self.xp.call(op, xs, (), float) if self._is_called(op) else traced(op, op.forward, self.xp, *xs)
        found = self.xp.held(found)
        if type(found) is Expression and found.fn != "argument":
            known = self.xp.notes.get(found)
            if known is None:
                self.xp.notes[found] = Notes(node.label, self._numbered(op.name), "")
            elif node.label and not known.name:
                self.xp.note(found, name=node.label)
        return found

    def _is_called(self, op: Op) -> bool:
        """Whether the program has a function of its own for an op: where it takes several, such as sigmoid."""
        if op not in self.functions:
            xp = PythonExpressions()
            with reading(op, "compile"):
                function = None if op.any_number else defined(op, xp)
            self.functions[op] = function if sum(map(is_call, xp.made)) > 1 else None
        return self.functions[op] is not None

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
                if x._requires_grad:
                    sent.setdefault(x, []).append(_Edge(node.op, upstream, self._local(node.op, slot, z, xs)))
        return grads

    def _gradient(self, node: Node, edges: Sequence[_Edge]) -> Expression:
        """The sum of what a node's consumers send down; what is sent on as it was keeps its name."""
        if node is self.loss:
            total = self.xp.own("filled", 1.0)
        else:
            total, *others = list(map(self._downstream, edges))
            for other in others:
                total = self.xp.own("+", total, other)
        if total not in self.xp.gradient_of:
            self.xp.gradient_of[total] = of = self.values[node]
            hint = f"d_{of.hint}" if type(of) is Expression else "d_constant"
            self.xp.notes[total] = Notes("", hint, self._reason(node, edges))
        return total

    def _local(self, op: Op, slot: int, z: Any, xs: Sequence[Any]) -> Any:
        assert op.local is not None
        local = op.local[slot]
        return traced(op, local, self.xp, z, *([xs] if op.any_number else xs)) if callable(local) else float(local)

    def _downstream(self, edge: _Edge) -> Expression:
        """A product of its own also where another is equal, as it is another edge's."""
        upstream, local = edge.upstream, edge.local
        if edge.op.routes and type(local) is Expression:
            return downstream_of(edge.op, self.xp, upstream, local)  # type: ignore[no-any-return]
        if edge.op.routes and not local:
            return self.xp.own("filled", 0.0)
        if type(local) is not Expression and abs(local) == 1:
            return upstream if local > 0 else self.xp.own("negative", upstream)
        return self.xp.own("*", upstream, local if type(local) is Expression else float(local))

    def _reason(self, node: Node, edges: Sequence[_Edge]) -> str:
        """What a line of the backward pass does: the rules of the node's consumers, in words."""
        counts = Counter([self._rule(edge.op) for edge in edges])
        words = "; ".join([f"{rule} ({count} times)" if count > 1 else rule for rule, count in counts.items()])
        return words if node.t is None or not words else f"t={node.t}: {words}"

    def _rule(self, op: Op) -> str:
        """What an op does to a gradient, without a user's odd characters: a comment ends with its line."""
        if op not in self.rules:
            rule = f"{op.symbol} {op.rule.split(':')[0]}"
            self.rules[op] = "".join(c if c.isprintable() else " " for c in rule).strip()
        return self.rules[op]


def traced(op: Op, function: Callable[..., Any], xp: PythonExpressions, *args: Any) -> Any:
    """What a function of an op's record gives for expressions."""
    with reading(op, "compile"):
        found = function(xp, *args)
        return found if type(found) is Expression else as_number(found)
