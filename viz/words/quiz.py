"""The quiz: what goes down an edge, asked before it is shown, and what a wrong answer says about its author.

- `questions`: what is worth asking at a visit. `judge`: an answer, which may be arithmetic, found right or wrong.
- `Score`: how many were asked, and how many were right.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradrnn.expression import ExpressionError, calculate
from microgradrnn.stepping import Edge, Visit

from ..numbers import number
from ..sources import entry as entry_of
from .blocks import VisitWords
from .formula import MOST_INPUTS
from .mistakes import CONTRIBUTIONS, Numbers, numbers, wrong_numbers
from .products import Entry, Index, entry, is_elementwise, largest, written

TOLERANCE = 1e-2
"""How far an answer may be off, relative to the right one: four digits on the screen are enough to meet it."""

ENTRIES = 2
"""How many entries of an array are asked for."""

SAME = 2
"""From how many edges a visit asks for the same number: a sum of many inputs hands the same to all."""

SAID = {
    "right": "right: {}",
    "near": f"{{}} is near, but more than {TOLERANCE:.0%} off",
    "wrong": "{} is not it; {}",
    "unread": "{}; this does not count",
    "score": "{} of {} right at first try",
    "harder": "harder: {}",
    "asked": "What does {node} contribute to {place}the grad of {to}{read}?",
    "sum": "All {uses} contributions are in: what is {place}the grad of {to}?",
    "gives": "is what {node} contributes to {place}the grad of {to}{read}",
    "is": "is {place}the grad of {to}",
    "add": "a grad is the sum of its contributions",
}
"""What is asked and what is said to answers, in a terminal as on a page."""

HANDED_ON, PRODUCT, SLOPE, SUM, PRODUCTS, HARDEST = range(1, 7)
"""How hard questions are: upstream handed on, times a number, times a function's slope; the sum of several
contributions; a sum of products; and one in which all entries compete."""

_FAIR = 0.1
"""A sum is asked for where it is at least this share of its terms' sizes: else the digits on the screen cancel."""


@dataclass(frozen=True, eq=False)
class Question:
    """One number to find.

    Attributes:
        prompt: the question.
        answer: the right number.
        wrong: wrong numbers that people come to, each with what went wrong, as a template; none is near the answer.
        hint: how the contribution is made, in the names of the nodes.
        rule: what the op does to a gradient.
        slot: which of the visit's edges it is about, counted from 0. to: the name of the input there.
        entry: the entry of the contribution, and the terms that it is the sum of.
        given: the numbers that it takes to answer, where the visit does not say them: (name, number); of a sum of
            products its text alone.
        level: how hard it is, from 1, which only hands upstream on, to `HARDEST`.
        kind: of `mistakes.KINDS`. node: the name of the visited node. read: which of its inputs the edge leads to.
        uses: of how many contributions the sum consists that it is about.
    """

    prompt: str
    answer: float
    wrong: tuple[tuple[float, str], ...]
    hint: str
    rule: str
    slot: int
    to: str
    entry: Entry
    given: tuple[tuple[str, str], ...]
    level: int = 1
    kind: int = 0
    node: str = ""
    read: str = ""
    uses: int = 1

    @property
    def mistakes(self) -> tuple[tuple[float, str], ...]:
        """Wrong numbers, and what to say to each."""
        return tuple((x, said.format(to=self.to, node=self.node, so=self.hint)) for x, said in self.wrong)

    @property
    def place(self) -> str:
        """Which entry it is about, in words; empty for a scalar."""
        return _place(self.entry)

    @property
    def asks_sum(self) -> bool:
        """Whether it is about the whole grad, to which this edge adds the last contribution."""
        return self.kind == CONTRIBUTIONS

    @property
    def index(self) -> Index:
        """Which entry of the contribution it is about; ``()`` for a scalar."""
        return self.entry.index


@dataclass(frozen=True)
class Verdict:
    """What there is to say to an answer; one that could not be read does not count."""

    right: bool
    said: str
    counts: bool = True


@dataclass(frozen=True)
class Score:
    """How many questions were answered, and how many of them rightly at the first go.

    >>> str(Score().after(Verdict(True, "")).after(Verdict(False, "")))
    '1 of 2 right at first try'
    """

    asked: int = 0
    right: int = 0

    def after(self, verdict: Verdict) -> Score:
        """The score with one more answer in it."""
        return Score(self.asked + verdict.counts, self.right + verdict.right)

    def __bool__(self) -> bool:
        return self.asked > 0

    def __str__(self) -> str:
        return SAID["score"].format(self.right, self.asked)


def questions(visit: Visit, said: VisitWords) -> tuple[Question, ...]:
    """What is worth asking at a visit: for each edge the contribution, or the largest entries of it; and of an input
    that has got the last of several contributions the sum.

    Left out are numbers that the digits on the screen don't suffice for, and what has been asked often enough.

    >>> from microgradrnn import Value
    >>> from viz.passes import whole
    >>> from viz.words.visits import Words
    >>> run = whole(Value(2.0, "a") * Value(3.0, "b"))
    >>> to_a, to_b = questions(run.visits[0], Words(run).visit(1))
    >>> to_a.prompt, to_a.answer
    ('What does a * b contribute to the grad of a?', 3.0)
    """
    found: list[Question] = []
    times: Counter[float] = Counter()
    asker = _Asker(visit, said)
    for slot, edge in enumerate(visit.edges):
        asked = [asker.question(slot, entry(edge, index)) for index in _worth_asking(edge.downstream, ENTRIES)]
        fair = [question for question in asked if _is_fair(question.entry) and times[question.answer] < SAME]
        found += fair
        times.update({question.answer for question in fair})
        found += asker.sums(slot)
    return tuple(found)


def judge(question: Question, text: str) -> Verdict:
    """Whether ``text``, a number or arithmetic such as ``1 - 0.5^2``, answers the question; if not, what went wrong.

    >>> from microgradrnn import Value
    >>> from viz.passes import whole
    >>> from viz.words.visits import Words
    >>> run = whole(Value(2.0, "a") * Value(3.0, "b"))
    >>> question, _ = questions(run.visits[0], Words(run).visit(1))
    >>> judge(question, "1 * 3").said
    'right: 3'
    >>> judge(question, "2").said
    'that is upstream times a itself; local is b'
    >>> judge(question, "1 *").said
    'a number or a name is missing, at character 4; this does not count'
    """
    try:
        given = calculate(text)
    except ExpressionError as error:
        where = f"{error.reason}, at character {error.position + 1}"
        return Verdict(False, SAID["unread"].format(where), counts=False)
    if not isinstance(given, float):
        return Verdict(False, SAID["unread"].format("one number is asked for, not a list"), counts=False)
    if close(given, question.answer):
        return Verdict(True, SAID["right"].format(number(question.answer)))
    for wrong, said in question.mistakes:
        if close(given, wrong):
            return Verdict(False, said)
    if abs(given - question.answer) < 0.1 * abs(question.answer):
        return Verdict(False, SAID["near"].format(number(given)))
    return Verdict(False, SAID["wrong"].format(number(given), question.hint))


def close(given: float, right: float) -> bool:
    """Whether an answer is right. 0 is no answer to a number that is not 0, and the other way round.

    >>> close(0.333, 1 / 3), close(0.0, 1e-9)
    (True, False)
    """
    return math.isclose(given, right, rel_tol=0.0, abs_tol=TOLERANCE * abs(right))


def _worth_asking(gradient: Any, count: int) -> list[Index]:
    """The largest entries; zeros only if there is nothing else."""
    data = np.asarray(gradient, dtype=float)
    found = [index for index in largest(data, count) if np.isfinite(data[index])]
    return [index for index in found if data[index]] or found[:1]


def _is_fair(entry: Entry) -> bool:
    return abs(entry.total) >= _FAIR * sum(abs(term.upstream * term.local) for term in entry.terms)


class _Asker:
    """Asks about a visit, in its words."""

    def __init__(self, visit: Visit, said: VisitWords) -> None:
        self.visit, self.said = visit, said

    def question(self, slot: int, entry: Entry) -> Question:
        """What to ask about an entry of what goes down an edge."""
        to, name, edge = self.said.contributions[slot], self.said.definition.name.text, self.visit.edges[slot]
        read = f" {to.as_input} of {len(self.visit.node.inputs)}" if to.as_input else ""
        known = numbers(edge, entry, self.said.definition.value)
        so, kind = self._hint(slot), int(len(entry.terms) != 1)
        return Question(
            prompt=SAID["asked"].format(node=name, place=_place(entry), to=to.to.text, read=read),
            answer=entry.total,
            wrong=_told_apart(entry.total, known, kind),
            hint=so,
            rule=self.visit.node.op.rule if self.visit.node.op else "",
            slot=slot,
            to=to.to.text,
            entry=entry,
            given=tuple(self._given(slot, entry)),
            level=_level(edge, entry),
            kind=kind,
            node=name,
            read=read,
        )

    def sums(self, slot: int) -> Iterator[Question]:
        """What to ask about the grad of an input that has got the last of several contributions."""
        to, name, edge = self.said.contributions[slot], self.said.definition.name.text, self.visit.edges[slot]
        if not to.use == to.uses > 1 or edge.before is None:
            return
        for index in _worth_asking(edge.after, 1):
            this, before, after = (entry_of(data, index) for data in (edge.downstream, edge.before, edge.after))
            if abs(after) < _FAIR * (abs(this) + abs(before)):
                continue
            of = entry(edge, index)
            known = numbers(edge, of, None, to.uses)
            yield Question(
                prompt=SAID["sum"].format(uses=to.uses, place=_place(of), to=to.to.text),
                answer=after,
                wrong=_told_apart(after, known, CONTRIBUTIONS),
                hint=SAID["add"],
                rule=SAID["add"],
                slot=slot,
                to=to.to.text,
                entry=of,
                given=(("before", number(before)), (f"{name} adds", number(this))),
                level=SUM,
                kind=CONTRIBUTIONS,
                node=name,
                uses=to.uses,
            )

    def _given(self, slot: int, entry: Entry) -> Iterator[tuple[str, str]]:
        edge, terms = self.visit.edges[slot], entry.terms
        node = edge.node
        if is_elementwise(edge) and len(terms) == 1 and node.ndim and len(node.inputs) <= MOST_INPUTS:
            place = terms[0].index
            yield f"at {list(place) if place else ''}: upstream", number(terms[0].upstream)
            names = [self.said.definition.name.text, *self.said.definition.inputs]
            for name, data in zip(names, [node._data, *node.xs], strict=True):
                yield name, number(float(np.broadcast_to(data, node.shape)[place]))
        elif not is_elementwise(edge) and terms:
            yield written([(term.upstream, term.local) for term in terms]), "?"

    def _hint(self, slot: int) -> str:
        """How the contribution is made, in the names of the nodes."""
        local = self.said.contributions[slot].local.text
        return f"local is {local}" if is_elementwise(self.visit.edges[slot]) else f"asked is {local}"


def _place(entry: Entry) -> str:
    return f"entry {list(entry.index)} of " if entry.index else ""


def _told_apart(answer: float, known: Numbers, kind: int) -> tuple[tuple[float, str], ...]:
    """Wrong numbers, each with what to say to it; none is near the answer or another one."""
    mistakes: dict[float, str] = {}
    for wrong, said in wrong_numbers(known, kind):
        is_near = any(close(wrong, other) or close(other, wrong) for other in (answer, *mistakes))
        if wrong and math.isfinite(wrong) and not is_near:
            mistakes[wrong] = said
    return tuple(mistakes.items())


def _level(edge: Edge, entry: Entry) -> int:
    op = edge.node.op
    if op is not None and op.rule.startswith("competes"):
        return HARDEST
    if len(entry.terms) > 1:
        return PRODUCTS
    if op is None or op.routes or all(abs(term.local) == 1 for term in entry.terms):
        return HANDED_ON
    return PRODUCT if op.operator or op.local is None else SLOPE
