"""Weights on their way to PyTorch and back: nothing is lost, and what does not fit changes nothing."""

import numpy as np
import pytest

from microgradrnn import Parameter, interop, nn


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_there_and_back_is_the_same_network(kind):
    one, other = (kind(2, 3, num_layers=2, bidirectional=True, seed=seed) for seed in (0, 1))
    for p in one.parameters():
        p.data = np.random.default_rng(2).normal(size=p.shape)
    interop.from_torch(other, interop.to_torch(one))
    for (name, p), (_, twin) in zip(one.named_parameters(), other.named_parameters(), strict=True):
        np.testing.assert_array_equal(p.data, twin.data, err_msg=name)


def test_the_two_biases_are_added_up_but_for_the_grus_last_third():
    gru = nn.GRU(1, 1, seed=0)
    state = interop.to_torch(gru) | {
        "bias_ih_l0": np.array([1.0, 2.0, 3.0]),
        "bias_hh_l0": np.array([10.0, 20.0, 30.0]),
    }
    interop.from_torch(gru, state)
    cell = gru.cells[0][0]
    np.testing.assert_array_equal(cell.b_h.data, [11, 22, 3])
    np.testing.assert_array_equal(cell.b_hn.data, [30])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda state: state.pop("bias_hh_l0"), KeyError, r"missing \['bias_hh_l0'\]"),
        (lambda state: state.update(other=np.ones(1)), KeyError, r"not known here \['other'\]"),
        (lambda state: state.update(bias_ih_l0=np.ones(2)), ValueError, r"bias_ih_l0 has shape \(3,\) here"),
    ],
)
def test_a_state_dict_that_does_not_fit_changes_nothing(change, error, message):
    rnn, state = nn.RNN(2, 3, seed=0), interop.to_torch(nn.RNN(2, 3, seed=1))
    before = rnn.state_dict()
    change(state)
    with pytest.raises(error, match=message):
        interop.from_torch(rnn, state)
    for name, array in rnn.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("module", [nn.RNN(2, 3, learn_h0=True), nn.MLP(2, [1]), nn.RNNCell(2, 3)])
def test_what_pytorch_has_no_counterpart_of_is_named(module):
    with pytest.raises(TypeError, match="has no counterpart in PyTorch"):
        interop.to_torch(module)


def test_a_lone_parameter_beside_a_network_is_named():
    module = nn.Module()
    module.rnn, module.gain = nn.RNN(2, 3), Parameter([1.0])
    with pytest.raises(TypeError, match="gain of Module"):
        interop.to_torch(module)
