"""A step's words as HTML: the panel of the page, and an item of its list. What a quiz asks for is of class ``answer``.

End tags that HTML lets one leave out are left out: a page has many of these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..numbers import brief, signed
from ..sources import is_live, plain
from .as_latex import derivative
from .blocks import (
    FOR_CONTRIBUTIONS,
    LOCAL,
    NEXT,
    SO_FAR,
    SUM,
    VALUE,
    WAITING,
    Contribution,
    Definition,
    Equation,
    ForwardWords,
    Title,
    Upstream,
    VisitWords,
    Zero,
)
from .escape import xml
from .mathml import mathml
from .visits import MANY

_LONGEST = 60
"""How many characters of an equation are shown where it stands as text."""

Strip = Callable[[Any], str]
"""Paints an array as a heat strip; gives nothing where the numbers are all there."""


def forward(words: ForwardWords) -> str:
    """A forward step of a pass.

    >>> from microgradrnn import Value
    >>> from viz.passes import whole
    >>> from viz.words.visits import Words
    >>> said = forward(Words(whole(Value(2.0, "a") * Value(3.0, "b"))).forward(1))
    >>> "<p class=about>2 × 3 = <b class=blue>6</b>" in said
    True
    """
    definition = words.definition
    lines = [
        *_head(words.title, definition, VALUE),
        *_about(definition),
        f"<p class=then><b>{NEXT}</b> {xml(words.next)}",
    ]
    return "\n".join(lines)


def _head(title: Title, definition: Definition, what: str) -> list[str]:
    """What is told: for the ear its equation, and what of it is said; a script adds the number, which may change."""
    where, say = " · ".join(title.parts), f"{_clip(plain(definition.text))}. {what}"
    return [
        f'<li data-say="{xml(say)}"><p class=where>{xml(where[0].upper() + where[1:])}',
        f"<h2>{_equation(definition.latex, definition.text)}</h2>",
    ]


def _about(definition: Definition) -> list[str]:
    put_in = "".join(f"{equation.made} = " for equation in definition.put_in)
    about = f" · {xml(definition.about)}" if definition.about else ""
    return [f"<p class=about>{xml(put_in)}<b class=blue>{xml(brief(definition.value))}</b>{about}"]


def visit(words: VisitWords, strip: Strip) -> str:
    """A visit of a pass.

    >>> from microgradrnn import Value
    >>> from viz.passes import whole
    >>> from viz.words.visits import Words
    >>> said = visit(Words(whole(Value(2.0, "a") * Value(3.0, "b"))).visit(1), lambda _: "")
    >>> "<p class=rule>swaps: each input gets upstream times the other input" in said
    True
    """
    definition, upstream, ahead = words.definition, words.upstream, words.ahead
    waiting = f"<p class=waits><b>{WAITING} {FOR_CONTRIBUTIONS}</b> {xml(' · '.join(ahead.waiting))}"
    lines = [
        *_head(words.title, definition, upstream.what),
        *([f"<p class=rule>{xml(words.rule)}"] if words.rule else []),
        *_about(definition),
        *_came_in(upstream, derivative(words.loss, definition.label), strip),
        *(line for to in words.contributions for line in _goes_down(to, words.loss)),
        f"<p class=then><b>{NEXT}</b> {xml(ahead.next)}",
        *([waiting] if ahead.waits else []),
    ]
    return "\n".join(lines)


def _came_in(words: Upstream, gradient: str, strip: Strip) -> list[str]:
    head = f"<h3>{words.what} {_equation(f'g = {gradient}', '')}</h3>"
    listed = words.listed(MANY) or [(words.STARTS, words.total)]
    rows = [f"<tr><th>{xml(source)}{_figure(part, strip)}" for source, part in listed]
    if len(listed) > 1:
        rows.append(f"<tr class=sum><th>{SUM}{_figure(words.total, strip)}")
    why = f"<p class=why>{xml(words.why)}" if words.why else ""
    zeros = "".join(f"<span{_as_long_as_zero(zero)}> {xml(zero.sentence)}</span>" for zero in words.zeros)
    table = f"<table class=came>{''.join(rows)}</table>"
    return [head, table, *([why + zeros] if why else []), *_table([_row(sum_) for sum_ in words.sums])]


def _as_long_as_zero(zero: Zero) -> str:
    """The cells that are 0 where the sentence holds; nothing where no number on the page can change that."""
    cells = " ".join(data.cells.run(np.atleast_1d(data.index)) for data in zero.data if is_live(data))
    return f' data-zero="{cells}"' if cells else ""


def _goes_down(to: Contribution, loss: str) -> list[str]:
    numbers = f"<span class=answer> · {LOCAL} {xml(to.local_numbers)}</span>"
    is_new = to.local_numbers not in ("", to.local.text)
    equation = _equation(rf"{derivative(loss, to.to.latex)} {{+}}= {to.downstream.latex}", to.downstream.text)
    rows = [_row(entry) for entry in to.entries]
    left_out = to.left_out
    if is_live(to.value):  # once a number has been changed, others may be larger
        left_out = left_out.replace(to.NO_LARGER, f"<u>{to.NO_LARGER}</u>")
    rows += [f"<tr><td><td colspan=2>{left_out}"] if left_out else []
    return [
        f"<section><h3>to <b>{xml(to.to.text)}</b>{f' {to.as_input}' if to.as_input else ''}</h3>",
        f"<p class=formula>{equation}{numbers if is_new else ''}",
        f"<div class=answer>{''.join(_table(rows))}{_so_far(to)}</div></section>",
    ]


def _so_far(to: Contribution) -> str:
    line = f"<b>{SO_FAR}</b> {_sum_so_far(to)}" + (f" · {to.uses_in}" if to.uses_in else "")
    return f"<p class=far>{line}" + (f"<br>{to.sum_at.place} {to.sum_at}" if to.sum_at else "")


def _sum_so_far(to: Contribution) -> str:
    """What there was, this contribution, and what both come to; of the first one it alone, which is the same."""
    this = brief(to.value)
    if to.before is None:
        return f"<b class=orange><i>{this}</i></b>"
    if is_live(to.value) and np.ndim(to.value) == 0:
        this = f"<i>{signed(to.value)}</i>"
    else:
        this = f"(<i>{this}</i>)" if this.startswith("−") else f"<i>{this}</i>"
    return f"{brief(to.before)} + {this} = <b class=orange>{brief(to.after)}</b>"


def _table(rows: list[str]) -> list[str]:
    return [f"<table class=entries>{''.join(rows)}</table>"] if rows else []


def _row(equation: Equation) -> str:
    made = equation.made.replace(" × ", "\u00a0×\u00a0")  # a long sum breaks between its products
    head = f"<th>{equation.place}" if equation.place else "<td>"
    return f"<tr>{head}<td>{made} =<td>{equation.result}"


def _figure(data: Any, strip: Strip) -> str:
    """Two cells of a table: a heat strip and the number."""
    return f"<td>{strip(data)}<td>{brief(data)}"


def _equation(latex: str, plain: str) -> str:
    """Typeset, or, where that is beyond us, as text."""
    return mathml(latex) or xml(_clip(plain))


def _clip(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
