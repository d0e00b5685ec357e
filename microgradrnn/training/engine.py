"""What computes the updates of a training: `Engine`, and the one that runs on NumPy.

An update is a chunk's loss, its gradient, clipping and the optimiser's step. The JAX engine is in `jax_engine`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from microgradrnn.engine import constant
from microgradrnn.nn import RNNLM
from microgradrnn.nn.unrolled import detach
from microgradrnn.optim import Optimizer, clip_grad_norm_, clip_grad_value_
from microgradrnn.program import compiled
from microgradrnn.text import Tokens
from microgradrnn.training.corpus import Streams
from microgradrnn.training.evaluation import mean_loss
from microgradrnn.training.settings import Settings

Parts = list[NDArray[Any]]
"""The carried states, (layers, N, hidden) each: one, or two for an LSTM; none at the front of the text."""


@dataclass(frozen=True)
class Outcome:
    """What came of an update.

    Attributes:
        loss: of the chunk, before the update.
        gradient_is_finite: whether the loss and all gradients are; if not, nothing was changed.
        weights_are_finite: whether each parameter is after the update.
    """

    loss: float
    gradient_is_finite: bool
    weights_are_finite: tuple[bool, ...]

    @property
    def sound(self) -> bool:
        """Whether the training can go on from here."""
        return self.gradient_is_finite and all(self.weights_are_finite)


class Engine(Protocol):
    """What a `Trainer` asks for its updates. The model and the optimiser that it was made with are the trainer's.

    Attributes:
        devices: how many compute an update together.
    """

    devices: int

    def update(self, tokens: Tokens, targets: Tokens, lr: float, before_step: Callable[[], None]) -> None:
        """Learn from a chunk, (steps, N) each, and carry the state on; what came of it `outcomes` says.

        ``before_step`` is called before the optimiser's step, with gradients in the parameters if they are held there.
        """

    def outcomes(self, wait: bool) -> Iterator[Outcome]:
        """What came of the updates, oldest first, each once: of all if told to wait, else of those that are known."""

    def settle(self) -> None:
        """Have the model and the optimiser hold what they hold after the last update. All outcomes have been read."""

    def state(self) -> Parts:
        """The carried states; none at the front of the text."""

    def set_state(self, parts: Sequence[Any]) -> None:
        """Start the next chunk from these; from zeros, where there are none."""

    def evaluate(self, text: Streams) -> float:
        """The mean loss on a text, nats a character; see `microgradrnn.training.evaluate`."""


class NumPyEngine:
    """Records each chunk, or runs a program that was recorded once; see `microgradrnn.compiled`."""

    devices = 1

    def __init__(self, settings: Settings, model: RNNLM, optimizer: Optimizer) -> None:
        self._settings, self._model, self._optimizer = settings, model, optimizer
        self._loss = compiled(self._recorded) if settings.compiled else self._recorded
        self._carried: Any = None
        self._outcomes: list[Outcome] = []

    def update(self, tokens: Tokens, targets: Tokens, lr: float, before_step: Callable[[], None]) -> None:
        """See `Engine`."""
        loss, state = self._loss(tokens, targets, self._carried)
        self._optimizer.zero_grad()
        loss.backward()
        parameters = self._model.parameters()
        if not (np.isfinite(loss.item()) and all(np.isfinite(p.grad).all() for p in parameters)):
            self._outcomes.append(Outcome(loss.item(), False, ()))
            return
        if self._settings.clip is not None:
            clip = clip_grad_norm_ if self._settings.clip_by == "norm" else clip_grad_value_
            clip(parameters, self._settings.clip)
        self._optimizer.lr = lr
        before_step()
        self._optimizer.step()
        self._carried = detach(state)
        finite = tuple(bool(np.isfinite(p.data).all()) for p in parameters)
        self._outcomes.append(Outcome(float(loss.item()), True, finite))

    def _recorded(self, tokens: Any, targets: Any, state: Any) -> tuple[Any, Any]:
        return self._model.loss(tokens, targets, state, reduction=self._settings.reduction)

    def outcomes(self, wait: bool) -> Iterator[Outcome]:
        """See `Engine`."""
        while self._outcomes:
            yield self._outcomes.pop(0)

    def settle(self) -> None:
        """See `Engine`: they always do."""

    def state(self) -> Parts:
        """See `Engine`."""
        if self._carried is None:
            return []
        parts = self._carried if isinstance(self._carried, tuple) else (self._carried,)
        return [np.stack([layer.data for layer in part]) for part in parts]

    def set_state(self, parts: Sequence[Any]) -> None:
        """See `Engine`."""
        self._carried = as_nodes(parts) if len(parts) else None

    def evaluate(self, text: Streams) -> float:
        """See `Engine`."""
        return mean_loss(self._model, text.inputs, text.targets)


def as_nodes(parts: Sequence[Any]) -> Any:
    """Carried states as a recurrent network takes them: a list of nodes, one a layer, or a tuple of such lists."""
    found = tuple([constant(layer) for layer in part] for part in parts)
    return found if len(found) > 1 else found[0]
