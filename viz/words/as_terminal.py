"""A step's words as lines of styled text for a terminal.

- `forward`: the lines of a forward step. `visit`: those of a visit, of which a quiz may keep some back.
- `ahead`: those of what is next and what waits.
- `asked`: a quiz's question with the numbers that it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..numbers import MAX_ENTRIES, brief, number
from .blocks import (
    DOWNSTREAM,
    FOR_CONTRIBUTIONS,
    LOCAL,
    NEXT,
    NORMS,
    SO_FAR,
    VALUE,
    WAITING,
    Ahead,
    Contribution,
    Definition,
    Equation,
    ForwardWords,
    Title,
    Upstream,
    VisitWords,
)
from .quiz import Question
from .styled import Line, Piece, faint, gradient, plain, strong, value
from .visits import MANY, Detail, Words

_ROWS = 4
"""How many entries of all the arrays that go down are spelled out: the largest ones."""

_SPREAD = 50
"""An array of so many entries is shown in full."""

_INDENT = " " * 14


def said(words: Words, number: int) -> VisitWords:
    """A visit's words, with as many entries spelled out as a screen has room for."""
    edges = len(words.run.visits[number - 1].edges)
    rows = max(_ROWS // max(edges, 1), 1)
    return words.visit(number, Detail(rows, rows))


def computed(words: Words, number: int) -> ForwardWords:
    """A forward step's words, with as many entries spelled out as a screen has room for."""
    return words.forward(number, Detail(_ROWS, _ROWS, inside=True))


def forward(words: ForwardWords) -> list[Line]:
    """A forward step.

    >>> from microgradrnn import Value
    >>> from viz.passes import whole
    >>> for line in forward(computed(Words(whole(Value(2.0, "a") * Value(3.0, "b"))), 1)):
    ...     print(plain(line))
    forward step 1 of 1
    a × b
      value       2 × 3 = 6
    """
    return [_title(words.title), *_definition(words.definition)]


def visit(words: VisitWords, told: int | None = None) -> list[Line]:
    """A visit, with the first ``told`` of its edges if not with all of them.

    >>> from microgradrnn import Value
    >>> from viz.passes import whole
    >>> for line in visit(said(Words(whole(Value(2.0, "a") * Value(3.0, "b"))), 1)):
    ...     print(plain(line))
    visit 1 of 3
    a × b
      value       2 × 3 = 6
      upstream    1   the pass starts here
    <BLANKLINE>
    swaps: each input gets upstream times the other input
    <BLANKLINE>
    to a
      local       b = 3
      downstream  1 × 3 = 3
      so far      3
    to b
      local       a = 2
      downstream  1 × 2 = 2
      so far      2
    """
    edges = words.contributions
    told = len(edges) if told is None else told
    lines = [*_definition(words.definition), *_came_in(words.upstream)]
    if edges:
        lines += [[""], [words.rule], [""]] if told == len(edges) else [[""]]
    for i, to in enumerate(edges):
        lines += _edge(to) if i < told else [[*_to(to), "   ?"]]
    norms = any("‖" in plain(line) for line in lines)
    return [[*_title(words.title), faint(f"   {NORMS}" if norms else "")], *lines]


def _title(words: Title) -> Line:
    first, *where = words.parts
    return [strong(first), faint("".join(f" · {part}" for part in where))]


def following(name: str) -> Line:
    """What is next."""
    return [f"{NEXT:<14}", name]


def ahead(words: Ahead) -> list[Line]:
    """What is next, and the nodes that have got some of their contributions and not all."""
    lines = [following(words.next)]
    return [*lines, [f"{WAITING:<14}", f"{FOR_CONTRIBUTIONS} {' · '.join(words.waiting)}"]] if words.waits else lines


def asked(question: Question) -> list[Line]:
    """A question, and of arrays the numbers that it takes to answer it; the others stand in the visit already."""
    lines: list[Line] = [[strong(question.prompt)]]
    if question.given:
        pieces: list[str | Piece] = []
        for i, (name, given) in enumerate(question.given):
            style = str if given == "?" else value if i else gradient
            pieces += [f" · {name} = " if i else f"  {name} = ", style(given)]
        lines.append(pieces)
    return lines


def _row(name: str, *pieces: str | Piece) -> Line:
    return [f"  {name:<12}", *pieces]


def _placed(equation: Equation, style: Callable[[str], Piece] = gradient) -> list[str | Piece]:
    return [f"{equation.place}  {equation.made} = ".lstrip(), style(equation.result)]


# -- the equation, and what came in --


def _definition(words: Definition) -> list[Line]:
    if words.made is None:
        equation: Line = [strong(words.name.text), faint(f"   {words.kind}")]
    elif words.is_named:
        equation = [strong(words.name.text), f" = {words.made.text}"]
    else:
        equation = [strong(words.made.text)]
    shown = brief(words.value)
    whole = [equation for equation in words.put_in if not equation.index]
    put_in = [f"{equation.made} = " for equation in whole if equation.made != shown]
    spread: list[Line] = [[_INDENT, value(row)] for row in _rows(words.value)]
    spread += [[_INDENT, *_placed(equation, value)] for equation in words.put_in if equation.index]
    return [
        [*equation, faint(f"   {words.about}" if words.about else "")],
        _row(VALUE, *put_in, value(shown)),
        *spread,
    ]


def _came_in(words: Upstream) -> list[Line]:
    total = _row(words.what, gradient(brief(words.total)))
    entries: list[Line] = [[_INDENT, gradient(row)] for row in _rows(words.total)]
    if len(words.parts) <= 1:
        source = words.parts[0].source if words.parts else words.STARTS
        return [[*total, faint(f"   {source}")], *entries]
    listed = [(brief(contribution), source) for source, contribution in words.listed(MANY)]
    width = max(len(contribution) for contribution, _ in listed)
    lines = [total, *entries]
    for i, (contribution, source) in enumerate(listed):
        begin = faint(f"{words.SUM_OF} " if i == 0 else " " * (len(words.SUM_OF) + 1))
        lines.append([_INDENT, begin, gradient(f"{contribution:>{width}}"), faint(f" {source}")])
    lines += [[_INDENT, *_placed(equation)] for equation in words.sums]
    return [*lines, *([said] for said in (words.why, *map(str, words.zeros)) if said)]


def _rows(data: Any) -> list[str]:
    """The entries of an array that is neither so small that it stands in a line nor too large, a row a line."""
    array = np.asarray(data)
    if not MAX_ENTRIES < array.size <= _SPREAD:
        return []
    shown = [[number(x) for x in row] for row in array.reshape(-1, array.shape[-1]).tolist()]
    width = max(len(entry) for row in shown for entry in row) if len(shown) > 1 else 0
    return [f"[{', '.join(f'{entry:>{width}}' for entry in row)}]" for row in shown]


# -- what goes down an edge --


def _to(to: Contribution) -> Line:
    return ["to ", strong(to.to.text), faint(f"   {to.as_input}" if to.as_input else "")]


def _edge(to: Contribution) -> list[Line]:
    lines = [_to(to)]
    if to.local_value is not None:
        *known, last = to.local_parts
        lines.append(_row(LOCAL, *[f"{part} = " for part in known], value(last) if known else last))
    lines.append(_row(DOWNSTREAM, f"{to.product or to.downstream.text} = ", gradient(brief(to.value))))
    if not to.product:
        lines += [[_INDENT, *_placed(equation)] for equation in to.entries]
        lines += [[_INDENT, faint(to.left_out)]] if to.left_out else []
    far = to.sum_at or to.so_far
    place = f"{far.place}  " if far.place else ""
    uses = faint(f"   {to.uses_in}" if to.uses_in else "")
    made = f"{far.made} = " if far.made else ""
    return [*lines, _row(SO_FAR, f"{place}{made}", gradient(far.result), uses)]
