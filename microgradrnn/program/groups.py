"""What is left to a loop, once all that can be has been taken out of it.

- `Group`: a loop as it will be written. `cycles`: what of a loop depends on itself.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from microgradrnn.program.expressions import Carry, Expression, Loop, inputs_of, reached


class Group:
    """A loop as it will be written: the expressions that are left in it.

    Attributes:
        members: of the derivation's expressions, those that are computed in its steps.
        saved: those of them that are wanted outside for every step, each with what stands for it there.
        totals: those that are added up over the steps, each with what stands for the sum.
    """

    def __init__(self, loop: Loop, members: set[Expression] | None) -> None:
        self.loop, self.members = loop, members
        self.saved: dict[Expression, Expression] = {}
        self.totals: dict[Expression, Expression] = {}
        self.finals: dict[Carry, Expression] = {}
        self.inside: dict[Expression, Any] = {}

    def wanted(self) -> list[Expression]:
        """What the loop is there for, in the order of the derivation."""
        wanted = {*self.saved, *self.totals, *(carry.update for carry in self.carries())}
        return sorted(wanted, key=lambda x: x.serial)

    def carries(self) -> list[Carry]:
        """What its steps hand on, if the loop is there for anything."""
        if not (self.saved or self.totals or self.finals):
            return []
        return [carry for carry in self.loop.carries if self.members is None or carry.value in self.members]


def read_over_steps(x: Expression) -> list[Expression]:
    """What x is computed from, in its step or in the one before."""
    return [x.args[0].update] if x.fn == "carry" else list(inputs_of(x.args))


def cycles(loop: Loop) -> list[set[Expression]]:
    """The sets of expressions of a loop's step that depend on themselves in the step before.

    Each cycle goes through what a loop hands on. So each set is what such a value reads and what reads it.
    """

    def reads(x: Expression) -> list[Expression]:
        return [y for y in read_over_steps(x) if y.loop is loop]

    readers: dict[Expression, list[Expression]] = defaultdict(list)
    for x in reached([carry.value for carry in loop.carries], reads):
        for y in reads(x):
            readers[y].append(x)
    found: list[set[Expression]] = []
    for carry in loop.carries:
        if not any(carry.value in members for members in found):
            members = reached([carry.value], reads) & reached([carry.value], readers.__getitem__)
            found += [members] if len(members) > 1 else []
    return found


def unturned(x: Expression) -> Expression:
    """What a transposed matrix was made of."""
    return x.args[0] if x.fn == "transpose" else x


def reaches(x: Expression, members: set[Expression]) -> bool:
    """Whether any of the members went into it, in this step or in one before."""
    return not members.isdisjoint(reached([x], lambda y: [] if y.loop is None else read_over_steps(y)))
