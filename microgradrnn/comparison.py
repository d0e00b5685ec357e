"""Your own gradients beside the engine's: which differ, where most, and at which time step the difference comes in.

- `compare`: takes your gradients by label. `Comparison`: its answer, a `Finding` for each of them.

What is given step by step, the states' gradients or the contributions to a weight, is compared in the order of the
walk, last step first, and the first that differs is where the difference comes in. Of a total,
`microgradrnn.attribution` finds out what it shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from microgradrnn.analysis import grad_by_time
from microgradrnn.attribution import Array, ByStep, allowed, as_if, by_its_rows, in_steps, largest, named, rows_of
from microgradrnn.backprop import gradients, order
from microgradrnn.convert import as_numpy
from microgradrnn.engine import Node
from microgradrnn.loops import time_steps
from microgradrnn.rounding import Rounding

Found = Node | dict[int | None, Node]
"""A node, or a series of them by step."""


@dataclass(frozen=True)
class Finding:
    """How one gradient of yours compares with ours.

    Attributes:
        label: of the node, or of the series of nodes.
        agrees: whether every entry does.
        index: of the worst entry; where steps are compared, within that of the step.
        mine, ours: the two numbers there.
        relative_error: |mine - ours| over the larger of the two in size, from 0 to 2.
        step: where the difference comes in; None where there is none, or where it cannot be told.
        why: what is known of the difference, in words; or that there is only rounding left to compare.
    """

    label: str
    agrees: bool
    index: tuple[int, ...]
    mine: float
    ours: float
    relative_error: float
    step: int | None = None
    why: str = ""

    def __str__(self) -> str:
        if self.agrees:
            how = f": {self.why}" if self.why else f", relative error {self.relative_error:.2g} where it is worst"
            return f"{self.label} agrees{how}"
        at = f", most at [{', '.join(map(str, self.index))}]" if self.index else ""
        head = f"{self.label} differs{at}: mine {self.mine:.6g}, ours {self.ours:.6g}"
        note = _joined(": ", "" if self.step is None else f"comes in at step {self.step}", self.why)
        return f"{head}, relative error {self.relative_error:.2g}" + (f"\n  {note}" if note else "")


@dataclass(frozen=True)
class Comparison:
    """How your gradients compare with ours: true where all agree, and a few lines as a string.

    Attributes:
        findings: one for each gradient, in the order in which they were given.
    """

    findings: tuple[Finding, ...]

    @property
    def step(self) -> int | None:
        """The latest of the steps at which a difference comes in; None where none is known."""
        return max((finding.step for finding in self.findings if finding.step is not None), default=None)

    def __bool__(self) -> bool:
        return all(finding.agrees for finding in self.findings)

    def __getitem__(self, label: str) -> Finding:
        """The finding for a label."""
        return {finding.label: finding for finding in self.findings}[label]

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings))


def compare(loss: Node, mine: Mapping[Any, Any], rtol: float = 1e-6) -> Comparison:
    """Compare gradients that you computed yourself with those of reverse mode.

    Args:
        loss: a node with one entry. Its graph is walked; no ``grad`` is touched.
        mine: your gradients, by label or by node. Of one node: an array of its shape, or what each step contributes,
            as ``{t: array}`` or in one array, time first. Of a series of nodes, such as ``"h"`` for h_1 .. h_T, or for
            nodes that all have the label h, one a step: the gradient of each, likewise.
        rtol: how far an entry may be off, relative to ours, and beyond that a thousandth of it relative to our largest
            entry. What rounding explains is allowed too: where numbers cancel, as in a bias before batch normalisation,
            the gradient is 0, and what is computed depends on the order of the sums.

    Returns:
        For each gradient whether it agrees, its worst entry, and the step at which the difference comes in.

    Raises:
        KeyError: nothing of that label, or no such node, gets a gradient here; lists the labels that do.
        ValueError: a label stands for several nodes, or a shape or the steps do not fit.
        TypeError: loss is no node, mine is no dict or is empty, or a gradient is no array of numbers.

    L = h_1 + h_2 + h_3 with h_t = h_(t-1) W and h_0 = 1, so dL/dW = 1 + 2 W + 3 W^2. Here the walk stopped too early:

    >>> from microgradrnn import Tensor
    >>> W, h, states = Tensor([[2.0]], label="W"), Tensor([[1.0]]), []
    >>> for t in (1, 2, 3):
    ...     h = h @ W
    ...     states.append(h.sum())
    >>> print(compare(sum(states), {"W": [[10.0]]}))
    W differs, most at [0, 0]: mine 10, ours 17, relative error 0.41
      comes in at step 1: as if the contribution of step 1 is left out: the walk stops after step 2
    >>> bool(compare(sum(states), {"W": {3: [[4.0]], 2: [[6.0]], 1: [[7.0]]}}))
    True
    """
    if not isinstance(loss, Node):
        raise TypeError(f"compare: loss is a node, not a {type(loss).__name__}")
    if not isinstance(mine, Mapping) or not mine:
        raise TypeError('compare: mine is a dict of your gradients by label, such as {"W_hh": array}')
    found = gradients(loss)
    grads = {node: found[node] for node in order(loss)}
    keys = {key: _look_up(key, grads, loss) for key in mine}
    asked = {node for key in keys.values() for node in (key.values() if isinstance(key, dict) else [key])}
    ours = _Ours(loss, grads, rtol, Rounding(loss, asked))
    return Comparison(tuple(_compare_one(ours, key, keys[key], given) for key, given in mine.items()))


class _Ours(NamedTuple):
    """What all of mine are compared with."""

    loss: Node
    grads: Mapping[Node, Any]
    rtol: float
    rounding: Rounding


def _compare_one(ours: _Ours, key: Any, found: Found, given: Any) -> Finding:
    """Compare one gradient, in whichever form it was given."""
    if isinstance(found, dict):
        return _compare_series(ours, key, found, given)
    name, shape = found.label or repr(found), found.shape
    if not isinstance(given, Mapping) and _numbers(name, given).shape == shape:
        return _compare_total(ours, name, found, _numbers(name, given))
    parts = _contributions(ours.loss, found)
    mine = _by_step(name, given, parts, shape)
    return _first_difference(name, mine, parts, ours.rtol, lambda t: ours.rounding.of_steps(found)[t])


def _compare_series(ours: _Ours, name: str, nodes: Mapping[int | None, Node], given: Any) -> Finding:
    """Compare the gradients of h_T .. h_1; where one differs it may be for want of one of its contributions."""
    right = {t: _numbers(name, ours.grads[node]) for t, node in nodes.items()}
    mine = _by_step(name, given, right)
    finding = _first_difference(name, mine, right, ours.rtol, lambda t: ours.rounding.of(nodes[t]))
    if finding.agrees:
        return finding
    t = finding.step
    guess = as_if(mine[t], right[t], _contributions(ours.loss, nodes[t]), ours.rtol)
    return replace(finding, why=_joined("; ", finding.why, guess.why)) if guess else finding


def _compare_total(ours: _Ours, name: str, node: Node, mine: Array) -> Finding:
    """Compare the gradient of one node as a whole, and say of the difference what can be known."""
    right = _numbers(name, ours.grads[node])
    finding = _judge(name, mine, right, ours.rtol, largest([right]), lambda: ours.rounding.of(node))
    if finding.agrees:
        return finding
    parts = _contributions(ours.loss, node)
    place = as_if(mine, right, parts, ours.rtol)
    t = time_steps(ours.loss).of(node)
    if t is not None:
        return replace(finding, step=t, why=place.why if place else "")
    if place is None and in_steps(parts):
        rows, axis = rows_of(ours.loss, node)
        place = by_its_rows(name, mine - right if axis == 0 else (mine - right).T, rows)
    return replace(finding, step=place.step, why=place.why) if place else finding


def _first_difference(
    name: str, mine: ByStep, ours: ByStep, rtol: float, rounding: Callable[[int | None], Array]
) -> Finding:
    """Compare step by step in the order of the walk, up to the first that differs."""
    floor = 1e-6 * largest(ours.values())  # what contributes next to nothing has only rounding in its last digits
    agreeing: list[Finding] = []
    for t, part in ours.items():
        finding = _judge(name, mine[t], part, rtol, max(largest([part]), floor), partial(rounding, t))
        if not finding.agrees:
            right = list(ours)[: len(agreeing)]
            wrong = f"wrong in {named([t])}" if t is None and in_steps(ours) else ""
            return replace(finding, step=t, why=_joined("; ", f"right at {named(right)}" if right else "", wrong))
        agreeing.append(finding)
    return max(agreeing, key=lambda finding: finding.relative_error)


def _judge(name: str, mine: Array, ours: Array, rtol: float, scale: float, rounding: Callable[[], Array]) -> Finding:
    """Whether mine is as near to ours as is asked for, or else as near as rounding lets it be."""
    finding = _worst(name, mine, ours, allowed(ours, rtol, scale))
    if finding.agrees:
        return finding
    rounded = _worst(name, mine, ours, allowed(ours, rtol, scale) + rounding())
    if not rounded.agrees:
        return rounded
    why = f"mine {finding.mine:.2g} and ours {finding.ours:.2g} differ by no more than rounding"
    return replace(finding, agrees=True, why=why)


def _worst(name: str, mine: Array, ours: Array, allowed: Array) -> Finding:
    """The entry that is furthest beyond what is allowed, and whether that is too far; NaN is."""
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.abs(mine - ours)
        excess = np.where(apart == 0, 0.0, apart / allowed)
    excess = np.where(np.isnan(excess), np.inf, excess)
    index = np.unravel_index(np.argmax(excess), excess.shape)
    m, o = float(mine[index]), float(ours[index])
    relative = 0.0 if m == o else float(apart[index]) / max(abs(m), abs(o))
    return Finding(name, bool(excess[index] <= 1), tuple(map(int, index)), m, o, relative)


# What was given, and what it stands for


def _look_up(key: Any, nodes: Iterable[Node], loss: Node) -> Found:
    """The node that a key stands for, or the series of them by step, in the order of the walk.

    A series has labels with numbers, h_1 .. h_T, or one label for all, each in a time step of its own.
    """
    if isinstance(key, Node):
        named_so, series = [node for node in nodes if node is key], []
    else:
        named_so = [node for node in nodes if node.label == key]
        numbers = [(re.fullmatch(rf"{re.escape(str(key))}_(\d+)", node.label), node) for node in nodes]
        steps = [(int(match[1]), node) for match, node in numbers if match]
        series = [(t, node) for t, node in steps if t > 0 or node.t == 0]  # h_0 is mostly what comes before step 1
    if len(named_so) == 1:
        return named_so[0]
    if named_so:
        times = time_steps(loss)
        series = [(t, node) for node in named_so if (t := times.of(node)) is not None]
    elif not series:
        raise KeyError(f"compare: {key!r} is no node here that gets a gradient; these are: {_labels(nodes)}")
    if len(dict(series)) < max(len(series), len(named_so)):
        raise ValueError(
            f"compare: several nodes are labelled {key!r}, or so with one number; give the node as the key"
        )
    return dict(series)


def _labels(nodes: Iterable[Node]) -> str:
    """All labels, oldest first, those with numbers put together: ``W_hh, h_1 .. h_9``."""
    grouped: dict[str, list[str]] = {}
    for node in reversed(list(nodes)):
        if node.label:
            grouped.setdefault(re.sub(r"_\d+$", "_", node.label), []).append(node.label)
    return ", ".join(f"{found[0]} .. {found[-1]}" if len(found) > 1 else found[0] for found in grouped.values())


def _contributions(loss: Node, node: Node) -> ByStep:
    """What each step contributes to a node's gradient; to the loss's own nothing does."""
    return {} if node is loss else {t: _numbers(node.label, part) for t, part in grad_by_time(loss, node).items()}


def _by_step(name: str, given: Any, ours: ByStep, whole: tuple[int, ...] | None = None) -> ByStep:
    """Mine by step, as ours is; ``whole`` is the shape of what could also have been given, for an error."""
    if isinstance(given, Mapping):
        mine = {t: _numbers(name, part) for t, part in given.items()}
        came = _told(mine)
    else:
        array, steps = _numbers(name, given), sorted(t for t in ours if t is not None)
        fits = array.ndim > 0 and len(array) == len(steps) == len(ours)
        mine, came = dict(zip(steps, array, strict=True)) if fits else {}, str(array.shape)
    if not ours or {t: part.shape for t, part in mine.items()} != {t: part.shape for t, part in ours.items()}:
        forms = [] if whole is None else [str(whole)]
        forms += [_told(ours)] if in_steps(ours) else []
        raise ValueError(f"compare: the gradient of {name} has shape {', or '.join(forms)}, got {came}")
    return mine


def _told(parts: ByStep) -> str:
    """The shapes of parts, those of one shape together: ``(2, 2) for each of steps 3 to 1``."""
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for t, part in parts.items():
        if t is not None:
            by_shape.setdefault(part.shape, []).append(t)
    found = [f"{shape} for {'each of ' * (len(steps) > 1)}{named(steps)}" for shape, steps in by_shape.items()]
    rest = [f"{part.shape} for what is used outside the steps, under None" for t, part in parts.items() if t is None]
    return ", ".join(found + rest) or "an empty dict"


def _numbers(name: Any, given: Any) -> Array:
    array = as_numpy(given)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"compare: the gradient of {name} is an array of numbers, not {type(given).__name__}")
    return array.astype(np.float64)


def _joined(by: str, *parts: str) -> str:
    return by.join(part for part in parts if part)
