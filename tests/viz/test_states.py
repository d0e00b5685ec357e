"""What a picture knows after so many visits, and what lights up, against a pass made one visit at a time."""

import numpy as np
import pytest

import viz.animation as moving_module
from microgradrnn import Backprop, Parameter, Value, scope
from tests.viz.networks import rnn_loss
from viz.animation import moving
from viz.graph import timeline as states
from viz.layout.engine import LayoutTimeoutError


def test_a_boxs_states_are_what_backprop_shows_after_as_many_visits():
    root = rnn_loss(3)
    film = moving("test", root, None, 1000)
    own = {box.visit: box for box in film.view.boxes if box.visit is not None}
    run = Backprop(root)
    for made, _ in enumerate(run, start=1):
        for step in film.steps:
            if step.number in own:
                shown = states.at(states.of_box(own[step.number]), made).data
                np.testing.assert_array_equal(shown, step.node.grad)


def test_a_sums_last_state_is_the_weights_grad_bit_for_bit():
    root = rnn_loss(4)
    film = moving("test", root, None, 1000)
    root.backward()
    totals = {s.title: states.of_total(s)[-1] for s in film.view.sums}
    weights = {step.name: step.node for step in film.steps if isinstance(step.node, Parameter)}
    assert totals.keys() == weights.keys()
    for name, state in totals.items():
        np.testing.assert_array_equal(state.data, weights[name].grad)
        assert state.complete


def test_before_its_last_contribution_a_grad_is_not_complete():
    x = Value(3.0, "x")
    (box,) = (box for box in moving("test", x.tanh() * x, None, 100).view.boxes if box.title == "x")
    assert [(state.since, state.data is None, state.complete) for state in states.of_box(box)] == [
        (0, True, True),
        (1, False, False),
        (2, False, True),
    ]


def test_two_contributions_of_one_visit_come_at_once():
    x = Value(3.0, "x")
    (box,) = (box for box in moving("test", x * x, None, 100).view.boxes if box.title == "x")
    assert states.of_box(box) == [states.State(0, None), states.State(1, 6.0)]


@pytest.mark.parametrize("root", [rnn_loss(3), rnn_loss(12, batch=2)], ids=["all drawn", "steps left out"])
def test_each_visit_lights_up_its_box_and_the_arrows_of_its_edges(root):
    film = moving("test", root, None, 60)
    for step, light in zip(film.steps, film.lights, strict=True):
        for key in light.boxes:
            box = film.view.boxes[key]
            assert box.visit == step.number or box.role in ("alias", "gap")
        for i in light.handed:
            assert film.view.arrows[i].visit == step.number
        if light.boxes and film.view.boxes[light.boxes[0]].visit == step.number:
            drawn = [arrow for arrow in film.view.arrows if arrow.tail == light.boxes[0]]
            assert [film.view.arrows[i] for i in light.received] == [a for a in drawn if a.visit is not None]


def test_two_weights_that_are_equal_and_read_alike_light_up_their_own_sums():
    half = 0.5
    v, w = Value(half, "v"), Value(half, "w")
    total = Value(0.0, requires_grad=False)
    for t in (1, 2):
        with scope("cell", t=t):
            total = total + v * w
    film = moving("test", total, None, 100)
    named = {step.name: light.sum for step, light in zip(film.steps, film.lights, strict=True) if light.sum is not None}
    assert {name: film.view.sums[i].title for name, i in named.items()} == {"v": "v", "w": "w"}


def test_what_cannot_be_laid_out_in_time_is_shown_in_part_and_says_so(monkeypatch):
    arrange, tried = moving_module.arrange, []

    def late_at_first(view, sizes, rankdir):
        tried.append(len(view.boxes))
        if len(tried) == 1:
            raise LayoutTimeoutError("the layout took longer than 1 s")
        return arrange(view, sizes, rankdir)

    monkeypatch.setattr(moving_module, "arrange", late_at_first)
    film = moving("page", rnn_loss(4), None, 1000)
    assert tried == [len(film.view.boxes) + tried[0] - 30, 30]
    assert "page(loss, steps=…, max_nodes=…) picks" in film.view.notes[-1]
    assert len(film.lights) == len(film.steps) > 30
