"""A recorded graph as JavaScript: one function that computes every value, contribution and gradient.

- `compile_javascript`: the graph's forward and backward pass as a `JavaScript` program.

A Tensor graph is lowered to scalars first. The source has one entry an op, which the op table's own functions wrote,
given symbols for numbers; the graph itself stands in it as tables of numbers: which op each node is, and which nodes
it reads. So the source grows by some ten bytes an edge.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.engine import Node, Value, ancestors
from microgradrnn.lowering import lowering
from microgradrnn.program.frozen import frozen
from microgradrnn.program.inputs import checked_inputs
from microgradrnn.program.kernels import asset, helper_sources, kernel

Slots = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class JavaScript:
    """Forward and backward of a recorded graph as JavaScript; see `microgradrnn.compile`.

    The source defines ``forwardBackward(leaves, values, grads, contributions, locals)``. The first argument is a
    Float64Array of the leaves' numbers, which is read; the others are Float64Arrays that it fills; it returns the value
    of the loss. ``values`` and ``grads`` have one number a scalar node, at the node's slot; ``contributions`` and
    ``locals`` one a scalar edge. NaN stands in ``grads`` where a node wants no gradient. The function has three
    attributes: ``at``, the slot that each scalar edge reads; ``start``, the first edge of the node at each slot; and
    ``slope(values, slot, z)``, the local gradient that a node of one input would have if its value were z.

    Attributes:
        source: a script in strict mode, without ``eval``. It defines one constant and touches nothing else.
        nodes: the scalar nodes in the order of their slots: leaves first, then the others, oldest first.
        edges: the scalar edges in their order: the slot of the node that reads, and that of the one that is read.
        slots: for every recorded node, the slots of its entries, in the node's shape.
        lowered: for every recorded node, the scalar nodes of its entries.
        notes: constants that may depend on the inputs; they are kept as they were recorded.

    >>> from microgradrnn import Value, compile
    >>> x, w = Value(3.0, "x"), Value(2.0, "w")
    >>> program = compile(w * x, inputs=[x], dialect="javascript")
    >>> program.leaves, program.edges.tolist()  # the product, at slot 2, reads w, at slot 1, and x
    (array([3., 2.]), [[2, 1], [2, 0]])
    >>> print(program.source.splitlines()[1])
    // Forward and backward, written by microgradrnn from a recorded graph of 3 scalar nodes.
    """

    source: str
    nodes: Sequence[Value]
    edges: NDArray[np.intp]
    slots: Mapping[Node, Slots]
    lowered: Mapping[Node, NDArray[np.object_]]
    notes: Sequence[str]

    @cached_property
    def leaves(self) -> NDArray[np.float64]:
        """The numbers of the leaves as they were recorded: what to hand in first."""
        return np.array([float(node._data) for node in self.nodes if node.op is None])


def compile_javascript(loss: Node, inputs: Sequence[Any] = ()) -> JavaScript:
    """A recorded graph as JavaScript. The leaves of ``inputs`` come first, in their order; then all others.

    Raises:
        CannotFollow: an op has no JavaScript, or cannot be lowered; it is named, with the reason.
        TypeError: an input is no leaf.
        ValueError: an input is not read by the graph.

    >>> x, w = Value(3.0, "x"), Value(2.0, "w")
    >>> program = compile_javascript((w * x).tanh(), inputs=[x])
    >>> program.leaves, [node.label for node in program.nodes[:2]]
    (array([3., 2.]), ['x', 'w'])
    """
    with np.errstate(all="ignore"):  # the graph may hold infinities; they were recorded, and are no news
        lowered = lowering(loss, live=True)
    given = dict.fromkeys(x for each in checked_inputs(inputs, lowered) for x in each.leaves if x in lowered)
    scalars: list[Any] = [node for entries in lowered.values() for node in entries.flat]
    graph: list[Any] = ancestors(*scalars)
    first = {node: k for k, node in enumerate(node for leaf in given for node in lowered[leaf].flat)}
    leaves = sorted((node for node in graph if node.op is None), key=lambda node: first.get(node, len(first)))
    nodes = [*leaves, *(node for node in graph if node.op is not None)]
    place = {node: k for k, node in enumerate(nodes)}
    root: Any = lowered[loss].flat[0]
    edges = [(place[node], place[x]) for node in nodes for x in node.inputs]
    return JavaScript(
        _source(nodes, len(leaves), place, root),
        nodes,
        np.array(edges, dtype=np.intp).reshape(-1, 2),
        {node: _slots(entries, place) for node, entries in lowered.items()},
        lowered,
        [*frozen(list(lowered), given), *_narrow(lowered)],
    )


def _narrow(nodes: Iterable[Node]) -> list[str]:
    """A note where numbers were recorded with fewer digits than JavaScript has."""
    found = sorted({str(node.dtype) for node in nodes if node.dtype.kind == "f" and node.dtype.itemsize < 8})
    note = f"{' and '.join(found)} were recorded; JavaScript computes in float64, so last digits differ"
    return [note] if found else []


def _slots(entries: NDArray[np.object_], place: Mapping[Any, int]) -> Slots:
    return np.array([place[node] for node in entries.flat], dtype=np.intp).reshape(entries.shape)


def _source(nodes: Sequence[Value], leaf_count: int, place: Mapping[Any, int], root: Value) -> str:
    kinds: dict[Any, int] = {}  # an op that takes any number of inputs has an entry for each number
    numbers = [kinds.setdefault((node.op, len(node.inputs)), len(kinds)) for node in nodes[leaf_count:]]
    written = [kernel(op, reads) for op, reads in kinds]
    called = set().union(*(one.helpers for one in written)) if written else set()
    return Template(asset("program.js")).substitute(
        count=f"{len(nodes):,}",
        helpers=textwrap.indent("\n\n".join(helper_sources(called)), "  "),
        ops=textwrap.indent("\n".join(one.source for one in written), "    "),
        kinds=_table(numbers),
        read=_table(place[x] for node in nodes for x in node.inputs),
        wanting=_table(int(node.requires_grad) for node in nodes[:leaf_count]),
        root=place[root],
    )


def _table(numbers: Iterable[int]) -> str:
    """Numbers on lines of some 100 characters."""
    listed = [f"{number}," for number in numbers]
    return "\n".join("    " + " ".join(listed[k : k + 20]) for k in range(0, len(listed), 20))
