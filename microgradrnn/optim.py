"""Optimisers: how a gradient becomes a step. Parameters whose ``grad`` is None are passed over."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from microgradrnn.engine import Node


class Optimizer:
    """What optimisers share: the parameters, and forgetting their gradients."""

    def __init__(self, params: Iterable[Any], lr: float) -> None:
        self.params, self.lr = list(params), lr
        if not self.params:
            raise ValueError(f"{type(self).__name__} was given no parameters")
        if lr < 0:
            raise ValueError(f"{type(self).__name__}: the learning rate cannot be negative, and lr is {lr}")

    def zero_grad(self) -> None:
        """Forget all gradients: each ``grad`` back to None."""
        for p in self.params:
            p.zero_grad()

    def step(self) -> None:
        """Move every parameter that has a gradient."""
        for p in self.params:
            if p.grad is not None:
                p.data -= self.lr * self._direction(p)

    def _direction(self, p: Node) -> Any:
        raise NotImplementedError


class SGD(Optimizer):
    """p <- p - lr grad.

    >>> from microgradrnn import Value
    >>> p = Value(1.0)
    >>> (p * p).backward()
    >>> SGD([p], lr=0.1).step()
    >>> p.data
    0.8
    """

    def _direction(self, p: Node) -> Any:
        return p.grad


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015, algorithm 1): steps scaled by running means of the gradient and of its square.

    m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g²;  p <- p - lr (m / (1 - b1^k)) / (sqrt(v / (1 - b2^k)) + eps)
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        super().__init__(params, lr)
        self.betas, self.eps = betas, eps
        self._moments: dict[Node, tuple[int, Any, Any]] = {}

    def _direction(self, p: Node) -> Any:
        g, (b1, b2) = p.grad, self.betas
        k, m, v = self._moments.get(p, (0, 0.0, 0.0))
        k, m, v = k + 1, b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        self._moments[p] = k, m, v
        return m / (1 - b1**k) / (np.sqrt(v / (1 - b2**k)) + self.eps)


def clip_grad_norm_(params: Iterable[Any], max_norm: float) -> float:
    """Scale all gradients together so that their joint norm is at most ``max_norm``; their direction stays.

    Returns:
        The norm before clipping (Pascanu, Mikolov and Bengio, 2013, algorithm 1).

    Raises:
        ValueError: the norm is not finite; the error names the first parameter to blame. No gradient is changed.

    >>> from microgradrnn import Tensor
    >>> p = Tensor([0.0, 0.0])
    >>> p.grad = [3.0, 4.0]
    >>> clip_grad_norm_([p], max_norm=1.0), p.grad
    (5.0, array([0.6, 0.8]))
    """
    reached = [p for p in params if p.grad is not None]
    norm = float(np.sqrt(sum(float(np.sum(np.square(p.grad, dtype=np.float64))) for p in reached)))
    if not np.isfinite(norm):
        culprit = next((p.label or repr(p) for p in reached if not np.isfinite(p.grad).all()), "their sum of squares")
        raise ValueError(f"clip_grad_norm_: the gradient is not finite, first in {culprit}")
    if norm > max_norm:
        for p in reached:
            p.grad = p.grad * (max_norm / norm)
    return norm
