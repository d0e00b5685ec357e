"""LSTM and GRU derived by hand, against the engine's modules and against central differences."""

import numpy as np
import pytest
from hypothesis import given

from microgradrnn import Tensor, nn
from microgradrnn.backprop import gradients
from microgradrnn.by_hand import gru, lstm
from tests.by_hand.witnesses import FEW, assert_same, differences, set_weights, sizes, without

LSTM = {"x": "T N I", "h_0": "N H", "c_0": "N H", "W_xh": "I 4H", "W_hh": "H 4H", "b_h": "4H"}
GRU = {"x": "T N I", "h_0": "N H", "W_xh": "I 3H", "W_hh": "H 3H", "b_h": "3H", "b_hn": "H"}
both = pytest.mark.parametrize(
    ("cell", "network", "shapes"), [(lstm, nn.LSTM, LSTM), (gru, nn.GRU, GRU)], ids=["lstm", "gru"]
)


def problem(s, shapes):
    arrays = s.arrays(**shapes, dh="T N H")
    return without(arrays, "dh"), arrays["dh"]


def by_hand(cell, arrays, dh):
    first = (arrays["h_0"], arrays["c_0"]) if cell is lstm else arrays["h_0"]
    h, cache = cell.forward(arrays["x"], without(arrays, "x", "h_0", "c_0"), first)
    return h, cell.backward(dh, cache)


@both
@given(sizes)
def test_the_gradients_are_those_of_the_engines_network(cell, network, shapes, s):
    arrays, dh = problem(s, shapes)
    net = set_weights(network(s.I, s.H), arrays)
    leaves = {name: Tensor(arrays[name]) for name in ("x", "h_0", "c_0") if name in arrays}
    first = [leaf.reshape(1, s.N, s.H) for name, leaf in leaves.items() if name != "x"]
    outputs, _ = net(leaves["x"], tuple(first) if cell is lstm else first[0])
    found = gradients((outputs * dh).sum())
    expected = {name: found[leaf] for name, leaf in leaves.items()} | {p.label: found[p] for p in net.parameters()}

    outputs_by_hand, gradients_by_hand = by_hand(cell, arrays, dh)
    np.testing.assert_allclose(outputs_by_hand, outputs.data, rtol=1e-12, atol=1e-14)
    assert_same(gradients_by_hand, expected, 1e-10)
    assert set(gradients_by_hand) == set(expected)


@both
@FEW
@given(sizes)
def test_the_gradients_are_central_differences_of_its_own_forward(cell, network, shapes, s):
    arrays, dh = problem(s, shapes)
    expected = differences(lambda a: np.sum(by_hand(cell, a, dh)[0] * dh), arrays)
    assert_same(by_hand(cell, arrays, dh)[1], expected, 1e-6)


@given(sizes)
def test_one_step_back_takes_both_states_of_an_lstm(s):
    """What later steps read, h_t and c_t, sends both gradients back."""
    arrays = s.arrays(**LSTM, dh="N H", dh_next="N H", dc_next="N H")
    net = set_weights(nn.LSTMCell(s.I, s.H), arrays)
    x, h_0, c_0 = Tensor(arrays["x"][0]), Tensor(arrays["h_0"]), Tensor(arrays["c_0"])
    h, c = net(x, (h_0, c_0))
    expected = gradients((h * (arrays["dh"] + arrays["dh_next"])).sum() + (c * arrays["dc_next"]).sum())

    weights = without(arrays, "x", "h_0", "c_0", "dh", "dh_next", "dc_next")
    _, (step,) = lstm.forward(arrays["x"][:1], weights, (arrays["h_0"], arrays["c_0"]))
    found = lstm.backward_step(arrays["dh"], (arrays["dh_next"], arrays["dc_next"]), step)
    assert_same(found.shared, {p.label: expected[p] for p in net.parameters()}, 1e-10)
    dh_before, dc_before = found.before
    assert_same(
        {"x": found.x, "h": dh_before, "c": dc_before},
        {"x": expected[x], "h": expected[h_0], "c": expected[c_0]},
        1e-10,
    )


@pytest.mark.parametrize(("cell", "gates"), [(lstm, 4), (gru, 3)], ids=["lstm", "gru"])
def test_gates_that_are_not_side_by_side_are_an_error(cell, gates):
    weights = {"W_xh": np.ones((2, 5 * gates)), "W_hh": np.ones((5, 5)), "b_h": np.ones(5), "b_hn": np.ones(5)}
    with pytest.raises(ValueError, match=rf"W_hh has shape \(H, {gates}H\).*\(5, 5\)"):
        cell.forward(np.ones((1, 1, 2)), weights)


def test_an_lstm_starts_from_a_pair():
    weights = {"W_xh": np.ones((2, 12)), "W_hh": np.ones((3, 12)), "b_h": np.ones(12)}
    with pytest.raises(ValueError, match=r"lstm\.forward: c_0 has shape \(N, H\).*\(1, 5\)"):
        lstm.forward(np.ones((1, 1, 2)), weights, h0=(np.ones((1, 3)), np.ones((1, 5))))
