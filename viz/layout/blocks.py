"""A grid in one or more blocks of columns, one under the other: where its boxes stand and how its arrows run.

Neighbours are joined by straight lines. Every other arrow runs through gutters between columns and channels between
rows, in lanes, so that it meets no box.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ..graph.view import Arrow, View
from .ends import curve, edge
from .grid import GAP, LANE, RISE, Cell, Grid
from .lanes import Lanes, rounded, straight
from .positions import Layout, Point, Sizes

PADDING = 14.0
"""Between the columns of one block and what stands beside them, and between blocks."""


class Gutter(NamedTuple):
    """The room at the left of a column, in a block."""

    block: int
    column: int


class Channel(NamedTuple):
    """The room under a row, in a block."""

    block: int
    row: int


Track = Gutter | Channel


class Blocks:
    """Positions for a grid.

    Args:
        view: what is drawn.
        grid: its columns and rows.
        sizes: of its boxes.
        labels: how wide what stands on each arrow is.
        port: the height of an arrow's end, from the middle of a box: of the arrow, and whether it is its head.
        radius: of a box's corners.
        count: how many blocks of columns there are.
        stretch: how many times as wide as they need be the gaps between columns are.
    """

    def __init__(
        self,
        view: View,
        grid: Grid,
        sizes: Sizes,
        labels: Mapping[int, float],
        port: Callable[[Arrow, bool], float],
        radius: Callable[[int], float],
        count: int = 1,
        stretch: float = 1.0,
    ) -> None:
        self.view, self.grid, self.sizes, self.port = view, grid, sizes, port
        self.radius = radius
        steps = grid.columns - grid.before
        self.per_block = math.ceil(steps / count)
        self.count = math.ceil(steps / self.per_block)
        self.stretch = stretch
        self.straight: dict[int, bool] = {}
        self.tracks: dict[int, list[Track]] = {}
        self.lanes = Lanes()
        for i, arrow in enumerate(view.arrows):
            if not self._is_direct(arrow):
                self.tracks[i] = self._tracks(arrow)
                self._add_lanes(arrow, self.tracks[i])
        self.widths = [self._width(column) for column in range(grid.columns)]
        self.gaps = self._gaps(labels)
        self.x = self._lefts()
        self.heights = [[self._height(block, row) for row in range(grid.top + 1)] for block in range(self.count)]
        self.out = Layout()
        self._stand()
        for i, arrow in enumerate(view.arrows):
            self.out.arrows[i] = self._path(i, arrow)

    @property
    def layout(self) -> Layout:
        """The positions."""
        return self.out

    # -- which way --

    def _block(self, key: int) -> int:
        return -1 if key in self.grid.above else self._block_of(self.grid.cells[key].column)

    def _block_of(self, column: int) -> int:
        return min(max(column - self.grid.before, 0) // self.per_block, self.count - 1)

    def _start(self, block: int) -> int:
        """The first column of a block."""
        return self.grid.before + block * self.per_block if block else 0

    def _end(self, block: int) -> int:
        """The column after a block's last one."""
        return self.grid.columns if block == self.count - 1 else self._start(block + 1)

    def _is_direct(self, arrow: Arrow) -> bool:
        """Whether the arrow is a line or a curve by itself."""
        grid = self.grid
        if arrow.tail in grid.above:
            return True
        tail = grid.cells[arrow.tail]
        if arrow.head in grid.above:
            return self.count == 1 and self._is_on_top(arrow.tail) and grid.above[arrow.head] == 0
        head = grid.cells[arrow.head]
        if tail.column == head.column:
            return True
        if self._block(arrow.tail) != self._block(arrow.head):
            return False
        if tail.row == head.row:
            return grid.is_empty_between(arrow.tail, arrow.head)
        return abs(tail.column - head.column) == 1

    def _is_on_top(self, key: int) -> bool:
        cell = self.grid.cells[key]
        return not any(Cell(cell.column, row) in self.grid.beside for row in range(cell.row + 1, self.grid.top + 1))

    def _tracks(self, arrow: Arrow) -> list[Track]:
        tail, a, top = self.grid.cells[arrow.tail], self._block(arrow.tail), self.grid.top
        if arrow.head in self.grid.above:
            start: list[Track] = [] if self._is_on_top(arrow.tail) else [Gutter(a, tail.column + 1)]
            return [*start, Channel(a, top + 1), *([Gutter(-1, 0)] if self.count > 1 else [])]
        head, b = self.grid.cells[arrow.head], self._block(arrow.head)
        right = tail.column < head.column
        leaves = Gutter(a, tail.column + right)
        enters = Gutter(b, head.column + (not right))
        if a == b:
            return [leaves, Channel(a, head.row if head.row else 1), enters]
        if right:
            return [leaves, *(Channel(block, top + 1) for block in range(a + 1, b + 1)), enters]
        return [leaves, *(Channel(block, top + 1) for block in range(a, b, -1)), enters]

    def _add_lanes(self, arrow: Arrow, tracks: list[Track]) -> None:
        for track in tracks:
            self.lanes.add(track, self._lane(arrow), 0.0, 1.0)

    def _lane(self, arrow: Arrow) -> int:
        """Whose lane an arrow runs in: that of what it comes from, or of a sum that it joins others on the way to."""
        return -1 - arrow.head if arrow.head in self.grid.above else arrow.tail

    # -- columns --

    def _width(self, column: int) -> float:
        if self.grid.stands_in_front(column):
            return max(self.sizes[key][0] for key, cell in self.grid.cells.items() if cell.column == column)
        return max(
            (
                sum(self.sizes[key][0] for key in keys) + GAP / 2 * (len(keys) - 1)
                for cell, keys in self.grid.beside.items()
                if cell.column == column
            ),
            default=0.0,
        )

    def _gaps(self, labels: Mapping[int, float]) -> list[float]:
        """The room at the left of each column, all alike but for lanes."""
        needed = [GAP] * self.grid.columns
        for i, arrow in enumerate(self.view.arrows):
            if i in labels and self._is_direct(arrow) and arrow.head in self.grid.cells:
                a, b = self.grid.cells[arrow.tail].column, self.grid.cells[arrow.head].column
                if a != b:
                    needed[max(a, b)] = max(needed[max(a, b)], labels[i] + 15)
                else:  # it stands at the right of a line that runs up
                    beside = labels[i] + 9 - self._width(a) / 2
                    if a + 1 < self.grid.columns:
                        needed[a + 1] = max(needed[a + 1], beside)
        most = max(needed[1:], default=GAP)
        self.overhang = self._overhang(labels)
        found = []
        for column in range(self.grid.columns):
            lanes = max(self.lanes.count(Gutter(block, column)) for block in range(self.count))
            found.append(max(most * self.stretch, LANE * (lanes + 1) + 10) if column else 0.0)
        return found

    def _overhang(self, labels: Mapping[int, float]) -> list[float]:
        """How far what stands beside lines that run up reaches out of each column."""
        found = [0.0] * self.grid.columns
        for i, arrow in enumerate(self.view.arrows):
            if i in labels and arrow.head in self.grid.cells:
                a, b = self.grid.cells[arrow.tail], self.grid.cells[arrow.head]
                if a.column == b.column:
                    found[a.column] = max(found[a.column], labels[i] + 8 - self._width(a.column) / 2)
        return found

    def _edge(self, gutter: Gutter) -> float:
        """The room for lanes at the outer side of a block."""
        lanes = self.lanes.count(gutter)
        return PADDING + LANE * lanes if lanes else 0.0

    def _lefts(self) -> list[float]:
        """Where each column begins."""
        found: list[float] = []
        first = self.grid.before
        starts = {self._start(block): block for block in range(self.count)}
        margin = max(self._edge(Gutter(block, start)) for start, block in starts.items())
        for column in range(self.grid.columns):
            if column not in starts:
                x = found[-1] + self.widths[column - 1] + self.gaps[column]
            else:
                x = margin if column == 0 else max(found[first], margin)
            if column - first >= self.per_block:  # the middle of a column stands under that of the block above
                above = column - self.per_block
                x = max(x, found[above] + (self.widths[above] - self.widths[column]) / 2)
            found.append(x)
        return found

    def _right(self, block: int) -> float:
        last = self._end(block) - 1
        return self.x[last] + self.widths[last]

    # -- positions --

    def _height(self, block: int, row: int) -> float:
        """How high a row of a block is; 0 where nothing stands in it."""
        there = [key for key, cell in self.grid.cells.items() if cell.row == row and self._block(key) == block]
        return max((self.sizes[key][1] for key in there), default=0.0)

    def _rise(self, block: int, row: int) -> float:
        """The room under a row."""
        lanes = self.lanes.count(Channel(block, row))
        return RISE + max(0.0, LANE * (lanes - 1))

    def _stand(self) -> None:
        grid, out = self.grid, self.out
        y = self._above_them() if self.count == 1 else 0.0
        self.channel: dict[Channel, float] = {}
        for block in range(self.count):
            lanes = self.lanes.count(Channel(block, grid.top + 1))
            room = 2 * PADDING + LANE * lanes if block or lanes else 0.0
            self.channel[Channel(block, grid.top + 1)] = y + PADDING
            y += room
            heights = self.heights[block]
            for row in range(grid.top, -1, -1):
                middle = y + heights[row] / 2
                for column in range(self._start(block), self._end(block)):
                    self._put(Cell(column, row), middle)
                y += heights[row]
                if row:
                    rise = self._rise(block, row) if heights[row] else 0.0
                    self.channel[Channel(block, row)] = y + rise / 2
                    y += rise
        out.height = y
        width = max(self._right(block) + self._edge_right(block) for block in range(self.count))
        if self.count > 1 and grid.above:
            lanes = self.lanes.count(Gutter(-1, 0))
            self.sum_gutter = width + PADDING
            x = self.sum_gutter + LANE * (lanes + 1)
            read = [arrow.tail for arrow in self.view.arrows if arrow.head in grid.above and arrow.tail in grid.cells]
            middle = min(out.boxes[key][1] for key in read)
            for key in sorted(grid.above, key=lambda key: grid.above[key]):
                out.boxes[key] = (x + self.sizes[key][0] / 2, middle)
                x += self.sizes[key][0] + GAP
            width = x - GAP
        out.width = width

    def _edge_right(self, block: int) -> float:
        end = self._end(block)
        return max(self._edge(Gutter(block, end)), self.overhang[end - 1])

    def _above_them(self) -> float:
        """Puts what adds up several columns above the middle of these; gives the height that it takes."""
        y = 0.0
        levels = sorted(set(self.grid.above.values()), reverse=True)
        for level in levels:
            keys = [key for key, found in self.grid.above.items() if found == level]
            tall = max(self.sizes[key][1] for key in keys)
            total = sum(self.sizes[key][0] for key in keys) + GAP * (len(keys) - 1)
            x = max((self._middle_of_read(keys) - total / 2), 0.0)
            for key in keys:
                self.out.boxes[key] = (x + self.sizes[key][0] / 2, y + tall / 2)
                x += self.sizes[key][0] + GAP
            y += tall + RISE * (1.4 if level == 0 else 1.0)
        return y

    def _middle_of_read(self, keys: list[int]) -> float:
        columns = [
            self.grid.cells[arrow.tail].column
            for arrow in self.view.arrows
            if arrow.head in self.grid.above and arrow.tail in self.grid.cells
        ]
        low, high = min(columns, default=0), max(columns, default=self.grid.columns - 1)
        return (self.x[low] + self.x[high] + self.widths[high]) / 2

    def _put(self, cell: Cell, middle: float) -> None:
        keys = self.grid.beside.get(cell, [])
        if len(keys) > 1 and self.grid.stands_in_front(cell.column):
            self._stack(cell.column, keys, middle)
            return
        wide = sum(self.sizes[key][0] for key in keys) + GAP / 2 * (len(keys) - 1)
        x = self.x[cell.column] + (self.widths[cell.column] - wide) / 2
        for key in keys:
            self.out.boxes[key] = (x + self.sizes[key][0] / 2, middle)
            x += self.sizes[key][0] + GAP / 2

    def _stack(self, column: int, keys: list[int], middle: float) -> None:
        """First states, one under the other, each at the height of what it enters."""
        x = self.x[column] + self.widths[column] / 2
        wanted = {arrow.tail: self.port(arrow, True) for arrow in self.view.arrows}
        floor = -math.inf
        for key in sorted(keys, key=lambda key: wanted.get(key, 0.0)):
            y = max(wanted.get(key, 0.0), floor + self.sizes[key][1] / 2)
            self.out.boxes[key] = (x, middle + y)
            floor = y + self.sizes[key][1] / 2 + 4

    # -- paths --

    def _path(self, i: int, arrow: Arrow) -> list[Point]:
        if i in self.tracks:
            return rounded(self._corners(arrow, self.tracks[i]))
        (ax, ay), (bx, by) = self.out.boxes[arrow.tail], self.out.boxes[arrow.head]
        aw, ah = (size / 2 for size in self.sizes[arrow.tail])
        bw, bh = (size / 2 for size in self.sizes[arrow.head])
        if arrow.tail in self.grid.above or arrow.head in self.grid.above:
            return self._from_middle_to_middle(arrow)
        tail, head = self.grid.cells[arrow.tail], self.grid.cells[arrow.head]
        ya, yb = ay + self.port(arrow, False), by + self.port(arrow, True)
        if tail.column != head.column or tail.row == head.row:
            side = 1 if ax < bx else -1
            a, b = (ax + side * aw, ya), (bx - side * bw, yb)
            return straight(a, b) if abs(ya - yb) < 0.1 else curve(a, b)
        up = 1 if tail.row < head.row else -1
        if self.grid.is_empty_between(arrow.tail, arrow.head):
            return straight((ax, ay - up * ah), (bx, by + up * bh))
        return self._around(arrow, up)

    def _from_middle_to_middle(self, arrow: Arrow) -> list[Point]:
        a, b = self.out.boxes[arrow.tail], self.out.boxes[arrow.head]
        start = edge(a, self.sizes[arrow.tail], self.radius(arrow.tail), b)
        return straight(start, edge(b, self.sizes[arrow.head], self.radius(arrow.head), a))

    def _around(self, arrow: Arrow, up: int) -> list[Point]:
        """Past the boxes of a column: at their left where it runs up, else at their right."""
        (ax, ay), (bx, by) = self.out.boxes[arrow.tail], self.out.boxes[arrow.head]
        tail, head = self.grid.cells[arrow.tail], self.grid.cells[arrow.head]
        between = range(min(tail.row, head.row) + 1, max(tail.row, head.row))
        passed = [key for row in between for key in self.grid.beside.get(Cell(tail.column, row), ())]
        widest = max(self.sizes[key][0] for key in passed) / 2
        out = ax - up * (widest + 8 + 5 * len(passed))
        start = edge((ax, ay), self.sizes[arrow.tail], self.radius(arrow.tail), (out, ay - up * abs(ax - out)))
        end = edge((bx, by), self.sizes[arrow.head], self.radius(arrow.head), (out, by + up * abs(bx - out)))
        out -= up * 0.33 * abs(out - start[0])
        return [start, (out, start[1] - up * 14), (out, end[1] + up * 14), end]

    def _corners(self, arrow: Arrow, tracks: list[Track]) -> list[Point]:
        (ax, ay), (aw, ah) = self.out.boxes[arrow.tail], self.sizes[arrow.tail]
        (bx, by), (bw, bh) = self.out.boxes[arrow.head], self.sizes[arrow.head]
        first, last, lane = tracks[0], tracks[-1], self._lane(arrow)
        if isinstance(first, Gutter):
            x = self._gutter_x(first, lane)
            corners = [
                (ax + math.copysign(aw / 2, x - ax), ay + self.port(arrow, False)),
                (x, ay + self.port(arrow, False)),
            ]
        else:
            corners = [(ax, ay - ah / 2)]
        for track in tracks:
            x, y = corners[-1]
            corners.append(
                (self._gutter_x(track, lane), y) if isinstance(track, Gutter) else (x, self._channel_y(track, lane))
            )
        if isinstance(last, Gutter):
            y = by + self.port(arrow, True)
            x = corners[-1][0]
            return [*corners, (x, y), (bx + math.copysign(bw / 2, x - bx), y)]
        return [*corners, (bx, corners[-1][1]), (bx, by + bh / 2)]

    def _gutter_x(self, gutter: Gutter, lane: int) -> float:
        share = self.lanes.share(gutter, lane)
        if gutter.block < 0:
            return self.sum_gutter + share * (LANE * (self.lanes.count(gutter) + 1))
        start, end = self._start(gutter.block), self._end(gutter.block)
        if gutter.column == end:
            return self._right(gutter.block) + share * (self._edge(gutter) or PADDING)
        room = self._edge(gutter) if gutter.column == start else self.gaps[gutter.column]
        return self.x[gutter.column] - room * (1 - share)

    def _channel_y(self, channel: Channel, lane: int) -> float:
        count = self.lanes.count(channel)
        return self.channel[channel] + LANE * (
            (self.lanes.share(channel, lane) * (count + 1) - 1) - (count - 1) / 2 * (channel.row <= self.grid.top)
        )
