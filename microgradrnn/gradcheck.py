"""Central differences: an independent witness for any gradient that the engine computes.

Where they disagree with backward, the function itself may be the reason: it is random, has a kink at the point, or is
not defined beside it. So before backward is blamed, the function is called at the same point again, and from closer to
it on either side (`microgradrnn.quotients`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.backprop import gradients
from microgradrnn.context import no_grad
from microgradrnn.engine import Node
from microgradrnn.quotients import Nudged, Verdict, judge

Array = NDArray[Any]


class GradcheckError(AssertionError):
    """Backward and central differences disagree, or cannot be compared; says at which input and index, and why."""


def gradcheck(
    fn: Callable[..., Any],
    inputs: Node | Sequence[Node],
    eps: float | None = None,
    rtol: float | None = None,
    atol: float | None = None,
) -> bool:
    """Compare the gradient of ``fn(*inputs)`` with (f(x + h) - f(x - h)) / 2h, entry by entry.

    What is not one scalar is first multiplied by fixed random weights and summed. No ``grad`` is touched, and data
    that is nudged is put back.

    Args:
        fn: any function of nodes; called again for every entry, so it must give the same answer each time. Of what it
            returns, also in tuples and lists, each node that wants a gradient is checked and all else is ignored: so
            it may be a model's ``loss``, which returns a state too.
        inputs: the leaves to nudge; those that need no gradient are passed on as they are.
        eps: h is ``eps * max(1, |x|)``; 6e-6 in float64. Where they disagree, smaller ones are tried as well.
        rtol: how far they may differ relative to the difference quotient; 1e-6 in float64.
        atol: how far they may differ beyond that; 1e-8 in float64.

    Returns:
        True.

    Raises:
        GradcheckError: they disagree; names the input and index that are furthest apart, and both numbers. Or they
            cannot be compared, and the error says why: fn gives different answers for equal inputs, has a kink at the
            point, or is not finite there or beside it.
        ValueError: an input is no leaf, none needs a gradient, or one is less precise than float64 and no tolerances
            were given: differences in float32 are only good to about 1e-2, so the caller must say what will do.
        TypeError: an input is no node, or fn returns no node that wants a gradient.

    >>> from microgradrnn import Value
    >>> gradcheck(lambda a, b: a * b.tanh(), [Value(2.0), Value(0.5)])
    True
    """
    leaves = [inputs] if isinstance(inputs, Node) else list(inputs)
    for i, leaf in enumerate(leaves):
        if not isinstance(leaf, Node):
            raise TypeError(f"gradcheck: input {i} is a {type(leaf).__name__}; give leaves, such as Tensor(array)")
    checked = [(i, leaf) for i, leaf in enumerate(leaves) if leaf.requires_grad and leaf.size]
    _refuse(checked, (eps, rtol, atol))
    eps, rtol, atol = (6e-6 if eps is None else eps), (1e-6 if rtol is None else rtol), (1e-8 if atol is None else atol)

    with np.errstate(all="ignore"):  # what is not finite makes an error of its own
        objective = _Objective(fn, leaves)
        found = []
        for i, leaf in checked:
            disagreeing = _disagreeing(objective, leaf, eps, rtol, atol)
            found += [(verdict, excess, _place(i, leaf, index)) for verdict, excess, index in disagreeing]
    if found:
        verdict, _, place = max(found, key=lambda each: (each[0].blames_backward, each[1]))
        raise GradcheckError(f"{place}: {verdict.words}")
    return True


class _Objective:
    """The sum of what a function returns, with fixed weights: its value as the leaves now stand, and its gradients."""

    def __init__(self, fn: Callable[..., Any], leaves: Sequence[Node]) -> None:
        self._fn, self._leaves = fn, leaves
        returned = fn(*leaves)
        outputs = list(_nodes(returned))
        self._wanted = [k for k, node in enumerate(outputs) if node.requires_grad]
        if not self._wanted:
            what = f"fn returned {type(returned).__name__}" if not outputs else "what fn returned wants no gradient"
            raise TypeError(f"gradcheck: {what}; return a node that is computed from the inputs, or a tuple of them")
        roots = [outputs[k] for k in self._wanted]
        rng, lone = np.random.default_rng(0), len(roots) == 1 and roots[0].ndim == 0
        self._weights = [np.ones(()) if lone else rng.standard_normal(root.shape) for root in roots]
        self._grads = {leaf: np.zeros(leaf.shape) for leaf in leaves}
        for root, weights in zip(roots, self._weights, strict=True):
            found = gradients(root, weights)
            for leaf in self._grads:
                self._grads[leaf] = self._grads[leaf] + found.get(leaf, 0.0)
        self._first = [np.array(root.data) for root in roots]
        self.refuse_other_answers()

    def __call__(self) -> float:
        values = self._values()
        return sum(float(np.sum(value * weights)) for value, weights in zip(values, self._weights, strict=True))

    def gradient(self, leaf: Node) -> Array:
        """What backward says."""
        return self._grads[leaf]

    def refuse_other_answers(self) -> None:
        """Raise unless the function gives for the same inputs what it gave at first."""
        again = self._values()
        if len(again) != len(self._first) or not all(map(_same, self._first, again)):
            raise GradcheckError(
                "gradcheck: fn gives different answers for equal inputs, as dropout in training does, so there is "
                "nothing to compare; call eval() on the module, or let fn draw from a generator that it makes anew "
                "with a fixed seed"
            )

    def _values(self) -> list[Array]:
        with no_grad():
            outputs = list(_nodes(self._fn(*self._leaves)))
        return [np.asarray(outputs[k].data) for k in self._wanted if k < len(outputs)]


def _nodes(returned: Any) -> Iterator[Node]:
    """Every node in what a function returned."""
    todo = [returned]
    while todo:
        thing = todo.pop()
        if isinstance(thing, Node):
            yield thing
        elif isinstance(thing, (tuple, list)):
            todo.extend(reversed(thing))


def _same(a: Array, b: Array) -> bool:
    return np.array_equal(a, b, equal_nan=True)


def _disagreeing(
    objective: _Objective, leaf: Node, eps: float, rtol: float, atol: float
) -> Iterator[tuple[Verdict, float, tuple[int, ...]]]:
    """The entries of a leaf that disagree, worst first, up to the first that backward is to blame for."""
    nudged, grad = Nudged(objective, leaf, eps), objective.gradient(leaf)
    quotient = nudged.quotients()
    excess = np.abs(grad - quotient) / (atol + rtol * np.abs(quotient))
    excess = np.where(np.isnan(excess), np.inf, excess)
    indices = [tuple(map(int, index)) for index in np.argwhere(excess > 1)]
    if indices:
        objective.refuse_other_answers()  # the first two answers of a random function may have been equal by chance
    for index in sorted(indices, key=lambda index: -excess[index]):
        verdict = judge(nudged, index, float(grad[index]), rtol, atol)
        if verdict is not None:
            yield verdict, float(excess[index]), index
            if verdict.blames_backward:
                return


def _place(i: int, leaf: Node, index: tuple[int, ...]) -> str:
    name = f" {leaf.label!r}" if leaf.label else ""
    return f"input {i}{name}" + (f"[{', '.join(map(str, index))}]" if index else "")


def _refuse(checked: list[tuple[int, Node]], tolerances: tuple[float | None, ...]) -> None:
    if not checked:
        raise ValueError("gradcheck: no input needs a gradient, or all are empty; give leaves of floats")
    for i, leaf in checked:
        if leaf.op is not None:
            raise ValueError(f"gradcheck: input {i} is the output of {leaf.op.name}; give leaves")
        if leaf.dtype != np.float64 and None in tolerances:
            raise ValueError(
                f"gradcheck: input {i} is {leaf.dtype}; give eps, rtol and atol for it (such as 1e-2, 1e-2 and 1e-3), "
                "or better check in float64"
            )
