"""Constants that may have been computed from a program's inputs, which the recorded graph does not show."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from microgradrnn import ops
from microgradrnn.engine import Node
from microgradrnn.program.names import identifier


def frozen(graph: Sequence[Node], given: Collection[Node]) -> list[str]:
    """A note on each kind of constant that is as large as an input, or that holds booleans, as a comparison gives.

    Such as a dropout's mask, or a mask made from ``x.data``: a program does not compute it anew. Zeros are passed over,
    which are first states, and tables of which only rows are read, such as that of one-hot vectors.

    Args:
        graph: all nodes of the recorded graph.
        given: the leaves that are given anew at each call.
    """
    tables = _tables(graph)
    least = min((leaf.size for leaf in given if leaf.size > 1), default=None)
    found: dict[tuple[str, tuple[int, ...]], list[Node]] = {}
    for leaf in graph:
        if leaf.op is not None or leaf.requires_grad or leaf in given or leaf in tables or not given:
            continue
        is_mask, is_large = leaf.dtype.kind == "b", least is not None and leaf.size >= least
        if (is_mask or is_large) and np.any(leaf._data):
            found.setdefault((identifier(leaf.label) if leaf.label else "", leaf.shape), []).append(leaf)
    return [_note(name, shape, len(leaves)) for (name, shape), leaves in found.items()]


def _note(name: str, shape: tuple[int, ...], count: int) -> str:
    about = f"of shape {shape}" if shape else "of one entry"
    which = name or "a constant" if count == 1 else f"{count} constants {name}".rstrip()
    return f"{which} {about} is kept as recorded; if it depends on the inputs, make it one of them"


def _tables(graph: Sequence[Node]) -> set[Node]:
    """The leaves that are read by integer arrays of indices, and in no other way."""
    looked_up, others = set[Node](), set[Node]()
    for node in graph:
        for slot, x in enumerate(node.inputs):
            if x.op is None:
                (looked_up if node.op is ops.INDEX and slot == 0 and len(node.inputs) > 1 else others).add(x)
    return looked_up - others
