"""The backward pass of a recorded graph as expressions: the gradient of every leaf.

Newest first, each node's ``local`` or ``pull``, from the op table, on each of its edges, as in `microgradrnn.backprop`.
A loop's backward pass is a loop in reverse, derived once for its step; what its steps hand on to the next, such as h_t,
the reverse loop hands back, as dL/dh_t.

- `Derivation`: both passes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from microgradrnn import ops
from microgradrnn.engine import Node
from microgradrnn.errors import reading
from microgradrnn.loops import (
    Body,
    Carried,
    Listed,
    Member,
    OnePerStep,
    Recording,
    Rolled,
    Row,
    RowOf,
    Rows,
    Same,
    Single,
    Source,
    inner,
)
from microgradrnn.ops import Scattered, downstream_of
from microgradrnn.program.expressions import Carry, Expression
from microgradrnn.program.factors import Factor
from microgradrnn.program.forward import Forward
from microgradrnn.program.labels import base, gradient_name, says
from microgradrnn.program.names import identifier
from microgradrnn.program.namespace import Expressions
from microgradrnn.program.steps import (
    all_scattered,
    each_row,
    final,
    fit,
    in_floats,
    scattered,
    stands_alone,
    step,
    total,
    whole,
    zeros_like,
)

Sent = tuple[Any, str]
"""A contribution to a gradient, and what is to be said of it."""


class Derivation(Forward):
    """Both passes of a recording; arguments as of `Forward`."""

    def __init__(self, recording: Recording, leaves: dict[Any, Expression], xp: Expressions) -> None:
        super().__init__(recording, leaves, xp)
        # What their consumers send down to each node, or in a loop to each (loop, q), and what is to be said of it.
        self.sent: dict[Any, list[Sent]] = defaultdict(list)
        # And what nodes outside send to single steps of a node in a loop.
        self.sent_at: dict[tuple[Rolled, int], dict[int, list[Sent]]] = defaultdict(lambda: defaultdict(list))
        self.factor: Factor | None = None

    def backward(self, root: Node, factor: Factor | None = None) -> None:
        """Send upstream 1 down from ``root``, through all nodes and loops, newest first.

        With a factor from where it starts, and gradients are multiplied with it at the end.
        """
        self.factor = factor
        root = root if factor is None else factor.start
        value = self.value(root)
        self._send(root, self.xp.filled(1.0, value.shape, value.dtype) if value.ndim else 1.0, "")
        for item in reversed(self.recording.items):
            self._backward(item) if isinstance(item, Single) else self._backward_loop(item)

    def gradient(self, node: Source) -> Any:
        """The sum of what has been sent to a node, in its shape; None if nothing was."""
        sent = self.sent.get(node)
        if not sent:
            return None
        found = self._summed(sent, self.value(node))
        if isinstance(found, (int, float)):
            found = self._filled(found, self.value(node))
        found = self._call(found, "", sent)
        return found if self.factor is None else self.factor.applied(found)

    def _summed(self, sent: Sequence[Sent], like: Expression) -> Any:
        dense = [x for x, _ in sent if not isinstance(x, Scattered)]
        parts = [x for x, _ in sent if isinstance(x, Scattered)]
        found = sum(dense[1:], start=dense[0]) if dense else None
        return found if not parts else scattered(found, parts, like)

    def _call(self, found: Any, name: str, sent: Sequence[Sent]) -> Any:
        """Give a sum of contributions its name, and say where they came from."""
        if isinstance(found, Expression) and not found.name and found.fn not in ("argument", "constant", "carry"):
            own = not found.hint or "_from_" in found.hint
            hint, why = name.rstrip("~") if own else found.hint, "; ".join(dict.fromkeys(why for _, why in sent if why))
            self.xp.note(found, name="" if name.endswith("~") else name, hint=hint, why=why)
        return found

    def _backward(self, item: Single) -> None:
        node = item.node
        if not node._requires_grad or node not in self.sent or node.op is None:
            return
        sent = self.sent[node]
        upstream = self._call(self._summed(sent, self.value(node)), gradient_name(node), sent)
        joined = self._joined(node)
        if joined is not None:
            self._backward_joined(node, upstream, joined)
            return
        xs = list(map(self._value_of, node.inputs))
        for slot, x in enumerate(node.inputs):
            if x._requires_grad:
                self._send(
                    self.recording.source(x), self._downstream(node, slot, upstream, self.value(node), xs), says(node)
                )

    def _backward_joined(self, node: Node, upstream: Any, joined: tuple[Rolled, int, int]) -> None:
        loop, q, first = joined
        _, backward = self.loops[loop]
        self.sent[loop, q].append((step(upstream, backward) if node.op is ops.STACK else upstream, says(node)))
        for slot, x in enumerate(node.inputs):
            if x._requires_grad and not first <= slot < first + loop.length:
                self._send(self.recording.source(x), fit(upstream, self._value_of(x)), says(node))

    def _downstream(self, node: Node, slot: int, upstream: Any, z: Any, xs: list[Any]) -> Any:
        """Local applied to upstream, in the shape and type of the input."""
        op = node.op
        assert op is not None
        xs = in_floats(op, xs)
        arguments: Any = (xs,) if op.any_number else xs
        params = self.factor.params if self.factor is not None and node is self.factor.start else node.params
        if op.local is None:
            upstream = upstream if isinstance(upstream, Expression) else self._filled(upstream, z)
            assert op.pull is not None
            with reading(op, "compile"):
                found = op.pull[slot](self.xp, upstream, z, *arguments, **params)
        else:
            local = op.local[slot]
            with reading(op, "compile"):
                slope = local(self.xp, z, *arguments) if callable(local) else local
            if isinstance(slope, Expression) and not slope.hint:
                why = slope.why or f"the local gradient of {identifier(op.name)}"
                self.xp.note(slope, hint=f"slope_{base(node)}" if base(node) else "slope", why=why)
            found = downstream_of(op, self.xp, upstream, slope)
        if isinstance(found, Expression) and isinstance(upstream, Expression) and not found.hint:
            hint = f"d{base(node.inputs[slot]) or 'z'}_from_{(upstream.name or upstream.hint)[1:]}"
            self.xp.note(found, hint=hint, why=found.why or says(node))
        return found if isinstance(found, Scattered) else fit(found, xs[slot])

    def _send(self, to: Source, downstream: Any, why: str) -> None:
        """A contribution to a node outside all loops, to a row of one, or to one step of a loop's."""
        if isinstance(to, Row):
            self._send(to.source, Scattered((self.from_end(to),), self._dense(downstream, self.value(to))), why)
        elif isinstance(to, Node) and (place := self.recording.member.of(to)):
            loop, q, k = place
            self.sent_at[loop, q][k].append((downstream, why))
        elif isinstance(to, Listed) or to._requires_grad:
            self.sent[to].append((downstream, why))

    def _dense(self, downstream: Any, like: Expression) -> Any:
        return scattered(None, [downstream], like) if isinstance(downstream, Scattered) else downstream

    def _backward_loop(self, item: Rolled) -> None:
        _, backward = self.loops[item]
        handed: dict[int, Carry] = {}
        handed_on: dict[int, list[Sent]] = defaultdict(list)
        for q in range(len(item.body)):
            last = self._at_step(item, q, item.length - 1)
            if (item, q) in self.carries and item.body[q][-1]._requires_grad:
                like = self.bodies[item][q]
                start = zeros_like(self._one_of(item, q)) if last is None else last
                if not isinstance(start, Expression):
                    start = self._filled(start, self._one_of(item, q))
                handed[q] = carry = Carry(backward, start)
                self.xp.note(carry.value, name=f"d{base(item.body[q][-1]) or 'state'}_next")
                self.sent[item, q].insert(0, (carry.value, "the next step"))
                carry.update = zeros_like(like)
            elif last is not None:
                self._put_at(item, q, item.length - 1, last)
            for k in sorted(self.sent_at.get((item, q), {})):
                if k < item.length - 1:
                    self._put_at(item, q, k, self._at_step(item, q, k))
        for q in reversed(range(len(item.body))):
            node, sent = item.body[q][-1], self.sent.get((item, q))
            if not sent or not node._requires_grad:
                continue
            z = self.read(item, Body(q), backward)
            upstream = self._call(self._summed(sent, z), gradient_name(node), sent)
            xs = [self.read(item, read, backward) for read in item.reads[q]]
            for slot, read in enumerate(item.reads[q]):
                if node.inputs[slot]._requires_grad:
                    downstream = self._downstream(node, slot, upstream, z, xs)
                    self._send_from(item, read, downstream, xs[slot], says(node), handed_on)
        for q, carry in handed.items():
            sent = handed_on.get(q, [])
            if sent:
                found = self._summed(sent, carry.value)
                self.hand_on(carry, found if isinstance(found, Expression) else self._filled(found, carry.value), q)
                if not carry.update.why:
                    self.xp.note(carry.update, why="; ".join(dict.fromkeys(why for _, why in sent if why)))
            initial = next(
                r.initial for reads in item.reads for r in map(inner, reads) if isinstance(r, Carried) and r.q == q
            )
            self._send(initial, final(carry), "")

    def _filled(self, number: Any, like: Expression) -> Expression:
        return self.xp.filled(number, like.shape, like.dtype)

    def _one_of(self, item: Rolled, q: int) -> Expression:
        """Something outside the loop that has the shape of a node's value at one step."""
        return self.carries[item, q].initial

    def _at_step(self, item: Rolled, q: int, k: int) -> Any:
        """What nodes outside send to one step of a node's, or None."""
        sent = self.sent_at.get((item, q), {}).get(k)
        return None if not sent else self._summed(sent, self.value(item.body[q][k]))

    def _put_at(self, item: Rolled, q: int, k: int, upstream: Any) -> None:
        """Let a contribution that one step alone gets arrive in that step, zero in all others."""
        key = (k if k < item.length - 1 else -1,)
        spread = scattered(None, [Scattered(key, upstream)], self.whole(item, q))
        self.sent[item, q].append((step(spread, self.loops[item][1]), ""))

    def _send_from(
        self, item: Rolled, read: Any, downstream: Any, x: Any, why: str, handed_on: dict[int, list[Sent]]
    ) -> None:
        """A contribution from within a loop to wherever the input came from."""
        _, backward = self.loops[item]
        match read:
            case Same(source):
                if isinstance(downstream, Scattered) and stands_alone(downstream.key):
                    self._send(source, all_scattered(downstream, backward), why)
                else:
                    self._send(source, total(self._dense(downstream, x), backward), why)
            case Body(q):
                self.sent[item, q].append((downstream, why))
            case Carried(q, _):
                handed_on[q].append((downstream, why))
            case RowOf(source, index):
                at = Scattered((index,), self._dense(downstream, x))
                self._send_from(item, source, at, self.read(item, source, backward), why, handed_on)
            case Rows(source, sign, first):
                each = whole(self._dense(downstream, x), backward)
                self._send(source, each_row(each, sign, first, self.value(source)), why)
            case Member(other, q, sign, first):
                each = whole(self._dense(downstream, x), backward)
                part = each_row(each, sign, first, self.whole(other, q))
                dense = part if not isinstance(part, Scattered) else scattered(None, [part], self.whole(other, q))
                self.sent[other, q].append((step(dense, self.loops[other][1]), why))
            case OnePerStep(leaves):
                self.sent[leaves].append((whole(self._dense(downstream, x), backward), why))
