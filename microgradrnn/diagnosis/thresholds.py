"""From where on a measured number counts as a fault: one record, so that each can be changed."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The limits of a diagnosis. They were chosen on the seeds 0 to 9 of ``benchmarks/diagnosis.py``.

    Attributes:
        tanh: a tanh unit is saturated where its size is above this; its slope there is below 1 - tanh².
        gate: a gate is shut below this, and open above 1 less this.
        saturated: the share of saturated tanh units that is a fault. Networks that have been trained well saturate
            half of them.
        vanishing: the gradient vanishes where less than this share of it reaches the first step. So does that of a
            fresh LSTM over 20 steps, whose forget gates are at 1/2, and of one with a forget bias of 1 over 45. Of 36
            fresh networks those above it learnt to recall the first step in 71 updates (median; 25 of 26 did), those
            below in 845 or not within 1,500 (5 of 10): ``python -m benchmarks.vanishing --first 10``.
        horizon: where half of the steps or more have a loss of their own, the gradient vanishes only if, besides, 1 in
            100 of it is left after fewer steps back than this.
        exploding: the gradient explodes where more than this many times as much reaches the first step.
        read: of the sequences that stand side by side the loss reads too few where it is less than this share.
        dead: the share of dead relu units that is a fault.
        frozen: a state stands still where its changes from step to step are below this share of its size, or where the
            gate on what is new is below this in the mean.
        update: the norm of a step of the optimiser over that of a weight matrix, above which the rate is too large.
        held: the gradients that parameters hold add up over updates where their norm is more than this many times that
            of the loss that is watched.
        growth: the loss has grown where the last of the history is so many times as large as its least.
        grad_norm: the norm of the gradient of all parameters above which clipping is suggested.
        sources: of so many time steps' losses the way back is measured; they are spread evenly, the last among them.
        jacobians: of so many steps the Jacobian is measured, spread evenly.
        units: Jacobians are measured for states of at most so many units.

    Raises:
        ValueError: a limit is not positive.

    >>> Thresholds(vanishing=1e-6).vanishing
    1e-06
    """

    tanh: float = 0.97
    gate: float = 0.03
    saturated: float = 0.7
    vanishing: float = 1e-4
    horizon: float = 3.0
    exploding: float = 1e3
    read: float = 0.5
    dead: float = 0.5
    frozen: float = 1e-3
    update: float = 0.3
    held: float = 5.0
    growth: float = 2.0
    grad_norm: float = 100.0
    sources: int = 8
    jacobians: int = 6
    units: int = 128

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            limit = getattr(self, field.name)
            if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not 0 < limit < math.inf:
                raise ValueError(f"Thresholds: {field.name} is a positive number, not {limit!r}")
