"""Loops as they are written: all that a printer needs to know of them, once no rewrite will change them any more.

- `IR`: both passes. `improved`: the same, rewritten.
- `Scan`: a loop: what its steps read, compute and hand on. `settled`: all loops of a rewriter.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from microgradrnn.program.expressions import Carry, Expression, read_by
from microgradrnn.program.groups import Group
from microgradrnn.program.namespace import Expressions
from microgradrnn.program.rewrites import Rewriter


@dataclass(frozen=True, eq=False)
class Handed:
    """What a loop hands on from step to step.

    Attributes:
        carry: its value as a step reads it, and what the step made of it when it was derived.
        initial: what the first step reads: an expression, or a number.
        update: what a step hands to the next one.
        final: what stands for the last step's update outside the loop; None where nobody reads it.
    """

    carry: Carry
    initial: Any
    update: Expression
    final: Expression | None


@dataclass(frozen=True, eq=False)
class Wanted:
    """What the steps of a loop compute for others.

    Attributes:
        of: the expression of the derivation.
        inside: the expression as a step computes it.
    """

    of: Expression
    inside: Expression


@dataclass(frozen=True, eq=False)
class Scan:
    """A loop of ``length`` steps, forward or in reverse.

    Attributes:
        handed: what its steps hand on.
        wanted: what they compute for others, in the order of the derivation.
        saved: of what is wanted, what is kept of all steps, one below the other, and what stands for that outside.
        totals: of what is wanted, what is added up over the steps, and what stands for the sum outside.
    """

    length: Any
    reverse: bool
    handed: tuple[Handed, ...]
    wanted: tuple[Wanted, ...]
    saved: Mapping[Expression, Expression]
    totals: Mapping[Expression, Expression]

    def initials(self) -> list[Expression]:
        """The expressions that the first step reads as what was handed on."""
        return [handed.initial for handed in self.handed if isinstance(handed.initial, Expression)]

    def inside(self) -> list[Expression]:
        """What a step computes for others."""
        return [wanted.inside for wanted in self.wanted]

    def computed(self) -> set[Expression]:
        """All that a step computes."""
        found: set[Expression] = set()
        todo = self.inside()
        while todo:
            x = todo.pop()
            if x not in found and x.loop is not None:
                found.add(x)
                todo += read_by(x)
        return found


@dataclass(frozen=True, eq=False)
class IR:
    """Both passes of a recorded graph, as expressions.

    Attributes:
        xp: the namespace that the expressions were made in, which keeps their names and remarks.
        arguments: the inputs, then the weights.
        value: the loss.
        outputs: what is wanted besides.
        grads: the gradients that are wanted, by the names of their leaves.
        loops: what is left to each loop; nothing before the rewrites have settled that.
    """

    xp: Expressions
    arguments: tuple[Expression, ...]
    value: Expression
    outputs: tuple[Expression, ...]
    grads: Mapping[str, Any]
    loops: Mapping[Group, Scan]


def improved(ir: IR, rewrites: Collection[str]) -> IR:
    """The same passes, rewritten: what is computed once, and what is left to each loop."""
    rewriter = Rewriter(ir.xp, rewrites)
    value, *outputs = map(rewriter.once, (ir.value, *ir.outputs))
    grads = {name: rewriter.once(x) for name, x in ir.grads.items()}
    return replace(ir, value=value, outputs=tuple(outputs), grads=grads, loops=settled(rewriter))


def settled(rewriter: Rewriter) -> Mapping[Group, Scan]:
    """What is left to each loop. What one reads of another the other must save, and so on until no more is asked."""
    asked: list[int] = []
    while asked != (now := [len(group.wanted()) for group in rewriter.all]):
        asked = now
        for group in list(rewriter.all):
            _scan(group, rewriter)
    return {group: _scan(group, rewriter) for group in rewriter.all}


def _scan(group: Group, rewriter: Rewriter) -> Scan:
    carries: Iterable[Carry] = group.carries()
    initials = [(carry, rewriter.once(carry.initial)) for carry in carries]
    wanted = [(x, rewriter.inside(x, group)) for x in group.wanted()]
    return Scan(
        group.loop.length,
        group.loop.reverse,
        tuple(
            Handed(carry, initial, rewriter.inside(carry.update, group), group.finals.get(carry))
            for carry, initial in initials
        ),
        tuple(Wanted(x, inside) for x, inside in wanted),
        dict(group.saved),
        dict(group.totals),
    )
