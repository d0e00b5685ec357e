"""Which PyTorch tensor a captured leaf has its numbers from.

- `note`: says so. `origin`: asks. Neither imports PyTorch, and neither keeps a node or a tensor alive.
"""

from __future__ import annotations

import weakref
from typing import Any

from microgradrnn.engine import Node

_known: dict[int, tuple[weakref.ref[Node], weakref.ref[Any]]] = {}
"""By the identity of a node: the node, so that its entry goes with it, and its tensor."""


def note(node: Node, tensor: Any) -> None:
    """Note that a leaf has its numbers from a tensor."""
    key = id(node)
    _known[key] = weakref.ref(node, lambda _: _known.pop(key, None)), weakref.ref(tensor)


def origin(node: Node) -> Any:
    """The tensor that a leaf has its numbers from; None where it was not captured, or the tensor is no more."""
    found = _known.get(id(node))
    return None if found is None else found[1]()
