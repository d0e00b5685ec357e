"""Loops written by hand, without scopes and labels, are drawn as those of `nn` are."""

import numpy as np
import pytest

from tests.viz.handwritten import LOOPS
from viz import draw, explain, grad_flow, page, passes

every_loop = pytest.mark.parametrize("name", LOOPS)
LEVELS = [{"level": "op"}, {"level": "cell"}, {"level": "network"}, {"rolled": True}, {"level": "scalar"}]


@every_loop
def test_each_state_stands_in_its_column(name):
    loss, states = LOOPS[name](4)
    loss.backward()
    boxes = draw(loss, max_nodes=1000).view.boxes
    for t, state in states.items():
        places = [box.place for box in boxes if box.role != "alias" and np.array_equal(box.value, state.data)]
        assert t in places
        assert len({place for place in places if place != "before"}) == 1


@every_loop
def test_weights_have_an_alias_in_each_step_and_add_up(name):
    loss, _ = LOOPS[name](3)
    loss.backward()
    view = draw(loss, max_nodes=1000).view
    grads = {name: node.grad for node, name in passes.forward(loss).names.items() if node.op is None}
    assert view.sums
    for total in view.sums:
        np.testing.assert_allclose(sum(part for _, part in total.parts), grads[total.title], rtol=1e-12)
        aliases = [box for box in view.boxes if box.role == "alias" and box.title == total.title]
        assert sorted(box.place for box in aliases) == sorted(t for t, _ in total.parts)
        assert len({box.place for box in aliases}) >= 3


@every_loop
@pytest.mark.parametrize("how", LEVELS, ids=str)
def test_every_level_is_drawn(name, how):
    loss, _ = LOOPS[name](3)
    loss.backward()
    drawing = draw(loss, **how)
    assert drawing.svg().startswith("<svg")
    assert all(box.title for box in drawing.view.boxes)
    assert drawing.view.steps


@every_loop
def test_a_cell_shows_the_state_that_it_hands_on(name):
    loss, states = LOOPS[name](3)
    loss.backward()
    view = draw(loss, level="cell", max_nodes=1000).view
    for t in list(states)[:-1]:
        shown = [out for box in view.boxes if box.place == t for out in box.outputs]
        values = [out for out in shown if np.array_equal(out.value, states[t].data)]
        assert len(values) == 1
        np.testing.assert_array_equal(values[0].grad, states[t].grad)


@every_loop
def test_a_rolled_picture_does_not_grow_with_time(name):
    sizes = set()
    for T in (3, 5):
        loss, _ = LOOPS[name](T)
        view = draw(loss, level="network").view
        sizes.add(sum(box.role == "cell" or bool(box.outputs) for box in view.boxes))
    assert len(sizes) == 1


def test_an_encoder_and_a_decoder_are_two_columns():
    view = draw(LOOPS["encoder_decoder"](3)[0], level="network").view
    assert dict(view.captions) == {1: "t = 1 … 3  ×3", 4: "t = 4 … 6  ×3"}


def test_words_and_page_say_the_step():
    loss, states = LOOPS["tensors"](3)
    loss.backward()
    assert "t = 2" in str(explain(states[2], loss))
    assert "t = 2" in page(loss).html


@pytest.mark.parametrize("name", ["tensors", "lstm", "scalars", "two_layers"])
def test_the_flow_of_gradients_follows_the_states_that_were_found(name):
    loss, states = LOOPS[name](4)
    loss.backward()
    norms = next(iter(grad_flow(loss).norms.values()))
    assert list(norms) == [1, 2, 3, 4]
    wanted = [float(np.linalg.norm(state.grad)) for state in states.values()]
    assert list(norms.values()) == pytest.approx(wanted, rel=1e-12)
