"""A whole backward pass, ready to be shown visit by visit: what a page and a series of frames have in common.

- `Moving`: the picture, where its things stand, and what there is to say and to light up at each visit.
- `moving`: makes it, whether or not the pass has been made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from microgradrnn.backprop import order
from microgradrnn.engine import Node
from microgradrnn.stepping import Backprop

from .draw import FEW
from .graph.collapse import nearest
from .graph.highlight import Light, lights
from .graph.view import View, build
from .layout.arrange import Layout, arrange
from .layout.engine import LayoutTimeoutError
from .paint import svg
from .words.lesson import Step, lesson


@dataclass(frozen=True)
class Moving:
    """One layout for all visits. ``lights[i]`` is what ``steps[i]`` lights up."""

    view: View
    layout: Layout
    sizes: svg.Sizes
    steps: tuple[Step, ...]
    lights: tuple[Light, ...]


def moving(who: str, root: Node, steps: Iterable[int] | None, max_nodes: int) -> Moving:
    """The pass from ``root``; the other arguments are as for `viz.draw`. No gradient is touched.

    ``who`` was called, and is named in errors.
    """
    if not isinstance(root, Node):
        raise TypeError(f"{who} takes a node, not {type(root).__name__}")
    if max_nodes < 1:
        raise ValueError(f"{who}: max_nodes must be at least 1, not {max_nodes}")
    view, told = _whole_pass(root, steps, max_nodes), lesson(root, root.grad)
    sizes = svg.sizes(view, moving=True)
    try:
        layout = arrange(view, sizes, "LR")
    except LayoutTimeoutError as late:
        note = f"{late}: only the {FEW} boxes nearest to the root are shown; {who}(loss, steps=…, max_nodes=…) picks"
        view = nearest(view, FEW, note)
        sizes = svg.sizes(view, moving=True)
        layout = arrange(view, sizes, "LR")
    return Moving(view, layout, sizes, tuple(told), tuple(lights(view, told)))


def _whole_pass(root: Node, steps: Iterable[int] | None, max_nodes: int) -> View:
    """The view with every gradient in it. What is not known yet is computed for the time being and forgotten."""
    if all(node.grad is not None for node in order(root)):
        return build(root, steps, max_nodes)
    run, made = Backprop(root, root.grad), 0
    try:
        for made, _ in enumerate(run, start=1):  # noqa: B007 - counted for the way back
            pass
        return build(root, steps, max_nodes)
    finally:
        for _ in range(made):
            run.back()
