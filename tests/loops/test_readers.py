"""What reads time steps works for a loop without scopes and labels as it does for one that has them."""

import numpy as np
import pytest

from microgradrnn import Tensor, compare, scope
from microgradrnn.analysis import find_states, grad_by_time, grad_norms, state_jacobian
from microgradrnn.context import here

T, SIZE = 4, 3


def record(written, label=""):
    """A loss, its weights, its states: with scopes and labels, or without."""
    rng = np.random.default_rng(0)
    W, U, V = (Tensor(rng.normal(size=(SIZE, SIZE)), label=name) for name in ("W", "U", "V"))
    x = Tensor(rng.normal(size=(T, 2, SIZE)), label="x", requires_grad=False)
    h, total, states = Tensor(np.zeros((2, SIZE)), requires_grad=False), 0.0, {}
    for t in range(1, T + 1):
        with scope("cell", t=t) if written else scope("by hand"):
            h = (x[t - 1] @ W + h @ U).tanh()
            h.label = f"h_{t}" if written else label
            total = total + ((h @ V) ** 2).sum()
        states[t] = h
    assert here().t is None
    return total, {"W": W, "U": U, "V": V}, states


@pytest.mark.parametrize("name", ["W", "U", "V"])
def test_the_gradient_of_a_weight_by_time(name):
    parts = [grad_by_time(loss, weights[name]) for loss, weights, _ in map(record, (True, False))]
    assert list(parts[1]) == list(parts[0]) == [4, 3, 2, 1]
    for t in parts[0]:
        np.testing.assert_array_equal(parts[1][t], parts[0][t])


@pytest.mark.parametrize("label", ["", "h"])
def test_states_are_found_by_one_label_for_all_or_as_what_steps_hand_on(label):
    loss, _, states = record(False, label)
    found = find_states(loss)
    assert list(found) == list(states)
    assert all(found[t] is states[t] for t in states)
    assert grad_norms(loss) == grad_norms(record(True)[0])
    np.testing.assert_array_equal(state_jacobian(dict(states), 1, 3), state_jacobian(loss, 1, 3))


def test_a_wrong_gradient_is_placed_where_it_comes_in():
    loss, weights, _ = record(False, "h")
    parts = grad_by_time(loss, weights["U"])
    found = compare(loss, {"U": sum(parts.values()) - parts[2]})
    assert found["U"].step == 2
    assert "as if the contribution of step 2 is left out" in found["U"].why


def test_gradients_of_states_that_share_a_label_are_compared_by_step():
    loss, _, states = record(False, "h")
    loss.backward()
    mine = {t: h.grad.copy() for t, h in states.items()}
    assert compare(loss, {"h": mine})
    mine[3] = mine[3] + 1.0
    assert compare(loss, {"h": mine})["h"].step == 3


def test_contributions_that_are_doubled_from_a_step_on():
    loss, weights, _ = record(False)
    parts = grad_by_time(loss, weights["W"])
    scaled = {t: part * (2.0 if t <= 2 else 1.0) for t, part in parts.items()}
    assert compare(loss, {"W": sum(scaled.values())})["W"].step == 2
