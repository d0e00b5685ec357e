"""What the errata say of the seed on the vanilla RNN, points 3 and 4: one step backward, and what is wrong in its code.

The seed's code is kept here, in NumPy, as `wrong_one_step_backwards` and `wrong_rnn_backward`: a "find the bug" in
which `compare` shows the way.
"""

import numpy as np
import pytest
from hypothesis import given

from microgradrnn import Tensor, functional, nn, scope
from microgradrnn.backprop import gradients
from microgradrnn.by_hand import vanilla
from microgradrnn.comparison import compare
from tests.by_hand.witnesses import Sizes, assert_same, differences, set_weights, sizes, without

SHAPES = {"x": "T N I", "h_0": "N H", "W_xh": "I H", "W_hh": "H H", "b_h": "H", "W_hy": "H O", "b_y": "O"}
SQUARE = Sizes(T=4, N=3, I=3, H=3, O=3, seed=0)
"""All sizes alike: the only case in which the seed's code runs."""
WEIGHTS = ("W_hy", "b_y", "W_hh", "b_h", "W_xh")


def problem(s):
    arrays = s.arrays(**SHAPES, dy="T N O")
    return without(arrays, "dy"), arrays["dy"]


def forward(arrays):
    return vanilla.forward(arrays["x"], without(arrays, "x", "h_0"), arrays["h_0"])


def record(arrays, dy):
    """L = sum over t of <dy_t, y_t>, with every step in its scope."""
    cell = set_weights(nn.RNNCell(arrays["W_xh"].shape[0], arrays["W_xh"].shape[1]), arrays)
    h, W_hy, b_y = Tensor(arrays["h_0"], "h_0"), Tensor(arrays["W_hy"], "W_hy"), Tensor(arrays["b_y"], "b_y")
    losses = []
    for t, (x, dy_t) in enumerate(zip(arrays["x"], dy, strict=True), start=1):
        with scope("cell", t=t):
            h = cell(Tensor(x, f"x_{t}"), h)
            losses.append(((h @ W_hy + b_y) * dy_t).sum())
    return functional.add_n(losses)


# Point 3: one step backward


@given(sizes)
def test_seed_000_point_3_one_step_backward(s):
    """The eight formulas, each against central differences of what one step does to a loss that also reads h_t."""
    arrays = s._replace(T=1).arrays(**SHAPES, dy="N O", dh_next="N H")
    dy, dh_next = arrays.pop("dy"), arrays.pop("dh_next")

    def loss(arrays):
        y, (step,) = forward(arrays)
        return np.sum(y[0] * dy) + np.sum(step.h * dh_next)

    _, (step,) = forward(arrays)
    found = vanilla.backward_step(dy, dh_next, step)
    assert_same(found.shared | {"x": found.x[None], "h_0": found.before}, differences(loss, arrays), 1e-6)


@given(sizes)
def test_seed_000_point_3_the_gradient_of_h_0_is_what_the_first_step_hands_on_alone(s):
    arrays, dy = problem(s)
    _, cache = forward(arrays)
    handed_on = np.zeros_like(arrays["h_0"])
    for t in range(s.T, 0, -1):
        handed_on = vanilla.backward_step(dy[t - 1], handed_on, cache[t - 1]).before
    loss = record(arrays, dy)
    assert compare(loss, {"h_0": handed_on})
    through_y_1 = dy[0] @ arrays["W_hy"].T
    assert not compare(loss, {"h_0": handed_on + through_y_1})


# Point 4: the seed's code


def wrong_one_step_backwards(output_grad, cache):
    """`oneStepBackwards` as the seed has it, but for x: it reads one and has none, so here it is in the cache."""
    Why, ht, Whh, prev_h, next_h, x = cache
    dWhy = output_grad @ ht.T
    dby = output_grad.sum(0)
    dht = output_grad @ Why.T
    dtanh = dht * (1 - next_h**2)
    dWhh = prev_h.T @ dtanh
    dprev_h = dtanh @ Whh.T
    dbh = dtanh.sum(0)
    dWxh = x.T @ dtanh
    return dWhy, dby, dht, dWhh, dbh, dWxh, dprev_h


def wrong_rnn_backward(dh, cache):
    """`rnn_backward` as the seed has it, for dh of shape (N, T, H); it also returns what each step contributed."""
    steps = {}
    for i in range(dh.shape[1] - 1, -1, -1):
        if i == dh.shape[1] - 1:
            dprev_h = dh[:, i, :]
        _dWhy, _dby, _dht, _dWhh, _dbh, _dWxh, dprev_h = wrong_one_step_backwards(dprev_h, cache[i])
        dprev_h = dprev_h + _dht
        steps[i + 1] = {"W_hy": _dWhy, "b_y": _dby, "W_hh": _dWhh, "b_h": _dbh, "W_xh": _dWxh}
    return {label: sum(step[label] for step in steps.values()) for label in WEIGHTS} | {"h_0": dprev_h}, steps


def wrong(arrays, dy):
    """Called with dL/dy: that is what it uses its argument as, though it says dL/dh."""
    _, steps = forward(arrays)
    cache = [(arrays["W_hy"], step.h, arrays["W_hh"], step.h_before, step.h, step.x) for step in steps]
    return wrong_rnn_backward(dy.transpose(1, 0, 2), cache)


def test_seed_000_point_4_the_seeds_code_raises_where_the_sizes_differ():
    arrays, dy = problem(Sizes(T=4, N=2, I=2, H=4, O=3, seed=0))
    with pytest.raises(ValueError, match="matmul"):
        wrong(arrays, dy)
    assert compare(record(arrays, dy), vanilla.backward(dy, forward(arrays)[1]))


def test_seed_000_point_4_in_the_square_case_its_errors_are_large():
    arrays, dy = problem(SQUARE)
    mine, _ = wrong(arrays, dy)
    found = gradients(record(arrays, dy))
    ours = {node.label: grad for node, grad in found.items() if node.label in mine}
    for label in ("W_hh", "W_xh", "W_hy", "h_0"):
        assert np.linalg.norm(mine[label] - ours[label]) > 0.3 * np.linalg.norm(ours[label]), label


@pytest.mark.parametrize("documented", [False, True], ids=["called with dL/dy", "called with dL/dh, as it says"])
def test_seed_000_point_4_compare_finds_every_gradient_of_it_wrong(documented):
    arrays, dy = problem(SQUARE)
    result = compare(record(arrays, dy), wrong(arrays, dy @ arrays["W_hy"].T if documented else dy)[0])
    assert not result
    assert [finding.label for finding in result.findings if finding.agrees] == []


def test_seed_000_point_4_compare_points_at_each_bug():
    """The swapped operands are wrong from the last step on, what follows from the mixed-up gradients from the next."""
    arrays, dy = problem(SQUARE)
    _, steps = wrong(arrays, dy)
    result = compare(record(arrays, dy), {label: {t: steps[t][label] for t in steps} for label in WEIGHTS})
    assert result["W_hy"].step == 4
    for label in ("b_y", "W_hh", "b_h", "W_xh"):
        assert (result[label].step, result[label].why) == (3, "right at step 4")
    assert result.step == 4


def test_seed_000_point_4_with_one_row_the_swapped_operands_show_in_the_shape():
    """dy h^T is (N, N), where h^T dy is (H, O)."""
    arrays, dy = problem(SQUARE._replace(N=1))
    with pytest.raises(ValueError, match=r"W_hy has shape \(3, 3\).* got \(1, 1\)"):
        compare(record(arrays, dy), {"W_hy": wrong(arrays, dy)[0]["W_hy"]})
