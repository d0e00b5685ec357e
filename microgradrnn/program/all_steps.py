"""What a step computes, computed for all steps at once: every function with one more axis in front.

A rule, such as `entrywise`, takes a `Step`, and gives the function of all steps' inputs that has all steps' outputs;
None where NumPy has none. Which function has which rule stands in `microgradrnn.program.table`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from microgradrnn.program.expressions import Expression, Loop, is_identity
from microgradrnn.program.sizes import product

if TYPE_CHECKING:
    from microgradrnn.program.rewrites import Rewriter

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


Rule = Callable[["Rewriter", Step], Any]


def entrywise(rewriter: Rewriter, step: Step) -> Any:
    """Entry by entry, with broadcasting."""
    x, args, moved, _ = step
    wide = [_widened(new, old.ndim, x.ndim) if yes else new for new, old, yes in zip(args, x.args, moved, strict=True)]
    return rewriter.xp.elementwise(x.fn, *wide)


def rows(rewriter: Rewriter, step: Step) -> Any:
    """The rows that a loop reads, in the order in which it reads them."""
    sign, first, length = *step.x.args[1:], int(step.loop.length)
    size = int(step.args[0].shape[0])
    start, stop = (first, first + length) if sign == 1 else (first - length + 1, first + 1)
    part = step.args[0]
    part = part if (start, stop) == (0, size) else part[slice(start or None, None if stop == size else stop - size)]
    return part if sign == 1 else part[::-1]


def handed_on(rewriter: Rewriter, step: Step) -> Any:
    """What each step finds, where no step depends on the one before: the others' values, moved by one step."""
    carry = step.x.args[0]
    first = rewriter.once(carry.initial)[None]
    every = rewriter.every(carry.update, step.loop)
    return rewriter.xp.concatenate([every[1:], first] if step.loop.reverse else [first, every[:-1]])


def products(rewriter: Rewriter, step: Step) -> Any:
    """Matrix products."""
    x, args, moved, loop = step
    left, right = x.args
    if all(moved):
        return rewriter.xp.matmul(*args) if left.ndim == right.ndim >= 2 else None
    if moved[0]:
        if left.ndim < 2 or right.ndim != 2:
            return rewriter.xp.matmul(*args) if right.ndim <= 2 else None
        return stack_times(rewriter, rewriter.every(left, loop), args[1], (loop.length, *x.shape), x.hint)
    return rewriter.xp.matmul(*args) if right.ndim == 2 and left.ndim <= 2 else None


def stack_times(rewriter: Rewriter, stack: Expression, right: Expression, shape: Any, hint: str) -> Any:
    """A stack of matrices times one matrix, or no more than some rows of that; "flatten" makes it one product."""
    if "lookup" in rewriter.rewrites and _are_rows_of_the_identity(stack) and stack.dtype == right.dtype:
        return rewriter.xp.index(right, stack.args[1])
    if "flatten" not in rewriter.rewrites:
        return rewriter.xp.matmul(stack, right)
    found = rewriter.xp.matmul(below(stack), right)
    if "buffers" in rewriter.rewrites and size_in_bytes(found) > CACHED:
        found = rewriter.xp.note(rewriter.xp.make("product", found.args), hint=hint)
    return rewriter.xp.reshape(found, shape)


def below(stack: Expression) -> Any:
    """The rows of all matrices below one another, as one matrix."""
    return stack.home.reshape(stack, (product(stack.shape[:-1]), stack.shape[-1]))


def reduction(rewriter: Rewriter, step: Step) -> Any:
    """Over the same axes, which have the steps' before them."""
    params = {name: value for name, value in step.x.params.items() if name == "dtype"}
    along = axes(step.x)
    params = {"axis": along if len(along) != 1 else along[0], **keepdims(step.x), **params}
    return rewriter.xp.make(step.x.fn, (step.args[0],), params)


def along_an_axis_from_the_right(rewriter: Rewriter, step: Step) -> Any:
    """Nothing changes."""
    return rewriter.xp.make(step.x.fn, (step.args[0],), step.x.params)


def reshaped(rewriter: Rewriter, step: Step) -> Any:
    """Each step's entries in another shape."""
    return rewriter.xp.reshape(step.args[0], (step.loop.length, *step.x.shape))


def permuted(rewriter: Rewriter, step: Step) -> Any:
    """The axes in another order, after the steps'."""
    return rewriter.xp.transpose(step.args[0], (0, *(axis + 1 for axis in step.x.params["axes"])))


def indexed(rewriter: Rewriter, step: Step) -> Any:
    """What each step picks, or looks up in what all steps share."""
    key = step.x.args[1]
    if not any(isinstance(part, Expression) for part in key):
        return rewriter.xp.index(step.args[0], key if key[0] is Ellipsis else (slice(None), *key))
    if len(key) == 1 and not step.moved[0]:
        return rewriter.xp.index(step.args[0], (rewriter.every(key[0], step.loop),))
    return None


def joined(rewriter: Rewriter, step: Step) -> Any:
    """Side by side; what is the same in all steps is repeated."""
    xp, length = rewriter.xp, step.loop.length
    filled = [
        a if yes else xp.broadcast_to(a, (length, *a.shape)) for a, yes in zip(step.args, step.moved, strict=True)
    ]
    return xp.make(step.x.fn, tuple(filled), {"axis": step.x.params["axis"] + 1})


def broadcast(rewriter: Rewriter, step: Step) -> Any:
    """Repeated to fill a shape."""
    x = step.x
    return rewriter.xp.broadcast_to(_widened(step.args[0], x.args[0].ndim, x.ndim), (step.loop.length, *x.shape))


def picked(rewriter: Rewriter, step: Step) -> Any:
    """One entry of each row."""
    return rewriter.xp.pick(*step.args) if all(step.moved) else None


def itself(rewriter: Rewriter, step: Step) -> Any:
    """What it is given."""
    return step.args[0]


def cast(rewriter: Rewriter, step: Step) -> Any:
    """The same entries as another type."""
    return step.args[0].astype(step.x.dtype)


def called(rewriter: Rewriter, step: Step) -> Any:
    """A function that the program defines; its inputs must broadcast as they do in a step."""
    x = step.x
    if any(isinstance(arg, Expression) and arg.ndim not in (0, x.ndim) for arg in x.args):
        return None
    return rewriter.xp.make("call", tuple(step.args), x.params, (step.loop.length, *x.shape), x.dtype)


def scattered(rewriter: Rewriter, step: Step) -> Any:
    """What each step adds at keys that are the same in all."""
    xp, x, length = rewriter.xp, step.x, step.loop.length
    if any(isinstance(part, Expression) for key in x.args[1::2] for part in key):
        return None
    keys = [key if key[0] is Ellipsis else (slice(None), *key) for key in x.args[1::2]]
    base = step.args[0] if step.moved[0] else xp.broadcast_to(step.args[0], (length, *x.shape))
    if x.args[0].fn == "filled":
        base = xp.filled(x.args[0].args[0], (length, *x.shape), x.dtype)
    mixed = [part for pair in zip(keys, step.args[2::2], strict=True) for part in pair]
    return xp.make("scattered", (base, *mixed))


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


def _widened(x: Any, old: int, new: int) -> Any:
    """New axes between the steps' and the others, so that all steps broadcast as one does."""
    return x if old >= new or not isinstance(x, Expression) else x[(slice(None), *(None,) * (new - old))]


def is_better_at_once(x: Expression, loop: Loop) -> bool:
    """Whether a cheap function is quicker for all steps at once than in each, where what it reads is near anyway."""
    return size_in_bytes(x) < SMALL or int(loop.length) * size_in_bytes(x) <= CACHED
