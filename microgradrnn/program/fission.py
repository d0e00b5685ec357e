"""From loops as they were recorded to loops as a person would write them.

- `without_steps`: the pass: what is done once, and what is left to each loop. `Fission`: its state.

What is computed at most once needs no loop. With ``together`` (loop fission, and hoisting of what is invariant) what
does not wait for the step before leaves the loop too, and is computed for all steps at once; what is left hands on to
itself, such as h_t from h_(t-1). With ``gather`` (batched weight gradients) a sum over the steps is one function of
all of them after the loop. The two are one traversal: which work leaves a loop depends on what another loop keeps, and
what one keeps on what the sums ask for.

Two things follow from this traversal that cost nothing to read. Equal expressions are one (common subexpressions): what
the forward pass has computed the backward pass finds. What no output needs (dead code), such as the gradient of data,
is never asked for, and so never written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from microgradrnn.program.all_steps import Step, axes, is_better_at_once
from microgradrnn.program.expressions import Carry, Expression, Loop, inputs_of, reached, read_by
from microgradrnn.program.groups import Group, cycles, reaches, unturned
from microgradrnn.program.ir import IR, Handed, Scan, Wanted
from microgradrnn.program.mapping import named_like
from microgradrnn.program.namespace import Expressions
from microgradrnn.program.shapes import entrywise
from microgradrnn.program.table import function


def without_steps(ir: IR, together: bool, gather: bool) -> IR:
    """The same passes: what is computed once, without steps, and beside it what is left to each loop."""
    fission = Fission(ir.xp, together, gather)
    value, *outputs = map(fission.once, (ir.value, *ir.outputs))
    grads = {name: fission.once(x) for name, x in ir.grads.items()}
    return replace(ir, value=value, outputs=tuple(outputs), grads=grads, loops=fission.settled(), settled=True)


class Fission:
    """The expressions of a derivation as expressions without steps, and the loops that remain.

    Args:
        xp: where new expressions are made.
        together, gather: whether all steps' work leaves the loops, and whether their sums do.
    """

    def __init__(self, xp: Expressions, together: bool, gather: bool) -> None:
        self.xp, self.together, self.gather = xp, together, gather
        self.done: dict[Expression, Any] = {}
        self.rows: dict[Expression, Any] = {}
        self.varies: dict[Expression, bool] = {}
        self.groups: dict[Expression, Group] = {}
        self.all: list[Group] = []
        self.grouped: set[Loop] = set()

    def settled(self) -> Mapping[Group, Scan]:
        """What is left to each loop. What one reads of another the other must save, until no more is asked."""
        asked: list[int] = []
        while asked != (now := [len(group.wanted()) for group in self.all]):
            asked = now
            for group in list(self.all):
                self._scan(group)
        return {group: self._scan(group) for group in self.all}

    def _scan(self, group: Group) -> Scan:
        carries: Iterable[Carry] = group.carries()
        initials = [(carry, self._start(carry)) for carry in carries]
        wanted = [(x, self.inside(x, group)) for x in group.wanted()]
        return Scan(
            group.loop.length,
            group.loop.reverse,
            tuple(
                Handed(carry, initial, self.inside(carry.update, group), group.finals.get(carry))
                for carry, initial in initials
            ),
            tuple(Wanted(x, inside) for x, inside in wanted),
            dict(group.saved),
            dict(group.totals),
        )

    def _start(self, carry: Carry) -> Any:
        """What the first step finds; a number of Python's beside float32 would make a stack of all steps' float64."""
        found = self.once(carry.initial)
        is_number = _is_filled(found) and not found.shape
        return self.xp.with_type(found) if is_number and _alone(found) != found.dtype else found

    # ---- Outside all loops ------------------------------------------------------------------------------------------

    def once(self, x: Any) -> Any:
        """What is computed once: the same, with what it reads rewritten."""
        if not isinstance(x, Expression):
            return tuple(map(self.once, x)) if isinstance(x, tuple) else x
        if x not in self.done:  # in the order in which what it reads was made: no deep recursion
            for y in sorted(reached([x], self._read_once), key=lambda y: y.serial):
                self.done[y] = named_like(self._once(y), y)
        return self.done[x]

    def _read_once(self, x: Expression) -> list[Expression]:
        """What is still to be computed once for x."""
        return [y for y in read_by(x) if y.loop is None and y not in self.done]

    def _once(self, x: Expression) -> Any:
        match x.fn:
            case "whole":
                return self.every(x.args[0], x.params["loop"])
            case "total":
                return self._total(x.args[0], x.params["loop"], x.name, x.why)
            case "final":
                return self._final(x.args[0].args[0])
            case "carry":
                return self.once(x.args[0].initial)
            case "step":  # that is the same in all of them
                return self._row(x, x.loop)
        return self._again(x, tuple(map(self.once, x.args)))

    def _again(self, x: Expression, args: tuple[Any, ...]) -> Any:
        """The same function of other arguments."""
        if not read_by(x):
            return x
        if x.fn == "same":
            return args[0]
        if x.fn == "index":
            return self.xp.index(args[0], args[1])
        if x.fn == "broadcast_to":
            return self.xp.broadcast_to(args[0], x.params["shape"])
        if x.fn == "astype":
            return args[0].astype(x.dtype)
        if function(x.fn).result is entrywise and all(type(y) in (bool, int, float) or _is_filled(y) for y in args):
            found = self.xp.elementwise(x.fn, *args)  # a number that only now is known to be one
            return self.xp.filled(found.args[0] if _is_filled(found) else found, x.shape, x.dtype)
        return self.xp.make(x.fn, args, x.params, x.shape, x.dtype)

    def _final(self, carry: Carry) -> Any:
        if not self.stepped(carry.value):
            return self.once(carry.initial)
        added = _added(carry)
        if added is not None and self.group_of(carry.update) is None:
            return self.once(carry.initial) + self._total(added, carry.loop)
        group = self.group_of(carry.value)
        if group is None:
            return self.every(carry.update, carry.loop)[0 if carry.loop.reverse else -1]
        if carry not in group.finals:
            group.finals[carry] = self._stand_in("after", group, carry.update, carry.value.shape)
        return group.finals[carry]

    def _total(self, x: Any, loop: Loop, name: str = "", why: str = "") -> Any:
        if not isinstance(x, Expression) or not self.stepped(x):
            return self.once(x) * loop.length
        if not self.gather:
            group = self._adding(x, loop)
            if group is not None:
                if x not in group.totals:
                    group.totals[x] = self._stand_in("after", group, x, x.shape)
                    self.xp.note(group.totals[x], name=name, why=why)
                return group.totals[x]
        found = self._gathered(x, loop)
        return found if found is not None else self.xp.sum(self.every(x, loop), axis=0)

    def _gathered(self, x: Expression, loop: Loop) -> Any:
        """A sum over steps as one function of all of them, where there is one."""
        if x.fn == "matmul" and all(isinstance(arg, Expression) and arg.ndim == 2 for arg in x.args):
            left, right = x.args
            if left.fn == "transpose" and self.stepped(left) and self.stepped(right):
                return self.xp.make("tensordot", (self.every(left.args[0], loop), self.every(right, loop)), {"axes": 2})
            if not self.stepped(left):
                return self.once(left) @ self._total(right, loop)
            if not self.stepped(right):
                return self._total(left, loop) @ self.once(right)
        if x.fn == "sum":
            shape = tuple(size for i, size in enumerate(x.args[0].shape, start=1) if i not in _counted(x))
            found = self.xp.make("sum", (self.every(x.args[0], loop),), {"axis": (0, *axes(x))}, shape, x.dtype)
            return self.xp.reshape(found, x.shape)
        if x.fn == "negative":
            return -self._total(x.args[0], loop)
        if x.fn == "reshape":
            return self.xp.reshape(self._total(x.args[0], loop), x.shape)
        return None

    # ---- For every step at once -------------------------------------------------------------------------------------

    def stepped(self, x: Any) -> bool:
        """Whether it differs from step to step."""
        if not isinstance(x, Expression) or x.loop is None:
            return False
        todo = [x]
        while todo:
            y = todo[-1]
            if y in self.varies:
                todo.pop()
                continue
            if y.fn == "step":  # of one row over and over it is that row
                self.varies[y] = self._row(y, y.loop).loop is not None
                continue
            if y.fn == "carry" or y.loop is None:
                self.varies[y] = y.loop is not None and y.args[0].update is not y
                continue
            unknown = [arg for arg in inputs_of(y.args) if arg not in self.varies]
            if unknown:
                todo += unknown
            else:
                self.varies[y] = any(self.varies[arg] for arg in inputs_of(y.args))
        return self.varies[x]

    def _row(self, x: Expression, loop: Loop | None) -> Any:
        """What a step reads of something that has a row for each step."""
        assert loop is not None
        rows, sign, first = x.args
        return _at(self.once(rows), loop, sign, first)

    def every(self, x: Any, loop: Loop) -> Any:
        """Its values at all steps, one below the other."""
        if not self.stepped(x):
            found = self.once(x)
            if not isinstance(found, Expression):
                found = self.xp.filled(found, (), x.dtype if isinstance(x, Expression) else np.asarray(found).dtype)
            return self.xp.broadcast_to(found, (loop.length, *found.shape))
        if x not in self.rows:
            group = None if self._is_quick(x, loop) else self.group_of(x)
            found = self._saved(x, group) if group is not None else self._all_steps(x, loop)
            if found is None:
                group = self.groups[x] = Group(loop, {x})
                self.all.append(group)
                found = self._saved(x, group)
            self.rows[x] = named_like(found, x)
        return self.rows[x]

    def _all_steps(self, x: Expression, loop: Loop) -> Any:
        """The function of all steps' inputs that gives all steps' outputs; None where there is none."""
        rule, moved = function(x.fn).all_steps, [self.stepped(arg) for arg in x.args]
        args = [
            self.every(arg, loop) if yes else arg if isinstance(arg, (tuple, Carry)) else self.once(arg)
            for arg, yes in zip(x.args, moved, strict=True)
        ]
        return None if rule is None else rule(self, Step(x, args, moved, loop))

    def _is_quick(self, x: Expression, loop: Loop) -> bool:
        """Whether it is less to compute it again, from what is saved for all steps, than to save it too."""
        if not function(x.fn).cheap or x.name or not is_better_at_once(x, loop):
            return False
        return self.together and all(y.name or not self.stepped(y) for y in inputs_of(x.args))

    def _saved(self, x: Expression, group: Group) -> Expression:
        if x.fn == "carry":
            self._saved(x.args[0].update, group)
            return self._stand_in("saved", group, x, (group.loop.length, *x.shape))
        if x not in group.saved:
            group.saved[x] = self._stand_in("saved", group, x, (group.loop.length, *x.shape))
        return group.saved[x]

    def _stand_in(self, fn: str, group: Group, x: Expression, shape: Any) -> Expression:
        found = Expression(self.xp, fn, (), {"group": group, "of": x}, shape, x.dtype, None)
        return self.xp.note(found, name=x.name, hint=x.hint)

    # ---- What is left to the loops ----------------------------------------------------------------------------------

    def group_of(self, x: Expression) -> Group | None:
        """The loop that an expression is left in, or None."""
        loop = x.loop
        if loop is None or x.fn == "step":
            return None
        if loop not in self.grouped:
            self.grouped.add(loop)
            if self.together:
                for members in cycles(loop):
                    group = Group(loop, members)
                    self.all.append(group)
                    self.groups |= dict.fromkeys(members, group)
            else:
                self.all.append(Group(loop, None))
        if not self.together:
            return next(group for group in self.all if group.loop is loop) if self.stepped(x) else None
        return self.groups.get(x)

    def _adding(self, x: Expression, loop: Loop) -> Group | None:
        """The loop whose steps can add x up: what x reads is made in it, or has nothing to do with it."""
        self.group_of(x)
        for group in self.all:
            if group.loop is loop and (group.members is None or self._is_of(x, group.members)):
                return group
        return None

    def _is_of(self, x: Expression, members: set[Expression]) -> bool:
        read = [unturned(y) for y in inputs_of(x.args)]
        return any(y in members for y in read) and all(y in members or not reaches(y, members) for y in read)

    def inside(self, x: Any, group: Group) -> Any:
        """An expression as a step of the loop computes it."""
        if isinstance(x, tuple):
            return tuple(self.inside(part, group) for part in x)
        if not isinstance(x, Expression):
            return x
        if not self.stepped(x):
            return self.once(x)
        if x not in group.inside:
            group.inside[x] = self._inside(x, group)
        return group.inside[x]

    def _inside(self, x: Expression, group: Group) -> Any:
        if x.fn == "step":
            return self._row(x, group.loop)
        if x.fn == "carry":
            return x if self.group_of(x) is group else _at(self.every(x, group.loop), group.loop, 1, 0)
        if not self._stays(x, group):
            return _at(self.every(x, group.loop), group.loop, 1, 0)
        if x.fn == "add" and group.members is not None:
            x = self._regrouped(x, group.members)
        args = tuple(self.inside(arg, group) for arg in x.args)
        params = {} if x.fn == "index" else x.params
        loop = group.loop if any(y.loop is not None for y in inputs_of(args)) else None  # what it reads may be hoisted
        return named_like(self.xp.make(x.fn, args, params, x.shape, x.dtype, loop), x)

    def _stays(self, x: Expression, group: Group) -> bool:
        """Whether an expression is computed in the steps of a loop that reads it."""
        if group.members is None or x in group.members or x in group.totals or unturned(x) is not x:
            return True
        if x in self.rows or not function(x.fn).cheap or is_better_at_once(x, group.loop):
            return False
        return all(not self.stepped(y) or self._near(y, group) or self._stays(y, group) for y in inputs_of(x.args))

    def _near(self, x: Expression, group: Group) -> bool:
        """Whether its values at all steps are there anyway."""
        return x.fn in ("step", "carry") or x in self.rows or x in group.inside or self.group_of(x) is not None

    def _regrouped(self, x: Expression, members: set[Expression]) -> Expression:
        """A sum with what does not wait for the step before added up first, so that it can be before the loop."""
        terms, todo = [], [x]
        while todo:
            y = todo.pop()
            if y.fn == "add" and all(isinstance(arg, Expression) for arg in y.args) and (y is x or not y.name):
                todo += reversed(y.args)
            else:
                terms.append(y)
        early = [y for y in terms if not reaches(y, members)]
        late = [y for y in terms if reaches(y, members)]
        if len(early) < 2 or not any(self.stepped(y) for y in early) or not late:
            return x
        found = late[0]
        for y in (sum(early[1:], start=early[0]), *late[1:]):
            found = found + y
            members.add(found)  # as the sum was before
        return found


def _counted(x: Expression) -> set[int]:
    """The axes of a reduction, counted from the left."""
    return {axis % (x.args[0].ndim + 1) for axis in axes(x)}


def _added(carry: Carry) -> Expression | None:
    """What each step adds to a running sum, if that is what the loop hands on."""
    update = carry.update
    if update.fn != "add" or not all(isinstance(arg, Expression) for arg in update.args):
        return None
    one, other = update.args
    rest = other if one is carry.value else one if other is carry.value else None
    return rest if rest is not None and rest.shape == update.shape and carry.value is not rest else None


def _at(rows: Any, loop: Loop, sign: int, first: int) -> Any:
    """In a step, its row of what has one for each step; a row of a slice is a row of the whole."""
    if rows.fn == "index" and sign == 1:
        key = rows.args[1]
        if len(key) == 1 and isinstance(key[0], slice) and key[0].step in (None, 1) and (key[0].start or 0) >= 0:
            return _at(rows.args[0], loop, 1, first + (key[0].start or 0))
    if rows.fn == "index" and rows.args[1][0] is Ellipsis and not any(isinstance(y, Expression) for y in rows.args[1]):
        return rows.home.index(_at(rows.args[0], loop, sign, first), rows.args[1])
    if rows.fn == "broadcast_to" and rows.args[0].shape == rows.shape[1:]:
        return rows.args[0]
    return rows.home.make("step", (rows, sign, first), loop=loop)


def _is_filled(x: Any) -> bool:
    return isinstance(x, Expression) and x.fn == "filled"


def _alone(number: Expression) -> np.dtype[Any]:
    """The type of an array of a number and others of its type, the number taken as NumPy takes it without one."""
    return np.result_type(np.asarray(number.args[0]).dtype, number.dtype)
