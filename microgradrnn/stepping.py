"""Stepping through a graph, one node at a time, forth and back: first the forward pass, then the backward pass.

- `Computed`: one node's turn in the forward pass. `recorded_values`: all of them. `Forward`: goes through them.
- `Edge`: what one edge carries. `Visit`: one node's turn in the backward pass.
- `walk`: the visits of a pass that leaves no trace. `Backprop`: a pass that goes forth and back.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.backprop import local_gradient, order, seed, store, visit
from microgradrnn.convert import as_array, handed_out
from microgradrnn.counting import counted
from microgradrnn.engine import Node, ancestors
from microgradrnn.ops import Scattered

__all__ = ["Backprop", "Computed", "Edge", "Forward", "Visit", "walk"]

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Computed:
    """One operation's turn in the forward pass.

    Attributes:
        node: its output; whatever it reads is known by then.
        value: what it was computed to be when the graph was recorded: a float, or a copy of the array.

    >>> from microgradrnn import Value
    >>> x = Value(3.0, "x")
    >>> y = x * x
    >>> x.data = 5.0
    >>> [(computed.node.op.name, computed.value) for computed in Forward(y)]  # as it was recorded
    [('mul', 9.0)]
    """

    node: Node
    value: Any


def recorded_values(root: Node) -> dict[Node, Any]:
    """What ``root`` and every node behind it held when the graph was recorded, inputs before what reads them."""
    values: dict[Node, Any] = {}
    for node in ancestors(root):  # what a node was computed with is kept by itself; of the root nobody has read yet
        values.setdefault(node, node._data)
        values.update(zip(node.inputs, node.xs, strict=True))
    return values


class Forward:
    """The forward pass that recorded a graph, one operation at a time, forth and back. Nothing is written to a node.

    Operations come in the order of recording, each after what it reads. Leaves and constants have their values from the
    start, and no turn. The values are those of the recording, bit for bit: nothing is computed anew.

    >>> from microgradrnn import Value
    >>> x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    >>> run = Forward(z * (x + y))
    >>> [(step.node.op.name, step.value) for step in run]
    [('add', 3.0), ('mul', -12.0)]
    >>> run.back().value, run.step().value, run.done
    (-12.0, -12.0, True)
    """

    def __init__(self, root: Node) -> None:
        if not isinstance(root, Node):
            raise TypeError(f"Forward takes a node, such as a loss, not {type(root).__name__}")
        self.root = root
        self._values = recorded_values(root)
        self.order = [node for node in self._values if node.op is not None]
        self._count = 0

    @property
    def done(self) -> bool:
        """Whether every operation has had its turn."""
        return self._count == len(self.order)

    def step(self) -> Computed:
        """The next operation's turn. Raises IndexError when the pass is done."""
        if self.done:
            raise IndexError(f"the forward pass is done: all {len(self.order)} operations have had their turn")
        self._count += 1
        return self._computed(self._count - 1)

    def back(self) -> Computed:
        """Undo the last step and return it. Raises IndexError at the start."""
        if not self._count:
            raise IndexError("this is the start of the forward pass: there is no step to undo")
        self._count -= 1
        return self._computed(self._count)

    def __iter__(self) -> Iterator[Computed]:
        while not self.done:
            yield self.step()

    def _computed(self, at: int) -> Computed:
        node = self.order[at]
        return Computed(node, copy.copy(handed_out(self._values[node])))


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """What one edge of the graph carries in a backward pass, from ``node`` down to ``input``.

    Attributes:
        node, input, slot: ``node.inputs[slot] is input``.
        upstream: dL/d(node).
        downstream: local applied to upstream, this edge's contribution; of input's shape.
        before, after: the sum of input's contributions in this pass, without this one (None: it is the first) and with.

    >>> from microgradrnn import Value
    >>> x, y = Value(3.0, "x"), Value(4.0, "y")
    >>> edge = next(walk(x * y)).edges[0]
    >>> edge.input.label, edge.slot, edge.upstream, edge.local, edge.downstream
    ('x', 0, 1.0, 4.0, 4.0)
    >>> [(edge.before, edge.after) for edge in next(walk(x * x)).edges]
    [(None, 3.0), (3.0, 6.0)]
    """

    node: Node
    input: Node
    slot: int
    upstream: Any
    downstream: Any
    before: Any
    after: Any

    @property
    def local(self) -> Any:
        """d(node)/d(input): a number or an array entry by entry; for a structural op the formula of its ``pull``."""
        op = self.node.op
        assert op is not None
        if op.local is not None:
            local = np.multiply(local_gradient(self.node, self.slot), 1.0)
            return handed_out(local) if np.ndim(local) else float(local)
        if not op.formula:
            return op.rule
        formula = op.formula[min(self.slot, len(op.formula) - 1)]
        return formula if isinstance(formula, str) else formula(*self.node.xs)

    def sent(self, upstream: Any) -> Any:
        """What this edge sends down of another upstream, such as the part of it that comes from one consumer.

        >>> from microgradrnn import Value
        >>> x, y = Value(3.0, "x"), Value(4.0, "y")
        >>> next(walk(x * y)).edges[0].sent(10.0)
        40.0
        """
        edges = watched(self.node, {self.node: upstream})
        return next(edge.downstream for edge in edges if edge.slot == self.slot)

    def jacobian(self) -> Array:
        """The dense local gradient, d(node entry)/d(input entry), of shape ``node.shape + input.shape``: small ones.

        >>> from microgradrnn import Tensor
        >>> S = Tensor([0.0, 0.0]).softmax()
        >>> next(walk(S, upstream=[1.0, 0.0])).edges[0].jacobian()  # diag(S) - S Sᵀ
        array([[ 0.25, -0.25],
               [-0.25,  0.25]])
        """
        rows = []
        for basis in np.eye(self.node.size):
            rows.append(self.sent(as_array(basis.reshape(self.node.shape), self.node.dtype)))
        return np.array(np.reshape(rows, self.node.shape + self.input.shape))


@dataclass(frozen=True, slots=True, eq=False)
class Visit:
    """One node's turn in a backward pass.

    Attributes:
        node: whose turn it is.
        upstream: dL/d(node), complete by now.
        edges: what goes down each of its edges.

    >>> from microgradrnn import Value
    >>> x, y = Value(3.0, "x"), Value(4.0, "y")
    >>> [(visit.node.label or "x * y", visit.upstream, len(visit.edges)) for visit in walk(x * y)]
    [('x * y', 1.0, 2), ('y', 3.0, 0), ('x', 4.0, 0)]
    """

    node: Node
    upstream: Any
    edges: tuple[Edge, ...]


def watched(node: Node, grads: dict[Node, Any]) -> tuple[Edge, ...]:
    """Give ``node`` its turn in ``grads``, and return what each of its edges carried."""
    edges: list[Edge] = []
    upstream = handed_out(grads[node])

    def watch(node: Node, slot: int, downstream: Any, before: Any, after: Any) -> None:
        x = node.inputs[slot]
        dense = downstream.dense(x.shape, x.dtype) if isinstance(downstream, Scattered) else downstream
        if dense is after and isinstance(dense, np.ndarray):
            dense = dense.copy()  # so that whoever changes what the edge carried does not change the sum
        edges.append(Edge(node, x, slot, upstream, *map(handed_out, (dense, before, after))))

    visit([node], grads, watch)
    return tuple(edges)


def walk(root: Node, upstream: Any = None) -> Iterator[Visit]:
    """The visits of a pass from ``root``, in order; no ``grad`` is touched.

    >>> from microgradrnn import Value
    >>> x = Value(3.0)
    >>> [visit.upstream for visit in walk(x * x)], x.grad
    ([1.0, 6.0], None)
    """
    grads = {root: seed(root, upstream)}
    for node in order(root):
        yield Visit(node, grads[node], watched(node, grads))


class Backprop:
    """A backward pass one visit at a time, forth and back. Creating it computes nothing.

    Gradients appear on the nodes as they come to be known. Going all the way back leaves every ``grad`` as it was
    before; going on to the end leaves what `backward` does, bit for bit. One pass at a time over the same nodes.

    >>> from microgradrnn import Value
    >>> x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    >>> run = Backprop(z * (x + y))
    >>> for visit in run:
    ...     for edge in visit.edges:
    ...         print(f"{edge.upstream:2} * {edge.local:2} = {edge.downstream:3} to {edge.input.label or 'x + y'}")
    1.0 * 3.0 = 3.0 to z
    1.0 * -4.0 = -4.0 to x + y
    -4.0 * 1.0 = -4.0 to x
    -4.0 * 1.0 = -4.0 to y
    >>> run.done, run.back().node.label, run.done
    (True, 'x', False)
    >>> run.step().node.label, run.done
    ('x', True)
    """

    def __init__(self, root: Node, upstream: Any = None) -> None:
        self.root = root
        self.order = order(root)
        self._grads = {root: seed(root, upstream)}
        self._visits: list[Visit] = []
        self._earlier: dict[Node, Any] = {}

    @property
    def done(self) -> bool:
        """Whether every node has had its turn."""
        return len(self._visits) == len(self.order)

    def step(self) -> Visit:
        """The next node's turn. Raises IndexError when the pass is done."""
        if self.done:
            raise IndexError(f"the pass is done: {counted(len(self.order), 'node')} visited, and none is left")
        if not self._visits:
            self._earlier = {node: node._grad for node in self.order}
            for node in self.order:
                if node.op is not None:
                    node._grad = None
            self._show(self.root)
        node = self.order[len(self._visits)]
        edges = watched(node, self._grads)
        self._visits.append(Visit(node, handed_out(self._grads[node]), edges))
        for edge in edges:
            self._show(edge.input)
        return self._visits[-1]

    def back(self) -> Visit:
        """Undo the last visit and return it. Raises IndexError at the start."""
        if not self._visits:
            raise IndexError("this is the start of the pass: there is no visit to undo")
        undone = self._visits.pop()
        for edge in reversed(undone.edges):
            self._grads[edge.input] = edge.before
            self._show(edge.input)
        if not self._visits:
            for node, grad in self._earlier.items():
                node._grad = grad
        return undone

    def __iter__(self) -> Iterator[Visit]:
        while not self.done:
            yield self.step()

    def _show(self, node: Node) -> None:
        grad, earlier = self._grads[node], self._earlier[node]
        if grad is None:
            node._grad = earlier if node.op is None else None
        else:
            store({node: copy.copy(grad)}, self._earlier)  # the visits keep theirs, whatever the user does
