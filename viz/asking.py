"""Questions of the quiz as data for a page's script: `viz/assets/judging.js` puts them, and judges the answers.

- `Texts`: what questions and remarks are made of, each text once. `questions_of`: a visit's questions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from microgradrnn.engine import Node
from microgradrnn.stepping import Edge, Visit

from .numbers import number
from .sources import LiveFloat, entry, is_live, mark_as, part, parted
from .words.blocks import VisitWords
from .words.escape import clean
from .words.mistakes import KINDS
from .words.products import is_elementwise
from .words.quiz import SAID, TOLERANCE, Question, questions


class Texts(dict[str, int]):
    """Names, hints and rules: many are used again and again, and stand on the page once."""

    def __missing__(self, said: str) -> int:
        self[said] = len(self)
        return self[said]

    def of(self, text: str) -> int:
        """The number of a text."""
        return self[clean(text)]

    def data(self) -> dict[str, Any]:
        """What a script needs beside the questions."""
        kinds = [[(name, self[said]) for name, said in kind] for kind in KINDS]
        return {"tolerance": TOLERANCE, "said": SAID, "texts": list(self), "kinds": kinds}


Given = Callable[[Question, Edge, VisitWords, Mapping[Node, Any]], str]
"""Says the numbers that it takes to answer a question of an edge at a visit, in a run with these values."""


def questions_of(
    visit: Visit, words: VisitWords, values: Mapping[Node, Any], texts: Texts, given: Given | None = None
) -> list[list[Any]]:
    """A visit's questions, as rows: kind, level, then as `Texts` the node, the input, the entry, which input it is,
    how the contribution is made and the rule; what is given, as a list of its `Texts` and the sources in it; how many
    uses a sum has; and the answer.

    Of the answer there are the number, and the mistakes: a number, and which one of its kind, and so on. A live page
    works both out anew: there stand a list of cells (the contribution, the sums before and after it, the value of the
    node; -1 where there is none, and none at the end of the list) and the edge and its entry.
    """
    found = []
    for question in questions(visit, words):
        edge = visit.edges[question.slot]
        told = (given or factors)(question, edge, words, values)
        found.append(_question(question, edge, values, texts, clean(told)))
    return found


def _question(question: Question, edge: Edge, values: Mapping[Node, Any], texts: Texts, given: str) -> list[Any]:
    said = (question.node, question.to, question.place, question.read, question.hint, question.rule)
    text, sources = parted(given)
    row = [question.kind, question.level, *map(texts.of, said), [texts[text], *sources], question.uses]
    if not isinstance(question.answer, LiveFloat):
        which = [said for _, said in KINDS[question.kind]]
        known = [x for wrong, template in question.wrong for x in (close_enough(wrong), which.index(template))]
        return [*row, close_enough(question.answer), known]
    flat = int(np.ravel_multi_index(question.index, edge.input.shape)) if question.index else 0
    return [*row, _cells(question, edge, values), edge.downstream.edge, flat]


def _cells(question: Question, edge: Edge, values: Mapping[Node, Any]) -> list[int]:
    value, place = values[edge.node], question.index
    parts = [entry(data, place) if is_live(data) else None for data in (edge.downstream, edge.before, edge.after)]
    found = [*parts, *([value] if np.ndim(value) == 0 else [])]
    if edge.before is None and len(found) == len(parts):
        found = found[:1]
    return [cell.index if isinstance(cell, LiveFloat) else -1 for cell in found]


def factors(question: Question, edge: Edge, words: VisitWords, values: Mapping[Node, Any]) -> str:
    """The numbers that the answer is made of, where the visit does not say them; on a live page with their sources."""
    given = list(question.given)
    if is_live(edge.downstream) and given and not question.asks_sum:
        if is_elementwise(edge):
            shape, place = edge.node.shape, question.entry.terms[0].index
            data = [edge.upstream, values[edge.node], *(values[x] for x in edge.node.inputs)]
            given = [(name, number(part(one, shape, place))) for (name, _), one in zip(given, data, strict=True)]
        else:
            flat = int(np.ravel_multi_index(question.index, edge.input.shape)) if question.index else 0
            given = [(mark_as(f"w{edge.downstream.edge}.{flat}", given[0][0]), "?")]
    return " · ".join(f"{name} = {known}" for name, known in given)


def arrays(question: Question, edge: Edge, words: VisitWords, values: Mapping[Node, Any]) -> str:
    """All entries of what the node reads, of its value and of upstream; nothing where these are all scalars."""
    node = edge.node
    if question.asks_sum:
        return factors(question, edge, words, values)
    if not any(x.ndim for x in (node, *node.inputs)):
        return ""
    names = ["upstream", *words.definition.inputs, words.definition.name.text]
    data = [edge.upstream, *(values[x] for x in node.inputs), values[node]]
    return "\n".join(f"{name} = {_in_full(one)}" for name, one in zip(names, data, strict=True))


def _in_full(data: Any) -> str:
    if np.ndim(data) == 0:
        return number(float(data))
    return f"[{', '.join(map(_in_full, data))}]"


def close_enough(x: float) -> float:
    """A number to compare an answer with: the tolerance is a thousand times as large."""
    return float(f"{x:.6g}")
