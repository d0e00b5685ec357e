"""Does the share of a gradient that reaches the first step foretell whether a fresh network learns?

    python -m benchmarks.vanishing              # 36 networks a seed, each trained for at most 1,500 updates

Each fresh network is diagnosed, then trained to recall its first symbol after a lag. Those whose share is below
`Thresholds.vanishing` learn late or not at all, such as an LSTM over 20 steps whose forget gates begin at 1/2.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.diagnosis import DISTRACTORS, KEYS, Model
from microgradrnn import compiled, optim
from microgradrnn.diagnosis import Thresholds, diagnose
from microgradrnn.tasks import recall

HIDDEN, BATCH, UPDATES = 24, 32, 1500
LAGS = (10, 20, 30, 45)
CELLS = [("rnn", 0.0), *((cell, bias) for cell in ("lstm", "gru") for bias in (0.0, 1.0, 2.0, 3.0))]
"""The cells, and the bias of the gate that keeps the state."""


def network(cell: str, bias: float, seed: int) -> Model:
    """A fresh network; the second gate of both cells is the one that keeps the state."""
    model = Model(cell, 1, HIDDEN, KEYS + DISTRACTORS + 1, KEYS, seed)
    if bias:
        [[layer]] = model.rnn.cells
        start = np.zeros(layer.b_h.shape)
        start[HIDDEN : 2 * HIDDEN] = bias
        layer.b_h.data = start
    return model


def learnt_after(model: Model, lag: int, rng: np.random.Generator, updates: int) -> int | None:
    """After how many updates the mean of the last ten losses is below half of what chance gives; None for never."""
    optimizer, step = optim.Adam(model.parameters(), lr=5e-3), compiled(model.loss)
    losses: list[float] = []
    for update in range(1, updates + 1):
        loss = step(*recall(lag, BATCH, KEYS, DISTRACTORS, seed=rng))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.item()))
        if update >= 10 and np.mean(losses[-10:]) < 0.5 * np.log(KEYS):
            return update
    return None


def measured(
    seed: int, cells: Sequence[tuple[str, float]] = CELLS, lags: Sequence[int] = LAGS, updates: int = UPDATES
) -> Iterator[tuple[str, float, Any]]:
    """For each network: what it is, the share that reaches the first step, and after how many updates it has learnt."""
    for cell, bias in cells:
        for lag in lags:
            rng = np.random.default_rng([seed, lag])
            model = network(cell, bias, seed)
            found = diagnose(model.loss(*recall(lag, BATCH, KEYS, DISTRACTORS, seed=rng)))
            name = f"{cell}, bias {bias:g}, lag {lag}"
            yield name, found.layers[0].share or 0.0, learnt_after(model, lag, rng, updates)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vanishing", description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--count", type=int, default=1, help="how many seeds")
    given = parser.parse_args()
    limit, counts = Thresholds().vanishing, {True: [0, 0], False: [0, 0]}
    for seed in range(given.first, given.first + given.count):
        for name, share, learnt in measured(seed):
            counts[share < limit][0] += learnt is not None
            counts[share < limit][1] += 1
            said = "not learnt" if learnt is None else f"learnt after {learnt} updates"
            print(f"{seed}  {name:24}  share {share:8.1e}  {said}", flush=True)
    for below, (learnt, of) in counts.items():
        print(f"{'below' if below else 'above'} {limit:g}: {learnt} of {of} learnt")


if __name__ == "__main__":
    main()
