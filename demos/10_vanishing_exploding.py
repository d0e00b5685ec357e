"""Vanishing and exploding gradients: matrices with chosen spectra, what theory says of them, and what is measured.

    python demos/10_vanishing_exploding.py [--steps N] [--seed N] [--out FOLDER]

In a linear network dL/dh_t is dL/dh_T times W_hh^T, once for each step between, so powers of W_hh decide. The largest
singular value bounds one step, the spectral radius says where many steps end, and only for normal matrices do the two
agree: [[.5, 10], [0, .5]] lets a gradient grow up to tenfold in a step, and then vanish. With tanh every
step has another matrix, and of theory only the bound is left, sigma_max^k after k steps (Pascanu, Mikolov and Bengio,
2013).

`main` returns what it claims: k steps back the measured norm is ‖dL/dh_T (W_hh^T)^k‖ in a linear network, at most
‖W_hh^k‖; with tanh it is at most sigma_max^k. And clipping by norm keeps a gradient's direction, by value does not.
"""

import argparse
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from microgradrnn import Parameter, nn
from microgradrnn.analysis import grad_norms, power_norms, spectrum
from microgradrnn.optim import clip_grad_norm_, clip_grad_value_

COLOURS = ("#0072b2", "#009e73", "#d55e00", "#cc79a7")


@dataclass
class Outcome:
    """Of one matrix: its largest singular value and spectral radius; and norms by steps back in time, from 0.

    In a linear network as theory has it, the most it can be for any gradient, and as measured; with tanh the most it
    can be, and as measured.
    """

    sigma: float
    radius: float
    theory: np.ndarray
    most: np.ndarray
    linear: np.ndarray
    most_tanh: np.ndarray
    tanh: np.ndarray


@dataclass
class Result:
    """An outcome for each matrix, the cosine between a gradient and what clipping leaves of it, and the picture."""

    outcomes: dict[str, Outcome]
    cosines: dict[str, float]
    written: Path


def main(out="out", steps=30, seed=0):
    rng = np.random.default_rng(seed)
    Q, _ = np.linalg.qr(rng.standard_normal((8, 8)))
    skew = np.array([[0.5, 10.0], [0.0, 0.5]])
    matrices = {"0.8 Q": 0.8 * Q, "Q": Q, "1.25 Q": 1.25 * Q, "[[.5, 10], [0, .5]]": skew}
    outcomes = {name: study(W, steps, rng) for name, W in matrices.items()}
    print(f"‖dL/dh_t‖ over ‖dL/dh_T‖ with L = <h_T, u> for a fixed u; Q is orthogonal, 8 x 8. {steps} steps back:\n")
    print(f"{'W_hh':22}{'sigma_max':>10}{'radius':>8}{'theory':>10}{'measured':>10}{'highest':>10}{'with tanh':>11}")
    for name, found in outcomes.items():
        numbers = (found.theory[-1], found.linear[-1], found.linear.max(), found.tanh[-1])
        print(f"{name:22}{found.sigma:10.4g}{found.radius:8.3g}" + "".join(f"{n:10.2e}" for n in numbers))
    print("\nThe last of them:")
    for line in spectrum(skew).implies.splitlines():
        print(textwrap.fill(line, 100, initial_indent="  ", subsequent_indent="    "))

    cosines = {"by value": clipped(clip_grad_value_), "by norm": clipped(clip_grad_norm_)}
    print("\nThe gradient (10, 1) clipped at 5:")
    for how, (left, cosine) in cosines.items():
        print(f"  {how:9} ({left[0]:.3f}, {left[1]:.3f}), cosine with what it was: {cosine:.4f}")
    path = chart(outcomes, Path(out) / "vanishing_exploding.png")
    print(f"\nWritten:\n  {path}: lines are theory, points are measured")
    return Result(outcomes, {how: cosine for how, (_, cosine) in cosines.items()}, path)


def study(W, steps, rng):
    """What is predicted for a matrix, and what networks that have it as W_hh show."""
    u = rng.standard_normal(len(W))
    u /= np.linalg.norm(u)
    x = rng.standard_normal((steps + 1, 1, 1))
    found = spectrum(W)
    backward = [u]
    for _ in range(steps):
        backward.append(backward[-1] @ W.T)
    theory = np.linalg.norm(backward, axis=1)
    measured = {kind: measure(kind, W, u, x) for kind in ("identity", "tanh")}
    most, most_tanh = np.array([1.0, *power_norms(W, steps)]), found.norm ** np.arange(steps + 1)
    return Outcome(found.norm, found.spectral_radius, theory, most, measured["identity"], most_tanh, measured["tanh"])


def measure(nonlinearity, W, u, x):
    """Norms of dL/dh_t, last step first, in a network with this W_hh that is told L = <h_T, u>."""
    rnn = nn.RNN(1, len(W), nonlinearity=nonlinearity, seed=0)
    rnn.cells[0][0].W_hh.data = W
    norms = grad_norms((rnn.last(x) * u).sum())
    return np.array([norms[t] for t in sorted(norms, reverse=True)])


def clipped(clip):
    """What clipping at 5 leaves of (10, 1), and the cosine between the two."""
    p, g = Parameter(np.zeros(2)), np.array([10.0, 1.0])
    p.grad = g
    clip([p], 5.0)
    return p.grad, float(p.grad @ g / np.linalg.norm(p.grad) / np.linalg.norm(g))


def chart(outcomes, path):
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for colour, (name, found) in zip(COLOURS, outcomes.items(), strict=True):
        back = np.arange(len(found.theory))
        panels[0].plot(back, found.theory, "-", color=colour)
        panels[0].plot(back, found.most, ":", color=colour, linewidth=1)
        panels[0].plot(back, found.linear, "o", color=colour, markersize=4, label=name)
        panels[1].plot(back, found.most_tanh, "--", color=colour, linewidth=1)
        panels[1].plot(back, found.tanh, "o", color=colour, markersize=4, label=name)
    panels[0].set(title="linear: theory (lines) and measured (points);\ndotted: the most, ‖W_hh^k‖", yscale="log")
    panels[0].set_ylim(1e-10, 1e4)
    panels[1].set(title="tanh: measured (points);\ndashed: the most, sigma_max^k")
    panels[0].set_ylabel("‖dL/dh_(T-k)‖ over ‖dL/dh_T‖")
    for axes in panels:
        axes.set_xlabel("k steps back in time")
        axes.grid(alpha=0.3)
        axes.legend(title="W_hh", loc="lower left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=30, help="how many steps back")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="out", help="the folder to write to")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(errors="replace")  # a console without some character still shows the numbers
    main(arguments.out, arguments.steps, arguments.seed)
