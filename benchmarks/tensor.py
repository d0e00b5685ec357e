"""Tensor nodes: one step (forward, backward) of the character RNN, unrolled node by node.

    z_t = x_t W_xh + h_(t-1) W_hh + b_h;  h_t = tanh z_t;  y_t = h_t W_hy + b_y;  L = sum_t CE(y_t, m_t)

Everybody gets the same one-hot rows x_t, made beforehand, and multiplies them by W_xh, as min-char-rnn does.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import microgradrnn
from benchmarks import report
from benchmarks.report import Floor
from benchmarks.timing import interleaved
from microgradrnn import Parameter, Tensor, functional

Array = NDArray[np.float64]
Step = Callable[[], tuple[float, dict[str, Array]]]

HAND, STACKED, MIN_CHAR_RNN = "NumPy by hand", "NumPy by hand, stacked", "min-char-rnn"
OURS, PYTORCH = "microgradrnn", "PyTorch, eager"
TIMES_HAND = 1.8
LEVEL = 1.05  # two medians of the same code differ by a few percent
TOLERANCE = 1e-10


@dataclass(frozen=True)
class Problem:
    """What everybody computes from: a batch of one, so x_t is (1, V), h_t is (1, H) and m_t is (1,)."""

    weights: dict[str, Array]
    xs: list[Array]
    targets: list[NDArray[np.int64]]
    h0: Array


def make_problem(V: int, H: int, T: int) -> Problem:
    rng = np.random.default_rng(0)
    shapes = {"W_xh": (V, H), "W_hh": (H, H), "b_h": (H,), "W_hy": (H, V), "b_y": (V,)}
    text = rng.integers(V, size=T + 1)
    return Problem(
        weights={name: rng.normal(scale=0.1, size=shape) for name, shape in shapes.items()},
        xs=[np.eye(V)[[char]] for char in text[:-1]],
        targets=[np.array([char]) for char in text[1:]],
        h0=rng.normal(scale=0.1, size=(1, H)),
    )


def by_hand(problem: Problem) -> Step:
    """The gradients derived by hand, added up step by step.

    `np.dot`, since ``@`` runs a plain loop for a column times a row and takes several times as long.
    """
    xs, targets, dot = problem.xs, [int(m[0]) for m in problem.targets], np.dot

    def step() -> tuple[float, dict[str, Array]]:
        W_xh, W_hh, b_h, W_hy, b_y = problem.weights.values()
        hs, probs, loss = [problem.h0], [], 0.0
        for x, m in zip(xs, targets, strict=True):
            h = np.tanh(dot(x, W_xh) + dot(hs[-1], W_hh) + b_h)
            y = dot(h, W_hy) + b_y
            e = np.exp(y - y.max())
            p = e / e.sum()
            loss -= math.log(p[0, m])
            hs.append(h)
            probs.append(p)

        dW_xh, dW_hh, db_h, dW_hy, db_y = (np.zeros_like(w) for w in (W_xh, W_hh, b_h, W_hy, b_y))
        dh_next = np.zeros_like(problem.h0)
        for t in reversed(range(len(xs))):
            dy, h = probs[t], hs[t + 1]
            dy[0, targets[t]] -= 1
            dW_hy += dot(h.T, dy)
            db_y += dy[0]
            dz = (dot(dy, W_hy.T) + dh_next) * (1 - h * h)
            dW_xh += dot(xs[t].T, dz)
            dW_hh += dot(hs[t].T, dz)
            db_h += dz[0]
            dh_next = dot(dz, W_hh.T)
        return loss, {"W_xh": dW_xh, "W_hh": dW_hh, "b_h": db_h, "W_hy": dW_hy, "b_y": db_y}

    return step


def by_hand_stacked(problem: Problem) -> Step:
    """The same, with what needn't wait for the step before done for all steps at once: how fast NumPy can be."""
    X, targets = np.concatenate(problem.xs), np.concatenate(problem.targets)
    T, steps = len(X), np.arange(len(X))

    def step() -> tuple[float, dict[str, Array]]:
        W_xh, W_hh, b_h, W_hy, b_y = problem.weights.values()
        Z = X @ W_xh + b_h
        hs = np.empty((T + 1, Z.shape[1]))
        hs[0] = problem.h0[0]
        for t in range(T):
            hs[t + 1] = np.tanh(Z[t] + hs[t] @ W_hh)
        H = hs[1:]
        Y = H @ W_hy + b_y
        E = np.exp(Y - Y.max(axis=1, keepdims=True))
        dY = E / E.sum(axis=1, keepdims=True)
        loss = -np.log(dY[steps, targets]).sum()

        dY[steps, targets] -= 1
        dH, dZ, slopes = dY @ W_hy.T, np.empty_like(H), 1 - H * H
        dh_next = np.zeros(H.shape[1])
        for t in reversed(range(T)):
            dZ[t] = (dH[t] + dh_next) * slopes[t]
            dh_next = W_hh @ dZ[t]
        grads = {"W_xh": X.T @ dZ, "W_hh": hs[:-1].T @ dZ, "b_h": dZ.sum(axis=0)}
        return loss, grads | {"W_hy": H.T @ dY, "b_y": dY.sum(axis=0)}

    return step


def min_char_rnn(problem: Problem) -> Step:
    """As Karpathy's min-char-rnn goes about it: columns, `np.dot`, dictionaries by step. Its clipping is left out."""
    W_xh, W_hh, b_h, W_hy, b_y = (np.atleast_2d(w).T.copy() for w in problem.weights.values())
    xs, targets = [x.T.copy() for x in problem.xs], [int(m[0]) for m in problem.targets]

    def step() -> tuple[float, dict[str, Array]]:
        hs, ys, ps, loss = {-1: problem.h0.T}, {}, {}, 0.0
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
        return loss, {"W_xh": dW_xh.T, "W_hh": dW_hh.T, "b_h": db_h[:, 0], "W_hy": dW_hy.T, "b_y": db_y[:, 0]}

    return step


def ours(problem: Problem) -> Step:
    """One node an op, each step in its scope."""
    weights = {name: Parameter(w, label=name) for name, w in problem.weights.items()}
    xs = [Tensor(x, requires_grad=False) for x in problem.xs]
    targets = [Tensor(m) for m in problem.targets]
    h0 = Tensor(problem.h0, requires_grad=False)

    def step() -> tuple[float, dict[str, Array]]:
        W_xh, W_hh, b_h, W_hy, b_y = weights.values()
        h, losses = h0, []
        for t, (x, m) in enumerate(zip(xs, targets, strict=True)):
            with microgradrnn.scope("rnn", t=t):
                h = functional.add_n([x @ W_xh, h @ W_hh, b_h]).tanh()
                losses.append(functional.cross_entropy(h @ W_hy + b_y, m, reduction="sum"))
        for w in weights.values():
            w.zero_grad()
        loss = functional.add_n(losses)
        loss.backward()
        return loss.item(), {name: w.grad for name, w in weights.items()}

    return step


def pytorch(problem: Problem) -> Step:
    """The same lines in PyTorch."""
    import torch

    torch.set_num_threads(1)
    weights = {name: torch.tensor(w, requires_grad=True) for name, w in problem.weights.items()}
    xs, targets = [torch.tensor(x) for x in problem.xs], [torch.tensor(m) for m in problem.targets]
    h0 = torch.tensor(problem.h0)

    def step() -> tuple[float, dict[str, Array]]:
        W_xh, W_hh, b_h, W_hy, b_y = weights.values()
        h, losses = h0, []
        for x, m in zip(xs, targets, strict=True):
            h = (x @ W_xh + h @ W_hh + b_h).tanh()
            losses.append(torch.nn.functional.cross_entropy(h @ W_hy + b_y, m, reduction="sum"))
        for w in weights.values():
            w.grad = None
        loss: Any = sum(losses)
        loss.backward()
        return loss.item(), {name: w.grad.numpy() for name, w in weights.items()}

    return step


def agree(name: str, step: Step, expected: Step) -> None:
    """Raise where the loss or a gradient differs from the one derived by hand."""
    loss, grads = step()
    loss_by_hand, grads_by_hand = expected()
    worst = max(abs(loss - loss_by_hand), *(np.abs(grads[w] - g).max() for w, g in grads_by_hand.items()))
    if not worst <= TOLERANCE:
        raise AssertionError(f"{name} differs from {HAND} by {worst:g} in the loss or a gradient")


def measure(V: int, H: int, T: int, rounds: int) -> dict[str, float]:
    """Check that all agree, time them, print the table, and return the medians in seconds."""
    problem = make_problem(V, H, T)
    makers = {HAND: by_hand, STACKED: by_hand_stacked, MIN_CHAR_RNN: min_char_rnn, OURS: ours}
    if report.installed("torch"):
        makers[PYTORCH] = pytorch
    steps = {name: make(problem) for name, make in makers.items()}
    for name, step in steps.items():
        agree(name, step, steps[HAND])
    medians = interleaved(steps, rounds)

    rows = [(name, f"{median * 1e3:.3f}", f"{median / medians[HAND]:.2f}") for name, median in medians.items()]
    missing = [] if PYTORCH in medians else [(PYTORCH, report.NOT_INSTALLED)]
    print(report.table((f"V={V}, H={H}, T={T}, N=1", "ms", f"times {HAND}"), [*rows, *missing]))
    return medians


def run() -> None:
    """Both sizes; the floors are about the larger one."""
    print("TENSOR  forward and backward of the character RNN, unrolled node by node, float64")
    medians = measure(V=65, H=100, T=25, rounds=1000)
    torch_ratio = medians[OURS] / medians[PYTORCH] if PYTORCH in medians else None
    print(
        report.floors(
            Floor(f"{OURS} / {HAND}", medians[OURS] / medians[HAND], TIMES_HAND),
            Floor(f"{OURS} / {PYTORCH}", torch_ratio, LEVEL),
            Floor(f"{HAND} / {MIN_CHAR_RNN}", medians[HAND] / medians[MIN_CHAR_RNN], LEVEL),
        )
    )
    measure(V=10, H=16, T=10, rounds=3000)


if __name__ == "__main__":
    run()
