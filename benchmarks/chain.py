"""A long chain of `Value` operations: time and memory an operation, which stay the same as the chain gets longer."""

import gc
import statistics
import time
import tracemalloc

from benchmarks import report
from microgradrnn import Value

LENGTHS = (25_000, 50_000, 100_000, 200_000)
ROUNDS = 7
LINEAR = 1.5  # 8 times the length at no more than this many times the cost an operation; quadratic would be 8


def record(length: int) -> tuple[Value, Value]:
    """w * w * ... * w, from the left, and w."""
    w = Value(1.0)
    h = w
    for _ in range(length):
        h = h * w
    return h, w


def times(length: int) -> tuple[float, float, float]:
    """Seconds to record, to run backward and to free a chain, the garbage collector on."""
    gc.collect()
    clock = [time.perf_counter()]
    h, w = record(length)
    clock.append(time.perf_counter())
    h.backward()
    clock.append(time.perf_counter())
    assert w.grad == length + 1
    clock.append(time.perf_counter())
    del h
    clock.append(time.perf_counter())
    return clock[1] - clock[0], clock[2] - clock[1], clock[4] - clock[3]


def memory(length: int) -> tuple[int, int, int, int]:
    """Bytes held once recorded, at the peak of the backward pass, after it, and once freed."""
    gc.collect()
    tracemalloc.start()
    h, w = record(length)
    recorded = tracemalloc.get_traced_memory()[0]
    h.backward()
    after, peak = tracemalloc.get_traced_memory()
    del h, w
    freed = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return recorded, peak, after, freed


def run() -> None:
    print(f"CHAIN   Value operations one after another: cost an operation (medians of {ROUNDS}, gc on)")
    times(LENGTHS[0])  # warm-up
    samples = [[times(length) for length in LENGTHS] for _ in range(ROUNDS)]
    rows, costs, peaks = [], [], []
    for i, length in enumerate(LENGTHS):
        phases = [statistics.median(phase) / length for phase in zip(*(sample[i] for sample in samples), strict=True)]
        recorded, peak, freed = (size / length for size in memory(length))
        costs.append(sum(phases))
        peaks.append(peak)
        numbers = [*(f"{phase * 1e6:.2f}" for phase in (*phases, costs[-1])), f"{recorded:.0f}", f"{peak:.0f}"]
        rows.append((f"{length:,}", *numbers, f"{freed:.1f}"))
    heads = ("operations", "us: record", "backward", "free", "all", "bytes: recorded", "peak", "left when freed")
    print(report.table(heads, rows))
    print(
        report.floors(
            ("time linear: dearest / cheapest operation", max(costs) / min(costs), "<=", LINEAR),
            ("memory linear: dearest / cheapest operation", max(peaks) / min(peaks), "<=", LINEAR),
        )
    )


if __name__ == "__main__":
    run()
