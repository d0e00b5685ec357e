"""The vanilla network derived by hand, against the engine's modules and against central differences."""

import numpy as np
import pytest
from hypothesis import given

from microgradrnn import functional, nn
from microgradrnn.backprop import gradients
from microgradrnn.by_hand import vanilla
from microgradrnn.engine import Tensor
from tests.by_hand.witnesses import FEW, assert_same, differences, set_weights, sizes, without

SHAPES = {"x": "T N I", "h_0": "N H", "W_xh": "I H", "W_hh": "H H", "b_h": "H", "W_hy": "H O", "b_y": "O"}


def problem(s):
    """Inputs, weights and first state, and dL/dy for a loss that weighs every output differently."""
    arrays = s.arrays(**SHAPES, dy="T N O")
    return without(arrays, "dy"), arrays["dy"]


def by_hand(arrays, dy):
    y, cache = vanilla.forward(arrays["x"], without(arrays, "x", "h_0"), arrays["h_0"])
    return y, vanilla.backward(dy, cache)


@given(sizes)
def test_the_gradients_are_those_of_the_engines_network(s):
    arrays, dy = problem(s)
    x, h_0 = Tensor(arrays["x"]), Tensor(arrays["h_0"])
    net = set_weights(nn.RNN(s.I, s.H), arrays)
    W_hy, b_y = Tensor(arrays["W_hy"]), Tensor(arrays["b_y"])
    outputs, _ = net(x, h_0.reshape(1, s.N, s.H))
    y = outputs @ W_hy + b_y
    found = gradients((y * dy).sum())
    expected = {"x": found[x], "h_0": found[h_0], "W_hy": found[W_hy], "b_y": found[b_y]}
    expected |= {p.label: found[p] for p in net.parameters()}

    outputs_by_hand, gradients_by_hand = by_hand(arrays, dy)
    np.testing.assert_allclose(outputs_by_hand, y.data, rtol=1e-12, atol=1e-14)
    assert_same(gradients_by_hand, expected, 1e-10)
    assert set(gradients_by_hand) == set(expected)


@FEW
@given(sizes)
def test_the_gradients_are_central_differences_of_its_own_forward(s):
    arrays, dy = problem(s)
    assert_same(by_hand(arrays, dy)[1], differences(lambda a: np.sum(by_hand(a, dy)[0] * dy), arrays), 1e-6)


@given(sizes)
def test_one_step_back_is_the_engines_cell_with_a_read_out(s):
    """L reads y_t and, with dL/dh_t = dh_next, whatever comes after h_t."""
    arrays = s.arrays(**SHAPES, dy="N O", dh_next="N H")
    x, h_before = Tensor(arrays["x"][0]), Tensor(arrays["h_0"])
    cell = set_weights(nn.RNNCell(s.I, s.H), arrays)
    W_hy, b_y = Tensor(arrays["W_hy"]), Tensor(arrays["b_y"])
    h = cell(x, h_before)
    loss = functional.add_n([((h @ W_hy + b_y) * arrays["dy"]).sum(), (h * arrays["dh_next"]).sum()])
    expected = gradients(loss)

    weights = without(arrays, "x", "h_0", "dy", "dh_next")
    (step,) = vanilla.states(arrays["x"][:1], weights, arrays["h_0"])
    found = vanilla.backward_step(arrays["dy"], arrays["dh_next"], step)
    assert_same(found.shared, {p.label: expected[p] for p in cell.parameters()}, 1e-10)
    assert_same(found.shared, {"W_hy": expected[W_hy], "b_y": expected[b_y]}, 1e-10)
    assert_same({"x": found.x, "h": found.before}, {"x": expected[x], "h": expected[h_before]}, 1e-10)


@given(sizes)
def test_nothing_that_came_in_is_changed(s):
    arrays, dy = problem(s)
    kept = {name: array.copy() for name, array in arrays.items()}
    kept_dy = dy.copy()
    _, found = by_hand(arrays, dy)
    for gradient in found.values():
        gradient += 1.0
    for name, array in kept.items():
        np.testing.assert_array_equal(arrays[name], array)
    np.testing.assert_array_equal(dy, kept_dy)


GOOD = {"x": (2, 1, 3), "W_xh": (3, 4), "W_hh": (4, 4), "b_h": (4,), "W_hy": (4, 2), "b_y": (2,)}


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("x", (2, 3), r"vanilla\.forward: x has shape \(T, N, I\).*got \(2, 3\)"),
        ("W_xh", (4, 3), r"W_xh has shape \(I, H\) with I=3.*\(4, 3\)"),
        ("W_hh", (3, 4), r"W_hh has shape \(H, H\) with H=4.*\(3, 4\)"),
        ("b_y", (3,), r"b_y has shape \(O\) with O=2.*\(3,\)"),
        ("x", (0, 1, 3), "no time step"),
    ],
)
def test_a_shape_that_does_not_fit_is_an_error_that_says_what_was_expected(name, shape, message):
    arrays = {key: np.ones(size) for key, size in (GOOD | {name: shape}).items()}
    with pytest.raises(ValueError, match=message):
        vanilla.forward(arrays.pop("x"), arrays)


def test_a_first_state_or_an_upstream_that_does_not_fit_is_an_error():
    arrays = {name: np.ones(shape) for name, shape in GOOD.items()}
    x = arrays.pop("x")
    with pytest.raises(ValueError, match=r"h0 has shape \(N, H\) with N=1, H=4.*\(4,\)"):
        vanilla.forward(x, arrays, h0=np.ones(4))
    _, cache = vanilla.forward(x, arrays)
    with pytest.raises(
        ValueError, match=r"vanilla\.backward: dy has shape \(T, N, O\) with T=2, N=1, O=2.*\(2, 1, 4\)"
    ):
        vanilla.backward(np.ones((2, 1, 4)), cache)


def test_a_missing_weight_and_a_node_in_place_of_an_array_are_errors():
    arrays = {name: np.ones(shape) for name, shape in GOOD.items()}
    x = arrays.pop("x")
    with pytest.raises(KeyError, match="b_y missing"):
        vanilla.forward(x, without(arrays, "b_y"))
    with pytest.raises(TypeError, match=r"W_hh is an array of numbers, not a Tensor; of a node, \.data"):
        vanilla.forward(x, arrays | {"W_hh": Tensor(arrays["W_hh"])})
