"""What to call a node that has no label: the expression that made it, while that is short."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from microgradrnn.engine import Node

from .numbers import brief

LONGEST = 28
"""A longer expression is no name: the op's name and which of its kind the node is stand in its place."""

MOST_INPUTS = 4
"""Of more inputs an expression names the first and the last."""

_INFIX = {"add", "sub", "mul", "div", "pow", "matmul"}


def names(values: Mapping[Node, Any]) -> dict[Node, str]:
    """A name for each node: its label, a short expression, or the op and the node's number among those of that op.

    Args:
        values: the data of each node, inputs before what reads them.

    >>> from microgradrnn import Value
    >>> from microgradrnn.engine import ancestors
    >>> x, y = Value(1.0, label="x"), Value(2.0, label="y")
    >>> list(names({node: node.item() for node in ancestors((x + y) * 2)}).values())
    ['x', 'y', 'x + y', '2', '(x + y) * 2']
    """
    found: dict[Node, str] = {}
    count: Counter[str] = Counter()
    for node, value in values.items():
        kind = node.op.name if node.op else "leaf"
        count[kind] += 1
        name = " ".join(str(node.label).split())
        name = name or (expression(node, found) if node.op else _leaf(node, value))
        found[node] = name if node.label or len(name) <= LONGEST else f"{kind}#{count[kind]}"
    return found


def _leaf(node: Node, value: Any) -> str:
    """A leaf without a label is its number or its shape."""
    kind = "leaf" if node.requires_grad else "constant"
    return brief(value) if node.size == 1 else f"{kind} {'×'.join(map(str, node.shape))}"


def expression(node: Node, known: Mapping[Node, str]) -> str:
    """The node's op applied to its inputs' names; empty for a leaf."""
    op = node.op
    if op is None:
        return ""
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


def _operand(x: Node, known: Mapping[Node, str]) -> str:
    """An input's name, in brackets where it is itself an expression."""
    name = known.get(x, "…")
    compound = not x.label and x.op is not None and " " in name and not name.endswith(")")
    return f"({name})" if compound or (not x.label and " " in name and not name.startswith("(")) else name
