"""What a pass costs: by the clock, and in processor time; and medians of interleaved runs.

Runs are interleaved (A B C A B C ...), so that whatever else the machine does hits all alike. On one thread of a quiet
machine clock and processor say the same; on a busy one the clock also counts what others do meanwhile.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

WARM_UP = 0.1  # of the rounds, and untimed: caches fill, the interpreter specialises, allocators grow


@dataclass(frozen=True)
class Spent:
    """Seconds by the clock and of processor time."""

    clock: float
    processor: float


def spent(run: Callable[[], Any], passes: int = 1) -> Spent:
    """The mean of consecutive passes, each with the freeing of what it returns.

    A mean, since a pass may pay for the garbage of those before it.
    """
    clock, processor = time.perf_counter(), time.process_time()
    for _ in range(passes):
        run()
    return Spent((time.perf_counter() - clock) / passes, (time.process_time() - processor) / passes)


def median(samples: list[Spent]) -> Spent:
    return Spent(statistics.median(s.clock for s in samples), statistics.median(s.processor for s in samples))


def interleaved(steps: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """The median seconds of each step by the clock, over ``rounds`` rounds, each of which runs every step once."""
    for _ in range(max(1, round(WARM_UP * rounds))):
        for step in steps.values():
            step()
    samples: dict[str, list[Spent]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            samples[name].append(spent(step))
    return {name: median(sample).clock for name, sample in samples.items()}
