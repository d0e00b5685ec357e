"""microgradrnn: the graph recorded anew in each pass, or recorded once and compiled to a program."""

from collections.abc import Sequence
from typing import Any

import microgradrnn
from benchmarks.problems import Array, Problem, Step
from microgradrnn import Parameter, Tensor, functional, scope


def recorded(problem: Problem) -> Step:
    """One node an op, each step in its scope: what can be drawn and stepped through."""
    weights, leaves = parameters(problem), inputs(problem)

    def step() -> tuple[float, dict[str, Array]]:
        for w in weights:
            w.zero_grad()
        loss = record(weights, *leaves)
        loss.backward()
        return loss.item(), {w.label: w.grad for w in weights}

    return step


def compiled(problem: Problem) -> Step:
    """The same graph, recorded once; the program takes other inputs, and parameters as they are by then."""
    weights, (xs, targets, state) = parameters(problem), inputs(problem)
    program = microgradrnn.compile(record(weights, xs, targets, state), inputs=[xs, targets, *state])
    arrays = (problem.xs, problem.targets, *problem.state)

    def step() -> tuple[float, dict[str, Array]]:
        value, grads = program(*arrays)
        return float(value), grads

    return step


def parameters(problem: Problem) -> list[Any]:
    return [Parameter(w, label=name) for name, w in problem.weights.items()]


def inputs(problem: Problem) -> tuple[list[Any], list[Any], list[Any]]:
    """A leaf for each step's input and targets, and for each part of the first state."""
    xs, state = ([Tensor(array, requires_grad=False) for array in arrays] for arrays in (problem.xs, problem.state))
    return xs, [Tensor(m) for m in problem.targets], state


def record(weights: Sequence[Any], xs: Sequence[Any], targets: Sequence[Any], state: Sequence[Any]) -> Any:
    """The loss, step by step."""
    W_xh, W_hh, b_h, W_hy, b_y = weights
    (h, *c), losses = state, []
    for t, (x, m) in enumerate(zip(xs, targets, strict=True), start=1):
        with scope("cell", t=t):
            z = functional.add_n([x @ W_xh, h @ W_hh, b_h])
            h, *c = lstm(z, c[0]) if c else (z.tanh(),)
            h.label = f"h_{t}"  # for the picture, and the program's source
            losses.append(functional.cross_entropy(h @ W_hy + b_y, m, reduction="sum"))
    return functional.add_n(losses)


def lstm(z: Any, c: Any) -> tuple[Any, Any]:
    """The gates i, f, g, o are the quarters of z."""
    H = c.shape[-1]
    i, f, g, o = (z[..., k * H : (k + 1) * H] for k in range(4))
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c
