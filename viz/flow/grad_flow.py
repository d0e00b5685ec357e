"""`grad_flow`: how much of a loss's gradient arrives at each time step, in numbers, in words and as a chart."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.analysis import step_losses
from microgradrnn.analysis.losses import names_of
from microgradrnn.analysis.states import cut_after, every_kind
from microgradrnn.backprop import gradients
from microgradrnn.engine import Node, serial
from microgradrnn.named_steps import in_short

from ..numbers import number
from .installed import check_that_charts_can_be_drawn
from .verdict import ratios, verdict

if TYPE_CHECKING:
    from .canvas import Chart

Array = NDArray[Any]


class Flow:
    """What `grad_flow` found. Numbers are computed when they are asked for.

    Two gradients are told apart. dL/dh_t is that of the whole loss: where each step has a loss, each brings in
    gradient, and so it hides what is lost on the way. dL_T/dh_t is that of the last step's loss alone: how much of it
    reaches back.

    Attributes:
        title: of the model, for charts with several.
        names: of the states that were asked for, or found; of loops that share steps each has its own, such as h1 and
            h1r.
        letter: what the loss is called.

    >>> from microgradrnn import Tensor
    >>> h, W, loss = Tensor([1.0]), Tensor([0.5]), 0.0
    >>> for _ in range(3):
    ...     h = h * W
    ...     loss = loss + h.sum()
    >>> flow = grad_flow(loss)  # h_t is W h_(t-1), and L is h_1 + h_2 + h_3
    >>> flow.norms["h"], flow.last_norms["h"], flow.ratios()[2]
    ({1: 1.75, 2: 1.5, 3: 1.0}, {1: 0.25, 2: 0.5, 3: 1.0}, 1.5)
    >>> flow.gradients["h"][2], sorted(flow.losses), flow.last_name("h", 2), flow.is_reversed("h")
    (array([1.5]), [1, 2, 3], 'dL_3/dh_2', False)
    >>> print(flow.verdicts("h")[1])
    dL_3/dh_t, of the last step's loss alone, shrinks by a factor of 0.5 a step back in time: 2 steps back 25% is left
    """

    def __init__(self, loss: Node, names: Sequence[str], title: str) -> None:
        self._states = {
            name: states for asked in names for name, states in every_kind("grad_flow", loss, asked).items()
        }
        self.loss, self.names, self.title = loss, tuple(self._states), title
        self.letter = loss.label if re.fullmatch(r"[^\W\d_]\w{0,9}", loss.label or "") else "L"
        self._rows: dict[int, dict[str, dict[int, float]]] = {}

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

    @cached_property
    def last_norms(self) -> dict[str, dict[int, float]]:
        """For each state name and step t, the norm of dL_T/dh_t, of the last step's loss alone.

        Of a direction that reads from the end it is the first step's loss, since that stands at the end of its way.
        Empty where the loss is no sum of several steps' losses.
        """
        if not self.losses:
            return {}
        return {name: self._row(self._end(name))[name] for name in self.names}

    def ratios(self, name: str | None = None) -> dict[int, float]:
        """For each step t, the norm of dL/dh_t over the norm of what came to it: that at t + 1.

        Of a direction that reads from the end, that at t - 1. The step where the gradient starts has none.
        """
        name = name or self.names[0]
        return dict(sorted(ratios(self._walk(name, self.norms[name])).items()))

    @cached_property
    def losses(self) -> dict[int, Node]:
        """The losses of single steps, see `microgradrnn.analysis.step_losses`; empty where there are not several."""
        return step_losses(self.loss)

    def matrix(self, name: str | None = None) -> Array:
        """Norms of dL_k/dh_t: a row for the loss of each step k, a column for each step t.

        0 where t > k and the network reads forward: a loss does not depend on what comes after it. Where the loss is no
        sum of several steps' losses, the one row is that of the whole loss. Takes a backward pass for each loss.

        >>> from microgradrnn import Tensor
        >>> h, W, loss = Tensor([1.0]), Tensor([0.5]), 0.0
        >>> for _ in range(3):
        ...     h = h * W
        ...     loss = loss + h.sum()
        >>> grad_flow(loss).matrix()  # h_3 is W² h_1
        array([[1.  , 0.  , 0.  ],
               [0.5 , 1.  , 0.  ],
               [0.25, 0.5 , 1.  ]])
        """
        name = name or self.names[0]
        rows = [self._row(k)[name] for k in self.losses] or [self.norms[name]]
        return np.array([[row.get(t, 0.0) for t in self._states[name]] for row in rows])

    def units(self, name: str | None = None) -> Array:
        """A row for each unit, a column for each t: the norm of dL/d(that unit) over the batch.

        >>> from microgradrnn import Tensor
        >>> h, W = Tensor([1.0, 1.0]), Tensor([0.5, 2.0])
        >>> for _ in range(3):
        ...     h = h * W
        >>> grad_flow(h.sum()).units()
        array([[0.25, 0.5 , 1.  ],
               [4.  , 2.  , 1.  ]])
        """
        found = self.gradients[name or self.names[0]].values()
        return np.stack([np.sqrt((g * g).reshape(-1, g.shape[-1] if g.ndim else 1).sum(axis=0)) for g in found], axis=1)

    @property
    def verdict(self) -> str:
        """What a step back in time does to each gradient, in plain numbers.

        For each state name a line for the whole loss and one for the last step's.

        >>> from microgradrnn import Tensor
        >>> h, W, loss = Tensor([1.0]), Tensor([0.5]), 0.0
        >>> for _ in range(3):
        ...     h = h * W
        ...     loss = h.sum()
        >>> grad_flow(loss).verdict
        'dL/dh_t shrinks by a factor of 0.5 a step back in time: 2 steps back 25% is left'
        """
        return "\n".join(line for name in self.names for line in self.verdicts(name))

    def verdicts(self, name: str) -> list[str]:
        """The lines of one state name; a single one where the loss is no sum of several steps' losses.

        Where states were detached, a last one says after which steps.
        """
        return [*self._of_size(name), *self._of_cuts(name)]

    def _of_cuts(self, name: str) -> list[str]:
        steps = cut_after(self.loss, self._states[name])
        if not steps:
            return []
        return [f"{name}_t is detached after step{'s' * (len(steps) > 1)} {in_short(steps)}: no gradient passes there"]

    def _of_size(self, name: str) -> list[str]:
        way = "ahead in time" if self.is_reversed(name) else "back in time"
        if not self.losses:
            return [verdict(self._walk(name, self.norms[name]), f"d{self.letter}/d{name}_t", way)]
        which = "first" if self.is_reversed(name) else "last"
        last = f"{self.last_name(name)}, of the {which} step's loss alone,"
        return [
            verdict(self._walk(name, self.norms[name]), f"d{self.letter}/d{name}_t, of the whole loss,", way),
            verdict(self._walk(name, self.last_norms[name]), last, way),
        ]

    def last_name(self, name: str, t: int | str = "t") -> str:
        """The gradient of the last step's loss by name, such as dL_8/dh_t."""
        return f"dL_{self._end(name)}/d{name}_{t}"

    def is_reversed(self, name: str) -> bool:
        """Whether the states were recorded from the last step to the first, by a direction that reads from the end."""
        nodes = list(self._states[name].values())
        return bool(serial(nodes[0]) > serial(nodes[-1]))

    def plot(self, *others: Flow) -> Chart:
        """A chart: norms over time on a log axis, who hears of whom, and units over time. Shows itself in Jupyter.

        Args:
            others: flows of other models, or of the same one after training. Then their norms stand in one chart, and
                who hears of whom side by side, all on the same scale.

        Returns:
            A matplotlib figure, with ``save`` for files.

        >>> from microgradrnn import Tensor
        >>> h, W, loss = Tensor([1.0]), Tensor([0.5]), 0.0
        >>> for _ in range(3):
        ...     h = h * W
        ...     loss = loss + h.sum()
        >>> chart = grad_flow(loss).plot()
        >>> [axes.get_title() for axes in chart.axes][:2]
        ['norm of the gradient at each step', '‖dL_k/dh_t‖']
        """
        check_that_charts_can_be_drawn()
        from .chart import figure

        return figure(self, *others)

    def __str__(self) -> str:
        blocks = []
        for name in self.names:
            lines = [f"{self.title}: {line}" if self.title else line for line in self.verdicts(name)]
            blocks.append("\n".join([*lines, *self._table(name)]))
        return "\n\n".join(blocks)

    def _table(self, name: str) -> list[str]:
        """A line for each step: the norms of both gradients."""
        series = [(f"‖d{self.letter}/d{name}_t‖", self.norms[name])]
        if self.losses:
            series.append((f"‖{self.last_name(name)}‖", self.last_norms[name]))
        width = max(len(str(t)) for t in self.norms[name])
        lines = [f"{'t':>{width}}  " + "  ".join(head for head, _ in series)]
        for t in self.norms[name]:
            row = (f"{number(norms.get(t, 0.0)):<{len(head)}}" for head, norms in series)
            lines.append(f"{t:>{width}}  {'  '.join(row)}".rstrip())
        return lines

    def _row(self, k: int) -> dict[str, dict[int, float]]:
        """For each state name and step t, the norm of dL_k/dh_t; 0 where the loss does not depend on it."""
        if k not in self._rows:
            found = gradients(self.losses[k])
            self._rows[k] = {
                name: {t: _norm(found[node]) if node in found else 0.0 for t, node in states.items()}
                for name, states in self._states.items()
            }
        return self._rows[k]

    def _end(self, name: str) -> int:
        """The step whose loss stands at the end of the way on which the states were recorded."""
        return min(self.losses) if self.is_reversed(name) else max(self.losses)

    def _walk(self, name: str, norms: Mapping[int, float]) -> dict[int, float]:
        """Norms in the order in which the gradient comes by."""
        return {t: norms[t] for t in sorted(norms, reverse=not self.is_reversed(name))}

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": str(self)}


def grad_flow(loss: Node, names: str | Sequence[str] | None = None, title: str = "") -> Flow:
    """How much of a loss's gradient arrives at each time step: where it fades, what came before is not learnt from.

    Args:
        loss: a node with one entry, recorded over time steps.
        names: labels without their step: "h", or several, such as ("h", "c", "f"); "h2" is the second layer of several.
            By default the hidden states of every layer and direction; see `microgradrnn.analysis.state_names`.
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
    'dL/dh_t shrinks by a factor of 0.5 a step back in time: 10 steps back 0.09766% is left'
    """
    if not isinstance(loss, Node):
        raise TypeError(f"grad_flow takes a node, not {type(loss).__name__}")
    if loss.size != 1:
        raise ValueError(f"grad_flow: the loss has one entry, not shape {loss.shape}; take its sum")
    names = names_of("grad_flow", loss) if names is None else names
    return Flow(loss, [names] if isinstance(names, str) else names, title)


def _norm(gradient: Any) -> float:
    return float(np.linalg.norm(np.ravel(gradient)))
