"""Recurrent networks in plain NumPy: what the forward of the networks in `microgradrnn.nn` is held against.

- `randomised`: a module with weights that leave nothing zero. `weights`: their numbers, by name.
- `step`, `states`: one step of a cell of each kind, and a step for everything that is read.
- `network`: layers of cells, in one direction or both, over one sequence.
- `log_losses`: -log softmax(y)[target].
"""

import numpy as np
import pytest
from hypothesis import settings

from microgradrnn.nn import Parameter

KINDS = ("rnn", "lstm", "gru")
every_kind = pytest.mark.parametrize("kind", KINDS)
few = settings(max_examples=max(1, settings().max_examples // 3))
"""For a test that draws for each op of the table, or takes hundreds of forward passes an example."""


def randomised(module, seed):
    """The module, its biases too away from zero, so that no term can hide; and the Generator, to go on with."""
    rng = np.random.default_rng(seed)
    for p in module.parameters():
        p.data = rng.normal(scale=0.7, size=p.shape)
    return module, rng


def weights(module):
    """The arrays of a cell or a layer, by the names of its attributes."""
    return {name: p.data for name, p in vars(module).items() if isinstance(p, Parameter)}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step(kind, read, state, w):
    """The state after a step, h first.

    ``read`` is what the inputs add to the gates: x_t W_xh, or c W_ch, or both, or 0.
    """
    h = state[0]
    if kind == "rnn":
        return (np.tanh(read + h @ w["W_hh"] + w["b_h"]),)
    if kind == "lstm":
        i, f, g, o = np.split(read + h @ w["W_hh"] + w["b_h"], 4, axis=-1)
        c = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c
    (pr, pz, pn), (qr, qz, qn) = np.split(read + w["b_h"], 3, axis=-1), np.split(h @ w["W_hh"], 3, axis=-1)
    z = sigmoid(pz + qz)
    return ((1 - z) * np.tanh(pn + sigmoid(pr + qr) * (qn + w["b_hn"])) + z * h,)


def fresh(kind, batch, w):
    """The state of a sequence that starts: zeros."""
    zeros = np.zeros((batch, len(w["W_hh"])))
    return (zeros, zeros) if kind == "lstm" else (zeros,)


def states(kind, x, w, state=None):
    """The state after every step of x, (T, N, input); each is a tuple, h first."""
    state, found = fresh(kind, x.shape[1], w) if state is None else state, []
    for x_t in x:
        state = step(kind, x_t @ w["W_xh"], state, w)
        found.append(state)
    return found


def network(kind, net, x):
    """The last layer's h_t of every step, (T, N, directions * hidden), and what it has come to in each direction."""
    for cells in net.cells:
        forward = [state[0] for state in states(kind, x, weights(cells[0]))]
        sides, last = [forward], [forward[-1]]
        if len(cells) == 2:
            backward = [state[0] for state in states(kind, x[::-1], weights(cells[1]))]
            sides.append(backward[::-1])
            last.append(backward[-1])
        x = np.concatenate(sides, axis=-1)
    return x, np.concatenate(last, axis=-1)


def log_losses(y, targets):
    """-log softmax(y)[target] of each row of y, shape (..., classes)."""
    p = np.exp(y) / np.exp(y).sum(axis=-1, keepdims=True)
    return -np.log(np.take_along_axis(p, np.asarray(targets)[..., None], axis=-1))[..., 0]
