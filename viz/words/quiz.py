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
from .blocks import VisitWords
from .formula import MOST_INPUTS
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
    "score": "{} of {} right",
}
"""What is said to answers, in a terminal as on a page."""

_PRODUCTS = 4
"""How many single products of a sum are known as a mistake: the largest ones."""

_FAIR = 0.1
"""A sum is asked for where it is at least this share of its terms' sizes: else the digits on the screen cancel."""


@dataclass(frozen=True, eq=False)
class Question:
    """One number to find.

    Attributes:
        prompt: the question.
        answer: the right number.
        mistakes: wrong numbers that people come to, each with what went wrong; none is near the answer.
        hint: how the contribution is made, in the names of the nodes.
        rule: what the op does to a gradient.
        slot: which of the visit's edges it is about, counted from 0. to: the name of the input there.
        entry: the entry of the contribution, and the terms that it is the sum of.
        given: the numbers that it takes to answer, where the visit does not say them: (name, number); of a sum of
            products its text alone.
    """

    prompt: str
    answer: float
    mistakes: tuple[tuple[float, str], ...]
    hint: str
    rule: str
    slot: int
    to: str
    entry: Entry
    given: tuple[tuple[str, str], ...]

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
    '1 of 2 right'
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
    """What is worth asking at a visit: for each edge the contribution, or the largest entries of it.

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
        asked = [asker.question(slot, entry(edge, index)) for index in _worth_asking(edge)]
        fair = [question for question in asked if _is_fair(question.entry) and times[question.answer] < SAME]
        found += fair
        times.update({question.answer for question in fair})
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


def _worth_asking(edge: Edge) -> list[Index]:
    """The largest entries; zeros only if there is nothing else."""
    data = np.asarray(edge.downstream, dtype=float)
    found = [index for index in largest(data, ENTRIES) if np.isfinite(data[index])]
    return [index for index in found if data[index]] or found[:1]


def _is_fair(entry: Entry) -> bool:
    return abs(entry.total) >= _FAIR * sum(abs(term.upstream * term.local) for term in entry.terms)


class _Asker:
    """Asks about a visit, in its words."""

    def __init__(self, visit: Visit, said: VisitWords) -> None:
        self.visit, self.said = visit, said

    def question(self, slot: int, entry: Entry) -> Question:
        """What to ask about an entry of what goes down an edge."""
        to, name = self.said.contributions[slot], self.said.definition.name.text
        mistakes: list[tuple[float, str]] = []
        for wrong, said in self._mistakes(slot, entry):
            told_apart = not any(close(wrong, other) or close(other, wrong) for other in (entry.total, *dict(mistakes)))
            if wrong and math.isfinite(wrong) and told_apart:
                mistakes.append((float(wrong), said))
        place = f"entry {list(entry.index)} of " if entry.index else ""
        read = f" {to.as_input} of {len(self.visit.node.inputs)}" if to.as_input else ""
        return Question(
            prompt=f"What does {name} contribute to {place}the grad of {to.to.text}{read}?",
            answer=entry.total,
            mistakes=tuple(mistakes),
            hint=self._hint(slot),
            rule=self.visit.node.op.rule if self.visit.node.op else "",
            slot=slot,
            to=to.to.text,
            entry=entry,
            given=tuple(self._given(slot, entry)),
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

    def _mistakes(self, slot: int, entry: Entry) -> Iterator[tuple[float, str]]:
        """Wrong numbers and how people come to them, the likeliest first; some may be right all the same."""
        edge, terms, name = self.visit.edges[slot], entry.terms, self.said.contributions[slot].to.text
        if len(terms) == 1:
            yield from self._mistakes_at_a_product(slot, entry)
        else:
            yield from _mistakes_at_a_sum(entry)
        yield -entry.total, "the size is right, the sign is not"
        if edge.before is not None:
            after, before = np.asarray(edge.after)[entry.index], np.asarray(edge.before)[entry.index]
            yield after, f"that is all that {name} has got by now; asked is what this edge alone adds"
            yield before, f"that is what {name} had got before; asked is what this edge adds"
        definition = self.said.definition
        if np.ndim(definition.value) == 0:
            yield definition.value, f"that is the value of {definition.name.text}; asked is a gradient"

    def _mistakes_at_a_product(self, slot: int, entry: Entry) -> Iterator[tuple[float, str]]:
        edge, (term,) = self.visit.edges[slot], entry.terms
        so, name = self._hint(slot), self.said.contributions[slot].to.text
        yield term.local, "that is local alone: it has to be multiplied by upstream"
        yield term.upstream, f"that is upstream as it came; {so}"
        x = float(np.broadcast_to(edge.node.xs[edge.slot], edge.input.shape)[entry.index])
        yield term.upstream * x, f"that is upstream times {name} itself; {so}"
        taken = _local_of_input(edge, entry.index)
        if taken is not None:
            yield term.upstream * taken, f"that takes the input's value where the output's is meant; {so}"
        yield term.upstream + term.local, "that is upstream plus local: they are multiplied"


def _local_of_input(edge: Edge, index: Index) -> Any:
    """The local gradient of a function of one input with that input put in for its output, such as 1 − x² for tanh."""
    node = edge.node
    local = node.op.local if node.op else None
    if local is None or len(node.inputs) != 1 or not callable(local[0]):
        return None
    with np.errstate(all="ignore"):
        taken: Any = np.asarray(local[0](node.xp, node.xs[0], node.xs[0]))
    return taken[index]


def _mistakes_at_a_sum(entry: Entry) -> Iterator[tuple[float, str]]:
    terms = entry.terms
    products = [term.upstream * term.local for term in terms]
    yield sum(term.local for term in terms), "that is the sum of local alone: each has to be multiplied by its upstream"
    yield sum(term.upstream for term in terms), "that is the sum of upstream: each has to be multiplied by its local"
    yield sum(map(abs, products)), "a sign is lost: not all the products are positive"
    for product in sorted(products, key=abs, reverse=True)[:_PRODUCTS]:
        yield product, f"that is one product alone, and {len(products)} have to be added up"
