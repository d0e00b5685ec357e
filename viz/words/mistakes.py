"""Wrong answers to the quiz that people come to, and what each says about how it was made.

- `Numbers`: what wrong answers about one entry of a gradient are made of. `COME_TO`: how, each by its name.
- `KINDS`: which ones are likely, each with what to say to it. `wrong_numbers`: those of one question.

A live page makes the same numbers from what it shows now: `viz/assets/live.js` knows the names of `COME_TO`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradrnn.stepping import Edge

from .products import Entry, Index, Term

_PRODUCTS = 4
"""How many single products of a sum are known as a mistake: the largest ones."""


@dataclass(frozen=True)
class Numbers:
    """What wrong answers are made of, at one entry of what an edge contributes; what there is none of is None.

    Attributes:
        terms: the products that make it. total: their sum.
        x: the input's entry. taken: local with the op's input put in for its output.
        before, after: the input's sum without the contribution and with it. uses: of how many it is the sum.
        value: of the node that contributes, where that is a scalar.
    """

    terms: Sequence[Term]
    total: float
    x: float | None = None
    taken: float | None = None
    before: float | None = None
    after: float | None = None
    uses: int = 1
    value: float | None = None


COME_TO: Mapping[str, Callable[[Any], Sequence[float]]] = {
    "locals": lambda n: [sum(term.local for term in n.terms)],
    "upstreams": lambda n: [sum(term.upstream for term in n.terms)],
    "times x": lambda n: [n.terms[0].upstream * n.x],
    "taken": lambda n: [n.terms[0].upstream * n.taken],
    "plus": lambda n: [n.terms[0].upstream + n.terms[0].local],
    "sizes": lambda n: [sum(map(abs, _products(n.terms)))],
    "products": lambda n: sorted(_products(n.terms), key=abs, reverse=True)[:_PRODUCTS],
    "negative": lambda n: [-n.total],
    "after": lambda n: [n.after],
    "before": lambda n: [n.before],
    "value": lambda n: [n.value],
    "this": lambda n: [n.total],
    "difference": lambda n: [n.before - n.total],
    "mean": lambda n: [n.after / n.uses],
}
"""How a wrong number comes about; "products" are several."""


def numbers(edge: Edge, entry: Entry, value: Any, uses: int = 1) -> Numbers:
    """What wrong answers about an entry of an edge's contribution are made of. ``value`` is the node's."""
    place = entry.index
    return Numbers(
        entry.terms,
        entry.total,
        float(np.broadcast_to(edge.node.xs[edge.slot], edge.input.shape)[place]),
        _local_of_input(edge, place),
        None if edge.before is None else float(np.asarray(edge.before)[place]),
        float(np.asarray(edge.after)[place]),
        uses,
        None if value is None or np.ndim(value) else float(value),
    )


OF_A_PRODUCT = (
    ("locals", "that is local alone: it has to be multiplied by upstream"),
    ("upstreams", "that is upstream as it came; {so}"),
    ("times x", "that is upstream times {to} itself; {so}"),
    ("taken", "that takes the input's value where the output's is meant; {so}"),
    ("plus", "that is upstream plus local: they are multiplied"),
)
OF_PRODUCTS = (
    ("locals", "that is the sum of local alone: each has to be multiplied by its upstream"),
    ("upstreams", "that is the sum of upstream: each has to be multiplied by its local"),
    ("sizes", "a sign is lost: not all the products are positive"),
    ("products", "that is one product alone, and several have to be added up"),
)
OF_BOTH = (
    ("negative", "the size is right, the sign is not"),
    ("after", "that is all that {to} has got by now; asked is what this edge alone adds"),
    ("before", "that is what {to} had got before; asked is what this edge adds"),
    ("value", "that is the value of {node}; asked is a gradient"),
)
OF_A_SUM = (
    ("this", "that is what {node} adds alone; what {to} had got before has to be added to it"),
    ("before", "that is what {to} had got before; what {node} adds is missing"),
    ("difference", "contributions are added, not taken off"),
    ("mean", "that is the mean of the contributions: they are added up, not averaged"),
)
"""The mistakes of each kind of question, the likeliest first, and what to say to each; some may be right all the same.

``node`` contributes to the grad of ``to``; ``so`` says how, in their names.
"""

CONTRIBUTIONS = 2
KINDS = (OF_A_PRODUCT + OF_BOTH, OF_PRODUCTS + OF_BOTH, OF_A_SUM)
"""The kinds of questions: about a product, about a sum of products, about a sum of contributions."""


def wrong_numbers(known: Numbers, kind: int) -> Iterator[tuple[float, str]]:
    """The wrong numbers of a kind of question, with what to say, as far as there are such."""
    for name, said in KINDS[kind]:
        needed = {"taken": known.taken, "before": known.before, "value": known.value, "after": known.before}
        if name not in needed or needed[name] is not None:
            for wrong in COME_TO[name](known):
                yield float(wrong), said


def _products(terms: Sequence[Term]) -> list[float]:
    return [term.upstream * term.local for term in terms]


def _local_of_input(edge: Edge, index: Index) -> float | None:
    """The local gradient of a function of one input with that input put in for its output, such as 1 − x² for tanh."""
    node = edge.node
    local = node.op.local if node.op else None
    if local is None or len(node.inputs) != 1 or not callable(local[0]):
        return None
    with np.errstate(all="ignore"):
        return float(np.asarray(local[0](node.xp, node.xs[0], node.xs[0]))[index])
