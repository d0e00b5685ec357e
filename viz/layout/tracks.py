"""Which way each arrow of a grid runs: by itself, or through gutters and channels in turn.

- `Gutter`, `Channel`: the room between columns and between rows. `Tracks`: those of each arrow.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..graph.view import Arrow
from .grid import Cell, Grid


class Gutter(NamedTuple):
    """The room at the left of a column, in a block."""

    block: int
    column: int


class Channel(NamedTuple):
    """The room under a row, in a block."""

    block: int
    row: int


Track = Gutter | Channel


class Tracks:
    """The ways of arrows over a grid in so many blocks of columns, one under the other.

    Attributes:
        count: how many blocks there are, and ``per_block`` how many steps in each.
    """

    def __init__(self, grid: Grid, count: int) -> None:
        self.grid = grid
        steps = grid.columns - grid.before
        self.per_block = math.ceil(steps / count)
        self.count = math.ceil(steps / self.per_block)

    def block_with(self, key: int) -> int:
        """The block that a box stands in; -1 for one above or beside all."""
        return -1 if key in self.grid.above else self.block_of(self.grid.cells[key].column)

    def block_of(self, column: int) -> int:
        """The block of a column."""
        return min(max(column - self.grid.before, 0) // self.per_block, self.count - 1)

    def start(self, block: int) -> int:
        """The first column of a block."""
        return self.grid.before + block * self.per_block if block else 0

    def end(self, block: int) -> int:
        """The column after a block's last one."""
        return self.grid.columns if block == self.count - 1 else self.start(block + 1)

    def is_direct(self, arrow: Arrow) -> bool:
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
        if self.block_with(arrow.tail) != self.block_with(arrow.head):
            return False
        if tail.row == head.row:
            return grid.is_empty_between(arrow.tail, arrow.head)
        return abs(tail.column - head.column) == 1

    def _is_on_top(self, key: int) -> bool:
        cell = self.grid.cells[key]
        return not any(Cell(cell.column, row) in self.grid.beside for row in range(cell.row + 1, self.grid.top + 1))

    def of(self, arrow: Arrow) -> list[Track]:
        """The gutters and channels of an arrow that is not direct, in turn."""
        tail, a, top = self.grid.cells[arrow.tail], self.block_with(arrow.tail), self.grid.top
        if arrow.head in self.grid.above:
            start: list[Track] = [] if self._is_on_top(arrow.tail) else [Gutter(a, tail.column + 1)]
            return [*start, Channel(a, top + 1), *([Gutter(-1, 0)] if self.count > 1 else [])]
        head, b = self.grid.cells[arrow.head], self.block_with(arrow.head)
        right = tail.column < head.column
        leaves = Gutter(a, tail.column + right)
        enters = Gutter(b, head.column + (not right))
        if a == b:
            return [leaves, Channel(a, head.row if head.row else 1), enters]
        if right:
            return [leaves, *(Channel(block, top + 1) for block in range(a + 1, b + 1)), enters]
        return [leaves, *(Channel(block, top + 1) for block in range(a, b, -1)), enters]
