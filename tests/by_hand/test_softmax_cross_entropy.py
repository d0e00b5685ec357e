"""Softmax with log loss derived by hand, against the engine, differences, and what must be so of probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor, functional
from microgradrnn.by_hand import softmax_cross_entropy
from tests.by_hand.witnesses import assert_same, differences


@st.composite
def scores_and_targets(draw):
    shape = draw(st.lists(st.integers(1, 3), max_size=2))
    classes, seed = draw(st.integers(1, 5)), draw(st.integers(0, 99))
    rng = np.random.default_rng(seed)
    return rng.normal(scale=2, size=(*shape, classes)), rng.integers(classes, size=shape), rng.normal(size=shape)


@given(scores_and_targets())
def test_losses_and_gradients_are_the_engines(problem):
    y, targets, upstream = problem
    node = Tensor(y)
    losses = functional.cross_entropy(node, targets, reduction="none")
    losses.backward(upstream)
    found, cache = softmax_cross_entropy.forward(y, np.asarray(targets))
    np.testing.assert_allclose(found, losses.data, rtol=1e-12, atol=1e-14)
    dy = softmax_cross_entropy.backward(np.asarray(upstream), cache)["y"]
    np.testing.assert_allclose(dy, node.grad, rtol=1e-10, atol=1e-14)


@given(scores_and_targets())
def test_the_gradient_is_a_central_difference_of_the_loss(problem):
    y, targets, upstream = problem

    def loss(arrays):
        return np.sum(softmax_cross_entropy.forward(arrays["y"], np.asarray(targets))[0] * upstream)

    _, cache = softmax_cross_entropy.forward(y, np.asarray(targets))
    assert_same(softmax_cross_entropy.backward(np.asarray(upstream), cache), differences(loss, {"y": y}), 1e-6)


@given(st.integers(1, 6), st.integers(0, 99))
def test_the_jacobian_is_differences_of_softmax_and_takes_the_log_loss_to_s_minus_one_hot(classes, seed):
    y = np.random.default_rng(seed).normal(size=classes)
    J = softmax_cross_entropy.jacobian(y)
    for i in range(classes):
        row = differences(lambda arrays, i=i: softmax_cross_entropy.softmax(arrays["y"])[i], {"y": y})["y"]
        np.testing.assert_allclose(J[i], row, atol=1e-10)
    _, cache = softmax_cross_entropy.forward(y, np.asarray(classes - 1))
    through_S = -J[classes - 1] / softmax_cross_entropy.softmax(y)[classes - 1]
    np.testing.assert_allclose(softmax_cross_entropy.backward(np.ones(()), cache)["y"], through_S, atol=1e-12)


def test_large_scores_do_not_overflow():
    losses, cache = softmax_cross_entropy.forward(np.array([[1e4, 0.0], [-1e4, 0.0]]), np.array([1, 0]))
    assert losses.tolist() == [1e4, 1e4]
    assert softmax_cross_entropy.backward(np.ones(2), cache)["y"].tolist() == [[1.0, -1.0], [-1.0, 1.0]]


@pytest.mark.parametrize(
    ("targets", "error", "message"),
    [
        (np.array([0, 3]), ValueError, r"targets are in 0 \.\. 2"),
        (np.array([0, -1]), ValueError, r"targets are in 0 \.\. 2"),
        (np.array([0, 1, 2]), ValueError, r"y has shape \(A, K\) with A=3.*\(2, 3\)"),
        (np.array([0.0, 1.0]), TypeError, "class indices, integers, not float64"),
    ],
)
def test_targets_that_do_not_fit_are_an_error(targets, error, message):
    with pytest.raises(error, match=message):
        softmax_cross_entropy.forward(np.zeros((2, 3)), targets)


def test_an_upstream_that_does_not_fit_is_an_error():
    _, cache = softmax_cross_entropy.forward(np.zeros((2, 3)), np.array([0, 1]))
    with pytest.raises(ValueError, match=r"upstream has shape \(2,\), got \(2, 3\)"):
        softmax_cross_entropy.backward(np.ones((2, 3)), cache)
