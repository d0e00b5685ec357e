"""`explain`: one node in words and numbers, as text and as LaTeX.

Every printed sum is true: putting its numbers in gives its result, within their rounding.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

from microgradrnn.counting import counted
from microgradrnn.engine import Node, ancestors
from microgradrnn.errors import describe
from microgradrnn.interop.origins import origin
from microgradrnn.named_nodes import ending_in, nearest

from .passes import whole
from .words import as_latex, as_text
from .words.blocks import VisitWords
from .words.escape import xml
from .words.mathml import mathml
from .words.visits import Detail, Words


@dataclass(frozen=True)
class Explanation:
    r"""What there is to say of one node: `text`, `latex`, `html`; prints as text and shows itself in Jupyter.

    >>> from microgradrnn import Value
    >>> x = Value(3.0, "x")
    >>> y = x * x
    >>> y.backward()
    >>> print(explain(x, loss=y).text)
    x = 3
    dL/dx: 2 contributions came in
      from x * x: upstream × x = 3
      from x * x: upstream × x = 3
      sum: 6
        3 + 3 = 6
    >>> print(explain(y).latex.splitlines()[1])
    & {x}^2 \\
    >>> explain(y).html.count("<math")
    4
    """

    text: str
    latex: str
    html: str

    def __str__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self.html, "text/latex": f"$$\n{self.latex}\n$$", "text/plain": self.text}


def explain(node: Any, loss: Node | None = None, entry: int | tuple[int, ...] | None = None) -> Explanation:
    """One node: its equation with its numbers put in, what came in from each consumer, and what goes down each edge.

    Args:
        node: any node of a graph that a backward pass has been through; with ``loss`` also the name of one, or the
            PyTorch tensor that a leaf of a captured loss stands for.
        loss: the root of that pass. Without it nothing is known of the node's consumers: the explanation then starts
            from ``node.grad``.
        entry: which entry's sums to spell out, as an index for each axis; the largest ones unless given.

    Raises:
        TypeError: node is no node, and stands for none, or the loss is no node.
        ValueError: the loss does not depend on the node, there is no gradient yet, or the node has no such entry.

    >>> from microgradrnn import Value
    >>> x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    >>> f = z * (x + y)
    >>> f.backward()
    >>> print(explain(f))
    z × (x + y) = −12
      −4 × 3 = −12
    upstream = 1
    swaps: each input gets upstream times the other input
    dL/dz += upstream × (x + y)
      1 × 3 = 3
    dL/d(x + y) += upstream × z
      1 × (−4) = −4
    """
    if loss is not None and not isinstance(loss, Node):
        raise TypeError(f"explain takes as loss a node, not {type(loss).__name__}")
    node = node if isinstance(node, Node) else _meant(node, loss)
    at = None if entry is None else _index(node, entry)
    root = node if loss is None else loss
    if root.grad is None:
        raise ValueError(f"explain: {root!r} has no gradient yet; call backward() first")
    run = whole(root)
    if node not in run.turns:
        known = ", ".join(list(dict.fromkeys(run.names.values()))[:12])
        raise ValueError(
            f"explain: the loss does not depend on {node!r}, or that needs no gradient; it depends on {known}"
        )
    name = str(loss.label) if loss is not None and loss.label else "L"
    said = Words(run, name).visit(run.turns[node], Detail(largest=3, at=at, inside=True))
    text = as_text.in_full(said, name)
    return Explanation(text, as_latex.equations(said), _side_by_side(said, text))


def _meant(given: Any, loss: Node | None) -> Node:
    """The node of a loss's graph that a name or a PyTorch tensor stands for."""
    kind = type(given).__name__
    if loss is None:
        raise TypeError(
            f"explain takes a node, not {kind}; with loss= also the name of one of its nodes, or a PyTorch tensor that "
            "a captured loss was computed from"
        )
    nodes = ancestors(loss)
    if isinstance(given, str):
        found = [node for node in nodes if node.label == given] or ending_in(nodes, given)
        if len(found) != 1:
            count = "several nodes are" if found else "no node behind the loss is"
            raise ValueError(f"explain: {count} called {given!r}{nearest(nodes, given)}")
        return found[0]
    found = [node for node in nodes if node.op is None and origin(node) is given]
    if not found:
        raise TypeError(
            f"explain takes a node, not {kind}, and no leaf behind the loss stands for this one; give the name of a "
            f"node instead, such as {next((repr(node.label) for node in nodes if node.label), 'its label')}"
        )
    return found[0]


def _index(node: Node, entry: Any) -> tuple[int, ...]:
    """An entry as an index for each axis; one number will do for a vector."""
    try:
        at = tuple(map(operator.index, entry if isinstance(entry, (tuple, list)) else [entry]))
    except TypeError:
        raise TypeError(f"explain: entry is integers, one for each axis of {node.shape}, not {entry!r}") from None
    if len(at) != node.ndim or any(not 0 <= i < n for i, n in zip(at, node.shape, strict=True)):
        last = tuple(size - 1 for size in node.shape)
        hint = (
            f": it has {counted(node.ndim, 'index', 'indices')}, up to {last}" if node.ndim else ", which is a number"
        )
        raise ValueError(f"explain: entry {entry!r} does not lie inside {describe(node)}{hint}")
    return at


def _side_by_side(said: VisitWords, text: str) -> str:
    """The equations, typeset by the browser, and beside them the words and numbers."""
    typeset = (mathml(f"{left} {right}") for left, right in as_latex.rows(said))
    large = (equation.replace("<math>", '<math style="math-style: normal">', 1) for equation in typeset if equation)
    equations = "\n".join(f'<div style="margin: 0 0 0.9em">{equation}</div>' for equation in large)
    return (
        '<div style="display: flex; flex-wrap: wrap; gap: 1em 3em; align-items: flex-start">\n'
        f'<div style="max-width: 100%; overflow-x: auto">{equations}</div>\n'
        '<pre style="flex: 1 1 26em; margin: 0; white-space: pre-wrap; overflow-wrap: anywhere">'
        f"{xml(text)}</pre>\n</div>"
    )
