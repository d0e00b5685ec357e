"""At which time step a wrong gradient goes wrong, as far as its total shows it.

The walk back goes from the last step to the first, so a fault *comes in* at the step that is visited first among those
that are wrong.

- `as_if`: mine leaves out what some steps contribute, counts it twice, or has its sign wrong.
- `by_its_rows`: the upstream gradients went wrong from some step on; told by what the difference is made of.
- `rows_of`: what a weight is multiplied with at each step, which `by_its_rows` needs.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from microgradrnn.backprop import order
from microgradrnn.engine import Node
from microgradrnn.loops import time_steps
from microgradrnn.named_steps import in_short

Array = NDArray[Any]
Steps = Sequence[int | None]
ByStep = dict[int | None, Array]
"""Arrays by time step, in the order of the walk: the last step first. Under None stands what is outside any step."""

ASK_FOR_MORE = "give the contribution of each step, or the gradients of the states"


class Place(NamedTuple):
    """Where a fault comes in, None where that cannot be told, and what is known of it in words."""

    step: int | None
    why: str


def as_if(mine: Array, ours: Array, parts: ByStep, rtol: float) -> Place | None:
    """What a walk must have done to the contributions of steps to come to mine, where that is something simple.

    Args:
        mine: a wrong gradient.
        ours: the right one, the sum of the parts.
        parts: what each step contributes.
        rtol: how well mine must be met; see `microgradrnn.compare`.

    Returns:
        The place, without a step where several would explain mine equally well; None where nothing simple does.

    >>> parts = {3: np.array([1.0, 0.0]), 2: np.array([0.0, 2.0]), 1: np.array([4.0, 4.0])}
    >>> as_if(np.array([5.0, 4.0]), np.array([5.0, 6.0]), parts, 1e-6)
    Place(step=2, why='as if the contribution of step 2 is left out')
    """
    scale = largest([ours, *parts.values()])
    tolerance = np.minimum(allowed(ours, rtol, scale), 1e-3 * largest([mine - ours]))
    fitting = [
        (largest([mine - guess]), place)
        for place, guess in _simple_faults(mine, ours, parts)
        if (np.abs(mine - guess) <= tolerance).all()
    ]
    if not fitting:
        return None
    closest = min(off for off, _ in fitting)
    places = [place for off, place in fitting if off <= max(10 * closest, 1e-14 * scale)]
    elsewhere = [place.why for place in places if place.step != places[0].step]
    return Place(None, f"{places[0].why}; or {elsewhere[0]}") if elsewhere else places[0]


def _simple_faults(mine: Array, ours: Array, parts: ByStep) -> Iterator[tuple[Place, Array]]:
    """Simple faults of the whole gradient and of whole contributions, the simplest first, and what each leads to."""
    steps = list(parts)
    if ours.ndim == 2 and ours.shape[0] == ours.shape[1]:
        yield Place(None, "mine is the transpose of ours"), ours.T
    size = float(np.vdot(ours, ours))
    ratio = float(np.vdot(ours, mine)) / size if size else 0.0
    if steps and (ours.size > 1 or _is_round(ratio)):
        yield Place(steps[0], f"mine is {ratio:.6g} times ours"), ratio * ours
    for factor, fault in ((-1, "left out"), (1, "counted twice"), (-2, "counted with the wrong sign")):
        for run, change in _runs(parts) if in_steps(parts) else ():
            what = f"the contribution of {named(run)} is" if len(run) == 1 else f"the contributions of {named(run)} are"
            stopped = factor == -1 and len(run) < len(steps) and run == steps[-len(run) :]
            last = f": the walk stops after {named([steps[-len(run) - 1]])}" if stopped else ""
            yield Place(run[0], f"as if {what} {fault}{last}"), ours + factor * change


def _is_round(ratio: float) -> bool:
    """Whether a ratio is a small whole number or one over it: of one number any ratio fits, and few mean anything."""
    either = max(abs(ratio), 1 / abs(ratio)) if ratio else 0.0
    return 0 < either <= 100 and abs(either - round(either)) < 1e-6


def _runs(parts: ByStep) -> Iterator[tuple[list[int | None], Array]]:
    """Each step, those visited before it and those from it on, with the sums of their contributions."""
    steps, sums = list(parts), list(accumulate(parts.values()))
    for t, part in parts.items():
        yield [t], part
    for k in range(1, len(steps)):
        yield steps[:k], sums[k - 1]
        yield steps[k:], sums[-1] - sums[k - 1]


def rows_of(loss: Node, weight: Node) -> tuple[ByStep, int]:
    """What a weight W is multiplied with at each step: the rows of x_t in x_t W, or in x_t W^T.

    Empty where W is used in any other way, or outside the steps.

    Returns:
        The rows, and the axis of W that they run along: the first one in x_t W.

    >>> from microgradrnn import Tensor, scope
    >>> W = Tensor([[2.0]])
    >>> with scope("cell", t=1):
    ...     h = Tensor([[5.0]]) @ W
    >>> rows_of(h.sum(), W)
    ({1: array([[5.]])}, 0)
    """
    times = time_steps(loss)
    rows: dict[int | None, list[Array]] = {}
    axes: set[int] = set()
    for node in order(loss):
        for slot, x in enumerate(node.inputs):
            if x is weight:
                t, axis = times.of(node), node.op.contracts if node.op else None
                axes |= set() if axis is None else {axis}
                if axis is None or len(axes) > 1 or slot != 1 or t is None or weight.ndim != 2:
                    return {}, 0
                rows.setdefault(t, []).append(np.reshape(node.xs[0], (-1, weight.shape[axis])))
    return {t: np.concatenate(found) for t, found in rows.items()}, max(axes, default=0)


def by_its_rows(name: str, difference: Array, rows: ByStep) -> Place:
    """Where a walk went wrong, from what its mistake in a weight's gradient is made of.

    Step t contributes x_t^T E_t to dL/dW, E_t being the upstream of x_t W. If the walk goes wrong at step k, E_t is
    right for the steps visited before, t > k, and the difference is a sum of x_t^T (wrong E_t - E_t) with t <= k: its
    columns are combinations of the rows x_t of those steps. So the rows are taken in from the first step on, as an
    orthonormal basis, until they make up the difference; k is the step that completes them. A step whose rows bring
    hardly a new direction cannot be told from the one before, and once there are as many directions as x_t has
    features, no step can be told from another.

    Args:
        name: the weight's.
        difference: mine less ours, with the axis first that the rows run along.
        rows: from `rows_of`.

    Returns:
        The place; its step is None where the rows cannot tell it.

    With x_1 = (1, 0) and x_2 = (1, 1) a difference with a second row takes x_2:

    >>> rows = {2: np.array([[1.0, 1.0]]), 1: np.array([[1.0, 0.0]])}
    >>> [by_its_rows("W", np.array(difference), rows).step for difference in ([[3.0], [0.0]], [[3.0], [4.0]])]
    [1, 2]
    """
    if not rows or not np.isfinite(difference).all():
        return Place(None, f"the total does not show where it comes in: {ASK_FOR_MORE}")
    scale, basis = largest(rows.values()), np.zeros((len(difference), 0))
    alike: list[int | None] = []
    for t in reversed(rows):
        fresh = rows[t].T
        for _ in range(2):  # again, for what rounding left of the first time
            fresh = fresh - basis @ (basis.T @ fresh)
        directions, sizes, _ = np.linalg.svd(fresh, full_matrices=False)
        if alike and sizes.max(initial=0.0) > 1e-4 * scale:
            break
        basis = np.hstack([basis, directions[:, sizes > 1e-10 * scale]])
        left = difference - basis @ (basis.T @ difference)
        if alike or np.linalg.norm(left) <= 1e-6 * np.linalg.norm(difference):
            alike.insert(0, t)
    if not alike:
        return Place(None, f"whatever the upstream gradients: mine multiplies them with other rows than {name} read")
    if len(alike) > 1:
        return Place(None, f"at one of {named(alike)}, which the total cannot tell apart: {ASK_FOR_MORE}")
    return Place(alike[0], f"it is made of what {name} read up to this step")


def in_steps(parts: ByStep) -> bool:
    """Whether any of the parts belongs to a time step."""
    return any(t is not None for t in parts)


def allowed(ours: Array, rtol: float, scale: float) -> Array:
    """How far each entry of mine may be from ours, rounding apart: see `microgradrnn.compare`."""
    return rtol * (np.abs(ours) + 1e-3 * scale)


def largest(arrays: Iterable[Array]) -> float:
    """The largest entry, in size, of all arrays."""
    return max(float(np.abs(array).max(initial=0.0)) for array in arrays)


def named(steps: Steps) -> str:
    """Steps in the order of the walk, for a sentence.

    >>> named([3]), named([3, 2, 1]), named([2, None])
    ('step 3', 'steps 3 to 1', 'step 2, what stands outside any step')
    """
    numbered = [t for t in steps if t is not None]
    parts = [f"{'step' if len(numbered) == 1 else 'steps'} {in_short(numbered)}"] if numbered else []
    return ", ".join(parts + ["what stands outside any step"] * (None in steps))
