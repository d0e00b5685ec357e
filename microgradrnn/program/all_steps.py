"""What a step computes, computed for all steps at once: every function with one more axis in front.

A rule, such as `entrywise`, takes a `Step`, and gives the function of all steps' inputs that has all steps' outputs;
None where NumPy has none. Which function has which rule stands in `microgradrnn.program.table`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from microgradrnn.program.expressions import Expression, Loop
from microgradrnn.program.steps import rows_read

if TYPE_CHECKING:
    from microgradrnn.program.fission import Fission

CACHED = 2**18
"""Bytes that fit into the processor's cache. A larger product goes into an array that is kept, and cheap functions of
more are computed step by step, where what they read has just been (`is_better_at_once`)."""
SMALL = 2**14
"""Bytes from which on NumPy takes longer for the numbers than for the call."""


class Step(NamedTuple):
    """A function of a loop's step, and what it is given for all steps at once.

    Attributes:
        x: the function, as the step computes it.
        args: of its arguments that differ from step to step, the values at all steps, one below the other.
        moved: which of them do.
        loop: the loop.
    """

    x: Expression
    args: list[Any]
    moved: list[bool]
    loop: Loop


Rule = Callable[["Fission", Step], Any]


def entrywise(fission: Fission, step: Step) -> Any:
    """Entry by entry, with broadcasting."""
    return fission.xp.elementwise(step.x.fn, *_wide(step))


def rows(fission: Fission, step: Step) -> Any:
    """The rows that a loop reads, in the order in which it reads them."""
    _, sign, first = step.x.args
    part = step.args[0][rows_read(step.args[0], step.loop.length, sign, first)]
    return part if sign == 1 else part[::-1]


def handed_on(fission: Fission, step: Step) -> Any:
    """What each step finds, where no step depends on the one before: the others' values, moved by one step."""
    carry = step.x.args[0]
    first = fission.once(carry.initial)[None]
    every = fission.every(carry.update, step.loop)
    return fission.xp.concatenate([every[1:], first] if step.loop.reverse else [first, every[:-1]])


def products(fission: Fission, step: Step) -> Any:
    """Matrix products."""
    x, args, moved, _ = step
    left, right = x.args
    if all(moved):
        return fission.xp.matmul(*args) if left.ndim == right.ndim >= 2 else None
    if moved[0]:
        return fission.xp.matmul(*args) if right.ndim <= 2 else None
    return fission.xp.matmul(*args) if right.ndim == 2 and left.ndim <= 2 else None


def reduction(fission: Fission, step: Step) -> Any:
    """Over the same axes, which have the steps' before them."""
    along = axes(step.x)
    params = {**step.x.params, "axis": along if len(along) != 1 else along[0]}
    return fission.xp.make(step.x.fn, (step.args[0],), params)


def along_an_axis_from_the_right(fission: Fission, step: Step) -> Any:
    """Nothing changes."""
    return fission.xp.make(step.x.fn, (step.args[0],), step.x.params)


def reshaped(fission: Fission, step: Step) -> Any:
    """Each step's entries in another shape."""
    return fission.xp.reshape(step.args[0], (step.loop.length, *step.x.shape))


def permuted(fission: Fission, step: Step) -> Any:
    """The axes in another order, after the steps'."""
    return fission.xp.transpose(step.args[0], (0, *(axis + 1 for axis in step.x.params["axes"])))


def indexed(fission: Fission, step: Step) -> Any:
    """What each step picks, or looks up in what all steps share."""
    key = step.x.args[1]
    if not any(isinstance(part, Expression) for part in key):
        return fission.xp.index(step.args[0], key if key[0] is Ellipsis else (slice(None), *key))
    if len(key) == 1 and not step.moved[0]:
        return fission.xp.index(step.args[0], (fission.every(key[0], step.loop),))
    return None


def joined(fission: Fission, step: Step) -> Any:
    """Side by side; what is the same in all steps is repeated."""
    xp, length = fission.xp, step.loop.length
    filled = [
        a if yes else xp.broadcast_to(a, (length, *a.shape)) for a, yes in zip(step.args, step.moved, strict=True)
    ]
    return xp.make(step.x.fn, tuple(filled), {"axis": step.x.params["axis"] + 1})


def broadcast(fission: Fission, step: Step) -> Any:
    """Repeated to fill a shape."""
    x = step.x
    return fission.xp.broadcast_to(_widened(step.args[0], x.args[0].ndim, x.ndim), (step.loop.length, *x.shape))


def picked(fission: Fission, step: Step) -> Any:
    """One entry of each row."""
    return fission.xp.pick(*step.args) if all(step.moved) else None


def itself(fission: Fission, step: Step) -> Any:
    """What it is given."""
    return step.args[0]


def cast(fission: Fission, step: Step) -> Any:
    """The same entries as another type."""
    return step.args[0].astype(step.x.dtype)


def called(fission: Fission, step: Step) -> Any:
    """A function that the program defines, entry by entry."""
    x = step.x
    return fission.xp.make("call", _wide(step), x.params, (step.loop.length, *x.shape), x.dtype)


def scattered(fission: Fission, step: Step) -> Any:
    """What each step adds at keys that are the same in all."""
    xp, x, length = fission.xp, step.x, step.loop.length
    if any(isinstance(part, Expression) for key in x.args[1::2] for part in key):
        return None
    keys = [(slice(None), *key) for key in x.args[1::2]]
    base = step.args[0] if step.moved[0] else xp.broadcast_to(step.args[0], (length, *x.shape))
    mixed = [part for pair in zip(keys, step.args[2::2], strict=True) for part in pair]
    return xp.make("scattered", (base, *mixed))


def axes(x: Expression) -> tuple[int, ...]:
    """The axes of a reduction, with an axis for the steps before them; from the right where it was so."""
    axis = x.params["axis"]
    if axis is None:
        return tuple(range(1, x.args[0].ndim + 1))
    return tuple(a if a < 0 else a + 1 for a in (axis if isinstance(axis, tuple) else (axis,)))


def size_in_bytes(x: Expression) -> int:
    """Of the array, as it was recorded."""
    return int(x.size) * int(x.dtype.itemsize)


def _wide(step: Step) -> tuple[Any, ...]:
    """What a step is given, such that all steps broadcast as one does."""
    x, args, moved, _ = step
    found = zip(args, x.args, moved, strict=True)
    return tuple([_widened(new, old.ndim, x.ndim) if yes else new for new, old, yes in found])


def _widened(x: Any, old: int, new: int) -> Any:
    """New axes between the steps' and the others."""
    return x if old >= new else x[(slice(None), *(None,) * (new - old))]


def is_better_at_once(x: Expression, loop: Loop) -> bool:
    """Whether a cheap function is quicker for all steps at once than in each, where what it reads is near anyway."""
    return size_in_bytes(x) < SMALL or int(loop.length) * size_in_bytes(x) <= CACHED
