"""A pass in words: what there is to say about each forward step and visit. Text, page and terminal only lay it out.

- `Words`: says it. `Detail`: how many entries of arrays it spells out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from microgradrnn import Parameter
from microgradrnn.engine import Node
from microgradrnn.precedence import ATOM, POWER, PRODUCT, SUM
from microgradrnn.stepping import Edge

from ..names import LONGEST, expression, level_of
from ..numbers import MAX_ENTRIES, brief, chosen, number, signed
from ..passes import Pass
from ..sources import entry, is_live, mark_as
from . import formula, products
from .blocks import Ahead, Contribution, Definition, Equation, ForwardWords, Part, Title, Upstream, VisitWords
from .products import Index, is_elementwise
from .symbols import Symbol, lift, numeral
from .why import Why

MANY = 12
"""How many contributions, or nodes that wait, are listed."""

_NAME = 60
"""How many characters of a label are said."""


@dataclass(frozen=True)
class Detail:
    """How many entries of an array are spelled out.

    Attributes:
        all: an array of so many entries is spelled out in full.
        largest: so many of a larger one.
        at: this entry alone, of the node and of what it got.
        inside: whether equations of arrays, and each contribution that came in, are spelled out as well.
    """

    all: int = 6
    largest: int = 4
    at: Index | None = None
    inside: bool = False

    def places(self, data: Any) -> list[Index]:
        """Which entries of an array of the node's shape to spell out."""
        return [self.at] if self.at is not None else self.of(data)

    def of(self, data: Any) -> list[Index]:
        """Which entries of any array to spell out."""
        return products.largest(data, self.all if np.size(data) <= self.all else self.largest)


BRIEF = Detail(0, 0)
"""No entry is spelled out."""


class Words:
    """What there is to say about a pass.

    Args:
        run: the pass; of one that is half made all visits are told.
        loss: what formulas call the node that it starts at; by default what it is.

    >>> from microgradrnn import Value
    >>> from viz.passes import whole
    >>> said = Words(whole(Value(2.0, "a") * Value(3.0, "b"))).visit(1)
    >>> said.definition.text, str(said.definition.put_in[0])
    ('a × b', '2 × 3 = 6')
    >>> [(to.to.text, to.local.text, to.value) for to in said.contributions]
    [('a', 'b', 3.0), ('b', 'a', 2.0)]
    """

    def __init__(self, run: Pass, loss: str = "") -> None:
        self.run = run = run.to_its_end()
        self.names = {node: name if len(name) <= _NAME else name[:_NAME] + "…" for node, name in run.names.items()}
        self.symbols = _Symbols(self._symbol)
        self.loss = formula.latex_name(loss) if loss else self.symbols[run.root].within(ATOM)[1]

    def __len__(self) -> int:
        return len(self.run.visits)

    def visit(self, number: int, detail: Detail | None = None) -> VisitWords:
        """What there is to say about a visit, counted from 1."""
        detail = detail or Detail()
        visit = self.run.visits[number - 1]
        node, op = visit.node, visit.node.op
        reads = Counter(map(id, node.inputs))
        numbers = self._numbers(node)
        return VisitWords(
            title=Title(number, len(self), self.run.t(node), node.scope),
            definition=self._definition(node, numbers, detail),
            upstream=self._upstream(node, visit.upstream, detail),
            rule=formula.in_names(op.rule, node, self.symbols) if op else "",
            contributions=[self._contribution(edge, numbers, reads[id(edge.input)], detail) for edge in visit.edges],
            ahead=self._ahead(number),
            loss=self.loss,
        )

    def forward(self, number: int, detail: Detail = BRIEF) -> ForwardWords:
        """What there is to say about a forward step, counted from 1."""
        computed = self.run.computed
        node = computed[number - 1]
        is_last = number == len(computed)
        start = f"the backward pass: it starts at {self.names[self.run.root]} with {brief(self.run.visits[0].upstream)}"
        return ForwardWords(
            title=Title(number, len(computed), self.run.t(node), node.scope, "forward step"),
            definition=self._definition(node, self._numbers(node), detail),
            next=start if is_last else self.names[computed[number]],
        )

    def equation(self, node: Node) -> str:
        """A node and what made it, as names are written: what a reader looks for."""
        return f"{self.names[node]} = {expression(node, self.names)}"

    # -- names and formulas --

    def _symbol(self, node: Node) -> Symbol:
        """What formulas call a node; a number without a label, such as the 2 in x², is that number.

        A name that is an expression has its inputs' names in it, so these calls go no deeper than a name is long.
        """
        if _is_plain_number(node):
            return lift(np.asarray(self.run.values[node]).item())
        name = self.names[node]
        if node.label or node.op is None or name != expression(node, self.run.names):
            return Symbol(name, formula.latex_name(name), ATOM if node.label or " " not in name else SUM)
        assert len(name) <= LONGEST
        made = self._made(node)
        return Symbol(name, made.latex, made.level)

    def _made(self, node: Node) -> Symbol:
        assert node.op is not None
        made = formula.output(node, self.symbols)
        if made is not None:
            return made
        latex = formula.typeset(node.op, [self.symbols[x].within(ATOM)[1] for x in node.inputs])
        return Symbol(expression(node, self.names), latex, level_of(node))

    def _numbers(self, node: Node) -> dict[Node, Symbol] | None:
        """The node and its inputs as the numbers that they are, where all of them are scalars, and few."""
        nodes = [node, *node.inputs]
        if node.op is None or len(node.inputs) > formula.MOST_INPUTS or any(x.ndim for x in nodes):
            return None
        return {x: self.symbols[x] if _is_plain_number(x) else numeral(_scalar(self.run.values[x])) for x in nodes}

    # -- the node --

    def _definition(self, node: Node, numbers: dict[Node, Symbol] | None, detail: Detail) -> Definition:
        value = self.run.values[node]
        return Definition(
            name=Symbol(self.names[node], self.symbols[node].latex, self.symbols[node].level),
            made=self._made(node) if node.op else None,
            source=expression(node, self.names),
            inputs=[self.names[x] for x in node.inputs],
            kind="" if node.op else "a parameter" if isinstance(node, Parameter) else "a leaf",
            shape=node.shape,
            value=value,
            choices=[
                f"{self.names[x]}: {chosen(self.run.values[x], self.run.choices[x][1])}"
                for x in node.inputs
                if x in self.run.choices
            ],
            put_in=list(self._put_in(node, value, numbers, detail)),
        )

    def _put_in(self, node: Node, value: Any, numbers: dict[Node, Symbol] | None, detail: Detail) -> Iterator[Equation]:
        """The equation with numbers put in: of a scalar the whole, of an array some entries."""
        if numbers is not None:
            made = formula.output(node, numbers)
            if made is not None:
                yield Equation((), made.text, brief(value))
        elif node.op and detail.inside:
            for place in detail.places(value):
                text = self._entry_put_in(node, place)
                if text:
                    yield Equation(place, text, number(float(np.asarray(value)[place])))

    def _entry_put_in(self, node: Node, place: Index) -> str:
        assert node.op is not None
        if node.op.local is not None and len(node.inputs) <= formula.MOST_INPUTS:
            arrays = [np.broadcast_to(np.asarray(x, dtype=float), node.shape) for x in node.xs]
            xs = {x: numeral(float(a[place])) for x, a in zip(node.inputs, arrays, strict=True)}
            made = formula.output(node, xs)
            return made.text if made is not None else ""
        if node.op.contracts is not None and node.ndim == 2 and node.xs[1].ndim == 2:
            row, column = node.xs[0][place[0]], np.take(node.xs[1], place[1], axis=1 - node.op.contracts)
            return products.written(list(zip(row.tolist(), column.tolist(), strict=True)))
        return ""

    # -- what came in --

    def _upstream(self, node: Node, total: Any, detail: Detail) -> Upstream:
        parts = [self._part(arrival.edge, node, detail) for arrival in self.run.arrivals.get(node, ())]
        sums: list[Equation] = []
        if len(parts) > 1 and (detail.inside or (np.size(total) > MAX_ENTRIES and len(parts) <= MANY)):
            places = detail.places(total) if detail.inside else products.largest(total, 2)[:2]
            sums = [_sum([part.contribution for part in parts], total, place) for place in places]
        why = Why(self.run, self.names, node)
        return Upstream("upstream" if node.op else "grad", total, parts, sums, why.sentence, why.zeros)

    def _part(self, edge: Edge, node: Node, detail: Detail) -> Part:
        t = self.run.t(edge.node)
        return Part(
            consumer=self.names[edge.node],
            latex=self.symbols[edge.node].within(ATOM)[1],
            t=None if t == self.run.t(node) else t,
            made=self._downstream(edge, self.local(edge)).text if detail.inside else "",
            shapes=_shapes(edge),
            contribution=edge.downstream,
            entries=[_entry(edge, detail.at)] if detail.inside and detail.at is not None else [],
        )

    # -- what goes down an edge --

    def _contribution(self, edge: Edge, numbers: dict[Node, Symbol] | None, reads: int, detail: Detail) -> Contribution:
        local = self.local(edge)
        put_in = formula.local(edge.node, edge.slot, numbers) if numbers is not None else None
        elementwise = is_elementwise(edge)
        copied = elementwise and local.text == "1"  # of a plain copy one entry is enough
        places = detail.of(edge.downstream)[: 1 if copied else None]
        use, uses = self._use[id(edge)]
        downstream = self._downstream(edge, local)
        value: Any = edge.local if elementwise else None
        scalar = elementwise and np.ndim(edge.upstream) == np.ndim(value) == 0
        return Contribution(
            to=Symbol(self.names[edge.input], self.symbols[edge.input].within(ATOM)[1]),
            as_input=f"as input {edge.slot + 1}" if reads > 1 else "",
            downstream=downstream,
            product=f"{number(float(edge.upstream))} × {signed(float(value))}" if scalar else "",
            local=local,
            local_numbers=put_in.text if put_in is not None else "",
            local_value=value,
            shapes=_shapes(edge),
            value=edge.downstream,
            before=edge.before,
            after=edge.after,
            entries=[_entry(edge, place) for place in places],
            others=int(np.size(edge.downstream)) - len(places),
            sum_at=_sum_at(edge),
            use=use,
            uses=uses,
        )

    def local(self, edge: Edge) -> Symbol:
        """Local in the names of the nodes; of a structural op its formula for the whole contribution."""
        local = formula.local(edge.node, edge.slot, self.symbols)
        return local if local is not None else formula.structural(str(edge.local), edge.node, self.symbols)

    def _downstream(self, edge: Edge, local: Symbol) -> Symbol:
        """How a contribution is made, in the names of the nodes."""
        if not is_elementwise(edge):
            return local
        if local.text == "1":
            return Symbol("upstream", "g")
        text, latex = local.within(POWER)
        return Symbol(f"upstream × {text}", rf"g \cdot {latex}", PRODUCT)

    @cached_property
    def _use(self) -> dict[int, tuple[int, int]]:
        """Which of how many contributions to its input each edge brings."""
        return {
            id(arrival.edge): (i, len(arrivals))
            for arrivals in self.run.arrivals.values()
            for i, arrival in enumerate(arrivals, start=1)
        }

    # -- what comes after --

    def _ahead(self, number: int) -> Ahead:
        waits, count = self._waiting[number - 1]
        then = self.run.visits[number].node if number < len(self) else None
        names = [(self.names[node], came, len(self.run.arrivals[node])) for node, came in waits]
        return Ahead(self.names[then] if then is not None else None, names, count - len(names))

    @cached_property
    def _waiting(self) -> list[tuple[list[tuple[Node, int]], int]]:
        """After each visit some of the nodes that have got some of their contributions and not all, and how many."""
        found, came = [], Counter[Node]()
        waiting: dict[Node, None] = {}
        for visit in self.run.visits:
            for edge in visit.edges:
                came[edge.input] += 1
                waiting[edge.input] = None
                if came[edge.input] == len(self.run.arrivals[edge.input]):
                    del waiting[edge.input]
            found.append(([(node, came[node]) for node in islice(waiting, MANY)], len(waiting)))
        return found


class _Symbols(dict[Node, Symbol]):
    """What formulas call each node, made when it is first asked for."""

    def __init__(self, make: Callable[[Node], Symbol]) -> None:
        super().__init__()
        self.make = make

    def __missing__(self, node: Node) -> Symbol:
        self[node] = self.make(node)
        return self[node]


def _scalar(data: Any) -> Any:
    """The one number of an array without axes."""
    return entry(data) if is_live(data) else np.asarray(data).item()


def _is_plain_number(node: Node) -> bool:
    return node.op is None and not node.label and not node.requires_grad and node.ndim == 0


def _entry(edge: Edge, place: Index) -> Equation:
    found = products.entry(edge, place)
    text = products.written([(term.upstream, term.local) for term in found.terms])
    if is_live(edge.downstream):  # the page writes the sum anew: other products may matter
        text = mark_as(f"w{edge.downstream.edge}.{_number(place, edge.input.shape)}", text)
    return Equation(place, text, number(found.total))


def _number(place: Index, shape: tuple[int, ...]) -> int:
    """Which entry a place is, counted row by row."""
    return int(np.ravel_multi_index(place, shape)) if place else 0


def _sum(parts: Sequence[Any], total: Any, place: Index) -> Equation:
    return Equation(place, products.added([entry(part, place) for part in parts]), number(entry(total, place)))


def _sum_at(edge: Edge) -> Equation | None:
    """Of a large array the sum so far at the largest entry of what comes: norms do not add."""
    if edge.before is None or np.size(edge.after) <= MAX_ENTRIES:
        return None
    return _sum([edge.before, edge.downstream], edge.after, products.largest(edge.downstream, 1)[0])


def _shapes(edge: Edge) -> str:
    """The shapes of the two factors of a matrix product: ``(8, 1) @ (1, 8)``."""
    node = edge.node
    if node.op is None or node.op.contracts is None or node.ndim != 2:
        return ""
    x, y = node.inputs
    down = (node.shape, y.shape[::-1]), (x.shape[::-1], node.shape)  # upstream @ y.T, x.T @ upstream
    if node.op.contracts == 1:
        down = (node.shape, y.shape), (node.shape[::-1], x.shape)  # upstream @ y, upstream.T @ x
    factors = down[edge.slot]
    return f"{factors[0]} @ {factors[1]}"
