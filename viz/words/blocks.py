"""What there is to say about one step, as blocks that know no nodes: names, numbers and finished phrases.

- `Title`: which step it is. `Definition`: the node's equation, with its numbers put in.
- `Upstream`: what came in, and the sum that it is. `Zero`: why a step gives nothing.
- `Contribution`: what goes down one edge.
- `Ahead`: what is next, and what still waits. `VisitWords`: all of it, in that order.
- `ForwardWords`: what there is to say about a forward step.

`viz.words.visits` makes them; `as_text`, `as_html`, `as_terminal` and `as_latex` lay them out and add no words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from microgradrnn.counting import counted
from microgradrnn.precedence import ATOM

from ..numbers import brief
from .products import Index
from .symbols import Symbol

NORMS = "‖ ‖ is a norm: entries add, norms do not"
"""The note for whoever sees a norm."""

VALUE, LOCAL, DOWNSTREAM, SO_FAR, SUM, NEXT, WAITING, FOR_CONTRIBUTIONS = (
    "value",
    "local",
    "downstream",
    "so far",
    "sum",
    "next",
    "waiting",
    "for contributions:",
)
"""What lines are called."""


@dataclass(frozen=True, eq=False)
class Equation:
    """``made = result``, of the entry at ``index``; ``()`` for a scalar. Only the result where nothing made it."""

    index: Index
    made: str
    result: str

    @property
    def place(self) -> str:
        """The index, as it is written before an equation; empty for a scalar."""
        return str(list(self.index)) if self.index else ""

    def __str__(self) -> str:
        return f"{self.made} = {self.result}" if self.made else self.result


@dataclass(frozen=True, eq=False)
class Title:
    """Which visit, or which forward step, of how many, in which time step and scope."""

    number: int
    of: int
    t: int | None
    scope: str
    what: str = "visit"

    @property
    def parts(self) -> list[str]:
        """``visit 3 of 7``, ``t = 2``, the scope; as far as there are any."""
        return [f"{self.what} {self.number} of {self.of}", *time(self.t), *([self.scope] if self.scope else [])]


@dataclass(frozen=True, eq=False)
class Definition:
    """What the visited node is.

    Attributes:
        name: of the node.
        made: the op applied to its inputs, as a formula; None for a leaf.
        source: the same as the picture and the node's name write it; empty for a leaf.
        inputs: the names of what it reads.
        kind: of a leaf which kind.
        shape: sizes of the axes.
        value: as it was recorded.
        choices: which class or row an input chooses: "target: class 2".
        put_in: the equation with numbers put in: of a scalar the whole, of an array some entries.
    """

    name: Symbol
    made: Symbol | None
    source: str
    inputs: Sequence[str]
    kind: str
    shape: tuple[int, ...]
    value: Any
    choices: Sequence[str]
    put_in: Sequence[Equation]

    @property
    def is_named(self) -> bool:
        """Whether the node has a name beside the expression that made it."""
        return self.made is None or self.source != self.name.text

    @property
    def text(self) -> str:
        """``name = formula``; without a name the formula, without a formula the name."""
        return " = ".join(self._parts([self.name.text], [] if self.made is None else [self.made.text]))

    @property
    def latex(self) -> str:
        """The same in LaTeX."""
        return " = ".join(self._parts([self.label], [] if self.made is None else [self.made.latex]))

    @property
    def label(self) -> str:
        """The name in LaTeX, in brackets where it is an expression."""
        return self.name.within(ATOM)[1]

    @property
    def plain(self) -> str:
        """The same as names write it: ``h = tanh(z)``."""
        return " = ".join(self._parts([self.name.text], [self.source] if self.source else []))

    @property
    def about(self) -> str:
        """The shape of an array, and which class or row inputs choose, in words."""
        return ", ".join([*([f"shape {'×'.join(map(str, self.shape))}"] if self.shape else []), *self.choices])

    def _parts(self, name: list[str], made: list[str]) -> list[str]:
        return (name if self.is_named else []) + made


@dataclass(frozen=True, eq=False)
class Part:
    """A contribution that came in: from which consumer, of which time step if that is another one, and how made."""

    consumer: str
    latex: str
    t: int | None
    made: str
    shapes: str
    contribution: Any
    entries: Sequence[Equation]

    @property
    def source(self) -> str:
        """Whom it came from."""
        return ", ".join([f"from {self.consumer}", *time(self.t)])


@dataclass(frozen=True, eq=False)
class Zero:
    """Why a step gives nothing, in a sentence that holds as long as the ``data`` are 0."""

    sentence: str
    data: Sequence[Any]

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, eq=False)
class Upstream:
    """What came in: ``total``, the sum of the parts. A pass starts at a node that has none.

    ``what`` is upstream, or of a leaf, from which nothing goes on, grad. ``sums`` are those of single entries. ``why``
    says why it is a sum over time steps, where it is one, and ``zeros`` why some steps give nothing.
    """

    what: str
    total: Any
    parts: Sequence[Part]
    sums: Sequence[Equation]
    why: str = ""
    zeros: Sequence[Zero] = ()

    STARTS = "the pass starts here"
    SUM_OF = "the sum of"

    @property
    def count(self) -> str:
        """How many parts, in words."""
        return f"{counted(len(self.parts), 'contribution')} came in"

    def listed(self, most: int) -> list[tuple[str, Any]]:
        """The parts as (source, contribution); those after the first ``most`` are one, added up."""
        found = [(part.source, part.contribution) for part in self.parts[:most]]
        rest = [part.contribution for part in self.parts[most:]]
        return [*found, (f"from {len(rest)} more", sum(rest[1:], start=rest[0]))] if rest else found


@dataclass(frozen=True, eq=False)
class Contribution:
    """What goes down one edge, and is added to the grad of the input there.

    Attributes:
        to: the input. as_input: which one it is, where the node reads it twice.
        downstream: how it is made, in names: upstream × local, or, of a structural op, its formula.
        product: the same in numbers where both are scalars.
        local: in names; of a structural op the whole downstream. local_numbers: with numbers put in.
        local_value: what it comes to; None for a structural op.
        shapes: of the factors of a matrix product.
        value: the contribution. before, after: the sum of the input's contributions without it and with it.
        entries: some entries of it, as the sums that make them. others: how many are left out.
        sum_at: of a large array the sum so far at its largest entry.
        use, uses: it is the use-th of so many contributions that the input gets.
    """

    to: Symbol
    as_input: str
    downstream: Symbol
    product: str
    local: Symbol
    local_numbers: str
    local_value: Any
    shapes: str
    value: Any
    before: Any
    after: Any
    entries: Sequence[Equation]
    others: int
    sum_at: Equation | None
    use: int
    uses: int

    @property
    def local_parts(self) -> list[str]:
        """Local in names, in numbers, and what it comes to; whatever says nothing new left out."""
        parts = [self.local.text, self.local_numbers, brief(self.local_value)]
        return [part for i, part in enumerate(parts) if part and part not in parts[:i]]

    @property
    def so_far(self) -> Equation:
        """What the input had got, and has got now; the first contribution alone, since there was nothing before."""
        this = brief(self.value)
        if self.before is None:
            return Equation((), "", brief(self.after))
        return Equation(
            (), f"{brief(self.before)} + {f'({this})' if this.startswith('−') else this}", brief(self.after)
        )

    @property
    def uses_in(self) -> str:
        """How many of the input's contributions are in; empty for the only one."""
        return f"{self.use} of {self.uses} uses in" if self.uses > 1 else ""

    @property
    def left_out(self) -> str:
        """What to say of the entries that are not spelled out."""
        return f"and {self.others:,} more{self.NO_LARGER}" if self.others else ""

    NO_LARGER = ", none of them larger"


@dataclass(frozen=True, eq=False)
class Ahead:
    """The node that is next, and those that have got some of their contributions and not all: (name, came, of)."""

    then: str | None
    waits: Sequence[tuple[str, int, int]]
    more: int

    @property
    def next(self) -> str:
        """Who is next."""
        return self.then or "nothing: this was the last visit"

    @property
    def waiting(self) -> list[str]:
        """Who waits for how much."""
        found = [f"{name}: {came} of {of}{' uses in' * (i == 0)}" for i, (name, came, of) in enumerate(self.waits)]
        return found + ([f"and {self.more} more"] if self.more else [])


@dataclass(frozen=True, eq=False)
class VisitWords:
    """All there is to say about one visit. ``loss`` is what formulas call the node that the pass starts at."""

    title: Title
    definition: Definition
    upstream: Upstream
    rule: str
    contributions: Sequence[Contribution]
    ahead: Ahead
    loss: str


@dataclass(frozen=True, eq=False)
class ForwardWords:
    """All there is to say about one forward step: what is computed, and what comes ``next``."""

    title: Title
    definition: Definition
    next: str


def time(t: int | None) -> list[str]:
    """``t = 3``, or nothing."""
    return [] if t is None else [f"t = {t}"]
