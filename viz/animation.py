"""A whole pass, ready to be shown step by step: what a page and a series of frames have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from microgradrnn.engine import Node
from microgradrnn.named_steps import chosen

from .graph.build import build
from .graph.highlight import Highlight, forward_highlights, highlights
from .graph.view import View
from .layout.arrange import Arranged, arrange_in_time
from .paint import svg
from .paint.look import PLAIN, Look
from .paint.marks import rooms
from .passes import Pass, whole
from .words.visits import Words


@dataclass(frozen=True, eq=False)
class Animation:
    """One pass, one layout for all of it, and what each forward step and each visit, in order, lights up."""

    run: Pass
    words: Words
    placed: Arranged
    forward: tuple[Highlight, ...]
    highlights: tuple[Highlight, ...]
    look: Look = PLAIN

    def lit(self, moment: int) -> Highlight:
        """What lights up at a moment: from 1 on a visit, and before that a forward step."""
        return self.highlights[moment - 1] if moment > 0 else self.forward[moment - 1]

    def is_drawn(self, moment: int) -> bool:
        """Whether the node of a moment is in the picture, not only in what stands for steps left out."""
        lit, boxes = self.lit(moment), self.placed.view.boxes
        return lit.sum is not None or any(boxes[key].role != "gap" for key in lit.boxes)


def animate(
    who: str,
    root: Node | None,
    steps: Iterable[int] | None,
    max_nodes: int,
    change: Callable[[Pass], Pass] = lambda run: run,
    look: Callable[[View, Words], Look] = lambda view, words: PLAIN,
) -> Animation:
    """The pass from ``root``, whether or not it has been made; the other arguments are as for `viz.draw`.

    ``who`` was called, and is named in errors. ``change`` gives the pass to show, ``look`` what its arrows show.
    """
    if not isinstance(root, Node):
        raise TypeError(f"{who} takes a node, not {type(root).__name__}")
    if max_nodes < 1:
        raise ValueError(f"{who}: max_nodes must be at least 1, not {max_nodes}")
    wanted = chosen(who, steps)
    run = change(whole(root))
    words, view = Words(run), build(run, wanted, max_nodes, f"{who}(loss")
    found = look(view, words)
    # Boxes, and rooms on arrows, have room for every number that comes and goes.
    sizes = partial(svg.sizes, animated=True, look=found)
    placed = arrange_in_time(f"{who}(loss", view, sizes, "auto", partial(rooms, animated=True, look=found))
    forward, backward = forward_highlights(placed.view, run), highlights(placed.view, run)
    return Animation(run, words, placed, tuple(forward), tuple(backward), found)
