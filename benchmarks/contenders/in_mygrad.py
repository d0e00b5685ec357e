"""MyGrad: tensors over NumPy, and the losses and activations of `mygrad.nnet`."""

from collections.abc import Sequence
from typing import Any

import mygrad
from mygrad.nnet import sigmoid, softmax_crossentropy

from benchmarks.problems import Array, Problem, Step


def stacked(problem: Problem) -> Step:
    """A loop over what waits for the step before; all else before and after it, for all steps at once."""
    T, N, V = problem.xs.shape
    X, targets = problem.xs.reshape(T * N, V), problem.targets.ravel()
    weights = [mygrad.tensor(w) for w in problem.weights.values()]

    def step() -> tuple[float, dict[str, Array]]:
        W_xh, W_hh, b_h, W_hy, b_y = weights
        (h, *c), hs = problem.state, []
        Z = (mygrad.matmul(X, W_xh) + b_h).reshape(T, N, -1)
        for t in range(T):
            h, *c = cell(Z[t] + mygrad.matmul(h, W_hh), c)
            hs.append(h)
        loss = softmax_crossentropy(mygrad.matmul(mygrad.concatenate(hs), W_hy) + b_y, targets) * (T * N)  # a mean
        loss.backward()
        return loss.item(), {name: w.grad for name, w in zip(problem.weights, weights, strict=True)}

    return step


def cell(z: Any, c: Sequence[Any]) -> tuple[Any, ...]:
    """(h,), or an LSTM's (h, c), whose gates i, f, g, o are the quarters of z."""
    if not c:
        return (mygrad.tanh(z),)
    H = z.shape[1] // 4
    i, f, g, o = (z[:, k * H : (k + 1) * H] for k in range(4))
    new = sigmoid(f) * c[0] + sigmoid(i) * mygrad.tanh(g)
    return sigmoid(o) * mygrad.tanh(new), new
