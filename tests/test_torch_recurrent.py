"""Outputs and all gradients of recurrent networks equal PyTorch's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor, nn

torch = pytest.importorskip("torch")

NETWORKS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}


def theirs(name, net, layers, bidirectional):
    """PyTorch's network with our weights: its two biases are one of ours, but for the GRU's last third."""
    twin = getattr(torch.nn, name)(net.input_size, net.hidden_size, layers, bidirectional=bidirectional).double()
    for layer, cells in enumerate(net.cells):
        for direction, cell in enumerate(cells):
            suffix = f"_l{layer}" + "_reverse" * direction
            hidden_bias = np.zeros_like(cell.b_h.data)
            if name == "GRU":
                hidden_bias[-cell.hidden_size :] = cell.b_hn.data
            ours = {"weight_ih": cell.W_xh.data.T, "weight_hh": cell.W_hh.data.T, "bias_ih": cell.b_h.data}
            for key, array in (ours | {"bias_hh": hidden_bias}).items():
                getattr(twin, key + suffix).data = torch.tensor(array.copy())
    return twin


@pytest.mark.parametrize("name", NETWORKS)
@given(
    sizes=st.tuples(*[st.integers(1, 4)] * 4),
    layers=st.integers(1, 3),
    bidirectional=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_outputs_and_all_gradients_are_pytorchs(name, sizes, layers, bidirectional, seed):
    T, N, features, hidden = sizes
    rng = np.random.default_rng(seed)
    net = NETWORKS[name](features, hidden, layers, bidirectional, seed=rng)
    for p in net.parameters():
        p.data = rng.normal(scale=0.6, size=p.shape)
    twin = theirs(name, net, layers, bidirectional)
    x = rng.normal(size=(T, N, features))
    shape = (layers * (1 + bidirectional), N, hidden)
    h0 = tuple(rng.normal(size=shape) for _ in net.letters)

    x_theirs = torch.tensor(x, requires_grad=True)
    start = tuple(map(torch.tensor, h0))
    outputs_theirs, last_theirs = twin(x_theirs, start if name == "LSTM" else start[0])
    x_ours = Tensor(x)
    outputs, last = net(x_ours, h0 if name == "LSTM" else h0[0])
    np.testing.assert_allclose(outputs.data, outputs_theirs.detach().numpy(), rtol=1e-10, atol=1e-13)
    pairs = zip(last, last_theirs, strict=True) if name == "LSTM" else [(last, last_theirs)]
    for ours, expected in pairs:
        np.testing.assert_allclose(ours.data, expected.detach().numpy(), rtol=1e-10, atol=1e-13)

    weights = rng.normal(size=outputs.shape)
    (outputs * weights).sum().backward()
    (outputs_theirs * torch.tensor(weights)).sum().backward()
    np.testing.assert_allclose(x_ours.grad, x_theirs.grad.numpy(), rtol=1e-10, atol=1e-12)
    for layer, cells in enumerate(net.cells):
        for direction, cell in enumerate(cells):
            suffix = f"_l{layer}" + "_reverse" * direction
            expected = {
                "W_xh": getattr(twin, "weight_ih" + suffix).grad.numpy().T,
                "W_hh": getattr(twin, "weight_hh" + suffix).grad.numpy().T,
                "b_h": getattr(twin, "bias_ih" + suffix).grad.numpy(),
            }
            if name == "GRU":
                expected["b_hn"] = getattr(twin, "bias_hh" + suffix).grad.numpy()[-hidden:]
            for key, array in expected.items():
                np.testing.assert_allclose(getattr(cell, key).grad, array, rtol=1e-10, atol=1e-12)
