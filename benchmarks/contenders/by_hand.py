"""NumPy by hand: the gradients derived on paper, walked through and added up step by step."""

import numpy as np

from benchmarks.problems import Array, Problem, Step

Kept = tuple[Array, ...]
"""What the way back needs of a step."""


def step_by_step(problem: Problem) -> Step:
    """As the derivation goes. `np.dot`, since ``@`` runs a plain loop for a column times a row and takes far longer."""
    xs, targets, (h0, *c0) = list(problem.xs), list(problem.targets), problem.state
    forward, backward = (lstm, lstm_back) if c0 else (rnn, rnn_back)
    rows, ones, zeros, dot = np.arange(len(h0)), np.ones(len(h0), h0.dtype), np.zeros_like(h0), np.dot
    answers = list(np.eye(problem.case.V, dtype=h0.dtype)[problem.targets])

    def step() -> tuple[float, dict[str, Array]]:
        W_xh, W_hh, b_h, W_hy, b_y = problem.weights.values()
        hs, c, kept, probs, chosen = [h0], c0[0] if c0 else zeros, [], [], []
        for x, m in zip(xs, targets, strict=True):
            h, c, keep = forward(dot(x, W_xh) + dot(hs[-1], W_hh) + b_h, c)
            y = dot(h, W_hy) + b_y
            e = np.exp(y - y.max(axis=1, keepdims=True))
            p = e / e.sum(axis=1, keepdims=True)
            chosen.append(p[rows, m])
            hs.append(h)
            kept.append(keep)
            probs.append(p)
        loss = -np.log(chosen).sum()

        dW_xh, dW_hh, db_h, dW_hy, db_y = (np.zeros_like(w) for w in (W_xh, W_hh, b_h, W_hy, b_y))
        dh = dc = zeros
        for t in reversed(range(len(xs))):
            dy = probs[t] - answers[t]
            dW_hy += dot(hs[t + 1].T, dy)
            db_y += dot(ones, dy)
            dz, dc = backward(dot(dy, W_hy.T) + dh, dc, kept[t])
            dW_xh += dot(xs[t].T, dz)
            dW_hh += dot(hs[t].T, dz)
            db_h += dot(ones, dz)
            dh = dot(dz, W_hh.T)
        return float(loss), {"W_xh": dW_xh, "W_hh": dW_hh, "b_h": db_h, "W_hy": dW_hy, "b_y": db_y}

    return step


def rnn(z: Array, c: Array) -> tuple[Array, Array, Kept]:
    """h = tanh z; there is no c."""
    h = np.tanh(z)
    return h, c, (h,)


def rnn_back(dh: Array, dc: Array, kept: Kept) -> tuple[Array, Array]:
    """dz, and dc of the step before."""
    (h,) = kept
    return dh * (1 - h * h), dc


def lstm(z: Array, c: Array) -> tuple[Array, Array, Kept]:
    """The gates i, f, g, o are the quarters of z; c = f c + i g; h = o tanh c."""
    z_i, z_f, z_g, z_o = np.split(z, 4, axis=1)
    i, f, g, o = sigmoid(z_i), sigmoid(z_f), np.tanh(z_g), sigmoid(z_o)
    new = f * c + i * g
    s = np.tanh(new)
    return o * s, new, (i, f, g, o, s, c)


def lstm_back(dh: Array, dc: Array, kept: Kept) -> tuple[Array, Array]:
    """dz, and dc of the step before."""
    i, f, g, o, s, c = kept
    dc = dc + dh * o * (1 - s * s)
    dgates = dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), dh * s * o * (1 - o)
    return np.concatenate(dgates, axis=1), dc * f


def sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))
