"""A grid in one or more blocks of columns, one under the other: where its boxes stand and how its arrows run.

Neighbours are joined by straight lines. Every other arrow runs through gutters between columns and channels between
rows, in lanes, so that it meets no box.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from ..graph.view import Arrow, View
from .ends import curve, edge
from .grid import GAP, LANE, RISE, Cell, Grid
from .lanes import Lanes, rounded, straight
from .positions import Layout, Point, Sizes
from .tracks import Channel, Gutter, Track, Tracks

LOOP = 34.0
"""How far a line from a box back into itself reaches."""

STACK = 4.0
"""Between first states that stand one under the other."""

HEAD = 12.0
"""The room for an arrowhead, between a lane and the box at its right."""

PADDING = 14.0
"""Between the columns of one block and what stands beside them, and between blocks."""


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
        spacing: how many times as wide as they need be the gaps between columns are, and those between rows.
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
        spacing: tuple[float, float] = (1.0, 1.0),
    ) -> None:
        self.view, self.grid, self.sizes, self.port = view, grid, sizes, port
        self.radius = radius
        self.way = Tracks(grid, count)
        self.count, self.per_block = self.way.count, self.way.per_block
        self.stretch, self.rise = spacing[0], RISE * spacing[1]
        self.straight: dict[int, bool] = {}
        self.tracks: dict[int, list[Track]] = {}
        self.lanes = Lanes()
        for i, arrow in enumerate(view.arrows):
            if not self.way.is_direct(arrow):
                self.tracks[i] = self.way.of(arrow)
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

    # -- lanes --

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
        """The room at the left of each column, all alike but for lanes, which run at the right of what stands there."""
        needed = [GAP] * self.grid.columns
        for i, arrow in enumerate(self.view.arrows):
            if i in labels and self.way.is_direct(arrow) and arrow.head in self.grid.cells:
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
                if arrow.back:
                    found[a.column] = max(found[a.column], LOOP + labels[i])
                elif a.column == b.column:
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
        starts = {self.way.start(block): block for block in range(self.count)}
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
        last = self.way.end(block) - 1
        return self.x[last] + self.widths[last]

    # -- positions --

    def _height(self, block: int, row: int) -> float:
        """How high a row of a block is; 0 where nothing stands in it."""
        found = 0.0
        for cell, keys in self.grid.beside.items():
            if cell.row == row and self.way.block_of(cell.column) == block:
                heights = [self.sizes[key][1] for key in keys]
                stacked = sum(heights) + STACK * (len(keys) - 1)
                found = max(found, stacked if self.grid.stands_in_front(cell.column) else max(heights))
        return found

    def _rise(self, block: int, row: int) -> float:
        """The room under a row."""
        lanes = self.lanes.count(Channel(block, row))
        return self.rise + max(0.0, LANE * (lanes - 1))

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
                for column in range(self.way.start(block), self.way.end(block)):
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
        end = self.way.end(block)
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
            y += tall + self.rise * (1.4 if level == 0 else 1.0)
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
        floor, ys = -math.inf, {}
        for key in sorted(keys, key=lambda key: wanted.get(key, 0.0)):
            ys[key] = max(wanted.get(key, 0.0), floor + self.sizes[key][1] / 2)
            floor = ys[key] + self.sizes[key][1] / 2 + STACK
        off = sum(ys[key] - wanted.get(key, 0.0) for key in keys) / len(keys)
        for key in keys:
            self.out.boxes[key] = (x, middle + ys[key] - off)

    # -- paths --

    def _path(self, i: int, arrow: Arrow) -> list[Point]:
        if i in self.tracks:
            return rounded(self._corners(arrow, self.tracks[i]))
        (ax, ay), (bx, by) = self.out.boxes[arrow.tail], self.out.boxes[arrow.head]
        aw, ah = (size / 2 for size in self.sizes[arrow.tail])
        bw, bh = (size / 2 for size in self.sizes[arrow.head])
        if arrow.tail in self.grid.above or arrow.head in self.grid.above:
            return self._from_middle_to_middle(arrow)
        if arrow.tail == arrow.head:
            return self._loop(arrow)
        tail, head = self.grid.cells[arrow.tail], self.grid.cells[arrow.head]
        ya, yb = ay + self.port(arrow, False), by + self.port(arrow, True)
        if tail.column != head.column or tail.row == head.row:
            side = 1 if ax < bx else -1
            a, b = (ax + side * aw, ya), (bx - side * bw, yb)
            return straight(a, b) if abs(ya - yb) < 0.1 else curve(a, b)
        up = 1 if tail.row < head.row else -1
        if not arrow.back and self.grid.is_empty_between(arrow.tail, arrow.head):
            return straight((ax, ay - up * ah), (bx, by + up * bh))
        return self._around(arrow, up)

    def _from_middle_to_middle(self, arrow: Arrow) -> list[Point]:
        a, b = self.out.boxes[arrow.tail], self.out.boxes[arrow.head]
        start = edge(a, self.sizes[arrow.tail], self.radius(arrow.tail), b)
        return straight(start, edge(b, self.sizes[arrow.head], self.radius(arrow.head), a))

    def _loop(self, arrow: Arrow) -> list[Point]:
        """From a box back into itself, at its right."""
        (x, y), size, radius = self.out.boxes[arrow.tail], self.sizes[arrow.tail], self.radius(arrow.tail)
        y += self.port(arrow, False)
        if self.port(arrow, False):
            ends = [(x + size[0] / 2, y + dy) for dy in (-8, 8)]
        elif any(
            a.tail == arrow.tail and a.head in self.grid.cells and self._leaves_right(a) for a in self.view.arrows
        ):
            ends = [edge((x, y), size, radius, (x + dx, y + dy)) for dx, dy in ((4.0, -20.0), (20.0, -6.0))]
            return [ends[0], (ends[0][0] + 6, ends[0][1] - LOOP), (ends[1][0] + LOOP, ends[1][1] - 6), ends[1]]
        else:
            ends = [edge((x, y), size, radius, (x + size[0], y + dy)) for dy in (-size[0] / 2, size[0] / 2)]
        out = x + size[0] / 2 + LOOP
        return [ends[0], (out, ends[0][1] - 12), (out, ends[1][1] + 12), ends[1]]

    def _leaves_right(self, arrow: Arrow) -> bool:
        return self.grid.cells[arrow.head].column > self.grid.cells[arrow.tail].column

    def _around(self, arrow: Arrow, up: int) -> list[Point]:
        """Past the boxes of a column: at their left where it runs up, else at their right."""
        (ax, ay), (bx, by) = self.out.boxes[arrow.tail], self.out.boxes[arrow.head]
        tail, head = self.grid.cells[arrow.tail], self.grid.cells[arrow.head]
        between = range(min(tail.row, head.row) + 1, max(tail.row, head.row))
        passed = [key for row in between for key in self.grid.beside.get(Cell(tail.column, row), ())]
        widest = max((self.sizes[key][0] for key in passed), default=self.sizes[arrow.tail][0]) / 2
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
        start, end = self.way.start(gutter.block), self.way.end(gutter.block)
        if gutter.column == end:
            return self._right(gutter.block) + share * (self._edge(gutter) or PADDING)
        if gutter.column == start:
            return self.x[gutter.column] - self._edge(gutter) * (1 - share)
        count = self.lanes.count(gutter)
        return self.x[gutter.column] - HEAD - LANE * (count - share * (count + 1))

    def _channel_y(self, channel: Channel, lane: int) -> float:
        count = self.lanes.count(channel)
        return self.channel[channel] + LANE * (
            (self.lanes.share(channel, lane) * (count + 1) - 1) - (count - 1) / 2 * (channel.row <= self.grid.top)
        )
