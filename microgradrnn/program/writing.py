"""Expressions and loops as Python source.

- `Writer`: writes a function body, each line after those that it needs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from microgradrnn.program.expressions import Expression, read_by
from microgradrnn.program.groups import Group
from microgradrnn.program.in_place import is_written_into_its_row
from microgradrnn.program.ir import Handed, Scan, Wanted
from microgradrnn.program.names import Names
from microgradrnn.program.pieces import moved, words, zeros
from microgradrnn.program.statements import Statements
from microgradrnn.program.text import word


class Writer(Statements):
    """The lines of a function; arguments as of `Statements`."""

    def __init__(self, scans: Mapping[Group, Scan], names: Names, rewrites: Collection[str]) -> None:
        super().__init__(scans, names, rewrites)
        self.written: set[Any] = set()

    # ---- What there is to write -------------------------------------------------------------------------------------

    def count(self, roots: Iterable[Expression]) -> None:
        """How often each expression is read, and which are read in a loop that they don't belong to."""
        seen: set[Any] = set()
        todo: list[tuple[Any, Any]] = [(root, None) for root in roots]
        self.live.live_out.update(x for x, _ in todo)
        while todo:
            x, place = todo.pop()
            if isinstance(x, Group):
                if x not in seen:
                    seen.add(x)
                    scan = self.scans[x]
                    self.live.live_out.update(scan.initials(), scan.inside())
                    self.live.loops[x] = scan.computed()
                    todo += [*((y, None) for y in scan.initials()), *((y, x) for y in scan.inside())]
                continue
            self.uses[x] += 1
            if place is not None and x.loop is None:
                self.across.add(x)
            if x in seen:
                continue
            seen.add(x)
            self.live.add(x)
            if "group" in x.params:
                todo.append((x.params["group"], None))
            todo += [(y, place if x.loop is not None else None) for y in read_by(x)]

    def returned(self, loss: str, grads: Sequence[str], outputs: Sequence[str]) -> list[str]:
        """The last lines: on one line if there is room."""
        others = f"({', '.join(outputs)}{',' if len(outputs) == 1 else ''})"
        line = f"    return {loss}, {{{', '.join(grads)}}}, {others}"
        if len(line) <= 110:
            return [line]
        entries = [f"        {grad}," for grad in grads]
        return ["    grads = {", *entries, "    }", f"    return {loss}, grads, {others}"]

    # ---- In which order ---------------------------------------------------------------------------------------------

    def write(self, *roots: Any) -> None:
        """All lines that some values need, and their own."""
        todo: list[Any] = [*reversed(roots)]
        while todo:
            x = todo[-1]
            if x in self.written:
                todo.pop()
                continue
            needed = [y for y in self._needs(x) if y not in self.written]
            if needed:
                todo += reversed(needed)
                continue
            todo.pop()
            self.written.add(x)
            if isinstance(x, Group):
                self._loop(x)
            elif self._has_line(x) or self._is_deep(x):
                self._assign(x)

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
            if x in seen or ("group" in x.params and x.params["group"] is group):
                continue
            seen.add(x)
            if x.loop is None:
                found[x] = None
            else:
                todo += reversed(read_by(x))
        return list(found)

    # ---- Loops ------------------------------------------------------------------------------------------------------

    def _loop(self, group: Group) -> None:
        scan = self.scans[group]
        length = str(scan.length)
        first: set[Expression] = set()
        for handed in scan.handed:
            self._before(group, handed, first)
        for wanted in scan.wanted:
            if wanted.of in scan.saved and wanted.of not in first:
                self._make_buffer(group, wanted.of, length)
        for after in scan.totals.values():
            self.named[after] = self._name(after)
            self.line(f"{self.named[after]} = {zeros(after.shape, after.dtype)}")
        self.line(f"for t in {f'reversed(range({length}))' if scan.reverse else f'range({length})'}:")
        self.indent += 1
        self._steps(group, scan)
        self.indent -= 1
        self._forget(group)
        for handed in scan.handed:
            if handed.final is not None:
                self.named[handed.final] = self._at_end(group, handed.carry)
        if not self.buffers:
            for x in scan.saved:
                name = self.buffer[group, x]
                self.line(f"{name} = np.stack({name})")

    def _forget(self, group: Group) -> None:
        """What a loop's last step has left in variables is no other loop's; rows of arrays are."""
        self.live.end(group)
        for x in [x for x, name in self.named.items() if x.loop is group.loop and name.isidentifier()]:
            del self.named[x]

    def _before(self, group: Group, handed: Handed, first: set[Expression]) -> None:
        """What the first step finds: in the row before its own, or in a variable."""
        scan, carry, initial = self.scans[group], handed.carry, self.text(handed.initial)[0]
        if carry.update in scan.saved and carry.update not in first:
            first.add(carry.update)
            name = self._make_buffer(group, carry.update, str(scan.length + 1))
            self.line(f"{name}[{-1 if scan.reverse else 0}] = {initial}")
        else:
            self.carried[carry] = self.names.new(carry.value.name or "state")
            self.line(f"{self.carried[carry]} = {initial}")

    def _make_buffer(self, group: Group, x: Expression, length: str) -> str:
        name = self.buffer[group, x] = self.names.new(x.name or word(x))
        if self.buffers:
            self.line(f"{name} = {self._buffer(name, (length, *x.shape), x.dtype)}")
        else:
            self.line(f"{name} = [None] * {length if length.isidentifier() or length.isdigit() else f'({length})'}")
        return name

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
                    self._step_line(group, x, inside.get(x))
        self._hand_on(scan.handed)

    def _step_line(self, group: Group, x: Expression, wanted: Wanted | None) -> None:
        if wanted is not None and wanted.of in self.scans[group].saved:
            self._save(group, x, wanted.of)
        elif self._has_line(x) or self._is_deep(x):
            self._assign(x)
        after = self.scans[group].totals.get(wanted.of) if wanted is not None else None
        if after is not None:
            if x.fn == "scattered" and x not in self.named:
                self._assign(x)
            self.line(f"{self.named[after]} += {self._fitting(x)}", x.why or after.why)

    def _save(self, group: Group, x: Expression, original: Expression) -> None:
        """Write x into its row of the array that has a row for each step."""
        place = f"{self.buffer[group, original]}[{moved('t', self._offset(group, original))}]"
        if x.fn == "scattered":
            self._scatter(x, place)
        else:
            self._fill(x, place)
        self._give(x, place)

    def _fill(self, x: Expression, place: str) -> None:
        """Write x into its row of an array."""
        text = self._fitting(x)
        if self.in_place and self.buffers and is_written_into_its_row(x):
            text = self.with_out(x, place)
        else:
            text = f"{place} = {text}"
        self.line(text, x.why)

    def _hand_on(self, handed: Sequence[Handed]) -> None:
        """What the next step finds; all at once where one needs what another replaces."""
        left, right, whys = [], [], []
        for each in handed:
            if each.carry in self.carried:
                left.append(self.carried[each.carry])
                right.append(self._fitting(each.update))
                whys.append(each.update.why)
        if any(name in words(text) for i, text in enumerate(right) for name in left[:i]):
            self.line(f"{', '.join(left)} = {', '.join(right)}")
            return
        for name, text, why in zip(left, right, whys, strict=True):
            if name != text:
                self.line(f"{name} = {text}", why)

    def _offset(self, group: Group, x: Expression) -> int:
        """How far from row t a loop writes its row t: one further where row 0 holds what it started from."""
        return int(not self.scans[group].reverse and self.has_first(group, x))

    def _at_end(self, group: Group, carry: Any) -> str:
        if carry in self.carried:
            return self.carried[carry]
        return f"{self.buffer[group, carry.update]}[{0 if self.scans[group].reverse else -1}]"
