"""What gets a line of its own, and in which order: `Layout`, from expressions and loops to statements.

What is used twice, or has a name, gets a line, and so do parts of what would be long. The rest stands within others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from microgradrnn.program.expressions import Expression, read_by
from microgradrnn.program.groups import Group
from microgradrnn.program.ir import Handed, Scan, Wanted
from microgradrnn.program.one_hot import one_hot
from microgradrnn.program.shortened import Shortened
from microgradrnn.program.statements import Assign, Fill, For, Increase, Statement, is_view, within
from microgradrnn.program.table import function

_DEPTH = 10
"""How many operations may stand within one another on a line."""


class Layout:
    """The statements of a function.

    Args:
        results: what it hands out.
        given: its arguments.
        scans: the loops.
        rewrites: those that are done. With "in_place" what can be written over an operand has a line.
        module: what the functions of arrays are called from.

    Attributes:
        uses: how often each expression is read.
    """

    def __init__(
        self,
        results: Iterable[Expression],
        given: Iterable[Expression],
        scans: Mapping[Group, Scan],
        rewrites: Collection[str],
        module: str = "np",
    ) -> None:
        self.scans, self.in_place = scans, "in_place" in rewrites
        self.uses: Counter[Expression] = Counter()
        self.across: set[Expression] = set()  # those that are read in a loop that they don't belong to
        self.lined: set[Expression] = set(given)
        self.depth: dict[Expression, int] = {}
        self.shortened = Shortened(self.lined, scans, module)
        self.stated: set[Any] = set()
        self.found: list[Statement] = []
        self._count(results)

    def of(self, *roots: Any) -> tuple[Statement, ...]:
        """All that some values need, and what stands for them, after what has been asked for before."""
        self.found = []
        todo: list[Any] = [*reversed(roots)]
        while todo:
            x = todo[-1]
            if x in self.stated:
                todo.pop()
                continue
            needed = [y for y in self._needs(x) if y not in self.stated]
            if needed:
                todo += reversed(needed)
                continue
            todo.pop()
            self.stated.add(x)
            if isinstance(x, Group):
                self._loop(x)
            elif self._has_line(x) or self._is_deep(x):
                self._assign(x)
        return tuple(self.shortened.lines(self.found))

    def _count(self, roots: Iterable[Expression]) -> None:
        seen: set[Any] = set()
        todo: list[tuple[Any, Any]] = [(root, None) for root in roots]
        while todo:
            x, place = todo.pop()
            if isinstance(x, Group):
                if x not in seen:
                    seen.add(x)
                    scan = self.scans[x]
                    todo += [*((y, None) for y in scan.initials()), *((y, x) for y in scan.inside())]
                continue
            self.uses[x] += 1
            if place is not None and x.loop is None:
                self.across.add(x)
            if x in seen:
                continue
            seen.add(x)
            if "group" in x.params:
                todo.append((x.params["group"], None))
            todo += [(y, place if x.loop is not None else None) for y in read_by(x)]

    # ---- What gets a line -------------------------------------------------------------------------------------------

    def _assign(self, x: Expression) -> None:
        self.found.append(Assign(x, x))
        self.lined.add(x)

    def _has_line(self, x: Expression) -> bool:
        if x in self.lined or function(x.fn).is_plain or is_view(x, self._is_plain):
            return False
        if x.name or self.uses[x] > 1 or x in self.across or x.fn == "scattered":
            return True
        return self.in_place and one_hot(x) is not None  # it is written over what it is subtracted from

    def _is_plain(self, x: Expression) -> bool:
        return x in self.lined or x.fn in ("argument", "saved", "step", "carry", "after") or self._has_line(x)

    def _is_deep(self, x: Expression) -> bool:
        """Whether too much would stand within x, were it not given a line."""
        below = [self.depth.get(y, 0) for y in read_by(x) if y not in self.lined]
        self.depth[x] = 1 + max(below, default=0)
        return self.depth[x] > _DEPTH and not function(x.fn).is_plain and not is_view(x, self._is_plain)

    # ---- Loops ------------------------------------------------------------------------------------------------------

    def _needs(self, x: Any) -> list[Any]:
        if isinstance(x, Group):
            return [*self.scans[x].initials(), *self._outside_of(x)]
        groups = [x.params["group"]] if "group" in x.params else []
        return groups + [y for y in read_by(x) if y.loop is None]

    def _outside_of(self, group: Group) -> list[Expression]:
        """What the steps of a loop read that was made outside."""
        found: dict[Expression, None] = {}
        seen: set[Expression] = set()
        todo = list(reversed(self.scans[group].inside()))
        while todo:
            x = todo.pop()
            if x in seen:
                continue
            seen.add(x)
            if x.loop is None:
                found[x] = None
            else:
                todo += reversed(read_by(x))
        return list(found)

    def _loop(self, group: Group) -> None:
        scan, outside, self.found = self.scans[group], self.found, []
        self._steps(group, scan)
        in_rows = scan.in_rows()
        at_once = self._need_each_other([each for each in scan.handed if each.carry not in in_rows])
        before = {x.params["of"] for x in self.uses if x.fn == "saved" and x.params["group"] is group}
        kept_before = [each.carry for each in scan.handed if each.carry.value in before]
        outside.append(For(group, scan, tuple(self.found), in_rows, at_once, kept_before))
        self.lined -= {each.x for each in self.found if isinstance(each, Assign)}  # a step's variables are no other's
        self.found = outside

    def _steps(self, group: Group, scan: Scan) -> None:
        inside = {wanted.inside: wanted for wanted in scan.wanted}
        done: set[Expression] = set()
        for target in inside:
            todo = [target]
            while todo:
                x = todo[-1]
                needed = [] if x in done else [y for y in read_by(x) if y.loop is group.loop and y not in done]
                if needed:
                    todo += reversed(needed)
                    continue
                todo.pop()
                if x not in done:
                    done.add(x)
                    self._step(scan, x, inside.get(x))

    def _step(self, scan: Scan, x: Expression, wanted: Wanted | None) -> None:
        if wanted is not None and wanted.of in scan.saved:
            self.found.append(Fill(x, wanted.of))
            self.lined.add(x)
        elif self._has_line(x) or self._is_deep(x):
            self._assign(x)
        total = scan.totals.get(wanted.of) if wanted is not None else None
        if total is not None:
            if x.fn == "scattered" and x not in self.lined:
                self._assign(x)
            self.found.append(Increase(total, x))

    def _need_each_other(self, handed: Sequence[Handed]) -> bool:
        """Whether what a step hands on reads what stands before it, and is replaced by then."""
        replaced: set[Expression] = set()
        for each in handed:
            if not replaced.isdisjoint(within(each.update, self.lined)):
                return True
            replaced.add(each.carry.value)
        return False
