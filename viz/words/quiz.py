"""The quiz: what goes down an edge, asked before it is shown, and what a wrong answer says about its author.

- `questions`: what is worth asking at a visit. `judge`: an answer, which may be arithmetic, found right or wrong.
- `Score`: how many were asked, and how many were right.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradrnn.expression import ExpressionError, calculate

from ..numbers import number
from .lesson import Entry, Handed, Step, is_read_twice

TOLERANCE = 1e-2
"""How far an answer may be off, relative to the right one: four digits on the screen are enough to meet it."""

ENTRIES = 2
"""How many entries of an array are asked for."""

ALIKE = 2
"""How many times a visit asks for the same number: a sum of many inputs hands the same to all."""

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
        handed: the edge that it is about.
        index: the entry of its contribution; ``()`` for a scalar.
    """

    prompt: str
    answer: float
    mistakes: tuple[tuple[float, str], ...]
    handed: Handed
    index: tuple[int, ...]


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
        return f"{self.right} of {self.asked} right"


def questions(step: Step) -> tuple[Question, ...]:
    """What is worth asking at a visit: for each edge the contribution, or the largest entries of it.

    Left out are numbers that the digits on the screen don't suffice for, and what has been asked often enough.

    >>> from microgradrnn import Value
    >>> from viz.words.lesson import lesson
    >>> a, b = Value(2.0, label="a"), Value(3.0, label="b")
    >>> to_a, to_b = questions(lesson(a * b)[0])
    >>> to_a.prompt, to_a.answer
    ('What does a * b contribute to the grad of a?', 3.0)
    """
    found: list[Question] = []
    for handed in step.handed:
        for index in _worth_asking(handed):
            question = _question(step, handed, index)
            alike = [other for other in found if other.answer == question.answer and other.handed is not handed]
            if _is_fair(handed.entry(index)) and len(alike) < ALIKE:
                found.append(question)
    return tuple(found)


def judge(question: Question, text: str) -> Verdict:
    """Whether ``text``, a number or arithmetic such as ``1 - 0.5^2``, answers the question; if not, what went wrong.

    >>> from microgradrnn import Value
    >>> from viz.words.lesson import lesson
    >>> question, _ = questions(lesson(Value(2.0, "a") * Value(3.0, "b"))[0])
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
        return Verdict(False, f"{error.reason}, at character {error.position + 1}; this does not count", counts=False)
    if not isinstance(given, float):
        return Verdict(False, "one number is asked for, not a list; this does not count", counts=False)
    if close(given, question.answer):
        return Verdict(True, f"right: {number(question.answer)}")
    for wrong, said in question.mistakes:
        if close(given, wrong):
            return Verdict(False, said)
    if abs(given - question.answer) < 0.1 * abs(question.answer):
        return Verdict(False, f"{number(given)} is near, but more than {TOLERANCE:.0%} off")
    return Verdict(False, f"{number(given)} is not it; {_hint(question.handed)}")


def close(given: float, right: float) -> bool:
    """Whether an answer is right. 0 is no answer to a number that is not 0, and the other way round.

    >>> close(0.333, 1 / 3), close(0.0, 1e-9)
    (True, False)
    """
    return math.isclose(given, right, rel_tol=0.0, abs_tol=TOLERANCE * abs(right))


def _worth_asking(handed: Handed) -> list[tuple[int, ...]]:
    """The largest entries; zeros only if there is nothing else."""
    data = np.asarray(handed.edge.downstream, dtype=float)
    largest = [index for index in handed.largest(ENTRIES) if np.isfinite(data[index])]
    return [index for index in largest if data[index]] or largest[:1]


def _is_fair(entry: Entry) -> bool:
    return abs(entry.total) >= _FAIR * sum(abs(term.upstream * term.local) for term in entry.terms)


def _question(step: Step, handed: Handed, index: tuple[int, ...]) -> Question:
    entry = f"entry [{', '.join(map(str, index))}] of " if index else ""
    answer = float(np.asarray(handed.edge.downstream)[index])
    mistakes: list[tuple[float, str]] = []
    for wrong, said in _mistakes(step, handed, handed.entry(index)):
        told_apart = not any(close(wrong, other) or close(other, wrong) for other in (answer, *dict(mistakes)))
        if wrong and math.isfinite(wrong) and told_apart:
            mistakes.append((float(wrong), said))
    prompt = f"What does {step.name} contribute to {entry}the grad of {handed.name}{_slot(handed)}?"
    return Question(prompt, answer, tuple(mistakes), handed, index)


def _slot(handed: Handed) -> str:
    """Which input it is, where one node is the input twice, as in x * x."""
    edge = handed.edge
    if not is_read_twice(edge):
        return ""
    return f" as input {edge.slot + 1} of {len(edge.node.inputs)}"


def _mistakes(step: Step, handed: Handed, entry: Entry) -> Iterator[tuple[float, str]]:
    """Wrong numbers and how people come to them, the likeliest first; some may be right all the same."""
    edge, terms = handed.edge, entry.terms
    if len(terms) == 1:
        yield from _mistakes_at_a_product(handed, entry)
    else:
        yield from _mistakes_at_a_sum(entry)
    yield -entry.total, "the size is right, the sign is not"
    if edge.before is not None:
        after, before = np.asarray(edge.after)[entry.index], np.asarray(edge.before)[entry.index]
        yield after, f"that is all that {handed.name} has got by now; asked is what this edge alone adds"
        yield before, f"that is what {handed.name} had got before; asked is what this edge adds"
    if np.ndim(step.value) == 0:
        yield step.value, f"that is the value of {step.name}; asked is a gradient"


def _mistakes_at_a_product(handed: Handed, entry: Entry) -> Iterator[tuple[float, str]]:
    edge, (term,) = handed.edge, entry.terms
    so = _hint(handed)
    yield term.local, "that is local alone: it has to be multiplied by upstream"
    yield term.upstream, f"that is upstream as it came; {so}"
    x = float(np.broadcast_to(edge.node.xs[edge.slot], edge.input.shape)[entry.index])
    yield term.upstream * x, f"that is upstream times {handed.name} itself; {so}"
    taken = _local_of_input(handed, entry.index)
    if taken is not None:
        yield term.upstream * taken, f"that takes the input's value where the output's is meant; {so}"
    yield term.upstream + term.local, "that is upstream plus local: they are multiplied"


def _hint(handed: Handed) -> str:
    """How the contribution is made, in the names of the nodes."""
    return f"local is {handed.local.text}" if handed.elementwise else f"asked is {handed.local.text}"


def _local_of_input(handed: Handed, index: tuple[int, ...]) -> Any:
    """The local gradient of a function of one input with that input put in for its output, such as 1 − x² for tanh."""
    node = handed.edge.node
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
