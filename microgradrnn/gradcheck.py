"""Central differences: an independent witness for any gradient that the engine computes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.backprop import gradients
from microgradrnn.context import no_grad
from microgradrnn.engine import Node


class GradcheckError(AssertionError):
    """Backward and central differences disagree; says at which input and index, and both numbers."""


def gradcheck(
    fn: Callable[..., Node],
    inputs: Node | Sequence[Node],
    eps: float | None = None,
    rtol: float | None = None,
    atol: float | None = None,
) -> bool:
    """Compare the gradient of ``fn(*inputs)`` with (f(x + h) - f(x - h)) / 2h, entry by entry.

    A result that is not a scalar is first multiplied by fixed random weights and summed. No ``grad`` is touched, and
    data that is nudged is put back.

    Args:
        fn: any function of nodes; called again for every entry, so it must give the same answer each time.
        inputs: the leaves to nudge; those that need no gradient are passed on as they are.
        eps: h is ``eps * max(1, |x|)``; 6e-6 in float64.
        rtol: how far they may differ relative to the difference quotient; 1e-6 in float64.
        atol: how far they may differ beyond that; 1e-8 in float64.

    Returns:
        True.

    Raises:
        GradcheckError: they disagree; names the input and index that are furthest apart, and both numbers.
        ValueError: an input is no leaf, none needs a gradient, or one is less precise than float64 and no tolerances
            were given: differences in float32 are only good to about 1e-2, so the caller must say what will do.

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

    root = fn(*leaves)
    weights = np.ones(()) if root.ndim == 0 else np.random.default_rng(0).standard_normal(root.shape)
    by_backward = gradients(root, weights)

    def objective() -> Any:
        with no_grad():
            return np.sum(fn(*leaves).data * weights)

    worst, message = 0.0, ""
    for i, leaf in checked:
        quotient = _differences(objective, leaf, eps)
        grad = np.asarray(by_backward.get(leaf, np.zeros(leaf.shape)))
        excess = np.abs(grad - quotient) / (atol + rtol * np.abs(quotient))
        excess = np.where(np.isnan(excess), np.inf, excess)
        index = np.unravel_index(np.argmax(excess), excess.shape)
        if excess[index] > max(worst, 1.0):
            worst = float(excess[index])
            at = f"[{', '.join(map(str, index))}]" if index else ""
            name = f" {leaf.label!r}" if leaf.label else ""
            message = (
                f"input {i}{name}{at}: backward says {grad[index]:.9g}, central differences say "
                f"{quotient[index]:.9g} (allowed: {atol:g} + {rtol:g} relative)"
            )
    if message:
        raise GradcheckError(message)
    return True


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


def _differences(objective: Callable[[], Any], leaf: Node, eps: float) -> NDArray[Any]:
    """The central difference quotient of the objective for each entry of the leaf."""
    kept = np.array(leaf.data)
    quotient = np.empty(kept.shape)
    try:
        for index in np.ndindex(kept.shape):
            step = eps * max(1.0, abs(float(kept[index])))
            sides = []
            for sign in (1, -1):
                nudged = kept.copy()
                nudged[index] += sign * step
                leaf.data = nudged
                sides.append((float(nudged[index]), float(objective())))
            (above, f_above), (below, f_below) = sides
            quotient[index] = (f_above - f_below) / (above - below)
    finally:
        leaf.data = kept
    return quotient
