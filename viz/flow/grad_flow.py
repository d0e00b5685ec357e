"""`grad_flow`: how much of a loss's gradient arrives at each time step, in numbers, in words and as a chart."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.analysis import find_states, named_states
from microgradrnn.backprop import gradients
from microgradrnn.engine import Node

from ..numbers import number

Array = NDArray[Any]
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = "osD^vP"
"""Okabe and Ito's colours, which all can tell apart, and never alone: each line has a marker of its own."""


class Flow:
    """What `grad_flow` found. Numbers are computed when they are asked for.

    Attributes:
        title: of the model, for charts with several.
        names: of the states that were asked for; of loops that share steps each has its own, such as h1 and h1r.
    """

    def __init__(self, loss: Node, names: Sequence[str], title: str) -> None:
        self._states = {name: states for asked in names for name, states in named_states(loss, asked).items()}
        self.loss, self.names, self.title = loss, tuple(self._states), title

    @cached_property
    def gradients(self) -> dict[str, dict[int, Array]]:
        """For each state name and step t, dL/dh_t."""
        found = gradients(self.loss)
        return {
            name: {t: np.asarray(found[node]) for t, node in states.items() if node in found}
            for name, states in self._states.items()
        }

    @cached_property
    def norms(self) -> dict[str, dict[int, float]]:
        """For each state name and step t, the norm of dL/dh_t over all its entries, the batch's rows included."""
        return {name: {t: _norm(g) for t, g in found.items()} for name, found in self.gradients.items()}

    def ratios(self, name: str | None = None) -> dict[int, float]:
        """For each step t that has a next one, the norm there over the norm at t + 1: what one step back costs."""
        norms = self.norms[name or self.names[0]]
        return {t: _over(norms[t], norms[t + 1]) for t in norms if t + 1 in norms}

    @cached_property
    def losses(self) -> dict[int, Node]:
        """The losses of single steps, nodes labelled L_1, L_2 ...; without any, the whole loss under step 0."""
        try:
            return find_states(self.loss, "L")
        except ValueError:
            return {0: self.loss}

    @cached_property
    def matrix(self) -> Array:
        """Norms of dL_k/dh_t of the first state name: a row for the loss of each step k, a column for each t <= k.

        0 where t > k: a loss does not depend on what comes after it. Without losses of single steps (nodes labelled
        L_1, L_2 ...) the one row is that of the whole loss.
        """
        states = self._states[self.names[0]]
        rows = []
        for loss in self.losses.values():
            found = gradients(loss)
            rows.append([_norm(found[node]) if node in found else 0.0 for node in states.values()])
        return np.array(rows)

    def units(self, name: str | None = None) -> Array:
        """A row for each unit, a column for each t: the norm of dL/d(that unit) over the batch."""
        found = self.gradients[name or self.names[0]].values()
        return np.stack([np.sqrt((g * g).reshape(-1, g.shape[-1] if g.ndim else 1).sum(axis=0)) for g in found], axis=1)

    @property
    def verdict(self) -> str:
        """What one step back in time does to the last loss's gradient, in plain numbers.

        It is the last loss's because a loss of each step brings in gradient everywhere, and hides what is lost on the
        way.
        """
        times = list(self._states[self.names[0]])
        norms = dict(zip(times, self.matrix[-1].tolist(), strict=True))
        return _verdict(norms, self.names[0])

    def plot(self, *others: Flow) -> Any:
        """A matplotlib figure: norms over time on a log axis, who hears of whom, and units over time.

        Args:
            others: flows of other models, to stand in the first chart on one scale.
        """
        from .chart import figure

        return figure(self, *others)

    def __str__(self) -> str:
        lines = [f"{self.title}: {self.verdict}" if self.title else self.verdict]
        for name, norms in self.norms.items():
            lines += [f"‖d{self.loss.label or 'L'}/d{name}_{t}‖ = {number(norm)}" for t, norm in norms.items()]
        return "\n".join(lines)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": str(self)}


def grad_flow(loss: Node, names: str | Sequence[str] = "h", title: str = "") -> Flow:
    """How much of a loss's gradient arrives at each time step: where it fades, what came before is not learnt from.

    Args:
        loss: a node with one entry, recorded over time steps.
        names: labels without their step: "h", or several, such as ("h", "c", "f"); "h2" is the second layer of several.
            "h" of loops without labels, such as one in each direction, gives a curve for each: h1 and h1r.
        title: what the model is called in charts.

    Returns:
        norms, ratios, matrix, units, a verdict in words, and ``plot`` for all of them.

    Raises:
        TypeError: loss is no node.
        ValueError: no nodes have such a label (the error says which there are), or the loss has several entries.

    >>> from microgradrnn import nn
    >>> rnn = nn.RNN(1, 1, nonlinearity="identity", seed=0)
    >>> rnn.cells[0][0].W_hh.data = np.array([[0.5]])
    >>> outputs, _ = rnn(np.ones((11, 1, 1)))
    >>> grad_flow(outputs[-1].sum()).verdict
    'dL/dh_t shrinks by a factor of 0.5 a step back in time; after 10 steps 0.09766% is left'
    """
    if not isinstance(loss, Node):
        raise TypeError(f"grad_flow takes a node, not {type(loss).__name__}")
    if loss.size != 1:
        raise ValueError(f"grad_flow: the loss has one entry, not shape {loss.shape}; take its sum")
    return Flow(loss, [names] if isinstance(names, str) else list(names), title)


def _norm(gradient: Any) -> float:
    return float(np.linalg.norm(np.ravel(gradient)))


def _over(a: float, b: float) -> float:
    return a / b if b else float("nan") if a == 0 or a != a else float("inf")


def _verdict(norms: dict[int, float], name: str) -> str:
    said = []
    known = {t: norm for t, norm in norms.items() if np.isfinite(norm) and norm > 0}
    if len(known) > 1:
        first, last = min(known), max(known)
        factor = (known[first] / known[last]) ** (1 / (last - first))
        said.append(f"dL/d{name}_t {_in_words(factor)}")
    zeros = [t for t, norm in norms.items() if norm == 0 and (not known or t < max(known))]
    broken = [t for t, norm in norms.items() if not np.isfinite(norm)]
    if zeros:
        said.append(f"it is exactly 0 at t = {_range(zeros)}")
    if broken:
        said.append(f"it is {norms[max(broken)]} at t = {_range(broken)}")
    return "; ".join(said) or f"dL/d{name}_t is known at one time step only"


def _in_words(factor: float) -> str:
    if 0.98 <= factor <= 1.02:
        return f"keeps its size, a factor of {number(factor)} a step back in time"
    after = factor**10
    left = f"{number(100 * after)}% is left" if factor < 1 else f"it is {number(after)} times as large"
    verb = "shrinks" if factor < 1 else "grows"
    return f"{verb} by a factor of {number(factor)} a step back in time; after 10 steps {left}"


def _range(times: list[int]) -> str:
    return f"{min(times)} … {max(times)}" if len(times) > 1 else str(times[0])
