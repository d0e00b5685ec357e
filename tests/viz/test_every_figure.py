"""Every architecture as a figure, at every level: no box on another, no line through a box, sides of at most 3 to 1."""

import itertools

import pytest

from benchmarks.architectures import ARCHITECTURES, recorded
from viz.figure import FigureOptions, figure
from viz.layout.ends import is_inside
from viz.paint.figure_marks import Line, Shape
from viz.paint.geometry import Way, around, overlap
from viz.passes import so_far

OPTIONS = {"states": {}, "numbers": {"numbers": True}, "operations": {"level": "op"}, "rolled": {"rolled": True}}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_figure_has_no_fault(name, options):
    run = so_far(recorded(name, 3))
    if not run.steps and "rolled" in options:
        with pytest.raises(ValueError, match="nothing to roll"):
            figure(run, FigureOptions(**options))
        return
    picture = figure(run, FigureOptions(**options)).picture
    assert 1 / 3.001 <= picture.width / picture.height <= 3.001
    boxes = [mark for mark in picture.marks if isinstance(mark, Shape) and mark.title]
    places = [around((box.x, box.y), (box.width, box.height)) for box in boxes]
    assert not any(overlap(a, b) for a, b in itertools.combinations(places, 2))
    for line in (mark for mark in picture.marks if isinstance(mark, Line)):
        way = Way(list(line.path))
        for point in (way.at(3.0 * k, 1.0) for k in range(int(way.length / 3))):
            for box in boxes:
                inner = (box.width - 2, box.height - 2)
                assert not is_inside(point, (box.x, box.y), inner, max(box.radius - 1, 0)), box.title
