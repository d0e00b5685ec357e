"""Positions: time to the right, data upward, nothing on top of anything."""

import itertools
import re
import shutil

import numpy as np
import pytest

from microgradrnn import Tensor, Value, nn, scope
from tests.viz.networks import rnn_loss
from viz import draw
from viz.graph.build import build
from viz.layout import engine as engines
from viz.layout.arrange import arrange
from viz.paint import svg
from viz.passes import so_far


def arranged(root):
    view = build(so_far(root))
    sizes = svg.sizes(view)
    return view, sizes, arrange(view, sizes, "LR")


def rectangles(sizes, layout):
    for key, (x, y) in layout.boxes.items():
        width, height = sizes[key]
        yield key, (x - width / 2, y - height / 2, x + width / 2, y + height / 2)


@pytest.mark.parametrize("root", [rnn_loss(1), rnn_loss(4), nn.MLP(2, [3, 1], seed=0)([1.0, 2.0])])
def test_no_box_lies_on_another_or_outside_the_picture(root):
    _, sizes, layout = arranged(root)
    for (_, a), (_, b) in itertools.combinations(rectangles(sizes, layout), 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    for _, (left, top, right, bottom) in rectangles(sizes, layout):
        assert left >= -0.5
        assert top >= -0.5
        assert right <= layout.width + 0.5
        assert bottom <= layout.height + 0.5


def test_time_runs_to_the_right_and_data_up():
    view, _, layout = arranged(rnn_loss(3))
    at = {box.title: layout.boxes[box.key] for box in view.boxes}
    assert at["h_0"][0] < at["h_1"][0] < at["h_2"][0] < at["h_3"][0]
    assert at["x_2"][1] > at["z_2"][1] > at["h_2"][1] > at["L_2"][1] > at["L"][1]


def test_steps_that_are_alike_are_laid_out_alike():
    view, _, layout = arranged(rnn_loss(3))
    at = {box.title: layout.boxes[box.key] for box in view.boxes}
    for title in ("h", "z", "x"):
        assert at[f"{title}_3"][1] == at[f"{title}_2"][1]


def test_boxes_stand_inside_their_column():
    view, sizes, layout = arranged(rnn_loss(3))
    for key, (left, top, right, bottom) in rectangles(sizes, layout):
        place = view.boxes[key].place
        if isinstance(place, int):
            x, y, width, height = layout.columns[place]
            assert x <= left <= right <= x + width
            assert y <= top <= bottom <= y + height


def test_an_arrow_runs_from_box_to_box():
    view, sizes, layout = arranged(rnn_loss(3))
    bounds = dict(rectangles(sizes, layout))
    for i, arrow in enumerate(view.arrows):
        for (x, y), key in ((layout.arrows[i][0], arrow.tail), (layout.arrows[i][-1], arrow.head)):
            left, top, right, bottom = bounds[key]
            assert left - 2 <= x <= right + 2
            assert top - 2 <= y <= bottom + 2


def test_both_engines_agree_on_what_stands_where(monkeypatch):
    """Sizes are given and ranks are forced, so the two versions of Graphviz differ by little."""
    if not shutil.which("dot"):
        pytest.skip("needs Graphviz's dot")
    found = []
    for path in (None, ""):
        if path is not None:
            monkeypatch.setenv("PATH", path)
        engines._worker.stop()
        view, _, layout = arranged(rnn_loss(2))
        found.append([(round(x), round(y)) for x, y in (layout.boxes[box.key] for box in view.boxes)])
    engines._worker.stop()
    np.testing.assert_allclose(found[0], found[1], atol=40)


def layered(bidirectional):
    net = nn.RNN(2, 3, num_layers=1 if bidirectional else 2, bidirectional=bidirectional, seed=0)
    return net(np.ones((3, 1, 2)))[0].sum()


def test_what_reads_the_step_before_stands_left_in_its_level_in_every_layer():
    view, _, layout = arranged(layered(bidirectional=False))
    for arrow in view.arrows:
        tail, head = view.boxes[arrow.tail], view.boxes[arrow.head]
        if isinstance(tail.place, int) and isinstance(head.place, int) and tail.place < head.place:
            x, y = layout.boxes[arrow.head]
            level = [box for box in view.boxes if box.place == head.place and abs(layout.boxes[box.key][1] - y) < 1]
            assert x == min(layout.boxes[box.key][0] for box in level)


def test_a_first_state_stands_where_its_reader_is():
    view, _, layout = arranged(layered(bidirectional=True))
    boxes = {box.title: box for box in view.boxes}
    assert (boxes["h1_0"].place, boxes["h1r_0"].place) == ("before", 3)
    reader = next(arrow.head for arrow in view.arrows if arrow.tail == boxes["h1_0"].key)
    assert layout.boxes[boxes["h1_0"].key][1] == layout.boxes[reader][1]


def points(path):
    """Points along a path of cubic Bézier curves."""
    for i in range(0, len(path) - 3, 3):
        for s in np.linspace(0, 1, 20):
            weights = ((1 - s) ** 3, 3 * s * (1 - s) ** 2, 3 * s * s * (1 - s), s**3)
            yield tuple(sum(w * p[axis] for w, p in zip(weights, path[i : i + 4], strict=True)) for axis in (0, 1))


def two_readers_of_one_state():
    h = Tensor([[1.0, 2.0]], "h_0")
    for t in (1, 2):
        with scope("cell", t=t):
            h = (h * 2 + h * 3).tanh()
    return h.sum()


@pytest.mark.parametrize(
    "root", [two_readers_of_one_state(), layered(False), rnn_loss(4)], ids=["two", "layers", "rnn"]
)
def test_no_arrow_between_columns_runs_through_a_third_box(root):
    view, sizes, layout = arranged(root)
    bounds = dict(rectangles(sizes, layout))
    for i, arrow in enumerate(view.arrows):
        if view.boxes[arrow.tail].place != view.boxes[arrow.head].place:
            for x, y in points(layout.arrows[i]):
                through = [k for k, (x0, y0, x1, y1) in bounds.items() if x0 < x < x1 and y0 < y < y1]
                assert set(through) <= {arrow.tail, arrow.head}


def a_loop(T):
    """What a student writes, with one weight."""
    w, u, h = Value(0.9, "w"), Value(0.5, "u"), Value(0.0, "h_0")
    for t in range(1, T + 1):
        h = (w * h + u * Value(0.1 * t, f"x_{t}")).tanh()
    h.backward()
    return h


@pytest.mark.parametrize("T", [2, 3, 4, 12])
def test_a_few_small_steps_stand_in_one_row_and_many_do_not(T):
    drawing = draw(a_loop(T), edges="contribution", max_nodes=200)
    width, height = map(int, re.search(r'width="(\d+)" height="(\d+)"', drawing.svg()).groups())
    rows = len({top for _, top, _, _ in drawing.placed.layout.columns.values()})
    assert (rows == 1) == (T < 12)
    assert width <= 3 * height
