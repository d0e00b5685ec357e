"""The forward pass of a recorded graph as expressions, loops as loops: ``forward`` of each node, from the op table.

- `Forward`: the value of every node.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from microgradrnn import ops
from microgradrnn.engine import Node
from microgradrnn.errors import reading
from microgradrnn.loops import (
    Body,
    Carried,
    Member,
    OnePerStep,
    Recording,
    Rolled,
    Row,
    RowOf,
    Rows,
    Same,
    Single,
    Source,
    inner,
)
from microgradrnn.program.expressions import Carry, Expression, Loop, is_composed
from microgradrnn.program.labels import named
from microgradrnn.program.namespace import Expressions
from microgradrnn.program.sizes import Size, unite
from microgradrnn.program.steps import final, in_floats, step, total, whole


class Forward:
    """The forward pass of a recording.

    Args:
        recording: the graph, its loops found.
        leaves: the expression of each leaf, and of each list of leaves.
        xp: the namespace that all expressions are made in.

    Attributes:
        values: the expression of each node outside all loops, as far as it was asked for.
        loops: for each loop of the recording, the one that runs forward and the one that runs back.
        bodies: for each loop, its nodes' values at one step.
        carries: what it hands on of its q-th node.
        alone: which of its steps are read by themselves, of each node.
    """

    def __init__(self, recording: Recording, leaves: dict[Any, Expression], xp: Expressions) -> None:
        self.recording, self.xp, self.ranges = recording, xp, recording.ranges()
        self.values: dict[Any, Any] = dict(leaves)
        self.loops: dict[Rolled, tuple[Loop, Loop]] = {}
        self.bodies: dict[Rolled, list[Expression]] = {}
        self.carries: dict[tuple[Rolled, int], Carry] = {}
        self.alone: dict[tuple[Rolled, int], set[int]] = {}
        for item in recording.items:
            self._forward(item) if isinstance(item, Single) else self._forward_loop(item)
        for item in recording.items:
            if isinstance(item, Single):
                self._fix_as_many(item.node)

    def value(self, source: Source) -> Any:
        """The expression of a node or row, outside all loops."""
        if source in self.values:
            return self.values[source]
        if isinstance(source, Row):
            found = self.xp.row(self.value(source.source), self.from_end(source))
        else:
            assert isinstance(source, Node)
            place = self.recording.member.of(source)
            assert place is not None
            loop, q, k = place
            last = k == loop.length - 1
            carry = self.carries.get((loop, q))
            found = final(carry) if last and carry else self.whole(loop, q)[-1 if last else k]
            alone = self.alone.setdefault((loop, q), set())
            alone.add(k)
            if len(alone) == loop.length:
                self._fix(loop, f"its {loop.length} steps are read one by one")
        self.values[source] = found
        return found

    def from_end(self, row: Row) -> int:
        """The index of a row that is read on its own: what comes after a loop is counted from the end."""
        size = self.value(row.source).shape[0]
        stops = [max(ends) for ends in self.ranges.get(row.source, ())]
        if row.last or (stops and row.index >= max(stops)):
            return row.index - int(size)
        if isinstance(size, Size) and 0 < row.index == int(size) - 1:
            size.fix(f"row {row.index}, which is its last, is read by its number")
        return row.index

    def leaves(self, leaves: tuple[Node, ...]) -> Expression:
        """Constants that a loop reads one a step, one below the other."""
        if leaves not in self.values:
            array = np.stack([leaf._data for leaf in leaves])
            if not isinstance(leaves[0]._data, np.ndarray):  # beside arrays a number of Python takes their type
                array = array.astype(self._type_beside(leaves[0]))
            self.values[leaves] = self.xp.constant(array)
        return self.values[leaves]  # type: ignore[no-any-return]

    def _type_beside(self, number: Node) -> np.dtype[Any]:
        """The type in which an elementwise op computes that reads a number of Python; else the number's own."""
        readers = (node for node in self.recording.nodes if any(x is number for x in node.inputs))
        reader = next(readers, number)
        return reader.dtype if reader.op is not None and reader.op.local is not None else number.dtype

    def whole(self, loop: Rolled, q: int) -> Expression:
        """All steps' values of a node of a loop, one below the other."""
        found: Expression = whole(self.bodies[loop][q], self.loops[loop][0])
        return found

    def _forward(self, item: Single) -> None:
        node = item.node
        assert node.op is not None
        joined = self._joined(node)
        if joined is not None:
            found = self._join(node, joined)
        else:
            found = self._applied(node, list(map(self._value_of, node.inputs)))
        self.values[node] = named(self.xp, found, node)

    def _applied(self, node: Node, xs: list[Any]) -> Any:
        """The op of other inputs; an elementwise one that takes several steps to compute is a function of its own."""
        assert node.op is not None
        xs = in_floats(node.op, xs)
        with reading(node.op, "compile"):
            found = node.op.forward(self.xp, *xs, **node.params)
        if node.op.local is None or node.op.any_number or any(found is x for x in xs) or not is_composed(found, xs):
            return found
        return self.xp.call(node.op, xs, found.shape, found.dtype)

    def _value_of(self, node: Node) -> Any:
        return self.value(self.recording.source(node))

    def _joined(self, node: Node) -> tuple[Rolled, int, int] | None:
        """The loop, node and first slot whose steps' values, all of them and in order, this node joins; or None."""
        if node.op is not ops.ADD_N and not (node.op is ops.STACK and node.params["axis"] == 0):
            return None
        places = list(map(self.recording.member.of, node.inputs))
        for slot, place in enumerate(places):
            if place is None:
                continue
            loop, q, _ = place
            if places[slot : slot + loop.length] == [(loop, q, k) for k in range(loop.length)]:
                alone = len(places) == loop.length
                return (loop, q, slot) if node.op is ops.ADD_N or alone else None
        return None

    def _fix_as_many(self, node: Node) -> None:
        """What joins as many things as a loop has steps, or one more, may have joined one of each step.

        So it is where one of them is of a step, or where as many are alike; in a stack whatever they are.
        """
        assert node.op is not None
        if not node.op.any_number or self._joined(node) is not None:
            return
        places = {x: self.recording.member.of(x) for x in node.inputs}
        members = {place[0] for place in places.values() if place}
        alike = max(Counter(_kind(x) for x in node.inputs if not places[x]).values(), default=0)
        for loop in self.loops:
            may_be = node.op is ops.STACK or loop in members or alike >= loop.length
            if may_be and 0 <= len(node.inputs) - loop.length <= 1:
                self._fix(loop, f"{len(node.inputs)} things are joined where there are {loop.length} steps")

    def _fix(self, loop: Rolled, reason: str) -> None:
        length = self.loops[loop][0].length
        if isinstance(length, Size):
            length.fix(reason)

    def _join(self, node: Node, joined: tuple[Rolled, int, int]) -> Any:
        loop, q, slot = joined
        if node.op is ops.STACK:
            return self.whole(loop, q)
        rest = [*node.inputs[:slot], *node.inputs[slot + loop.length :]]
        return sum(map(self._value_of, rest), start=total(self.bodies[loop][q], self.loops[loop][0]))

    def _forward_loop(self, item: Rolled) -> None:
        forward = Loop(self._length(item))
        backward = Loop(forward.length, reverse=True)
        self.loops[item], self.bodies[item] = (forward, backward), []
        for reads in item.reads:
            for read in reads:
                self._make_carries(item, read, forward)
        for instances, reads in zip(item.body, item.reads, strict=True):
            node = instances[-1]
            assert node.op is not None
            found = self._applied(node, [self.read(item, read, forward) for read in reads])
            self.bodies[item].append(named(self.xp, found, node))
        for q, expression in enumerate(self.bodies[item]):
            if (item, q) in self.carries:
                carry = self.carries[item, q]
                self.hand_on(carry, expression, q)
                self.xp.note(carry.value, name=expression.name)
                for one, other in zip(carry.initial.shape, expression.shape, strict=True):
                    unite(one, other, "it is the size of a state")

    def hand_on(self, carry: Carry, x: Expression, q: int) -> None:
        """What a step makes of a state. Two states that are computed alike, but start apart, are two."""
        taken = any(other.update is x for other in carry.loop.carries if other is not carry)
        carry.update = self.xp.make("same", (x,), {"of": q}) if taken else x

    def _make_carries(self, item: Rolled, read: Any, loop: Loop) -> None:
        if isinstance(read, RowOf):
            self._make_carries(item, read.source, loop)
        elif isinstance(read, Carried) and (item, read.q) not in self.carries:
            initial, node = self.value(read.initial), item.body[read.q][-1]
            if not isinstance(initial, Expression):
                initial = self.xp.filled(initial, (), node.dtype)
            self.carries[item, read.q] = Carry(loop, initial)

    def _length(self, item: Rolled) -> int:
        """The number of steps: what is left of the rows that it reads, or a number."""
        found: int = item.length
        differs = False
        for read in (inner(read) for reads in item.reads for read in reads):
            match read:
                case Rows(source, _, _):
                    size = self.value(source).shape[0]
                case Member(loop, _, _, _):
                    size = self.loops[loop][0].length
                case OnePerStep(leaves):
                    size, differs = self.leaves(leaves).shape[0], True
                case _:
                    continue
            if not isinstance(size, Size) or size.dimension is None:
                continue
            if isinstance(found, Size):
                unite(found, size + (item.length - int(size)), "two loops have as many steps")
            else:
                found = size + (item.length - int(size))
        if isinstance(found, Size) and differs:
            found.fix("a constant differs from step to step")
        return found

    def read(self, item: Rolled, read: Any, loop: Loop) -> Any:
        """An input of a loop's step, as the step of ``loop``, which runs forward or in reverse, sees it."""
        match read:
            case Same(source):
                return self.value(source)
            case Body(q):
                found = self.bodies[item][q]
                return found if loop is self.loops[item][0] or found.loop is None else step(whole(found), loop)
            case Carried(q, _):
                carry = self.carries[item, q]
                return carry.value if loop is self.loops[item][0] else step(whole(carry.value), loop)
            case RowOf(source, index):
                return self.xp.index(self.read(item, source, loop), (index,))
            case Rows(source, sign, first):
                return step(self.value(source), loop, sign, first)
            case Member(other, q, sign, first):
                return step(self.whole(other, q), loop, sign, first)
            case OnePerStep(leaves):
                return step(self.leaves(leaves), loop)
        raise AssertionError(read)


def _kind(node: Node) -> Any:
    """What nodes have in common that steps of a loop may have made: their op, and the parameters that it reads."""
    if node.op is None:
        return node if node._requires_grad else node.shape
    return node.op, *(x if x.op is None and x._requires_grad else None for x in node.inputs)
