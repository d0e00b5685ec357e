"""What there is to draw: on the view, not on pixels."""

import math

import numpy as np
import pytest

from microgradrnn import Backprop, Parameter, Tensor, Value, functional, scope
from microgradrnn.engine import constant
from microgradrnn.nn import RNNCell
from tests.viz.networks import rnn_loss
from viz.graph import build as graph
from viz.graph.view import View
from viz.passes import so_far


def build(root, *picked, **options):
    return graph.build(so_far(root), *picked, **options)


def backward(root):
    root.backward()
    return root


def outgoing(view: View, key: int) -> list:
    return [arrow.contribution for arrow in view.arrows if arrow.tail == key]


@pytest.mark.parametrize("root", [rnn_loss(3), rnn_loss(2, batch=3), rnn_loss(12)], ids=["T=3", "batch", "left out"])
def test_what_leaves_a_box_sums_to_its_grad_entry_by_entry(root):
    view = build(backward(root), max_nodes=60)
    for box in view.boxes:
        if box.grad is not None and box.role not in ("root", "gap"):
            np.testing.assert_allclose(sum(outgoing(view, box.key)), box.grad, rtol=1e-12, atol=1e-15)


def test_a_node_that_is_read_twice_has_two_arrows():
    x = Value(3.0, "x")
    view = build(backward(x * x))
    assert [arrow.contribution for arrow in view.arrows] == [3.0, 3.0]
    assert [box.grad for box in view.boxes] == [6.0, 1.0]


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_a_shared_weight_has_an_alias_for_each_use_and_a_sum(steps):
    view = build(backward(rnn_loss(steps)))
    weights = ["W_hh", "W_hy", "W_xh", "b_h", "b_y"]
    aliases = sorted(box.title for box in view.boxes if box.role == "alias")
    assert aliases == sorted(weights * steps)
    assert sorted(s.title for s in view.sums) == weights


def test_the_sum_panel_adds_up_to_the_weights_own_grad():
    root = backward(rnn_loss(4))
    for shared in build(root).sums:
        total = sum(part for _, part in shared.parts)
        np.testing.assert_allclose(total, shared.total, rtol=1e-12)
        assert [t for t, _ in shared.parts] == [4, 3, 2, 1]


def test_a_weight_used_twice_in_a_step_has_two_aliases_there():
    w = Parameter([2.0], "w")
    with scope("cell", t=1):
        y = w * w
    view = build(backward(y.sum()))
    assert [box.title for box in view.boxes if box.role == "alias"] == ["w", "w"]


def test_before_a_pass_no_gradient_is_known():
    view = build(rnn_loss(2))
    assert all(box.grad is None for box in view.boxes)
    assert all(arrow.contribution is None for arrow in view.arrows)


def test_a_second_pass_does_not_spoil_the_picture_of_one():
    x = Value(3.0, "x")
    y = x * x * x
    y.backward()
    y.backward()
    assert x.grad == 54.0
    assert build(y).boxes[0].grad == 27.0


def test_a_pass_from_another_root_does_not_show_in_this_ones_picture():
    x = Value(3.0, "x")
    trunk = x * 2
    first, second = trunk * 5, trunk * 7
    first.backward()
    second.backward()
    trunk_box = build(first).boxes[2]
    assert (trunk_box.value, trunk_box.grad) == (6.0, 5.0)


def test_values_are_those_that_were_recorded():
    w = Parameter([1.0, 2.0], "w")
    loss = (w * w).sum()
    loss.backward()
    w.data -= 0.5 * w.grad
    np.testing.assert_array_equal(build(loss).boxes[0].value, [1.0, 2.0])


def test_drawing_touches_no_gradient():
    root = rnn_loss(2)
    build(root)
    assert root.grad is None
    root.backward()
    before = root.inputs[0].grad
    build(root)
    assert root.inputs[0].grad is before


def test_every_step_is_a_place_and_what_adds_the_losses_comes_after():
    view = build(rnn_loss(3))
    places = {box.title: box.place for box in view.boxes}
    assert view.steps == (1, 2, 3)
    assert (places["h_0"], places["x_2"], places["L_3"], places["L"]) == ("before", 2, 3, "after")


def test_steps_that_are_left_out_are_named_with_how_to_see_them():
    view = build(rnn_loss(50), max_nodes=60)
    gaps = [box for box in view.boxes if box.role == "gap"]
    assert len(gaps) == 1
    shown = {box.place for box in view.boxes if isinstance(box.place, int)} - {gaps[0].place}
    left_out = 50 - len(shown)
    assert view.notes == (f"{left_out} of 50 time steps are left out: draw(root, steps=…) picks",)
    assert {1, 50} <= shown


def test_the_user_picks_the_steps():
    view = build(rnn_loss(9), steps=[2, 5, 6])
    assert {box.place for box in view.boxes if box.role == "loss"} == {2, 5, 6}
    assert [box.title for box in view.boxes if box.role == "gap"] == ["⋯ t = 1", "⋯ t = 3 … 4", "⋯ t = 7 … 9"]


def test_a_step_that_nobody_recorded_is_an_error_that_names_it():
    with pytest.raises(ValueError, match="step 7; steps are"):
        build(rnn_loss(3), steps=[1, 7])


def test_a_long_chain_is_cut_and_says_so():
    y = Value(1.0)
    for _ in range(20_000):
        y = y.tanh()
    y.backward()
    view = build(y, max_nodes=50)
    assert len(view.boxes) == 51
    assert "19,951 of 20,001" in view.notes[0]


def test_nan_and_infinity_are_shown_as_they_are():
    x = Tensor([math.nan, math.inf], "x")
    view = build(backward((x * 2).sum()))
    assert math.isnan(view.boxes[0].value[0])


def test_two_cells_with_the_same_names_are_told_apart_by_their_scopes():
    cells = [RNNCell(2, 2, seed=0), RNNCell(2, 2, seed=1)]
    h = np.ones((1, 2))
    for t in (1, 2):
        for name, cell in zip(("below", "above"), cells, strict=True):
            with scope(name, t=t):
                h = cell(h, np.zeros((1, 2)))
    titles = {s.title for s in build(backward(h.sum())).sums}
    assert {"below.W_hh", "above.W_hh"} <= titles


def test_a_use_outside_time_comes_last_in_the_sum():
    w = Parameter([2.0], "w")
    losses = []
    for t in (1, 2):
        with scope("cell", t=t):
            losses.append((w * t).sum())
    (shared,) = build(backward(losses[0] + losses[1] + (w * w).sum())).sums
    assert [(t, float(part[0])) for t, part in shared.parts] == [(2, 2.0), (1, 1.0), (None, 2.0), (None, 2.0)]


def test_inputs_made_before_the_loop_stand_in_their_steps_and_only_the_first_state_before():
    xs = [Tensor([[float(t)]], f"x_{t}") for t in (1, 2, 3)]
    cell = RNNCell(1, 2, seed=0)
    h = cell.zero_state(1)
    for t, x in enumerate(xs, start=1):
        with scope("cell", t=t):
            h = cell(x, h)
    places = {box.title: box.place for box in build(h.sum()).boxes}
    assert (places["x_1"], places["x_2"], places["x_3"], places["h_0"]) == (1, 2, 3, "before")


def test_in_the_middle_of_a_pass_only_what_is_known_shows():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    f = (x * y).tanh()
    run = Backprop(f)
    run.step()
    grads = {box.title: box.grad for box in build(f).boxes}
    assert (grads["x"], grads["y"]) == (None, None)
    assert grads["tanh(x * y)"] == 1.0


def test_in_the_middle_of_a_pass_a_state_has_only_what_came_so_far():
    root = rnn_loss(3)
    run = Backprop(root)
    for visit in run:
        if visit.node.label == "z_3":
            break
    run.step()  # h_2 has now got one of its two contributions
    [h_2] = [node for node in run.order if node.label == "h_2"]
    [box] = [box for box in build(root).boxes if box.title == "h_2"]
    np.testing.assert_array_equal(box.grad, h_2.grad)
    for _ in run:
        pass
    assert not np.array_equal(box.grad, h_2.grad)


def test_a_long_stretch_inside_steps_is_cut_too():
    y = Value(1.0)
    with scope("cell", t=1):
        for _ in range(5000):
            y = y.tanh()
    view = build(y, max_nodes=50)
    assert len(view.boxes) == 51
    assert "4,951 of 5,001" in view.notes[0]


def test_what_the_root_reads_is_the_last_to_be_left_out():
    x = Value(1.0, "x")
    deep = x
    for _ in range(300):
        deep = deep.tanh()
    near = (Value(2.0, "near") * 3.0).exp()
    view = build(backward(deep + near), max_nodes=10)
    assert {"near", "near * 3", "exp(near * 3)"} <= {box.title for box in view.boxes}
    assert "x" not in {box.title for box in view.boxes}


def test_weights_of_one_name_are_told_apart_also_where_no_scope_does():
    W = [Tensor(np.eye(2) * k) for k in (1.0, 2.0)]
    v = [Parameter(np.eye(2) * k, "V") for k in (3.0, 4.0)]
    y = Tensor([[1.0, 2.0]], "x") @ W[0] @ W[1] @ v[0] @ v[1]
    titles = {box.title: box.value[0, 0] for box in build(y.sum()).boxes if box.role in ("leaf", "parameter")}
    assert titles == {"x": 1.0, "leaf 2×2#1": 1.0, "leaf 2×2#2": 2.0, "V#1": 3.0, "V#2": 4.0}


def test_a_class_is_called_a_target_unless_it_has_a_label():
    logits = Tensor([[0.1, 0.2, 0.3]], "y")
    named = constant(np.array([2]), "next")
    boxes = build(functional.cross_entropy(logits, [1]) + functional.cross_entropy(logits, named)).boxes
    assert {box.title: int(box.value[0]) for box in boxes if box.role == "data"} == {"target": 1, "next": 2}
