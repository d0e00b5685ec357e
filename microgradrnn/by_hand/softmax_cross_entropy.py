"""Softmax with log loss (Krishna, "Backpropagation in RNN Explained", section on the cross-entropy loss).

    S_i = e^(y_i) / sum_k e^(y_k)        l = -log S_m        for scores y of the classes, of which m is right

- `softmax` and its `jacobian`. `forward`, `backward`: scores in, loss out, and back.
"""

from dataclasses import dataclass

import numpy as np

from microgradrnn.by_hand.shapes import Array, check
from microgradrnn.by_hand.walk import Gradients


@dataclass(frozen=True)
class Cache:
    """What the way back needs: S, (..., classes), and one-hot the right class of each row, of the same shape.

    >>> _, cache = forward(np.array([[0.0, 0.0]]), np.array([1]))
    >>> cache.S, cache.right
    (array([[0.5, 0.5]]), array([[0., 1.]]))
    """

    S: Array
    right: Array


def softmax(y: Array) -> Array:
    """S over the last axis.

    A number taken from all y_i cancels: it is a factor e^(-number) above and below. With the largest y_i taken from all
    of them, no exponential overflows.

    >>> softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    e = np.exp(y - y.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True), order="C")


def jacobian(y: Array) -> Array:
    """All of dS_i/dy_j, of shape (classes, classes), for one row of scores, (classes,).

    With Z = sum_k e^(y_k), S_i = e^(y_i) / Z and dZ/dy_j = e^(y_j). The numerator depends on y_j only for j = i:

        j = i:    (e^(y_i) Z - e^(y_i) e^(y_i)) / Z^2 = S_i (1 - S_i)
        j != i:   (0 - e^(y_i) e^(y_j)) / Z^2 = -S_i S_j

    Together diag(S) - S S^T. Its rows sum to 0, as the S_i always sum to 1; so S_i depends on y_i exactly as strongly
    as on all the other scores together.

    Raises:
        TypeError, ValueError: y is no array of one axis.

    >>> jacobian(np.array([0.0, 0.0]))
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    check("softmax_cross_entropy.jacobian", {"y": y}, {"y": "C"})
    S = softmax(y)
    return np.asarray(np.diag(S) - np.outer(S, S))


def forward(y: Array, targets: Array) -> tuple[Array, Cache]:
    """The loss of each row.

    -log S_m = log sum_k e^(y_k) - y_m, and as in `softmax` the largest score is first taken from all.

    Args:
        y: scores, (..., classes).
        targets: the right class of each row, integers of shape (...).

    Returns:
        -log S_m, of shape (...), and what the way back needs.

    Raises:
        TypeError: y is no array, or targets are no array of integers.
        ValueError: the shapes do not go together, or a class does not exist.

    >>> losses, _ = forward(np.zeros((2, 10)), np.array([3, 7]))
    >>> losses.round(4)  # log 10
    array([2.3026, 2.3026])
    """
    axes = " ".join("ABCDEFGH"[: np.ndim(targets)])
    sizes = check("softmax_cross_entropy.forward", {"targets": targets, "y": y}, {"targets": axes, "y": f"{axes} K"})
    if targets.dtype.kind not in "iu":
        raise TypeError(f"softmax_cross_entropy.forward: targets are class indices, integers, not {targets.dtype}")
    if targets.size and not (targets.min() >= 0 and targets.max() < sizes["K"]):
        raise ValueError(f"softmax_cross_entropy.forward: targets are in 0 .. {sizes['K'] - 1}; {targets} came")
    right = np.eye(sizes["K"])[targets]
    shifted = y - y.max(axis=-1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=-1)) - (shifted * right).sum(axis=-1)
    return np.asarray(losses, order="C"), Cache(softmax(y), right)


def backward(upstream: Array, cache: Cache) -> Gradients:
    """From the losses back to the scores: S - 1[m], times upstream.

    l = -log S_m depends on S_m alone, dl/dS_m = -1 / S_m, so of the Jacobian only row m counts:

        j = m:    -1 / S_m * S_m (1 - S_m) = S_m - 1
        j != m:   -1 / S_m * (-S_m S_j) = S_j

    Together S - 1[m]: the probabilities, less one at the right class. The entries sum to 0: a number added to all
    scores changes nothing.

    Args:
        upstream: dL/dl of each row, of shape (...): ones where L is the sum of the losses.
        cache: from `forward`.

    Returns:
        y, (..., classes).

    Raises:
        ValueError: upstream has another shape than the losses.

    >>> losses, cache = forward(np.array([[0.0, 0.0]]), np.array([1]))
    >>> backward(np.ones(1), cache)["y"]
    array([[ 0.5, -0.5]])
    """
    wanted, came = cache.S.shape[:-1], np.shape(upstream)
    if came != wanted:
        raise ValueError(f"softmax_cross_entropy.backward: upstream has shape {wanted}, got {came}")
    return {"y": np.asarray(np.asarray(upstream)[..., None] * (cache.S - cache.right), order="C")}
