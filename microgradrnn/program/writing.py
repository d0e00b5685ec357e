"""Expressions and loops as Python source.

- `Writer`: writes a function body, line by line: what is used twice, or has a name, gets a line of its own; the rest is
  written where it is used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from microgradrnn.program.expressions import Expression, inputs_of
from microgradrnn.program.groups import Group
from microgradrnn.program.in_place import InPlace, Readers, is_elementwise, is_large, one_hot
from microgradrnn.program.names import Names
from microgradrnn.program.rewrites import Rewriter
from microgradrnn.program.text import dtype_of, moved, shape_of, word, words, zeros

WIDTH = 96
"""How long a line gets before a part of it is given a line of its own."""


_DEPTH = 10
_PLAIN = ("argument", "carry", "saved", "after", "constant", "step", "filled")
"""What is written where it is used, since it is no more than a name, an index or a number."""


class Writer(InPlace):
    """The lines of a function; arguments as of `Text`."""

    def __init__(self, rewriter: Rewriter, names: Names) -> None:
        super().__init__(rewriter, names)
        self.buffers, self.in_place = ("buffers" in rewriter.rewrites), ("in_place" in rewriter.rewrites)
        self.readers = Readers()
        self.reserved: dict[Expression, str] = {}
        self.lines: list[str] = []
        self.indent = 1
        self.uses: Counter[Expression] = Counter()
        self.across: set[Expression] = set()
        self.written: set[Any] = set()
        self.depth: dict[Expression, int] = {}

    # ---- What there is to write -------------------------------------------------------------------------------------

    def count(self, roots: Iterable[Expression]) -> None:
        """How often each expression is read, and which are read in a loop that they don't belong to."""
        seen: set[Any] = set()
        todo: list[tuple[Any, Any]] = [(root, None) for root in roots]
        self.readers.keep(x for x, _ in todo)
        while todo:
            x, place = todo.pop()
            if isinstance(x, Group):
                if x not in seen:
                    seen.add(x)
                    initials, inside = self._initials(x), self._inside(x)
                    self.readers.keep([*initials, *inside])
                    todo += [*((y, None) for y in initials), *((y, x) for y in inside)]
                continue
            self.uses[x] += 1
            if place is not None and x.loop is None:
                self.across.add(x)
            if x in seen:
                continue
            seen.add(x)
            self.readers.add(x)
            if "group" in x.params:
                todo.append((x.params["group"], None))
            todo += [(y, place if x.loop is not None else None) for y in self._inputs(x)]

    def _initials(self, group: Group) -> list[Expression]:
        found = [self.rewriter.once(carry.initial) for carry in group.carries()]
        return [x for x in found if isinstance(x, Expression)]

    def _inside(self, group: Group) -> list[Expression]:
        return [self.rewriter.inside(x, group) for x in group.wanted()]

    def _inputs(self, x: Expression) -> list[Expression]:
        return [] if x.fn == "carry" else list(inputs_of(x.args))

    def reserve(self, results: Iterable[Expression]) -> None:
        """Results have the first choice of names."""
        for x in results:
            if x.name and x not in self.reserved and x.fn != "argument":
                self.reserved[x] = self.names.new(x.name)

    def _name(self, x: Expression) -> str:
        return self.reserved.pop(x, "") or self.names.new(x.name or word(x))

    # ---- Lines ------------------------------------------------------------------------------------------------------

    def line(self, text: str, why: str = "") -> None:
        """A line, with a remark at its end, or above it if there is no room."""
        start = "    " * self.indent
        if why and len(start + text) + len(why) > 116:
            self.lines.append(f"{start}# {why}")
            why = ""
        self.lines.append(f"{start}{text}  # {why}" if why else f"{start}{text}")

    def write(self, root: Any) -> None:
        """All lines that a value needs, and its own."""
        todo: list[Any] = [root]
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

    def write_as(self, name: str, x: Any) -> str:
        """A line for what needs none to be read, and the name that it has got."""
        name = self.names.new(name)
        self.line(f"{name} = {self.text(x)[0]}")
        if isinstance(x, Expression):
            self._give(x, name)
        return name

    def _is_deep(self, x: Expression) -> bool:
        """Whether too much would stand within x, were it not given a line."""
        below = [self.depth.get(y, 0) for y in self._inputs(x) if y not in self.named]
        self.depth[x] = 1 + max(below, default=0)
        return self.depth[x] > _DEPTH and x.fn not in _PLAIN and not self._is_view(x)

    def _needs(self, x: Any) -> list[Any]:
        if isinstance(x, Group):
            return [*self._initials(x), *self._outside_of(x)]
        groups = [x.params["group"]] if "group" in x.params else []
        return groups + [y for y in self._inputs(x) if y.loop is None]

    def _outside_of(self, group: Group) -> list[Expression]:
        """What the steps of a loop read that was made outside."""
        found: dict[Expression, None] = {}
        seen: set[Expression] = set()
        todo = list(reversed(self._inside(group)))
        while todo:
            x = todo.pop()
            if x in seen or ("group" in x.params and x.params["group"] is group):
                continue
            seen.add(x)
            if x.loop is None:
                found[x] = None
            else:
                todo += reversed(self._inputs(x))
        return list(found)

    def _has_line(self, x: Expression) -> bool:
        if x in self.named or x.fn in _PLAIN or self._is_view(x):
            return False
        if x.name or self.uses[x] > 1 or x in self.across or x.fn == "scattered":
            return True
        return self.in_place and one_hot(x) is not None

    def _is_view(self, x: Expression) -> bool:
        """Whether it is no more than another look at something that has a name, such as W_hh.T or h[1:]."""
        if x.fn in ("transpose", "reshape") or (
            x.fn == "index" and not any(isinstance(part, Expression) for part in x.args[1])
        ):
            return self._plain(x.args[0]) and not x.why
        return x.fn == "filled" and not x.shape

    def _plain(self, x: Expression) -> bool:
        return x in self.named or x.fn in ("argument", "saved", "step", "carry", "after") or self._has_line(x)

    def _assign(self, x: Expression) -> None:
        """Give an expression a line and a name; several, where it is written step by step into one array."""
        path = self._path_in_place(x)
        if path:
            self._assign_in_place(x, path)
            return
        name = self._name(x)
        if x.fn == "scattered":
            self._scatter(x, name)
        elif self.in_place and one_hot(x) is not None and len(self.path(x)) > 1:
            self.line(f"{name} = {self.less_one(x, self._fitting(x.args[0]))}", x.why)
        else:
            self.line(f"{name} = {self._fitting(x)}", x.why)
        self._give(x, name)

    def _give(self, x: Expression, name: str) -> None:
        """The name of what now stands in a line, and that all that stands within it has been read."""
        self.readers.done.update(self._within(x))
        self.named[x] = name

    def _path_in_place(self, x: Expression) -> list[Expression]:
        """The operations that are to be written one after another on one array; none where a line does."""
        if not self.in_place or self.indent > 1 or not is_elementwise(x):
            return []
        path = self.path(x)
        return path if is_large(x) and (len(path) > 1 or x not in self.readers.kept) else []

    def _assign_in_place(self, x: Expression, path: Sequence[Expression]) -> None:
        first, why = path[0], x.why
        room = self.room(first, self.readers) if is_elementwise(first) and x not in self.readers.kept else None
        if room is not None and not (x.name or x.hint):  # nobody would call it anything else
            name = self.named[room]
            self.line(self.onto(first, room, name), why)
        else:
            name = self._name(x)
            self.line(f"{name} = {self._first(first, room, name, x)}", why)
        for before, y in pairwise(path):
            self._give(before, name)
            self.line(self.onto(y, before, name), "S - 1[m]" if one_hot(y) is not None else "")
        self._give(x, name)

    def _first(self, first: Expression, room: Expression | None, name: str, x: Expression) -> str:
        """The first of several operations on one array, which says where that is."""
        if room is not None:
            return self.into(first, self.named[room])
        if is_elementwise(first) and is_large(first) and self.buffers and x not in self.readers.kept:
            return self.into(first, self._buffer(name, first.shape, first.dtype))
        return self._fitting(first)

    def _buffer(self, name: str, shape: Sequence[Any], dtype: Any) -> str:
        """An array that is kept from call to call."""
        self.helpers.add("buffer")
        return f'buffer("{self.kept.new(name)}", {shape_of(shape)}{dtype_of(dtype)})'

    def _fitting(self, x: Expression) -> str:
        """The text of an expression; where it is long, after lines for parts of it."""
        text, _ = self.text(x)
        while len(text) > WIDTH:
            parts = [y for y in self._parts(x) if len(self.text(y)[0]) < len(text)]
            if not parts:
                break
            part = max(parts, key=lambda y: len(self.text(y)[0]))
            if len(self.text(part)[0]) < 12:
                break
            self._assign(part)
            text, _ = self.text(x)
        return text

    def _parts(self, x: Expression) -> list[Expression]:
        """What would be written inside x, at any depth."""
        found, todo = [], self._inputs(x)
        while todo:
            y = todo.pop()
            if y in self.named or y.fn in _PLAIN:
                continue
            if not self._is_view(y):
                found.append(y)
            todo += self._inputs(y)
        return found

    def _scatter(self, x: Expression, name: str) -> None:
        base, parts = x.args[0], x.args[1:]
        start = self.text(base)[0] if base.fn == "filled" else f"np.array({self.text(base)[0]})"
        self.line(f"{name} = {start}", x.why)
        for key, values in zip(parts[::2], parts[1::2], strict=True):
            added = self.text(values)[0] if isinstance(values, Expression) else repr(values)
            if any(isinstance(part, Expression) and part.dtype.kind != "b" for part in key):
                place = self.key(key) if len(key) == 1 else f"np.s_[{self.key(key)}]"
                self.line(f"np.add.at({name}, {place}, {added})")
            else:
                self.line(f"{name}[{self.key(key)}] += {added}")

    # ---- Loops ------------------------------------------------------------------------------------------------------

    def _loop(self, group: Group) -> None:
        loop, length = group.loop, str(group.loop.length)
        carries, wanted = group.carries(), group.wanted()
        first: set[Expression] = set()
        for carry in carries:
            self._before(group, carry, first)
        for x in wanted:
            if x in group.saved and x not in first:
                self._make_buffer(group, x, length)
        for after in group.totals.values():
            self.named[after] = self._name(after)
            self.line(f"{self.named[after]} = {zeros(after.shape, after.dtype)}")
        self.line(f"for t in {f'reversed(range({length}))' if loop.reverse else f'range({length})'}:")
        self.indent += 1
        self._steps(group, wanted, carries)
        self.indent -= 1
        for carry, after in group.finals.items():
            self.named[after] = self._at_end(group, carry)
        if not self.buffers:
            for x in group.saved:
                name = self.buffer[group, x]
                self.line(f"{name} = np.stack({name})")

    def _before(self, group: Group, carry: Any, first: set[Expression]) -> None:
        """What the first step finds: in the row before its own, or in a variable."""
        update, initial = carry.update, self.text(self.rewriter.once(carry.initial))[0]
        if update in group.saved and update not in first:
            first.add(update)
            length = str(group.loop.length + 1)
            name = self._make_buffer(group, update, length)
            self.line(f"{name}[{-1 if group.loop.reverse else 0}] = {initial}")
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

    def _steps(self, group: Group, wanted: Sequence[Expression], carries: Sequence[Any]) -> None:
        inside = {self.rewriter.inside(x, group): x for x in wanted}
        done: set[Expression] = set()
        for target in inside:
            todo = [target]
            while todo:
                x = todo[-1]
                needed = [] if x in done else [y for y in self._inputs(x) if y.loop is group.loop and y not in done]
                if needed:
                    todo += reversed(needed)
                    continue
                todo.pop()
                if x not in done:
                    done.add(x)
                    self._step_line(group, x, inside.get(x))
        self._hand_on(group, carries)

    def _step_line(self, group: Group, x: Expression, original: Expression | None) -> None:
        if original is not None and original in group.saved:
            place = f"{self.buffer[group, original]}[{moved('t', self._offset(group, original))}]"
            if x.fn == "scattered":
                self._scatter(x, place)
            else:
                self._fill(x, place)
            self._give(x, place)
        elif original is not None and original in group.totals:
            after = group.totals[original]
            if x.fn == "scattered":
                self._assign(x)
            self.line(f"{self.named[after]} += {self._fitting(x)}", x.why or after.why)
            self.readers.done.update(self._within(x))
        elif self._has_line(x) or self._is_deep(x):
            self._assign(x)

    def _fill(self, x: Expression, place: str) -> None:
        """Write x into its row of an array."""
        text = self._fitting(x)
        direct = is_elementwise(x) or x.fn in ("dot", "concatenate")
        if self.in_place and self.buffers and direct and x.ndim:
            self.line(self.into(x, place), x.why)
        else:
            self.line(f"{place} = {text}", x.why)

    def _hand_on(self, group: Group, carries: Sequence[Any]) -> None:
        """What the next step finds; all at once where one needs what another replaces."""
        left, right, whys = [], [], []
        for carry in carries:
            if carry in self.carried:
                x = self.rewriter.inside(carry.update, group)
                left.append(self.carried[carry])
                right.append(self._fitting(x))
                whys.append(x.why)
        if any(name in words(text) for i, text in enumerate(right) for name in left[:i]):
            self.line(f"{', '.join(left)} = {', '.join(right)}")
            return
        for name, text, why in zip(left, right, whys, strict=True):
            if name != text:
                self.line(f"{name} = {text}", why)

    def _offset(self, group: Group, x: Expression) -> int:
        """How far from row t a loop writes its row t: one further where row 0 holds what it started from."""
        return int(not group.loop.reverse and self.has_first(group, x))

    def _at_end(self, group: Group, carry: Any) -> str:
        if carry in self.carried:
            return self.carried[carry]
        return f"{self.buffer[group, carry.update]}[{0 if group.loop.reverse else -1}]"
