"""Losses: how far a prediction is from its target. Classes stand on the last axis.

Each checks its arguments, then is one node of the op table, or a composition of a few.
"""

from typing import Any

import numpy as np

from microgradrnn import ops
from microgradrnn.checks import check_choice, check_not_negative, check_shape, class_indices, node, numbers
from microgradrnn.counting import counted
from microgradrnn.engine import Node, constant, record
from microgradrnn.positions import by_name

REDUCTIONS = ("mean", "sum", "none")


@by_name
def cross_entropy(logits: Any, targets: Any, *, reduction: str = "mean", ignore_index: int | None = None) -> Any:
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


@by_name
def nll_loss(log_probabilities: Any, targets: Any, *, reduction: str = "mean") -> Any:
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
    >>> from microgradrnn.functional import softmax
    >>> round(nll_loss(softmax(Tensor([[0.0, 0.0]])).log(), [1]).item(), 4)
    0.6931
    """
    rows, targets = _checked("nll_loss", "log_probabilities", log_probabilities, targets, reduction, None)
    rows = _in_floats(rows)
    places = [constant(axis) for axis in np.indices(targets.shape)]
    return _reduced(-rows[(*places, targets)], reduction)


@by_name
def mse_loss(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
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
    prediction, target = _pair("mse_loss", prediction, target, reduction)
    return _reduced((prediction - target) ** 2, reduction)


@by_name
def l1_loss(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
    """The absolute error, |prediction - target|; arguments and errors as in `mse_loss`.

    >>> from microgradrnn import Tensor
    >>> l1_loss(Tensor([1.0, 2.0]), [0.0, 0.0]).item()
    1.5
    """
    return _absolute("l1_loss", prediction, target, reduction)


def _absolute(name: str, prediction: Any, target: Any, reduction: str) -> Any:
    prediction, target = _pair(name, prediction, target, reduction)
    return _reduced(abs(prediction - target), reduction)


def huber_loss(prediction: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """e² / 2 where the error e is at most delta, else delta (|e| - delta / 2) (Huber, 1964); else as `mse_loss`.

    >>> from microgradrnn import Tensor
    >>> huber_loss(Tensor([0.5, 3.0]), [0.0, 0.0], reduction="none").data
    array([0.125, 2.5  ])
    """
    check_not_negative("huber_loss", delta=delta)
    return _huber("huber_loss", prediction, target, reduction, delta)


def _huber(name: str, prediction: Any, target: Any, reduction: str, delta: float) -> Any:
    prediction, target = _pair(name, prediction, target, reduction)
    error = abs(prediction - target)
    near = error.clamp(max=delta)
    return _reduced(near * (error - 0.5 * near), reduction)


@by_name
def smooth_l1_loss(prediction: Any, target: Any, *, reduction: str = "mean", beta: float = 1.0) -> Any:
    """`huber_loss` over beta: e² / (2 beta) where the error e is at most beta, else |e| - beta / 2.

    >>> smooth_l1_loss([0.5, 3.0], [0.0, 0.0], reduction="none").data  # 0.5² / 2, and 3 - 1 / 2
    array([0.125, 2.5  ])
    """
    check_not_negative("smooth_l1_loss", beta=beta)
    if beta == 0:
        return _absolute("smooth_l1_loss", prediction, target, reduction)
    return _huber("smooth_l1_loss", prediction, target, reduction, beta) / beta


@by_name
def binary_cross_entropy_with_logits(logits: Any, target: Any, *, reduction: str = "mean") -> Any:
    """-y log σ(x) - (1 - y) log(1 - σ(x)) for logits x and targets y in [0, 1]; no logit is too large.

    Arguments and errors as in `mse_loss`.

    >>> from microgradrnn import Tensor
    >>> round(binary_cross_entropy_with_logits(Tensor([0.0, 800.0]), [1.0, 1.0]).item(), 4)
    0.3466
    """
    logits, target = _pair("binary_cross_entropy_with_logits", logits, target, reduction)
    return _reduced(target * (-logits).softplus() + (1.0 - target) * logits.softplus(), reduction)


@by_name
def kl_div(log_q: Any, p: Any, *, reduction: str = "mean", log_target: bool = False) -> Any:
    """The Kullback-Leibler divergence's terms, p (log p - log q), and their mean as PyTorch takes it.

    Args:
        log_q: the prediction, as logarithms.
        p: the target, of the same shape; with ``log_target`` as logarithms too.
        reduction: "mean" over all entries, "batchmean" over the first axis (the divergence itself), "sum" or "none".
        log_target: whether p are logarithms.

    Raises:
        TypeError, ValueError: as in `mse_loss`.

    >>> from microgradrnn import Tensor
    >>> round(kl_div(Tensor([[0.5, 0.5]]).log(), [[1.0, 0.0]], reduction="batchmean").item(), 4)
    0.6931
    """
    check_choice("kl_div", "reduction", reduction, ("batchmean", *REDUCTIONS))
    log_q, p = _pair("kl_div", log_q, p, "sum" if reduction == "batchmean" else reduction)
    if log_target:
        terms = p.exp() * (p - log_q)
    else:
        smallest = float(np.finfo(p.dtype if p.dtype.kind == "f" else float).tiny)
        terms = p * p.clamp(min=smallest).log() - p * log_q  # p log p is 0 where p is
    return _reduced(terms, "sum") / max(len(p), 1) if reduction == "batchmean" else _reduced(terms, reduction)


def perplexity(loss: Any) -> float:
    """exp of a mean cross-entropy, a node or a number, in nats a token: |V| for a model that knows nothing.

    >>> round(perplexity(cross_entropy(np.zeros((3, 10)), [1, 5, 9])), 9)
    10.0
    """
    return float(np.exp(loss.item() if isinstance(loss, Node) else float(loss)))


def _pair(name: str, prediction: Any, target: Any, reduction: str) -> tuple[Any, Any]:
    """A prediction and a target of one shape, as nodes, or the error that says what does not fit."""
    prediction = numbers(name, "prediction", prediction, (...,))
    target = node(name, "target", target, (...,))
    if prediction.shape != target.shape:
        raise ValueError(f"{name}: prediction of shape {prediction.shape} and target of {target.shape} differ")
    check_choice(name, "reduction", reduction, REDUCTIONS)
    if reduction == "mean" and prediction.size == 0:
        raise ValueError(f"{name}: there is no entry in shape {prediction.shape}, so there is no mean; take the sum")
    if target.dtype.kind != "f":
        prediction = _in_floats(prediction)
    return prediction if isinstance(prediction, Node) else constant(prediction), target


def _checked(
    name: str, argument: str, scores: Any, targets: Any, reduction: str, ignore_index: int | None
) -> tuple[Any, Any]:
    """A row of scores for each target, as nodes, or the error that says what does not fit."""
    if not isinstance(scores, Node):
        scores = constant(numbers(name, argument, scores, (..., "classes")))
    targets = class_indices(name, targets)
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
    kept = [m for m in targets.ravel().tolist() if m != ignore_index]  # lists are faster for the usual few
    if kept and not (min(kept) >= 0 and max(kept) < classes):
        wrong = next(m for m in kept if not 0 <= m < classes)
        raise ValueError(f"{name}: class {wrong} is out of range for {counted(classes, 'class', 'classes')}")
    if reduction == "mean" and not kept:
        raise ValueError(f"{name}: no target counts, so there is no mean; give a target or take the sum")


def _in_floats(x: Any) -> Any:
    """A node or array as it is; integers as float64, since unsigned ones have no differences below 0."""
    return x if x.dtype.kind == "f" else x * 1.0


def _reduced(losses: Any, reduction: str) -> Any:
    if reduction == "none":
        return losses
    return record(ops.MEAN if reduction == "mean" else ops.SUM, losses, axis=None, keepdims=False)
