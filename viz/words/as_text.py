"""The backward pass as text: every visit with upstream, local, downstream, and what adds up so far.

- `visits`: all of them.
- `entry`, `products`: the sum that makes one entry. `downstream`: how a whole contribution is made.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradrnn.engine import Node

from ..numbers import MAX_ENTRIES, brief, number, signed
from .lesson import Entry, Handed, Step, lesson
from .symbols import POWER

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
    steps = lesson(root, grad)
    blocks = [_visit(step) for step in steps]
    if any(np.size(step.visit.upstream) > MAX_ENTRIES for step in steps):
        blocks.insert(0, "‖ ‖ is a norm: entries add and multiply, norms do not.")
    return "\n\n".join(blocks) + "\n"


def entry(entry: Entry) -> str:
    """One entry of a contribution as the sum that makes it.

    >>> from viz.words.lesson import Term
    >>> entry(Entry((0,), (Term((0, 0), 2.0, 3.0), Term((1, 0), -1.0, -0.5)), 6.5))
    '2 × 3 + (−1) × (−0.5) = 6.5'
    """
    return products([(term.upstream, term.local) for term in entry.terms], entry.total)


def products(pairs: Sequence[tuple[float, float]], total: float, most: int = 8) -> str:
    """A sum of products and its result; of more than ``most`` the small ones stand together.

    >>> products([(5.0, 2.0), (0.1, 1.0), (0.2, 1.0)], 10.3, most=1)
    '5 × 2 + 0.3 (the other 2) = 10.3'
    """
    largest = sorted(range(len(pairs)), key=lambda i: -abs(pairs[i][0] * pairs[i][1]))[:most]
    parts: list[str] = []
    for i in sorted(largest):
        a, b = pairs[i]
        parts.append(f"{signed(a) if parts else number(a)} × {signed(b)}")
    others = [a * b for i, (a, b) in enumerate(pairs) if i not in largest]
    if others:
        parts.append(f"{signed(sum(others))} (the other {len(others)})")
    return f"{' + '.join(parts) or '0'} = {number(total)}"


def downstream(handed: Handed) -> str:
    """How a contribution is computed, in the names of the nodes."""
    if not handed.elementwise:
        return handed.local.text
    return "upstream" if handed.local.text == "1" else f"upstream × {handed.local.within(POWER)[0]}"


def _visit(step: Step) -> str:
    node = step.node
    time = f" · t = {node.t}" if node.t is not None else ""
    made = f" = {step.made}" if step.made and step.made != step.name else ""
    gradient = "upstream" if node.op else "grad"
    lines = [f"visit {step.number} of {step.of}{time}"]
    lines.append(f"{step.name}{made} = {brief(step.value)}   {gradient} {brief(step.visit.upstream)}")
    if len(step.received) > 1:
        came = " + ".join(f"{brief(r.contribution)} from {r.consumer}" for r in step.received)
        lines.append(f"  the sum of {came}")
    width = min(max((len(handed.name) for handed in step.handed), default=0), _WIDEST)
    rule = [f"  {step.rule}"] if step.rule else []
    return "\n".join([*lines, *rule, *(_edge(handed, width) for handed in step.handed)])


def _edge(handed: Handed, width: int) -> str:
    edge = handed.edge
    sums = f"so far {brief(edge.before)} + {brief(edge.downstream)} = {brief(edge.after)}"
    return f"  to {handed.name:<{width}}   {_product(handed)} = {brief(edge.downstream)}   {sums}"


def _product(handed: Handed) -> str:
    """Upstream x local in numbers where both are scalars, else in the names of the nodes."""
    numbers = (handed.edge.upstream, handed.edge.local)
    if handed.elementwise and not any(map(np.ndim, numbers)):
        return f"{number(float(numbers[0]))} × {signed(float(numbers[1]))}"
    return downstream(handed)
