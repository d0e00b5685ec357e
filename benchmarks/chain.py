"""A long chain of `Value` operations: what one operation costs in time and memory, however long the chain is."""

import gc
import statistics
import time
import tracemalloc

from benchmarks import report
from benchmarks.report import Floor
from microgradrnn import Value

LENGTHS = (25_000, 50_000, 100_000, 200_000)
ROUNDS = 7
# From the shortest to the longest, 8 times as long: an operation of a quadratic chain would cost 8 times as much. With
# the garbage collector on there is a step between them, since its first full collection comes at some 30,000 nodes.
LINEAR_TIME, LINEAR_TIME_GC, LINEAR_MEMORY = 1.25, 2.0, 1.1


def record(length: int) -> tuple[Value, Value]:
    """h * w * w * ... * w from the left, which is h, and w."""
    h, w = Value(3.0), Value(1.0)
    for _ in range(length):
        h = h * w
    return h, w


def times(length: int, collector: bool) -> tuple[float, float, float]:
    """Seconds an operation takes to record, to run backward and to be freed."""
    gc.collect()
    if not collector:
        gc.disable()
    start = time.perf_counter()
    h, w = record(length)
    recorded = time.perf_counter()
    h.backward()
    done = time.perf_counter()
    del h
    freed = time.perf_counter()
    gc.enable()
    if w.grad != 3.0 * length:
        raise AssertionError(f"a chain of {length:,} operations has the gradient {w.grad}, not {3.0 * length}")
    return (recorded - start) / length, (done - recorded) / length, (freed - done) / length


def memory(length: int) -> tuple[float, float, float]:
    """Bytes an operation holds once recorded, at the peak of the backward pass, and once all is freed."""
    gc.collect()
    tracemalloc.start()
    h, w = record(length)
    recorded = tracemalloc.get_traced_memory()[0]
    h.backward()
    peak = tracemalloc.get_traced_memory()[1]
    del h, w
    freed = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return recorded / length, peak / length, freed / length


def run() -> None:
    """Time the lengths in turn, then trace their memory, and print both."""
    times(LENGTHS[0], collector=True)  # warm-up
    cases = [(length, collector) for length in LENGTHS for collector in (True, False)]
    samples: dict[tuple[int, bool], list[tuple[float, float, float]]] = {case: [] for case in cases}
    for _ in range(ROUNDS):
        for case in cases:
            samples[case].append(times(*case))
    phases = {
        case: [statistics.median(phase) for phase in zip(*rounds, strict=True)] for case, rounds in samples.items()
    }
    traced = {length: memory(length) for length in LENGTHS}

    print("CHAIN   Value operations one after another: microseconds and bytes an operation")
    heads = ("", "record, gc on", "backward", "free", "all", "all, gc off", "bytes recorded", "at the peak", "freed")
    rows = []
    for length in LENGTHS:
        on, off = phases[length, True], phases[length, False]
        micros = [f"{second * 1e6:.2f}" for second in (*on, sum(on), sum(off))]
        rows.append((f"{length:,}", *micros, *(f"{size:.0f}" for size in traced[length])))
    print(report.table(heads, rows))
    growth = {on: spread([sum(phases[length, on]) for length in LENGTHS]) for on in (True, False)}
    peaks = spread([peak for _, peak, _ in traced.values()])
    print(
        report.floors(
            Floor("dearest / cheapest operation, gc off", growth[False], LINEAR_TIME),
            Floor("dearest / cheapest operation, gc on", growth[True], LINEAR_TIME_GC),
            Floor("most / least bytes an operation at the peak", peaks, LINEAR_MEMORY),
        )
    )


def spread(costs: list[float]) -> float:
    return max(costs) / min(costs)


if __name__ == "__main__":
    run()
