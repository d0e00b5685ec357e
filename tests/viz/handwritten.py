"""Loops as a student writes them: no scopes, no labels, no modules. Each gives its loss and its states by time step."""

from collections.abc import Callable
from typing import Any

import numpy as np

from microgradrnn import Tensor, Value, functional

N, D, H = 1, 2, 3

States = dict[int, Any]


def _weights(*shapes: tuple[int, ...]) -> list[Any]:
    rng = np.random.default_rng(0)
    return [Tensor(rng.normal(size=shape) * 0.5) for shape in shapes]


def _inputs(T: int, seed: int = 1) -> Any:
    return Tensor(np.random.default_rng(seed).normal(size=(T, N, D)), requires_grad=False)


def tensors(T: int) -> tuple[Any, States]:
    """A vanilla RNN with a loss at every step."""
    W_xh, W_hh, b, W_hy = _weights((D, H), (H, H), (H,), (H, 2))
    x, h, loss, states = _inputs(T), Tensor(np.zeros((N, H)), requires_grad=False), 0.0, {}
    for t in range(1, T + 1):
        h = (x[t - 1] @ W_xh + h @ W_hh + b).tanh()
        loss = loss + functional.cross_entropy(h @ W_hy, np.array([t % 2]), reduction="sum")
        states[t] = h
    return loss, states


def lstm(T: int) -> tuple[Any, States]:
    """An LSTM with a matrix for each gate."""
    W = _weights(*[(D + H, H)] * 4)
    x = _inputs(T)
    h = c = Tensor(np.zeros((N, H)), requires_grad=False)
    states = {}
    for t in range(1, T + 1):
        z = functional.concat([x[t - 1], h], axis=-1)
        i, f, g, o = (z @ W[0]).sigmoid(), (z @ W[1]).sigmoid(), (z @ W[2]).tanh(), (z @ W[3]).sigmoid()
        c = f * c + i * g
        h = o * c.tanh()
        states[t] = h
    return (h * h).sum(), states


def scalars(T: int) -> tuple[Any, States]:
    """A recurrence of single numbers."""
    w, u, h, states = Value(0.9), Value(0.5), Value(0.0), {}
    for t in range(1, T + 1):
        h = (w * h + u * Value(0.1 * t)).tanh()
        states[t] = h
    return (h - 1.0) ** 2, states


def both_directions(T: int) -> tuple[Any, States]:
    """One loop from the start and one from the end, joined at each step."""
    W_xh, W_hh, W_xr, W_hr, W_hy = _weights((D, H), (H, H), (D, H), (H, H), (2 * H, 2))
    x, zero = _inputs(T), Tensor(np.zeros((N, H)), requires_grad=False)
    forth: States = {0: zero}
    back: States = {T + 1: zero}
    for t in range(1, T + 1):
        forth[t] = (x[t - 1] @ W_xh + forth[t - 1] @ W_hh).tanh()
    for t in range(T, 0, -1):
        back[t] = (x[t - 1] @ W_xr + back[t + 1] @ W_hr).tanh()
    losses = []
    for t in range(1, T + 1):
        y = functional.concat([forth[t], back[t]], axis=-1) @ W_hy
        losses.append(functional.cross_entropy(y, np.array([t % 2]), reduction="sum"))
    return functional.add_n(losses), {t: back[t] for t in range(1, T + 1)}


def encoder_decoder(T: int) -> tuple[Any, States]:
    """T steps that read, and then T steps that write."""
    W_xh, W_hh, W_ss, W_sy = _weights((D, H), (H, H), (H, H), (H, 2))
    x, h, states, losses = _inputs(T), Tensor(np.zeros((N, H)), requires_grad=False), {}, []
    for t in range(1, T + 1):
        h = (x[t - 1] @ W_xh + h @ W_hh).tanh()
        states[t] = h
    for t in range(T + 1, 2 * T + 1):
        h = (h @ W_ss).tanh()
        states[t] = h
        losses.append(functional.cross_entropy(h @ W_sy, np.array([t % 2]), reduction="sum"))
    return functional.add_n(losses), states


def two_layers(T: int) -> tuple[Any, States]:
    """Two layers, both in each step of one loop."""
    W_xh, W_hh, W_hg, W_gg = _weights((D, H), (H, H), (H, H), (H, H))
    x, states = _inputs(T), {}
    h = g = Tensor(np.zeros((N, H)), requires_grad=False)
    for t in range(1, T + 1):
        h = (x[t - 1] @ W_xh + h @ W_hh).tanh()
        g = (h @ W_hg + g @ W_gg).tanh()
        states[t] = g
    return (g * g).sum(), states


LOOPS: dict[str, Callable[[int], tuple[Any, States]]] = {
    loop.__name__: loop for loop in (tensors, lstm, scalars, both_directions, encoder_decoder, two_layers)
}
