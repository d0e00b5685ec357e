"""The panel of shared weights: no larger than the picture, the oldest uses beside the newest, and how they fade."""

import re

import numpy as np
import pytest

from benchmarks.architectures import recorded
from microgradrnn import Parameter, Tensor, scope
from viz import draw
from viz.graph.view import Sum
from viz.layout.arrange import arrange
from viz.paint.panel import Measured, Panel, beside
from viz.paint.pen import Pen
from viz.paint.svg import sizes


def a_sum(T, shrinks=0.5, size=6):
    parts = tuple((t, np.full(size, shrinks ** (T - t))) for t in range(T, 0, -1))
    total = sum(part for _, part in parts)
    return Sum("W", np.ones(size), parts, total, tuple(range(1, T + 1)), ((T, total),), None)


def panel(sums):
    return Panel(Measured.of(sums, animated=True), 1.0, "")


def painted(found):
    pen = Pen()
    found.paint(pen, 0, 0)
    return "".join(pen.out)


def test_the_oldest_uses_stand_beside_the_newest():
    steps = [int(t) for t in re.findall(r">t=(\d+)<", painted(panel([a_sum(200)])))]
    assert steps[:2] == [200, 199]
    assert steps[-1] == 1
    assert "192 more" in painted(panel([a_sum(200)]))


def bars(svg):
    chart = next(path for path in re.findall(r'<path class="g1" d="([^"]+)"', svg) if "v-" in path)
    return [-float(height) for height in re.findall(r",[\d.]+v(-[\d.]+)", chart)]


def test_contributions_that_fade_have_bars_that_fade():
    """A factor of 2 a step is a straight line on a logarithmic scale."""
    found = bars(painted(panel([a_sum(20, 0.5)])))
    assert len(found) == 20
    np.testing.assert_allclose(np.diff(found), 14 / 8 * np.log10(2), atol=0.11)


def test_a_page_gives_no_use_away_before_its_visit():
    pen = Pen(live=True)
    panel([a_sum(20)]).paint(pen, 0, 0)
    group = next(found for found in re.findall(r'class="changing">(.*?)</g></g>', "".join(pen.out)) if "base" in found)
    before, after = group.split('<g data-from="20">')
    assert "path" not in before
    assert bars(after)


@pytest.mark.parametrize("size", [(600.0, 400.0), (3000.0, 400.0), (500.0, 900.0)])
@pytest.mark.parametrize("count", [1, 3, 7])
def test_it_is_at_most_as_large_as_the_picture(size, count):
    found, _ = beside([a_sum(8)] * count, 1.0, "", False, size)
    assert found.width * found.height <= size[0] * size[1]


@pytest.mark.parametrize("name", ["vanilla RNN", "LSTM", "two layers"])
@pytest.mark.parametrize("T", [3, 8])
def test_at_a_cell_it_is_no_larger_than_the_network(name, T):
    view = draw(recorded(name, T), level="cell").view
    layout = arrange(view, sizes(view), "LR")
    found, _ = beside(view.sums, 1.0, "", False, (layout.width, layout.height))
    assert found.width * found.height <= layout.width * layout.height


def test_entries_of_a_small_weight_stand_in_columns_that_add_up():
    b = Parameter([1.0, -2.0], "b")
    h = Tensor([0.5, 0.25], "h_0")
    for t in (1, 2):
        with scope("cell", t=t):
            h = (h + b).tanh()
    root = h.sum()
    root.backward()
    svg = draw(root).svg()
    source = svg[svg.index('class="sum"') :]
    lines = [text for text in re.findall(r">([^<]+)</text>", source) if "\N{NO-BREAK SPACE}" in text]
    assert len(lines) == 4  # value, two uses, total
    assert len({len(line) for line in lines}) == 1
    numbers = np.array([[float(x.replace("−", "-")) for x in line.split()] for line in lines])
    np.testing.assert_allclose(numbers[1] + numbers[2], numbers[3], atol=1e-3)
