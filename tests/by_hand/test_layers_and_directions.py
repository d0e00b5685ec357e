"""Several layers and both directions by hand: cells on cells, and a reversed pass is one over the flipped sequence."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor, nn
from microgradrnn.by_hand import gru, lstm, vanilla
from microgradrnn.by_hand.walk import walk_back


def vanilla_forward(x, weights):
    steps = vanilla.states(x, weights)
    return np.stack([step.h for step in steps]), steps


def vanilla_backward(dh, steps):
    gradients, _ = walk_back(vanilla.cell_backward, dh, steps, after=np.zeros_like(steps[-1].h))
    return gradients


BY_HAND = {
    "rnn": (vanilla_forward, vanilla_backward),
    "lstm": (lstm.forward, lstm.backward),
    "gru": (gru.forward, gru.backward),
}
NETWORKS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def weights_of(cell):
    names = ("W_xh", "W_hh", "b_h", "b_hn")
    return {name: getattr(cell, name).data for name in names if hasattr(cell, name)}


def by_hand(kind, cells, x, upstream):
    """The outputs, dL/dx, and each cell's gradients for dL/d(outputs) = upstream."""
    forward, backward = BY_HAND[kind]
    caches, read = [], x
    for layer in cells:
        flips = [slice(None), slice(None, None, -1)][: len(layer)]
        found = [forward(read[flip], weights_of(cell)) for flip, cell in zip(flips, layer, strict=True)]
        caches.append((flips, [cache for _, cache in found]))
        read = np.concatenate([hs[flip] for flip, (hs, _) in zip(flips, found, strict=True)], axis=-1)
    gradients, d = [], upstream
    for flips, layer_caches in reversed(caches):
        parts = np.split(d, len(flips), axis=-1)
        found = [backward(part[flip], cache) for flip, part, cache in zip(flips, parts, layer_caches, strict=True)]
        gradients.insert(0, found)
        d = sum(one["x"][flip] for flip, one in zip(flips, found, strict=True))
    return read, d, gradients


@given(
    kind=st.sampled_from(sorted(BY_HAND)),
    sizes=st.tuples(*[st.integers(1, 4)] * 4),
    layers=st.integers(1, 3),
    bidirectional=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_layers_and_directions_by_hand_are_reverse_mode(kind, sizes, layers, bidirectional, seed):
    T, N, features, hidden = sizes
    rng = np.random.default_rng(seed)
    net = NETWORKS[kind](features, hidden, layers, bidirectional=bidirectional, seed=rng)
    for p in net.parameters():
        p.data = rng.normal(scale=0.6, size=p.shape)
    x = Tensor(rng.normal(size=(T, N, features)))
    outputs, _ = net(x)
    upstream = rng.normal(size=outputs.shape)
    outputs.backward(upstream)

    found, dx, gradients = by_hand(kind, net.cells, x.data, upstream)
    np.testing.assert_allclose(found, outputs.data, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(dx, x.grad, rtol=1e-10, atol=1e-12)
    for layer, of_layer in zip(net.cells, gradients, strict=True):
        for cell, of_cell in zip(layer, of_layer, strict=True):
            for name in weights_of(cell):
                np.testing.assert_allclose(of_cell[name], getattr(cell, name).grad, rtol=1e-10, atol=1e-12)
