"""Find the bug: a backward step through a recurrent network as a tutorial published it, and how `compare` finds it out.

    python demos/12_find_the_bug.py [--steps N] [--size N] [--seed N] [--out FOLDER]

The code runs only where batch, hidden and output have one size, and there it gives numbers that look like gradients.
`compare` holds them against reverse mode. It says which are wrong and at which time step the fault comes in, and so
where to look. W_hy is wrong already at the last step, the first of the walk: so its own line is. b_y is from the step
before on: so what is read there is no dL/dy_t. What is left is how dL/dh_t is handed on. Each repair is compared again.

`main` returns what it claims: as published the gradients of all weights are wrong, each repair mends what it says, and
with all three every gradient agrees.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from microgradrnn import compare, functional
from microgradrnn.by_hand import vanilla
from microgradrnn.nn import ManyToMany

REPAIRS = {
    "swap": "dW_hy is h_t^T dy, not dy h_t^T",
    "own": "each step reads its own dL/dy_t, not dL/dh_t",
    "sum": "dL/dh_t sums what came by y_t and by t + 1",
}
WEIGHTS = ("W_xh", "W_hh", "b_h", "W_hy", "b_y")


@dataclass
class Result:
    """By the last repair made: each gradient's error relative to its norm, and where it comes in. And the picture."""

    errors: dict[str, dict[str, float]]
    step: dict[str, dict[str, int | None]]
    agrees: dict[str, bool]
    written: Path


def main(out="out", steps=4, size=3, seed=0):
    rng = np.random.default_rng(seed)
    net = ManyToMany(input_size=2, hidden_size=size, output_size=size, seed=rng)
    x, dy = rng.normal(size=(steps, size, 2)), rng.normal(size=(steps, size, size))
    weights = {p.label: p.data for p in net.parameters()}
    _, cache = vanilla.forward(x, weights)
    loss = functional.add_n([(y * dy[t - 1]).sum() for t, y in net.unroll(x)])  # so that dL/dy_t is dy
    loss.backward()
    ours = {p.label: p.grad for p in net.parameters()}

    errors, step, agrees, done = {}, {}, {}, []
    for name in ("as published", *REPAIRS):
        done += [name] if name in REPAIRS else []
        print(f"\n== {'Repair: ' + REPAIRS[name] if done else 'As published'}")
        mine = walk(dy, cache, frozenset(done))
        found = compare(loss, mine)
        print(found)
        totals = {label: sum(parts.values()) for label, parts in mine.items()}
        errors[name] = {k: float(np.linalg.norm(totals[k] - ours[k]) / np.linalg.norm(ours[k])) for k in WEIGHTS}
        step[name] = {label: found[label].step for label in WEIGHTS}
        agrees[name] = bool(found)
    path = chart(errors, Path(out) / "find_the_bug.png")
    print(f"\nWritten:\n  {path}: every gradient's error, repair by repair")
    return Result(errors, step, agrees, path)


def walk(dy, cache, repaired):
    """The published loop, each step's contributions kept apart so that they can be compared: {label: {t: array}}."""
    found = {label: {} for label in WEIGHTS}
    T = len(cache)
    dprev_h = dy[-1]  # "it serves as a temporary measure to get the ball rolling"
    dh_next = np.zeros_like(cache[-1].h)
    for t in range(T, 0, -1):
        upstream = dy[t - 1] if "own" in repaired else dprev_h
        contributions, dht, before = one_step_backwards(upstream, dh_next, cache[t - 1], repaired)
        if "own" in repaired:
            dh_next = before
        else:
            dprev_h = before + dht
        for label, contribution in contributions.items():
            found[label][t] = contribution
    return found


def one_step_backwards(output_grad, dh_next, step, repaired):
    """oneStepBackwards as published, in NumPy, with x handed in: there it is not defined."""
    w = step.weights
    dWhy = step.h.T @ output_grad if "swap" in repaired else output_grad @ step.h.T
    dby = output_grad.sum(axis=0)
    dht = output_grad @ w["W_hy"].T
    if "sum" in repaired:
        dht = dht + dh_next
    dtanh = dht * (1 - step.h**2)
    dprev_h = dtanh @ w["W_hh"].T
    dWhh, dbh, dWxh = step.h_before.T @ dtanh, dtanh.sum(axis=0), step.x.T @ dtanh
    return {"W_xh": dWxh, "W_hh": dWhh, "b_h": dbh, "W_hy": dWhy, "b_y": dby}, dht, dprev_h


def chart(errors, path):
    """A row for each state of the code, a column for each gradient."""
    errors = np.array([[row[label] for label in WEIGHTS] for row in errors.values()])
    rows = ["as published", *REPAIRS.values()]
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(errors > 1e-9, cmap="PuOr_r", vmin=-2, vmax=3, aspect="auto")
    for (i, j), error in np.ndenumerate(errors):
        axes.text(j, i, f"off by {error:.2g}" if error > 1e-9 else "right", ha="center", va="center")
    axes.set(xticks=range(len(WEIGHTS)), xticklabels=[f"dL/d{label}" for label in WEIGHTS])
    axes.set(yticks=range(len(rows)), yticklabels=rows)
    axes.set_title("|mine - ours| / |ours|, and each row keeps the repairs above it")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=4, help="how many time steps")
    parser.add_argument("--size", type=int, default=3, help="of batch, state and output, which must be one here")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="out", help="the folder to write to")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(errors="replace")  # a console without some character still shows the numbers
    main(arguments.out, arguments.steps, arguments.size, arguments.seed)
