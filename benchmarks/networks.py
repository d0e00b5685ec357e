"""Character models: every contender at sizes from tiny to T = 10,000, and how cost grows with T, H and N.

All numbers are checked against each other before anything is timed.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks import contenders, report
from benchmarks.contenders import (
    AUTOGRAD,
    CONTENDERS,
    HAND,
    JAX,
    MIN_CHAR_RNN,
    MYGRAD,
    ON_JAX,
    PROGRAM,
    PYTORCH,
    PYTORCH_STEPS,
    PYTORCH_WHOLE,
    RECORDED,
)
from benchmarks.problems import Array, Case
from benchmarks.report import Floor
from benchmarks.timing import Spent, median
from benchmarks.workers import TINY, Workers, compile_time, memory, numbers, times

LEARNER = Case(V=65, H=100, T=25)
BATCH = Case(V=65, H=128, T=50, N=32, dtype="float32")
LSTM = Case(V=65, H=128, T=50, N=32, dtype="float32", cell="lstm")


def learner(**sizes: int) -> Case:
    """The learner's case with other sizes."""
    return Case(**(asdict(LEARNER) | sizes))


LONG, LONGEST = learner(T=1_000), learner(T=10_000)
SIZES = {"tiny": TINY, "learner's": LEARNER, "batch": BATCH, "LSTM": LSTM, "T=1,000": LONG, "T=10,000": LONGEST}
LEARNERS = ("tiny", "learner's", "batch", "LSTM", "T=1,000")
"""The sizes of these that a learner uses."""
GROWTH = {
    "T": [learner(T=T) for T in (10, 25, 100, 1_000, 10_000)],
    "H": [learner(H=H) for H in (10, 32, 100, 316, 1_000)],
    "N": [learner(N=N) for N in (1, 3, 10, 32, 100)],
}
COMPILED = {LEARNER: 5, LONG: 1}  # and how often
REMEMBERED = (LONG, learner(T=3_000), LONGEST)

TOLERANCE = {"float64": 1e-9, "float32": 1e-4}
"""Of the largest entry. Their own is 2e-16 and 1e-7, and there are sums over all steps."""
STRETCH = 0.05  # seconds of consecutive passes
ROUNDS, FEWEST = 15, 5
PATIENCE = 10.0  # seconds that a case may take, if that leaves it the fewest rounds
SAME = 1.05  # two medians of the same code differ by a few percent

Figures = dict[str, Any]
"""A case, and by contender what was measured; as it goes into a JSON file."""


def run() -> dict[str, Any]:
    """Measure everything, print it, and return it."""
    names, found = contenders.installed(), {}
    print("NETWORKS  forward and backward of character models; each contender in its own process, processor time")
    with Workers(names) as workers:
        for case in dict.fromkeys([*SIZES.values(), *(case for cases in GROWTH.values() for case in cases)]):
            found[case] = measure(workers, names, case)
            show(found[case], case)
        compiled = [{"case": asdict(case), "seconds": compile_times(workers, names, case)} for case in COMPILED]
    remembered = [{"case": asdict(case), "bytes": peaks(names, case)} for case in REMEMBERED]
    show_compiled(compiled)
    show_remembered(remembered)
    figures = {
        "sizes": {size: found[case] for size, case in SIZES.items()},
        "growth": {axis: [found[case] for case in cases] for axis, cases in GROWTH.items()},
        "compiled": compiled,
        "remembered": remembered,
    }
    print(report.floors(*floors(figures)))
    return figures


# ---- Measuring ------------------------------------------------------------------------------------------------------


def measure(workers: Workers, names: Iterable[str], case: Case) -> Figures:
    """What a pass costs each, once all agree: medians over rounds, each of which asks everybody in turn."""
    names = [name for name in names if CONTENDERS[name].fits(case)]
    answers = {name: workers.ask(name, numbers, case) for name in names}
    for name in names:
        agree(name, case, answers[name], answers[HAND])
    first = {name: workers.ask(name, times, case, 1).clock for name in names}
    passes = {name: max(1, round(STRETCH / seconds)) for name, seconds in first.items()}
    a_round = sum(seconds * passes[name] for name, seconds in first.items())
    samples: dict[str, list[Spent]] = {name: [] for name in names}
    for _ in range(min(ROUNDS, max(FEWEST, round(PATIENCE / a_round)))):
        for name in names:
            samples[name].append(workers.ask(name, times, case, passes[name]))
    medians = {name: median(sample) for name, sample in samples.items()}
    return {
        "case": asdict(case),
        "processor": {name: spent.processor for name, spent in medians.items()},
        "clock": {name: spent.clock for name, spent in medians.items()},
    }


Answer = tuple[float, dict[str, Array]]


def agree(name: str, case: Case, found: Answer, expected: Answer) -> None:
    """Raise where the loss or a gradient differs from the one by hand: what isn't the same isn't worth timing."""
    (loss, grads), (loss_by_hand, grads_by_hand) = found, expected
    differences = {w: np.abs(grads[w] - grad).max() / np.abs(grad).max() for w, grad in grads_by_hand.items()}
    differences["the loss"] = abs(loss - loss_by_hand) / abs(loss_by_hand)
    for what, difference in differences.items():
        if not difference <= TOLERANCE[case.dtype]:
            raise AssertionError(f"{name} and {HAND} differ by {difference:g} in {what}, {case}")


def compile_times(workers: Workers, names: Iterable[str], case: Case) -> dict[str, float]:
    able = [name for name in names if CONTENDERS[name].compiled and CONTENDERS[name].fits(case)]
    return {name: workers.ask(name, compile_time, case, COMPILED[case]) for name in able}


def peaks(names: Iterable[str], case: Case) -> dict[str, int]:
    """Bytes, each in a process that has seen nothing else; two at a time, since memory is not about time."""

    def peak(name: str) -> int | None:
        with Workers([name]) as worker:
            return worker.ask(name, memory, case)

    able = [name for name in names if CONTENDERS[name].fits(case)]
    with ThreadPoolExecutor(2) as threads:
        found = zip(able, threads.map(peak, able), strict=True)
        return {name: size for name, size in found if size is not None}


# ---- Printing -------------------------------------------------------------------------------------------------------


def show(figures: Figures, case: Case) -> None:
    by_hand = figures["processor"][HAND]
    rows = [
        (name, f"{seconds * 1e3:.3f}", f"{figures['clock'][name] * 1e3:.3f}", f"{seconds / by_hand:.2f}")
        for name, seconds in figures["processor"].items()
    ]
    missing = [(name, report.NOT_INSTALLED) for name in CONTENDERS if name not in contenders.installed()]
    print(report.table((str(case), "ms", "by the clock", f"times {HAND}"), [*rows, *missing]))


def show_compiled(compiled: list[Figures]) -> None:
    rows = [(name, *(f"{of['seconds'].get(name, np.nan):.2f}" for of in compiled)) for name in compiled[0]["seconds"]]
    print(report.table(("compiling, s", *(f"T={of['case']['T']:,}" for of in compiled)), rows))


def show_remembered(remembered: list[Figures]) -> None:
    rows = [
        (name, *(f"{of['bytes'][name] / 1e6:.1f}" if name in of["bytes"] else "-" for of in remembered))
        for name in remembered[0]["bytes"]
    ]
    print(report.table(("memory, MB", *(f"T={of['case']['T']:,}" for of in remembered)), rows))


def floors(figures: dict[str, Any]) -> list[Floor]:
    """What the project promised itself."""
    compiled = [of["seconds"][PROGRAM] for of in figures["compiled"]]

    def floor(name: str, peers: Sequence[str], sizes: Sequence[str], limit: float, or_else: str = "") -> Floor:
        ratios = [
            min(seconds[name], seconds.get(or_else, seconds[name])) / seconds[peer]
            for seconds in (figures["sizes"][size]["processor"] for size in sizes)
            for peer in peers
            if peer in seconds
        ]
        ours = f"the better of {name} and {or_else}" if or_else else name
        claim = f"{', '.join(sizes)}: {ours} / {', '.join(peers)}"
        return Floor(claim, max(ratios, default=None), limit)

    return [
        floor(PROGRAM, [HAND], ["learner's"], 0.25),
        floor(PROGRAM, [HAND], ["batch"], 0.7),
        floor(PROGRAM, [PYTORCH_WHOLE], ["learner's", "LSTM"], 1.0),
        floor(PROGRAM, [PYTORCH_STEPS, PYTORCH, AUTOGRAD, MYGRAD], LEARNERS, 1.0),
        floor(PROGRAM, [JAX], LEARNERS, SAME),
        floor(PROGRAM, [JAX, PYTORCH_WHOLE], list(SIZES), 1.0, or_else=ON_JAX),
        Floor(f"{PROGRAM}, seconds to compile T=25", compiled[0], 0.2),
        Floor(f"{PROGRAM}, seconds to compile T=1,000", compiled[1], 3.0),
        Floor(f"{ON_JAX}, seconds to compile T=1,000", figures["compiled"][1]["seconds"].get(ON_JAX), 3.0),
        floor(RECORDED, [HAND], ["learner's"], 1.8),
        floor(RECORDED, [PYTORCH_STEPS], ["learner's"], SAME),
        floor(RECORDED, [PYTORCH_STEPS], ["LSTM"], 2.5),
        floor(HAND, [MIN_CHAR_RNN], ["learner's"], SAME),
    ]


if __name__ == "__main__":
    run()
