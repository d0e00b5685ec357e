"""The ways of arrows from group to group, through the gutters between columns and the channels between rows.

An arrow leaves its box by a side, runs along the gutter there, through a channel where it must go further than to the
next column, and along the gutter beside the column of its reader. So it runs through no column but by a gutter. All
arrows from one box share their lanes until they part.

First each arrow's tracks are chosen; then gutters are as wide as their lanes need, then channels as high; then paths.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ..graph.view import Arrow, View
from .lanes import Lanes, rounded, straight
from .positions import Point, Sizes
from .sides import Port, Sides

GUTTER, HEAD, LANE = 56.0, 40.0, 6.0
Side = Literal[-1, 0, 1]
"""Left, above or below, right."""


class Site(NamedTuple):
    """Where a group stands: its row, and where in that. As a gutter: the one at the left of that place."""

    row: int
    column: int


Track = Site | int
"""A gutter, or the channel above the row of that number."""


@dataclass
class Plan:
    """An arrow's way: the sides by which it leaves and enters, and the tracks between, gutters and channels in turn."""

    arrow: int
    tail: int
    head: int
    leaves: Side
    enters: Side
    tracks: list[Track] = field(default_factory=list)


class Router:
    """The arrows of a view that lead from group to group, or back into their own.

    Args:
        view: what is drawn.
        sizes: of the boxes.
        places: the boxes of each group.
        boxes: where each box stands: x from its group's left, y from the feet of its row.
        widths: of the groups.
    """

    def __init__(
        self,
        view: View,
        sizes: Sizes,
        places: Mapping[Site, Sequence[int]],
        boxes: Mapping[int, Point],
        widths: Mapping[Site, float],
    ) -> None:
        self.view, self.sizes, self.boxes, self.widths = view, sizes, boxes, widths
        self.site = {key: site for site, keys in places.items() for key in keys}
        self.sides = Sides(sizes, boxes, [list(keys) for keys in places.values()], self._width_around)
        self.columns: defaultdict[int, int] = defaultdict(int)
        for row, index in places:
            self.columns[row] = max(self.columns[row], index + 1)
        self.rows = max(self.columns) + 1
        self.guess = self._guessed_lefts()
        self.plans = [self._plan(i, arrow) for i, arrow in enumerate(view.arrows) if self._is_across(arrow)]
        for plan in sorted(self.plans, key=self._arrives):
            self.sides.add(plan.tail, plan.leaves, None)
            self.sides.add(plan.head, plan.enters, plan.arrow)
        self.lanes = Lanes()
        self.lefts: Mapping[Site, float] = {}
        self.gutter_widths: dict[Site, float] = {}
        self.channel_heights: list[float] = []
        self._furthest = 0.0

    def _width_around(self, key: int) -> float:
        return self.widths[self.site[key]]

    def _is_across(self, arrow: Arrow) -> bool:
        return arrow.back or self.site[arrow.tail] != self.site[arrow.head]

    def _guessed_lefts(self) -> dict[Site, float]:
        """About where each group begins, to choose gutters by."""
        found: dict[Site, float] = {}
        for site in sorted(self.widths):
            before = Site(site.row, site.column - 1)
            found[site] = found[before] + self.widths[before] + GUTTER if before in found else 0.0
        ends = [found[site] + self.widths[site] for site in found if site.row == 0]
        found[Site(-1, 0)] = max((max(ends) - self.widths[Site(-1, 0)]) / 2, 0.0)
        return found

    # -- tracks --

    def _plan(self, i: int, arrow: Arrow) -> Plan:
        a, b = self.site[arrow.tail], self.site[arrow.head]
        if a == b:
            return Plan(i, arrow.tail, arrow.head, 1, 1, [Site(a.row, a.column + 1)])
        forward = b > a if -1 not in (a.row, b.row) else True
        leaves: Side = 1 if forward else -1
        enters: Side = -1 if forward else 1
        if b.row == -1:
            enters = 0 if self.sides.is_free_below(arrow.head) else self._nearer(arrow)
            leaves = 0 if self.sides.is_free_above(arrow.tail) and a.row >= 0 else 1
        plan = Plan(i, arrow.tail, arrow.head, leaves, enters)
        out, into = Site(a.row, a.column + (leaves > 0)), Site(b.row, b.column + (enters > 0))
        if leaves:
            plan.tracks.append(out)
        if a.row == b.row and out == into:
            return plan
        x = self._middle(arrow.tail)
        if a.row >= b.row:
            plan.tracks.append(a.row)
            for row in range(a.row - 1, b.row, -1):
                plan.tracks += [self._crossing(row, x), row]
        else:
            plan.tracks.append(a.row + 1)
            for row in range(a.row + 1, b.row):
                plan.tracks += [self._crossing(row, x), row + 1]
        if enters:
            plan.tracks.append(into)
        return plan

    def _middle(self, key: int) -> float:
        return self.guess[self.site[key]] + self.boxes[key][0]

    def _nearer(self, arrow: Arrow) -> Side:
        """The side of the reader that the arrow comes from."""
        return -1 if self._middle(arrow.tail) < self._middle(arrow.head) else 1

    def _crossing(self, row: int, x: float) -> Site:
        """The gutter of a row that is nearest to x."""
        sites = [Site(row, index) for index in range(self.columns[row] + 1)]
        return min(sites, key=lambda site: abs(self._guessed_gutter(site) - x))

    def _guessed_gutter(self, gutter: Site) -> float:
        if gutter in self.guess:
            return self.guess[gutter] - GUTTER / 2
        last = Site(gutter.row, gutter.column - 1)
        return self.guess[last] + self.widths[last] + GUTTER / 2

    def _arrives(self, plan: Plan) -> float:
        """About where an arrow comes from in the end: those that enter from below do so from left to right."""
        last = next((track for track in reversed(plan.tracks) if isinstance(track, Site)), None)
        return self._middle(plan.tail) if last is None else self._guessed_gutter(last)

    # -- widths and heights --

    def depths(self) -> dict[int, float]:
        """How far under the feet of each row's boxes arrows run around them."""
        found = dict.fromkeys(range(self.rows), 0.0)
        for plan in self.plans:
            for key, side, arrow in ((plan.tail, plan.leaves, None), (plan.head, plan.enters, plan.arrow)):
                row = self.site[key].row
                if side and row >= 0:
                    found[row] = max(found[row], self.sides.level(key, side, arrow))
        return found

    def gutters(self, columns: Sequence[int]) -> dict[Site, float]:
        """How wide each gutter is, for rows of so many columns."""
        for plan in self.plans:
            self._add_gutters(plan)
        for row, count in ((-1, 1), *enumerate(columns)):
            for index in range(count + 1):
                lanes = self.lanes.count(Site(row, index))
                between = 0 < index < count or (row == index == 0 and Site(0, -1) in self.widths_of_boxes())
                self.gutter_widths[Site(row, index)] = max(GUTTER * between, 20.0 + LANE * lanes if lanes else 0.0)
        return self.gutter_widths

    def widths_of_boxes(self) -> set[Site]:
        """The groups that have boxes."""
        return set(self.site.values())

    def _add_gutters(self, plan: Plan) -> None:
        levels = [self.sides.level(plan.tail, plan.leaves, None), self.sides.level(plan.head, plan.enters, plan.arrow)]
        last = len(plan.tracks) - 1
        for k, track in enumerate(plan.tracks):
            if isinstance(track, Site):
                start = levels[0] if k == 0 else self._towards(plan.tracks[k - 1], track)
                end = levels[1] if k == last else self._towards(plan.tracks[k + 1], track)
                self.lanes.add(track, plan.tail, start, end)

    def _towards(self, channel: Track, gutter: Site) -> float:
        """Which end of a gutter is at a channel."""
        return -math.inf if channel == gutter.row else math.inf

    def channels(self, lefts: Mapping[Site, float], gutters: Mapping[Site, float]) -> list[float]:
        """How high the channel above each row is."""
        self.lefts = lefts
        for plan in self.plans:
            last = len(plan.tracks) - 1
            for k, track in enumerate(plan.tracks):
                if not isinstance(track, Site):
                    start = self._x(plan, k - 1) if k else self._port_x(plan.tail, 0, None)
                    end = self._x(plan, k + 1) if k < last else self._port_x(plan.head, 0, plan.arrow)
                    self.lanes.add(track, plan.tail, start, end)
        for row in range(self.rows):
            lanes = self.lanes.count(row)
            least = HEAD if row or Site(-1, 0) in self.widths_of_boxes() else 0.0
            self.channel_heights.append(max(least, 14.0 + LANE * lanes if lanes else 0.0))
        return self.channel_heights

    def _x(self, plan: Plan, k: int) -> float:
        """Where the arrow's lane in a gutter is."""
        gutter = plan.tracks[k]
        assert isinstance(gutter, Site)
        width, share = self.gutter_widths[gutter], self.lanes.share(gutter, plan.tail)
        if gutter in self.lefts:
            return self.lefts[gutter] - width * (1 - share)
        last = Site(gutter.row, gutter.column - 1)
        return self.lefts[last] + self.widths[last] + width * share

    def _port_x(self, key: int, side: Side, arrow: int | None) -> float:
        return self.lefts[self.site[key]] + self.sides.port(key, side, arrow).start[0]

    # -- paths --

    def paths(
        self, feet: Mapping[int, float], tops: Sequence[float], boxes: Mapping[int, Point]
    ) -> dict[int, list[Point]]:
        """The path of each arrow, once it is known where everything stands."""
        obstacles = {row: self._by_top(boxes, row) for row in (-1, 0)}
        found = {}
        for plan in self.plans:
            corners = self._corners(plan, feet, tops)
            direct = not plan.leaves and not plan.enters and len(plan.tracks) == 1
            if direct and self._is_clear(corners[0], corners[-1], plan, obstacles, boxes):
                found[plan.arrow] = straight(corners[0], corners[-1])
            else:
                found[plan.arrow] = rounded(corners)
            self._furthest = max(self._furthest, *(x for x, _ in corners))
        return found

    def reach(self) -> float:
        """How far to the right arrows run."""
        return self._furthest

    def _corners(self, plan: Plan, feet: Mapping[int, float], tops: Sequence[float]) -> list[Point]:
        out = self._moved(plan.tail, self.sides.port(plan.tail, plan.leaves, None), feet)
        into = self._moved(plan.head, self.sides.port(plan.head, plan.enters, plan.arrow), feet)
        corners = list(out)
        for k, track in enumerate(plan.tracks):
            x, y = corners[-1]
            if isinstance(track, Site):
                corners.append((self._x(plan, k), y))
            else:
                height = self.channel_heights[track]
                corners.append((x, tops[track] - height * (1 - self.lanes.share(track, plan.tail))))
        x, y = corners[-1]
        end = into[-1]
        corners.append((x, end[1]) if plan.enters else (end[0], y))
        return corners + into[::-1]

    def _moved(self, key: int, port: Port, feet: Mapping[int, float]) -> list[Point]:
        site = self.site[key]
        return [(x + self.lefts[site], y + feet[site.row]) for x, y in port.points]

    def _by_top(self, boxes: Mapping[int, Point], row: int) -> list[tuple[float, int]]:
        return sorted((boxes[key][1] - self.sizes[key][1] / 2, key) for key in boxes if self.site[key].row == row)

    def _is_clear(
        self,
        a: Point,
        b: Point,
        plan: Plan,
        obstacles: Mapping[int, list[tuple[float, int]]],
        boxes: Mapping[int, Point],
    ) -> bool:
        """Whether a straight line upward from a to b passes no box."""
        for row in (-1, 0):
            for top, key in obstacles[row]:
                if top > a[1]:
                    break
                if key not in (plan.tail, plan.head) and _meets(a, b, boxes[key], self.sizes[key]):
                    return False
        return True


def _meets(a: Point, b: Point, centre: Point, size: tuple[float, float]) -> bool:
    """Whether a line passes through a rectangle, or close by."""
    low, high = 0.0, 1.0
    for axis in (0, 1):
        near, far = centre[axis] - size[axis] / 2 - 3, centre[axis] + size[axis] / 2 + 3
        way = b[axis] - a[axis]
        if abs(way) < 1e-9:
            if not near < a[axis] < far:
                return False
            continue
        ends = sorted(((near - a[axis]) / way, (far - a[axis]) / way))
        low, high = max(low, ends[0]), min(high, ends[1])
    return low < high
