"""A visit's words as plain text: in a few lines for the list of all visits, or in full for `viz.explain`."""

from __future__ import annotations

import numpy as np

from ..numbers import MAX_ENTRIES, brief, entries
from ..passes import Pass
from .blocks import NORMS, SO_FAR, SUM, Contribution, Equation, VisitWords, time
from .visits import BRIEF, Words

_WIDEST = 40

_LISTED = 16
"""Of an array of more entries some are listed: a line is to be read."""


def every_visit(run: Pass) -> str:
    """All visits of a pass, in order.

    >>> from microgradrnn import Value
    >>> from viz.passes import whole
    >>> print(every_visit(whole(Value(2.0, label="a") * Value(3.0, label="b"))))
    visit 1 of 3
    a * b = 6   upstream 1
      swaps: each input gets upstream times the other input
      to a   1 × 3 = 3   so far 3
      to b   1 × 2 = 2   so far 2
    <BLANKLINE>
    visit 2 of 3
    b = 3   grad 2
    <BLANKLINE>
    visit 3 of 3
    a = 2   grad 3
    <BLANKLINE>
    """
    words = Words(run)
    said = ["\n".join(_few_lines(words.visit(number, BRIEF))) for number in range(1, len(words) + 1)]
    if any(np.size(visit.upstream) > MAX_ENTRIES for visit in run.visits):
        said.insert(0, f"{NORMS}.")
    return "\n\n".join(said) + "\n"


def _few_lines(words: VisitWords) -> list[str]:
    upstream, title = words.upstream, words.title
    lines = [" · ".join([title.parts[0], *time(title.t)])]
    lines.append(
        f"{words.definition.plain} = {brief(words.definition.value)}   {upstream.what} {brief(upstream.total)}"
    )
    if len(upstream.parts) > 1:
        parts = " + ".join(f"{brief(part.contribution)} {part.source}" for part in upstream.parts)
        lines.append(f"  {upstream.SUM_OF} {parts}")
    width = min(max((len(to.to.text) for to in words.contributions), default=0), _WIDEST)
    rule = [f"  {words.rule}"] if words.rule else []
    return [*lines, *rule, *(_one_line(to, width) for to in words.contributions)]


def _one_line(to: Contribution, width: int) -> str:
    made = f"{to.product or to.downstream.text} = {brief(to.value)}"
    return f"  to {to.to.text:<{width}}   {made}   {SO_FAR} {to.so_far}"


def in_full(words: VisitWords, loss: str) -> str:
    """One visit with its equations spelled out, gradients written as d(loss)/d(name)."""
    definition = words.definition
    about = ", ".join(part for part in (definition.about, *time(words.title.t)) if part)
    lines = [f"{definition.text} = {entries(definition.value, _LISTED)}" + (f"   ({about})" if about else "")]
    lines += [f"  {_placed(equation)}" for equation in definition.put_in]
    lines += _came_in(words, loss)
    lines += [words.rule] if words.rule else []
    for to in words.contributions:
        lines.append(f"{_d(loss, to.to.text)} += {to.downstream.text}" + (f": {to.shapes}" if to.shapes else ""))
        lines += [f"  {_placed(equation)}" for equation in to.entries]
        lines += [f"  {to.left_out}"] if to.left_out else []
    return "\n".join(lines)


def _came_in(words: VisitWords, loss: str) -> list[str]:
    upstream = words.upstream
    what = upstream.what if words.definition.made is not None else _d(loss, words.definition.name.text)
    if not upstream.parts:
        return [f"{what} = {entries(upstream.total, _LISTED)}"]
    lines = [f"{what}: {upstream.count}"]
    for part in upstream.parts:
        shapes = f": {part.shapes}" if part.shapes else ""
        lines.append(f"  {part.source}: {part.made}{shapes} = {entries(part.contribution, _LISTED)}")
        lines += [f"    {_placed(equation)}" for equation in part.entries]
    if len(upstream.parts) > 1:
        lines += [
            f"  {SUM}: {entries(upstream.total, _LISTED)}",
            *(f"    {_placed(equation)}" for equation in upstream.sums),
        ]
    lines += [f"  {said}" for said in (upstream.why, *upstream.zeros) if said]
    return lines


def _placed(equation: Equation) -> str:
    return f"{equation.place}  {equation}" if equation.place else str(equation)


def _d(loss: str, name: str) -> str:
    return f"d{loss}/d{f'({name})' if ' ' in name else name}"
