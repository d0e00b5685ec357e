"""One call of a compiled function: as it was recorded, and as a program computes it.

- `Call`: the function and what it is called with. `RecordedCall`: what it did, and what stands against a program.
- `Entry`: a program, and how calls of one combination of shapes and types become calls of it.
- `disproved`: whether it computes what was recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import zip_longest
from typing import Any

import numpy as np

from microgradrnn.context import at, here
from microgradrnn.engine import Node, Tensor, Value, constant
from microgradrnn.graph import next_serial
from microgradrnn.program.answered import answered
from microgradrnn.program.limits import Counted, Limit, Refused, limits
from microgradrnn.program.nested import nodes_in, outline, rebuilt
from microgradrnn.program.program import Program
from microgradrnn.program.proof import Answer, Recording, difference, moved, with_leaves
from microgradrnn.program.reads import Reads

NOTHING = object()
"""Stands for aux where a function returns its loss alone."""


class Call:
    """A function, and what it is called with.

    Attributes:
        given: the arrays and nodes among the arguments, in order.
        spec: the outline of the arguments: what two calls must share for one program to compute both.
    """

    __slots__ = ("arguments", "fn", "given", "named", "spec")

    def __init__(self, fn: Callable[..., Any], arguments: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        self.fn, self.arguments, self.named = fn, arguments, dict(sorted(named.items()))
        self.given: list[Any] = []
        self.spec: tuple[Any, ...] = tuple([outline(x, self.given) for x in arguments])
        if named:
            self.spec += tuple((name, outline(x, self.given)) for name, x in self.named.items())

    def of(self, nodes: Iterable[Any]) -> tuple[Node, Any]:
        """The loss and aux that the function gives for nodes in the place of what was given."""
        others = iter(nodes)
        positional = [rebuilt(x, lambda _: next(others)) for x in self.arguments]
        named = {name: rebuilt(x, lambda _: next(others)) for name, x in self.named.items()}
        found = self.fn(*positional, **named)
        loss, aux = found if isinstance(found, tuple) and len(found) == 2 else (found, NOTHING)
        if not isinstance(loss, Node):
            raise TypeError(f"compiled: the function returns a loss, a node, or (loss, aux), not {type(loss).__name__}")
        if loss.size != 1:
            raise ValueError(f"compiled: the function returns a loss of one entry, got shape {loss.shape}; sum it")
        return loss, aux

    def leaves(self, names: Sequence[str]) -> list[Node]:
        """A leaf for each array and node that was given, named after its argument."""
        positional = zip_longest(names[: len(self.arguments)], self.arguments)
        numbered = [(name or f"input_{k}", x) for k, (name, x) in enumerate(positional, start=1)]
        found: list[Node] = []
        for name, x in (*numbered, *self.named.items()):
            inside: list[Any] = []
            outline(x, inside)
            found += [_leaf(y, f"{name}_{k}" if len(inside) > 1 else name) for k, y in enumerate(inside, start=1)]
        return found


def _leaf(x: Any, name: str) -> Node:
    """A leaf that stands for what was given."""
    if isinstance(x, Node):
        make = constant if not x._requires_grad else Value if isinstance(x, Value) else Tensor
        return make(x._data, x.label or name)
    try:
        return Tensor(x, name, requires_grad=False)
    except TypeError as error:
        raise TypeError(f"compiled: {name} is no array of numbers: {error}") from error


def returned(loss: Any, aux: Any) -> Any:
    """What a compiled function returns: the loss, and aux where there is one, its nodes cut off from their graph."""
    if aux is NOTHING:
        return loss
    return loss, rebuilt(aux, lambda x: x.detach() if isinstance(x, Node) else x)


class RecordedCall(Recording):
    """A call of a function from leaves of its own, watched.

    Args:
        call: the function, called with what.
        given: what the leaves stand for.
        inputs: the leaves.

    Attributes:
        leaves: those whose gradients are wanted: parameters, and inputs that want one.
        outputs: the nodes of aux that a program has to compute.
        places: where each node of aux is found: among the outputs; or, below 0, among the inputs.
        why: why no program can compute what the function does; empty where nothing stands against it.
    """

    def __init__(self, call: Call, given: Sequence[Any], inputs: list[Node]) -> None:
        self.given, self.inputs, self.began, self.reads = given, inputs, next_serial(), Reads(inputs)
        with at(here()._replace(watch=self.reads)):
            loss, self.aux = call.of(inputs)
        super().__init__(loss, [], [])
        self.places: list[int] = []
        if not self.why:
            self._look()

    @property
    def why(self) -> str:
        """See the class."""
        return self.reads.why

    def _look(self) -> None:
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
            self.places.append(-1 - numbers[node] if node in numbers else len(self.outputs))
            self.outputs += [] if node in numbers else [node]
        self.reads.look_at(self.graph)
        self.leaves += [node for node in self.graph if node.op is None and node._requires_grad]
        for node, x in zip(self.inputs, self.given, strict=True):
            if not np.array_equal(node._data, _numbers(x), equal_nan=node.dtype.kind == "f"):
                self.reads.note("it changes the numbers of an argument")

    @cached_property
    def outside(self) -> list[Node]:
        """Leaves that want no gradient and were there before the call: they are read as they stand, like parameters."""
        inputs = set(self.inputs)
        leaves = (node for node in self.graph if node.op is None and not node._requires_grad)
        return [node for node in leaves if node._serial < self.began and node not in inputs]

    @cached_property
    def fed(self) -> list[Node]:
        """The inputs of a program: what was handed in, and what stands outside, as far as the graph reads it."""
        read = {x for node in self.graph for x in node.inputs}
        tensors = [node for node in self.outside if not isinstance(node, Value)]
        return [node for node in (*self.inputs, *tensors) if node in read]

    def handed_out(self) -> Any:
        """What was recorded, its gradients going where those of what was handed in go."""
        if not self.loss._requires_grad:
            return returned(self.loss, self.aux)
        leaves = [x for x in self.graph if x.op is None and x._requires_grad]
        own = dict(zip(self.inputs, self.given, strict=True))
        grads = Recording(self.loss, [], leaves).answer.grads
        loss = answered(type(self.loss), self.loss._data, [own.get(leaf, leaf) for leaf in leaves], grads)
        return returned(loss, self.aux)


class Entry:
    """A program, and how a call of the function becomes one of it.

    Args:
        program: of a graph with the same inputs, which is yet to be proved for this one.
        recorded: the call that it is for.
    """

    def __init__(self, program: Program, recorded: RecordedCall) -> None:
        self.program, self.kind, self.aux = program, type(recorded.loss), recorded.aux
        places: dict[Any, int] = {node: k for k, node in enumerate(recorded.inputs)}
        fed, names = recorded.fed, {leaf: name for name, leaf in program.parameters.items()}
        names |= dict(zip(fed, program.inputs, strict=True))
        self.reads: list[Any] = [places.get(node, node) for node in fed]  # the number of an argument, or a leaf outside
        self.leaves: list[Any] = [places.get(leaf, leaf) for leaf in recorded.leaves]
        self.grads = [names.get(leaf, "") for leaf in recorded.leaves]
        self.places, self.checks = recorded.places, [(places[node], check) for node, check in recorded.reads.checks]
        self.limits: list[tuple[Any, str, list[Limit | Counted]]] = [
            (places.get(leaf, leaf), leaf._name(), each) for leaf, each in limits(recorded.graph, fed).items()
        ]
        self.wanting = [k for k in self.leaves if isinstance(k, int)]
        self.flags = [(x, True) for x in recorded.leaves if x not in places] + [(x, False) for x in recorded.outside]
        self.frozen = [(leaf, leaf._data) for leaf in recorded.outside if isinstance(leaf, Value)]

    def of(self, recorded: RecordedCall) -> Entry | None:
        """The same program for another call, if that reads and wants the same."""
        if len(recorded.fed) != len(self.reads):
            return None
        other = Entry(self.program, recorded)
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
        arrays = list(map(_numbers, given))
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
        loss = answered(self.kind, found.value, leaves, found.grads)
        if self.aux is NOTHING:
            return loss
        parts = iter([found.outputs[k] if k >= 0 else given[-1 - k] for k in self.places])
        return loss, rebuilt(self.aux, lambda _: constant(_numbers(next(parts))))


def disproved(entry: Entry, recorded: RecordedCall, guessed: bool = False) -> str:
    """What speaks against a program: where its numbers are not the recording's; empty where nothing does.

    Args:
        entry: the program, for such a call.
        recorded: the call.
        guessed: whether the program was recorded at other sizes: then it may fail in any way that NumPy knows.
    """
    rng, leaves = np.random.default_rng(0), dict.fromkeys((*recorded.fed, *recorded.leaves))
    moves = ({leaf: moved(leaf, rng) for leaf in leaves} for _ in range(3 if guessed else 1))
    with np.errstate(all="ignore"):
        for twins in ({}, *moves):
            recording = with_leaves(recorded, twins) if twins else recorded
            arrays = [twins.get(node, node)._data for node in recorded.fed]
            weights = [twins.get(leaf, leaf)._data for leaf in entry.program.parameters.values()]
            try:
                if guessed:
                    entry.program.check(arrays)  # it knows some sizes that it does not take
                found = entry.answer(arrays, weights)
            except Exception as error:
                if not guessed:
                    raise
                return str(error)
            if differs := difference(recording, found):
                return differs
    return ""


def _identity(x: Any) -> int:
    """The number of an argument as it is; a leaf by its identity, since ``==`` would compare its entries."""
    return x if type(x) is int else -1 - id(x)


def _numbers(x: Any) -> Any:
    """What a node holds; all else as it is."""
    return x._data if isinstance(x, Node) else x
