"""The character model derived by hand, against the engine's cell, cross-entropy, clipping and Adagrad."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Parameter, Tensor, functional, nn
from microgradrnn.by_hand import min_char_rnn
from microgradrnn.optim import Adagrad, clip_grad_value_
from tests.by_hand.witnesses import FEW, assert_same, differences, set_weights, sizes

SHAPES = {"W_xh": "I H", "W_hh": "H H", "b_h": "H", "W_hy": "H I", "b_y": "I"}


def problem(s):
    """Weights, a state to start from, and a text: s.I is the number of characters."""
    weights = s.arrays(**SHAPES)
    rng = np.random.default_rng(s.seed)
    return weights, rng.normal(size=(s.N, s.H)), rng.integers(s.I, size=(s.T + 1, s.N))


def engine(weights, h0, text):
    """The parameters after a backward pass, the loss and the last state."""
    cell = set_weights(nn.RNNCell(len(weights["b_y"]), len(weights["b_h"])), weights)
    W_hy, b_y = Parameter(weights["W_hy"], "W_hy"), Parameter(weights["b_y"], "b_y")
    h, losses = Tensor(h0), []
    for now, following in pairwise(text):
        h = cell(np.eye(len(b_y.data))[now], h)
        losses.append(functional.cross_entropy(h @ W_hy + b_y, following, reduction="sum"))
    loss = functional.add_n(losses)
    loss.backward()
    return [*cell.parameters(), W_hy, b_y], loss.item(), h.data


@given(sizes, st.sampled_from([np.inf, 5.0, 0.1]))
def test_loss_clipped_gradients_and_last_state_are_the_engines(s, clip):
    weights, h0, text = problem(s)
    parameters, loss, last = engine(weights, h0, text)
    clip_grad_value_(parameters, clip)
    found, gradients, h = min_char_rnn.loss_and_gradients(text[:-1], text[1:], weights, h0, clip)
    assert found == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(h, last, rtol=1e-12, atol=1e-14)
    assert_same(gradients, {p.label: p.grad for p in parameters}, 1e-10)


def test_gradients_are_clipped_at_5_unless_told():
    weights, h0, text = problem_with_a_long_text()
    _, free, _ = min_char_rnn.loss_and_gradients(text[:-1], text[1:], weights, h0, clip=np.inf)
    _, clipped, _ = min_char_rnn.loss_and_gradients(text[:-1], text[1:], weights, h0)
    assert max(np.abs(gradient).max() for gradient in free.values()) > 5
    assert max(np.abs(gradient).max() for gradient in clipped.values()) == 5
    assert np.abs(free["b_y"]).max() < 5
    np.testing.assert_array_equal(clipped["b_y"], free["b_y"])


def problem_with_a_long_text():
    """Where W_hh's gradient goes above 5, and b_y's does not."""
    rng = np.random.default_rng(1)
    weights = {"W_xh": rng.normal(size=(3, 4)), "W_hh": rng.normal(size=(4, 4)), "b_h": np.zeros(4)}
    weights |= {"W_hy": 5 * rng.normal(size=(4, 3)), "b_y": np.zeros(3)}
    return weights, np.zeros((1, 4)), rng.integers(3, size=(7, 1))


@FEW
@given(sizes)
def test_the_gradients_are_central_differences_of_the_loss(s):
    weights, h0, text = problem(s)

    def loss(weights):
        return min_char_rnn.loss_and_gradients(text[:-1], text[1:], weights, h0)[0]

    _, gradients, _ = min_char_rnn.loss_and_gradients(text[:-1], text[1:], weights, h0, clip=np.inf)
    assert_same(gradients, differences(loss, weights), 1e-6)


@given(sizes)
def test_five_steps_of_training_are_the_engines(s):
    """Loss, clipping and Adagrad together: the weights stay the same all the way."""
    weights, h0, text = problem(s)
    parameters, _, _ = engine(weights, h0, text)
    optimizer, memory = Adagrad(parameters, lr=0.1, eps=1e-8, eps_inside=True), {}
    for _ in range(5):
        now = {p.label: np.array(p.data) for p in parameters}
        for p, fresh in zip(parameters, engine(now, h0, text)[0], strict=True):
            p.grad = fresh.grad
        clip_grad_value_(parameters, 5.0)
        optimizer.step()
        _, gradients, _ = min_char_rnn.loss_and_gradients(text[:-1], text[1:], weights, h0)
        weights, memory = min_char_rnn.adagrad(weights, gradients, memory)
        assert_same(weights, {p.label: p.data for p in parameters}, 1e-8)


def test_adagrad_is_its_formula_over_two_steps_and_changes_nothing_in_place():
    weights, gradients = {"w": np.array([1.0])}, {"w": np.array([3.0])}
    first, memory = min_char_rnn.adagrad(weights, gradients, {}, lr=0.5, eps=0.25)
    second, _ = min_char_rnn.adagrad(first, {"w": np.array([-1.0])}, memory, lr=0.5, eps=0.25)
    assert first["w"].item() == pytest.approx(1 - 0.5 * 3 / 9.25**0.5)
    assert second["w"].item() == pytest.approx(first["w"].item() + 0.5 / 10.25**0.5)
    assert (weights["w"].item(), memory["w"].item()) == (1.0, 9.0)


def test_the_smoothed_loss_of_a_constant_loss_comes_to_it():
    smooth = 0.0
    for _ in range(1000):
        smooth = min_char_rnn.smoothed(smooth, 7.0)
    assert smooth == pytest.approx(7.0 * (1 - 0.999**1000))


@pytest.mark.parametrize("inputs", [np.array([[0], [3]]), np.array([[0], [-1]]), np.array([[0.0], [1.0]])])
def test_characters_that_do_not_exist_are_an_error(inputs):
    weights = {"W_xh": np.ones((3, 2)), "W_hh": np.ones((2, 2)), "b_h": np.ones(2), "W_hy": np.ones((2, 3))}
    with pytest.raises(ValueError, match=r"inputs are integers in 0 \.\. 2"):
        min_char_rnn.loss_and_gradients(inputs, np.array([[0], [1]]), weights | {"b_y": np.ones(3)})
