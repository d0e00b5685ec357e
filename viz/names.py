"""What to call a node: its label, or, where it has none, the expression that made it, while that is short.

- `names`: of all nodes of a graph. Leaves of one label are told apart by who reads them, or by their number.
- `choosing`: which leaves are classes or rows. `scope_names`: of scopes.
- `expression`: a node's op applied to its inputs' names; `level_of`: how tightly that binds.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from microgradrnn import Parameter
from microgradrnn.engine import Node
from microgradrnn.precedence import ATOM, LEVELS, POWER, SIGN, bracketed, sides

from .numbers import brief
from .sources import unmarked

LONGEST = 16
"""A longer expression is no name: the op's name and which of its kind the node is stand in its place."""

MOST_INPUTS = 4
"""Of more inputs an expression names the first and the last."""


def names(values: Mapping[Node, Any]) -> dict[Node, str]:
    """A name for each node: its label, a short expression of labels and numbers, or the op's name.

    Of several nodes of an op that are known by its name each has its number among the nodes of that op. Of several
    leaves with one label each has the scope of what reads it before that: encoder.W_hh and decoder.W_hh. Boxes of every
    level, words, the page and the terminal all call a node by this name.

    Args:
        values: the data of each node, inputs before what reads them.

    >>> from microgradrnn import Value
    >>> from microgradrnn.engine import ancestors
    >>> x, y = Value(1.0, label="x"), Value(2.0, label="y")
    >>> list(names({node: node.item() for node in ancestors((x + y) * 2)}).values())
    ['x', 'y', 'x + y', '2', '(x + y) * 2']
    >>> root = ((x + y) * 2).tanh() + (x * y + 3).tanh()
    >>> list(names({node: node.item() for node in ancestors(root)}).values())[-4:]
    ['3', 'x * y + 3', 'tanh(x * y + 3)', 'add#3']
    """
    found: dict[Node, str] = {}
    count: Counter[str] = Counter()
    alike = Counter(node.op.name for node in values if node.op)
    told_apart, choices = _told_apart(values), choosing(values)
    numbered: set[Node] = set()
    for node, value in values.items():
        name = told_apart.get(node, "") or _label(node)
        if node.op is None:
            found[node] = name or (choices[node][0] if node in choices else _leaf(node, value))
            continue
        kind = node.op.name
        count[kind] += 1
        if not name and numbered.isdisjoint(node.inputs):
            name = expression(node, found)
            name = name if len(name) <= LONGEST else ""
        if not name:
            numbered.add(node)
            name = f"{kind}#{count[kind]}" if alike[kind] > 1 else kind
        found[node] = name
    return found


def choosing(nodes: Iterable[Node]) -> dict[Node, tuple[str, str]]:
    """The integer leaves that choose classes or rows: what each is called without a label, and what it chooses."""
    return {
        x: node.op.chooses
        for node in nodes
        if node.op and node.op.chooses[1]
        for x, domain in zip(node.inputs, node.op.domain, strict=False)
        if domain == "index" and x.op is None and x.dtype.kind in "iu"
    }


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
    dots = ["…"] if many else []
    if not op.operator or (op.any_number and len(inputs) == 1):
        bare = [known.get(x, "…") for x in inputs]
        return f"{op.name}({', '.join([*bare[:1], *dots, *bare[1:]])})"
    sign = op.operator.replace("-", "−")
    if len(inputs) == 1:
        return f"{sign}{_operand(inputs[0], known, POWER)}"
    left, right = sides(op.operator)
    parts = [_operand(x, known, right if i else left) for i, x in enumerate(inputs)]
    return f" {sign} ".join([*parts[:1], *dots, *parts[1:]])


def level_of(node: Node) -> int:
    """How tightly a node's expression holds together: see `microgradrnn.precedence`."""
    if node.op is None or not node.op.operator or (node.op.any_number and len(node.inputs) == 1):
        return ATOM
    return SIGN if len(node.inputs) == 1 else LEVELS[node.op.operator]


def _operand(x: Node, known: Mapping[Node, str], least: int) -> str:
    """An input's name, in brackets where it holds together less tightly than its place asks for, or has a sign."""
    name = known.get(x, "…")
    if x.label or (x.op and name.partition("#")[0] == x.op.name):
        return name
    level = level_of(x) if x.op else SIGN if name.startswith("−") or " " in name else ATOM
    return bracketed(name, level, ATOM if level == SIGN else least)
