"""`explain`: one node in words and numbers, as text and as LaTeX.

Every printed sum is true: putting its numbers in gives its result, within their rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradrnn.engine import Node, ancestors

from .names import names
from .numbers import entries, number, signed
from .words import as_text as text
from .words import formula
from .words.lesson import Handed, Step, lesson
from .words.symbols import POWER, numeral

MOST = 6
"""So many entries are spelled out; of a larger array only the largest ones."""


@dataclass(frozen=True)
class Explanation:
    """What there is to say of one node: `text`, `latex`; prints as text and shows itself in Jupyter."""

    text: str
    latex: str

    def __str__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/latex": f"$$\n{self.latex}\n$$", "text/plain": self.text}


def explain(node: Node, loss: Node | None = None, entry: tuple[int, ...] | None = None) -> Explanation:
    """One node: its equation with its numbers put in, what came in from each consumer, and what goes down each edge.

    Args:
        node: any node of a graph that a backward pass has been through.
        loss: the root of that pass. Without it nothing is known of the node's consumers: the explanation then starts
            from ``node.grad``.
        entry: which entry's sums to spell out; the largest ones unless given.

    Raises:
        TypeError: node is no node.
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
    if not isinstance(node, Node):
        raise TypeError(f"explain takes a node, not {type(node).__name__}")
    if entry is not None and (
        len(entry) != node.ndim or any(not 0 <= i < n for i, n in zip(entry, node.shape, strict=True))
    ):
        raise ValueError(f"explain: entry {entry} does not lie inside {node!r}, of shape {node.shape}")
    writer = _Writer(_step(node, loss), loss, entry)
    return Explanation(writer.text(), writer.latex())


def _step(node: Node, loss: Node | None) -> Step:
    root = node if loss is None else loss
    if root.grad is None:
        raise ValueError(f"explain: {root!r} has no gradient yet; call backward() first")
    for step in lesson(root, root.grad):
        if step.node is node:
            return step
    known = ", ".join(list(dict.fromkeys(names(ancestors(root)).values()))[:12])
    raise ValueError(f"explain: the loss does not depend on {node!r}, or that needs no gradient; it depends on {known}")


class _Writer:
    def __init__(self, step: Step, loss: Node | None, entry: tuple[int, ...] | None) -> None:
        self.step, self.entry = step, entry
        self.root = "L" if loss is None or not loss.label else str(loss.label)

    # -- text --

    def text(self) -> str:
        step = self.step
        lines = [self._heading()]
        lines += [f"  {line}" for line in self._forward()]
        if step.node.op is None:
            lines += self._came_in(f"d{self.root}/d{_bracketed(step.name)}")
        else:
            lines += [*self._came_in("upstream"), step.rule]
        for handed in step.handed:
            lines += self._goes_down(handed)
        return "\n".join(lines)

    def _heading(self) -> str:
        step, node = self.step, self.step.node
        made = step.output.text if step.output is not None else ""
        name = f"{step.name} = {made}" if made and node.label else made or step.name
        shape = f"shape {node.shape}" if node.ndim else ""
        about = ", ".join(part for part in (shape, f"t = {node.t}" if node.t is not None else "") if part)
        return f"{name} = {entries(step.value)}" + (f"   ({about})" if about else "")

    def _forward(self) -> list[str]:
        """The equation with numbers put in: of a scalar the whole, of an array some entries."""
        step = self.step
        if step.numbers:
            return [f"{step.numbers} = {number(np.asarray(step.value).item())}"]
        if step.output is None:
            return []
        places = self._places(step.value)
        lines = [(place, self._forward_entry(place)) for place in places]
        return [f"{list(place)}  {line}" for place, line in lines if line]

    def _forward_entry(self, place: tuple[int, ...]) -> str:
        step, node = self.step, self.step.node
        assert node.op is not None
        result = number(float(np.asarray(step.value)[place]))
        if node.op.local is not None and len(node.inputs) <= formula.MOST_INPUTS:
            arrays = [np.broadcast_to(np.asarray(x, dtype=float), node.shape) for x in node.xs]
            xs = {x: numeral(float(a[place])) for x, a in zip(node.inputs, arrays, strict=True)}
            made = formula.output(node, xs)
            return f"{made.text} = {result}" if made is not None else ""
        if node.op.name == "matmul" and node.ndim == 2:
            row, column = node.xs[0][place[0]], node.xs[1][:, place[1]]
            return text.products(list(zip(row.tolist(), column.tolist(), strict=True)), float(step.value[place]))
        return ""

    def _came_in(self, what: str) -> list[str]:
        step = self.step
        total = f"{what} = {entries(step.visit.upstream)}"
        if not step.received:
            return [total]
        count = len(step.received)
        lines = [f"{what}: {count} contribution{'s' * (count > 1)} came in"]
        for received in step.received:
            time = f" (t = {received.t})" if received.t is not None else ""
            made = f"{text.downstream(received.handed)}{_shapes(received.handed)}"
            lines.append(f"  from {received.consumer}{time}: {made} = {entries(received.contribution)}")
            if self.entry is not None:
                lines.append(f"    {list(self.entry)}  {text.entry(received.handed.entry(self.entry))}")
        if count > 1:
            lines.append(f"  sum: {entries(step.visit.upstream)}")
            lines += [f"    {list(place)}  {self._sum(place)}" for place in self._places(step.visit.upstream)]
        return lines

    def _sum(self, place: tuple[int, ...]) -> str:
        parts = [float(np.asarray(r.contribution)[place]) for r in self.step.received]
        shown = " + ".join(signed(x) if i else number(x) for i, x in enumerate(parts))
        return f"{shown} = {number(float(np.asarray(self.step.visit.upstream)[place]))}"

    def _places(self, data: Any) -> list[tuple[int, ...]]:
        return [self.entry] if self.entry is not None else _largest(data)

    def _goes_down(self, handed: Handed) -> list[str]:
        what = f"d{self.root}/d{_bracketed(handed.name)} += {text.downstream(handed)}{_shapes(handed)}"
        places = handed.largest(MOST if np.size(handed.edge.downstream) <= MOST else 3)
        scalar = np.ndim(handed.edge.downstream) == 0
        return [what, *(f"  {'' if scalar else f'{list(p)}  '}{text.entry(handed.entry(p))}" for p in places)]

    # -- LaTeX --

    def latex(self) -> str:
        step = self.step
        loss, name = formula.latex_name(self.root), step.label
        gradient = rf"\frac{{\partial {loss}}}{{\partial {name}}}"
        rows = []
        if step.output is not None:
            rows.append(rf"{name} &= {step.output.latex}" if step.node.label else rf"& {step.output.latex}")
        consumers = [received.label for received in step.received]
        parts = [
            rf"\frac{{\partial {loss}}}{{\partial {c}}} \frac{{\partial {c}}}{{\partial {name}}}" for c in consumers
        ]
        rows.append(f"g = {gradient} &= {' + '.join(parts) or 1}")
        for handed in step.handed:
            made = handed.local.latex
            if handed.elementwise:
                made = "g" if handed.local.text == "1" else rf"g \cdot {handed.local.within(POWER)[1]}"
            rows.append(rf"\frac{{\partial {loss}}}{{\partial {handed.label}}} &\mathrel{{+}}= {made}")
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def _largest(data: Any) -> list[tuple[int, ...]]:
    """All places of a small array, in order; of a larger one where its three largest entries are."""
    array = np.abs(np.asarray(data, dtype=float))
    order = range(array.size) if array.size <= MOST else np.argsort(-array, axis=None, kind="stable")[:3]
    return [tuple(int(i) for i in np.unravel_index(k, array.shape)) for k in order]


def _shapes(handed: Handed) -> str:
    """The shapes of the two factors of a matrix product: ``: (8, 1) @ (1, 8)``."""
    node = handed.edge.node
    if node.op is None or node.op.name != "matmul" or node.ndim != 2:
        return ""
    x, y = node.inputs
    factors = (node.shape, y.shape[::-1]) if handed.edge.slot == 0 else (x.shape[::-1], node.shape)
    return f": {factors[0]} @ {factors[1]}"


def _bracketed(name: str) -> str:
    return f"({name})" if " " in name else name
