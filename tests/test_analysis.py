"""Gradients in time: by step of a shared weight, at the states, between the states; spectra and powers."""

import re
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor, Value, nn, scope
from microgradrnn.analysis import find_states, grad_by_time, grad_norms, power_norms, spectrum, state_jacobian
from microgradrnn.engine import ancestors
from microgradrnn.nn.unrolled import scan

CELLS = {"RNN": nn.RNNCell, "LSTM": nn.LSTMCell, "GRU": nn.GRUCell}
NETWORKS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}
every_cell = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
every_network = pytest.mark.parametrize("kind", NETWORKS.values(), ids=NETWORKS)


def random_weights(module, seed):
    """Weights that leave nothing zero, so that no term can hide."""
    rng = np.random.default_rng(seed)
    for p in module.parameters():
        p.data = rng.normal(scale=0.7, size=p.shape)
    return module, rng


def as_tuple(state):
    return state if isinstance(state, tuple) else (state,)


def states_of(cell, x, start):
    """{t: the state after step t} for t = 0 .. T, from first states that get a gradient; a tuple where it is one."""
    first = tuple(Tensor(part) for part in start)
    first = first if len(first) > 1 else first[0]
    return {0: first, **dict(scan(cell, enumerate(x, start=1), first))}


def differences(function, state, eps=1e-6):
    """d(function)/d(state) of arrays, by moving one entry at a time; rows are the entries of what comes out."""
    columns = []
    for k in range(state.size):
        move = np.zeros_like(state)
        move.flat[k] = eps
        columns.append((function(state + move) - function(state - move)).ravel() / (2 * eps))
    return np.stack(columns, axis=-1)


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


# States


@every_network
def test_states_are_found_by_their_labels_layer_by_layer_and_direction_by_direction(kind):
    outputs, _ = kind(2, 3, num_layers=2, bidirectional=True, seed=0)(np.ones((12, 1, 2)))
    by_label = {node.label: node for node in ancestors(outputs) if node.label and node.op}
    for name in ("h1", "h1r", "h2", "h2r"):
        found = find_states(outputs, name)
        assert found == {t: by_label[f"{name}_{t}"] for t in range(1, 13)}
        assert list(found) == list(range(1, 13))


def test_the_states_of_a_step_at_a_time_network_are_the_nodes_that_it_yields():
    rnn = nn.GRU(2, 3, seed=0)
    steps = dict(rnn.unroll(np.ones((3, 1, 2))))
    assert find_states(steps[3]) == steps


def test_a_learnt_first_state_is_found_and_a_constant_one_is_not():
    for learn_h0, first in ((True, 0), (False, 1)):
        outputs, _ = nn.RNN(2, 3, learn_h0=learn_h0, seed=0)(np.ones((2, 1, 2)))
        assert min(find_states(outputs)) == first


def test_where_nothing_has_that_name_the_error_says_what_there_is():
    outputs, _ = nn.LSTM(2, 3, num_layers=2, seed=0)(np.ones((2, 1, 2)))
    with pytest.raises(ValueError, match=r"labelled h_t; .*layer1/c1, .*layer1/h1, .*layer2/h2"):
        find_states(outputs)
    with pytest.raises(ValueError, match="labelled by step are: none"):
        find_states(Tensor([1.0]) * 2)


def two_networks():
    """One RNN reading after the other, each in a scope of its own, with the same labels."""
    with scope("encoder"):
        outputs, last = nn.RNN(2, 3, seed=0)(np.ones((2, 1, 2)))
    with scope("decoder"):
        return outputs, nn.RNN(2, 3, seed=1)(np.ones((3, 1, 2)), h0=last)[0]


def test_where_two_networks_share_a_label_the_scope_tells_which():
    encoded, decoded = two_networks()
    assert find_states(decoded, "encoder/h") == find_states(encoded)
    decoder = find_states(decoded, "decoder/h")
    assert [node.scope for node in decoder.values()] == ["decoder/layer1"] * 3
    assert find_states(decoded, "decoder/layer1/h") == decoder
    with pytest.raises(ValueError, match="two nodes are labelled h_1, in the scopes 'encoder/layer1' and 'decoder/"):
        find_states(decoded)
    with pytest.raises(ValueError, match=r"decoder/layer1/h, .*encoder/layer1/h"):
        find_states(decoded, "coder/h")


@every_network
def test_norms_by_step_are_those_of_the_gradients_that_backward_leaves(kind):
    net, rng = random_weights(kind(2, 3), 0)
    outputs, _ = net(rng.normal(size=(4, 5, 2)))
    loss = (outputs * rng.normal(size=outputs.shape)).sum()
    norms = grad_norms(loss)
    assert all(node.grad is None for node in ancestors(loss))
    loss.backward()
    expected = {t: np.sqrt((h.grad**2).sum()) for t, h in find_states(loss).items()}
    assert list(norms) == [1, 2, 3, 4]
    assert norms == pytest.approx(expected)
    assert all(type(norm) is float for norm in norms.values())


def test_norms_by_step_of_a_vanilla_network_are_those_of_the_recursion_by_hand():
    """dL/dh_T = w, and dL/dh_(t-1) = (dL/dh_t (1 - h_t^2)) W_hh^T."""
    net, rng = random_weights(nn.RNN(2, 3), 1)
    outputs, _ = net(rng.normal(size=(5, 2, 2)))
    w = rng.normal(size=(2, 3))
    found = grad_norms((outputs[-1] * w).sum())
    dh, h, W = w, outputs.data, net.cells[0][0].W_hh.data
    for t in range(5, 0, -1):
        assert found[t] == pytest.approx(np.sqrt((dh**2).sum()), rel=1e-12)
        dh = (dh * (1 - h[t - 1] ** 2)) @ W.T


def test_a_norm_whose_square_float32_cannot_hold_is_no_zero():
    h = Tensor([1.0], "h_0", dtype=np.float32)
    for t in range(1, 7):
        h = h * 1e-5
        h.label = f"h_{t}"
    assert grad_norms(h.sum())[0] == pytest.approx(1e-30, rel=1e-5, abs=0)


@every_cell
@given(i=st.integers(0, 3), steps=st.integers(1, 3), N=st.integers(1, 3), seed=st.integers(0, 2**32 - 1))
def test_the_jacobian_between_states_is_that_of_differences(cell, i, steps, N, seed):
    """Of the whole state: an LSTM's is (h, c). The witness runs the cell on from step i with the state moved."""
    cell, rng = random_weights(cell(2, 3), seed)
    j, size = i + steps, len(as_tuple(cell.zero_state(1)))
    x = rng.normal(size=(j, N, 2))
    states = states_of(cell, x, rng.normal(size=(size, N, 3)))
    found = state_jacobian(states, i, j)
    assert found.shape == ((3 * size, 3 * size) if N == 1 else (N, 3 * size, 3 * size))
    for n, matrix in enumerate(found if N > 1 else [found]):

        def go_on(state, n=n):
            last = states_of(cell, x[i:j, n : n + 1], state.reshape(size, 1, 3))[steps]
            return np.concatenate([part.data[0] for part in as_tuple(last)])

        here = np.concatenate([part.data[n] for part in as_tuple(states[i])])
        np.testing.assert_allclose(matrix, differences(go_on, here), rtol=1e-6, atol=1e-8)


@every_cell
def test_the_jacobian_of_a_whole_state_is_the_product_of_its_steps(cell):
    cell, rng = random_weights(cell(2, 3), 2)
    start = rng.normal(size=(len(as_tuple(cell.zero_state(1))), 2, 3))
    states = states_of(cell, rng.normal(size=(4, 2, 2)), start)
    product = np.broadcast_to(np.eye(3 * len(start)), (2, 3 * len(start), 3 * len(start)))
    for before, after in pairwise(range(5)):
        product = state_jacobian(states, before, after) @ product
    np.testing.assert_allclose(state_jacobian(states, 0, 4), product, rtol=1e-10, atol=1e-13)


def test_the_jacobians_of_one_part_of_a_state_do_not_multiply_up():
    """c_3 hears of c_1 through h_1 and o_2 too, which dc_3/dc_2 times dc_2/dc_1 leaves out."""
    cell, rng = random_weights(nn.LSTMCell(2, 3), 3)
    states = states_of(cell, rng.normal(size=(3, 1, 2)), rng.normal(size=(2, 1, 3)))
    c = {t: c for t, (_, c) in states.items()}
    total, product = state_jacobian(c, 1, 3), state_jacobian(c, 2, 3) @ state_jacobian(c, 1, 2)
    assert np.abs(total - product).max() > 1e-3


@every_network
def test_jacobians_hand_a_gradient_from_state_to_state(kind):
    """dL/ds_i = dL/ds_j times ds_j/ds_i where L reads the last state alone, s being (h, c) for an LSTM."""
    net, rng = random_weights(kind(2, 3), 4)
    outputs, _ = net(rng.normal(size=(5, 2, 2)))
    loss = (outputs[-1] * rng.normal(size=(2, 3))).sum()
    jacobian = state_jacobian(loss, 2, 4, name=net.letters)
    loss.backward()
    by_chain_rule = np.einsum("nj,nji->ni", whole_gradient(net, loss, 4), jacobian)
    np.testing.assert_allclose(by_chain_rule, whole_gradient(net, loss, 2), rtol=1e-9)


def whole_gradient(net, loss, t):
    """dL/ds_t side by side, each part moved alone: c's grad has come through h = o tanh(c) too, which is taken off."""
    parts = [find_states(loss, letter)[t] for letter in net.letters]
    grads = [part.grad for part in parts]
    if len(parts) == 2:
        h, c = parts
        o = h.inputs[0]
        assert o.label == f"o_{t}"
        grads[1] = c.grad - h.grad * o.data * (1 - np.tanh(c.data) ** 2)
    return np.hstack(grads)


@every_network
def test_states_looked_up_by_name_and_states_handed_in_give_the_same(kind):
    net, rng = random_weights(kind(2, 3), 5)
    steps = dict(net.unroll(rng.normal(size=(4, 2, 2))))
    np.testing.assert_array_equal(state_jacobian(steps[4].sum(), 1, 3), state_jacobian(steps, 1, 3))


def test_the_state_may_be_another_layers():
    """h2_3 hears of h1_1 by two ways: up and along, along and up."""
    net, rng = random_weights(nn.RNN(2, 3, num_layers=2, nonlinearity="identity"), 6)
    outputs, _ = net(rng.normal(size=(3, 1, 2)))
    h1, h2 = find_states(outputs, "h1"), find_states(outputs, "h2")
    found = state_jacobian({1: h1[1], 2: h2[2]}, 1, 2)
    (below,), (above,) = net.cells
    U, V, W = below.W_hh.data, above.W_xh.data, above.W_hh.data
    np.testing.assert_allclose(found, (U @ V + V @ W).T, rtol=1e-12)


def test_a_state_may_be_a_vector_or_numbers():
    W = np.random.default_rng(7).normal(size=(3, 3))
    h = Tensor([0.1, 0.2, 0.3])
    np.testing.assert_allclose(state_jacobian({0: h, 1: h @ W}, 0, 1), W.T)
    a, b = Value(2.0), Value(3.0)
    np.testing.assert_array_equal(state_jacobian({0: (a, b), 1: (a * b, a + b)}, 0, 1), [[3.0, 2.0], [1.0, 1.0]])


def test_a_jacobian_leaves_no_trace_and_keeps_its_dtype():
    rnn = nn.RNN(2, 3, seed=0, dtype=np.float32)
    steps = dict(rnn.unroll(np.ones((3, 1, 2), np.float32)))
    steps[2].sum().backward()
    before = {node: None if node.grad is None else node.grad.copy() for node in ancestors(steps[3])}
    assert state_jacobian(steps, 1, 3).dtype == np.float32
    for node, grad in before.items():
        np.testing.assert_array_equal(node.grad, grad)


def python_calls(function):
    count = 0

    def tick(*_):
        nonlocal count
        count += 1

    sys.setprofile(tick)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


def test_a_jacobian_takes_time_in_proportion_to_the_steps_between_however_long_the_sequence_is():
    def calls(T, i, j):
        steps = dict(nn.LSTM(1, 2, seed=0).unroll(np.ones((T, 1, 1))))
        return python_calls(lambda: state_jacobian(steps, i, j))

    assert calls(40, 30, 40) == pytest.approx(2 * calls(40, 35, 40), rel=0.3)
    assert calls(80, 75, 80) == calls(40, 35, 40)


@pytest.mark.parametrize(
    ("i", "j", "changes", "message"),
    [
        (2, 2, {}, "step i comes before step j, got i=2, j=2"),
        (1, 9, {}, r"step 9 has no state that gets a gradient; there are steps 1 to 3"),
        (1, 3, {1: Tensor(np.ones((1, 3)), requires_grad=False)}, "the state of step 1, gets no gradient"),
        (1, 3, {1: Tensor(np.ones((1, 3)))}, "no path leads from the state of step 1 to that of step 3"),
        (1, 3, {1: Tensor(np.ones((2, 3)))}, r"the same N in all, not \[\(1, 3\), \(2, 3\)\]"),
    ],
)
def test_a_jacobian_that_makes_no_sense_is_an_error(i, j, changes, message):
    steps = dict(nn.RNN(2, 3, seed=0).unroll(np.ones((3, 1, 2))))
    with pytest.raises(ValueError, match=f"state_jacobian: .*{message}"):
        state_jacobian({**steps, **changes}, i, j)


def test_where_the_state_is_cut_or_held_on_the_way_there_is_no_path():
    rnn = nn.RNN(2, 3, seed=0)
    steps = dict(rnn.unroll(np.ones((3, 1, 2))))
    with pytest.raises(ValueError, match="detached or held"):
        state_jacobian(steps, 1, 3, held=[steps[2]])
    cut = dict(rnn.unroll(np.ones((3, 1, 2)), h0=steps[3].detach().data[None]))
    with pytest.raises(ValueError, match="detached or held"):
        state_jacobian({1: steps[1], 2: cut[2]}, 1, 2)


# Spectra


@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_a_spectrum_is_that_of_the_factors_that_the_matrix_was_made_of(n, seed):
    """U diag(s) V^T has the singular values s, and P diag(a) P^-1 the eigenvalues a."""
    rng = np.random.default_rng(seed)
    U, V = (np.linalg.qr(rng.normal(size=(n, n)))[0] for _ in range(2))
    s, a = rng.uniform(0.5, 2.0, n), rng.uniform(-2.0, 2.0, n)
    np.testing.assert_allclose(spectrum(U * s @ V.T).singular_values, sorted(s)[::-1], rtol=1e-9)
    symmetric = spectrum(U * a @ U.T)
    np.testing.assert_allclose(symmetric.moduli, sorted(abs(a))[::-1], rtol=1e-9, atol=1e-12)
    assert symmetric.norm == pytest.approx(symmetric.spectral_radius, rel=1e-9)


def test_complex_eigenvalues_count_by_their_modulus():
    """3 times a rotation: no real eigenvalue, and every step makes a vector three times as long."""
    found = spectrum(3 * np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]]))
    np.testing.assert_allclose(found.moduli, [3, 3])
    np.testing.assert_allclose(found.singular_values, [3, 3])


@pytest.mark.parametrize(
    ("matrix", "gain", "norm", "radius"),
    [
        (0.5 * np.eye(2), 1.0, "below 1/g = 1: .* vanishes, .* sufficient to vanish, not necessary", "below 1: .*end"),
        (2.0 * np.eye(2), 1.0, "above 1/g = 1: .* necessary to explode, not sufficient", "above 1: .* explodes"),
        (2.0 * np.eye(2), 0.25, "below 1/g = 4: .* by 0.5 at most, so it vanishes", "above 1: .* explodes"),
        ([[0.0, -1.0], [1.0, 0.0]], 1.0, "equal to 1/g = 1: .*cannot explode", "equal to 1: .* cannot be diagonalised"),
        ([[0.5, 10.0], [0.0, 0.5]], 1.0, "above 1/g = 1: .*not rule out vanishing", "below 1: .* it may grow"),
    ],
)
def test_what_a_spectrum_implies_is_said_in_words(matrix, gain, norm, radius):
    first, second = spectrum(matrix, gain).implies.splitlines()
    assert re.match(f"Largest singular value .*{norm}", first)
    assert re.match(f"Spectral radius .*{radius}", second)
    assert "nonlinearity it implies nothing by itself" in second


def test_with_a_nonlinearity_a_spectral_radius_of_0_does_not_keep_a_gradient_from_exploding():
    """W^2 = 0, but with the second unit always off (phi' = 0) every step multiplies by 3. And so says `implies`."""
    W = np.array([[3.0, 3.0], [-3.0, -3.0]])
    assert not (W @ W).any()
    assert spectrum(W).spectral_radius == pytest.approx(0, abs=1e-7)
    cell = nn.RNNCell(1, 2, nonlinearity="relu", seed=0)
    cell.W_hh.data, cell.W_xh.data, cell.b_h.data = W, np.zeros((1, 2)), np.array([1.0, -1e6])
    states = states_of(cell, np.zeros((6, 1, 1)), np.ones((1, 1, 2)))
    assert spectrum(state_jacobian(states, 1, 6)).spectral_radius == pytest.approx(3**5)


@given(st.integers(1, 4), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_power_norms_are_the_norms_of_the_powers(size, n, seed):
    W = np.random.default_rng(seed).normal(size=(size, size))
    expected = [np.linalg.norm(np.linalg.matrix_power(W, k), 2) for k in range(1, n + 1)]
    np.testing.assert_allclose(power_norms(W, n), expected, rtol=1e-8)


def test_powers_too_large_or_too_small_for_a_float_are_infinite_or_0_and_nilpotent_ones_are_0():
    assert power_norms(np.eye(2) * 1e10, 40)[-1] == np.inf
    assert power_norms(np.eye(2) * 1e-10, 40)[-1] == 0
    assert power_norms([[0.0, 2.0], [0.0, 0.0]], 3).tolist() == [2.0, 0.0, 0.0]


@pytest.mark.parametrize("function", [spectrum, lambda matrix: power_norms(matrix, 2)], ids=["spectrum", "power_norms"])
@pytest.mark.parametrize("matrix", [np.ones((2, 3)), np.ones(3), np.ones((0, 0)), [[np.nan]], np.ones((2, 2, 2))])
def test_only_a_square_finite_matrix_has_a_spectrum(function, matrix):
    with pytest.raises(ValueError, match="the matrix is square and finite"):
        function(matrix)


def test_a_gain_is_positive_and_a_power_at_least_the_first():
    with pytest.raises(ValueError, match="gain is a positive number, not 0"):
        spectrum([[1.0]], gain=0)
    with pytest.raises(ValueError, match="n is at least 1, not 0"):
        power_norms([[1.0]], 0)
