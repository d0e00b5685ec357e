"""What to call a node that has no label: the expression that made it, while that is short."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from microgradrnn.engine import Node

from .numbers import brief

LONGEST = 28
"""A longer expression is no name: the op's name and which of its kind the node is stand in its place."""

MOST_INPUTS = 4
"""Of more inputs an expression names the first and the last."""

_INFIX = {"add", "sub", "mul", "div", "pow", "matmul"}


def recorded(nodes: Iterable[Node]) -> dict[Node, Any]:
    """The data that a graph was computed with, which its consumers keep: a leaf may have moved on since."""
    found: dict[Node, Any] = {}
    for node in nodes:
        found.setdefault(node, node._data)
        found.update(zip(node.inputs, node.xs, strict=True))
    return found


def names(nodes: Iterable[Node]) -> dict[Node, str]:
    """A name for each node, given inputs first: its label, a short expression, or the op and its number among those.

    >>> from microgradrnn import Value
    >>> from microgradrnn.engine import ancestors
    >>> x, y = Value(1.0, label="x"), Value(2.0, label="y")
    >>> list(names(ancestors((x + y) * 2)).values())
    ['x', 'y', 'x + y', '2', '(x + y) * 2']
    """
    found: dict[Node, str] = {}
    count: Counter[str] = Counter()
    for node in nodes:
        kind = node.op.name if node.op else "leaf"
        count[kind] += 1
        name = " ".join(str(node.label).split()) or expression(node, found)
        found[node] = name if node.label or len(name) <= LONGEST else f"{kind}#{count[kind]}"
    return found


def expression(node: Node, known: dict[Node, str]) -> str:
    """The node's op applied to its inputs' names; a leaf without a label is its number or shape."""
    op = node.op
    if op is None:
        kind = "leaf" if node.requires_grad else "constant"
        return brief(node.data) if node.size == 1 else f"{kind} {'×'.join(map(str, node.shape))}"
    many = len(node.inputs) > MOST_INPUTS
    inputs = [*node.inputs[:1], *node.inputs[-1:]] if many else node.inputs
    parts = [_operand(x, known) for x in inputs]
    if op.name in _INFIX:
        return f" {op.symbol} ".join(parts)
    if op.name == "neg":
        return f"−({parts[0]})" if parts[0].startswith("−") else op.symbol + parts[0]
    if op.name == "add_n":
        return " + … + ".join(parts) if many else " + ".join(parts)
    bare = [known.get(x, "…") for x in inputs]
    if many:
        bare.insert(1, "…")
    return f"{op.name}({', '.join(bare)})"


def _operand(x: Node, known: dict[Node, str]) -> str:
    """An input's name, in brackets where it is itself an expression."""
    name = known.get(x, "…")
    compound = not x.label and x.op is not None and " " in name and not name.endswith(")")
    return f"({name})" if compound or (not x.label and " " in name and not name.startswith("(")) else name
