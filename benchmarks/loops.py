"""How long finding loops takes, and compiling: `python -m benchmarks.loops`, `python -m benchmarks.loops --compile`.

Prints the best of a few runs, in processor time: of graphs of 100,000 nodes what recording them, `time_steps` and
`Recording` take; of character models by their number of steps what `compile` takes, the loss being recorded.
"""

import argparse
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import microgradrnn
from benchmarks.timing import spent
from microgradrnn import Parameter, Tensor, nn
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


def find(nodes: int, rounds: int) -> None:
    """Print what finding the loops of the graphs takes."""
    print(f"{'':28}{'nodes':>9}{'recording it':>15}{'time_steps':>15}{'Recording':>15}")
    for name, make in GRAPHS.items():
        root = make(nodes)
        found = ancestors(root)
        runs = partial(make, nodes), partial(time_steps, root), partial(Recording, found, {})
        seconds = [best(run, rounds) for run in runs]
        print(f"{name:28}{len(found):9,}" + "".join(f"{taken:13.2f} s" for taken in seconds), flush=True)


def compile_models(rounds: int) -> None:
    """Print what compiling character models takes: V=8, H=16, a batch of one, a loss in each step."""
    print(f"{'':12}{'T':>8}{'nodes':>9}" + "".join(f"{dialect:>11}" for dialect in DIALECTS))
    for cell in ("rnn", "lstm", "gru"):
        for steps in STEPS:
            loss, inputs = character_model(cell, steps)
            run = partial(microgradrnn.compile, loss, inputs)
            seconds = [best(partial(run, dialect=dialect), rounds) for dialect in DIALECTS]
            print(f"{cell:12}{steps:8,}{len(ancestors(loss)):9,}" + "".join(f"{x:9.3f} s" for x in seconds), flush=True)


def character_model(cell: str, steps: int) -> tuple[Any, list[Any]]:
    """The recorded loss of a character model, and its inputs."""
    rng = np.random.default_rng(0)
    model = nn.RNNLM(8, 16, cell=cell)
    tokens, targets = (Tensor(rng.integers(8, size=(steps, 1)), name) for name in ("tokens", "targets"))
    return model.loss(tokens, targets, reduction="sum")[0], [tokens, targets]


def best(run: Callable[[], Any], rounds: int) -> float:
    """The least processor time of some runs; the first may have to import what it needs."""
    return min(spent(run).processor for _ in range(rounds))


DIALECTS = ("numpy", "jax")
STEPS = (10, 100, 1_000, 10_000)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loops", description=__doc__.split("\n")[0])
    parser.add_argument("--nodes", type=int, default=100_000, help="how large a graph; 100,000 unless told")
    parser.add_argument("--rounds", type=int, default=3, help="of how many runs the best is printed; 3 unless told")
    parser.add_argument("--compile", action="store_true", help="time compile by T instead; needs JAX")
    arguments = parser.parse_args()
    if arguments.compile:
        compile_models(arguments.rounds)
    else:
        find(arguments.nodes, arguments.rounds)


def _matrix() -> Parameter:
    return Parameter(0.5 * np.eye(2))


def _start() -> Tensor:
    return Tensor(np.zeros((1, 2)), requires_grad=False)


if __name__ == "__main__":
    main()
