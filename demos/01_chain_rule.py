"""The chain rule by hand: f = z (x + y), every local gradient written down, and then the engine's answer beside it.

    python demos/01_chain_rule.py [--x N] [--y N] [--z N] [--out FOLDER]

Each operation knows only its own local gradients. What makes them the gradient of f is one rule, used at every edge:
downstream = local x upstream. `main` returns what it claims: by hand and by machine come to the same three numbers.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from microgradrnn import Backprop, Value
from microgradrnn.viz import draw, explain


@dataclass
class Result:
    """f, its gradients by label, by hand and by the engine, and the picture."""

    f: float
    by_hand: dict[str, float]
    by_engine: dict[str, float]
    written: Path


def main(x=-2.0, y=5.0, z=-4.0, out="out"):
    hand = by_hand(x, y, z)

    print("\nThe engine, one node's turn at a time, from f down to the leaves:")
    leaves = Value(x, "x"), Value(y, "y"), Value(z, "z")
    f = record(*leaves)
    for visit in Backprop(f):  # to its end this is f.backward()
        for edge in visit.edges:
            name = edge.input.label
            print(f"  {visit.node.label} -> {name}: {edge.local:g} x {visit.upstream:g} = {edge.downstream:g}")
    engine = {leaf.label: leaf.grad for leaf in leaves}
    print(f"  so df/dx, df/dy, df/dz = {', '.join(f'{grad:g}' for grad in engine.values())}")
    print(f"\nThe same for the product alone, in words:\n{indent(str(explain(f)))}")
    path = draw(f).save(Path(out) / "chain_rule.svg")
    print(f"\nWritten:\n  {path}: the graph; under each name its value and its gradient, on each arrow what it carries")
    return Result(f.data, hand, engine, path)


def by_hand(x, y, z):
    """All that there is to write down: two operations, two local gradients each."""
    q = x + y
    f = z * q
    print(f"Forward:\n  q = x + y = {x:g} + {y:g} = {q:g}\n  f = z q = {z:g} x {q:g} = {f:g}")
    dq = z * 1.0  # f = z q: its local gradient toward q is z, and toward z it is q: mul swaps
    dz = q * 1.0
    dx = 1.0 * dq  # q = x + y: both local gradients are 1: add hands on what comes
    dy = 1.0 * dq
    print(
        "By hand, from the back, local x upstream:\n"
        f"  df/df = 1\n  df/dq = z x 1 = {dq:g}\n  df/dz = q x 1 = {dz:g}\n"
        f"  df/dx = 1 x df/dq = {dx:g}\n  df/dy = 1 x df/dq = {dy:g}"
    )
    return {"x": dx, "y": dy, "z": dz}


def record(x, y, z):
    q = x + y
    q.label = "q"
    f = z * q
    f.label = "f"
    return f


def indent(text):
    return "\n".join("  | " + line for line in text.splitlines())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--x", type=float, default=-2.0)
    parser.add_argument("--y", type=float, default=5.0)
    parser.add_argument("--z", type=float, default=-4.0)
    parser.add_argument("--out", default="out", help="the folder to write to")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(errors="replace")  # a console without a true minus still shows the numbers
    main(arguments.x, arguments.y, arguments.z, arguments.out)
