"""What to call a node: its label, or, where it has none, the expression that made it, while that is short.

- `names`: of all nodes of a graph. Leaves of one label are told apart by who reads them, or by their number.
- `scope_names`: of scopes. `expression`: a node's op applied to its inputs' names.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from microgradrnn import Parameter
from microgradrnn.engine import Node

from .numbers import brief
from .sources import unmarked

LONGEST = 28
"""A longer expression is no name: the op's name and which of its kind the node is stand in its place."""

MOST_INPUTS = 4
"""Of more inputs an expression names the first and the last."""

_INFIX = {"add", "sub", "mul", "div", "pow", "matmul"}


def names(values: Mapping[Node, Any]) -> dict[Node, str]:
    """A name for each node: its label, a short expression, or the op and the node's number among those of that op.

    Of several leaves with one label each has the scope of what reads it before that: encoder.W_hh and decoder.W_hh.

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
    told_apart = _told_apart(values)
    for node, value in values.items():
        kind = node.op.name if node.op else "leaf"
        count[kind] += 1
        name = told_apart.get(node, "") or _label(node)
        name = name or (expression(node, found) if node.op else _leaf(node, value))
        found[node] = name if node.label or len(name) <= LONGEST else f"{kind}#{count[kind]}"
    return found


def _label(node: Node) -> str:
    return unmarked(" ".join(str(node.label).split()))


def _told_apart(nodes: Iterable[Node]) -> dict[Node, str]:
    """Names for leaves that share their label with others: the scope that reads each, or, of parameters, a number."""
    reader: dict[Node, str] = {}
    alike: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        for x in node.inputs:
            if x.op is None and not reader.get(x):
                reader[x] = node.scope
        if node.op is None and (node.label or (node.requires_grad and node.ndim)):
            alike[_label(node) or _leaf(node, node._data)].append(node)
    found: dict[Node, str] = {}
    for label, leaves in alike.items():
        scopes = {reader.get(leaf, "") for leaf in leaves}
        if len(leaves) > 1 and len(scopes) == len(leaves) and "" not in scopes:
            short = scope_names(scopes)
            found |= {leaf: f"{short[reader[leaf]]}.{label}" for leaf in leaves}
        elif len(leaves) > 1 and all(isinstance(leaf, Parameter) or not leaf.label for leaf in leaves):
            found |= {leaf: f"{label}#{number}" for number, leaf in enumerate(leaves, start=1)}
    return found


def scope_names(scopes: Iterable[str]) -> dict[str, str]:
    """A name for each scope: its path, without what it takes to tell it from no other one.

    >>> sorted(scope_names({"encoder/layer1", "decoder/cell", "decoder/step"}).values())
    ['decoder/cell', 'decoder/step', 'encoder']
    """
    paths = {scope: _outer(scope) for scope in scopes}
    inside = Counter(outer for path in paths.values() for outer in path)
    return {scope: next((outer for outer in path if inside[outer] == 1), scope) for scope, path in paths.items()}


def _outer(scope: str) -> list[str]:
    """The path of a scope and of all around it, the outermost first."""
    parts = scope.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


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
