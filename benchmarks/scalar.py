"""Scalar nodes: a pass over micrograd's `MLP(2, [16, 16, 1])` on 20 samples, as in micrograd's demo.

Each engine runs in processes of its own, so that no engine's objects burden another's garbage collection:
`python -m benchmarks.scalar ENGINE` is one such process, and prints what it found as JSON.
"""

import argparse
import gc
import importlib
import json
import math
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import microgradrnn
from benchmarks import report
from benchmarks.report import Floor
from benchmarks.timing import spent
from microgradrnn import Value

ROWS = {
    "micrograd": "micrograd",
    "same-nn": "microgradrnn, micrograd's nn code",
    "own-nn": "microgradrnn, its own nn: a sum is one node",
    "program": "microgradrnn, program",
}
FLOORS = {"same-nn": 4.0, "own-nn": 4.0, "program": 80.0}
COMPILE = 2.0  # seconds
TOLERANCE = 1e-9
ROUNDS = 7  # processes for each engine, with the garbage collector on and again with it off
WARM_UP, STEPS = 5, 10  # of each process


def run() -> dict[str, Any]:
    """Check that the engines agree, time them, print the table, and return what was found."""
    engines = list(ROWS) if report.installed("micrograd") else ["own-nn", "program"]
    checks = {engine: in_own_process(engine, steps=0) for engine in engines}
    for engine in engines[1:]:
        agree(engine, checks[engine], checks[engines[0]])

    samples: dict[tuple[str, bool], list[float]] = {(engine, on): [] for on in (True, False) for engine in engines}
    for _ in range(ROUNDS):
        for (engine, on), sample in samples.items():
            sample.append(in_own_process(engine, collector=on)["seconds"])
    medians = {key: statistics.median(sample) for key, sample in samples.items()}
    show(medians, checks)
    return {
        "seconds": {engine: medians[engine, True] for engine in engines},
        "seconds, gc off": {engine: medians[engine, False] for engine in engines},
        "nodes": {engine: checks[engine]["nodes"] for engine in engines},
        "compile": checks["program"]["compile"],
    }


def show(medians: dict[tuple[str, bool], float], checks: dict[str, Any]) -> None:
    print("SCALAR  forward and backward of micrograd's MLP(2, [16, 16, 1]), 20 samples; each engine in its own process")
    rows: list[tuple[str, ...]] = []
    for engine, name in ROWS.items():
        if engine not in checks:
            rows.append((name, report.NOT_INSTALLED))
            continue
        times = [f"{medians[engine, on] * 1e3:.2f}" for on in (True, False)]
        ratios = [f"{ratio:.2f}" if (ratio := faster(medians, engine, on)) else "-" for on in (True, False)]
        rows.append((name, f"{checks[engine]['nodes']:,}", times[0], ratios[0], times[1], ratios[1]))
    print(report.table(("", "nodes", "ms, gc on", "times faster", "ms, gc off", "times faster"), rows))
    claims = [
        Floor(f"{ROWS[engine]}, times faster, gc on", faster(medians, engine, True), floor, at_least=True)
        for engine, floor in FLOORS.items()
    ]
    print(
        report.floors(*claims, Floor(f"{ROWS['program']}, seconds to compile", checks["program"]["compile"], COMPILE))
    )


def faster(medians: dict[tuple[str, bool], float], engine: str, on: bool) -> float | None:
    """How many times faster than micrograd; None where one of the two wasn't timed."""
    both = [medians.get((name, on)) for name in ("micrograd", engine)]
    return both[0] / both[1] if both[0] and both[1] else None


def agree(engine: str, found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Raise where loss or a gradient differs: numbers that aren't the same aren't worth timing."""
    pairs = zip([found["loss"], *found["grads"]], [expected["loss"], *expected["grads"]], strict=True)
    if not all(math.isclose(x, y, rel_tol=TOLERANCE, abs_tol=TOLERANCE) for x, y in pairs):
        raise AssertionError(f"{engine} and micrograd differ by more than {TOLERANCE:g} in the loss or a gradient")


def in_own_process(engine: str, steps: int = STEPS, collector: bool = True) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.scalar", engine, "--steps", str(steps)]
    command += [] if collector else ["--no-gc"]
    done = subprocess.run(
        command, cwd=Path(__file__).parent.parent, stdout=subprocess.PIPE, check=True, encoding="utf-8"
    )
    return json.loads(done.stdout)  # type: ignore[no-any-return]


# ---- What runs in the process of an engine --------------------------------------------------------------------------


def load(engine: str) -> tuple[Any, Any]:
    """The engine's Value and the MLP that is made of it."""
    nn = importlib.import_module("microgradrnn.nn" if engine in ("own-nn", "program") else "micrograd.nn")
    value = importlib.import_module("micrograd.engine" if engine == "micrograd" else "microgradrnn").Value
    if engine == "same-nn":
        vars(nn)["Value"] = value  # micrograd's classes look the name up when they make a weight
    return value, nn.MLP


Numbers = tuple[float, list[float]]
"""The loss, and the gradient of each parameter."""


def prepare(engine: str) -> tuple[Callable[[], Any], Callable[[], Numbers], dict[str, Any]]:
    """A pass, what its last run found, and what there is to tell of the engine."""
    value, mlp = load(engine)
    random.seed(1)
    model = mlp(2, [16, 16, 1])
    samples = [([random.uniform(-1, 1), random.uniform(-1, 1)], random.choice((-1, 1))) for _ in range(20)]
    if engine == "program":
        return compiled(model, samples)

    loss: Any = None

    def step() -> None:
        # As in any training loop, a loss keeps its graph until the next one takes its name.
        nonlocal loss
        model.zero_grad()
        loss = hinge(model, [([value(number) for number in x], y) for x, y in samples])
        loss.backward()

    step()
    return step, lambda: (loss.data, [p.grad for p in model.parameters()]), {"nodes": count(loss)}


def hinge(model: Any, samples: list[Any]) -> Any:
    """The hinge loss of micrograd's demo."""
    losses = [(1 + -y * model(x)).relu() for x, y in samples]
    return sum(losses) * (1.0 / len(losses))


def compiled(model: Any, samples: list[Any]) -> tuple[Callable[[], Any], Callable[[], Numbers], dict[str, Any]]:
    """Record once, and then a program that takes other samples."""
    parameters = model.parameters()
    for k, p in enumerate(parameters):
        p.label = f"p{k}"
    leaves = [([Value(number, requires_grad=False) for number in x], y) for x, y in samples]
    loss = hinge(model, leaves)
    begin = time.process_time()
    program = microgradrnn.compile(loss, inputs=[[leaf for x, _ in leaves for leaf in x]])
    seconds = time.process_time() - begin
    numbers = np.array([x for x, _ in samples]).ravel()

    def found() -> Numbers:
        value, grads = program(numbers)
        return float(value), [float(grads[p.label]) for p in parameters]

    return lambda: program(numbers), found, {"nodes": count(loss), "compile": seconds}


def count(root: Any) -> int:
    """How many nodes there are behind ``root``; both engines call a node's inputs ``_prev``."""
    found, todo = {root}, [root]
    while todo:
        new = todo.pop()._prev - found
        found |= new
        todo += new
    return len(found)


def measure(step: Callable[[], Any], steps: int, collector: bool) -> float:
    """Seconds of processor time, as the mean of consecutive steps, since one may pay for the garbage of others."""
    times = []
    for _ in range(WARM_UP + steps):
        if not collector:
            gc.collect()  # untimed: without the collector micrograd's graphs, which hold cycles, would pile up
        times.append(spent(step).processor)
    return statistics.mean(times[WARM_UP:])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scalar", description="One engine, in this process.")
    parser.add_argument("engine", choices=ROWS)
    parser.add_argument("--steps", type=int, default=STEPS, help="how many to time; 0: only the numbers to check")
    parser.add_argument("--no-gc", action="store_true", help="switch the garbage collector off")
    args = parser.parse_args()
    step, numbers, told = prepare(args.engine)
    if args.steps == 0:
        loss, grads = numbers()
        print(json.dumps({"loss": loss, "grads": grads, **told}))
        return
    if args.no_gc:
        gc.disable()
    print(json.dumps({"seconds": measure(step, args.steps, not args.no_gc)}))


if __name__ == "__main__":
    main()
