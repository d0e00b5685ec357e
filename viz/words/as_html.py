"""One visit of the pass as HTML: the panel of the page, and an item of its list.

- `visit`: the whole of it. What a quiz asks for is of class ``answer``.

End tags that HTML lets one leave out are left out: a page has many of these.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..numbers import MAX_ENTRIES, brief, number, signed
from ..paint import heat
from ..paint.pen import Pen, xml
from . import as_text as text
from .formula import latex_name
from .lesson import Handed, Received, Step, is_read_twice
from .mathml import mathml
from .symbols import POWER

ALL, LARGEST = 6, 4
"""How many entries of a contribution are spelled out: all of so many, else so many of the largest."""

MANY = 12
"""How many contributions, or nodes that wait, are listed."""

_NAME = 60
"""How many characters of a name are shown."""


def visit(step: Step, root: str, grad_scale: float) -> str:
    """A visit of the pass that starts at the node named ``root``; heat strips are on the scale of the picture.

    >>> from microgradrnn import Value
    >>> from viz.words.lesson import lesson
    >>> first, *_ = lesson(Value(2.0, "a") * Value(3.0, "b"))
    >>> "<p class=rule>swaps: each input gets upstream times the other input" in visit(first, "L", 1.0)
    True
    """
    return "\n".join(_Visit(step, root, grad_scale).lines())


class _Visit:
    def __init__(self, step: Step, root: str, grad_scale: float) -> None:
        self.step, self.root, self.grad_scale = step, latex_name(root), grad_scale

    def lines(self) -> list[str]:
        step = self.step
        if step.output is None:
            called = step.name
        else:
            called = step.output.text if step.made == step.name else f"{step.name} = {step.output.text}"
        upstream = "upstream" if step.node.op else "grad"
        say = f"{_clip(called)}. {upstream} {_spoken(step.visit.upstream)}"
        where = [f"Visit {step.number} of {step.of}"]
        where += [f"t = {step.node.t}"] if step.node.t is not None else []
        where += [step.node.scope] if step.node.scope else []
        return [
            f'<li data-say="{xml(say)}"><p class=where>{xml(" · ".join(where))}{self._heading(called)}',
            *([f"<p class=rule>{xml(step.rule)}"] if step.rule else []),
            self._about(),
            *self._came_in(upstream),
            *(line for handed in step.handed for line in self._goes_down(handed)),
            *self._ahead(),
        ]

    # -- the node --

    def _heading(self, called: str) -> str:
        step = self.step
        latex = step.output.latex if step.output is not None else step.label
        named = rf"{step.label} = {latex}" if step.output is not None and step.made != step.name else latex
        return f"<h2>{_equation(named, called)}</h2>"

    def _about(self) -> str:
        step, node = self.step, self.step.node
        put_in = f"{step.numbers} = " if step.numbers else ""
        shape = f" · shape {'×'.join(map(str, node.shape))}" if node.ndim else ""
        return f"<p class=about>{xml(put_in)}<b class=blue>{xml(brief(step.value))}</b>{shape}"

    # -- what came in --

    def _came_in(self, upstream: str) -> list[str]:
        step = self.step
        gradient = _equation(rf"g = {self._d(step.label)}", "")
        head = f"<h3>{upstream} {gradient}</h3>"
        if not step.received:
            return [
                head,
                f"<table class=came><tr><th>the pass starts here{self._figure(step.visit.upstream)}</table>",
            ]
        rows = [f"<tr><th>from {xml(self._source(r))}{self._figure(r.contribution)}" for r in step.received[:MANY]]
        if len(step.received) > MANY:
            rest = [received.contribution for received in step.received[MANY:]]
            rows.append(f"<tr><th>from {len(rest)} more{self._figure(sum(rest[1:], start=rest[0]))}")
        if len(step.received) > 1:
            rows.append(f"<tr class=sum><th>sum{self._figure(step.visit.upstream)}")
        return [head, f"<table class=came>{''.join(rows)}</table>", *self._sums()]

    def _source(self, received: Received) -> str:
        """Whom a contribution came from, and out of which time step if that is another one."""
        time = f", t = {received.t}" if received.t not in (None, self.step.node.t) else ""
        return _clip(received.consumer) + time

    def _sums(self) -> list[str]:
        """Of a large array the sums that make its largest entries: norms do not add."""
        upstream, received = np.asarray(self.step.visit.upstream), self.step.received
        if upstream.size <= MAX_ENTRIES or not 1 < len(received) <= MANY:
            return []
        rows = []
        for k in np.argsort(-np.abs(upstream), axis=None, kind="stable")[:2]:
            index = tuple(int(i) for i in np.unravel_index(k, upstream.shape))
            parts = [float(np.asarray(r.contribution)[index]) for r in received]
            terms = " + ".join(signed(x) if i else number(x) for i, x in enumerate(parts))
            rows.append(_row(index, terms, number(float(upstream[index]))))
        return [f"<table class=entries>{''.join(rows)}</table>"]

    # -- what goes down an edge --

    def _goes_down(self, handed: Handed) -> list[str]:
        edge = handed.edge
        twice = f" as input {edge.slot + 1}" if is_read_twice(edge) else ""
        return [
            f"<section class=edge><h3>to <b>{xml(_clip(handed.name))}</b>{twice}</h3>",
            f"<p class=formula>{self._formula(handed)}",
            f"<div class=answer>{self._entries(handed)}{self._so_far(handed)}</div></section>",
        ]

    def _formula(self, handed: Handed) -> str:
        made = handed.local.latex
        if handed.elementwise:
            made = "g" if handed.local.text == "1" else rf"g \cdot {handed.local.within(POWER)[1]}"
        equation = _equation(rf"{self._d(handed.label)} {{+}}= {made}", text.downstream(handed))
        known = handed.numbers not in ("", handed.local.text)
        return equation + (f"<span class=answer> · local {xml(handed.numbers)}</span>" if known else "")

    def _entries(self, handed: Handed) -> str:
        """Numbers put in, entry by entry; of a plain copy one entry is enough."""
        size = int(np.size(handed.edge.downstream))
        count = 1 if handed.local.text == "1" else ALL if size <= ALL else LARGEST
        rows = []
        for index in handed.largest(count):
            products, _, total = text.entry(handed.entry(index)).rpartition(" = ")
            rows.append(_row(index, products, total))
        more = f'<tr><th><td colspan="2">and {size - len(rows):,} more, none larger' if size > len(rows) else ""
        return f"<table class=entries>{''.join(rows)}{more}</table>"

    def _so_far(self, handed: Handed) -> str:
        edge = handed.edge
        uses = f"{handed.use} of {handed.uses} uses in" if handed.uses > 1 else "its only use"
        before, this, after = brief(edge.before), brief(edge.downstream), brief(edge.after)
        line = f"<b>so far</b> {before} + this <i>{this}</i> = now <b class=orange>{after}</b> · {uses}"
        if edge.before is not None and np.size(edge.after) > MAX_ENTRIES:
            index = handed.largest(1)[0]
            a, b, c = (float(np.asarray(x)[index]) for x in (edge.before, edge.downstream, edge.after))
            line += f"<br>at {list(index)} {number(a)} + {signed(b)} = {number(c)}"
        return f"<p class=far>{line}"

    # -- what comes after --

    def _ahead(self) -> list[str]:
        step = self.step
        lines = [f"<p class=then><b>next</b> {xml(_clip(step.then)) if step.then else 'nothing: the pass is over'}"]
        waiting = [f"{xml(_clip(name))}: {came} of {uses}" for name, came, uses in step.waiting[:MANY]]
        if waiting:
            waiting[0] += " uses in"
            more = len(step.waiting) - MANY
            waiting += [f"and {more} more"] if more > 0 else []
            lines.append(f"<p class=waits><b>waits</b> {' · '.join(waiting)}")
        return lines

    # -- pieces --

    def _d(self, label: str) -> str:
        return rf"\frac{{\partial {self.root}}}{{\partial {label}}}"

    def _figure(self, data: Any) -> str:
        """Two cells of a table: a heat strip where the numbers are not all there, and the number."""
        strip = ""
        if np.ndim(data) and np.size(data) > MAX_ENTRIES and np.asarray(data).dtype.kind == "f":
            pen = Pen(live=True)
            pen.cells(0.5, 0.5, np.ravel(data), 8.0, self.grad_scale, heat.GRAD)
            width = 8 * heat.shape(np.ravel(data))[1] + 1
            strip = f'<svg class="microgradrnn" width="{width}" height="10" aria-hidden="true">{"".join(pen.out)}</svg>'
        return f"<td>{strip}<td>{brief(data)}"


def _row(index: tuple[int, ...], made: str, total: str) -> str:
    made = made.replace(" × ", "\u00a0×\u00a0")  # a long sum breaks between its products
    return f"<tr><th>{list(index) if index else ''}<td>{made} =<td>{total}"


def _equation(latex: str, plain: str) -> str:
    """Typeset, or, where that is beyond us, as text."""
    return mathml(latex) or xml(_clip(plain))


def _clip(name: str) -> str:
    return name if len(name) <= _NAME else name[:_NAME] + "…"


def _spoken(data: Any) -> str:
    """A number for the ear: bars around a norm cannot be heard."""
    found = brief(data)
    return f"norm {found.strip('‖')}" if "‖" in found else found.replace("–", "not known")
