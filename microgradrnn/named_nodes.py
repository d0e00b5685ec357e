"""Nodes by the names that people know them by: a whole label, or the end of one, as a PyTorch module has it.

- `ending_in`: the nodes whose label ends with a name. `nearest`: the names that may have been meant, for an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from microgradrnn.engine import Node


def ending_in(nodes: Iterable[Node], name: str) -> list[Node]:
    """The nodes whose label is a path with a name at its end: of weight_ih_l0 net.weight_ih_l0.

    >>> from microgradrnn import Value
    >>> [node.label for node in ending_in([Value(1.0, "net.weight"), Value(2.0, "net.a_weight")], "weight")]
    ['net.weight']
    """
    return [node for node in nodes if node.label.endswith(f".{name}")]


def nearest(nodes: Iterable[Node], name: str) -> str:
    """A question that names the labels most like a name, ``; did you mean ...?``; empty where none is like it.

    >>> from microgradrnn import Value
    >>> nearest([Value(1.0, "W_xh"), Value(2.0, "b_h")], "W_hx")
    '; did you mean W_xh?'
    """
    labels = dict.fromkeys(node.label for node in nodes if node.label)
    found = [label for label in labels if label.endswith(f".{name}")] or get_close_matches(name, labels)
    return f"; did you mean {' or '.join(found)}?" if found else ""
