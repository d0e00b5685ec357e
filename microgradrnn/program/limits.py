"""What the integers that a program is called with must be, where they are classes or indices: as the recording checks.

- `limits`: for each input, its `Limit`s. `Refused`: numbers that do not keep to them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn import arrays, ops
from microgradrnn.engine import Node, ancestors
from microgradrnn.errors import CannotFollow

Array = NDArray[Any]


class Refused(ValueError):  # noqa: N818 - it says what happened
    """What a program is called with would be refused by the recording too, or may be."""


@dataclass(frozen=True)
class Limit:
    """The smallest and the largest number that there may be; None where no largest is known.

    Attributes:
        what: the word for such a number: class or index.
        ignored: a number that is allowed besides, as it counts for nothing.
    """

    what: str
    low: int
    high: int | None
    ignored: int | None = None

    def check(self, name: str, given: Array) -> None:
        """Raises Refused."""
        if given.size == 0 or self._plainly_fits(given):
            return
        wrong = given[(given < self.low) | (given > (given if self.high is None else self.high))]
        wrong = wrong if self.ignored is None else wrong[wrong != self.ignored]
        if wrong.size:
            there = "" if self.high is None else f" .. {self.high}"
            raise Refused(f"program: {name} holds the {self.what} {wrong[0]}, which is out of range: {self.low}{there}")

    def _plainly_fits(self, given: Array) -> bool:
        """One look for both ends: as unsigned integers, negative ones are the largest."""
        if self.low or self.high is None:
            return False
        return bool(given.view(f"u{given.itemsize}").max() <= self.high)


@dataclass(frozen=True)
class Counted:
    """There must be a class that counts, for a mean.

    Attributes:
        ignored: the number that does not count.
        part: what of the input it is about: how the op's input was made of it, last step first; () for all of it.
        row: which row of the input this is made of, where it is a list of leaves.
    """

    ignored: int
    part: tuple[Node, ...]
    row: int | None = None

    def check(self, name: str, given: Array) -> None:
        """Raises Refused."""
        given = given if self.row is None else given[self.row]
        for node in reversed(self.part):
            given = node.op.forward(arrays, given, **node.params)  # type: ignore[union-attr]
        if not (given != self.ignored).any():
            raise Refused(f"program: {name} holds no class that counts, so there is no mean")


def limits(
    graph: Sequence[Node], given: Collection[Node], is_free: Callable[[Node, int], bool] = lambda node, axis: False
) -> dict[Node, list[Limit | Counted]]:
    """The limits of each of the given leaves.

    Args:
        graph: every node, oldest first.
        given: the leaves.
        is_free: whether the size of an axis of a node may change, so that no largest number is known.

    Raises:
        CannotFollow: classes are computed from a given leaf, so that it cannot be said what that may hold.
    """
    found: dict[Node, dict[Limit | Counted, None]] = {leaf: {} for leaf in given if leaf.dtype.kind in "iu"}
    for node in graph if found else ():
        if node.op is ops.CROSS_ENTROPY:
            scores, (leaf, part), ignored = node.inputs[0], _source(node.inputs[1]), node.params["ignore_index"]
            if leaf in found:
                high = None if is_free(scores, scores.ndim - 1) else scores.shape[-1] - 1
                found[leaf][Limit("class", 0, high, ignored)] = None
                if node.params["reduction"] == "mean" and ignored is not None:
                    found[leaf][Counted(ignored, part)] = None
            elif found.keys() & ancestors(leaf):
                raise CannotFollow(
                    "compile cannot follow cross_entropy of classes that are computed from an input: hand the "
                    "classes in, so that a program can check them"
                )
        elif node.op is ops.INDEX:
            for picked, axis in _picked(node):
                (leaf, _), x = _source(picked), node.inputs[0]
                if leaf in found:
                    high = None if is_free(x, axis) else x.shape[axis] - 1
                    found[leaf][Limit("index", _lowest(leaf, x.shape[axis]), high)] = None
                else:
                    for source in found.keys() & ancestors(leaf):
                        found[source][Limit("index", _lowest(source, x.shape[axis]), None)] = None
    return {leaf: list(each) for leaf, each in found.items() if each}


def _lowest(leaf: Node, size: int) -> int:
    """Negative indices count from the end; where none was recorded, what recorded them may refuse them."""
    return -size if np.min(leaf._data, initial=0) < 0 else 0


def _picked(node: Node) -> Iterator[tuple[Node, int]]:
    """The arrays of integers that an index reads, each with the axis that it picks from."""
    x, arrays, axis = node.inputs[0], iter(node.inputs[1:]), 0
    parts = [next(arrays) if part is ops.ARRAY else part for part in node.params["key"]]
    widths = [part.ndim if _is_mask(part) else int(part is not None and part is not ...) for part in parts]
    for part, width in zip(parts, widths, strict=True):
        if isinstance(part, Node) and not _is_mask(part):
            yield part, axis
        axis += x.ndim - sum(widths) if part is ... else width


def _is_mask(part: Any) -> bool:
    return isinstance(part, Node) and part.dtype.kind == "b"


def _source(node: Node) -> tuple[Node, tuple[Node, ...]]:
    """The node whose entries these are, whichever of them and in whatever shape; and how they were taken."""
    part: list[Node] = []
    while node.op in (ops.RESHAPE, ops.TRANSPOSE) or (node.op is ops.INDEX and len(node.inputs) == 1):
        part.append(node)
        node = node.inputs[0]
    return node, tuple(part)
