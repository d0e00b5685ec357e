"""How long it takes to find the loops of a graph of 100,000 nodes: `python -m benchmarks.loops`.

Prints the best of a few runs, in processor time, beside what recording the same graph takes.
"""

import argparse
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.timing import spent
from microgradrnn import Parameter, Tensor
from microgradrnn.engine import ancestors
from microgradrnn.loops import Recording, time_steps


def recurrence(nodes: int) -> Any:
    """A recurrent network without scopes or labels: five nodes a step."""
    W, U, x, h = _matrix(), _matrix(), Tensor(np.ones((nodes // 5, 1, 2))), _start()
    for t in range(nodes // 5):
        h = (x[t] @ W + h @ U).tanh()
    return h.sum()


def alternating(nodes: int) -> Any:
    """A recurrence whose body alternates without a period: six nodes a step."""
    W, U, x, h, coins = _matrix(), _matrix(), Tensor(np.ones((nodes // 6, 1, 2))), _start(), random.Random(0)
    for t in range(nodes // 6):
        z = x[t] @ W + h @ U
        h = z.tanh() * 0.5 if coins.random() < 0.5 else z.sigmoid()
    return h.sum()


def other_weights(nodes: int) -> Any:
    """No loop, though the shapes repeat: each layer has weights of its own, five nodes a layer."""
    h = _start()
    for _ in range(nodes // 5):
        h = (h @ _matrix() + Parameter(np.ones(2))).tanh()
    return h.sum()


GRAPHS: dict[str, Callable[[int], Any]] = {
    "a recurrence": recurrence,
    "without a period": alternating,
    "other weights in each step": other_weights,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loops", description=__doc__.split("\n")[0])
    parser.add_argument("--nodes", type=int, default=100_000, help="how large a graph; 100,000 unless told")
    parser.add_argument("--rounds", type=int, default=3, help="of how many runs the best is printed; 3 unless told")
    arguments = parser.parse_args()
    print(f"{'':28}{'nodes':>9}{'recording it':>15}{'time_steps':>15}{'Recording':>15}")
    for name, make in GRAPHS.items():
        root = make(arguments.nodes)
        nodes = ancestors(root)
        runs = partial(make, arguments.nodes), partial(time_steps, root), partial(Recording, nodes, {})
        seconds = [min(spent(run).processor for _ in range(arguments.rounds)) for run in runs]
        print(f"{name:28}{len(nodes):9,}" + "".join(f"{taken:13.2f} s" for taken in seconds), flush=True)


def _matrix() -> Parameter:
    return Parameter(0.5 * np.eye(2))


def _start() -> Tensor:
    return Tensor(np.zeros((1, 2)), requires_grad=False)


if __name__ == "__main__":
    main()
