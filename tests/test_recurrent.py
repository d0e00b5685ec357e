"""Cells and the networks that unroll them: formulas in NumPy, padded batches, directions, scopes, errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor, gradcheck, nn
from microgradrnn.engine import ancestors

NETWORKS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def random_weights(module, seed):
    """Weights that leave nothing zero, so that no term can hide."""
    rng = np.random.default_rng(seed)
    for p in module.parameters():
        p.data = rng.normal(scale=0.7, size=p.shape)
    return module, rng


def test_the_lstm_cell_is_its_formula():
    cell, rng = random_weights(nn.LSTMCell(3, 4), 0)
    x, h, c = rng.normal(size=(2, 3)), rng.normal(size=(2, 4)), rng.normal(size=(2, 4))
    z = x @ cell.W_xh.data + h @ cell.W_hh.data + cell.b_h.data
    i, f, g, o = np.split(z, 4, axis=1)
    c_expected = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h_found, c_found = cell(x, (Tensor(h), Tensor(c)))
    np.testing.assert_allclose(c_found.data, c_expected, rtol=1e-13)
    np.testing.assert_allclose(h_found.data, sigmoid(o) * np.tanh(c_expected), rtol=1e-13)


def test_the_gru_cell_is_its_formula_with_the_reset_gate_after_the_product():
    cell, rng = random_weights(nn.GRUCell(3, 4), 0)
    x, h = rng.normal(size=(2, 3)), rng.normal(size=(2, 4))
    from_x, from_h = x @ cell.W_xh.data + cell.b_h.data, h @ cell.W_hh.data
    (xr, xz, xn), (hr, hz, hn) = np.split(from_x, 3, axis=1), np.split(from_h, 3, axis=1)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    n = np.tanh(xn + r * (hn + cell.b_hn.data))
    np.testing.assert_allclose(cell(x, Tensor(h)).data, (1 - z) * n + z * h, rtol=1e-13)


@pytest.mark.parametrize(("name", "function"), [("relu", lambda z: np.maximum(z, 0)), ("identity", lambda z: z)])
def test_the_vanilla_cell_takes_other_nonlinearities(name, function):
    cell, rng = random_weights(nn.RNNCell(3, 4, nonlinearity=name), 0)
    x, h = rng.normal(size=(2, 3)), rng.normal(size=(2, 4))
    z = x @ cell.W_xh.data + h @ cell.W_hh.data + cell.b_h.data
    np.testing.assert_allclose(cell(x, Tensor(h)).data, function(z), rtol=1e-13)


@pytest.mark.parametrize("kind", NETWORKS.values(), ids=NETWORKS)
def test_gradients_are_those_of_differences(kind):
    net, rng = random_weights(kind(2, 3, num_layers=2, bidirectional=True, learn_h0=True), 0)
    x = Tensor(rng.normal(size=(3, 2, 2)))
    assert gradcheck(lambda *_: net(x)[0], [x, *net.parameters()])


@pytest.mark.parametrize("kind", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("bidirectional", [False, True])
@given(st.lists(st.integers(1, 5), min_size=1, max_size=3), st.integers(1, 2))
def test_a_padded_batch_equals_each_sequence_alone(kind, bidirectional, lengths, layers):
    net, rng = random_weights(kind(2, 3, layers, bidirectional=bidirectional), 1)
    x = Tensor(rng.normal(size=(max(lengths), len(lengths), 2)))
    outputs, last = net(x, lengths=lengths)
    weights = rng.normal(size=outputs.shape)
    (outputs * weights).sum().backward()
    together = [p.grad for p in (x, *net.parameters())]

    net.zero_grad()
    for row, length in enumerate(lengths):
        alone = Tensor(x.data[:length, row : row + 1])
        found, last_alone = net(alone)
        (found * weights[:length, row : row + 1]).sum().backward()
        np.testing.assert_allclose(outputs.data[:length, row], found.data[:, 0], rtol=1e-12)
        assert not outputs.data[length:, row].any()
        h, h_alone = (last, last_alone) if kind is not nn.LSTM else (last[1], last_alone[1])
        np.testing.assert_allclose(h.data[:, row], h_alone.data[:, 0], rtol=1e-12)
        np.testing.assert_allclose(together[0][:length, row], alone.grad[:, 0], rtol=1e-10, atol=1e-14)
        assert not together[0][length:, row].any()
    for found, expected in zip([p.grad for p in net.parameters()], together[1:], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("kind", NETWORKS.values(), ids=NETWORKS)
def test_unrolling_step_by_step_is_the_same_as_reading_at_once(kind):
    net, rng = random_weights(kind(2, 3, num_layers=2), 2)
    x = rng.normal(size=(4, 2, 2))
    np.testing.assert_array_equal([h.data for _, h in net.unroll(x)], net(x)[0].data)


def test_a_reversed_pass_is_a_forward_pass_over_the_flipped_input():
    both, rng = random_weights(nn.RNN(2, 3, bidirectional=True), 3)
    one = nn.RNN(2, 3)
    for name in ("W_xh", "W_hh", "b_h"):
        getattr(one.cells[0][0], name).data = getattr(both.cells[0][1], name).data
    x = rng.normal(size=(5, 2, 2))
    np.testing.assert_array_equal(both(x)[0].data[..., 3:], one(x[::-1])[0].data[::-1])


def test_a_state_carried_on_and_cut_is_a_sequence_read_in_pieces():
    net, rng = random_weights(nn.LSTM(2, 3), 4)
    x = rng.normal(size=(6, 2, 2))
    first, (h, c) = net(x[:4])
    second, _ = net(x[4:], (h.detach(), c.detach()))
    np.testing.assert_array_equal(np.concatenate([first.data, second.data]), net(x)[0].data)
    second.sum().backward()
    assert first.grad is None


@pytest.mark.parametrize("kind", NETWORKS.values(), ids=NETWORKS)
def test_every_step_is_recorded_in_its_scope_and_layer(kind):
    outputs, _ = kind(2, 3, num_layers=2, seed=0)(np.ones((3, 1, 2)))
    labelled = {node.label: (node.scope, node.t) for node in ancestors(outputs) if node.op}
    assert labelled["h1_2"] == ("layer1", 2)
    assert labelled["h2_3"] == ("layer2", 3)


def test_what_the_loop_records_stands_in_its_step_also_after_an_early_end():
    rnn = nn.RNN(2, 3, seed=0)
    for t, h in rnn.unroll(np.ones((4, 1, 2))):
        assert (h * 2).t == t
        if t == 2:
            break
    assert (h * 2).t is None


@pytest.mark.parametrize("T", [1, 9])
def test_the_number_of_parameters_does_not_depend_on_time(T):
    lstm = nn.LSTM(3, 5, seed=0)
    lstm(np.ones((T, 1, 3)))[0].sum().backward()
    assert sum(p.grad.size for p in lstm.parameters()) == 4 * (3 * 5 + 5 * 5 + 5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": np.ones((2, 1, 4))}, r"RNN: x has shape \(T, N, 3\).*\(2, 1, 4\)"),
        ({"x": np.ones((0, 1, 3))}, "at least one step"),
        ({"x": np.ones((2, 1, 3)), "h0": np.ones((1, 2, 5))}, r"h0 has shape \(1, 1, 5\).*\(1, 2, 5\)"),
        ({"x": np.ones((2, 1, 3)), "lengths": [0]}, r"1 integers in 1 \.\. 2"),
        ({"x": np.ones((2, 1, 3)), "lengths": [3]}, r"1 integers in 1 \.\. 2"),
        ({"x": np.ones((2, 1, 3)), "lengths": [1, 1]}, "one a sequence"),
    ],
)
def test_what_does_not_fit_is_an_error_that_says_what_was_expected(arguments, message):
    with pytest.raises(ValueError, match=message):
        nn.RNN(3, 5)(**arguments)


def test_a_bidirectional_network_cannot_be_unrolled_step_by_step():
    with pytest.raises(ValueError, match="no order of steps"):
        next(nn.GRU(3, 5, bidirectional=True).unroll(np.ones((2, 1, 3))))


@pytest.mark.parametrize("wrong", [0, -1, 2.5, True])
def test_a_size_is_a_positive_integer(wrong):
    with pytest.raises(ValueError, match="hidden_size is a positive integer"):
        nn.LSTM(3, wrong)
