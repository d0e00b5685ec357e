"""Does a diagnosis name the fault of a broken network, and leave a healthy one in peace?

    python -m benchmarks.diagnosis                  # the counts that are reported: 20 and 20, on fresh seeds
    python -m benchmarks.diagnosis --mild           # with faults that are less strong
    python -m benchmarks.diagnosis --first 0 --count 10 --every-fault    # the seeds that the limits were chosen on

A seed draws the cell (rnn, lstm, gru), 1 or 2 layers, the size and, for a broken network, the fault. Healthy networks
have been trained on the recall task until their loss is below half of what chance gives; the trained network is
diagnosed with its optimiser and its history. A fault is named where one of those that `EXPECTED` gives for it is among
the findings, and named first where it is the first of them; what is neither expected nor one of its `CONSEQUENCES` is a
wrong further finding. A false alarm is any finding at all on a healthy network.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from microgradrnn import compiled, diagnosis, nn, optim
from microgradrnn.functional import cross_entropy
from microgradrnn.nn.unrolled import recurrent
from microgradrnn.tasks import recall

FIRST_FRESH = 1000
KEYS, DISTRACTORS = 4, 4
EXPECTED = {
    "start too small": ("vanishing",),
    "start too large": ("saturated", "exploding"),
    "long chain": ("vanishing",),
    "rate": ("rate too large", "not finite"),
    "saturated inputs": ("saturated",),
    "frozen state": ("frozen state",),
    "frozen weight": ("frozen weight",),
    "detached state": ("cut",),
    "copied targets": ("copied targets",),
}
CONSEQUENCES = {
    "start too small": ("frozen state",),
    "start too large": ("vanishing", "frozen state"),
    "rate": ("saturated", "exploding", "vanishing", "frozen state"),
    "saturated inputs": ("vanishing", "frozen state"),
    "frozen state": ("vanishing",),
}
"""What is true of a network with a fault besides, and comes of it."""
STRENGTHS: dict[str, dict[str, tuple[float, float]]] = {
    "strong": {
        "start too small": (0.01, 0.1),
        "small gate": (-5.0, -5.0),
        "start too large": (30.0, 80.0),
        "long chain": (60, 121),
        "rate": (1.3, 2.3),
        "saturated inputs": (60.0, 120.0),
        "frozen gate": (14.0, 14.0),
    },
    "mild": {
        "start too small": (0.2, 0.4),
        "small gate": (-2.0, -2.0),
        "start too large": (6.0, 15.0),
        "long chain": (30, 46),
        "rate": (0.8, 1.2),
        "saturated inputs": (12.0, 25.0),
        "frozen gate": (8.0, 8.0),
    },
}
"""From where to where a number is drawn. Faults that are there or not are the same in both."""
Strength = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Case:
    """A network to be diagnosed: its loss, optimiser and losses so far, and what is wrong with it."""

    name: str
    fault: str | None
    loss: Any
    optimizer: Any
    history: list[float]


class Model(nn.Module):
    """A recurrent network that reads out its last state, or each state."""

    def __init__(self, cell: str, layers: int, hidden: int, inputs: int, outputs: int, seed: int) -> None:
        self.rnn = recurrent(cell, inputs, hidden, num_layers=layers, seed=seed)
        self.readout = nn.Linear(hidden, outputs, seed=seed + 1)

    def loss(self, x: Any, targets: Any) -> Any:
        states, _ = self.rnn(x)
        return cross_entropy(self.readout(states if np.ndim(targets) == 2 else states[-1]), targets)


def drawn(seed: int, kind: int) -> tuple[np.random.Generator, str, int, int]:
    """What a seed draws of every network: cell, layers, hidden."""
    rng = np.random.default_rng([seed, kind])
    cell = str(rng.choice(["rnn", "lstm", "gru"]))
    return rng, cell, int(rng.integers(1, 3)), int(rng.integers(12, 33))


def healthy(seed: int) -> Case:
    """A network trained until it has learnt: another start where it has not after 600 steps."""
    rng, cell, layers, hidden = drawn(seed, 1)
    lag = int(rng.integers(2, 7))
    name = f"{cell}, {layers} x {hidden}, lag {lag}"
    for attempt in range(5):
        model = Model(cell, layers, hidden, KEYS + DISTRACTORS + 1, KEYS, seed + 7919 * attempt)
        optimizer = optim.Adam(model.parameters(), lr=5e-3)
        step = compiled(model.loss)
        history: list[float] = []
        for _ in range(600):
            loss = step(*recall(lag, 32, KEYS, DISTRACTORS, seed=rng))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            history.append(float(loss.item()))
            if len(history) >= 40 and np.mean(history[-10:]) < 0.5 * np.log(KEYS):
                return Case(name, None, model.loss(*recall(lag, 32, KEYS, DISTRACTORS, seed=rng)), optimizer, history)
    raise RuntimeError(f"seed {seed}: {name} was not learnt in 5 trainings")


def broken(seed: int, fault: str | None = None, strength: str = "strong") -> Case:
    """A network with a fault put in, before training; one with too large a rate has made some steps with it.

    A state is detached under a loss at every step. With a loss at the end alone, what was before the cut is no part of
    the graph, and looks like a state that is carried over from an earlier chunk on purpose; the report says so.
    """
    rng, cell, layers, hidden = drawn(seed, 2)
    chosen = str(rng.choice(list(EXPECTED)))
    fault = fault or chosen
    strong = STRENGTHS[strength]
    lag = int(rng.integers(*strong["long chain"])) if fault == "long chain" else int(rng.integers(8, 17))
    model = Model(cell, layers, hidden, KEYS + DISTRACTORS + 1, KEYS, seed)
    x, targets = recall(lag, 16, KEYS, DISTRACTORS, seed=rng)
    optimizer: Any = optim.Adam(model.parameters(), lr=1e-3)
    history: list[float] = []
    loss: Any = None
    if fault == "rate":
        optimizer = optim.SGD(model.parameters(), lr=float(10 ** rng.uniform(*strong["rate"])))
        history = _trained(model, optimizer, lambda: recall(lag, 16, KEYS, DISTRACTORS, seed=rng), 20)
    elif fault == "copied targets":
        tokens = rng.integers(KEYS, size=(lag + 2, 16))
        x, targets = np.eye(KEYS + DISTRACTORS + 1)[tokens], tokens
    elif fault == "detached state":
        targets = rng.integers(KEYS, size=x.shape[:2])
        loss = _detached(model, cell, x, targets, at=int(rng.integers(2, lag)))
    elif fault == "saturated inputs":
        size = strong["saturated inputs"]
        x = x * float(rng.uniform(*size)) + rng.normal(0, size[0] / 3, size=x.shape)
    else:
        _put_in(model, cell, fault, rng, strong)
    if loss is None:
        loss = model.loss(x, targets)
    return Case(f"{cell}, {layers} x {hidden}, lag {lag}", fault, loss, optimizer, history)


def _trained(model: Model, optimizer: Any, batch: Callable[[], Any], steps: int) -> list[float]:
    losses = []
    with np.errstate(all="ignore"):
        for _ in range(steps):
            loss = model.loss(*batch())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.item()))
    return losses


def _put_in(model: Model, cell: str, fault: str, rng: np.random.Generator, strong: Strength) -> None:
    """Change the weights of every layer."""
    for [layer] in model.rnn.cells:
        hidden = layer.hidden_size
        if fault == "start too small":
            layer.W_hh.data = layer.W_hh.data * float(rng.uniform(*strong["start too small"]))
            if cell != "rnn":
                layer.b_h.data = _bias(layer, 1, strong["small gate"][0])
        elif fault == "start too large":
            factor = float(rng.uniform(*strong["start too large"]))
            layer.W_hh.data, layer.W_xh.data = layer.W_hh.data * factor, layer.W_xh.data * factor
        elif fault == "frozen weight":
            layer.W_hh.requires_grad = False
        elif fault == "frozen state":
            if cell == "rnn":
                layer.W_xh.data = layer.W_xh.data * 0.0
                layer.W_hh.data, layer.b_h.data = layer.W_hh.data * 1e-4, np.full(hidden, 0.5)
            elif cell == "gru":
                layer.b_h.data = _bias(layer, 1, strong["frozen gate"][0])
            else:  # input gate shut, forget gate open
                shut, opened = -strong["frozen gate"][0], strong["frozen gate"][0]
                layer.b_h.data = _bias(layer, 0, shut) + _bias(layer, 1, opened)


def _bias(layer: Any, gate: int, value: float) -> Any:
    bias = np.zeros(layer.b_h.shape)
    bias[gate * layer.hidden_size : (gate + 1) * layer.hidden_size] = value
    return bias


def _detached(model: Model, cell: str, x: Any, targets: Any, at: int) -> Any:
    """A loop by hand that cuts the states of all layers off before step ``at``."""
    layers = [layer for [layer] in model.rnn.cells]
    states = [layer.zero_state(x.shape[1]) for layer in layers]
    losses: list[Any] = []
    for t, row in enumerate(x, start=1):
        if t == at:
            states = nn.detach(states)
        top: Any = row
        for k, layer in enumerate(layers):
            states[k] = layer(top, states[k])
            top = states[k][0] if cell == "lstm" else states[k]
        losses.append(cross_entropy(model.readout(top), targets[t - 1]))
    return sum(losses[1:], losses[0])


def named(case: Case) -> tuple[bool, list[str]]:
    """Whether the diagnosis is right, and the faults that it found."""
    found = diagnosis.diagnose(case.loss, case.optimizer, case.history or None).faults
    return (not found if case.fault is None else any(fault in EXPECTED[case.fault] for fault in found)), found


def first_and_wrong(case: Case, found: list[str]) -> tuple[bool, bool]:
    """Whether a right fault is the first that was found, and whether there is a wrong one among them."""
    if case.fault is None:
        return not found, bool(found)
    right = EXPECTED[case.fault]
    wrong = {*found} - {*right, *CONSEQUENCES.get(case.fault, ())}
    return bool(found) and found[0] in right, bool(wrong)


def run(
    first: int = FIRST_FRESH, count: int = 20, every_fault: bool = False, strength: str = "strong"
) -> dict[str, Counter[str]]:
    """Diagnose so many healthy and so many broken networks; prints each, and counts what was right."""
    counts = {"healthy": Counter[str](), "broken": Counter[str]()}
    seeds = range(first, first + count)
    cases = [("healthy", seed, partial(healthy, seed)) for seed in seeds]
    faults: Iterable[str | None] = EXPECTED if every_fault else (None,)
    cases += [("broken", seed, partial(broken, seed, fault, strength)) for fault in faults for seed in seeds]
    for kind, seed, make in cases:
        case = make()
        good, found = named(case)
        is_first, is_wrong = first_and_wrong(case, found)
        counts[kind].update({"named": good, "first": is_first, "wrong beside": is_wrong, "of": 1})
        said = f"found: {', '.join(found) or 'none'}"
        print(f"{'right' if good else 'WRONG'}  {seed}  {case.fault or 'healthy':16}  {case.name:24}  {said}")
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.diagnosis", description=__doc__)
    parser.add_argument("--first", type=int, default=FIRST_FRESH, help="the first seed")
    parser.add_argument("--count", type=int, default=20, help="how many of each kind")
    parser.add_argument("--every-fault", action="store_true", help="put every fault in, and not the one that is drawn")
    parser.add_argument("--mild", action="store_true", help="with faults that are less strong")
    given = parser.parse_args()
    start = time.perf_counter()
    counts = run(given.first, given.count, given.every_fault, "mild" if given.mild else "strong")
    fit, ill = counts["healthy"], counts["broken"]
    print(f"\nhealthy networks without an alarm: {fit['named']} of {fit['of']}")
    print(f"{'mild' if given.mild else 'strong'} faults named: {ill['named']} of {ill['of']}, first: {ill['first']}")
    print(f"with wrong further findings: {ill['wrong beside']}")
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
