"""Softmax with cross-entropy as one node, and taken apart: one loss, one gradient, S - 1[m].

    python demos/02_softmax_cross_entropy.py [--logits N ...] [--right M] [--out FOLDER]

Taken apart it is six nodes: y -> exp -> sum -> division -> entry m -> log -> minus. Their local gradients multiply to
something simple: the probabilities, less one at the right class. `main` returns what it claims: both come to the same
gradient, which is S - 1[m] and sums to 0; and where a score is 1000, the one node still knows what the parts do not.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microgradrnn import Backprop, Tensor, functional
from microgradrnn.viz import draw

HUGE = 1000.0


@dataclass
class Result:
    """Losses and gradients of the two, S - 1[m], the losses where one score is huge, and the two pictures."""

    fused: tuple[float, np.ndarray]
    apart: tuple[float, np.ndarray]
    by_formula: np.ndarray
    huge: dict[str, float]
    written: list[Path]


def main(logits=(1.0, 2.0, -1.0), right=0, out="out"):
    scores = np.array(logits, dtype=float)
    print(f"Scores y = {row(scores)}; the right class is number {right}.")
    graphs = {"fused": record(fused, scores, right), "apart": record(apart, scores, right)}

    print("\nBackward through the parts, from the loss down:")
    graphs["fused"][0].backward()
    for visit in Backprop(graphs["apart"][0]):  # to its end this is backward() too, and here every step of it shows
        for edge in visit.edges:
            print(f"  {visit.node.label:>8} -> {edge.input.label:4} {row(edge.downstream)}")

    S = np.exp(scores) / np.exp(scores).sum()
    formula = S - np.eye(len(scores))[right]
    print(f"\nS = {row(S)}\n{'S - 1[m]':>14} = {row(formula)}, which sums to {formula.sum():.1g}")
    for name, (L, y) in graphs.items():
        print(f"{name:>8} dL/dy = {row(y.grad)}   L = {L.item():.6f}")

    huge = np.where(np.arange(len(scores)) == right, HUGE, scores)
    with np.errstate(all="ignore"):  # exp(1000) overflows: this is what is to be seen
        losses = {name: record(how, huge, right)[0].item() for name, how in (("fused", fused), ("apart", apart))}
    print(f"\nWith y_{right} = {HUGE:g}: L is {losses['fused']:g} as one node, {losses['apart']} from the parts.")

    paths = [draw(L).save(Path(out) / f"softmax_{name}.svg") for name, (L, _) in graphs.items()]
    print("\nWritten:", *(f"  {path}" for path in paths), sep="\n")
    found = {name: (L.item(), y.grad) for name, (L, y) in graphs.items()}
    return Result(found["fused"], found["apart"], formula, losses, paths)


def record(how, scores, right):
    """The loss and the scores that it is a function of."""
    y = Tensor(scores, "y")
    L = how(y, right)
    L.label = "L"
    return L, y


def fused(y, right):
    return functional.cross_entropy(y, Tensor(np.array(right), "m"))


def apart(y, right):
    """Every step a node of its own, with the name that a textbook gives it."""
    e = named(y.exp(), "e^y")
    Z = named(e.sum(), "Z")
    S = named(e / Z, "S")
    return -named(named(S[right], "S_m").log(), "log S_m")


def named(node, label):
    node.label = label
    return node


def row(numbers):
    return "(" + ", ".join(f"{x:7.4f}" for x in np.ravel(numbers)) + ")"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--logits", type=float, nargs="+", default=(1.0, 2.0, -1.0), help="a score for each class")
    parser.add_argument("--right", type=int, default=0, help="the number of the right class, from 0")
    parser.add_argument("--out", default="out", help="the folder to write to")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(errors="replace")  # a console without some character still shows the numbers
    main(arguments.logits, arguments.right, arguments.out)
