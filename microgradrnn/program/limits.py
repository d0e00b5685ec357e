"""What the integers that a program is called with must be, where they are classes or indices: as the recording checks.

- `limits`: for each input, its `Limit`s. `Refused`: numbers that do not keep to them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn import arrays, ops
from microgradrnn.engine import Node
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
        counted: whether one that counts is needed, for a mean.
        part: what of the input it is about: how the op's input was made of it, last step first; () for all of it.
        row: which row of the input this is made of, where it is a list of leaves.
    """

    what: str
    low: int
    high: int | None
    ignored: int | None = None
    counted: bool = False
    part: tuple[Node, ...] = ()
    row: int | None = None

    def check(self, name: str, given: Array) -> None:
        """Raises Refused."""
        if self.counted:
            given = given if self.row is None else given[self.row]
            for node in reversed(self.part):
                given = node.op.forward(arrays, given, **node.params)  # type: ignore[union-attr]
            if not (given != self.ignored).any():
                raise Refused(f"program: {name} holds no class that counts, so there is no mean")
            return
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


def limits(
    graph: Sequence[Node], given: Collection[Node], is_free: Callable[[Node, int], bool] = lambda node, axis: False
) -> dict[Node, list[Limit]]:
    """The limits of each of the given leaves.

    Args:
        graph: every node, oldest first.
        given: the leaves.
        is_free: whether the size of an axis of a node may change, so that no largest number is known.

    Raises:
        CannotFollow: classes are computed from a given leaf, so that it cannot be said what that may hold.
    """
    found: dict[Node, dict[Limit, None]] = {leaf: {} for leaf in given if leaf.dtype.kind in "iu"}
    if not found:
        return {}
    negative = {leaf for leaf in found if np.min(leaf._data, initial=0) < 0}
    for node in (x for x in graph if x.op in (ops.CROSS_ENTROPY, ops.INDEX)):
        for slot, limit in _of(node, is_free):
            leaf, part = _source(node.inputs[slot])
            if leaf in found:
                if limit.counted:
                    found[leaf][Limit(limit.what, limit.low, limit.high, limit.ignored, True, part)] = None
                low = _low(limit, leaf in negative)
                found[leaf][Limit(limit.what, low, limit.high, limit.ignored)] = None
                continue
            for source in _behind(leaf, found):
                if limit.what == "class":
                    raise CannotFollow(
                        "compile cannot follow cross_entropy of classes that are computed from an input: hand the "
                        "classes in, so that a program can check them"
                    )
                found[source][Limit("index", _low(limit, source in negative), None)] = None
    return {leaf: list(each) for leaf, each in found.items() if each}


def _of(node: Node, is_free: Callable[[Node, int], bool]) -> Iterator[tuple[int, Limit]]:
    """The inputs of a node that are classes or indices, and what they may be."""
    if node.op is ops.CROSS_ENTROPY:
        scores, ignored = node.inputs[0], node.params["ignore_index"]
        counted = node.params["reduction"] == "mean" and ignored is not None
        high = None if is_free(scores, scores.ndim - 1) else scores.shape[-1] - 1
        yield 1, Limit("class", 0, high, ignored, counted)
    elif node.op is ops.INDEX and len(node.inputs) > 1:
        for slot, axis in _axes(node):
            x = node.inputs[0]
            yield slot, Limit("index", -x.shape[axis], None if is_free(x, axis) else x.shape[axis] - 1)


def _axes(node: Node) -> Iterator[tuple[int, int]]:
    """For each input of an index that is an array of integers, which axis it picks from."""
    key, taken, slot = node.params["key"], 0, 1
    widths = []
    for part in key:
        if part is ops.ARRAY:
            index = node.inputs[slot]
            widths.append(index.ndim if index.dtype.kind == "b" else 1)
            slot += 1
        else:
            widths.append(0 if part is None or part is ... else 1)
    slot = 1
    for part, width in zip(key, widths, strict=True):
        if part is ...:
            taken += node.inputs[0].ndim - sum(widths)
        if part is ops.ARRAY:
            if node.inputs[slot].dtype.kind in "iu":
                yield slot, taken
            slot += 1
        taken += width


def _low(limit: Limit, negative: bool) -> int:
    """Negative indices count from the end; where none was recorded, what recorded them may refuse them."""
    return limit.low if negative and limit.what != "class" else 0


def _source(node: Node) -> tuple[Node, tuple[Node, ...]]:
    """The node whose entries these are, whichever of them and in whatever shape; and how they were taken."""
    part: list[Node] = []
    while node.op in (ops.RESHAPE, ops.TRANSPOSE) or (node.op is ops.INDEX and len(node.inputs) == 1):
        part.append(node)
        node = node.inputs[0]
    return node, tuple(part)


def _behind(node: Node, leaves: Mapping[Node, Any]) -> list[Node]:
    """Those of the leaves that a node was computed from."""
    seen, todo = {node}, [node]
    while todo:
        new = set(todo.pop().inputs) - seen
        seen |= new
        todo += new
    return [leaf for leaf in leaves if leaf in seen]
