"""How near to look at a graph: network, cell, tensor op, scalar op."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from microgradrnn.counting import are_left_out, counted
from microgradrnn.engine import Node
from microgradrnn.lowering import lower

from ..passes import Pass, forward, whole
from . import collapse
from .build import FURTHEST, build
from .rolling import rolled as roll
from .view import View

MOST_COLUMNS = 12
"""So many cells side by side can still be read."""

Level = Literal["auto", "network", "cell", "op", "scalar"]


def view_at(run: Pass, level: Level, steps: Iterable[int] | None, max_nodes: int, rolled: bool) -> tuple[Pass, View]:
    """The view of a pass from a level, and the pass that it shows: at level "scalar" another one. See `viz.draw`.

    Raises:
        ValueError: an unknown level, no time steps to roll, no single number to lower.
    """
    if level not in get_args(Level):
        raise ValueError(f"draw: level is {', '.join(map(repr, get_args(Level)))}, not {level!r}")
    has_scopes = any(run.scope(node) for node in run.nodes)
    if rolled and not run.steps:
        raise ValueError(
            "draw: nothing was recorded in time steps, and no loop was found, so there is nothing to roll; "
            "record in scope(name, t=t)"
        )
    wanted = None if steps is None else list(steps)
    if level == "scalar":
        run, level = lowered(run.root), "op"
    times = Counter(t for node in run.nodes if (t := run.t(node)) is not None)
    too_many = _is_wide(times, max_nodes) if times else has_scopes and len(run.nodes) > max_nodes
    if level == "auto" and wanted is None and not rolled and too_many:
        level = "cell"
    if level == "network" or rolled:
        view = _rolled(run, level, wanted, max_nodes)
    else:
        view = _cells(run, wanted, max_nodes) if level == "cell" else build(run, wanted, max_nodes)
    if level in ("network", "cell") and not has_scopes:
        note = "no scope was recorded, so each node has a box of its own: scope(name) gathers what belongs together"
        return run, replace(view, notes=(*view.notes, note))
    return run, view


def _is_wide(times: Counter[int], max_nodes: int) -> bool:
    """Whether the first and the last two steps alone would fill more than a screen."""
    return bool(times) and 3 * sorted(times.values())[len(times) // 2] > 2 * max_nodes


def _rolled(run: Pass, level: Level, steps: list[int] | None, max_nodes: int) -> View:
    """All steps in one column: ops, or where these are too many, or it is asked for, cells."""
    whole = build(run, run.steps if steps is None else steps, sys.maxsize)
    if level in ("op", "auto"):
        view = roll(whole)
        if len(view.boxes) <= max_nodes:
            return view
        whole = replace(
            whole,
            notes=(*whole.notes, f"a box for each scope, since {counted(len(view.boxes), 'node')} would be too many"),
        )
    view = collapse.cells(whole)
    return _limited(roll(view) if run.steps else view, max_nodes)


def _cells(run: Pass, steps: list[int] | None, max_nodes: int) -> View:
    """A box for each scope, without some steps in the middle if there are too many."""
    if steps is None:
        view = _few_cells(run, max_nodes) if run.steps else collapse.cells(build(run, None, sys.maxsize))
        view = _limited(view, max_nodes)
    else:
        view = collapse.cells(build(run, steps, sys.maxsize))
    if not any(box.outputs for box in view.boxes):
        return view
    return replace(view, notes=(*view.notes, "a box for each scope: draw(root, level='op') shows what is in it"))


def _few_cells(run: Pass, max_nodes: int) -> View:
    steps = run.steps
    few = collapse.cells(build(run, steps[:1] + steps[1:][-2:], sys.maxsize))
    room = min(int(max_nodes * len(few.steps) / len(few.boxes)), MOST_COLUMNS)
    if room <= 3 < len(steps):
        return few
    kept = steps if room >= len(steps) else steps[:1] + steps[1 - room :]
    return collapse.cells(build(run, kept, sys.maxsize))


def _limited(view: View, max_nodes: int) -> View:
    """A view with too many boxes without those furthest from the root; a few whole steps are worth a large picture."""
    count = len(view.boxes)
    if count <= (3 * max_nodes if view.steps else max_nodes):
        return view
    note = (
        are_left_out(count - max_nodes, count, "box", "boxes", which=FURTHEST) + ": draw(root, max_nodes=…) shows more"
    )
    return collapse.nearest(view, max_nodes, note)


def lowered(root: Node) -> Pass:
    """The scalar graph, with gradients where root has one."""
    if root.size != 1:
        raise ValueError(f"draw: level='scalar' takes a root with one entry, not {root.shape}; sum it first")
    lowered: Node = lower(root) if root.ndim == 0 else lower(root).item()
    return forward(lowered) if root.grad is None else whole(lowered, np.asarray(root.grad).item())
