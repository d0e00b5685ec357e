"""What is stored where: views of one array as nodes, and writes into them.

PyTorch's views share their numbers: who writes into one changes the others. Nodes never change. So a write gives the
tensors that share what was written new nodes, which are made when they are read.

- `Region`: which places of the memory a tensor shows. `Views`: tensors that are views of one another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from microgradrnn import functional
from microgradrnn.engine import Node

Make = Callable[[Node], Node]
"""A view of a node, as a node."""


class Region(NamedTuple):
    """Places of the memory, counted in entries: entry (i, j) stands at offset + i strides[0] + j strides[1]."""

    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def places(self) -> NDArray[np.int64]:
        """The place of each entry, in the region's shape.

        >>> Region(1, (2, 2), (4, 1)).places().tolist()
        [[1, 2], [5, 6]]
        """
        found = np.full((), self.offset)
        for axis, (size, stride) in enumerate(zip(self.shape, self.strides, strict=True)):
            found = found[..., None] + (np.arange(size) * stride).reshape((1,) * axis + (size,))
        return found

    @property
    def span(self) -> tuple[int, int]:
        """The first place, and the one after the last."""
        if 0 in self.shape:
            return self.offset, self.offset
        return self.offset, self.offset + 1 + sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))

    @property
    def is_dense(self) -> bool:
        """Whether it has every place of its span, each once.

        >>> Region(0, (3, 2), (1, 3)).is_dense, Region(0, (3, 2), (1, 4)).is_dense
        (True, False)
        """
        step = 1
        for stride, size in sorted(zip(self.strides, self.shape, strict=True)):
            if size > 1 and stride != step:
                return False
            step *= size
        return True

    @lru_cache(maxsize=4096)  # noqa: B019 - a tuple of numbers; gates of all steps overlap alike
    def overlaps(self, other: Region) -> bool:
        """Whether they share a place.

        >>> Region(0, (3,), (2,)).overlaps(Region(1, (3,), (2,))), Region(0, (3,), (2,)).overlaps(Region(1, (3,), (1,)))
        (False, True)
        """
        (a, b), (c, d) = self.span, other.span
        if a >= d or c >= b or 0 in (*self.shape, *other.shape):
            return False
        if (self.is_dense and (a <= c or d <= b)) or (other.is_dense and (c <= a or b <= d)):
            return True  # an end of one lies among all the places of the other
        return self == other or bool(np.intersect1d(self.places(), other.places()).size)


class Views:
    """Tensors that are views of one another, as nodes: what is written into one is read from all.

    Args:
        base: the region that all others are views of.
        users: whether the user had them before, so that what is written into them is undone at the end.

    Attributes:
        node: of the base, as it was before the latest writes into parts of it; None until someone asks for one.
        recorded: whether operations whose gradient is known have made them, or written to them.
        stale: whether a tensor that is no view of these has been written to where they are stored.
    """

    def __init__(self, base: Region, node: Node | None, users: bool = False) -> None:
        self.base, self.node, self.users, self.stale = base, node, users, False
        self.recorded = False
        self._current: dict[Region, Node] = {} if node is None else {base: node}
        self._parents: dict[Region, tuple[Region, Make]] = {}
        self._written: list[tuple[Region, Node]] = []

    def reset(self, node: Node) -> None:
        """Give the base another node; all views are read from it."""
        self.node, self._current, self._written, self.stale = node, {self.base: node}, [], False

    def add_view(self, region: Region, parent: Region, make: Make) -> None:
        """Note how a view is made from the node of another region, in case it is read."""
        if region not in (self.base, parent):
            self._parents.setdefault(region, (parent, make))

    def read(self, region: Region) -> Node:
        """The node of a region as it is now, once there is a node of the base."""
        if region in self._current:
            return self._current[region]
        above = self._above(region)
        top = next((k for k, parent in enumerate(above) if parent in self._current), None)
        if top is None and any(region.overlaps(written) for written, _ in self._written):
            self.reset(_merged(self.base, self._base_node(), self._written))
            return self.read(region)
        if top is None:  # what has been written since lies elsewhere, but in part of what this is a view of
            node = self._base_node()
            for child in reversed([region, *above[:-1]]):
                node = self._made(child, node)
            self._current[region] = node
            return node
        for k in reversed(range(top)):
            self._current[above[k]] = self._made(above[k], self._current[above[k + 1]])
        self._current[region] = self._made(region, self._current[above[0]])
        return self._current[region]

    def write(self, region: Region, node: Node) -> None:
        """Note what has been written to a region."""
        if region == self.base:
            self.reset(node)
            return
        self._current = {other: found for other, found in self._current.items() if not other.overlaps(region)}
        self._current[region] = node
        self._written.append((region, node))

    def _above(self, region: Region) -> list[Region]:
        """What a region is a view of, and what that is, up to the base."""
        found: list[Region] = []
        while region != self.base:
            region = self._parents[region][0] if region in self._parents else self.base
            found.append(region)
        return found

    def _made(self, region: Region, parent: Node) -> Node:
        if region in self._parents:
            return self._parents[region][1](parent)
        return _gathered(parent, _flat_places(self.base, region).reshape(region.shape))

    def _base_node(self) -> Node:
        assert self.node is not None
        return self.node


def _flat_places(base: Region, region: Region) -> NDArray[np.int64]:
    """Where in the base, its entries counted in a row, those of a region stand. Raises ValueError if it has more."""
    start, end = base.span
    index = np.full(max(end - start, 0), -1)
    index[base.places().reshape(-1) - start] = np.arange(base.places().size)
    places = region.places().reshape(-1) - start
    if places.size and (places.min() < 0 or places.max() >= len(index) or index[places].min() < 0):
        raise ValueError("a view shows more than the tensor that it was made from")
    return index[places]


def _gathered(node: Any, places: NDArray[np.int64]) -> Node:
    found: Node = node.reshape(-1)[places]
    return found


def _merged(base: Region, node: Any, written: Sequence[tuple[Region, Any]]) -> Any:
    """The node of the base after writes into parts of it."""
    pieces = _pieces(base, written)
    if pieces is None:
        places = np.arange(base.places().size)
        start = places.size
        for region, new in written:
            places[_flat_places(base, region)] = start + np.arange(new.size)
            start += int(new.size)
        parts = [node, *(new for _, new in written)]
        return _gathered(functional.concat([part.reshape(-1) for part in parts]), places.reshape(base.shape))
    axis, found = pieces
    length, front = base.shape[axis], (slice(None),) * axis
    if len(found) == length and all(new.ndim < len(base.shape) for new in found.values()):
        return functional.stack([found[start] for start in range(length)], axis=axis)
    parts, end = [], 0
    for start in sorted(found):
        new = found[start]
        rows = 1 if new.ndim < len(base.shape) else new.shape[axis]
        if start > end:
            parts.append(node[(*front, slice(end, start))])
        parts.append(new.unsqueeze(axis) if new.ndim < len(base.shape) else new)
        end = start + rows
    if end < length:
        parts.append(node[(*front, slice(end, length))])
    return functional.concat(parts, axis=axis) if len(parts) > 1 else parts[0]


def _pieces(base: Region, written: Sequence[tuple[Region, Any]]) -> tuple[int, dict[int, Any]] | None:
    """Writes as pieces along one axis of the base: the axis, and what starts where. None if they are not that."""
    for axis in range(len(base.shape)):
        found: dict[int, Any] = {}
        stops: dict[int, int] = {}
        for region, new in written:
            piece = _piece(base, region, axis)
            if piece is None:
                break
            if stops.setdefault(piece[0], piece[1]) != piece[1]:
                break
            found[piece[0]] = new
        else:
            starts = sorted(found)
            if all(stops[a] <= b for a, b in pairwise(starts)):
                return axis, found
    return None


def _piece(base: Region, region: Region, axis: int) -> tuple[int, int] | None:
    """From where up to where along an axis a region takes all of the base; None if it does not."""
    start, rest = divmod(region.offset - base.offset, max(base.strides[axis], 1))
    if rest or start < 0:
        return None
    if len(region.shape) == len(base.shape):
        stop = start + region.shape[axis]
        same = region.strides == base.strides and stop > start
        same = same and all(a == b for k, (a, b) in enumerate(zip(region.shape, base.shape, strict=True)) if k != axis)
    else:
        stop = start + 1
        others = [k for k in range(len(base.shape)) if k != axis]
        same = region.shape == tuple(base.shape[k] for k in others)
        same = same and region.strides == tuple(base.strides[k] for k in others)
    return (start, stop) if same and stop <= base.shape[axis] else None
