"""The backward pass as text: every visit with upstream, local, downstream, and what adds up so far."""

import re
from typing import Any

import numpy as np

from microgradrnn.engine import Node, ancestors
from microgradrnn.stepping import Edge, Visit, walk
from viz.names import expression, names, recorded
from viz.numbers import MAX_ENTRIES, brief

_WIDEST = 40


def visits(root: Node, grad: Any) -> str:
    """Every visit of the backward pass that starts at ``root`` with ``grad``, in order; nothing is touched.

    >>> from microgradrnn import Value
    >>> a, b = Value(2.0, label="a"), Value(3.0, label="b")
    >>> f = a * b
    >>> f.backward()
    >>> print(visits(f, f.grad))
    visit 1 of 3
    a * b = 6   upstream 1
      swaps: each input gets upstream times the other input
      to a   1 × 3 = 3   so far – + 3 = 3
      to b   1 × 2 = 2   so far – + 2 = 2
    <BLANKLINE>
    visit 2 of 3
    b = 3   grad 2
    <BLANKLINE>
    visit 3 of 3
    a = 2   grad 3
    <BLANKLINE>
    """
    if grad is None:
        return f"{root.label or 'this node'} has no gradient yet: call backward() first\n"
    nodes = ancestors(root)
    called, data = names(nodes), recorded(nodes)
    passed = list(walk(root, grad))
    blocks = [
        _visit(visit, called, data[visit.node], f"visit {i} of {len(passed)}")
        for i, visit in enumerate(passed, start=1)
    ]
    if any(np.size(visit.upstream) > MAX_ENTRIES for visit in passed):
        blocks.insert(0, "‖ ‖ is a norm: entries add and multiply, norms do not.")
    return "\n\n".join(blocks) + "\n"


def _visit(visit: Visit, called: dict[Node, str], data: Any, heading: str) -> str:
    node = visit.node
    step = f" · t = {node.t}" if node.t is not None else ""
    made = f" = {expression(node, called)}" if node.op and called[node] != expression(node, called) else ""
    gradient = "upstream" if node.op else "grad"
    line = f"{called[node]}{made} = {brief(data)}   {gradient} {brief(visit.upstream)}"
    rule = [f"  {node.op.rule}"] if node.op else []
    width = max((len(called[edge.input]) for edge in visit.edges), default=0)
    return "\n".join([heading + step, line, *rule, *(_edge(edge, called, min(width, _WIDEST)) for edge in visit.edges)])


def _edge(edge: Edge, called: dict[Node, str], width: int) -> str:
    sums = f"so far {brief(edge.before)} + {brief(edge.downstream)} = {brief(edge.after)}"
    return f"  to {called[edge.input]:<{width}}   {_product(edge, called)} = {brief(edge.downstream)}   {sums}"


def _product(edge: Edge, called: dict[Node, str]) -> str:
    """Upstream x local in numbers where both are short, else the formula with the inputs' names put in."""
    if not isinstance(edge.local, str):
        if np.ndim(edge.upstream) == 0:
            return f"{brief(edge.upstream)} × {brief(edge.local)}"
        return f"upstream × {brief(edge.local)}" + (", entry by entry" if np.ndim(edge.local) else "")
    inputs = dict(zip("xy", edge.node.inputs, strict=False))
    said = {letter: called[node] for letter, node in [*inputs.items(), ("z", edge.node)]}
    return re.sub(r"\b[xyz]\b", lambda found: said.get(found[0], found[0]), edge.local)
