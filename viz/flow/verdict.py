"""What becomes of a gradient from step to step, in words: only what was measured, nothing extrapolated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

from ..numbers import number


def ratios(norms: Mapping[int, float]) -> dict[int, float]:
    """For each step that another comes before on the way of the gradient: the norm there over the norm before.

    Args:
        norms: by time step, in the order in which the gradient comes by: the last step first, where a network reads
            forward.

    >>> ratios({3: 8.0, 2: 4.0, 1: 0.0})
    {2: 0.5, 1: 0.0}
    """
    steps = list(norms)
    return {t: over(norms[t], norms[before]) for before, t in pairwise(steps)}


def over(a: float, b: float) -> float:
    """a / b, where b may be 0."""
    return a / b if b else float("nan") if a == 0 or a != a else float("inf")


def verdict(norms: Mapping[int, float], what: str, way: str = "back in time") -> str:
    """A sentence on norms, which stand in the order in which the gradient comes by.

    Args:
        norms: see `ratios`.
        what: the gradient's name.
        way: which way it goes.

    >>> verdict({3: 8.0, 2: 4.0, 1: 2.0}, "dL/dh_t")
    'dL/dh_t shrinks by a factor of 0.5 a step back in time: 2 steps back 25% is left'
    >>> verdict({3: 1.0, 2: 4.0, 1: 2.0}, "dL/dh_t")
    'dL/dh_t goes up and down: 1 at t = 3, 4 at t = 2, 2 at t = 1'
    """
    steps = list(norms)
    known = {t: norm for t, norm in norms.items() if math.isfinite(norm) and norm > 0}
    said = [_change(known, way)] if len(known) > 1 else []
    begun = steps.index(next(iter(known))) if known else 0
    zeros = [t for t in steps[begun:] if norms[t] == 0]
    broken = [t for t in steps if not math.isfinite(norms[t])]
    if zeros:
        said.append(f"is exactly 0 at t = {_range(zeros)}")
    if broken:
        said.append(f"is {norms[broken[0]]} at t = {_range(broken)}")
    return f"{what} {'; it '.join(said) or 'is known at one time step only; record more to see what a step does to it'}"


def _change(norms: Mapping[int, float], way: str) -> str:
    (start, first), *_, (end, last) = norms.items()
    count, (low, high) = abs(start - end), (min(norms.values()), max(norms.values()))
    a_step = [norm / before for before, norm in pairwise(norms.values())]
    if high > 1.02 * max(first, last) or low < 0.98 * min(first, last):
        middle = (math.log(first) + math.log(last)) / 2  # logarithms, as products of tiny norms may be 0
        turn = max(norms, key=lambda t: abs(math.log(norms[t]) - middle))
        return "goes up and down: " + ", ".join(f"{number(norms[t])} at t = {t}" for t in (start, turn, end))
    growth = (math.log(last) - math.log(first)) / count
    factor = math.exp(growth) if growth < 709 else math.inf  # e^710 is beyond what a float holds
    steady = max(a_step) - min(a_step) <= 0.02 * factor
    average = "" if steady else f" on average ({number(min(a_step))} to {number(max(a_step))})"
    if 0.98 <= factor <= 1.02:
        return f"keeps its size, a factor of {number(factor)} a step {way}{average}"
    left = f"{number(100 * last / first)}% is left" if factor < 1 else f"it is {number(last / first)} times as large"
    verb, steps = "shrinks" if factor < 1 else "grows", f"{count} step{'s' if count > 1 else ''}"
    return f"{verb} by a factor of {number(factor)} a step {way}{average}: {steps} {way.split()[0]} {left}"


def _range(times: list[int]) -> str:
    return f"{min(times)} … {max(times)}" if len(times) > 1 else str(times[0])
