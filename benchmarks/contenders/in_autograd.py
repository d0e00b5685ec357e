"""autograd (HIPS): NumPy that is traced."""

from collections.abc import Sequence
from typing import Any

import autograd.numpy as np
from autograd import value_and_grad
from autograd.scipy.special import expit, logsumexp

from benchmarks.problems import Array, Problem, Step


def stacked(problem: Problem) -> Step:
    """A loop over what waits for the step before; all else before and after it, for all steps at once."""
    T, N, V = problem.xs.shape
    X, targets, every = problem.xs.reshape(T * N, V), problem.targets.ravel(), np.arange(T * N)

    def loss(weights: Sequence[Any]) -> Any:
        W_xh, W_hh, b_h, W_hy, b_y = weights
        (h, *c), hs = problem.state, []
        Z = np.reshape(np.dot(X, W_xh) + b_h, (T, N, -1))
        for t in range(T):
            h, *c = cell(Z[t] + np.dot(h, W_hh), c)
            hs.append(h)
        H = np.reshape(np.array(hs), (T * N, -1))  # backward through `concatenate` takes time quadratic in T
        y = np.dot(H, W_hy) + b_y
        return np.sum(logsumexp(y, axis=1)) - np.sum(y[every, targets])

    gradient = value_and_grad(loss)

    def step() -> tuple[float, dict[str, Array]]:
        value, grads = gradient(tuple(problem.weights.values()))
        return float(value), dict(zip(problem.weights, grads, strict=True))

    return step


def cell(z: Any, c: Sequence[Any]) -> tuple[Any, ...]:
    """(h,), or an LSTM's (h, c), whose gates i, f, g, o are the quarters of z."""
    if not c:
        return (np.tanh(z),)
    i, f, g, o = np.split(z, 4, axis=1)
    new = expit(f) * c[0] + expit(i) * np.tanh(g)
    return expit(o) * np.tanh(new), new
