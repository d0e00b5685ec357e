"""Losses as modules; each calls the function of `microgradrnn.functional` with its settings."""

from typing import Any

from microgradrnn import functional
from microgradrnn.checks import check_choice
from microgradrnn.nn.module import Module


class _Loss(Module):
    """A loss of a prediction and a target, over whose entries it is "mean", "sum" or "none"."""

    name = ""

    def __init__(self, *, reduction: str = "mean") -> None:
        check_choice(self, "reduction", reduction, functional.REDUCTIONS)
        self.reduction = reduction

    def forward(self, prediction: Any, target: Any) -> Any:
        """The loss; see the function."""
        return getattr(functional, self.name)(prediction, target, reduction=self.reduction)


class MSELoss(_Loss):
    """`functional.mse_loss`.

    >>> MSELoss()([1.0, 2.0], [0.0, 0.0]).item()
    2.5
    """

    name = "mse_loss"


class L1Loss(_Loss):
    """`functional.l1_loss`.

    >>> L1Loss()([1.0, 5.0], [2.0, 2.0]).item()  # (1 + 3) / 2
    2.0
    """

    name = "l1_loss"


class NLLLoss(_Loss):
    """`functional.nll_loss`.

    >>> NLLLoss()([[-0.5, -1.0]], [1]).item()
    1.0
    """

    name = "nll_loss"


class BCEWithLogitsLoss(_Loss):
    """`functional.binary_cross_entropy_with_logits`.

    >>> round(BCEWithLogitsLoss()([0.0], [1.0]).item(), 4)  # log 2
    0.6931
    """

    name = "binary_cross_entropy_with_logits"


class SmoothL1Loss(Module):
    """`functional.smooth_l1_loss`.

    >>> SmoothL1Loss()([3.0], [0.0]).item()  # 3 - 1 / 2
    2.5
    """

    def __init__(self, *, reduction: str = "mean", beta: float = 1.0) -> None:
        self.reduction, self.beta = reduction, beta

    def forward(self, prediction: Any, target: Any) -> Any:
        """The loss; see the function."""
        return functional.smooth_l1_loss(prediction, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(Module):
    """`functional.huber_loss`.

    >>> HuberLoss()([0.5], [0.0]).item()  # 0.5² / 2
    0.125
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        self.reduction, self.delta = reduction, delta

    def forward(self, prediction: Any, target: Any) -> Any:
        """The loss; see the function."""
        return functional.huber_loss(prediction, target, self.reduction, self.delta)


class CrossEntropyLoss(Module):
    """`functional.cross_entropy`: softmax with log loss, of logits and classes; classes stand on the last axis.

    >>> round(CrossEntropyLoss()([[0.0, 0.0]], [1]).item(), 4)
    0.6931
    """

    def __init__(self, *, ignore_index: int = -100, reduction: str = "mean") -> None:
        check_choice(self, "reduction", reduction, functional.REDUCTIONS)
        self.ignore_index, self.reduction = ignore_index, reduction

    def forward(self, logits: Any, targets: Any) -> Any:
        """The loss; see the function. Targets equal to ``ignore_index`` count for nothing."""
        return functional.cross_entropy(logits, targets, reduction=self.reduction, ignore_index=self.ignore_index)
