"""The JAX engine beside the NumPy engine: whether they agree. `speed` says how fast they are.

200 updates, each from where the NumPy engine stands before it: the largest difference in weights, the optimiser's
memory and carried states. Then two whole trainings, beside a third whose first weight differs in its last digit:
rounding alone drives trainings apart.
"""

from dataclasses import replace
from typing import Annotated, Any

import numpy as np

from benchmarks import report
from benchmarks.training.shared import topics
from microgradrnn.cli.commands import Option
from microgradrnn.training import Settings, Trainer

SMALL = Settings(hidden=16, layers=2, seq_length=25, batch_size=8, epochs=1000, dtype="float64", validation=0.0)


def apart(one: Any, other: Any) -> float:
    """The largest difference between two trainings' weights, memories and states, relative to what is above 1."""
    a, b = one.checkpoint().arrays, other.checkpoint().arrays
    return max(float(np.max(np.abs(a[name] - b[name]) / np.maximum(1.0, np.abs(a[name])))) for name in a)


def set_to(trainer: Trainer, checkpoint: Any) -> None:
    """Have a training stand where a checkpoint does."""
    trainer.model.load_state_dict(checkpoint.part("model"))
    trainer.optimizer.load_state_dict(checkpoint.part("optimizer"))
    states = [checkpoint.arrays[name] for name in sorted(checkpoint.arrays) if name.startswith("state.")]
    trainer._engine.set_state(states)


def each_update(settings: Settings, updates: int) -> float:
    """The largest difference after one update, over so many."""
    text = topics()[:20_000]
    one, other = Trainer(settings, text), Trainer(replace(settings, engine="jax"), text)
    steps, worst = zip(one.steps(), other.steps(), strict=True), 0.0
    for _ in range(updates):
        set_to(other, one.checkpoint())
        next(steps)
        worst = max(worst, apart(one, other))
    return worst


def whole(settings: Settings, updates: int) -> tuple[float, float]:
    """How far two trainings are apart after so many updates: of both engines, and of one with another last digit."""
    text = topics()[:20_000]
    one, other, nudged = (Trainer(s, text) for s in (settings, replace(settings, engine="jax"), settings))
    first = nudged.model.parameters()[0]
    first.data = np.where(np.arange(first.size).reshape(first.shape) == 0, np.nextafter(first.data, 9), first.data)
    for _, _ in zip(range(updates), zip(one.steps(), other.steps(), nudged.steps(), strict=True), strict=False):
        pass
    return apart(one, other), apart(one, nudged)


def run(
    updates: Annotated[int, Option(min=1, help="To compare, of each kind of cell.")] = 200,
) -> None:
    """The JAX engine beside the NumPy engine: how far an update, and a whole training, differ."""
    if not report.installed("jax"):
        print(report.NOT_INSTALLED)
        return
    rows = []
    for cell in ("rnn", "lstm", "gru"):
        for layers in (1, 2):
            settings = replace(SMALL, cell=cell, layers=layers, lr=1e-4)
            together, nudged = whole(settings, updates)
            alone, in_float32 = (
                each_update(replace(settings, lr=2e-3, dtype=dtype), updates) for dtype in ("float64", "float32")
            )
            found = (alone, in_float32, together, nudged)
            rows.append((f"{cell}, {layers} layers", *(f"{number:.1e}" for number in found)))
    heads = (f"{updates} updates", "each alone", "in float32", "a whole training, lr 1e-4", "another last digit")
    print(report.table(heads, rows))
