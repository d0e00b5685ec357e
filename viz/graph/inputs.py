"""Rows of a sequence that steps read, as ``x[t]``: what a figure shows as the inputs x_1, x_2 ...

- `rows_read`: those of a pass, each with its sequence and its number.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import index

import numpy as np

from microgradrnn import Parameter, ops
from microgradrnn.engine import Node

from ..passes import Pass


def rows_read(run: Pass) -> Mapping[Node, tuple[str, int]]:
    """For each row that a step reads of a sequence of data what the sequence is called and the row's number, from 1.

    A leaf that wants a gradient is such a sequence where each step reads the row that has its number, and a weight
    otherwise. A sequence without a label is x, a further one u or v.
    """
    found: dict[Node, tuple[str, int]] = {}
    taken = {node.label.partition("_")[0] for node in run.nodes}
    letters = (letter for letter in "xuvq" if letter not in taken)
    for sequence in run.nodes:
        if sequence.op is not None or isinstance(sequence, Parameter) or sequence.dtype.kind != "f":
            continue
        rows = {node: row for node, _ in run.consumers[sequence] if (row := _row(node)) and run.t(node) is not None}
        in_turn = len(rows) == len(run.consumers[sequence]) and all(run.t(node) == row for node, row in rows.items())
        if rows and (in_turn or not sequence.requires_grad):
            name = sequence.label or next(letters, run.names[sequence])
            found |= {node: (name, row) for node, row in rows.items()}
    return found


def _row(node: Node) -> int | None:
    """Which row a node takes of its input, counted from 1; None where it does something else."""
    if node.op is not ops.INDEX or len(node.inputs) != 1:
        return None
    key, (x,) = node.params["key"], node.inputs
    at = [axis for axis, part in enumerate(key) if isinstance(part, (int, np.integer)) and type(part) is not bool]
    if len(at) != 1 or any(part != slice(None) for axis, part in enumerate(key) if axis not in at):
        return None
    return index(key[at[0]]) % x.shape[at[0]] + 1
