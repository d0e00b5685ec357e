"""A sum of losses that a loop carries along is no state: the losses stand in their steps, and lead to their sum."""

import numpy as np
import pytest

from microgradrnn import Tensor, Value, functional, scope
from tests.test_promises_linear_time import python_calls
from tests.viz.handwritten import LOOPS
from viz import draw
from viz.graph.build import located
from viz.graph.inputs import rows_read
from viz.graph.textbook import textbook
from viz.paint.nodes import kinds
from viz.passes import so_far

T = 3
SUMS = {
    "L + e": lambda losses: _along(losses, lambda L, e: L + e),
    "e + L": lambda losses: _along(losses, lambda L, e: e + L),
    "L - e": lambda losses: _along(losses, lambda L, e: L - e),
    "their mean": lambda losses: _along(losses, lambda L, e: L + e) / T,
    "from 0": lambda losses: _along([0.0, *losses], lambda L, e: L + e),
}


def _along(losses, add):
    total = losses[0]
    for loss in losses[1:]:
        total = add(total, loss)
    return total


def losses_of(kind):
    """The loss of each step of a network of single numbers, or of arrays."""
    w, h, losses = Value(0.5, "w"), Value(0.3, "h_0"), []
    W, state = Tensor(np.eye(2) * 0.5, "W"), Tensor(np.ones((1, 2)), "h_0")
    for t in range(1, T + 1):
        if kind == "numbers":
            h = (w * h + 1.0).tanh()
            losses.append((h - 0.5) ** 2)
        else:
            state = (state @ W).tanh()
            losses.append(((state - float(t)) ** 2).sum())
    return losses


def edges(root, **options):
    """Pairs of names that arrows of a figure join, the root as "root"."""
    root.backward()
    view = draw(root, style="figure", width="40cm", **options).view
    names = ["root" if box.role == "root" else box.title for box in view.boxes]
    return {(names[a.tail], names[a.head]) for a in view.arrows}


def carried_along(add, kind):
    """A loss that is added up in the loop itself."""
    w, h, W, total = Value(0.5, "w"), Value(0.3, "h_0"), Tensor(np.eye(2) * 0.5, "W"), 0.0
    state = Tensor(np.ones((1, 2)), "h_0")
    for t in range(1, T + 1):
        if kind == "numbers":
            h = (w * h + 1.0).tanh()
            total = add(total, (h - 0.5) ** 2)
        else:
            state = (state @ W).tanh()
            total = add(total, ((state - float(t)) ** 2).sum())
    return total


EXPECTED = {
    *(("h_0", "h_1"), ("h_1", "h_2"), ("h_2", "h_3")),
    *((f"h_{t}", f"L_{t}") for t in (1, 2, 3)),
    *((f"L_{t}", "root") for t in (1, 2, 3)),
}
"""The network as it was written."""


@pytest.mark.parametrize("kind", ["numbers", "arrays"])
@pytest.mark.parametrize("add", [lambda L, e: L + e, lambda L, e: e + L, lambda L, e: L - e], ids=["+", "e +", "-"])
@pytest.mark.parametrize("scale", [1.0, 1 / T, None], ids=["sum", "mean", "negative"])
def test_losses_that_are_added_up_in_the_loop_lead_to_their_sum(kind, add, scale):
    total = carried_along(add, kind)
    assert edges(-total if scale is None else total if scale == 1.0 else total * scale) == EXPECTED


@pytest.mark.parametrize("kind", ["numbers", "arrays"])
@pytest.mark.parametrize("total", SUMS.values(), ids=SUMS)
def test_so_do_losses_that_are_added_up_after_it(kind, total):
    assert edges(total(losses_of(kind))) == EXPECTED
    assert edges(functional.add_n(losses_of(kind))) == EXPECTED


def test_the_sum_of_a_rolled_figure_is_of_no_step():
    root = carried_along(lambda L, e: L + e, "arrays")
    assert edges(root, rolled=True) == {("h_0", "h_t"), ("h_t", "h_t"), ("h_t", "L_t"), ("L_t", "root")}
    assert not {box.title for box in draw(LOOPS["tensors"](T)[0], style="figure", rolled=True).view.boxes} & {
        "J_t",
        "s_t",
    }


def test_a_state_that_a_sum_makes_is_a_state():
    """A linear network without forgetting: its state is added to, and a function of the last one is the loss."""
    w, h = Value(0.5, "w"), Value(0.3, "h_0")
    for t in range(1, T + 1):
        with scope("cell", t=t):
            h = h + w * float(t)
    drawn = edges((h - 1.0) ** 2)
    assert {("h_0", "h_1"), ("h_1", "h_2"), ("h_2", "h_3"), ("h_3", "root")} <= drawn


def test_in_a_full_picture_the_losses_are_losses():
    root = carried_along(lambda L, e: L + e, "numbers")
    root.backward()
    assert [(box.symbol, box.place) for box in draw(root).view.boxes if box.role == "loss"] == [
        ("**", t) for t in range(1, T + 1)
    ]


@pytest.mark.parametrize("options", [{}, {"level": "op"}], ids=["states", "operations"])
def test_a_sum_of_losses_does_not_look_like_a_state(options):
    root = carried_along(lambda L, e: L + e, "numbers")
    view = draw(root, style="figure", width="40cm", **options).view
    found = kinds(view, "level" in options)
    assert {view.boxes[key].title for key, kind in found.items() if kind == "state"} == {"h_1", "h_2", "h_3"}


@pytest.mark.parametrize("name", ["tensors", "lstm", "scalars"])
def test_a_figure_of_a_loop_is_read_in_time_linear_in_its_steps(name):
    """Counted, not timed: at twice as many steps twice as many calls, and not four times."""

    def calls(steps):
        root, _ = LOOPS[name](steps)
        root.backward()
        run = so_far(root)
        view, keys = located(run, run.steps, 10**9)
        states = {keys[node]: name for node, name in run.state_names.items()}
        rows = {keys[node]: row for node, row in rows_read(run).items()}
        return python_calls(lambda: textbook(view, False, states, rows))

    assert calls(120) < 2.3 * calls(60)
