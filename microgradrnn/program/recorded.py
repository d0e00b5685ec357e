"""What a recorded graph says about its program: both passes, what its inputs may be, and what may surprise.

- `Recorded`: a graph whose loops are found and whose backward pass is derived.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from microgradrnn.engine import Node
from microgradrnn.loops import Recording, Row
from microgradrnn.program.derive import Derivation
from microgradrnn.program.expressions import Expression
from microgradrnn.program.factors import Factor, common_factor
from microgradrnn.program.fixing import fix_numbers, fix_rows, fix_untied, least_sizes, reasons
from microgradrnn.program.frozen import frozen
from microgradrnn.program.functions import defined
from microgradrnn.program.ir import IR
from microgradrnn.program.labels import not_rolled
from microgradrnn.program.leaves import Leaves
from microgradrnn.program.limits import Counted, Limit, limits
from microgradrnn.program.namespace import Expressions
from microgradrnn.program.pieces import moved
from microgradrnn.program.program import Argument
from microgradrnn.program.sizes import Size, free_sizes


class Recorded:
    """A recorded graph, and what has been derived from it.

    Args:
        loss: the root.
        graph: all nodes behind the loss and the outputs, oldest first.
        inputs: what is given anew at each call.
        outputs: nodes whose values are wanted too.
        xp: the namespace to derive in.
        factors_last: whether a factor of all gradients is applied when they are complete; see `factors`.

    Attributes:
        ir: both passes, before any rewrite.
    """

    def __init__(
        self,
        loss: Node,
        graph: list[Node],
        inputs: Sequence[Any],
        outputs: Sequence[Node],
        xp: Expressions,
        factors_last: bool = False,
    ) -> None:
        self.graph, self.xp = graph, xp
        self.leaves = Leaves(graph, inputs, xp)
        self.recording = Recording(graph, self.leaves.given, frozenset({loss, *outputs}))
        self.derivation = Derivation(self.recording, self.leaves.values, xp)
        self.derivation.backward(loss, self._factor(loss) if factors_last else None)
        fix_rows(self.recording, self.derivation.value)
        fix_numbers(graph, self.leaves.inputs, self.leaves.given)
        lengths = [forward.length for forward, _ in self.derivation.loops.values()]
        fix_untied(self.leaves.uniform, self.leaves.inputs, lengths)
        value, *others = (self._value(node) for node in (loss, *outputs))
        arguments, grads = (*self.leaves.inputs, *self.leaves.weights), self._grads()
        functions = {name: defined(op, Expressions()) for op, name in xp.functions.items()}
        self.ir = IR(xp, arguments, value, tuple(others), grads, functions, {}, settled=False)

    @property
    def parameters(self) -> Mapping[str, Node]:
        """The leaves that are read as they stand at each call, by name."""
        return self.leaves.parameters

    def _factor(self, loss: Node) -> Factor | None:
        """What all gradients have in common; nothing where the loss is a sum that a loop makes."""
        found = common_factor(loss, self.graph, lambda node: self.derivation.value(self.recording.source(node)))
        return None if self.recording.member.of(found.start) else found

    def _value(self, node: Node) -> Expression:
        """What is handed out for a node."""
        found = self.derivation.value(self.recording.source(node))
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
                self.xp.note(x, name=f"d{name}")
        there = [(name, x) for name, x in found.items() if x is not None]
        return dict(sorted(there, key=lambda item: getattr(item[1], "serial", 0)))

    def notes(self, free: bool) -> dict[str, list[str]]:
        """What may surprise in the program, by kind."""
        return {
            "Fixed": reasons(self.leaves.inputs) if free else self._recorded_sizes(),
            "Constant": frozen(self.graph, self.leaves.given),
            "Not rolled": not_rolled(self.recording),
        }

    def arguments(self, free: bool) -> list[Argument]:
        """The inputs, and what may be handed in for them."""
        least = least_sizes(loop.length for loop, _ in self.derivation.loops.values()) if free else None
        allowed = self._limits(free)
        return [Argument(x.name, x.shape, x.dtype, allowed[x], least) for x in self.leaves.inputs]

    def first_lines(self, ir: IR) -> list[str]:
        """Names for the sizes that may change, T and N first, and the lines that say what they are."""
        lines = []
        lengths = [scan.length for scan in ir.loops.values()]
        steps = {size.factors[0][0].root()[0] for size in lengths if isinstance(size, Size)}
        for argument in self.leaves.inputs:
            for axis, size in enumerate(free_sizes(argument.shape)):
                root, offset = size.root
                if root.reason or root.name:
                    continue
                root.name = self.xp.names.new("T" if root in steps else "N" if axis else "M")
                found = f"len({argument.name})" if axis == 0 else f"{argument.name}.shape[{axis}]"
                lines.append(f"{root.name} = {moved(found, -offset)}")
        return lines

    def _limits(self, free: bool) -> dict[Expression, list[Limit | Counted]]:
        """What the integers of each input may be."""
        found: dict[Expression, list[Limit | Counted]] = {x: [] for x in self.leaves.inputs}
        given = self.leaves.given
        known = limits(self.graph, given, self._is_free) if free else limits(self.graph, given)
        for leaf, each in known.items():
            x, row = self.leaves.stands_for(leaf), given[leaf]
            each = each if row is None else [replace(y, row=row.index) if isinstance(y, Counted) else y for y in each]
            found[x] += [limit for limit in each if limit not in found[x]]
        return found

    def _is_free(self, node: Node, axis: int) -> bool:
        """Whether an axis of a node may have another size at another call."""
        source = self.recording.source(node)
        while isinstance(source, Row):
            source, axis = source.source, axis + 1
        place = self.recording.member.of(source) if isinstance(source, Node) else None
        value = self.derivation.bodies[place[0]][place[1]] if place else self.derivation.value(source)
        size = value.shape[axis] if isinstance(value, Expression) else 0
        return isinstance(size, Size) and any(not dimension.root()[0].reason for dimension, _ in size.factors)

    def _recorded_sizes(self) -> list[str]:
        """What the named sizes were, in one note; other sizes are refused."""
        roots = (size.root[0] for argument in self.leaves.inputs for size in free_sizes(argument.shape))
        named = {root.name: root.value for root in roots if root.name and not root.reason}
        found = ", ".join(f"{name} = {value}" for name, value in named.items())
        return [f"{found} when recorded; at other sizes this source is unproven"] if found else []
