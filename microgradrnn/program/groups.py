"""What is left to a loop, once all that can be has been taken out of it.

- `Group`: a loop as it will be written. `cycles`: what of a loop depends on itself.
"""

from __future__ import annotations

from typing import Any

from microgradrnn.program.expressions import Carry, Expression, Loop, inputs_of


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
        self.before: set[Expression] = set()
        self.inside: dict[Expression, Any] = {}

    def wanted(self) -> list[Expression]:
        """What the loop is there for, in the order of the derivation."""
        wanted = {*self.saved, *self.totals, *(carry.update for carry in self.carries())}
        return sorted(wanted, key=lambda x: x.serial)

    def carries(self) -> list[Carry]:
        """What its steps hand on, of what is needed in it."""
        needed = self._needed()
        return [carry for carry in self.loop.carries if carry.value in needed]

    def _needed(self) -> set[Expression]:
        found: set[Expression] = set()
        todo = [
            *self.saved,
            *(unturned(y) for x in self.totals for y in (x, *inputs_of(x.args))),
            *(carry.update for carry in self.finals),
            *(c.value for c in self.finals),
        ]
        todo += [carry.value for carry in self.loop.carries if carry.update in self.before]
        while todo:
            x = todo.pop()
            if x in found or x.loop is not self.loop:
                continue
            if self.members is not None and x not in self.members:
                continue
            found.add(x)
            todo += [x.args[0].update] if x.fn == "carry" else inputs_of(x.args)
        return found


def cycles(loop: Loop) -> list[set[Expression]]:
    """The sets of expressions of a loop's step that depend on themselves in the step before (Tarjan, 1972)."""
    index: dict[Expression, int] = {}
    low: dict[Expression, int] = {}
    stack: list[Expression] = []
    on_stack: set[Expression] = set()
    found = []

    def reads(x: Expression) -> list[Expression]:
        read = [x.args[0].update] if x.fn == "carry" else list(inputs_of(x.args))
        return [y for y in read if y.loop is loop]

    for carry in loop.carries:
        todo = [(carry.value, iter(reads(carry.value)))] if carry.value not in index else []
        if todo:
            index[carry.value] = low[carry.value] = len(index)
            stack.append(carry.value)
            on_stack.add(carry.value)
        while todo:
            x, rest = todo[-1]
            y = next(rest, None)
            if y is not None:
                if y not in index:
                    index[y] = low[y] = len(index)
                    stack.append(y)
                    on_stack.add(y)
                    todo.append((y, iter(reads(y))))
                elif y in on_stack:
                    low[x] = min(low[x], index[y])
                continue
            todo.pop()
            if todo:
                low[todo[-1][0]] = min(low[todo[-1][0]], low[x])
            if low[x] == index[x]:
                members = set()
                while True:
                    y = stack.pop()
                    on_stack.discard(y)
                    members.add(y)
                    if y is x:
                        break
                if len(members) > 1:
                    found.append(members)
    return found


def unturned(x: Expression) -> Expression:
    """What a transposed matrix was made of."""
    return x.args[0] if x.fn == "transpose" else x


def reaches(x: Expression, members: set[Expression]) -> bool:
    """Whether any of the members went into it, in this step or in one before."""
    seen, todo = set(), [x]
    while todo:
        y = todo.pop()
        if y in members:
            return True
        if y not in seen and y.loop is not None:
            seen.add(y)
            todo += [y.args[0].update] if y.fn == "carry" else inputs_of(y.args)
    return False
