"""A character model in training: truncated BPTT, one chunk at a time, every one of which can be the last.

- `Trainer`: model, optimiser, carried state and position. `Diverged`: the loss is no number any more.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from microgradrnn.context import detect_nan
from microgradrnn.engine import ancestors
from microgradrnn.errors import describe
from microgradrnn.nn import RNNLM
from microgradrnn.optim import Optimizer
from microgradrnn.text import Tokens
from microgradrnn.training.checkpoint import Checkpoint, CheckpointError, Position
from microgradrnn.training.corpus import Corpus, of_text
from microgradrnn.training.engine import Engine, NumPyEngine, Outcome, as_nodes
from microgradrnn.training.hosts import Hosts
from microgradrnn.training.jax_engine import JAXEngine
from microgradrnn.training.settings import Settings


class Diverged(ArithmeticError):  # noqa: N818 - what has happened
    """The loss or a gradient is not finite; says at which step, and in which node it came up.

    >>> trainer = Trainer(Settings(hidden=8, layers=1, seq_length=5, batch_size=2), "hello world, " * 5)
    >>> trainer.model.readout.b.data = np.full(9, np.nan)
    >>> try:
    ...     next(trainer.steps())
    ... except Diverged as error:
    ...     print(str(error).split(" in scope")[0])
    at step 1 of the optimiser (epoch 1, chunk 1): NaN came up in add at step t=1
    """


class Trainer:
    """A character model in training on a text.

    Args:
        settings: what to train, and how.
        text: what to learn from, at least two characters; or a corpus, of which several processes have a part each.
        hosts: those processes.

    Attributes:
        model, optimizer: as they stand.
        corpus, vocabulary, text_digest: the text as this process has it, and of the whole its characters and hash.
        position: how far it has come. With the engine "jax" its losses are of some updates before, 50 at most, since
            nothing waits for the last ones until an epoch ends, a checkpoint is made, or ``loss`` is asked for.
        history: a row for each epoch that has been finished.
        improved: whether the last step ended an epoch with the lowest loss yet on what is held out.
        callbacks: each is called with the trainer at every step, when its gradients are there (clipped, where they are)
            and the optimiser is about to step, such as a `microgradrnn.diagnosis.Watch`.

    Raises:
        ValueError: the text is too short.

    >>> trainer = Trainer(Settings(hidden=8, layers=1, seq_length=5, batch_size=2, epochs=3), "hello world, " * 5)
    >>> round(trainer.loss, 4)  # log 9: it knows nothing of the 9 characters
    2.1972
    >>> [position.step for position in trainer.steps()][-1], trainer.finished, len(trainer.history)
    (18, True, 3)
    >>> trainer.stopped_early, trainer.devices, trainer.optimizer.lr, len(trainer.model.parameters())
    (False, 1, 0.002, 5)
    """

    def __init__(self, settings: Settings, text: str | Corpus, hosts: Hosts | None = None) -> None:
        self.settings, self.hosts = settings, hosts or Hosts()
        self.corpus = of_text(text, settings) if isinstance(text, str) else text
        self.vocabulary, self.text_digest = self.corpus.vocabulary, self.corpus.digest
        self.inputs, self.targets = self.corpus.learnt.inputs, self.corpus.learnt.targets
        self.chunks = math.ceil(len(self.inputs) / settings.seq_length)
        self.rng = np.random.default_rng(settings.seed)
        self._model = settings.model(len(self.vocabulary), self.rng)
        self._optimizer = settings.optimizer_of(self._model)
        self._engine = _engine(self, self._model, self._optimizer)
        steps = settings.seq_length if settings.reduction == "sum" else 1
        self.position = Position(smooth_loss=steps * math.log(len(self.vocabulary)))  # of a model that knows nothing
        self.history: list[dict[str, Any]] = []
        self.improved = False
        self.callbacks: list[Callable[[Trainer], None]] = []
        self._pending: deque[_Pending] = deque()

    @property
    def model(self) -> RNNLM:
        """The model as it stands; what is changed in it is learnt on from."""
        self._settle()
        return self._model

    @property
    def optimizer(self) -> Optimizer:
        """The optimiser as it stands."""
        self._settle()
        return self._optimizer

    @property
    def devices(self) -> int:
        """How many devices compute an update together."""
        return self._engine.devices

    @classmethod
    def resumed(cls, checkpoint: Checkpoint, text: str | Corpus, hosts: Hosts | None = None, **changed: Any) -> Trainer:
        """The training as it stood at a checkpoint: it goes on bit for bit as if it had never stopped.

        Args:
            checkpoint: from `Trainer.checkpoint`, or a file.
            text: the same as before.
            hosts: see the class.
            changed: settings to go on with: epochs, lr, lr_decay, lr_decay_after, clip, patience, compiled, engine or
                mesh.

        Raises:
            ValueError: the text is another one.
            CheckpointError: what is in the checkpoint does not fit together.

        >>> text = "hello world, " * 5
        >>> trainer = Trainer(Settings(hidden=8, layers=1, seq_length=5, batch_size=2, epochs=3, compiled=False), text)
        >>> for position in trainer.steps():
        ...     if position.step == 7:
        ...         other = Trainer.resumed(trainer.checkpoint(), text)
        >>> [position.step for position in other.steps()][-1], other.loss == trainer.loss
        (18, True)
        """
        trainer = cls(checkpoint.settings.changed(**changed), text, hosts)
        if trainer.text_digest != checkpoint.text_digest:
            raise ValueError("the text is not the one that this training began with")
        if trainer.vocabulary != checkpoint.vocabulary:
            raise CheckpointError("the checkpoint's vocabulary is not that of its text")
        if checkpoint.position.chunk >= trainer.chunks:
            raise CheckpointError(f"the checkpoint stands at chunk {checkpoint.position.chunk} of {trainer.chunks}")
        trainer.position = replace(checkpoint.position)
        trainer.history = [dict(row) for row in checkpoint.history]
        try:
            trainer.model.load_state_dict(checkpoint.part("model"))
            trainer.optimizer.load_state_dict(checkpoint.part("optimizer"))
            trainer.rng.bit_generator.state = checkpoint.random
            trainer._engine.set_state(trainer._checked_state(checkpoint.part("state")))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise CheckpointError(f"the checkpoint does not fit its own settings: {error}") from error
        return trainer

    def checkpoint(self) -> Checkpoint:
        """All that is needed to go on from here.

        >>> trainer = Trainer(Settings(hidden=8, layers=1, seq_length=5, batch_size=2), "hello world, " * 5)
        >>> sorted({name.split(".")[0] for name in trainer.checkpoint().arrays}), trainer.checkpoint().position.step
        (['model'], 0)
        """
        arrays = {f"model.{name}": array for name, array in self.model.state_dict().items()}
        arrays |= {f"optimizer.{name}": array for name, array in self.optimizer.state_dict().items()}
        arrays |= {f"state.{k}": part for k, part in enumerate(self._engine.state())}
        return Checkpoint(
            self.settings,
            self.vocabulary,
            replace(self.position),
            arrays,
            dict(self.rng.bit_generator.state),
            self.text_digest,
            [dict(row) for row in self.history],
        )

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or too many of them brought nothing better."""
        return self.position.epoch >= self.settings.epochs or self.stopped_early

    @property
    def stopped_early(self) -> bool:
        """Whether the loss on what is held out has not been bettered for so many epochs as patience says."""
        return 0 < self.settings.patience <= self.position.waited

    @property
    def loss(self) -> float:
        """The smoothed loss, nats a character, of all updates so far: it waits for those that JAX is still computing.

        Raises:
            Diverged: see `steps`.
        """
        self._count(wait=True)
        return self.settings.per_character(self.position.smooth_loss)

    def steps(self) -> Iterator[Position]:
        """Learn from chunk after chunk until all is finished; between two of them is a moment to save.

        A loss that is huge but finite stops nothing, here as in min-char-rnn and in PyTorch: it may come down again.

        Raises:
            Diverged: the loss or a gradient is not finite. What was saved before still is.
        """
        while not self.finished:
            for _ in range(self.position.chunk, self.chunks):
                began = time.perf_counter()
                self._learn()
                ends = self.position.chunk == self.chunks
                self._count(wait=ends)
                self.position.seconds += time.perf_counter() - began
                self.improved = False
                if ends:
                    self._end_epoch()
                yield self.position

    def _learn(self) -> None:
        """One chunk: its loss, the backward pass, the optimiser's step."""
        place = self.position
        tokens, targets = self._chunk(place.chunk)
        random = self.rng.bit_generator.state
        characters = len(tokens) * self.corpus.learnt.batch
        self._pending.append(_Pending(place.step, place.epoch, place.chunk, characters, random))
        with np.errstate(over="ignore", invalid="ignore"):  # `Diverged` says more
            self._engine.update(tokens, targets, self.settings.lr_at(place.epoch), self._call_back)
        place.chunk, place.step = place.chunk + 1, place.step + 1

    def _call_back(self) -> None:
        for callback in self.callbacks:
            callback(self)

    def _chunk(self, number: int) -> tuple[Tokens, Tokens]:
        start, length = number * self.settings.seq_length, self.settings.seq_length
        return self.inputs[start : start + length], self.targets[start : start + length]

    def _settle(self) -> None:
        """Wait for what is still being computed, and have the model and the optimiser hold it."""
        self._count(wait=True)
        self._engine.settle()

    def _count(self, wait: bool) -> None:
        """Count the losses of updates that are done; raise where one has run off."""
        place, settings = self.position, self.settings
        for outcome in self._engine.outcomes(wait):
            pending = self._pending.popleft()
            if not outcome.sound:
                raise Diverged(self._where(pending, outcome))
            place.epoch_loss += outcome.loss if settings.reduction == "sum" else outcome.loss * pending.characters
            place.epoch_characters += pending.characters
            place.smooth_loss = settings.smoothing * place.smooth_loss + (1 - settings.smoothing) * outcome.loss

    def _end_epoch(self) -> None:
        """Judge by what is held out, write a row of history, and go to the front of the text."""
        place, settings = self.position, self.settings
        loss = None
        if self.corpus.held_out is not None:
            loss = self._engine.evaluate(self.corpus.held_out)
            if not np.isfinite(loss):
                raise Diverged(f"after epoch {place.epoch + 1} the loss on what is held out is {loss}")
            self.improved = place.best_loss is None or loss < place.best_loss
            place.best_loss = loss if self.improved else place.best_loss
            place.waited = 0 if self.improved else place.waited + 1
        lr = settings.lr_at(place.epoch)
        place.epoch += 1
        self.history.append(
            {
                "epoch": place.epoch,
                "step": place.step,
                "loss": place.epoch_loss / place.epoch_characters,
                "smooth_loss": place.smooth_loss,
                "validation_loss": loss,
                "lr": lr,
                "seconds": place.seconds,
            }
        )
        place.chunk, place.epoch_loss, place.epoch_characters = 0, 0.0, 0
        self._engine.set_state([])

    def recorded_loss(self) -> Any:
        """The loss of the chunk that is being learnt from, recorded operation by operation; for callbacks.

        Dropout is as it was drawn for that chunk, and nothing that is drawn later changes.

        >>> trainer = Trainer(Settings(hidden=8, layers=1, seq_length=5, batch_size=2), "hello world, " * 5)
        >>> losses = []
        >>> trainer.callbacks.append(lambda trainer: losses.append(trainer.recorded_loss()))
        >>> next(trainer.steps()).step, round(losses[0].item(), 1), losses[0].op.name  # about log 9, at first
        (1, 2.2, 'div')
        """
        return self._record(self._pending[-1])

    def _record(self, pending: _Pending) -> Any:
        tokens, targets = self._chunk(pending.chunk)
        parts = self._engine.state()
        now, self.rng.bit_generator.state = self.rng.bit_generator.state, pending.random
        try:
            state = as_nodes(parts) if parts else None
            return self._model.loss(tokens, targets, state, reduction=self.settings.reduction)[0]
        finally:
            self.rng.bit_generator.state = now

    def _where(self, pending: _Pending, outcome: Outcome) -> str:
        """Go through the chunk once more, with a watch for NaN and then for inf, to say in which node it came up."""
        self._engine.settle()
        if outcome.gradient_is_finite:
            p = self._model.parameters()[outcome.weights_are_finite.index(False)]
            return f"after step {pending.step + 1} of the optimiser {p.label} is not finite"
        said = f"at step {pending.step + 1} of the optimiser (epoch {pending.epoch + 1}, chunk {pending.chunk + 1})"
        try:
            with detect_nan(), np.errstate(over="ignore", invalid="ignore"):
                root = self._record(pending)
                for node in ancestors(root):  # oldest first
                    if not np.isfinite(node.data).all():
                        return f"{said}: inf came up in {describe(node)}{node.place}"
                root.backward()
        except FloatingPointError as error:
            return f"{said}: {error}"
        return f"{said}: the loss is {outcome.loss}, and a gradient is not finite"

    def _checked_state(self, arrays: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The carried states of a checkpoint, if they are this training's."""
        letters = self._model.rnn.letters
        if self.position.chunk == 0 and not arrays:
            return []
        shape = (self.settings.layers, self.corpus.learnt.batch, self.settings.hidden)
        right = {str(k): (shape, self.settings.dtype) for k in range(len(letters))}
        if {name: (array.shape, array.dtype.name) for name, array in arrays.items()} != right:
            raise ValueError(f"there are {len(letters)} carried states of {self.settings.dtype} and shape {shape}")
        return [arrays[str(k)] for k in range(len(letters))]


class _Pending(NamedTuple):
    """An update that was asked for: which, how many characters it reads, and the random numbers before it."""

    step: int
    epoch: int
    chunk: int
    characters: int
    random: Any


def _engine(trainer: Trainer, model: RNNLM, optimizer: Optimizer) -> Engine:
    if trainer.settings.engine == "jax":
        return JAXEngine(trainer.settings, model, optimizer, trainer.rng, trainer.corpus.learnt)
    return NumPyEngine(trainer.settings, model, optimizer)
