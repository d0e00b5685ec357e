"""From numbers to faults: which limits they are beyond, and what explains it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from microgradrnn.diagnosis.measures import Measured
from microgradrnn.diagnosis.thresholds import Thresholds

FAULTS = (
    "not finite",
    "copied targets",
    "unread sequences",
    "gradients added up",
    "rate too large",
    "cut",
    "frozen weight",
    "dead",
    "frozen state",
    "exploding",
    "saturated",
    "vanishing",
)
"""What can be found, that which spoils most first."""


@dataclass(frozen=True)
class Finding:
    """A fault.

    Attributes:
        fault: one of `FAULTS`.
        layer: the name of the layer, or "" for what is about the whole.
        numbers: the numbers that it rests on.
        causes: what explains it: "weight", "saturated", "gate", "dead", "inputs", "long"; the strongest first. Of a
            frozen weight "optimizer", where it is the optimiser that does not have it.

    >>> Finding("vanishing", "h", {"share": 1e-9}, ("long",)).fault in FAULTS
    True
    """

    fault: str
    layer: str = ""
    numbers: dict[str, Any] = field(default_factory=dict)
    causes: tuple[str, ...] = ()


def of_layer(m: Measured, limits: Thresholds) -> list[Finding]:
    """The faults of one layer."""
    found = []
    if m.cut or (m.carried_in and len(m.times) == 1):
        found.append(Finding("cut", m.name, {"times": m.cut}))
    if not m.trainable or m.moved is False:
        found.append(Finding("frozen weight", m.name, causes=("optimizer",) if m.trainable else ()))
    is_dead = m.dead is not None and m.dead > limits.dead
    if m.enter is not None and m.enter < limits.frozen:
        found.append(Finding("frozen state", m.name, {"enter": m.enter}, ("gate",)))
    elif m.motion is not None and m.motion < limits.frozen and len(m.times) > 2 and not is_dead:
        found.append(Finding("frozen state", m.name, {"motion": m.motion}))
    saturated = m.saturated.get("tanh", 0.0)
    if saturated > limits.saturated:
        causes: tuple[str, ...] = ()
        if m.read_size:
            causes = ("inputs",) if m.read_size[0] > m.read_size[1] else ("weight",)
        found.append(Finding("saturated", m.name, {"share": saturated}, causes))
    if is_dead:
        found.append(Finding("dead", m.name, {"share": m.dead}))
    if m.share is not None and not m.cut:
        if _vanishes(m, m.share, limits):
            found.append(Finding("vanishing", m.name, {"share": m.share}, _of_vanishing(m, limits)))
        elif m.share > limits.exploding:
            found.append(Finding("exploding", m.name, {"share": m.share}, ("weight",)))
    return found


def _vanishes(m: Measured, share: float, limits: Thresholds) -> bool:
    """Whether too little reaches the first step; where most steps have a loss, whether too few of them are reached.

    A loss at every step says nothing of how far back the network has to look, and many tasks look back a few steps.
    """
    if share >= limits.vanishing:
        return False
    return 2 * m.losses < len(m.times) or (m.horizon or 0) < limits.horizon


def _of_vanishing(m: Measured, limits: Thresholds) -> tuple[str, ...]:
    causes = []
    if m.dead is not None and m.dead > limits.dead:
        causes.append("dead")
    if m.saturated.get("tanh", 0.0) > limits.saturated / 2:
        causes.append("saturated")
    if m.keep is not None and m.keep < 0.5 and m.half_life is not None and m.half_life < len(m.times) / 10:
        causes.append("gate")
    if m.kind == "rnn" and m.norms and max(m.norms) < 1:
        causes.append("weight")
    if not causes or (m.factor is not None and m.factor > 0.5):
        causes.append("long")
    return tuple(causes)


def unread(measured: Sequence[Measured], limits: Thresholds) -> list[Finding]:
    """That the loss reads only few of the sequences that stand side by side, as where batch and time are mixed up."""
    counts = [m.read for m in measured if m.read is not None and m.read[0] < limits.read * m.read[1]]
    return [Finding("unread sequences", "", {"read": counts[0][0], "of": counts[0][1]})] if counts else []


def of_training(
    ratios: dict[str, float] | None, grown: float | None, held: float | None, limits: Thresholds
) -> list[Finding]:
    """The faults of a run."""
    found = []
    if held is not None and held > limits.held:
        found.append(Finding("gradients added up", "", {"held": held}))
    numbers: dict[str, Any] = {}
    if ratios:
        name = max(ratios, key=lambda n: math.inf if math.isnan(ratios[n]) else ratios[n])
        if not ratios[name] <= limits.update:
            numbers |= {"update": ratios[name], "weight": name}
    if grown is not None and grown > limits.growth:
        numbers["growth"] = grown
    return [*found, Finding("rate too large", "", numbers)] if numbers else found
