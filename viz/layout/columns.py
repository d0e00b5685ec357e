"""A view with time: each step is a column, data flowing up, and the columns stand in rows, as words on a page do.

What comes before all steps stands at the left of the first row, what comes after them above it. Between columns are
gutters and above each row is a channel, through which arrows from group to group run; see `routes`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set

from ..graph.view import Place, View
from .groups import Group, groups
from .positions import Layout, Point, Run, Sizes
from .routes import Router, Site

GUTTER, PADDING, HEAD, FOOT = 56.0, 16.0, 40.0, 16.0
WIDEST, WIDEST_ROW, AROUND = 2.5, 2.9, 90.0
"""Columns go on in a further row where the picture would be more than so many times as wide as high. A single row may
be wider, since margins and a legend stand around it."""


def in_columns(
    view: View, sizes: Sizes, runs: Sequence[Run], seconds: float, through: Set[int] = frozenset()
) -> Layout:
    """Positions for everything in a view that has time steps; the arguments are those of `groups`.

    Raises:
        RuntimeError: Graphviz refused, or all of it took longer than ``seconds`` (`LayoutTimeoutError`).
    """
    return _Columns(view, sizes, groups(view, sizes, runs, seconds, through)).layout()


class _Columns:
    def __init__(self, view: View, sizes: Sizes, found: Mapping[Place, Group]) -> None:
        self.view, self.sizes, self.groups = view, sizes, found
        self.rows = self._in_rows()
        self.sites: dict[Place, Site] = {"before": Site(0, -1), "after": Site(-1, 0)}
        self.sites |= {step: Site(r, i) for r, row in enumerate(self.rows) for i, step in enumerate(row)}
        self.boxes = {place: self._standing(place) for place in found}
        self.out = Layout()

    def layout(self) -> Layout:
        widths = {self.sites[place]: self._width(place) for place in self.groups}
        flat = {key: box for boxes in self.boxes.values() for key, box in boxes.items()}
        places = {self.sites[place]: list(boxes) for place, boxes in self.boxes.items()}
        router = Router(self.view, self.sizes, places, flat, widths)
        self.depths = router.depths()
        gutters = router.gutters([len(row) for row in self.rows])
        lefts = self._lefts(gutters)
        channels = router.channels(lefts, gutters)
        feet = self._feet(channels)
        for place, group in self.groups.items():
            self._put(place, group, lefts[self.sites[place]], feet[self.sites[place].row])
        tops = [self.out.columns[row[0]][1] for row in self.rows]
        self.out.arrows |= router.paths(feet, tops, self.out.boxes)
        self._measure(router.reach())
        return self.out

    # -- rows --

    def _in_rows(self) -> list[list[int]]:
        """The steps in as few rows as it takes for the picture not to be too wide."""
        steps = list(self.view.steps)
        widths = [self._width(step) + GUTTER for step in steps]
        before = self._width("before") + GUTTER if self.groups["before"].boxes else 0.0
        high = self.groups["after"].found.height + HEAD + FOOT + self._tallest(steps)
        if before + sum(widths) - GUTTER <= WIDEST_ROW * (high + AROUND):
            return [steps]
        for count in range(1, len(steps) + 1):
            rows = _split(steps, widths, count)
            width = before + max(sum(self._width(step) + GUTTER for step in row) for row in rows)
            if width <= WIDEST * (
                self.groups["after"].found.height + sum(HEAD + FOOT + self._tallest(row) for row in rows)
            ):
                return rows
        return rows

    def _width(self, place: Place) -> float:
        if isinstance(place, int):
            return self.groups[place].found.width + 2 * PADDING
        if place == "before" and self._are_first_states():
            return max(self.sizes[key][0] for key in self.groups["before"].boxes)
        return self.groups[place].found.width

    def _tallest(self, row: Sequence[int]) -> float:
        """How high the columns of a row are, without the captions at their feet."""
        return max(self.groups[step].found.height for step in row) + 2 * PADDING

    # -- inside a group: x from its left, y from the feet of its row's columns --

    def _standing(self, place: Place) -> dict[int, Point]:
        group, padding = self.groups[place], PADDING if isinstance(place, int) else 0.0
        if place == "before" and self._are_first_states():
            return self._first_states(group.boxes)
        dy = self._lift(place)
        return {group.boxes[i]: (x + padding, y + dy) for i, (x, y) in group.found.centres.items()}

    def _lift(self, place: Place) -> float:
        """What brings Graphviz's y, from a group's top, to y from the feet of its row."""
        group = self.groups[place]
        is_gap = len(group.boxes) == 1 and self.view.boxes[group.boxes[0]].role == "gap"
        if is_gap and isinstance(place, int):
            row = self.rows[self.sites[place].row]
            return -(self._tallest(row) - PADDING) / 2
        return -group.found.height

    def _are_first_states(self) -> bool:
        group = self.groups["before"]
        return bool(group.boxes) and not group.arrows

    def _first_states(self, keys: list[int]) -> dict[int, Point]:
        """First states, one under the other, each at the height of what reads it, so that its arrow runs straight."""
        first = self.rows[0][0]
        standing = self._standing(first)
        reader = {arrow.tail: standing[arrow.head][1] for arrow in self.view.arrows if arrow.head in standing}
        right = max(self.sizes[key][0] for key in keys)
        found: dict[int, Point] = {}
        floor = -math.inf
        for key in sorted(keys, key=lambda key: reader.get(key, 0.0)):
            width, height = self.sizes[key]
            y = max(reader.get(key, -height / 2), floor + height / 2)
            found[key] = (right - width / 2, y)
            floor = y + height / 2 + 10
        return found

    # -- the whole --

    def _lefts(self, gutters: Mapping[Site, float]) -> dict[Site, float]:
        """Where each group begins. What comes after the steps stands over the middle of the first row, and, where what
        comes before them is higher than they are, clear of that and of the arrows that run down from it.
        """
        found: dict[Site, float] = {Site(0, -1): 0.0}
        for r, row in enumerate(self.rows):
            x = self._width("before") if r == 0 and self.groups["before"].boxes else 0.0
            for i, step in enumerate(row):
                x += gutters[Site(r, i)]
                found[Site(r, i)] = x
                x += self._width(step)
        row = self.rows[0]
        start = found[Site(0, 0)]
        end = found[Site(0, len(row) - 1)] + self._width(row[-1])
        least = start if self._is_before_higher() else 0.0
        found[Site(-1, 0)] = max((start + end - self.groups["after"].found.width) / 2, least)
        return found

    def _is_before_higher(self) -> bool:
        """Whether what comes before the steps reaches above the first row of them."""
        tops = [y - self.sizes[key][1] / 2 for key, (_, y) in self.boxes["before"].items()]
        return min(tops, default=0.0) < PADDING - self._tallest(self.rows[0])

    def _feet(self, channels: Sequence[float]) -> dict[int, float]:
        """Where the feet of each row's boxes stand."""
        y = self.groups["after"].found.height
        found = {-1: y}
        for r, row in enumerate(self.rows):
            y += channels[r]
            found[r] = y + self._tallest(row) - PADDING
            tall = self._tallest(row) + FOOT + max(0.0, self.depths[r] - PADDING / 2)
            for step in row:
                self.out.columns[step] = (0.0, y, 0.0, tall)
            y += tall
        return found

    def _put(self, place: Place, group: Group, left: float, foot: float) -> None:
        for key, (x, y) in self.boxes[place].items():
            self.out.boxes[key] = (x + left, y + foot)
        padding, dy = (PADDING if isinstance(place, int) else 0.0), foot + self._lift(place)
        for i, path in zip(group.arrows, group.found.paths, strict=True):
            moved = [(x + left + padding, y + dy) for x, y in path]
            self.out.arrows[i] = moved[::-1] if i in group.turned else moved
        if isinstance(place, int):
            _, top, _, height = self.out.columns[place]
            self.out.columns[place] = (left, top, self._width(place), height)

    def _measure(self, reach: float) -> None:
        """The size of the whole; what stands left of 0 or above it moves in."""
        boxes = [(*self.out.boxes[key], *self.sizes[key]) for key in self.out.boxes]
        columns = self.out.columns.values()
        self.out.width = max([reach, *(x + w / 2 for x, _, w, _ in boxes), *(x + w for x, _, w, _ in columns)])
        self.out.height = max([*(y + h / 2 for _, y, _, h in boxes), *(y + h for _, y, _, h in columns)])


def _split(steps: Sequence[int], widths: Sequence[float], count: int) -> list[list[int]]:
    """The steps in ``count`` rows of about the same width, or in fewer.

    >>> _split([1, 2, 3, 4, 5], [10.0, 10.0, 10.0, 10.0, 10.0], 2)
    [[1, 2, 3], [4, 5]]
    """
    low, high = max(widths), sum(widths)
    for _ in range(30):  # the narrowest width that does
        middle = (low + high) / 2
        low, high = (low, middle) if len(_filled(steps, widths, middle)) <= count else (middle, high)
    return _filled(steps, widths, high)


def _filled(steps: Sequence[int], widths: Sequence[float], limit: float) -> list[list[int]]:
    rows: list[list[int]] = []
    used = math.inf
    for step, width in zip(steps, widths, strict=True):
        if used + width > limit + 1e-6:
            rows.append([])
            used = 0.0
        rows[-1].append(step)
        used += width
    return rows
