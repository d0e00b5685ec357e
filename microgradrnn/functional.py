"""Functions of nodes that are not methods: joining, choosing, the softmax family and losses.

Each is one node of the op table, after its arguments have been checked. Classes stand on the last axis.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from microgradrnn import ops
from microgradrnn.checks import check_choice, check_shape, integers, node, numbers
from microgradrnn.engine import Node, constant, record

REDUCTIONS = ("mean", "sum", "none")


def add_n(nodes: Sequence[Any]) -> Any:
    """The sum of several nodes as one node, drawn as one Σ.

    >>> from microgradrnn import Value
    >>> add_n([Value(1.0), Value(2.0), Value(3.0)]).data
    6.0
    """
    return record(ops.ADD_N, *_some(nodes, "add_n"))


def maximum(x: Any, y: Any, *more: Any) -> Any:
    """The largest of the inputs, entry by entry; ties share the gradient evenly."""
    return record(ops.MAXIMUM, x, y, *more)


def minimum(x: Any, y: Any, *more: Any) -> Any:
    """The smallest of the inputs, entry by entry; ties share the gradient evenly."""
    return record(ops.MINIMUM, x, y, *more)


def where(condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds, else y, entry by entry.

    >>> from microgradrnn import Tensor
    >>> where(np.array([True, False]), Tensor([1.0, 2.0]), 0.0).data
    array([1., 0.])
    """
    return record(ops.WHERE, condition, x, y)


def concat(nodes: Sequence[Any], axis: int = 0) -> Any:
    """Tensors joined along an axis that they have."""
    nodes = _some(nodes, "concat")
    sizes = [np.shape(node._data if isinstance(node, Node) else node) for node in nodes]
    lengths = [size[axis] if -len(size) <= axis < len(size) else 0 for size in sizes]  # NumPy refuses what is amiss
    return record(ops.CONCAT, *nodes, axis=axis, starts=(0, *accumulate(lengths)))


def stack(nodes: Sequence[Any], axis: int = 0) -> Any:
    """Nodes of one shape joined along a new axis; Values make a vector.

    >>> from microgradrnn import Value
    >>> stack([Value(1.0), Value(2.0)]).shape
    (2,)
    """
    return record(ops.STACK, *_some(nodes, "stack"), axis=axis)


def softmax(logits: Any, axis: int = -1) -> Any:
    """e^(x_i) / sum_j e^(x_j) along an axis; no logit is too large."""
    return record(ops.SOFTMAX, logits, axis=axis)


def log_softmax(logits: Any, axis: int = -1) -> Any:
    """x_i - log sum_j e^(x_j) along an axis."""
    return record(ops.LOG_SOFTMAX, logits, axis=axis)


def logsumexp(x: Any, axis: int = -1, keepdims: bool = False) -> Any:
    """log sum_i e^(x_i) along an axis."""
    return record(ops.LOGSUMEXP, x, axis=axis, keepdims=keepdims)


def cross_entropy(logits: Any, targets: Any, reduction: str = "mean", ignore_index: int | None = None) -> Any:
    """Softmax with log loss, -log softmax(logits)[target], as one stable node.

    Args:
        logits: shape (..., classes).
        targets: integers of shape (...), each in 0 .. classes - 1.
        reduction: "mean" over the targets that count, "sum", or "none" for one loss a target.
        ignore_index: a target of this value counts for nothing.

    Raises:
        TypeError: logits are no real numbers, or targets no integers.
        ValueError: shapes don't match, a class is out of range, the reduction is unknown, or there is no target for
            the mean to be over.

    The gradient is S - 1[m] (Krishna, "Backpropagation in RNN Explained", cross-entropy section).

    >>> from microgradrnn import Tensor
    >>> logits = Tensor([[0.0, 0.0]])
    >>> loss = cross_entropy(logits, [1])
    >>> loss.backward()
    >>> round(loss.item(), 4), logits.grad
    (0.6931, array([[ 0.5, -0.5]]))
    """
    logits, targets = _checked("cross_entropy", "logits", logits, targets, reduction, ignore_index)
    return record(ops.CROSS_ENTROPY, logits, targets, reduction=reduction, ignore_index=ignore_index)


def nll_loss(log_probabilities: Any, targets: Any, reduction: str = "mean") -> Any:
    """The log loss apart from the softmax: minus the target's entry of each row.

    ``nll_loss(softmax(x).log(), m)`` is `cross_entropy` with every step of it a node of its own; it overflows where
    that does not.

    Args:
        log_probabilities: shape (..., classes), such as what `log_softmax` gives.
        targets: integers of shape (...), each in 0 .. classes - 1.
        reduction: "mean", "sum", or "none".

    Raises:
        TypeError, ValueError: as in `cross_entropy`.

    >>> from microgradrnn import Tensor
    >>> round(nll_loss(softmax(Tensor([[0.0, 0.0]])).log(), [1]).item(), 4)
    0.6931
    """
    rows, targets = _checked("nll_loss", "log_probabilities", log_probabilities, targets, reduction, None)
    rows = _in_floats(rows)
    places = [constant(axis) for axis in np.indices(targets.shape)]
    return _reduced(-rows[(*places, targets)], reduction)


def mse_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """The squared error, (prediction - target)².

    Args:
        prediction: any shape.
        target: the same shape: unlike in arithmetic nothing is broadcast, since that would be a mistake.
        reduction: "mean" over the entries, "sum", or "none".

    Raises:
        TypeError: an argument holds no real numbers.
        ValueError: the shapes differ, a target is NaN, the reduction is unknown, or there is no entry for the mean to
            be over.

    >>> from microgradrnn import Tensor
    >>> mse_loss(Tensor([1.0, 2.0]), [0.0, 0.0]).item()
    2.5
    """
    prediction = numbers("mse_loss", "prediction", prediction, (...,))
    target = node("mse_loss", "target", target, (...,))
    if prediction.shape != target.shape:
        raise ValueError(f"mse_loss: prediction of shape {prediction.shape} and target of {target.shape} differ")
    check_choice("mse_loss", "reduction", reduction, REDUCTIONS)
    if reduction == "mean" and prediction.size == 0:
        raise ValueError(f"mse_loss: there is no entry in shape {prediction.shape}, so there is no mean; take the sum")
    if target.dtype.kind != "f":
        prediction = _in_floats(prediction)
    return _reduced((prediction - target) ** 2, reduction)


def perplexity(loss: Any) -> float:
    """exp of a mean cross-entropy, a node or a number, in nats a token: |V| for a model that knows nothing.

    >>> round(perplexity(cross_entropy(np.zeros((3, 10)), [1, 5, 9])), 9)
    10.0
    """
    return float(np.exp(loss.item() if isinstance(loss, Node) else float(loss)))


def _checked(
    name: str, argument: str, scores: Any, targets: Any, reduction: str, ignore_index: int | None
) -> tuple[Any, Any]:
    """A row of scores for each target, as nodes, or the error that says what does not fit."""
    if not isinstance(scores, Node):
        scores = constant(numbers(name, argument, scores, (..., "classes")))
    targets = integers(name, "targets are class indices, integers", targets)
    check_choice(name, "reduction", reduction, REDUCTIONS)
    shape, m = scores.shape, targets._data
    if not shape or shape[:-1] != m.shape:
        check_shape(name, argument, shape, (..., "classes"))
        raise ValueError(
            f"{name}: {argument} of shape {shape} want one target a row, shape {shape[:-1]}, not {m.shape}"
        )
    _check_classes(m, shape[-1], reduction, ignore_index, name)
    return scores, targets


def _check_classes(targets: Any, classes: int, reduction: str, ignore_index: int | None, name: str) -> None:
    counted = [m for m in targets.ravel().tolist() if m != ignore_index]  # lists are faster for the usual few
    if counted and not (min(counted) >= 0 and max(counted) < classes):
        wrong = next(m for m in counted if not 0 <= m < classes)
        raise ValueError(f"{name}: class {wrong} is out of range for {classes} classes")
    if reduction == "mean" and not counted:
        raise ValueError(f"{name}: no target counts, so there is no mean; give a target or take the sum")


def _in_floats(x: Any) -> Any:
    """A node or array as it is; integers as float64, since unsigned ones have no differences below 0."""
    return x if x.dtype.kind == "f" else x * 1.0


def _reduced(losses: Any, reduction: str) -> Any:
    if reduction == "none":
        return losses
    return record(ops.MEAN if reduction == "mean" else ops.SUM, losses, axis=None, keepdims=False)


def _some(nodes: Iterable[Any], name: str) -> Sequence[Any]:
    found = list(nodes)
    if not found:
        raise ValueError(f"{name} takes at least one node")
    return found
