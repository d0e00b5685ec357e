"""What `compile` is told to be given anew at each call: leaves of the graph, and lists of leaves.

- `checked_inputs`: the inputs, each as the leaves that it stands for.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from microgradrnn.engine import Node


class Input(NamedTuple):
    """An input.

    Attributes:
        leaves: what it stands for.
        several: whether it was named as a list of leaves.
    """

    leaves: list[Node]
    several: bool


def checked_inputs(inputs: Sequence[Any], read: Collection[Node]) -> list[Input]:
    """The inputs as leaves.

    Args:
        inputs: leaves, and lists of leaves.
        read: the nodes that the graph reads.

    Raises:
        TypeError: an input is no leaf, or an empty list.
        ValueError: an input is not read, or was named twice.
    """
    found: list[Input] = []
    named: set[Node] = set()
    for number, given in enumerate(inputs):
        several = isinstance(given, (list, tuple))
        leaves = list(given) if several else [given]
        for leaf in leaves or [given]:  # an empty list is no list of leaves
            if not isinstance(leaf, Node) or leaf.op is not None:
                raise TypeError(f"compile: inputs[{number}] is a leaf, or a list of leaves, not {leaf!r}")
            if leaf in named:
                raise ValueError(f"compile: inputs[{number}] was named before: {leaf!r}")
            named.add(leaf)
        if not any(leaf in read for leaf in leaves):
            raise ValueError(
                f"compile: inputs[{number}] is not read by the graph: {leaves[0]!r}. A network copies an array that it "
                "is called with: call it with this Tensor instead"
            )
        found.append(Input(leaves, several))
    return found
