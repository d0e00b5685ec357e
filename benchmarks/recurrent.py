"""Recurrent networks: what a step costs in time and memory, however long the sequence is."""

import gc
import statistics
import time
import tracemalloc
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import report
from benchmarks.report import Floor
from microgradrnn import nn

Array = NDArray[Any]

NETWORKS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}
FEATURES, HIDDEN = 4, 8  # so small that bookkeeping, the part that could grow with T, is nearly all that there is
LENGTHS = (100, 300, 1_000, 3_000, 10_000)
ROUNDS = 2
SAMPLE = 1_000  # steps; a sequence that is shorter is read several times a round
# A step of a quadratic pass would cost up to 100 times as much at the longest as at the shortest. Some growth is the
# machine's, whose caches hold short graphs only, and the garbage collector's, whose full collections first come at some
# 30,000 nodes and go through all that is alive.
LINEAR_TIME, LINEAR_TIME_GC, LINEAR_MEMORY = 1.5, 2.5, 1.1

Case = tuple[str, int, bool]
"""A network, a length, and whether the garbage collector is on."""


def read(net: Any, x: Array) -> Any:
    """The sum of all outputs."""
    return net(x)[0].sum()


def times(net: Any, x: Array, collector: bool) -> tuple[float, float, float]:
    """Seconds a step takes to record, to run backward and to be freed."""
    gc.collect()
    if not collector:
        gc.disable()
    start = time.perf_counter()
    loss = read(net, x)
    recorded = time.perf_counter()
    loss.backward()
    done = time.perf_counter()
    del loss
    freed = time.perf_counter()
    gc.enable()
    net.zero_grad()
    return (recorded - start) / len(x), (done - recorded) / len(x), (freed - done) / len(x)


def memory(net: Any, x: Array) -> tuple[float, float, float]:
    """Bytes a step holds once recorded, at the peak of the backward pass, and once all is freed."""
    gc.collect()
    gc.disable()  # there are no cycles to find, and tracing takes long enough
    tracemalloc.start()
    loss = read(net, x)
    recorded = tracemalloc.get_traced_memory()[0]
    loss.backward()
    peak = tracemalloc.get_traced_memory()[1]
    del loss
    net.zero_grad()
    freed = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    gc.enable()
    return recorded / len(x), peak / len(x), freed / len(x)


def run() -> None:
    """Time networks and lengths in turn, then trace their memory, and print both."""
    nets = {name: make(FEATURES, HIDDEN, seed=0) for name, make in NETWORKS.items()}
    xs = {length: np.random.default_rng(0).normal(size=(length, 1, FEATURES)) for length in LENGTHS}
    for net in nets.values():
        times(net, xs[LENGTHS[0]], collector=True)  # warm-up
    cases: list[Case] = [(name, length, on) for length in LENGTHS for name in nets for on in (True, False)]
    samples: dict[Case, list[tuple[float, float, float]]] = {case: [] for case in cases}
    for _ in range(ROUNDS):
        for name, length, on in cases:
            for _ in range(max(1, SAMPLE // length)):
                samples[name, length, on].append(times(nets[name], xs[length], on))
    phases = {case: [statistics.median(phase) for phase in zip(*rows, strict=True)] for case, rows in samples.items()}
    traced = {(name, length): memory(nets[name], xs[length]) for name in nets for length in LENGTHS}
    show(phases, traced)


def show(phases: dict[Case, list[float]], traced: dict[tuple[str, int], tuple[float, float, float]]) -> None:
    print(f"STEPS   a layer of {HIDDEN} units, one sequence, forward and backward: microseconds and bytes a step")
    heads = ("", "T", "record", "backward", "free", "all, gc off", "all, gc on", "bytes recorded", "peak", "freed")
    rows = []
    for name, length in traced:
        off, on = phases[name, length, False], phases[name, length, True]
        micros = [f"{second * 1e6:.1f}" for second in (*off, sum(off), sum(on))]
        rows.append((name, f"{length:,}", *micros, *(f"{size:,.0f}" for size in traced[name, length])))
    print(report.table(heads, rows))
    claims = []
    for name in NETWORKS:
        time_off, time_on = (ratio([sum(phases[name, length, c]) for length in LENGTHS]) for c in (False, True))
        peaks = ratio([traced[name, length][1] for length in LENGTHS])
        ends = f"{name}, a step at T={LENGTHS[-1]:,} / at T={LENGTHS[0]:,}"
        claims += [
            Floor(f"{ends}, time, gc off", time_off, LINEAR_TIME),
            Floor(f"{ends}, time, gc on", time_on, LINEAR_TIME_GC),
            Floor(f"{ends}, bytes at the peak", peaks, LINEAR_MEMORY),
        ]
    print(report.floors(*claims))


def ratio(costs: list[float]) -> float:
    """The longest's to the shortest's."""
    return costs[-1] / costs[0]


if __name__ == "__main__":
    run()
