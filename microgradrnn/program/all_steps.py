"""What a step computes, computed for all steps at once: every function of NumPy's with one more axis in front.

- `AllSteps`: the rules, one for each function.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from microgradrnn.program.expressions import OPERATORS, REDUCTIONS, Carry, Expression, Loop, is_identity
from microgradrnn.program.namespace import Expressions, is_entry_by_entry
from microgradrnn.program.sizes import product

CACHED = 2**18
"""Bytes that fit into the processor's cache. A larger product goes into an array that is kept, and cheap functions of
more are computed step by step, where what they read has just been (`is_better_at_once`)."""
SMALL = 2**14
"""Bytes from which on NumPy takes longer for the numbers than for the call."""


class AllSteps:
    """The rules; `microgradrnn.program.rewrites.Rewriter` says what is to be done for all steps."""

    xp: Expressions
    rewrites: Collection[str]

    def once(self, x: Any) -> Any:
        """What is computed once."""
        raise NotImplementedError

    def every(self, x: Any, loop: Loop) -> Any:
        """Its values at all steps, one below the other."""
        raise NotImplementedError

    def stepped(self, x: Any) -> bool:
        """Whether it differs from step to step."""
        raise NotImplementedError

    def all_steps(self, x: Expression, loop: Loop) -> Any:
        """The function of all steps' inputs that gives all steps' outputs; None where NumPy has none."""
        xp, length = self.xp, loop.length
        moved = [self.stepped(arg) for arg in x.args]
        args: list[Any] = [
            self.every(arg, loop) if yes else arg if isinstance(arg, (tuple, Carry)) else self.once(arg)
            for arg, yes in zip(x.args, moved, strict=True)
        ]
        if x.fn == "step":
            return _slice(args[0], x.args[1], x.args[2], length)
        if x.fn == "carry":
            return self._shifted(x.args[0], loop)
        if x.fn == "matmul":
            return self._products(x, args, moved, loop)
        if x.fn in REDUCTIONS:
            params = {name: value for name, value in x.params.items() if name == "dtype"}
            along = axes(x)
            params = {"axis": along if len(along) != 1 else along[0], **keepdims(x), **params}
            return xp.make(x.fn, (args[0],), params, (length, *x.shape), x.dtype)
        if x.fn == "cumsum":  # its axis is counted from the right
            return xp.make("cumsum", (args[0],), x.params, (length, *x.shape), x.dtype)
        if x.fn == "reshape":
            return xp.reshape(args[0], (length, *x.shape))
        if x.fn == "transpose":
            return xp.transpose(args[0], (0, *(axis + 1 for axis in x.params["axes"])))
        if x.fn == "index":
            return self._picked(x, args, moved)
        if x.fn in ("concatenate", "stack"):
            filled = [a if yes else xp.broadcast_to(a, (length, *a.shape)) for a, yes in zip(args, moved, strict=True)]
            return xp.make(x.fn, tuple(filled), {"axis": x.params["axis"] + 1}, (length, *x.shape), x.dtype)
        if x.fn == "broadcast_to":
            return xp.broadcast_to(_widened(args[0], x.args[0].ndim, x.ndim), (length, *x.shape))
        if x.fn == "pick":
            return xp.pick(args[0], args[1]) if all(moved) else None
        if x.fn == "same":
            return args[0]
        if x.fn == "astype":
            return args[0].astype(x.dtype)
        if x.fn == "scattered":
            return self._all_scattered(x, args, moved, length)
        if x.fn in OPERATORS or x.fn == "where" or is_entry_by_entry(x.fn):
            wide = [
                _widened(new, old.ndim, x.ndim) if yes else new
                for new, old, yes in zip(args, x.args, moved, strict=True)
            ]
            return xp.elementwise(x.fn, *wide)
        if x.fn == "call":
            return xp.make("call", tuple(args), x.params, (length, *x.shape), x.dtype) if _alike(x) else None
        return None

    def _products(self, x: Expression, args: list[Any], moved: list[bool], loop: Loop) -> Any:
        left, right = x.args
        if all(moved):
            return self.xp.matmul(*args) if left.ndim == right.ndim >= 2 else None
        if moved[0]:
            if left.ndim < 2 or right.ndim != 2:
                return self.xp.matmul(*args) if right.ndim <= 2 else None
            return self.stack_times(self.every(left, loop), args[1], (loop.length, *x.shape), x.hint)
        return self.xp.matmul(*args) if right.ndim == 2 and left.ndim <= 2 else None

    def stack_times(self, stack: Expression, right: Expression, shape: Any, hint: str) -> Any:
        """A stack of matrices times one matrix, or no more than some rows of that; "flatten" makes it one product."""
        if "lookup" in self.rewrites and _are_rows_of_the_identity(stack) and stack.dtype == right.dtype:
            return self.xp.index(right, stack.args[1])
        if "flatten" not in self.rewrites:
            return self.xp.matmul(stack, right)
        found = self.xp.matmul(self.below(stack), right)
        if "buffers" in self.rewrites and size_in_bytes(found) > CACHED:
            found = self.xp.make("product", found.args, {}, found.shape, found.dtype)
            found.hint = hint
        return self.xp.reshape(found, shape)

    def below(self, stack: Expression) -> Any:
        """The rows of all matrices below one another, as one matrix."""
        return self.xp.reshape(stack, (product(stack.shape[:-1]), stack.shape[-1]))

    def _picked(self, x: Expression, args: list[Any], moved: list[bool]) -> Any:
        key = x.args[1]
        if not any(isinstance(part, Expression) for part in key):
            return self.xp.index(args[0], key if key[0] is Ellipsis else (slice(None), *key))
        if len(key) == 1 and not moved[0]:
            return self.xp.index(args[0], (self.every(key[0], x.loop),))  # type: ignore[arg-type]
        return None

    def _all_scattered(self, x: Expression, args: list[Any], moved: list[bool], length: Any) -> Any:
        if any(isinstance(part, Expression) for key in x.args[1::2] for part in key):
            return None
        keys = [key if key[0] is Ellipsis else (slice(None), *key) for key in x.args[1::2]]
        base = args[0] if moved[0] else self.xp.broadcast_to(args[0], (length, *x.shape))
        if x.args[0].fn == "filled":
            base = self.xp.filled(x.args[0].args[0], (length, *x.shape), x.dtype)
        mixed = [part for pair in zip(keys, args[2::2], strict=True) for part in pair]
        return self.xp.make("scattered", (base, *mixed), {}, (length, *x.shape), x.dtype)

    def _shifted(self, carry: Carry, loop: Loop) -> Any:
        """What each step finds, where no step depends on the one before: the others' values, moved by one step."""
        first = self.once(carry.initial)[None]
        every = self.every(carry.update, loop)
        return self.xp.concatenate([every[1:], first] if loop.reverse else [first, every[:-1]])


def _are_rows_of_the_identity(x: Expression) -> bool:
    """Whether x is one-hot rows that integers pick: ``np.eye(V)[tokens]``."""
    return x.fn == "index" and len(x.args[1]) == 1 and isinstance(x.args[1][0], Expression) and is_identity(x.args[0])


def axes(x: Expression) -> tuple[int, ...]:
    """The axes of a reduction, with an axis for the steps before them; from the right where it was so."""
    axis = x.params["axis"]
    if axis is None:
        return tuple(range(1, x.args[0].ndim + 1))
    return tuple(a if a < 0 else a + 1 for a in (axis if isinstance(axis, tuple) else (axis,)))


def keepdims(x: Expression) -> dict[str, Any]:
    """That parameter of a reduction, where it was given."""
    return {"keepdims": True} if x.params.get("keepdims") else {}


def size_in_bytes(x: Expression) -> int:
    """Of the array, as it was recorded."""
    return int(x.size) * int(x.dtype.itemsize)


def _slice(rows: Any, sign: int, first: int, length: int) -> Any:
    """The rows that a loop reads, in the order in which it reads them."""
    size = int(rows.shape[0])
    start, stop = (first, first + int(length)) if sign == 1 else (first - int(length) + 1, first + 1)
    part = rows if (start, stop) == (0, size) else rows[slice(start or None, None if stop == size else stop - size)]
    return part if sign == 1 else part[::-1]


def _widened(x: Any, old: int, new: int) -> Any:
    """New axes between the steps' and the others, so that all steps broadcast as one does."""
    return x if old >= new or not isinstance(x, Expression) else x[(slice(None), *(None,) * (new - old))]


def _alike(x: Expression) -> bool:
    """Whether all inputs have the output's shape, or are numbers."""
    return all(not isinstance(arg, Expression) or arg.ndim in (0, x.ndim) for arg in x.args)


def is_better_at_once(x: Expression, loop: Loop) -> bool:
    """Whether a cheap function is quicker for all steps at once than in each, where what it reads is near anyway."""
    return size_in_bytes(x) < SMALL or int(loop.length) * size_in_bytes(x) <= CACHED


def is_ufunc(name: str) -> bool:
    """Whether a function of NumPy's computes entry by entry."""
    return isinstance(getattr(np, name, None), np.ufunc)
