"""What is wrong or missing in the seed on computational graphs where time comes in: errata points 14 to 16."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Backprop, Tensor, functional, nn
from microgradrnn.analysis import find_states, grad_norms, power_norms, spectrum, state_jacobian
from microgradrnn.nn.unrolled import scan
from microgradrnn.optim import clip_grad_norm_, clip_grad_value_

STRETCHING = np.array([[0.5, 10.0], [0.0, 0.5]])
"""Its largest singular value is above 10 and its spectral radius 0.5."""


def a_language_model(T, N=2):
    """A vanilla network with a read-out and a loss at every step: the loss, W_hh, W_hy and the targets."""
    rng = np.random.default_rng(0)
    net, W_hy, targets = nn.RNN(2, 3, seed=rng), Tensor(rng.normal(size=(3, 4)), "W_hy"), rng.integers(4, size=(T, N))
    steps = net.unroll(rng.normal(size=(T, N, 2)))
    loss = functional.add_n([functional.cross_entropy(h @ W_hy, targets[t - 1], reduction="sum") for t, h in steps])
    return loss, net.cells[0][0].W_hh.data, W_hy.data, targets


def arrivals(loss):
    """For each t the contributions that arrive at h_t in a backward pass, as (step they come from, contribution)."""
    at = {h: t for t, h in find_states(loss).items()}
    found = {t: [] for t in at.values()}
    for visit in Backprop(loss):
        for edge in visit.edges:
            if edge.input in at:
                found[at[edge.input]].append((edge.node.t, edge.downstream))
    return found


@given(st.integers(2, 6))
def test_seed_002_point_14_at_the_copy_node_the_hidden_gradient_arrives_from_the_step_after(T):
    """The seed says "from the previous time step". From there nothing arrives: backward, that step comes later."""
    loss, *_ = a_language_model(T)
    steps = {t: [source for source, _ in found] for t, found in arrivals(loss).items()}
    assert steps == {t: [t + 1, t] for t in range(1, T)} | {T: [T]}
    assert not any(t - 1 in sources for t, sources in steps.items())


def test_seed_002_point_14_what_arrives_is_the_next_steps_dz_through_W_hh():
    """dL/dh_t = dy_t W_hy^T + dz_(t+1) W_hh^T. With dz_(t-1) in its place, as the seed has it, the sum is wrong."""
    loss, W_hh, W_hy, targets = a_language_model(4)
    found, h = arrivals(loss), {t: node.data for t, node in find_states(loss).items()}
    dy = {t: softmax(h[t] @ W_hy) - np.eye(4)[targets[t - 1]] for t in h}
    dh, dz = {4: dy[4] @ W_hy.T}, {}
    for t in (4, 3, 2, 1):
        dz[t] = dh[t] * (1 - h[t] ** 2)
        dh[t - 1] = dz[t] @ W_hh.T + (dy[t - 1] @ W_hy.T if t > 1 else 0)
    for t in (2, 3):
        (_, from_next), (_, from_readout) = found[t]
        np.testing.assert_allclose(from_readout, dy[t] @ W_hy.T, rtol=1e-10)
        np.testing.assert_allclose(from_next, dz[t + 1] @ W_hh.T, rtol=1e-10)
        assert np.abs(from_next - dz[t - 1] @ W_hh.T).max() > 1e-2


def softmax(y):
    return np.exp(y) / np.exp(y).sum(axis=1, keepdims=True)


def sigmoid_step(x, h, W):
    return (x + h @ W).sigmoid()


def tanh_step(x, h, W):
    return (x + h @ W).tanh()


@pytest.mark.parametrize(("step", "gain"), [(tanh_step, 1.0), (sigmoid_step, 0.25)], ids=["tanh", "sigmoid"])
@given(shrink=st.floats(0.1, 0.99), n=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
def test_seed_002_point_15_a_largest_singular_value_below_1_over_g_suffices_to_vanish(step, gain, shrink, n, seed):
    """|dh_n/dh_0| <= (g sigma)^n, whatever the inputs."""
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(3, 3))
    W *= shrink / (gain * spectrum(W).norm)
    states = {0: Tensor(rng.normal(size=3))}
    for t in range(1, n + 1):
        states[t] = step(rng.normal(size=3), states[t - 1], W)
    assert spectrum(state_jacobian(states, 0, n)).norm <= shrink**n * (1 + 1e-9)
    assert "sufficient to vanish" in spectrum(W, gain).implies


def test_seed_002_point_15_with_sigmoid_the_bound_is_4_and_not_1():
    """sigma = 3 is above 1, where the seed has gradients explode: at h = 1/2, the steepest place, they vanish."""
    W, h = 3 * np.eye(2), Tensor([0.5, 0.5])
    states = {0: h}
    for t in range(1, 21):
        states[t] = sigmoid_step(-1.5, states[t - 1], W)
    assert spectrum(state_jacobian(states, 0, 20)).norm == pytest.approx(0.75**20)


@pytest.mark.parametrize(("n", "measured"), [(1, 10.02), (2, 10.006), (5, 3.1), (10, 0.195), (20, 4e-4)])
def test_seed_002_point_15_a_largest_singular_value_above_1_does_not_suffice_to_explode(n, measured):
    """W^n = [[p, q], [0, p]] with p = 0.5^n, q = 10 n 0.5^(n-1), whose norm is (q + sqrt(q^2 + 4 p^2)) / 2."""
    p, q = 0.5**n, 10 * n * 0.5 ** (n - 1)
    norm = power_norms(STRETCHING, n)[-1]
    assert norm == pytest.approx((q + np.sqrt(q**2 + 4 * p**2)) / 2, rel=1e-12)
    assert norm == pytest.approx(measured, rel=0.1)


def test_seed_002_point_15_by_the_seeds_rule_that_matrix_would_explode_and_in_the_engine_it_vanishes():
    found = spectrum(STRETCHING)
    assert found.norm > 10
    assert found.spectral_radius == 0.5
    assert "necessary to explode, not sufficient" in found.implies
    cell = nn.RNNCell(1, 2, nonlinearity="identity", seed=0)
    cell.W_hh.data = STRETCHING
    states = dict(scan(cell, enumerate(np.zeros((40, 1, 1)), start=1), Tensor([[1.0, 1.0]], "h_0")))
    norms = grad_norms((states[40] * [[1.0, 1.0]]).sum())
    assert norms[39] > 7 * norms[40]  # it does grow at first
    assert norms[0] < 1e-8 * norms[40]


@given(st.lists(st.floats(-20, 20), min_size=2, max_size=5).filter(lambda g: max(map(abs, g)) > 0.1))
def test_seed_002_point_16_clipping_by_norm_keeps_the_direction(g):
    p = Tensor(np.zeros(len(g)))
    p.grad = g
    clip_grad_norm_([p], 0.1)
    assert np.linalg.norm(p.grad) == pytest.approx(0.1)
    assert cosine(p.grad, g) == pytest.approx(1, abs=1e-12)


def test_seed_002_point_16_clipping_by_value_changes_the_direction():
    """(10, 1) at 5 is (5, 1): cosine 51 / sqrt(101 * 26)."""
    p = Tensor([0.0, 0.0])
    p.grad = [10.0, 1.0]
    clip_grad_value_([p], 5.0)
    assert p.grad.tolist() == [5.0, 1.0]
    assert cosine(p.grad, [10.0, 1.0]) == pytest.approx(51 / np.sqrt(101 * 26)) == pytest.approx(0.9952, abs=5e-5)


def cosine(a, b):
    return np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b)


@pytest.mark.parametrize("upstream", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(("z", "passes"), [(0.0, 1.0), (10.0, 1 / np.cosh(10.0) ** 2)])
def test_seed_002_point_16_what_saturates_tanh_is_its_input_and_not_the_gradient(z, upstream, passes):
    """A gradient of any size passes by the same factor, 1 / cosh(z)^2. By the seed's words a large one would be lost.

    The factor is near 0 for a large input and 1 for an input of 0.
    """
    visit = Backprop(Tensor([z]).tanh(), upstream=[upstream]).step()
    assert visit.edges[0].downstream == pytest.approx(upstream * passes, rel=1e-6, abs=0)
