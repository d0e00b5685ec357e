"""`diagnose`: all that is measured of a loss, and the faults that follow from it, as data."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradrnn.diagnosis.findings import FAULTS, Finding, of_layer, of_training, unread
from microgradrnn.diagnosis.groups import together
from microgradrnn.diagnosis.layers import Layer, find_layers, is_cut_state
from microgradrnn.diagnosis.measures import Measured, measure, spread
from microgradrnn.diagnosis.sources import Grads, Sources, all_gradients, from_source
from microgradrnn.diagnosis.steps import held_over, nodes_of, updates
from microgradrnn.diagnosis.targets import copied_share
from microgradrnn.diagnosis.thresholds import Thresholds
from microgradrnn.diagnosis.training import clip_at, growth, losses_of, norms_of, where_not_finite
from microgradrnn.engine import Node, ancestors
from microgradrnn.errors import describe
from microgradrnn.norms import joint_norm

_OF_STRUCTURE = ("cut", "frozen weight")
"""Faults that are seen without any number."""


@dataclass(frozen=True)
class Diagnosis:
    """What was found.

    Attributes:
        loss: its value.
        layers: the numbers of each recurrent layer and direction.
        findings: the faults, that which spoils most first; none for a healthy network.
        grad_norm: the norm of the gradients of all leaves together.
        updates: for each matrix ‖next step‖ / ‖weight‖; None without an optimiser.
        growth: the mean loss of the history's last quarter over the least mean of a quarter before; None without one.
        held: where it is asked for, the norm of the gradients that the optimiser's parameters hold over that of the
            loss: 1 after a backward pass, less where they are clipped, more where they add up.
        clip_at: a threshold to clip at, the median of the history's norms of gradients; None where there are too few.
        copied: the share of targets that equal the input of the same step, and late: that equal the input of the step
            before it; None where that cannot be told.
        unjudged: what could not be judged from what was given: "optimizer", "history", "targets", "reach".
        thresholds: the limits.

    >>> import json
    >>> from microgradrnn import Parameter, Tensor
    >>> state, W = Tensor([[2.0**30]]), Parameter([[0.5]], "W")
    >>> for _ in range(30):
    ...     state = state @ W
    >>> found = diagnose(state.sum())
    >>> found.loss, found.healthy, found.faults, found.unjudged
    (1.0, False, ['vanishing'], ('optimizer', 'history', 'targets'))
    >>> found.to_dict()["layers"][0]["factor"], json.loads(found.to_json())["loss"]
    (0.5, 1.0)
    """

    loss: float
    layers: list[Measured]
    findings: list[Finding]
    grad_norm: float
    updates: dict[str, float] | None
    growth: float | None
    held: float | None
    clip_at: float | None
    copied: float | None
    late: float | None
    unjudged: tuple[str, ...]
    thresholds: Thresholds

    @property
    def healthy(self) -> bool:
        """Whether no fault was found. What could not be judged is in `unjudged`."""
        return not self.findings

    @property
    def faults(self) -> list[str]:
        """The names of the faults, each once."""
        return list(dict.fromkeys(finding.fault for finding in self.findings))

    def to_dict(self) -> dict[str, Any]:
        """Plain data: what is not finite as the words "nan", "inf" and "-inf", which JSON has no numbers for."""
        return plain(dataclasses.asdict(self) | {"healthy": self.healthy})  # type: ignore[no-any-return]

    def to_json(self) -> str:
        """The same as JSON that every reader takes."""
        return json.dumps(self.to_dict(), allow_nan=False, indent=2)


def plain(data: Any) -> Any:
    """As JSON has it: keys as text, tuples as lists, and what is not finite as a word.

    >>> plain({1: (0.5, float("inf"))})
    {'1': [0.5, 'inf']}
    """
    if isinstance(data, dict):
        return {str(key): plain(x) for key, x in data.items()}
    if isinstance(data, (list, tuple)):
        return [plain(x) for x in data]
    if isinstance(data, (float, np.floating)):
        return float(data) if math.isfinite(data) else str(float(data))
    return data


def diagnose(
    loss: Node, optimizer: Any = None, history: Any = None, thresholds: Thresholds | None = None, held: bool = False
) -> Diagnosis:
    """Measure a recurrent network through its loss; see `viz.diagnose`, which says it in words.

    No ``grad`` is touched and nothing is changed. With ``held`` the optimiser's next step is that of the gradients that
    its parameters hold, where they do: they may be clipped, or summed over several batches.

    Raises:
        TypeError: loss is no node, or an optimiser or a history is of a kind that cannot be read.
        ValueError: the loss has several entries or no gradient, or no recurrent layer of two steps lies behind it.

    >>> from microgradrnn import nn
    >>> rnn = nn.RNN(1, 1, nonlinearity="identity", seed=0)
    >>> rnn.cells[0][0].W_hh.data = np.array([[0.5]])
    >>> outputs, _ = rnn(np.ones((11, 1, 1)))
    >>> found = diagnose(outputs[-1].sum())
    >>> found.layers[0].share == 0.5**10, found.layers[0].factor, found.healthy
    (True, 0.5, True)
    """
    limits = thresholds or Thresholds()
    _check(loss)
    layers = _layers_of(loss)
    nodes = ancestors(loss)
    losses, norms = (losses_of(history), norms_of(history)) if history is not None else ([], [])
    with np.errstate(all="ignore"):
        grads, measured = _measured(loss, layers, limits)
        ratios = None if optimizer is None else updates(optimizer, grads, held)
        over = held_over(optimizer, grads) if held and optimizer is not None else None
        grown = growth(losses)
        copied, late = (copied_share(nodes, layers, lag) for lag in (0, 1))
        broken = where_not_finite(nodes, grads)
    if optimizer is not None:
        moved = set(nodes_of(optimizer, grads).values())
        for layer, m in zip(layers, measured, strict=True):
            m.moved = layer.weight in moved
    findings = [f for m in measured for f in of_layer(m, limits)] + unread(measured, limits)
    findings += of_training(ratios, grown, over, limits)
    if broken is not None:
        findings = [f for f in findings if f.fault in _OF_STRUCTURE]  # the rest is computed with what is not finite
        where, node = broken
        numbers = {"pass": where, "node": f"{describe(node)}{node.place}", "t": node.t}
        is_weight = node.op is None and node.requires_grad and where == "forward"
        findings.append(Finding("not finite", "", numbers, ("weight",) if is_weight else ()))
    findings += [
        Finding("copied targets", "", {"lag": lag}) for lag, share in enumerate((copied, late)) if share == 1.0
    ]
    findings.sort(key=lambda f: FAULTS.index(f.fault))
    missing = {
        "optimizer": optimizer is None,
        "history": grown is None,
        "targets": copied is None,
        "reach": any(m.share is None for m in measured),
    }
    return Diagnosis(
        float(loss.item()),
        measured,
        findings,
        _joint([grad for node, grad in grads.items() if node.op is None]),
        ratios,
        grown,
        over,
        clip_at(norms),
        copied,
        late,
        tuple(name for name, is_missing in missing.items() if is_missing),
        limits,
    )


def _layers_of(loss: Node) -> list[Layer]:
    layers = find_layers(loss)
    if not layers:
        raise ValueError(
            "diagnose: no recurrent layer was found behind the loss: no weight multiplies a state that was computed "
            "with that weight before. Record at least two steps, and do not detach every state between them"
        )
    if all(len(layer.uses) < 2 for layer in layers) and not any(_was_cut(layer) for layer in layers):
        raise ValueError("diagnose: the network was recorded for one step only; record the loss over two or more")
    return layers


def _joint(gradients: list[Any]) -> float:
    size, exponent = joint_norm(gradients)
    return math.ldexp(size, exponent) if math.isfinite(size) and exponent < 900 else float(size)


def _check(loss: Any) -> None:
    if not isinstance(loss, Node):
        raise TypeError(f"diagnose takes a loss recorded by microgradrnn, not {type(loss).__name__}")
    if loss.size != 1:
        raise ValueError(f"diagnose: the loss has one entry, not shape {loss.shape}; take its sum or its mean")
    if not loss.requires_grad:
        raise ValueError(
            "diagnose: the loss has no gradient: no parameter lies behind it. Was it computed under no_grad, detached, "
            "or with every parameter frozen?"
        )


def _was_cut(layer: Layer) -> bool:
    return any(is_cut_state(use.state) for use in layer.uses)


def _measured(loss: Node, layers: Sequence[Layer], limits: Thresholds) -> tuple[Grads, list[Measured]]:
    """The gradient of every node, and the numbers of each layer.

    A layer is judged by what enters its group; where that comes in at its first step alone, as with a reverse direction
    whose last output is read, by what enters the layer itself.
    """
    groups = together(layers)
    grads, sources = all_gradients(loss, groups)
    found = _of_groups(groups, sources, grads, limits)
    alone = [[layer] for group in groups if len(group) > 1 for layer in group if found[layer].share is None]
    if alone:
        _, sources = all_gradients(loss, [*alone, *groups])
        found |= _of_groups(alone, sources, grads, limits)
    return grads, [found[layer] for layer in layers]


def _of_groups(
    groups: Sequence[Sequence[Layer]], sources: Sequence[Sources], grads: Grads, limits: Thresholds
) -> dict[Layer, Measured]:
    found: dict[Layer, Measured] = {}
    for layers, source in zip(groups, sources, strict=False):
        states = {s for layer in layers for s in layer.states if s is not None}
        reach = {t: from_source(source.grads[t], states) for t in spread(source.grads, limits.sources)}
        found |= {layer: measure(layer, grads, reach, source, limits) for layer in layers}
    return found
