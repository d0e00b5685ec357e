"""Outputs and all gradients of recurrent networks equal PyTorch's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor, interop, nn

torch = pytest.importorskip("torch")

NETWORKS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}


def theirs(name, net, layers, bidirectional):
    """PyTorch's network with our weights."""
    twin = getattr(torch.nn, name)(net.input_size, net.hidden_size, layers, bidirectional=bidirectional).double()
    twin.load_state_dict({key: torch.from_numpy(array) for key, array in interop.to_torch(net).items()})
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
    net = NETWORKS[name](features, hidden, layers, bidirectional=bidirectional, seed=rng)
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
    # Gradients go the way of the weights; PyTorch's second bias gets what the first one gets, and is left out.
    gradients = {key: p.grad.numpy() for key, p in twin.named_parameters()}
    for p in net.parameters():
        p.data = p.grad
    for key, array in interop.to_torch(net).items():
        if not key.startswith("bias_hh"):
            np.testing.assert_allclose(array, gradients[key], rtol=1e-10, atol=1e-12)
        elif name == "GRU":
            np.testing.assert_allclose(array[-hidden:], gradients[key][-hidden:], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_come_over_from_pytorch_with_both_biases(name):
    twin = getattr(torch.nn, name)(3, 4, 2, bidirectional=True).double()
    net = NETWORKS[name](3, 4, 2, bidirectional=True)
    interop.from_torch(net, twin.state_dict())
    x = np.random.default_rng(0).normal(size=(5, 2, 3))
    np.testing.assert_allclose(net(x)[0].data, twin(torch.tensor(x))[0].detach().numpy(), rtol=1e-10, atol=1e-13)


def test_linear_and_embedding_come_over_inside_other_modules():
    twin = torch.nn.Sequential(torch.nn.Embedding(5, 3), torch.nn.Linear(3, 2)).double()
    net = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2))
    names = {"layers.0.weight": "0.weight", "layers.1.weight": "1.weight", "layers.1.bias": "1.bias"}
    interop.from_torch(net, {ours: twin.state_dict()[theirs] for ours, theirs in names.items()})
    tokens = np.array([1, 4, 1])
    np.testing.assert_allclose(net(tokens).data, twin(torch.tensor(tokens)).detach().numpy(), rtol=1e-12)
