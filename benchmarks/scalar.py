"""Scalar nodes: record and backward of micrograd's `MLP(2, [16, 16, 1])` on 20 samples, as in micrograd's demo.

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
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.report import Floor
from benchmarks.timing import seconds

ROWS = {
    "micrograd": "micrograd",
    "same-nn": "microgradrnn, micrograd's nn code",
    "own-nn": "microgradrnn, its own nn: a sum is one node",
}
FLOOR = 4.0
TOLERANCE = 1e-9
ROUNDS = 7  # processes for each engine, with the garbage collector on and again with it off
WARM_UP, STEPS = 5, 10  # of each process


def run() -> None:
    """Check that the engines agree, time them, and print the table."""
    engines = list(ROWS) if report.installed("micrograd") else ["own-nn"]
    checks = {engine: in_own_process(engine, steps=0) for engine in engines}
    for engine in engines[1:]:
        agree(engine, checks[engine], checks["micrograd"])

    samples: dict[tuple[str, bool], list[float]] = {(engine, on): [] for on in (True, False) for engine in engines}
    for _ in range(ROUNDS):
        for (engine, on), sample in samples.items():
            sample.append(in_own_process(engine, collector=on)["seconds"])
    show({key: statistics.median(sample) for key, sample in samples.items()}, checks)


def show(medians: dict[tuple[str, bool], float], checks: dict[str, Any]) -> None:
    print("SCALAR  record and backward of micrograd's MLP(2, [16, 16, 1]), 20 samples; each engine in its own process")
    rows: list[tuple[str, ...]] = []
    for engine, name in ROWS.items():
        if engine not in checks:
            rows.append((name, report.NOT_INSTALLED))
            continue
        times = [f"{medians[engine, on] * 1e3:.1f}" for on in (True, False)]
        ratios = [f"{ratio:.2f}" if (ratio := faster(medians, engine, on)) else "-" for on in (True, False)]
        rows.append((name, f"{checks[engine]['nodes']:,}", times[0], ratios[0], times[1], ratios[1]))
    print(report.table(("", "nodes", "ms, gc on", "times faster", "ms, gc off", "times faster"), rows))
    peers = [engine for engine in ROWS if engine != "micrograd"]
    claims = [Floor(f"{ROWS[e]}, times faster, gc on", faster(medians, e, True), FLOOR, at_least=True) for e in peers]
    print(report.floors(*claims))


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
    nn = importlib.import_module("microgradrnn.nn" if engine == "own-nn" else "micrograd.nn")
    value = importlib.import_module("micrograd.engine" if engine == "micrograd" else "microgradrnn").Value
    if engine == "same-nn":
        vars(nn)["Value"] = value  # micrograd's classes look the name up when they make a weight
    return value, nn.MLP


def prepare(engine: str) -> tuple[Any, Callable[[], Any]]:
    """The model, and a step that records its loss and returns the root: the hinge loss of micrograd's demo."""
    value, mlp = load(engine)
    random.seed(1)
    model = mlp(2, [16, 16, 1])
    samples = [([random.uniform(-1, 1), random.uniform(-1, 1)], random.choice((-1, 1))) for _ in range(20)]

    def record() -> Any:
        scores = [(model([value(number) for number in x]), y) for x, y in samples]
        losses = [(1 + -y * score).relu() for score, y in scores]
        return sum(losses) * (1.0 / len(losses))

    return model, record


def check(model: Any, record: Callable[[], Any]) -> dict[str, Any]:
    loss = record()
    loss.backward()
    return {"nodes": count(loss), "loss": loss.data, "grads": [p.grad for p in model.parameters()]}


def count(root: Any) -> int:
    """How many nodes there are behind ``root``; both engines call a node's inputs ``_prev``."""
    found, todo = {root}, [root]
    while todo:
        new = todo.pop()._prev - found
        found |= new
        todo += new
    return len(found)


def measure(model: Any, record: Callable[[], Any], steps: int, collector: bool) -> float:
    """The mean of consecutive steps, since a step may pay for the garbage of those before it."""

    loss = None

    def step() -> None:
        # As in any training loop, a loss keeps its graph until the next one takes its name.
        nonlocal loss
        loss = record()
        loss.backward()

    times = []
    for _ in range(WARM_UP + steps):
        model.zero_grad()
        if not collector:
            gc.collect()  # untimed: without the collector micrograd's graphs, which hold cycles, would pile up
        times.append(seconds(step))
    return statistics.mean(times[WARM_UP:])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scalar", description="One engine, in this process.")
    parser.add_argument("engine", choices=ROWS)
    parser.add_argument("--steps", type=int, default=STEPS, help="how many to time; 0: only the numbers to check")
    parser.add_argument("--no-gc", action="store_true", help="switch the garbage collector off")
    args = parser.parse_args()
    model, record = prepare(args.engine)
    if args.steps == 0:
        print(json.dumps(check(model, record)))
        return
    if args.no_gc:
        gc.disable()
    print(json.dumps({"seconds": measure(model, record, args.steps, not args.no_gc)}))


if __name__ == "__main__":
    main()
