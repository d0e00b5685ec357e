"""A textbook's network on a grid: a column a time step, and what is alike in all steps in one row, so that states stand
side by side and their arrows run straight. Columns go on in a further block where one would be too wide.

`Grid` says which column and row each box stands in; positions and paths are those of `viz.layout.blocks`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from ..graph.textbook import stem
from ..graph.view import Box, View

GAP, RISE, LANE = 34.0, 26.0, 7.0
"""Between columns, between rows, and between lines that run side by side."""


@dataclass(frozen=True)
class Cell:
    """A place on the grid: the column from the left, the row from below."""

    column: int
    row: int


class Grid:
    """Columns and rows of a view's boxes.

    Attributes:
        cells: where each box stands.
        above: boxes that add up what several columns hand on, such as the loss of all steps, by their row among them.
        columns: how many columns there are. before: how many of these stand before the first step.
        top: the highest row.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        self.number = {step: i for i, step in enumerate(view.steps)}
        self.starts = self._first_states()
        column = self._columns()
        self.above = self._above(column)
        row = self._rows(column)
        first = min(column.values(), default=0)
        self.before = -min(first, 0)
        self.cells = {key: Cell(column[key] - first, row[key]) for key in column}
        self.columns = max((cell.column for cell in self.cells.values()), default=0) + 1
        self.top = max((cell.row for cell in self.cells.values()), default=0)

    @cached_property
    def beside(self) -> Mapping[Cell, list[int]]:
        """The boxes that share a place, from the left."""
        found: dict[Cell, list[int]] = defaultdict(list)
        for key, cell in self.cells.items():
            found[cell].append(key)
        return found

    def stands_in_front(self, column: int) -> bool:
        """Whether a column holds what is there before the first step, or after the last one."""
        return not self.before <= column < self.before + len(self.number)

    def is_empty_between(self, a: int, b: int) -> bool:
        """Whether a straight line from box to box, along a column or along a row, passes no other."""
        (c1, r1), (c2, r2) = ((self.cells[key].column, self.cells[key].row) for key in (a, b))
        between = range(min(r1, r2) + 1, max(r1, r2)) if c1 == c2 else range(min(c1, c2) + 1, max(c1, c2))
        return not any((Cell(c1, k) if c1 == c2 else Cell(k, r1)) in self.beside for k in between)

    # -- columns --

    def _first_states(self) -> dict[int, int]:
        """Leaves in a step that are the states before it, and on which side of it they stand: -1 is the left."""
        boxes, found = self.view.boxes, {}
        back = set()
        for arrow in self.view.arrows:
            tail, head = boxes[arrow.tail], boxes[arrow.head]
            if isinstance(tail.place, int) and isinstance(head.place, int) and tail.place > head.place:
                back.add(stem(head))
        for arrow in self.view.arrows:
            tail, head = boxes[arrow.tail], boxes[arrow.head]
            names = [stem(head), *(output.name.rpartition("_")[0] for output in head.outputs)]
            if tail.role in ("data", "leaf") and tail.place == head.place and tail.labelled and stem(tail) in names:
                found[tail.key] = 1 if stem(head) in back else -1
        return found

    def _columns(self) -> dict[int, int]:
        """The column of each box, the first time step's being 0; none where it reads several."""
        found: dict[int, int] = {}
        waiting = []
        for box in self.view.boxes:
            if isinstance(box.place, int):
                found[box.key] = self.number[box.place] + self.starts.get(box.key, 0)
            else:
                waiting.append(box)
        for box in reversed([box for box in waiting if box.place == "before"]):
            reads = [found[arrow.head] for arrow in self.view.arrows if arrow.tail == box.key and arrow.head in found]
            found[box.key] = min([0, *reads]) - 1
        for box in waiting:
            if box.place == "after":
                tails = {arrow.tail for arrow in self.view.arrows if arrow.head == box.key}
                sources = {found.get(tail) for tail in tails}
                if len(sources) == 1 and (only := next(iter(sources))) is not None:
                    found[box.key] = only
                elif not sources:
                    found[box.key] = max(self.number.values(), default=0)
        return found

    def _above(self, column: Mapping[int, int]) -> dict[int, int]:
        found: dict[int, int] = {}
        for box in self.view.boxes:
            if box.key not in column:
                reads = [
                    found[arrow.tail] for arrow in self.view.arrows if arrow.head == box.key and arrow.tail in found
                ]
                found[box.key] = max(reads, default=-1) + 1
        return found

    # -- rows --

    def _rows(self, column: Mapping[int, int]) -> dict[int, int]:
        """The row of each box: the longest way to it within its column, the same for what is alike in all columns."""
        boxes = self.view.boxes
        kind = {key: self._kind(boxes[key]) for key in column}
        inputs: dict[Hashable, set[Hashable]] = {found: set() for found in kind.values()}
        for arrow in self.view.arrows:
            if arrow.back or arrow.tail not in kind or arrow.head not in kind:
                continue
            if column[arrow.tail] == column[arrow.head]:
                inputs[kind[arrow.head]].add(kind[arrow.tail])
        together: dict[int, list[Hashable]] = defaultdict(list)
        for key in column:
            together[column[key]].append(kind[key])
        least = dict.fromkeys(inputs, 0)
        for _ in range(len(inputs) + 1):
            row = _longest(inputs, least)
            if not self._raise_one(together.values(), inputs, row, least):
                break
        self._lower_leaves(inputs, row)
        found = {key: row[kind[key]] for key in column}
        for key in column:
            if boxes[key].place == "before" or boxes[key].role == "gap" or key in self.starts:
                found[key] = self._as_neighbours(key, found)
        return found

    def _kind(self, box: Box) -> Hashable:
        if box.role == "gap" or box.place == "before" or box.key in self.starts:
            return box.key, box.role
        if box.outputs:
            return tuple(name.name.rpartition("_")[0] for name in box.outputs)
        return (stem(box), box.role in ("data", "leaf"))

    def _raise_one(
        self,
        columns: Iterable[list[Hashable]],
        inputs: Mapping[Hashable, set[Hashable]],
        row: Mapping[Hashable, int],
        least: dict[Hashable, int],
    ) -> bool:
        """Two states of one row in one column: the later one moves up. Gives whether there were any."""
        for kinds in columns:
            taken: dict[int, Hashable] = {}
            for kind in dict.fromkeys(kinds):
                if inputs[kind] and row[kind] in taken:
                    least[kind] = row[kind] + 1
                    return True
                if inputs[kind]:
                    taken[row[kind]] = kind
        return False

    def _lower_leaves(self, inputs: Mapping[Hashable, set[Hashable]], row: dict[Hashable, int]) -> None:
        """What reads nothing stands right under what reads it."""
        for kind, found in inputs.items():
            readers = [row[other] for other, tails in inputs.items() if kind in tails]
            if not found and readers:
                row[kind] = max(min(readers) - 1, 0)

    def _as_neighbours(self, key: int, row: Mapping[int, int]) -> int:
        """The row of what it hands on to, or else of what it reads."""
        after = [arrow.head for arrow in self.view.arrows if arrow.tail == key and arrow.head in row]
        before = [arrow.tail for arrow in self.view.arrows if arrow.head == key and arrow.tail in row]
        return min((row[other] for other in after or before), default=0)


def _longest(inputs: Mapping[Hashable, set[Hashable]], least: Mapping[Hashable, int]) -> dict[Hashable, int]:
    """The longest way to each; where they read one another in a circle the first one found comes first."""
    found: dict[Hashable, int] = {}
    on_the_way: set[Hashable] = set()
    for start in inputs:
        stack = [start]
        while stack:
            kind = stack[-1]
            waits = [x for x in inputs[kind] if x not in found and x not in on_the_way]
            if kind not in found and waits:
                on_the_way.add(kind)
                stack += sorted(waits, key=list(inputs).index)
                continue
            stack.pop()
            on_the_way.discard(kind)
            if kind not in found:
                found[kind] = max([least[kind], *(found[x] + 1 for x in inputs[kind] if x in found)])
    return found
