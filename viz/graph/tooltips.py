"""What is said where the pointer rests on a box or an arrow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from microgradrnn.engine import Node

from ..names import expression
from ..numbers import chosen, entries
from ..passes import Pass
from ..words.products import is_elementwise
from .view import Place, Tooltip


def of_node(run: Pass, node: Node, grad: Any) -> Tooltip:
    """The node's equation, its op's rule, its shape and place, its value, and ``grad``."""
    name, made, t = run.names[node], expression(node, run.names), run.t(node)
    about = [f"{name} = {made}" if made else name]
    about += [node.op.rule] if node.op else []
    time, scope = f", t = {t}" if t is not None else "", f", scope {node.scope}" if node.scope else ""
    about.append(f"shape {node.shape}{time}{scope}")
    about += [] if node.requires_grad else ["constant: gets no gradient"]
    value, choice = run.values[node], run.choices.get(node)
    numbers = [chosen(value, choice[1]) if choice else f"value {entries(value)}"]
    return Tooltip(tuple(about), (*numbers, f"grad {entries(grad)}") if node.requires_grad else tuple(numbers))


def of_alias(run: Pass, weight: Node, place: Place, contribution: Any) -> Tooltip:
    """Of a shared weight where one step reads it: whose share of its grad stands there."""
    found = of_node(run, weight, contribution)
    if not isinstance(place, int):
        return found
    return replace(found, about=(*found.about, f"@{place}: as step {place} reads it; ∇ is that step's share"))


def of_edge(run: Pass, node: Node, slot: int) -> Tooltip:
    """What an edge joins, and, where it is known, what it carries."""
    reader, x = run.names[node], run.names[node.inputs[slot]]
    edge = run.edges.get((node, slot))
    if edge is None:
        return Tooltip((f"{x} → {reader}",))
    local = entries(edge.local) if is_elementwise(edge) else node.op.rule if node.op else ""
    numbers = (
        f"upstream {entries(edge.upstream)}",
        f"local {local}",
        f"downstream {entries(edge.downstream)}",
    )
    return Tooltip((f"{reader} sends to {x}",), numbers, colon=":")
