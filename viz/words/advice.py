"""What to try, for each fault and cause: ranked, each with its reason and where that comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from microgradrnn.diagnosis import Finding, Measured

from ..numbers import number


@dataclass(frozen=True)
class Advice:
    """Something to try, why, and who says so."""

    what: str
    why: str
    source: str


ORTHOGONAL = Advice(
    "Start W_hh as an orthogonal matrix; with relu, as the identity.",
    "All singular values are then 1, so the linear part neither shrinks nor stretches a gradient.",
    "Saxe et al., 2013; Le et al., 2015",
)
GATED = Advice(
    "Use a gated cell, LSTM or GRU.",
    "Its state is carried on by a sum and a gate, not through a matrix and a nonlinearity at every step.",
    "Hochreiter and Schmidhuber, 1997",
)
SHORTER = Advice(
    "Lead the loss nearer to the first steps: shorter sequences at first, or a loss at more of the steps.",
    "The factor of one step is applied at every step between, so fewer steps lose less.",
    "Bengio et al., 1994",
)
LONGER = Advice(
    "Detach the state less often: a longer interval of truncated backpropagation.",
    "No gradient passes a detached state, so nothing beyond it can be learnt from.",
    "Williams and Peng, 1990",
)
SCALE_INPUTS = Advice(
    "Normalise the inputs to mean 0 and variance 1, or start W_xh smaller.",
    "What enters tanh is then of size 1, where its slope is not near 0.",
    "LeCun et al., 1998",
)
SCALE_WEIGHTS = Advice(
    "Start weights and biases smaller: weights in ±1/sqrt(hidden).",
    "What enters tanh and the gates is then of size 1, where their slope is not near 0.",
    "Glorot and Bengio, 2010",
)
SMALLER_RATE = Advice(
    "Take a rate that is ten times smaller.",
    "Gradients hold near the weights that they were computed at; a step of the weight's own size leaves that place.",
    "Bengio, 2012",
)
LEAKY = Advice(
    "Use tanh or leaky relu, or a smaller rate.",
    "A dead unit has slope 0 everywhere and gets no gradient to come back with.",
    "Maas et al., 2013",
)
HAND_OVER = Advice(
    "Give the recurrent weight to the optimiser, or check that it is meant to be fixed.",
    "Frequent cause: the optimiser was made before the module's weights were replaced by others.",
    "this optimiser",
)
UNFREEZE = Advice(
    "Set requires_grad of the recurrent weight, or check that it is meant to be fixed.",
    "It gets no gradient, so what is carried over time is never learnt.",
    "this graph",
)
ZERO = Advice(
    "Call optimizer.zero_grad() before each backward().",
    "backward() adds to .grad, so without it each step repeats those before.",
    "PyTorch's documentation of Optimizer.zero_grad",
)
AXES = Advice(
    "Check which axis is time, and which output the loss reads: with batch_first=True PyTorch takes (N, T, features) "
    "and the last step is output[:, -1]; without it, (T, N, features) and output[-1].",
    "What the loss does not read is not learnt from. Where batch and time are mixed up, the network reads across "
    "sequences.",
    "PyTorch's documentation of nn.RNN",
)
SHIFT = Advice(
    "Shift the targets by one step: the target of step t is the input of step t + 1.",
    "Copying an input needs no state, or one of a single step, so the loss falls and hardly anything is learnt.",
    "this graph",
)
LOOK = Advice(
    "Look at that node: run the forward and backward pass under microgradrnn.detect_nan().",
    "It stops where NaN first comes up. Frequent causes are log of 0, 0/0, and a rate that is too large.",
    "this graph",
)


def clip(grad_norm: float, at: float | None) -> Advice:
    """Clipping, with the norms that were measured."""
    told = "Clip the norm of the gradient"
    if at is None:
        told += ", at its usual size over some hundred updates (history= of a Watch measures it)."
    else:
        told += f" at {number(at)}, its median over the updates in the history."
    if math.isfinite(grad_norm):
        told += f" It is {number(grad_norm)} in this pass."
    why = "One step along an exploded gradient undoes many; clipping keeps its direction and bounds its length."
    return Advice(told, why, "Pascanu et al., 2013, section 3.2: half to ten times the average served")


def keep(m: Measured) -> Advice:
    """The bias of the gate that keeps the state, for as many steps as lie between loss and first step."""
    bias = max(1.0, round(math.log(max(m.distance or 1, 1)), 1))
    name, rows = m.weight.replace("weight_hh", "bias_hh"), f"[{m.hidden}:{2 * m.hidden}]"
    where = f": {name}{rows} in PyTorch" if name != m.weight else f": b_h{rows}, where an LSTM or GRU is one of nn"
    return Advice(
        f"Start the bias of the gate that keeps the state (LSTM: forget gate; GRU: z) at {number(bias)}{where}.",
        "The gate is then near 1 at first, so gradients last until the network has learnt what to forget. At least 1; "
        f"ln T for a gradient that is to last T steps, here {m.distance}.",
        "Jozefowicz et al., 2015; Tallec and Ollivier, 2018",
    )


def advice(
    findings: Sequence[Finding], layers: Sequence[Measured], grad_norm: float, clip_at: float | None
) -> list[Advice]:
    """What to try against some faults, the most promising first, each once.

    Args:
        findings: the faults, that which spoils most first.
        layers: what was measured of the layers in which they are.
        grad_norm: the norm of the gradient.
        clip_at: a threshold for it, measured over updates; None for none.
    """
    named = {m.name: m for m in layers}
    clipping = clip(grad_norm, clip_at)
    tries = [one for finding in findings for one in _for(finding, named.get(finding.layer), clipping)]
    return list(dict.fromkeys(tries))


def _for(finding: Finding, m: Measured | None, clipping: Advice) -> list[Advice]:
    gated = m is not None and m.kind == "gated"
    match finding.fault:
        case "vanishing":
            if m is not None and gated:
                return [keep(m), SHORTER]
            is_flat = "saturated" in finding.causes or "dead" in finding.causes
            return [GATED, SHORTER] if is_flat else [ORTHOGONAL, GATED, SHORTER]
        case "exploding":
            return [clipping, SCALE_WEIGHTS if gated else ORTHOGONAL, SMALLER_RATE]
        case "saturated":
            if not finding.causes:
                return [SCALE_INPUTS, SCALE_WEIGHTS, SMALLER_RATE]
            return [SCALE_INPUTS] if "inputs" in finding.causes else [SCALE_WEIGHTS, SMALLER_RATE]
        case "rate too large":
            return [SMALLER_RATE, clipping]
        case "frozen weight":
            return [HAND_OVER if "optimizer" in finding.causes else UNFREEZE]
        case "not finite":
            return [SMALLER_RATE, clipping] if finding.causes else [LOOK, SMALLER_RATE]
        case fault:
            table = {
                "frozen state": [SCALE_WEIGHTS],
                "dead": [LEAKY],
                "cut": [LONGER],
                "copied targets": [SHIFT],
                "unread sequences": [AXES],
                "gradients added up": [ZERO],
            }
            return table[fault]
