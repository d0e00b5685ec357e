"""One call of a compiled function: as it was recorded, and as a program computes it.

- `RecordedCall`: the graph, what is wanted of it, and what stands against a program.
- `Entry`: a program, and how calls of one combination of shapes and types become calls of it.
- `disproved`: whether it computes what was recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from microgradrnn.engine import Node, Value, constant
from microgradrnn.program.answered import answered
from microgradrnn.program.limits import Limit, Refused, limits
from microgradrnn.program.nested import detached, nodes_in, rebuilt
from microgradrnn.program.program import Program
from microgradrnn.program.proof import Answer, Recording, difference, moved, with_leaves
from microgradrnn.program.reads import Reads

NOTHING = object()
"""Stands for aux where a function returns its loss alone."""


class RecordedCall:
    """A call of the function, recorded from leaves of its own.

    Attributes:
        recording: the graph, and what is wanted of it.
        wanted: the leaves whose gradients are: parameters, and inputs that want one.
        outputs: the nodes of aux that a program has to compute.
    """

    def __init__(self, given: list[Any], inputs: list[Node], loss: Node, aux: Any, reads: Reads, began: int) -> None:
        self.given, self.inputs, self.loss, self.aux, self.reads, self.began = given, inputs, loss, aux, reads, began
        self.wanted: list[Node] = []
        self.outputs: list[Node] = []
        self.places: list[int] = []  # of each node of aux: among the outputs; or, below 0, among the inputs
        self.recording = Recording(loss, self.outputs, self.wanted)

    @property
    def answer(self) -> Answer:
        """The numbers of the recording."""
        return self.recording.answer()

    def look(self) -> None:
        """Find out what is wanted of the graph, and what stands against a program."""
        if not self.loss._requires_grad:
            self.reads.note("its loss needs no gradient: no leaf of floats with requires_grad lies behind it")
            return
        try:
            nodes = [self.reads.cut.get(node, node) for node in ([] if self.aux is NOTHING else nodes_in(self.aux))]
        except TypeError as error:
            self.reads.note(str(error))
            return
        numbers = {node: k for k, node in enumerate(self.inputs)}
        for node in nodes:
            if node in numbers:
                self.places.append(-1 - numbers[node])
            else:
                self.places.append(len(self.outputs))
                self.outputs.append(node)
        graph = self.recording.graph()
        self.reads.look_at(graph)
        self.wanted += [node for node in graph if node.op is None and node._requires_grad]
        for node, x in zip(self.inputs, self.given, strict=True):
            if not np.array_equal(node._data, x._data if isinstance(x, Node) else x, equal_nan=node.dtype.kind == "f"):
                self.reads.note("it changes the numbers of an argument")

    def checks(self) -> list[tuple[int, Callable[[Any], None]]]:
        """Which argument must pass which check."""
        places = {node: k for k, node in enumerate(self.inputs)}
        return [(places[node], check) for node, check in self.reads.checks]

    def limits(self) -> dict[Node, list[Limit]]:
        """What the integers of inputs may be."""
        return limits(self.recording.graph(), self.fed(), lambda node, axis: False)

    def outside(self) -> list[Node]:
        """Leaves that want no gradient and were there before the call: they are read as they stand, like parameters."""
        inputs = set(self.inputs)
        leaves = (node for node in self.recording.graph() if node.op is None and not node._requires_grad)
        return [node for node in leaves if node._serial < self.began and node not in inputs]

    def fed(self) -> list[Node]:
        """The inputs of a program: what was handed in, and what stands outside, as far as the graph reads it."""
        read = {x for node in self.recording.graph() for x in node.inputs}
        tensors = [node for node in self.outside() if not isinstance(node, Value)]
        return [node for node in (*self.inputs, *tensors) if node in read]

    def handed_out(self) -> Any:
        """What was recorded, its gradients going where those of what was handed in go."""
        if not self.loss._requires_grad:
            return self.loss if self.aux is NOTHING else (self.loss, detached(self.aux))
        leaves = self.wanted or [x for x in self.recording.graph() if x.op is None and x._requires_grad]
        grads = Recording(self.loss, [], leaves).answer().grads
        own = dict(zip(self.inputs, self.given, strict=True))
        pairs = [(own.get(leaf, leaf), grad) for leaf, grad in zip(leaves, grads, strict=True) if grad is not None]
        loss = answered(type(self.loss), self.loss._data, [x for x, _ in pairs], [grad for _, grad in pairs])
        return loss if self.aux is NOTHING else (loss, detached(self.aux))


class Entry:
    """A program, and how a call of the function becomes one of it.

    Args:
        program: of a graph with the same inputs, which is yet to be proved for this one.
        recorded: the call that it is for.
        fed: the program's inputs, of that call.
    """

    def __init__(self, program: Program, recorded: RecordedCall, fed: Sequence[Node]) -> None:
        self.program, self.kind, self.aux = program, type(recorded.loss), recorded.aux
        places: dict[Any, int] = {node: k for k, node in enumerate(recorded.inputs)}
        names = {leaf: name for name, leaf in program.parameters.items()} | dict(zip(fed, program.inputs, strict=True))
        outside = recorded.outside()
        self.reads: list[Any] = [places.get(node, node) for node in fed]  # the number of an argument, or a leaf outside
        self.leaves: list[Any] = [places.get(leaf, leaf) for leaf in recorded.wanted]
        self.grads = [names.get(leaf, "") for leaf in recorded.wanted]
        self.places, self.checks = recorded.places, recorded.checks()
        self.limits: list[tuple[Any, str, list[Limit]]] = [
            (places.get(leaf, leaf), leaf._name(), each) for leaf, each in recorded.limits().items()
        ]
        self.wanting = [k for k in self.leaves if isinstance(k, int)]
        self.flags = [(x, True) for x in recorded.wanted if x not in places] + [(x, False) for x in outside]
        self.frozen = [(leaf, leaf._data) for leaf in outside if isinstance(leaf, Value)]

    def of(self, recorded: RecordedCall) -> Entry | None:
        """The same program for another call, if that reads and wants the same."""
        fed = recorded.fed()
        if len(fed) != len(self.reads):
            return None
        other = Entry(self.program, recorded, fed)
        alike = [
            (x.kind, x.grads, x.places, *(list(map(_identity, y)) for y in (x.reads, x.leaves))) for x in (self, other)
        ]
        return other if alike[0] == alike[1] else None

    def still_holds(self) -> bool:
        """Whether the leaves outside the function are what they were, but for the numbers that are read anew."""
        for leaf, wanted in self.flags:
            if leaf._requires_grad is not wanted:
                return False
        return all(leaf._data == data for leaf, data in self.frozen)

    def run(self, given: Sequence[Any]) -> Answer:
        """The program's answer. Raises Refused where the function would say no to these numbers, or might."""
        arrays = [x._data if isinstance(x, Node) else x for x in given]
        self._check(arrays)
        return self.answer([arrays[k] if type(k) is int else k._data for k in self.reads])

    def answer(self, arrays: Sequence[Any], weights: Sequence[Any] | None = None) -> Answer:
        """The program's answer to arrays, and to parameters as they stand unless given."""
        value, grads, outputs = self.program.unchecked(arrays, weights)
        return Answer(value, [grads.get(name) for name in self.grads], list(outputs))

    def _check(self, arrays: Sequence[Any]) -> None:
        for k, name, each in self.limits:
            for limit in each:
                limit.check(name, arrays[k] if type(k) is int else k._data)
        for k, check in self.checks:
            try:
                check(arrays[k])
            except (ValueError, IndexError, TypeError) as error:
                raise Refused(str(error)) from error
        for k in self.wanting:  # where a leaf that wants a gradient holds NaN, networks raise
            if np.isnan(arrays[k]).any():
                raise Refused("an argument that wants a gradient holds NaN")

    def handed_out(self, found: Answer, given: Sequence[Any]) -> Any:
        """The answer as nodes."""
        leaves = [given[k] if type(k) is int else k for k in self.leaves]
        grads = found.grads
        if any(grad is None for grad in grads):  # no gradient reaches that leaf
            leaves, grads = _without_none(leaves, grads)
        loss = answered(self.kind, found.value, leaves, grads)
        if self.aux is NOTHING:
            return loss
        parts = [found.outputs[k] if k >= 0 else given[-1 - k] for k in self.places]
        return loss, rebuilt(self.aux, iter([constant(x._data if isinstance(x, Node) else x) for x in parts]))


def disproved(entry: Entry, recorded: RecordedCall, guessed: bool = False) -> str:
    """What speaks against a program: where its numbers are not the recording's; empty where nothing does.

    Args:
        entry: the program, for such a call.
        recorded: the call.
        guessed: whether the program was recorded at other sizes: then it may fail in any way that NumPy knows.
    """
    fed, rng = recorded.fed(), np.random.default_rng(0)
    leaves = dict.fromkeys((*fed, *recorded.wanted))
    moves: list[dict[Node, Node]] = [
        {},
        *({leaf: moved(leaf, rng) for leaf in leaves} for _ in range(3 if guessed else 1)),
    ]
    with np.errstate(all="ignore"):
        for twins in moves:
            recording = with_leaves(recorded.recording, twins) if twins else recorded.recording
            arrays = [twins.get(node, node)._data for node in fed]
            weights = [twins.get(leaf, leaf)._data for leaf in entry.program.parameters.values()]
            try:
                if guessed:
                    entry.program.check(arrays)  # it knows some sizes that it does not take
                found = entry.answer(arrays, weights)
            except Exception as error:
                if not guessed:
                    raise
                return str(error)
            if differs := difference(recording, recording.answer(), found):
                return differs
    return ""


def _identity(x: Any) -> int:
    """The number of an argument as it is; a leaf by its identity, since ``==`` would compare its entries."""
    return x if type(x) is int else -1 - id(x)


def _without_none(leaves: Sequence[Any], grads: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    pairs = [(leaf, grad) for leaf, grad in zip(leaves, grads, strict=True) if grad is not None]
    return [leaf for leaf, _ in pairs], [grad for _, grad in pairs]
