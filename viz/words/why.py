"""Why a gradient is a sum over time steps, in a sentence or two.

- `Why`: of one node.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from microgradrnn.engine import Node
from microgradrnn.stepping import Edge

from ..passes import Pass
from .blocks import Zero

_MULTIPLIES = {"mul", "matmul", "linear"}
_MOST_ZEROS = 3


class Why:
    """Why a node's contributions are added up, where they come from several time steps.

    Args:
        run: a whole pass.
        names: of its nodes.
        node: the one that gets the contributions.

    >>> from microgradrnn import Value, scope
    >>> from viz.passes import whole
    >>> w, h = Value(0.5, "w"), Value(0.0, "h_0")
    >>> for t in (1, 2):
    ...     with scope("cell", t=t):
    ...         h = w * h
    >>> run = whole(h)
    >>> why = Why(run, run.names, w)
    >>> print(why.sentence[:76])
    Why a sum: all 2 steps read the same w. If it changes, each of them changes,
    >>> str(why.zeros[1])
    'Step 1 gives 0, because w is multiplied there with h_0, which is 0.'
    """

    def __init__(self, run: Pass, names: Mapping[Node, str], node: Node) -> None:
        self.run, self.names, self.node = run, names, node
        self._edges = [arrival.edge for arrival in run.arrivals.get(node, ())]

    @cached_property
    def _steps(self) -> list[int]:
        """The time steps that contributions come from, in order."""
        return sorted({t for edge in self._edges if (t := self.run.t(edge.node)) is not None})

    @property
    def _is_weight(self) -> bool:
        return self.node.op is None and self.run.t(self.node) is None

    @property
    def sentence(self) -> str:
        """Why it is a sum; empty where it is none, or not one over time steps."""
        if len(self._steps) < 2:
            return ""
        name, loss = self.names[self.node], self.names[self.run.root]
        if self._is_weight:
            return (
                f"Why a sum: all {len(self._steps)} steps read the same {name}. If it changes, each of them changes, "
                f"and what that does to {loss} adds up."
            )
        own = self.run.t(self.node)
        ways = [f"through {self._readers(t)} in {'its own step' if t == own else f'step {t}'}" for t in self._steps]
        return f"Why a sum: {name} acts on {loss} {', and '.join(ways)}. What comes back from each adds up."

    def _readers(self, step: int) -> str:
        found = dict.fromkeys(self.names[edge.node] for edge in self._edges if self.run.t(edge.node) == step)
        return " and ".join(found)

    @property
    def zeros(self) -> list[Zero]:
        """Of a weight, why steps give nothing, as the numbers are; where many do, nothing is said."""
        found = [edge for edge in self._edges if self.sentence and self._is_weight and not np.any(edge.downstream)]
        return [self._zero(edge) for edge in found] if len(found) <= _MOST_ZEROS else []

    def _zero(self, edge: Edge) -> Zero:
        t = self.run.t(edge.node)
        step = "What reads it outside the steps" if t is None else f"Step {t}"
        others = [x for slot, x in enumerate(edge.node.inputs) if slot != edge.slot]
        multiplies = edge.node.op is not None and edge.node.op.name in _MULTIPLIES
        if multiplies and len(others) == 1 and not np.any(self.run.values[others[0]]):
            name, other = self.names[self.node], self.names[others[0]]
            because = f"{name} is multiplied there with {other}, which is 0"
            return Zero(f"{step} gives 0, because {because}.", [edge.downstream, self.run.values[others[0]]])
        if not np.any(edge.upstream):
            return Zero(f"{step} gives 0, because no gradient reaches it.", [edge.downstream, edge.upstream])
        return Zero(f"{step} gives 0.", [edge.downstream])
