"""Learning rates that change from step to step, as PyTorch's of these names do.

Each sets ``optimizer.lr`` when it is made, for step 0, and at every ``step()``, for the step after. ``lr_0`` is the
optimiser's rate when the scheduler is made, ``k`` counts the scheduler's steps.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from microgradrnn.checks import check_not_negative, check_size
from microgradrnn.optim.optimizers import Optimizer


class Scheduler:
    """What schedulers share: the optimiser, its first rate, and the count of steps.

    Attributes:
        optimizer: whose ``lr`` is set.
        base_lr: lr_0.
        last_epoch: k.

    >>> from microgradrnn import Value, optim
    >>> optimizer = optim.SGD([Value(1.0)], lr=1.0)
    >>> scheduler = StepLR(optimizer, step_size=1, gamma=0.5)
    >>> scheduler.step()
    >>> scheduler.get_last_lr(), scheduler.state_dict()
    ([0.5], {'base_lr': 1.0, 'last_epoch': 1})
    >>> scheduler.load_state_dict({"base_lr": 1.0, "last_epoch": 3})
    >>> optimizer.lr  # 1 / 2³
    0.125
    """

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(self).__name__} takes an optimiser of microgradrnn.optim, got {optimizer!r}")
        self.optimizer, self.base_lr, self.last_epoch = optimizer, optimizer.lr, 0
        optimizer.lr = self._rate(0)

    def step(self) -> None:
        """Go on to the next rate. Call it after ``optimizer.step()``."""
        self.last_epoch += 1
        self.optimizer.lr = self._rate(self.last_epoch)

    def get_last_lr(self) -> list[float]:
        """The rate as it is now, in a list, as in PyTorch."""
        return [self.optimizer.lr]

    def state_dict(self) -> dict[str, Any]:
        """The first rate and the count of steps."""
        return {"base_lr": self.base_lr, "last_epoch": self.last_epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where a scheduler with the same settings was, the optimiser's rate included.

        Raises:
            KeyError: base_lr or last_epoch is missing.
            TypeError, ValueError: one is no number that is not negative. In either case nothing has been changed.
        """
        base_lr, last_epoch = state["base_lr"], state["last_epoch"]
        check_not_negative(self, base_lr=base_lr, last_epoch=last_epoch)
        self.base_lr, self.last_epoch = float(base_lr), int(last_epoch)
        self.optimizer.lr = self._rate(self.last_epoch)

    def _rate(self, k: int) -> float:
        raise NotImplementedError


class StepLR(Scheduler):
    """lr_0 gamma^(k // step_size).

    >>> from microgradrnn import Value, optim
    >>> optimizer = optim.SGD([Value(1.0)], lr=1.0)
    >>> scheduler, rates = StepLR(optimizer, step_size=2, gamma=0.5), []
    >>> for _ in range(4):
    ...     rates.append(optimizer.lr)
    ...     scheduler.step()
    >>> rates
    [1.0, 1.0, 0.5, 0.5]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        check_size(self, step_size=step_size)
        check_not_negative(self, gamma=gamma)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def _rate(self, k: int) -> float:
        return self.base_lr * float(self.gamma) ** (k // self.step_size)


class CosineAnnealingLR(Scheduler):
    """eta_min + (lr_0 - eta_min) (1 + cos(π k / T_max)) / 2 (Loshchilov and Hutter, 2017, equation 5).

    >>> from microgradrnn import Value, optim
    >>> optimizer = optim.SGD([Value(1.0)], lr=1.0)
    >>> scheduler, rates = CosineAnnealingLR(optimizer, T_max=4), []
    >>> for _ in range(5):
    ...     rates.append(round(optimizer.lr, 4))
    ...     scheduler.step()
    >>> rates
    [1.0, 0.8536, 0.5, 0.1464, 0.0]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        check_size(self, T_max=T_max)
        check_not_negative(self, eta_min=eta_min)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def _rate(self, k: int) -> float:
        return self.eta_min + (self.base_lr - self.eta_min) * (1 + math.cos(math.pi * k / self.T_max)) / 2


class LambdaLR(Scheduler):
    """lr_0 times what a function of k gives. The function itself is not in the state dict.

    >>> from microgradrnn import Value, optim
    >>> optimizer = optim.SGD([Value(1.0)], lr=6.0)
    >>> scheduler, rates = LambdaLR(optimizer, lambda k: 1 / (k + 1)), []
    >>> for _ in range(3):
    ...     rates.append(optimizer.lr)
    ...     scheduler.step()
    >>> rates
    [6.0, 3.0, 2.0]
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float]) -> None:
        if not callable(lr_lambda):
            raise TypeError(f"LambdaLR: lr_lambda is a function of the count of steps, not {lr_lambda!r}")
        self.lr_lambda = lr_lambda
        super().__init__(optimizer)

    def _rate(self, k: int) -> float:
        return self.base_lr * self.lr_lambda(k)


class LinearLR(Scheduler):
    """Warm-up: lr_0 times a factor that goes from ``start_factor`` to ``end_factor`` in ``total_iters`` steps.

    >>> from microgradrnn import Value, optim
    >>> optimizer = optim.SGD([Value(1.0)], lr=1.0)
    >>> scheduler, rates = LinearLR(optimizer, start_factor=0.5, total_iters=2), []
    >>> for _ in range(4):
    ...     rates.append(optimizer.lr)
    ...     scheduler.step()
    >>> rates
    [0.5, 0.75, 1.0, 1.0]
    """

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        check_size(self, total_iters=total_iters)
        check_not_negative(self, start_factor=start_factor, end_factor=end_factor)
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer)

    def _rate(self, k: int) -> float:
        done = min(k, self.total_iters) / self.total_iters
        return self.base_lr * (self.start_factor + (self.end_factor - self.start_factor) * done)
