"""The gradient of a shared weight, taken apart by time step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor, nn
from microgradrnn.analysis import grad_by_time


@given(st.integers(1, 6), st.sampled_from(["RNN", "LSTM", "GRU"]))
def test_the_steps_sum_to_the_weights_gradient(T, kind):
    """Seed 004, point 27: the per-step contributions sum to W.grad."""
    rng = np.random.default_rng(T)
    net = getattr(nn, kind)(2, 3, seed=rng)
    outputs, _ = net(rng.normal(size=(T, 2, 2)))
    loss = (outputs * rng.normal(size=outputs.shape)).sum()
    loss.backward()
    for weight in net.parameters():
        by_time = grad_by_time(loss, weight)
        assert list(by_time) == list(range(T, 0, -1))
        np.testing.assert_allclose(sum(by_time.values()), weight.grad, rtol=1e-10, atol=1e-14)


def test_each_step_is_the_derivation_by_hand():
    """h_t = h_(t-1) W: dW at step t is h_(t-1)^T dh_t, with dh_(t-1) = dh_t W^T."""
    cell = nn.RNNCell(1, 3, nonlinearity="identity", seed=0)
    start, T = np.array([[1.0, -2.0, 0.5]]), 4
    states = [start]
    net = nn.RNN(1, 3, nonlinearity="identity", seed=0)
    net.cells[0][0] = cell
    _, last = net(np.zeros((T, 1, 1)), h0=start[None])
    W = cell.W_hh.data
    for _ in range(T):
        states.append(states[-1] @ W)
    by_time, dh = grad_by_time(last.sum(), cell.W_hh), np.ones((1, 3))
    for t in range(T, 0, -1):
        np.testing.assert_allclose(by_time[t], states[t - 1].T @ dh, rtol=1e-12)
        dh = dh @ W.T


def test_a_weight_that_the_loss_does_not_read_is_an_error():
    with pytest.raises(ValueError, match="does not depend on"):
        grad_by_time((Tensor([1.0]) * 2).sum(), Tensor([1.0], "w"))
