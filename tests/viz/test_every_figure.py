"""Every architecture as a figure: nothing lies on anything, nothing is left out, sides of at most 3 to 1."""

from dataclasses import replace

import pytest

from benchmarks.architectures import recorded
from benchmarks.every_picture import FigureCase, checked, figure_cases
from benchmarks.figure_checks import faults
from viz.figure import FigureOptions, figure
from viz.paint.figure_marks import Line, Shape, Text
from viz.passes import so_far

CROWDED = {
    FigureCase("both directions", 3, "states with numbers"),
    FigureCase("two layers in both directions", 3, "states"),
}
"""Figures with more on their arrows than has room at 16 cm: there a label may cover two lines."""


@pytest.mark.parametrize("case", [*figure_cases(lengths=[3])], ids=str)
def test_a_figure_has_no_fault(case):
    kinds = {kind for kind, _ in checked(case, recorded(case.name, case.T))}
    assert kinds <= ({"line"} if case in CROWDED else set())


def test_the_check_sees_a_label_on_a_box_and_a_line_through_a_label():
    """Each label of a figure moved onto the box that its arrow leaves, and each one's ground taken away."""
    made = figure(so_far(recorded("vanilla RNN", 3)), FigureOptions())
    assert not faults(made)
    marks = made.picture.marks
    box = next(mark for mark in marks if isinstance(mark, Shape) and mark.title == "h_1")
    line = next(mark for mark in marks if isinstance(mark, Line) and mark.title == "through W_hh")
    (x0, y0), (x1, y1) = line.path[0], line.path[-1]
    places = {"label": (box.x + 5, box.y), "line": ((x0 + x1) / 2 - 8, (y0 + y1) / 2 + 3)}
    for kind, (x, y) in places.items():
        moved = [replace(m, x=x, y=y) if isinstance(m, Text) and m.ink == "faint" else m for m in marks]
        assert kind in {found for found, _ in faults(replace(made, picture=replace(made.picture, marks=tuple(moved))))}
    bare = tuple(mark for mark in marks if not (isinstance(mark, Text) and mark.ink == "faint"))
    (found,) = faults(replace(made, picture=replace(made.picture, marks=bare)))
    assert "are left out" in found[1]
