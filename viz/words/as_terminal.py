"""One visit as lines of styled text: what came in, the equation, what goes down each edge, what is next.

- `visit`: the lines, of which a quiz may keep some back; `ahead`: those of what is next and what waits.
- `asked`: a quiz's question with the numbers that it takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from microgradrnn.engine import Node
from microgradrnn.nn.module import Parameter

from ..numbers import MAX_ENTRIES, brief, number, signed
from . import as_text as text
from .lesson import Handed, Received, Step, is_read_twice
from .quiz import Question
from .styled import Line, Piece, faint, gradient, plain, strong, value

_ROWS = 4
"""How many entries of all the arrays that go down are spelled out: the largest ones."""

_MANY = 12
"""How many contributions, or nodes that wait, are listed."""

_SPREAD = 50
"""An array of so many entries is shown in full."""

_INDENT = " " * 14


def visit(step: Step, told: int | None = None) -> list[Line]:
    """A visit, with the first ``told`` of its edges if not with all of them.

    >>> from microgradrnn import Value
    >>> from viz.words.lesson import lesson
    >>> for line in visit(lesson(Value(2.0, "a") * Value(3.0, "b"))[0]):
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
      so far      – + 3 = 3
    to b
      local       a = 2
      downstream  1 × 2 = 2
      so far      – + 2 = 2
    """
    shown = step.handed if told is None else step.handed[:told]
    lines = _heading(step)
    if step.handed:
        lines += [[""], [step.rule], [""]] if len(shown) == len(step.handed) else [[""]]
    rows = max(_ROWS // max(len(step.handed), 1), 1)
    for i, handed in enumerate(step.handed):
        lines += _edge(handed, rows) if i < len(shown) else [[*_to(handed), "   ?"]]
    norms = any("‖" in plain(line) for line in lines)
    return [[*_number(step), faint("   ‖ ‖ is a norm: entries add, norms do not" if norms else "")], *lines]


def ahead(step: Step) -> list[Line]:
    """What is next, and the nodes that have got some of their contributions and not all."""
    waiting = [f"{name}: {came} of {uses}" for name, came, uses in step.waiting[:_MANY]]
    waiting[:1] = [f"{first} uses in" for first in waiting[:1]]
    waiting += [f"and {len(step.waiting) - _MANY} more"] if len(step.waiting) > _MANY else []
    lines: list[Line] = [[f"{'next':<14}", step.then or "nothing: this was the last visit"]]
    return [*lines, [f"{'waiting':<14}", " · ".join(waiting)]] if waiting else lines


def asked(question: Question, called: Mapping[Node, str]) -> list[Line]:
    """A question, and of arrays the numbers that it takes to answer it; the others stand in the visit already."""
    handed, index = question.handed, question.index
    node = handed.edge.node
    lines: list[Line] = [[strong(question.prompt)]]
    terms = handed.entry(index).terms
    if handed.elementwise and len(terms) == 1 and node.ndim:
        place = terms[0].index
        line: list[str | Piece] = [f"  at {_place(place)}: upstream = ", gradient(number(terms[0].upstream))]
        for x, data in [(node, node._data), *zip(node.inputs, node.xs, strict=True)]:
            line += [f" · {called[x]} = ", value(number(float(np.broadcast_to(data, node.shape)[place])))]
        lines.append(line)
    elif not handed.elementwise and terms:
        products, _, _ = text.entry(handed.entry(index)).rpartition(" = ")
        lines.append([f"  {products} = ?"])
    return lines


def _row(name: str, *pieces: str | Piece) -> Line:
    return [f"  {name:<12}", *pieces]


def _place(index: tuple[int, ...]) -> str:
    return str(list(index)) if index else ""


# -- what came in, and the equation --


def _number(step: Step) -> Line:
    where = [f"t = {step.node.t}" if step.node.t is not None else "", step.node.scope]
    return [strong(f"visit {step.number} of {step.of}"), faint("".join(f" · {part}" for part in where if part))]


def _heading(step: Step) -> list[Line]:
    node = step.node
    made = step.output.text if step.output is not None else ""
    if not made:
        equation: Line = [strong(step.name), faint("   a parameter" if isinstance(node, Parameter) else "   a leaf")]
    elif step.made == step.name:
        equation = [strong(made)]
    else:
        equation = [strong(step.name), f" = {made}"]
    shown = brief(step.value)
    shape = faint(f"   shape {'×'.join(map(str, node.shape))}" if node.ndim else "")
    row = _row("value", f"{step.numbers} = " if step.numbers not in ("", shown) else "", value(shown))
    spread: list[Line] = [[_INDENT, value(row)] for row in _rows(step.value)]
    return [[*equation, shape], row, *spread, *_came_in(step)]


def _came_in(step: Step) -> list[Line]:
    upstream = step.visit.upstream
    total = _row("upstream" if step.node.op else "grad", gradient(brief(upstream)))
    entries: list[Line] = [[_INDENT, gradient(row)] for row in _rows(upstream)]
    if not step.received:
        return [[*total, faint("   the pass starts here")], *entries]
    if len(step.received) == 1:
        return [[*total, faint(f"   from {_source(step, step.received[0])}")], *entries]
    listed = [(brief(received.contribution), _source(step, received)) for received in step.received[:_MANY]]
    if len(step.received) > _MANY:
        rest = [received.contribution for received in step.received[_MANY:]]
        listed.append((brief(sum(rest[1:], start=rest[0])), f"{len(rest)} more"))
    width = max(len(contribution) for contribution, _ in listed)
    lines = [total, *entries]
    for i, (contribution, source) in enumerate(listed):
        begin = faint("the sum of " if i == 0 else " " * 11)
        lines.append([_INDENT, begin, gradient(f"{contribution:>{width}}"), faint(f" from {source}")])
    return [*lines, *_sums(step)]


def _rows(data: Any) -> list[str]:
    """The entries of an array that is neither so small that it stands in a line nor too large, a row a line."""
    array = np.asarray(data)
    if not MAX_ENTRIES < array.size <= _SPREAD:
        return []
    shown = [[number(x) for x in row] for row in array.reshape(-1, array.shape[-1]).tolist()]
    width = max(len(entry) for row in shown for entry in row) if len(shown) > 1 else 0
    return [f"[{', '.join(f'{entry:>{width}}' for entry in row)}]" for row in shown]


def _source(step: Step, received: Received) -> str:
    """Whom a contribution came from, and out of which time step if that is another one."""
    return received.consumer + (f", t = {received.t}" if received.t not in (None, step.node.t) else "")


def _sums(step: Step) -> list[Line]:
    """Of a large array the sums that make its largest entries: norms do not add."""
    upstream = np.asarray(step.visit.upstream)
    if upstream.size <= MAX_ENTRIES or len(step.received) > _MANY:
        return []
    lines: list[Line] = []
    for k in np.argsort(-np.abs(upstream), axis=None, kind="stable")[:2]:
        index = tuple(int(i) for i in np.unravel_index(k, upstream.shape))
        parts = [float(np.asarray(received.contribution)[index]) for received in step.received]
        terms = " + ".join(signed(x) if i else number(x) for i, x in enumerate(parts))
        lines.append([_INDENT, f"{_place(index)}  {terms} = ", gradient(number(float(upstream[index])))])
    return lines


# -- what goes down an edge --


def _to(handed: Handed) -> Line:
    edge = handed.edge
    return ["to ", strong(handed.name), faint(f"   as input {edge.slot + 1}" if is_read_twice(edge) else "")]


def _edge(handed: Handed, rows: int) -> list[Line]:
    edge = handed.edge
    lines = [_to(handed)]
    made, local = text.downstream(handed), edge.local
    if handed.elementwise:
        lines.append(_row("local", *_local(handed)))
        if np.ndim(edge.upstream) == np.ndim(local) == 0:
            made = f"{number(float(edge.upstream))} × {signed(float(local))}"
    lines.append(_row("downstream", f"{made} = ", gradient(brief(edge.downstream))))
    if np.ndim(edge.downstream) or np.ndim(edge.upstream):
        lines += _entries(handed, 1 if handed.local.text == "1" else rows)
    return [*lines, _so_far(handed)]


def _local(handed: Handed) -> list[str | Piece]:
    """In names, in numbers, and what it comes to; whatever says nothing new left out."""
    parts = [handed.local.text, handed.numbers]
    told = [part for i, part in enumerate(parts) if part and part not in parts[:i]]
    comes_to = brief(handed.edge.local)
    return [" = ".join(told)] if comes_to == told[-1] else [f"{' = '.join(told)} = ", value(comes_to)]


def _entries(handed: Handed, rows: int) -> list[Line]:
    lines: list[Line] = []
    for index in handed.largest(rows):
        products, _, total = text.entry(handed.entry(index)).rpartition(" = ")
        lines.append([_INDENT, f"{_place(index)}  {products} = ".lstrip(), gradient(total)])
    others = int(np.size(handed.edge.downstream)) - len(lines)
    return [*lines, [_INDENT, faint(f"and {others:,} more, none of them larger")]] if others else lines


def _so_far(handed: Handed) -> Line:
    edge = handed.edge
    place, sums = "", [edge.before, edge.downstream, edge.after]
    if edge.before is not None and np.size(edge.after) > MAX_ENTRIES:
        index = handed.largest(1)[0]
        place, sums = f"{_place(index)}  ", [float(np.asarray(x)[index]) for x in sums]
    before, this, after = map(brief, sums)
    this = f"({this})" if this.startswith("−") else this
    uses = f"   {handed.use} of {handed.uses} uses in" if handed.uses > 1 else ""
    return _row("so far", f"{place}{before} + {this} = ", gradient(after), faint(uses))
