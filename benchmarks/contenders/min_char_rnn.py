"""As Karpathy's min-char-rnn goes about it: columns, `np.dot`, dictionaries by step. Its clipping is left out."""

import numpy as np

from benchmarks.problems import Array, Problem, Step


def columns(problem: Problem) -> Step:
    """One sequence; it knows no batches."""
    W_xh, W_hh, b_h, W_hy, b_y = (np.atleast_2d(w).T.copy() for w in problem.weights.values())
    xs, targets, h0 = [x.T.copy() for x in problem.xs], [int(m[0]) for m in problem.targets], problem.state[0].T

    def step() -> tuple[float, dict[str, Array]]:
        hs, ys, ps, loss = {-1: h0}, {}, {}, 0.0
        for t in range(len(xs)):
            hs[t] = np.tanh(np.dot(W_xh, xs[t]) + np.dot(W_hh, hs[t - 1]) + b_h)
            ys[t] = np.dot(W_hy, hs[t]) + b_y
            ps[t] = np.exp(ys[t]) / np.sum(np.exp(ys[t]))
            loss += -np.log(ps[t][targets[t], 0])
        dW_xh, dW_hh, db_h, dW_hy, db_y = (np.zeros_like(w) for w in (W_xh, W_hh, b_h, W_hy, b_y))
        dh_next = np.zeros_like(hs[0])
        for t in reversed(range(len(xs))):
            dy = np.copy(ps[t])
            dy[targets[t]] -= 1
            dW_hy += np.dot(dy, hs[t].T)
            db_y += dy
            dh = np.dot(W_hy.T, dy) + dh_next
            dz = (1 - hs[t] * hs[t]) * dh
            db_h += dz
            dW_xh += np.dot(dz, xs[t].T)
            dW_hh += np.dot(dz, hs[t - 1].T)
            dh_next = np.dot(W_hh.T, dz)
        grads = {"W_xh": dW_xh.T, "W_hh": dW_hh.T, "b_h": db_h[:, 0], "W_hy": dW_hy.T, "b_y": db_y[:, 0]}
        return float(loss), grads

    return step
