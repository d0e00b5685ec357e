"""What is wrong or missing in the seed on language models where time comes in: errata points 27 to 32, and 34."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor, functional, nn
from microgradrnn.analysis import find_states, grad_by_time, grad_norms, power_norms, spectrum, state_jacobian
from microgradrnn.backprop import order, visit
from microgradrnn.engine import ancestors
from microgradrnn.nn.unrolled import scan
from microgradrnn.optim import clip_grad_norm_
from microgradrnn.stepping import walk
from tests.test_demos import load


def random_weights(module, seed, scale=0.7):
    """Weights that leave nothing zero, so that no term can hide."""
    rng = np.random.default_rng(seed)
    for p in module.parameters():
        p.data = rng.normal(scale=scale, size=p.shape)
    return module, rng


def sequence_loss(T, seed=0, N=2):
    """A vanilla network with a loss at every step: the loss, the cell, and what multiplies h_t in L_t, (T, N, 3)."""
    net, rng = random_weights(nn.RNN(2, 3), seed)
    w = rng.normal(size=(T, N, 3))
    losses = [(h * w[t - 1]).sum() for t, h in net.unroll(rng.normal(size=(T, N, 2)))]
    return functional.add_n(losses), net.cells[0][0], w


@given(st.integers(1, 6))
def test_seed_004_point_27_the_accumulator_gets_a_contribution_from_every_step_the_last_first(T):
    """dW_hh <- dW_hh + h_(t-1)^T dz_t for t = T .. 1; with the loss of the step alone in place of dh_t it is wrong."""
    loss, cell, w = sequence_loss(T)
    h = {0: np.zeros((2, 3))} | {t: node.data for t, node in find_states(loss).items()}
    found = grad_by_time(loss, cell.W_hh)
    assert list(found) == list(range(T, 0, -1))
    accumulator, of_own_step_alone, dh = np.zeros((3, 3)), np.zeros((3, 3)), np.zeros((2, 3))
    for t in range(T, 0, -1):
        dh = dh + w[t - 1]
        dz = dh * (1 - h[t] ** 2)
        accumulator += h[t - 1].T @ dz
        of_own_step_alone += h[t - 1].T @ (w[t - 1] * (1 - h[t] ** 2))
        np.testing.assert_allclose(found[t], h[t - 1].T @ dz, rtol=1e-9, atol=1e-12)
        dh = dz @ cell.W_hh.data.T
    loss.backward()
    np.testing.assert_allclose(accumulator, cell.W_hh.grad, rtol=1e-9, atol=1e-12)
    if T > 2:
        assert np.abs(of_own_step_alone - cell.W_hh.grad).max() > 1e-2


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_seed_004_point_28_a_node_is_visited_once_after_all_its_consumers(kind):
    net, rng = random_weights(kind(2, 3, num_layers=2), 0)
    loss = functional.add_n([(h * h).sum() for _, h in net.unroll(rng.normal(size=(4, 2, 2)))])
    turns = [visit.node for visit in walk(loss)]
    assert len(turns) == len(set(turns))
    turn = {node: k for k, node in enumerate(turns)}
    edges = [(node, x) for node in ancestors(loss) for x in node.inputs if x.requires_grad]
    assert len(edges) > 50
    assert all(turn[consumer] < turn[x] for consumer, x in edges)


def test_seed_004_point_28_a_state_that_is_visited_before_its_other_consumer_hands_on_too_little():
    """h_2 is read by its own L_2 and by step 3. Visited when only L_2's share is in, it gives a wrong dL/dh_1."""
    loss, _, _ = sequence_loss(3)
    h = find_states(loss)
    right, wrong = {loss: np.ones(())}, {loss: np.ones(())}
    nodes = order(loss)
    visit(nodes, right)
    of_step_2 = [node for node in nodes if node.t == 2]
    too_early = [node for node in nodes if node.t is None] + of_step_2
    visit(too_early + [node for node in nodes if node not in set(too_early)], wrong)
    loss.backward()
    np.testing.assert_array_equal(right[h[1]], h[1].grad)
    assert np.abs(wrong[h[1]] - h[1].grad).max() > 1e-2


def test_seed_004_point_29_the_chain_of_J_4_runs_through_every_step_once():
    """dJ_4/dh_1 = dJ_4/dh_4 dh_4/dh_3 dh_3/dh_2 dh_2/dh_1; the seed prints dh_4/dh_2 where dh_4/dh_3 is meant."""
    net, rng = random_weights(nn.RNN(2, 3), 0)
    h = dict(net.unroll(rng.normal(size=(4, 1, 2))))
    J_4 = (h[4] * rng.normal(size=(1, 3))).sum()
    J_4.backward()
    step = {(j, i): state_jacobian(h, i, j) for j, i in [(2, 1), (3, 2), (4, 3), (4, 2)]}
    corrected = h[4].grad @ step[4, 3] @ step[3, 2] @ step[2, 1]
    printed = h[4].grad @ step[4, 2] @ step[3, 2] @ step[2, 1]
    np.testing.assert_allclose(corrected, h[1].grad, rtol=1e-12)
    assert np.abs(printed - h[1].grad).max() > 1e-2
    np.testing.assert_allclose(step[4, 2], step[4, 3] @ step[3, 2], rtol=1e-12)


@given(i=st.integers(0, 4), steps=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
def test_seed_004_point_30_in_a_linear_network_a_gradient_goes_back_by_a_matrix_power(i, steps, seed):
    """dJ_T/dh_i = dJ_T/dh_T (W_hh^T)^(T-i), rows being gradients. The seed's W_hh in its place acts on columns."""
    cell, rng = random_weights(nn.RNNCell(2, 3, nonlinearity="identity"), seed)
    T, start, W = i + steps, Tensor(rng.normal(size=(2, 3)), "h_0"), cell.W_hh.data
    h = {0: start, **dict(scan(cell, enumerate(rng.normal(size=(T, 2, 2)), start=1), start))}
    (h[T] * rng.normal(size=(2, 3))).sum().backward()
    power = np.linalg.matrix_power(W.T, steps)
    np.testing.assert_allclose(h[i].grad, h[T].grad @ power, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(state_jacobian(h, i, T), [power, power], rtol=1e-9, atol=1e-11)
    transposed = np.linalg.matrix_power(W, steps)
    assert np.abs(h[i].grad - h[T].grad @ transposed).max() > 1e-9
    np.testing.assert_allclose(h[i].grad.T, transposed @ h[T].grad.T, rtol=1e-9, atol=1e-11)


def test_seed_004_point_30_eigenvalues_below_1_do_not_vanish_from_the_start_where_w_cannot_be_diagonalised():
    """Powers of [[.9, 1], [0, .9]] are [[p, q], [0, p]] with p = .9^n, q = n .9^(n-1): largest at n = 9.

    The seed's P D^n P^-1 with |D| = .9 would have them shrink by .9 in every step, but P has no inverse.
    """
    W, n = np.array([[0.9, 1.0], [0.0, 0.9]]), np.arange(1, 201)
    p, q = 0.9**n, n * 0.9 ** (n - 1.0)
    norms = power_norms(W, 200)
    np.testing.assert_allclose(norms, (q + np.sqrt(q**2 + 4 * p**2)) / 2, rtol=1e-9)
    assert norms.argmax() + 1 == 9
    assert norms[8] == pytest.approx(3.91, abs=5e-3)
    assert norms[8] > 0.9**9 * norms[0]
    assert norms[-1] < 1e-6
    assert spectrum(W).spectral_radius == pytest.approx(0.9)
    P = np.linalg.eig(W)[1]
    assert np.linalg.cond(P) > 1e12


@pytest.mark.parametrize("W", [[[0.0, -1.1], [1.1, 0.0]], [[-1.1, 0.0], [0.0, 0.5]]], ids=["complex", "negative"])
def test_seed_004_point_30_it_is_the_modulus_that_counts(W):
    """No eigenvalue is a real number above 1, and gradients explode."""
    assert not any(np.isreal(root) and root.real > 1 for root in np.linalg.eigvals(W))
    assert spectrum(W).spectral_radius == pytest.approx(1.1)
    assert power_norms(W, 50)[-1] == pytest.approx(1.1**50)


def test_seed_004_point_30_an_eigenvalue_above_1_explodes_along_its_own_direction_only():
    cell = nn.RNNCell(1, 2, nonlinearity="identity", seed=0)
    cell.W_hh.data = np.diag([1.5, 0.5])
    for direction, factor in (([[1.0, 0.0]], 1.5), ([[0.0, 1.0]], 0.5)):
        steps = dict(scan(cell, enumerate(np.zeros((20, 1, 1)), start=1), Tensor(np.ones((1, 2)))))
        norms = grad_norms((steps[20] * direction).sum())
        assert norms[1] == pytest.approx(factor**19)


def test_seed_004_point_31_norm_clipping_keeps_the_direction_of_the_whole_gradient():
    """Of all parameters together, where clipping each by itself would not: cosine 1 and cosine below 1."""
    loss, cell, _ = sequence_loss(5)
    loss.backward()
    params = cell.parameters()
    before = [p.grad.copy() for p in params]
    assert clip_grad_norm_(params, 0.1) > 1
    assert cosine(before, [p.grad for p in params]) == pytest.approx(1, abs=1e-12)
    each_alone = [g / np.linalg.norm(g) for g in before]
    assert cosine(before, each_alone) < 0.99


def cosine(a, b):
    a, b = (np.concatenate([g.ravel() for g in gradient]) for gradient in (a, b))
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def two_lstm_steps(seed):
    """A cell with all its weights, the states before and after two steps {t: (h_t, c_t)}, and what step 2 read."""
    cell, rng = random_weights(nn.LSTMCell(2, 3), seed, scale=1.0)
    x, h_0, c_0 = rng.normal(size=(2, 1, 2)), Tensor(rng.normal(size=(1, 3))), Tensor(rng.normal(size=(1, 3)))
    return cell, {0: (h_0, c_0), **dict(scan(cell, enumerate(x, start=1), (h_0, c_0)))}, x[1]


def gates(state, t):
    """What the gates of step t were, by their letter."""
    return {node.label[0]: node.data[0] for node in ancestors(state) if node.label[1:] == f"_{t}"}


def cell_line(cell, states):
    """dc_2/dc_1 in closed form: diag(f_2), and what comes through h_1 = o_1 tanh(c_1) and the gates of step 2."""
    h_2, c_2 = states[2]
    c, o, (f, i, g) = gates(c_2, 1)["c"], gates(h_2, 1)["o"], (gates(c_2, 2)[letter] for letter in "fig")
    U_i, U_f, U_g, _ = (part.T for part in np.split(cell.W_hh.data, 4, axis=1))
    to_gates = np.diag(c * f * (1 - f)) @ U_f + np.diag(g * i * (1 - i)) @ U_i + np.diag(i * (1 - g**2)) @ U_g
    return np.diag(f), to_gates @ np.diag(o * (1 - np.tanh(c) ** 2))


@given(st.integers(0, 2**32 - 1))
def test_seed_004_point_32_with_h_held_fixed_the_cell_line_is_diag_f_and_in_total_it_is_not(seed):
    cell, states, _ = two_lstm_steps(seed)
    line, through_h = cell_line(cell, states)
    c, (h_1, _) = {t: c for t, (_, c) in states.items()}, states[1]
    np.testing.assert_allclose(state_jacobian(c, 1, 2, held=[h_1]), line, rtol=1e-12)
    np.testing.assert_allclose(state_jacobian(c, 1, 2), line + through_h, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_seed_004_point_32_differences_see_the_total_and_the_seeds_diag_f_is_not_it(seed):
    cell, states, x_2 = two_lstm_steps(seed)
    line, _ = cell_line(cell, states)
    c, o_1 = {t: c for t, (_, c) in states.items()}, gates(states[2][0], 1)["o"]

    def c_2(c_1):
        return cell(x_2, (Tensor([o_1 * np.tanh(c_1)]), Tensor([c_1])))[1].data[0]

    moves = 1e-6 * np.eye(3)
    by_differences = np.stack([c_2(c[1].data[0] + move) - c_2(c[1].data[0] - move) for move in moves], axis=-1) / 2e-6
    np.testing.assert_allclose(state_jacobian(c, 1, 2), by_differences, rtol=1e-7, atol=1e-9)
    assert np.abs(line - by_differences).max() > 1e-2


def test_seed_004_point_32_a_gru_has_no_separate_cell_line():
    """z stands where f does, but dh_t/dh_(t-1) is not diag(z), and there is no second state to hold."""
    net, rng = random_weights(nn.GRU(2, 3), 0)
    steps = dict(net.unroll(rng.normal(size=(2, 1, 2))))
    z = gates(steps[2], 2)["z"]
    assert np.abs(state_jacobian(steps, 1, 2) - np.diag(z)).max() > 1e-2
    with pytest.raises(ValueError, match="no node with a gradient is labelled c_t"):
        find_states(steps[2], "c")


@given(st.floats(-30, 30))
def test_seed_004_point_32_gates_lie_strictly_between_0_and_1(z):
    """The seed has the closed interval [0, 1]: 0 and 1 are never reached, but by rounding."""
    assert 0 < Tensor([z]).sigmoid().data[0] < 1


def test_seed_004_point_32_in_float64_the_sigmoid_of_40_is_1_by_rounding():
    """1 - sigmoid(40) = sigmoid(-40), about 4e-18, is not 0; beside 1 it is lost."""
    assert Tensor([40.0]).sigmoid().data[0] == 1
    assert Tensor([-40.0]).sigmoid().data[0] == pytest.approx(np.exp(-40.0), abs=0)


@pytest.fixture(scope="module")
def past_fifty(tmp_path_factory):
    """The demo at its full size."""
    return load("11_recall").main(out=tmp_path_factory.mktemp("recall"), lag=50)


def test_seed_004_point_34_past_fifty_distractors_the_lstm_and_the_gru_recall_the_key(past_fifty):
    """The printer and the toner, as a task."""
    assert past_fifty.outcomes["LSTM"].accuracy >= 0.95
    assert past_fifty.outcomes["GRU"].accuracy >= 0.95


def test_seed_004_point_34_the_vanilla_network_does_not_for_its_gradient_does_not_reach_the_key(past_fifty):
    """Chance is 1/4, give or take 0.014 over 1000 sequences."""
    found = past_fifty.outcomes
    assert abs(found["RNN"].accuracy - past_fifty.chance) < 0.07
    for when in ("before", "after"):
        h = getattr(found["RNN"], when)["h"]
        assert h[1] < 1e-9 * h[52]
    for name in ("LSTM", "GRU"):
        h = found[name].before["h"]
        assert h[1] > 0.01 * h[52]
    assert past_fifty.W_hh.spectral_radius < 1


def test_seed_004_point_34_the_same_cell_learns_it_where_the_gradient_is_kept_so_that_was_the_cause(past_fifty):
    found = past_fifty.outcomes["RNN, W_hh orthogonal"]
    assert found.before["h"][1] > 0.001 * found.before["h"][52]
    assert found.accuracy >= 0.95


def test_seed_004_point_34_with_a_short_distractor_all_of_them_recall_the_key(tmp_path, capfd):
    result = load("11_recall").main(out=tmp_path, lag=5, updates=300)
    for found in result.outcomes.values():
        assert found.accuracy >= 0.95
        assert list(found.before["h"]) == list(found.after["h"]) == list(range(1, 8))
        assert found.before["h"][1] > 1e-4 * found.before["h"][7]
    assert list(result.outcomes["LSTM"].before) == ["h", "c"]
    assert result.written == tmp_path / "recall.png"
    assert result.written.stat().st_size > 10_000
    assert str(result.written) in capfd.readouterr().out
