"""The numbers on the arrows of figures: what leaves a state adds up to its grad, however often the state is read."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.architectures import ARCHITECTURES, recorded
from microgradrnn import Value, nn
from tests.viz.handwritten import LOOPS
from viz import draw
from viz.graph.build import located
from viz.graph.textbook import textbook
from viz.passes import so_far


def sums(view):
    """For each state, input or output of a figure whose readers are all drawn: its grad, and what its arrows carry."""
    for box in view.boxes:
        for i, of in enumerate(box.outputs) if box.outputs else [(None, box)]:
            leaving = [arrow for arrow in view.arrows if (arrow.tail, arrow.output) == (box.key, i)]
            if box.role in ("root", "gap") or not of.differentiable or of.grad is None:
                continue
            inside = [of.inside] if box.outputs and of.inside is not None else []
            yield of.grad, [arrow.contribution for arrow in leaving if arrow.contribution is not None] + inside


def holds(view):
    found = list(sums(view))
    for grad, parts in found:
        np.testing.assert_allclose(sum(parts), grad, rtol=1e-10, atol=1e-13)
    return len(found)


def figure_views(root, T):
    run = so_far(root)
    for operations, steps in itertools.product((False, True), (run.steps, (1, T)) if run.steps else ((),)):
        yield textbook(located(run, steps, 10**9)[0], operations).view


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_in_figures_of_every_architecture_arrows_add_up(name):
    assert sum(map(holds, figure_views(recorded(name, 4), 4))) > 0


@pytest.mark.parametrize("loop", LOOPS)
def test_in_figures_of_handwritten_loops_arrows_add_up(loop):
    root, _ = LOOPS[loop](4)
    root.backward()
    assert sum(map(holds, figure_views(root, 4))) > 0


READINGS = {
    "h * h": lambda h: h * h,
    "h * tanh(h)": lambda h: h * h.tanh(),
    "h * h * h": lambda h: h * h * h,
    "h² + h": lambda h: h**2 + h,
    "sigmoid(h) * tanh(h) of tanh(h)": lambda h: h.tanh().sigmoid() * h.tanh().tanh(),
    "h @ h": lambda h: h @ h.T,
    "norm": lambda h: h / (h * h).sum().sqrt(),
}


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS)
def test_of_a_state_that_is_read_twice_an_arrow_shows_all(reading):
    h = nn.RNN(2, 2, seed=0).last(np.ones((3, 1, 2)))
    L = reading(h).sum()
    L.backward()
    view = draw(L, style="figure", numbers=True, width="20cm").view
    (arrow,) = (arrow for arrow in view.arrows if view.boxes[arrow.tail].title == "h_3")
    np.testing.assert_allclose(arrow.contribution, h.grad, rtol=1e-12)


def test_each_reader_behind_a_common_box_gets_its_own_share():
    """Of L = a b with a = 2 tanh(h) and b = 3 tanh(h): b 2 (1 - s²) comes through a, and a 3 (1 - s²) through b."""
    h = Value(0.5, "h")
    s = h.tanh()
    a, b = s * 2.0, s * 3.0
    a.label, b.label = "a", "b"
    L = a * b * (a - 1.0).exp()  # so that a and b send different shares
    L.backward()
    view = draw(L, style="figure", level="cell", numbers=True).view
    found = {view.boxes[arrow.head].title: arrow.contribution for arrow in view.arrows if arrow.tail == 0}
    s = math.tanh(0.5)
    to_a = 3 * s * math.exp(2 * s - 1) * (1 + 2 * s)
    to_b = 2 * s * math.exp(2 * s - 1)
    expected = {"a": to_a * 2 * (1 - s * s), "b": to_b * 3 * (1 - s * s)}
    assert found == {name: pytest.approx(value, rel=1e-12) for name, value in expected.items()}


def test_the_check_sees_a_part_that_is_missing():
    h = nn.RNN(2, 2, seed=0).last(np.ones((3, 1, 2)))
    L = (h * h).sum()
    L.backward()
    view = draw(L, style="figure", numbers=True, width="20cm").view
    assert holds(view) == 3
    of_one_slot = tuple(
        a if a.contribution is None else replace(a, contribution=a.contribution / 2) for a in view.arrows
    )
    with pytest.raises(AssertionError):
        holds(replace(view, arrows=of_one_slot))
