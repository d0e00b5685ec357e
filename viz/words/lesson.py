"""A backward pass as a lesson: what there is to say about each visit. Text, page and terminal only say it.

- `Step`: one visit. What came in, the rule, what goes down each edge, what is next and what still waits.
- `Handed`: one edge of it, with `Handed.entries`, the sums that make single entries of a contribution.
- `lesson`: all steps of a pass.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradrnn.engine import Node, ancestors
from microgradrnn.forward import push
from microgradrnn.stepping import Edge, Visit, walk

from ..names import expression, names, recorded
from . import formula
from .symbols import ATOM, PRODUCT, SUM, Symbol, lift, numeral


@dataclass(frozen=True)
class Term:
    """One product in the sum that makes an entry of a contribution: the visited node's entry ``index`` times local."""

    index: tuple[int, ...]
    upstream: float
    local: float


@dataclass(frozen=True)
class Entry:
    """One entry of a contribution: the sum of its terms."""

    index: tuple[int, ...]
    terms: tuple[Term, ...]
    total: float


@dataclass(frozen=True)
class Handed:
    """What goes down one edge.

    Attributes:
        edge: upstream, local, downstream, before, after.
        name, label: of the input, as text and as LaTeX.
        local: d(node)/d(input) in names, as text and LaTeX; of a structural op its whole ``downstream``, as text.
        numbers: the same with numbers put in, where node and input are scalars.
        use, uses: this is the use-th of so many contributions that the input gets.
    """

    edge: Edge
    name: str
    label: str
    local: Symbol
    numbers: str
    use: int
    uses: int

    @property
    def elementwise(self) -> bool:
        """Whether downstream is upstream times local, entry by entry."""
        assert self.edge.node.op is not None
        return self.edge.node.op.local is not None

    def largest(self, count: int) -> list[tuple[int, ...]]:
        """The entries worth showing: all, in order, if there are at most ``count``, else the largest ones."""
        data = np.abs(np.asarray(self.edge.downstream, dtype=float))
        flat = range(data.size) if data.size <= count else np.argsort(-data, axis=None, kind="stable")[:count]
        return [tuple(int(i) for i in np.unravel_index(k, data.shape)) for k in flat]

    def entry(self, index: tuple[int, ...]) -> Entry:
        """How one entry of the contribution comes about: the sum over the node's entries of upstream times local."""
        edge = self.edge
        tangent = np.zeros(edge.input.shape, edge.input.dtype)
        tangent[index] = 1.0
        column = np.asarray(push(edge.node, edge.slot, tangent), dtype=float)
        upstream = np.broadcast_to(np.asarray(edge.upstream, dtype=float), edge.node.shape)
        counts = np.argwhere(column != 0)
        if self.elementwise and not len(counts):
            touched = np.broadcast_to(tangent, edge.node.shape)  # a local gradient of 0 is still a term
            counts = np.argwhere(touched != 0)
        terms = [Term(k, float(upstream[k]), float(column[k])) for k in (tuple(row.tolist()) for row in counts)]
        return Entry(index, tuple(terms), float(np.asarray(edge.downstream)[index]))


@dataclass(frozen=True)
class Received:
    """What a node got from one of its consumers: what that handed down. ``label`` is the consumer's name in LaTeX."""

    consumer: str
    label: str
    t: int | None
    handed: Handed

    @property
    def contribution(self) -> Any:
        """What came: of the node's shape."""
        return self.handed.edge.downstream


@dataclass(frozen=True)
class Pending:
    """When the nodes that get several contributions get them: (name, the numbers of the visits)."""

    uses: Sequence[tuple[str, Sequence[int]]]

    def after(self, number: int) -> tuple[tuple[str, int, int], ...]:
        """Those that have got some and not all after a visit: (name, how many came, of how many)."""
        found = [(name, bisect_right(visits, number), len(visits)) for name, visits in self.uses]
        return tuple((name, came, of) for name, came, of in found if 0 < came < of)


@dataclass(frozen=True)
class Step:
    """One visit of the pass, and what there is to say about it.

    Attributes:
        number, of: which visit of how many.
        visit: the node, its upstream, its edges.
        name, label: of the node, as text and as LaTeX.
        value: of the node, as it was recorded.
        made: the expression that made it, as in the picture; empty for a leaf.
        output: the node as a function of its inputs, as text and LaTeX; None for a leaf.
        numbers: the same with numbers put in, where all are scalars.
        rule: what the op does to a gradient, in words; empty for a leaf.
        received: the contributions that make up upstream; empty for the root, which starts the pass.
        handed: what goes down the edges.
        then: the name of the node that is next; None at the end.
        pending: what of the whole pass is still on its way, at any visit.
    """

    number: int
    of: int
    visit: Visit
    name: str
    label: str
    value: Any
    made: str
    output: Symbol | None
    numbers: str
    rule: str
    received: tuple[Received, ...]
    handed: tuple[Handed, ...]
    then: str | None
    pending: Pending

    @property
    def waiting(self) -> tuple[tuple[str, int, int], ...]:
        """Nodes that have got some of their contributions and not all: (name, how many came, of how many)."""
        return self.pending.after(self.number)

    @property
    def node(self) -> Node:
        """The node that is visited."""
        return self.visit.node


def lesson(root: Node, grad: Any = None) -> list[Step]:
    """Every visit of the backward pass that starts at ``root`` with ``grad`` (1 unless given); nothing is touched.

    >>> from microgradrnn import Value
    >>> a, b = Value(2.0, label="a"), Value(3.0, label="b")
    >>> first, *_ = lesson(a * b)
    >>> first.output.text, first.numbers, [(to.name, to.local.text, to.edge.downstream) for to in first.handed]
    ('a × b', '2 × 3', [('a', 'b', 3.0), ('b', 'a', 2.0)])
    """
    return list(_Teacher(root, list(walk(root, grad))).steps())


class _Teacher:
    def __init__(self, root: Node, visits: Sequence[Visit]) -> None:
        nodes = ancestors(root)
        self.visits, self.called, self.values = visits, names(nodes), recorded(nodes)
        self.named: dict[Node, Symbol] = {}
        for node in nodes:  # inputs first: a name is made of the inputs' names, each made once
            self.named[node] = self._symbol(node)
        uses: dict[Node, list[int]] = {}
        for number, visit in enumerate(visits, start=1):
            for edge in visit.edges:
                uses.setdefault(edge.input, []).append(number)
        self.uses = {node: len(found) for node, found in uses.items()}
        self.pending = Pending([(self.called[node], found) for node, found in uses.items() if len(found) > 1])
        self.received: dict[Node, list[Received]] = {}

    def _symbol(self, node: Node) -> Symbol:
        """What formulas call a node; a number without a label, such as the 2 in x², is that number."""
        if _is_plain_number(node):
            return lift(np.asarray(node.data).item())
        name = self.called[node]
        if node.label or node.op is None or name != expression(node, self.called):
            return Symbol(name, formula.latex_name(name), ATOM if node.label or " " not in name else SUM)
        made = self._output(node)
        return Symbol(name, made.latex, made.level) if made is not None else Symbol(name, formula.latex_name(name))

    def _output(self, node: Node) -> Symbol | None:
        if node.op is None:
            return None
        made = formula.output(node, self.named)
        if made is not None:
            return made
        latex = formula.typeset(node.op, [self.named[x].within(ATOM)[1] for x in node.inputs])
        return Symbol(expression(node, self.called), latex, PRODUCT if node.op.name == "matmul" else ATOM)

    def _numbers(self, node: Node) -> dict[Node, Symbol] | None:
        """The node and its inputs as the numbers that they are, where all of them are scalars."""
        nodes = [node, *node.inputs]
        if node.op is None or len(node.inputs) > formula.MOST_INPUTS or any(x.ndim for x in nodes):
            return None
        return {x: self.named[x] if _is_plain_number(x) else numeral(np.asarray(self.values[x]).item()) for x in nodes}

    def _output_in_numbers(self, node: Node) -> str:
        numbers = self._numbers(node)
        made = formula.output(node, numbers) if numbers else None
        return made.text if made is not None else ""

    def _hand_down(self, edge: Edge) -> Handed:
        node, x = edge.node, edge.input
        came = self.received.setdefault(x, [])
        numbers = self._numbers(node)
        put_in = formula.local(node, edge.slot, numbers) if numbers else None
        names = self.named
        in_names = formula.local(node, edge.slot, names)
        handed = Handed(
            edge=edge,
            name=self.called[x],
            label=names[x].within(ATOM)[1],
            local=formula.structural(str(edge.local), node, names) if in_names is None else in_names,
            numbers=put_in.text if put_in is not None else "",
            use=len(came) + 1,
            uses=self.uses[x],
        )
        came.append(Received(self.called[node], names[node].within(ATOM)[1], node.t, handed))
        return handed

    def steps(self) -> Iterator[Step]:
        for number, visit in enumerate(self.visits, start=1):
            node = visit.node
            received = tuple(self.received.pop(node, ()))
            handed = tuple(self._hand_down(edge) for edge in visit.edges)
            yield Step(
                number=number,
                of=len(self.visits),
                visit=visit,
                name=self.called[node],
                label=self.named[node].within(ATOM)[1],
                value=self.values[node],
                made=expression(node, self.called) if node.op else "",
                output=self._output(node),
                numbers=self._output_in_numbers(node),
                rule=formula.in_names(node.op.rule, node, self.named) if node.op else "",
                received=received,
                handed=handed,
                then=self.called[self.visits[number].node] if number < len(self.visits) else None,
                pending=self.pending,
            )


def is_read_twice(edge: Edge) -> bool:
    """Whether the node reads the same input at several slots, as x * x does."""
    return sum(x is edge.input for x in edge.node.inputs) > 1


def _is_plain_number(node: Node) -> bool:
    return node.op is None and not node.label and not node.requires_grad and node.ndim == 0
