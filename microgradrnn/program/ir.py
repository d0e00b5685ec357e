"""A program between its recording and its lines: both passes as expressions and loops, which a pass gets and gives.

- `IR`: both passes.
- `Scan`: a loop: what its steps read, compute and hand on.
- `Defined`: a function that the program defines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from microgradrnn.ops import Op
from microgradrnn.program.expressions import Carry, Expression, reached, read_by
from microgradrnn.program.groups import Group
from microgradrnn.program.namespace import Expressions


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

    def in_rows(self) -> list[Carry]:
        """Of what is handed on, what is saved of all steps too; where two states are one, the first."""
        found: dict[Expression, Carry] = {}
        for handed in self.handed:
            if handed.carry.update in self.saved:
                found.setdefault(handed.carry.update, handed.carry)
        return list(found.values())

    def inside(self) -> list[Expression]:
        """What a step computes for others."""
        return [wanted.inside for wanted in self.wanted]

    def roots(self) -> list[Expression]:
        """All that the loop is asked for, and starts from."""
        return [*self.initials(), *self.inside(), *(handed.update for handed in self.handed)]

    def computed(self) -> set[Expression]:
        """All that a step computes."""

        def inside(read: Iterable[Expression]) -> list[Expression]:
            return [x for x in read if x.loop is not None]

        return reached(inside(self.inside()), lambda x: inside(read_by(x)))


class Defined(NamedTuple):
    """A function that a program defines and calls by the name of an op, since it takes several of NumPy's functions.

    Attributes:
        op: the op.
        arguments: what it takes: numbers.
        result: what it gives.
    """

    op: Op
    arguments: tuple[Expression, ...]
    result: Expression


@dataclass(frozen=True, eq=False)
class IR:
    """Both passes of a recorded graph, as expressions.

    Attributes:
        xp: the namespace that the expressions were made in, which keeps their names and remarks.
        arguments: the inputs, then the weights.
        value: the loss.
        outputs: what is wanted besides.
        grads: the gradients that are wanted, by the names of their leaves.
        functions: those that the program defines, by name.
        loops: what is left to each loop.
        settled: whether that has been said; before, expressions are those of the derivation, and there are no loops.
    """

    xp: Expressions
    arguments: tuple[Expression, ...]
    value: Expression
    outputs: tuple[Expression, ...]
    grads: Mapping[str, Any]
    functions: Mapping[str, Defined]
    loops: Mapping[Group, Scan]
    settled: bool

    @property
    def results(self) -> tuple[Expression, ...]:
        """What is handed out."""
        return tuple(x for x in (self.value, *self.outputs, *self.grads.values()) if isinstance(x, Expression))

    @cached_property
    def expressions(self) -> list[Expression]:
        """All that is computed, in the loops too, each after what it reads. Loops must be settled."""
        roots = [*self.results, *(x for scan in self.loops.values() for x in scan.roots())]
        return sorted(reached(roots, read_by), key=lambda x: x.serial)
