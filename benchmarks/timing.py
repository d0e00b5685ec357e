"""Medians of interleaved runs: A B C A B C ..., so that whatever else the machine does hits all alike."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

WARM_UP = 0.1  # of the rounds, and untimed: caches fill, the interpreter specialises, allocators grow


def seconds(step: Callable[[], Any]) -> float:
    """One run, and the freeing of what it returns."""
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def interleaved(steps: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """The median seconds of each step over ``rounds`` rounds, each of which runs every step once."""
    for _ in range(max(1, round(WARM_UP * rounds))):
        for step in steps.values():
            step()
    samples: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            samples[name].append(seconds(step))
    return {name: statistics.median(sample) for name, sample in samples.items()}
