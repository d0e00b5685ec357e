"""What a person would call an expression: the labels of the nodes that it came from."""

from __future__ import annotations

import re
from typing import Any

from microgradrnn.engine import Node
from microgradrnn.loops import Recording, is_row
from microgradrnn.program.expressions import Expression
from microgradrnn.program.names import identifier
from microgradrnn.program.namespace import Expressions


def named(xp: Expressions, x: Any, node: Node) -> Any:
    """The expression with the label of its node, unless it has another already."""
    if not isinstance(x, Expression):
        x = xp.constant(x)
    if not x.name and x.fn not in ("constant", "argument"):
        xp.note(x, name=base(node))
    if x.fn == "matmul" and not x.hint:
        xp.note(x, hint="_".join(filter(None, map(base, node.inputs))))
    return x


def base(node: Node) -> str:
    """A node's label without its step: h of h_3; a row's is that of what it is a row of."""
    label = node.label or (base(node.inputs[0]) if is_row(node) else "")
    if node.t is not None:
        label = re.sub(rf"_{node.t}$", "", label)
    return label


def says(node: Node) -> str:
    """Which node sends a gradient on, and what its op does to it, as in "h: tanh squashes".

    A node without a label is known by what it reads, as in "h @ W_hh: matmul swaps". Of labels and rules only letters,
    digits and _ reach a remark.
    """
    assert node.op is not None
    verb = re.match(r"[A-Za-z ]*", node.op.rule)
    does = f"{identifier(node.op.name)} {verb[0] if verb else ''}".strip()
    read = [] if node.op.any_number else [identifier(base(x)) for x in node.inputs if base(x)]
    sign = node.op.operator if len(read) == len(node.inputs) else ""
    written = f" {sign} ".join(read) if len(read) > 1 else f"{sign}{read[0]}" if sign else ""
    known = identifier(base(node)) or (written if sign else "")
    return f"{known}: {does}" if known else does


def not_rolled(recording: Recording) -> list[str]:
    """Why stretches of a graph that repeat are no loops, each reason once."""
    found: dict[str, None] = {}
    for node, slot in recording.broken:
        assert node.op is not None
        name, read = (f" ({identifier(x.label)})" if x.label else "" for x in (node, node.inputs[slot]))
        repeats = f"{identifier(node.op.name)}{name} is written again for each step"
        found[f"{repeats}: what it reads{read} does not go on from step to step"] = None
    return list(found)


def gradient_name(node: Node) -> str:
    """What dL/d(node) is called; where the node has no label, only if it needs a name (~)."""
    assert node.op is not None
    return f"d{base(node)}" if base(node) else f"d{_WORDS.get(node.op.name, node.op.name)}~"


_WORDS = {"add": "sum", "add_n": "sum", "sub": "difference", "mul": "product", "matmul": "product", "index": "part"}
