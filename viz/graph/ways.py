"""Every way through a view from one box to another.

- `ends`: the two nodes that a user names. `between`: the ways between their boxes. `in_fewer`: the same ways in a view
  that shows several boxes as one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from microgradrnn.engine import Node

from .view import View


@dataclass(frozen=True)
class Ways:
    """The boxes and arrows of all ways from one box to another; ``back``: they are walked against the arrows."""

    boxes: frozenset[int]
    arrows: frozenset[int]
    back: bool


def ends(path: Any, names: Mapping[Node, str]) -> tuple[Node, Node]:
    """The two nodes that ``path=`` of `viz.draw` joins, given as nodes or by name.

    Raises:
        TypeError: it is no pair of these.
        ValueError: a node is not among those that have ``names``, or no node or several ones have that name.
    """
    if not isinstance(path, (tuple, list)) or len(path) != 2:
        raise TypeError("draw: path is two nodes or their labels, as in path=(loss, 'h_1')")
    first, last = (_end(end, names) for end in path)
    return first, last


def _end(wanted: Any, names: Mapping[Node, str]) -> Node:
    if isinstance(wanted, Node):
        if wanted not in names:
            raise ValueError(f"draw: path: {wanted.label or 'a node'!r} is not in the graph behind the root")
        return wanted
    if not isinstance(wanted, str):
        raise TypeError(f"draw: path is two nodes or their labels, not {type(wanted).__name__}")
    found = [node for node in names if wanted in (node.label, names[node])]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"draw: path: {len(found)} nodes are called {wanted!r}: give the node itself")
    raise ValueError(f"draw: path: no node is called {wanted!r}; there are {some(names.values())}")


def some(names: Iterable[str]) -> str:
    """A few names, for an error."""
    found = sorted({name for name in names if len(name) < 20 and name[:1].isalpha()})
    return ", ".join(found[:8]) + (" …" if len(found) > 8 else "")


def between(view: View, start: int, end: int) -> Ways | None:
    """All ways from ``start`` to ``end``, along the arrows or against them; None where none leads there."""
    heads, tails = defaultdict(list), defaultdict(list)
    for i, arrow in enumerate(view.arrows):
        heads[arrow.tail].append((i, arrow.head))
        tails[arrow.head].append((i, arrow.tail))
    for first, last, back in ((start, end, False), (end, start, True)):
        boxes = _reached(heads, first) & _reached(tails, last)
        if boxes:
            arrows = {i for i, a in enumerate(view.arrows) if a.tail in boxes and a.head in boxes}
            return Ways(frozenset(boxes), frozenset(arrows), back)
    return None


def in_fewer(ways: Ways, view: View, seen: View, keys: Mapping[int, int]) -> Ways:
    """The same ways in a view that shows several boxes as one.

    Args:
        ways: the ways in ``view``.
        view: the view with all boxes.
        seen: the view that shows them as fewer.
        keys: for the boxes of ``view`` those of ``seen``.
    """
    walked = {(keys[arrow.tail], keys[arrow.head]) for arrow in (view.arrows[i] for i in ways.arrows)}
    arrows = frozenset(i for i, arrow in enumerate(seen.arrows) if (arrow.tail, arrow.head) in walked)
    return Ways(frozenset(keys[key] for key in ways.boxes), arrows, ways.back)


def _reached(steps: Mapping[int, Sequence[tuple[int, int]]], start: int) -> set[int]:
    found = {start}
    queue = [start]
    for key in queue:
        for _, other in steps.get(key, ()):
            if other not in found:
                found.add(other)
                queue.append(other)
    return found
