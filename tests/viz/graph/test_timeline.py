"""What a picture knows after so many visits, and what lights up, against a pass made one visit at a time."""

import numpy as np
import pytest

from microgradrnn import Backprop, Forward, Parameter, Value, scope
from tests.viz.networks import rnn_loss
from viz.animation import animate
from viz.graph import timeline
from viz.layout import arrange as layout
from viz.layout.engine import LayoutTimeoutError


def test_a_boxs_states_are_what_backprop_shows_after_as_many_visits():
    root = rnn_loss(3)
    film = animate("test", root, None, 1000)
    own = {box.visit: box for box in film.placed.view.boxes if box.visit is not None}
    run = Backprop(root)
    for made, _ in enumerate(run, start=1):
        for number, visit in enumerate(film.run.visits, start=1):
            if number in own:
                shown = timeline.at(timeline.of_box(own[number]), made).data
                np.testing.assert_array_equal(shown, visit.node.grad)


def test_a_boxs_value_is_there_from_its_forward_step_on_and_a_leafs_from_the_start():
    root = rnn_loss(3)
    film = animate("test", root, None, 1000)
    order = Forward(root).order
    assert list(film.run.computed) == order
    assert [film.run.moments[node] for node in order] == list(range(1 - len(order), 1))
    by_moment = {box.moment: box for box in film.placed.view.boxes if box.moment is not None}
    assert len(by_moment) == len(order)
    for computed in Forward(root):
        moment = film.run.moments[computed.node]
        states = timeline.of_value(by_moment[moment])
        np.testing.assert_array_equal(timeline.at(states, moment).data, computed.value)
        assert timeline.at(states, moment - 1).data is None
    for box in film.placed.view.boxes:
        if box.moment is None:
            assert timeline.at(timeline.of_value(box), -len(order)).data is box.value


def test_each_forward_step_lights_up_its_box_and_the_arrows_that_it_reads():
    root = rnn_loss(2)
    film = animate("test", root, None, 1000)
    view = film.placed.view
    for node, lit in zip(film.run.computed, film.forward, strict=True):
        (key,) = lit.boxes
        assert view.boxes[key].title == film.run.names[node]
        assert {view.arrows[i].head for i in lit.arrows} == {key}
        assert len(lit.arrows) == len(node.inputs)
        assert lit.back == frozenset()


def test_a_sums_last_state_is_the_weights_grad_bit_for_bit():
    root = rnn_loss(4)
    film = animate("test", root, None, 1000)
    root.backward()
    totals = {s.title: timeline.of_total(s)[-1] for s in film.placed.view.sums}
    weights = {visit.node.label: visit.node for visit in film.run.visits if isinstance(visit.node, Parameter)}
    assert totals.keys() == weights.keys()
    for name, state in totals.items():
        np.testing.assert_array_equal(state.data, weights[name].grad)
        assert state.complete


def test_before_its_last_contribution_a_grad_is_not_complete():
    x = Value(3.0, "x")
    (box,) = (box for box in animate("test", x.tanh() * x, None, 100).placed.view.boxes if box.title == "x")
    assert [(state.since, state.data is None, state.complete) for state in timeline.of_box(box)] == [
        (0, True, True),
        (1, False, False),
        (2, False, True),
    ]


def test_two_contributions_of_one_visit_come_at_once():
    x = Value(3.0, "x")
    (box,) = (box for box in animate("test", x * x, None, 100).placed.view.boxes if box.title == "x")
    assert timeline.of_box(box) == [timeline.Known(0, None), timeline.Known(1, 6.0)]


@pytest.mark.parametrize("root", [rnn_loss(3), rnn_loss(12, batch=2)], ids=["all drawn", "steps left out"])
def test_each_visit_lights_up_its_box_and_the_arrows_of_its_edges(root):
    film = animate("test", root, None, 60)
    view = film.placed.view
    assert len(film.highlights) == len(film.run.visits)
    for number, lit in enumerate(film.highlights, start=1):
        for key in lit.boxes:
            box = view.boxes[key]
            assert box.visit == number or box.role in ("alias", "gap")
        for i in lit.sent:
            assert view.arrows[i].visit == number
        if lit.boxes and view.boxes[lit.boxes[0]].visit == number:
            drawn = [arrow for arrow in view.arrows if arrow.tail == lit.boxes[0]]
            assert [view.arrows[i] for i in lit.received] == [arrow for arrow in drawn if arrow.visit is not None]


def test_two_weights_that_are_equal_and_read_alike_light_up_their_own_sums():
    half = 0.5
    v, w = Value(half, "v"), Value(half, "w")
    total = Value(0.0, requires_grad=False)
    for t in (1, 2):
        with scope("cell", t=t):
            total = total + v * w
    film = animate("test", total, None, 100)
    lit = zip(film.run.visits, film.highlights, strict=True)
    named = {visit.node.label: highlight.sum for visit, highlight in lit if highlight.sum is not None}
    assert {name: film.placed.view.sums[i].title for name, i in named.items()} == {"v": "v", "w": "w"}


def test_what_cannot_be_laid_out_in_time_is_shown_in_part_and_says_so(monkeypatch):
    arrange, tried = layout.arrange, []

    def late_at_first(view, sizes, rankdir, rooms):
        tried.append(len(view.boxes))
        if len(tried) == 1:
            raise LayoutTimeoutError("the layout took longer than 1 s")
        return arrange(view, sizes, rankdir, rooms)

    monkeypatch.setattr(layout, "arrange", late_at_first)
    film = animate("page", rnn_loss(4), None, 1000)
    assert tried == [len(film.placed.view.boxes) + tried[0] - 30, 30]
    assert "page(loss, steps=…, max_nodes=…) picks" in film.placed.view.notes[-1]
    assert len(film.highlights) == len(film.run.visits) > 30
