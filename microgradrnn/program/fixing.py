"""Which sizes of a program's inputs must stay what they were when it was recorded, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from microgradrnn.engine import Node
from microgradrnn.program.expressions import Expression
from microgradrnn.program.rolling import Recording, Source
from microgradrnn.program.sizes import WEIGHT, Dimension, Size


def fix_rows(recording: Recording, value: Callable[[Source], Any]) -> None:
    """Where rows are not all read by loops that agree, their number must stay what it was.

    A last row that nobody reads may be there: a decoder's last answer is read by no step.
    """
    ranges, alone = recording.ranges(), recording.alone()
    for source in {**alone, **ranges}:
        size, loops = value(source).shape[0], ranges.get(source, set())
        rows = alone.get(source, set()).union(*(range(*ends) for ends in loops))
        if isinstance(size, Size) and (len(loops) != 1 or len(rows) < int(size) - 1):
            size.fix("its rows are read one by one, or by several loops")


def fix_numbers(graph: Sequence[Node], arguments: Sequence[Expression]) -> None:
    """A number that may have been computed from a size, or two, must not stay while the size changes."""
    sizes = [size for argument in arguments for size in argument.shape if isinstance(size, Size) and size > 1]
    numbers = {abs(leaf._data) for leaf in graph if leaf.op is None and isinstance(leaf._data, (int, float))}
    for one in sizes:
        for other in [1, *sizes]:
            for number in numbers:
                if other is not one and number and (number == one * other or number * int(one) * int(other) == 1):
                    for size in (one, other):
                        if isinstance(size, Size):
                            size.fix(f"the constant {number:g} may have been computed from it")


def reasons(arguments: Sequence[Expression]) -> list[str]:
    """Which sizes of the inputs cannot change, and why."""
    found: dict[str, None] = {}
    for argument in arguments:
        for axis, size in enumerate(argument.shape):
            reason = size.dimension.root()[0].reason if isinstance(size, Size) and size.dimension is not None else ""
            if reason and reason != WEIGHT:
                found[f"axis {axis} of {argument.name} is {int(size)}: {reason}"] = None
    return list(found)


def least_sizes(lengths: Iterable[int]) -> dict[Dimension, int]:
    """What dimensions are at least, for every loop to have a step."""
    found: dict[Dimension, int] = {}
    for length in lengths:
        if isinstance(length, Size) and length.dimension is not None:
            root, offset = length.dimension.root()
            found[root] = max(found.get(root, 1), 1 - offset - length.factors[0][1])
    return found
