"""PyTorch: the steps one by one, the steps with all else stacked, and its own whole networks."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from benchmarks.problems import Array, Problem, Step

torch.set_num_threads(1)


def step_by_step(problem: Problem) -> Step:
    """The lines of ours, which record the same graph."""
    xs, targets = list(torch.from_numpy(problem.xs)), list(torch.from_numpy(problem.targets))

    def read(weights: Sequence[Any], state: Sequence[Any]) -> Any:
        W_xh, W_hh, b_h, W_hy, b_y = weights
        (h, *c), losses = state, []
        for x, m in zip(xs, targets, strict=True):
            h, *c = cell(x @ W_xh + h @ W_hh + b_h, c)
            losses.append(cross_entropy(h @ W_hy + b_y, m, reduction="sum"))
        return sum(losses)

    return eager(problem, read)


def stacked(problem: Problem) -> Step:
    """A loop over what waits for the step before; all else before and after it, for all steps at once."""
    T, N, V = problem.xs.shape
    X, targets = torch.from_numpy(problem.xs).view(T * N, V), torch.from_numpy(problem.targets).flatten()

    def read(weights: Sequence[Any], state: Sequence[Any]) -> Any:
        W_xh, W_hh, b_h, W_hy, b_y = weights
        (h, *c), hs = state, []
        for z in (X @ W_xh + b_h).view(T, N, -1):
            h, *c = cell(z + h @ W_hh, c)
            hs.append(h)
        return cross_entropy(torch.cat(hs) @ W_hy + b_y, targets, reduction="sum")

    return eager(problem, read)


def cell(z: Any, c: Sequence[Any]) -> tuple[Any, ...]:
    """(h,), or an LSTM's (h, c), whose gates i, f, g, o are the quarters of z."""
    if not c:
        return (z.tanh(),)
    i, f, g, o = z.chunk(4, dim=1)
    new = f.sigmoid() * c[0] + i.sigmoid() * g.tanh()
    return o.sigmoid() * new.tanh(), new


def eager(problem: Problem, read: Callable[[Sequence[Any], Sequence[Any]], Any]) -> Step:
    """Record the loss and run backward."""
    weights = [torch.tensor(w, requires_grad=True) for w in problem.weights.values()]
    state = [torch.from_numpy(part) for part in problem.state]

    def step() -> tuple[float, dict[str, Array]]:
        for w in weights:
            w.grad = None
        loss = read(weights, state)
        loss.backward()
        return loss.item(), {name: w.grad.numpy() for name, w in zip(problem.weights, weights, strict=True)}

    return step


def whole(problem: Problem) -> Step:
    """`torch.nn.RNN` or `torch.nn.LSTM`, one node for all steps, and `torch.nn.Linear`. Its second bias is zero."""
    case, dtype = problem.case, getattr(torch, problem.case.dtype)
    net: Any = (torch.nn.LSTM if case.cell == "lstm" else torch.nn.RNN)(case.V, case.H, dtype=dtype)
    readout = torch.nn.Linear(case.H, case.V, dtype=dtype)
    theirs = (net.weight_ih_l0, net.weight_hh_l0, net.bias_ih_l0, readout.weight, readout.bias)
    weights = dict(zip(problem.weights, theirs, strict=True))
    with torch.no_grad():
        net.bias_hh_l0.zero_()
        for name, w in weights.items():
            w.copy_(torch.from_numpy(problem.weights[name].T))
    xs, targets = torch.from_numpy(problem.xs), torch.from_numpy(problem.targets).flatten()
    state = tuple(torch.from_numpy(part)[None] for part in problem.state)

    def step() -> tuple[float, dict[str, Array]]:
        net.zero_grad()
        readout.zero_grad()
        hs, _ = net(xs, state if len(state) == 2 else state[0])
        loss = cross_entropy(readout(hs.flatten(0, 1)), targets, reduction="sum")
        loss.backward()
        return loss.item(), {name: w.grad.numpy().T for name, w in weights.items()}

    return step
