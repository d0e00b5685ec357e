"""Which sizes of a program's inputs must stay what they were when it was recorded, and why."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from microgradrnn import ops
from microgradrnn.engine import Node
from microgradrnn.loops import Recording, Rows, Source
from microgradrnn.program.expressions import Expression
from microgradrnn.program.sizes import WEIGHT, Dimension, Size, free_sizes


def fix_rows(recording: Recording, value: Callable[[Source], Any]) -> None:
    """Where rows are not all read by loops that agree, their number must stay what it was.

    A last row that nobody reads may be there: a decoder's last answer is read by no step.
    """
    ranges, alone = recording.ranges(), recording.alone()
    for source in {**alone, **ranges}:
        size, loops = value(source).shape[0], ranges.get(source, set())
        rows = alone.get(source, set()).union(*(range(*ends) for ends in loops))
        unread = int(size) - len(rows)
        if isinstance(size, Size) and (len(loops) != 1 or unread > _leftover(recording, ranges, source, value)):
            size.fix("its rows are read one by one, or by several loops, or some by none")


def _leftover(
    recording: Recording, ranges: Mapping[Source, Any], source: Source, value: Callable[[Source], Any]
) -> int:
    """How many rows may be left unread: one, if the loop that reads the others reads all rows of something else."""
    items = {item for item, read in recording.reads() if isinstance(read, Rows) and read.source is source}
    others = {r.source for item, r in recording.reads() if item in items and isinstance(r, Rows)} - {source}
    alone = recording.alone()
    for other in others:
        rows = alone.get(other, set()).union(*(range(*ends) for ends in ranges[other]))
        if len(rows) == int(value(other).shape[0]):
            return 1
    return 0


def fix_numbers(graph: Sequence[Node], arguments: Sequence[Expression], given: Collection[Node]) -> None:
    """A number that may have been computed from sizes must not stay while they change.

    A number may be anything, so this is a guess, on the safe side: T, N, T N, 1 / T, T - 1, sqrt(T) and the like.
    """
    squared = {node.inputs[1] for node in graph if node.op is ops.POW and _number(node.inputs[1]) == 2}
    leaves = {x for x in graph if x.op is None and not x.requires_grad and x not in given and x not in squared}
    numbers = {number for number in map(_number, leaves) if number not in (None, 0.0, 1.0)}
    if _scales_by_one(graph, leaves):
        numbers.add(1.0)
    for argument in arguments:
        sizes = free_sizes(argument.shape)
        for count in range(1, len(sizes) + 1):
            for some in itertools.combinations(sizes, count):
                product = math.prod(map(int, some))
                found = {float(product), product - 1.0, product + 1.0, math.sqrt(product)} - {0.0}
                found |= {1 / x for x in found}
                for number in (x for x in numbers if any(math.isclose(x, y, rel_tol=1e-6) for y in found)):
                    for size in some:
                        size.fix(f"the constant {number:g} may have been computed from it")


def _scales_by_one(graph: Sequence[Node], leaves: Collection[Node]) -> bool:
    """Whether something is multiplied or divided by 1: by 1 / N, that is, of a batch of one, since nobody writes 1."""
    factors = (x for node in graph for x in (node.inputs if node.op is ops.MUL else node.inputs[1:]) if _scales(node))
    return any(x in leaves and x.size == 1 and _number(x) == 1.0 for x in factors)


def _scales(node: Node) -> bool:
    return node.op in (ops.MUL, ops.DIV)


def _number(leaf: Node) -> float | None:
    """The one number that a constant holds, throughout."""
    array = np.asarray(leaf._data)
    return abs(float(array.flat[0])) if array.size and (array == array.flat[0]).all() else None


def fix_untied(constants: Sequence[Size], arguments: Sequence[Expression], lengths: Collection[int]) -> None:
    """What stays as large as it was recorded, and may have been so because an input was, holds that input fast."""
    sizes = [size for argument in arguments for size in free_sizes(argument.shape)]
    tied = {size.root[0] for size in sizes}
    alone = [size for size in constants if size.root[0] not in tied and not size.root[0].reason]
    for size in sizes:
        if size in alone:
            size.fix("a constant is as large, and goes with no input")
    for first in (size for argument in arguments for size in free_sizes(argument.shape[:1])):
        # The first and the last step may stand outside the loop.
        if any(type(length) is int and 0 <= int(first) - length <= 2 for length in lengths):
            first.fix("a loop of as many steps reads nothing that could say how many there are")


def reasons(arguments: Sequence[Expression]) -> list[str]:
    """Which sizes of the inputs cannot change, and why."""
    found: dict[str, None] = {}
    for argument in arguments:
        for axis, size in enumerate(free_sizes(argument.shape)):
            reason = size.root[0].reason
            if reason and reason != WEIGHT:
                found[f"axis {axis} of {argument.name} is {int(size)}: {reason}"] = None
    return list(found)


def least_sizes(lengths: Iterable[int]) -> dict[Dimension, int]:
    """What dimensions are at least, for every loop to have a step."""
    found: dict[Dimension, int] = {}
    for length in lengths:
        if isinstance(length, Size) and length.dimension is not None:
            root, offset = length.root
            found[root] = max(found.get(root, 1), 1 - offset)
    return found
