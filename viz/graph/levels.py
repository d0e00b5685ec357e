"""How near to look at a graph: network, cell, tensor op, scalar op."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from microgradrnn.engine import Node
from microgradrnn.lowering import lower

from ..passes import Pass, forward, whole
from . import collapse
from .build import build
from .view import View

MOST_COLUMNS = 12
"""So many cells side by side can still be read."""

Level = Literal["auto", "network", "cell", "op", "scalar"]


def view_at(run: Pass, level: Level, steps: Iterable[int] | None, max_nodes: int, rolled: bool) -> View:
    """The view of a pass from a level; see `viz.draw`.

    Raises:
        ValueError: an unknown level, no time steps to roll, no single number to lower.
    """
    if level not in get_args(Level):
        raise ValueError(f"draw: level is {', '.join(map(repr, get_args(Level)))}, not {level!r}")
    times = Counter(t for node in run.nodes if (t := run.t(node)) is not None)
    if (rolled or level == "network") and not times:
        raise ValueError(
            "draw: nothing was recorded in time steps, so there is nothing to roll; record in scope(name, t=t)"
        )
    wanted = None if steps is None else list(steps)
    if level == "scalar":
        return _rolled_or_not(_lowered(run.root), wanted, max_nodes, rolled)
    if level == "network":
        return collapse.rolled(collapse.cells(build(run, wanted or times, sys.maxsize)))
    if level == "cell" or (level == "auto" and wanted is None and not rolled and _is_wide(times, max_nodes)):
        few = wanted is None
        view = _cells(run, max_nodes) if few else collapse.cells(build(run, wanted, sys.maxsize))
        note = "a box for each scope: draw(root, level='op') shows what is in it"
        view = replace(view, notes=(*view.notes, note))
        return collapse.rolled(view) if rolled else view
    return _rolled_or_not(run, wanted, max_nodes, rolled)


def _is_wide(times: Counter[int], max_nodes: int) -> bool:
    """Whether the first and the last two steps alone would fill more than a screen."""
    return bool(times) and 3 * sorted(times.values())[len(times) // 2] > 2 * max_nodes


def _rolled_or_not(run: Pass, steps: list[int] | None, max_nodes: int, rolled: bool) -> View:
    return collapse.rolled(build(run, steps, sys.maxsize)) if rolled else build(run, steps, max_nodes)


def _cells(run: Pass, max_nodes: int) -> View:
    """The steps as cells, without some in the middle if there are too many."""
    steps = run.steps
    few = collapse.cells(build(run, steps[:1] + steps[1:][-2:], sys.maxsize))
    room = min(int(max_nodes * len(few.steps) / len(few.boxes)), MOST_COLUMNS)
    if room <= 3 < len(steps):
        return few
    kept = steps if room >= len(steps) else steps[:1] + steps[1 - room :]
    return collapse.cells(build(run, kept, sys.maxsize))


def _lowered(root: Node) -> Pass:
    """The scalar graph, with gradients where root has one."""
    if root.size != 1:
        raise ValueError(f"draw: level='scalar' takes a root with one entry, not {root.shape}; sum it first")
    lowered: Node = lower(root) if root.ndim == 0 else lower(root).item()
    return forward(lowered) if root.grad is None else whole(lowered, np.asarray(root.grad).item())
