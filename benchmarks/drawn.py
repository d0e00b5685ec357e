"""Networks drawn at random, each called through `microgradrnn.compiled` at many sizes and held against recordings.

    python -m benchmarks.drawn                 # 20,000 calls: how many were wrong, failed, or ran as programs
    python -m benchmarks.drawn --calls 500 --seed 1

- `Tally`, `run`: what came of the calls.
- `benchmarks.networks_as_written`, `benchmarks.misleading_loops`: what is drawn.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.misleading_loops import contrived, shared
from benchmarks.networks_as_written import Drawn, Rng, natural, pick
from microgradrnn import Tensor, compiled
from microgradrnn.backprop import gradients
from microgradrnn.engine import Node
from microgradrnn.nn.unrolled import detach
from microgradrnn.rounding import Rounding

TOLERANCE = {np.float64: 1e-9, np.float32: 2e-4, np.float16: 5e-2}


@dataclass
class Tally:
    """What came of the calls.

    Attributes:
        wrong, failed: calls with another answer than the recording, and with an error where it has none; described.
        calls, programs: how many there were, and how many of them a program answered.
        why: how often each reason was given for recording.
    """

    wrong: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    calls: int = 0
    programs: int = 0
    refused: int = 0
    why: Counter[str] = field(default_factory=Counter)


def run(draw: Callable[[Rng], Drawn], calls: int, seed: int, number: int = 0) -> Tally:
    """Draw networks, from a number on, until there are as many calls."""
    tally = Tally()
    while tally.calls < calls:
        rng = np.random.default_rng([seed, number])
        call_often(draw(rng), rng, f"seed {seed}, {number}", tally)
        number += 1
    return tally


def call_often(network: Drawn, rng: Rng, which: str, tally: Tally) -> None:
    """Call a network at six sizes, twice at each."""
    step, sizes = compiled(network.fn), [(int(rng.integers(1, 8)), int(rng.integers(1, 5))) for _ in range(5)]
    sizes += [pick(rng, (1, 1), (2, 1), (3, 3), (2, 2))]
    for T, N in [*sizes, *sizes]:
        with np.errstate(all="ignore"):
            call(step, network, network.arguments(T, N, rng), f"{network.name} ({which}, T={T}, N={N})", tally)


def call(step: Any, network: Drawn, arguments: tuple[Any, ...], name: str, tally: Tally) -> None:
    """One call, held against the function itself."""
    tally.calls += 1
    try:
        expected = network.fn(*(Tensor(x, requires_grad=False) for x in arguments))
    except (ValueError, IndexError, TypeError) as error:
        expected = error
    try:
        found = step(*arguments)
    except Exception as error:
        if type(error) is type(expected):
            tally.refused += 1
        else:
            tally.failed.append(f"{name}: {type(error).__name__}: {error}")
        return
    tally.programs += not step.why
    if step.why:
        tally.why[step.why.split(" at ")[0][:60]] += 1
    if isinstance(expected, Exception):
        tally.wrong.append(f"{name}: no error")
    elif why := differs(found, expected, TOLERANCE[network.dtype]):
        tally.wrong.append(f"{name}: {why}")


def differs(found: Any, expected: Any, tolerance: float) -> str:
    """Where two answers differ; empty where they don't."""
    (loss, *aux), (theirs, *others) = (x if isinstance(x, tuple) else (x,) for x in (found, expected))
    for one, other in zip([loss, *leaves(aux)], [theirs, *leaves(others)], strict=True):
        if not close(one.data, other.data, tolerance * (1 + np.abs(other.data).max(initial=0.0))):
            return f"{one.data} where {other.data} was recorded"
    ours, grads = gradients(loss), gradients(theirs)
    for leaf in (x for x in grads if x.op is None):
        grad = ours.get(leaf)
        size = tolerance * np.abs(grads[leaf]).max(initial=0.0)
        if grad is None or (
            not close(grad, grads[leaf], size)
            and not close(grad, grads[leaf], size + Rounding(theirs, [leaf]).of(leaf))
        ):
            return f"the gradient of {leaf.label}"
    return ""


def close(one: Any, other: Any, allowed: Any) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return bool(((np.abs(one - other) <= allowed) | (one == other) | ((one != one) & (other != other))).all())


def leaves(aux: Any) -> list[Node]:
    """The nodes of aux."""
    if isinstance(aux, (list, tuple)):
        return [node for part in aux for node in leaves(part)]
    return [] if aux is None else [detach(aux)]


def main() -> None:
    """Print what came of so many calls of each kind."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--calls", type=int, default=20_000, help="as many of each kind")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    for draw in (natural, contrived, shared):
        began = time.perf_counter()
        tally = run(draw, asked.calls // 3, asked.seed)
        print(
            f"{draw.__name__}: {tally.calls:,} calls, {len(tally.wrong)} wrong, {len(tally.failed)} failed, "
            f"{tally.programs / tally.calls:.1%} as programs, {tally.refused} refused by both; "
            f"{time.perf_counter() - began:.0f} s",
            flush=True,
        )
        for reason, count in tally.why.most_common(8):
            print(f"  recorded {count} times: {reason}")
        for line in [*tally.wrong, *tally.failed][:20]:
            print(f"  {line}")


if __name__ == "__main__":
    main()
