"""How fast updates are: the NumPy engine, the JAX engine and PyTorch's LSTM, from equal weights and on equal data.

A pass is a loss and its gradients; an update also clips them, takes Adam's step and carries the state on. All three run
in this process, bound to one core where the system can do that, and in turn. In each round each has its time beside the
JAX engine's; the medians of the rounds are printed, so that a machine that is busy for a while slows all alike.
"""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import numpy as np

from benchmarks import report
from benchmarks.report import Floor
from benchmarks.training.language import InPyTorch
from benchmarks.training.shared import topics
from microgradrnn import Tensor, interop
from microgradrnn import compile as compile_program
from microgradrnn.cli.commands import Option
from microgradrnn.training import Settings, Trainer

SETTINGS = Settings(hidden=128, layers=1, seq_length=50, batch_size=32, epochs=1000, patience=0, validation=0.0)
OURS = NUMPY, JAX = "NumPy engine", "JAX engine"
PYTORCH = "PyTorch, nn.LSTM"
REPEATED = 4
"""How often the text is read as one, so that at N=256, too, an epoch is longer than some turns."""
UPDATES = PASSES = 10
"""Of a turn."""
TOLERANCE = 1e-3  # of the mean loss of the first updates: float32 has 1e-7, and rounding grows with them

Turn = Callable[[], Any]


def updates(trainers: dict[str, Trainer], pytorch: InPyTorch | None) -> dict[str, Turn]:
    """For each, what makes `UPDATES` updates, and waits for the last.

    Raises:
        AssertionError: their first losses differ.
    """
    turns: dict[str, Turn] = {}
    for name, trainer in trainers.items():
        turns[name] = _advance(trainer)
    if pytorch is not None:
        one = trainers[NUMPY]
        turns[PYTORCH] = lambda: pytorch.train(one.inputs, one.targets, UPDATES)
    for turn in turns.values():
        turn()
    losses = [t.position.epoch_loss / t.position.epoch_characters for t in trainers.values()]
    losses += [] if pytorch is None else [pytorch.mean_loss]
    if max(losses) - min(losses) > TOLERANCE * max(losses):
        raise AssertionError(f"the mean losses of the first {UPDATES} updates are {losses}")
    return turns


def _advance(trainer: Trainer) -> Turn:
    steps = trainer.steps()

    def turn() -> None:
        for _ in range(UPDATES):
            next(steps)
        trainer._count(wait=True)

    return turn


def passes(trainer: Trainer, pytorch: InPyTorch | None) -> dict[str, Turn]:
    """For each, what makes `PASSES` passes over the first chunk."""
    read = [np.ascontiguousarray(part[: trainer.settings.seq_length]) for part in (trainer.inputs, trainer.targets)]
    tokens, targets = (Tensor(array) for array in read)
    loss = trainer.model.loss(tokens, targets)[0]
    in_numpy, on_jax = (compile_program(loss, [tokens, targets], dialect=dialect) for dialect in ("numpy", "jax"))
    turns = {NUMPY: _many(lambda: in_numpy(*read)), JAX: _many(_compiled(on_jax, read))}
    if pytorch is not None:
        turns[PYTORCH] = _many(lambda: _backward(pytorch, read))
    for turn in turns.values():
        turn()
    return turns


def _many(one: Callable[[], Any]) -> Turn:
    return lambda: [one() for _ in range(PASSES)]


def _compiled(program: Any, read: list[Any]) -> Callable[[], Any]:
    import jax

    arrays = jax.device_put((program.weights, *read))
    compiled = jax.jit(program.function).lower(*arrays).compile()
    return lambda: jax.block_until_ready(compiled(*arrays))


def _backward(pytorch: InPyTorch, read: list[Any]) -> None:
    pytorch.net.zero_grad()
    pytorch.loss(*read)[0].backward()


def in_turn(turns: dict[str, Turn], seconds: float, rounds: int) -> dict[str, list[float]]:
    """Seconds of a turn, the mean of so many seconds of each in each round."""
    found: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(rounds):
        for name, turn in turns.items():
            began, done = time.perf_counter(), 0
            while time.perf_counter() - began < seconds:
                turn()
                done += 1
            found[name].append((time.perf_counter() - began) / done)
    return found


def beside(found: dict[str, list[float]], name: str) -> float:
    """The median over the rounds of the time of one, in parts of the JAX engine's."""
    return statistics.median(a / b for a, b in zip(found[name], found[JAX], strict=True))


def measure(settings: Settings, seconds: float, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Of an update and of a pass: the seconds of each contender in each round."""
    text = topics() * REPEATED
    trainers = {name: Trainer(replace(settings, engine=name.split()[0].lower()), text) for name in OURS}
    pytorch = InPyTorch(settings, interop.to_torch(trainers[NUMPY].model)) if report.installed("torch") else None
    found = {}
    for what, turns in (("update", updates(trainers, pytorch)), ("pass", passes(trainers[NUMPY], pytorch))):
        spent = in_turn(turns, seconds, rounds)
        found[what] = {name: [second / UPDATES for second in of] for name, of in spent.items()}
    return found


def run(
    hidden: Annotated[
        list[int] | None, Option(multiple=True, min=1, help="H, once for each; 128 and 512 unless told.")
    ] = None,
    batch: Annotated[
        list[int] | None, Option(multiple=True, min=1, help="N, once for each; 32 and 256 unless told.")
    ] = None,
    seconds: Annotated[float, Option(min=0.0, help="Of a turn.")] = 1.0,
    rounds: Annotated[int, Option(min=1, help="Turns of each.")] = 7,
) -> None:
    """Updates a second of the NumPy engine, the JAX engine and PyTorch's nn.LSTM, on one core; T=50, float32."""
    if not report.installed("jax"):
        print(report.NOT_INSTALLED)
        return
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for H in hidden or [128, 512]:
        for N in batch or [32, 256]:
            found = measure(replace(SETTINGS, hidden=H, batch_size=N), seconds, rounds)
            rows = []
            for what, times in found.items():
                for name, of in times.items():
                    ms = 1e3 * statistics.median(of)
                    rows.append((f"{what}, {name}", f"{ms:.2f}", f"{1e3 / ms:.1f}", f"{beside(times, name):.2f}"))
            print(report.table((f"LSTM, H={H}, N={N}, T=50, float32", "ms", "a second", "of the JAX engine's"), rows))
            if (H, N) == (128, 32):
                for what, least in (("a pass", 1.0), ("an update", 1.2)):
                    times = found[what.split()[1]]
                    theirs = beside(times, PYTORCH) if PYTORCH in times else None
                    print(report.floors(Floor(f"{what} in PyTorch, of the JAX engine's", theirs, least, at_least=True)))
