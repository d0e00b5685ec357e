"""The record of a run, against the engine's own passes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Backprop, Parameter, Tensor, Value
from microgradrnn.backprop import order
from microgradrnn.engine import ancestors
from tests.viz.networks import rnn_loss
from viz.passes import forward, so_far, whole


@pytest.mark.parametrize("root", [rnn_loss(3), rnn_loss(2, batch=3)], ids=["one sequence", "a batch"])
def test_grads_are_those_that_backward_leaves(root):
    run = whole(root)
    root.backward()
    assert [visit.node for visit in run.visits] == order(root)
    for node in order(root):
        np.testing.assert_array_equal(run.grad(node), node.grad)


def test_contributions_of_a_node_sum_to_its_grad_and_the_last_one_completes_it():
    root = rnn_loss(4)
    run = whole(root)
    for node in order(root)[1:]:
        parts = [arrival.edge.downstream for arrival in run.arrivals[node]]
        np.testing.assert_allclose(sum(parts), run.grad(node), rtol=1e-12, atol=1e-15)
        assert run.history(node)[-1][0] == max(arrival.visit for arrival in run.arrivals[node]) < run.turns[node]
    assert run.history(root)[-1][0] == 0


@given(st.integers(0, 60))
def test_in_the_middle_of_a_pass_it_knows_what_backprop_has_shown(made):
    root = rnn_loss(2)
    run = Backprop(root)
    for _ in range(min(made, len(run.order))):
        run.step()
    known = so_far(root)
    for node in run.order:
        expected = node.grad
        assert (known.grad(node) is None) == (expected is None)
        if expected is not None:
            np.testing.assert_array_equal(known.grad(node), expected)


def test_a_grad_that_was_set_to_zero_does_not_look_like_a_pass_half_made():
    x, w, dead = Value(3.0, "x"), Value(2.0, "w"), Value(-1.0, "dead")
    root = x * w.exp() + x * dead.relu()  # the first contribution to x is 0
    root.backward()
    x.grad = 0.0  # as micrograd's training loops do
    assert so_far(root).made == len(order(root))


def test_before_a_pass_nothing_is_known_and_all_nodes_are_there():
    root = rnn_loss(2)
    for run in (so_far(root), forward(root)):
        assert list(run.nodes) == ancestors(root)
        assert not run.visits
        assert run.grad(root) is None


def test_a_pass_is_that_of_its_root_whatever_the_nodes_hold_from_others():
    x = Value(3.0, "x")
    trunk = x * 2
    first, second = trunk * 5, trunk * 7
    first.backward()
    second.backward()
    assert (so_far(first).grad(trunk), so_far(first).grad(x)) == (5.0, 10.0)
    assert (x.grad, trunk.grad) == (24.0, 7.0)


def test_a_weight_whose_grad_was_forgotten_is_not_shown():
    w = Parameter([2.0], "w")
    loss = (w * w).sum()
    loss.backward()
    w.zero_grad()
    assert so_far(loss).grad(w) is None
    np.testing.assert_array_equal(whole(loss).grad(w), [4.0])


def test_values_are_those_that_were_recorded():
    w = Parameter([1.0, 2.0], "w")
    loss = (w * w).sum()
    w.data -= 0.5
    np.testing.assert_array_equal(forward(loss).values[w], [1.0, 2.0])


def test_the_upstream_is_the_roots_grad_or_what_is_given():
    x = Tensor([1.0, 2.0], "x")
    y = x * 3
    y.backward([1.0, 10.0])
    np.testing.assert_array_equal(whole(y).grad(x), [3.0, 30.0])
    np.testing.assert_array_equal(whole(y, [1.0, 1.0]).grad(x), [3.0, 3.0])
    with pytest.raises(ValueError, match="upstream"):
        whole(x * 2)
