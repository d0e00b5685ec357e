"""What stands for the leaves of a recorded graph in its program.

- `Leaves`: the inputs, which are given at each call; the parameters, which are read as they stand; constants.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradrnn.engine import Node
from microgradrnn.loops import Listed, Row
from microgradrnn.program.expressions import Expression
from microgradrnn.program.inputs import checked_inputs
from microgradrnn.program.names import identifier
from microgradrnn.program.namespace import Expressions
from microgradrnn.program.sizes import WEIGHT, Dimension, Size
from microgradrnn.program.spelling import LITERAL


class Leaves:
    """The leaves of a graph.

    Args:
        graph: all nodes, oldest first.
        inputs: leaves that are given anew at each call, or lists of them.
        xp: where expressions are made, and names.

    Attributes:
        values: what stands for each leaf, and for each list of them.
        given: the inputs; for those that were given as a list, which of it each is.
        inputs, weights: the arguments of the program, in order.
        uniform: the sizes of constants of one number throughout, which follow what they meet.
        parameters: the leaves that the weights stand for, by their names.
        recorded: the data of leaves when they were recorded, since which they may have moved on.
    """

    def __init__(self, graph: Sequence[Node], inputs: Sequence[Any], xp: Expressions) -> None:
        self.graph, self.xp, self.names = graph, xp, xp.names
        self.values: dict[Any, Any] = {}
        self.given: dict[Node, Row | None] = {}
        self.inputs: list[Expression] = []
        self.weights: list[Expression] = []
        self.parameters: dict[str, Node] = {}
        self.uniform: list[Size] = []
        self.recorded: dict[Node, Any] = {}
        for node in graph:
            for x, data in zip(node.inputs, node.xs, strict=True):
                if x.op is None and x not in self.recorded:
                    same_type = not isinstance(data, np.ndarray) or data.dtype == x.dtype  # else in floats
                    self.recorded[x] = data if same_type else data.astype(x.dtype)
        for number, given in enumerate(checked_inputs(inputs, self.recorded)):
            self._input(number, *given)
        for leaf in graph:
            if leaf.op is None and leaf not in self.given:
                self._leaf(leaf)

    def _input(self, number: int, leaves: list[Node], several: bool) -> None:
        first = leaves[0]
        shape = (len(leaves), *first.shape) if several else first.shape
        label = first.label.rsplit("_", 1)[0] if several else first.label
        name = self.names.new(label or f"input_{number + 1}")
        dtype = np.asarray(self.recorded.get(first, first._data)).dtype
        argument = self.xp.argument(name, tuple(Size.of(Dimension(size)) for size in shape), dtype)
        self.inputs.append(argument)
        listed = Listed(tuple(leaves)) if several else None
        self.values[first if listed is None else listed] = argument
        self.given |= {leaf: None if listed is None else Row(listed, k) for k, leaf in enumerate(leaves)}

    def _leaf(self, leaf: Node) -> None:
        data = self.recorded.get(leaf, leaf._data)
        if leaf.requires_grad:
            name = self.names.new(leaf.label or "parameter")
            self.values[leaf] = self.xp.argument(name, fixed_shape(leaf.shape, WEIGHT), leaf.dtype)
            self.weights.append(self.values[leaf])
            self.parameters[name] = leaf
        elif isinstance(leaf._data, (bool, int, float)):
            self.values[leaf] = leaf._data
        else:
            self.values[leaf] = self._constant(np.asarray(data), leaf)

    def _constant(self, array: Any, leaf: Node) -> Expression:
        """A constant; one of a single number throughout may be as large as what it meets."""
        if array.ndim and array.size and (array == array.flat[0]).all():
            sizes = tuple(Size.of(Dimension(size)) for size in array.shape)
            self.uniform += sizes
            return self.xp.filled(array.flat[0].item(), sizes, array.dtype)
        label = leaf.label or "constant"
        is_large = array.ndim and array.size > LITERAL
        shape = fixed_shape(array.shape, f"the constant {identifier(label)} has that size") if is_large else None
        found = self.xp.constant(array, shape)
        return self.xp.note(found, name=found.name or label)

    def stands_for(self, leaf: Node) -> Any:
        """The argument that an input is, or is a row of."""
        row = self.given[leaf]
        return self.values[leaf if row is None else row.source]


def fixed_shape(shape: Sequence[int], reason: str) -> tuple[int, ...]:
    """Sizes that cannot change, for a reason."""
    sizes = [Size.of(Dimension(size)) for size in shape]
    for size in sizes:
        size.fix(reason)
    return tuple(sizes)
