"""`loss_bars`: dL/dh_t, itemised by the loss that it came from, in numbers, in words and as bars."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from microgradrnn.analysis.losses import contributions, names_of
from microgradrnn.counting import counted
from microgradrnn.engine import Node

from ..numbers import number
from .installed import check_that_charts_can_be_drawn

if TYPE_CHECKING:
    from .canvas import Chart

Scale = Literal["linear", "log"]
_SHARE = 0.9
_MOST = 4
"""So many parts of a step are said one by one."""


class LossBars:
    """What `loss_bars` found.

    Attributes:
        name: of the states.
        scale: of the chart that it shows itself as.
        title: of the model, for the chart.
        parts: for each step t and each k, the norm of what L_k contributes to dL/dh_t.
        totals: for each step t, the norm of dL/dh_t, of the sum of its parts. Norms do not add up: where parts point
            into different directions, it is less than the sum of theirs.

    >>> from microgradrnn import Tensor
    >>> h, W, loss = Tensor([1.0]), Tensor([0.5]), 0.0
    >>> for _ in range(3):
    ...     h = h * W
    ...     loss = loss + h.sum()
    >>> bars = loss_bars(loss)  # h_3 is W² h_1
    >>> bars.parts[1], bars.totals[1], bars.reach
    ({1: 1.0, 2: 0.5, 3: 0.25}, 1.75, 1)
    >>> print(bars.verdict)
    by norms, 70.6% of dL/dh_t is from the loss of step t itself, and at least 90% from losses up to 1 step away
    >>> bars.plot().axes[0].get_title().splitlines()[0]
    'dL/dh_t, itemised by the loss that it came from'
    """

    def __init__(self, loss: Node, name: str, scale: Scale, title: str) -> None:
        self.name, self.scale, self.title = name, scale, title
        found = contributions("loss_bars", loss, name)
        self.parts = {t: {k: _norm(part) for k, part in parts.items()} for t, parts in found.items()}
        self.totals = {t: _norm(sum(parts.values())) for t, parts in found.items()}

    @cached_property
    def reach(self) -> int:
        """So many steps ahead stand the losses that make up 90% of the parts' norms, over all steps together."""
        shares = self._by_distance()
        return int(np.argmax(np.cumsum(shares) >= _SHARE * np.sum(shares)))

    @property
    def verdict(self) -> str:
        """How far away the losses stand that the gradient comes from, in a sentence."""
        shares = self._by_distance()
        own = number(round(100 * shares[0] / sum(shares), 1)) if sum(shares) else "0"
        said = f"by norms, {own}% of dL/d{self.name}_t is from the loss of step t itself"
        if self.reach == 0:
            return said
        return f"{said}, and at least 90% from losses up to {counted(self.reach, 'step')} away"

    def _by_distance(self) -> list[float]:
        """The sum of the norms of all parts that come from a loss so many steps away."""
        farthest = max((abs(k - t) for t, parts in self.parts.items() for k in parts), default=0)
        sums = [0.0] * (farthest + 1)
        for t, parts in self.parts.items():
            for k, size in parts.items():
                sums[abs(k - t)] += size
        return sums

    def plot(self, scale: Scale | None = None) -> Chart:
        """A chart that shows itself in Jupyter.

        Args:
            scale: "linear" for bars, a part upon another; "log" for a line for each loss, since lengths of bars say
                nothing on a log scale. By default the one that it was made with.
        """
        check_that_charts_can_be_drawn()
        from .loss_bars_chart import figure

        return figure(self, _checked(scale or self.scale))

    def __str__(self) -> str:
        lines = [f"{self.title}: {self.verdict}" if self.title else self.verdict]
        for t, parts in self.parts.items():
            nearest = sorted(parts, key=lambda k: abs(k - t))
            said = [f"L_{k} {number(parts[k])}" for k in nearest[:_MOST]]
            if len(nearest) > _MOST:
                said.append(f"… L_{nearest[-1]} {number(parts[nearest[-1]])}")
            lines.append(f"‖dL/d{self.name}_{t}‖ = {number(self.totals[t])}, from {', '.join(said) or 'no loss'}")
        return "\n".join(lines)

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle, sizes = self.plot()._repr_mimebundle_(**options)
        return {**bundle, "text/plain": str(self)}, sizes


def loss_bars(loss: Node, name: str | None = None, scale: Scale = "linear", title: str = "") -> LossBars:
    """How much of the gradient at each state comes from the loss of its own step, of the next one, and so on.

    A bar for each h_t, a part for each loss behind it, as in RNNbow (Cashman, Patterson, Mosca, Watts, Robinson and
    Chang, 2018). Where the gradient vanishes, the parts from losses far ahead are small: h_t does not learn what is
    needed so much later.

    Args:
        loss: a node with one entry that sums losses of several steps; see `microgradrnn.analysis.grad_by_loss`.
        name: which states, such as "h2" for the second layer; the highest layer's unless given.
        scale: "linear" or "log"; see `LossBars.plot`.
        title: what the model is called in the chart.

    Returns:
        The parts' norms, a verdict in words, and ``plot``; shows itself in Jupyter.

    Raises:
        TypeError: loss is no node.
        ValueError: the loss is no sum of losses of several steps, there are no such states, or the scale is unknown.

    >>> from microgradrnn import Tensor
    >>> h, W, loss = Tensor([1.0]), Tensor([0.5]), 0.0
    >>> for _ in range(3):
    ...     h = h * W
    ...     loss = loss + (2 * h).sum()
    >>> print(loss_bars(loss))
    by norms, 70.6% of dL/dh_t is from the loss of step t itself, and at least 90% from losses up to 1 step away
    ‖dL/dh_1‖ = 3.5, from L_1 2, L_2 1, L_3 0.5
    ‖dL/dh_2‖ = 3, from L_2 2, L_3 1
    ‖dL/dh_3‖ = 2, from L_3 2
    """
    if not isinstance(loss, Node):
        raise TypeError(f"loss_bars takes a node, not {type(loss).__name__}")
    if loss.size != 1:
        raise ValueError(f"loss_bars: the loss has one entry, not shape {loss.shape}; take its sum")
    return LossBars(loss, name or names_of("loss_bars", loss)[-1], _checked(scale), title)


def _checked(scale: Scale) -> Scale:
    if scale not in ("linear", "log"):
        raise ValueError(f"loss_bars: scale is 'linear' or 'log', not {scale!r}")
    return scale


def _norm(part: Any) -> float:
    return float(np.linalg.norm(np.ravel(part)))
