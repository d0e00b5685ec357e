"""A character model in training: truncated BPTT, one chunk at a time, every one of which can be the last.

- `Trainer`: model, optimiser, carried state and position. `Diverged`: the loss is no number any more.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.context import detect_nan
from microgradrnn.engine import ancestors, constant
from microgradrnn.errors import describe
from microgradrnn.optim import clip_grad_norm_, clip_grad_value_
from microgradrnn.program import compiled
from microgradrnn.text import Vocabulary, split, streams
from microgradrnn.training.bptt import truncated_bptt
from microgradrnn.training.checkpoint import Checkpoint, CheckpointError, Position
from microgradrnn.training.evaluation import evaluate
from microgradrnn.training.settings import Settings


class Diverged(ArithmeticError):  # noqa: N818 - what has happened
    """The loss or a gradient is not finite; says at which step, and in which node it came up."""


class Trainer:
    """A character model in training on a text.

    Args:
        settings: what to train, and how.
        text: what to learn from; at least two characters.

    Attributes:
        model, optimizer, vocabulary: as they stand.
        position: how far it has come.
        history: a row for each epoch that has been finished.
        improved: whether the last step ended an epoch with the lowest loss yet on what is held out.
        callbacks: each is called with the trainer at every step, when its gradients are there (clipped, where they are)
            and the optimiser is about to step, such as a `microgradrnn.diagnosis.Watch`.

    Raises:
        ValueError: the text is too short.

    >>> trainer = Trainer(Settings(hidden=8, layers=1, seq_length=5, batch_size=2, epochs=3), "hello world, " * 5)
    >>> [position.step for position in trainer.steps()][-1], trainer.finished, len(trainer.history)
    (18, True, 3)
    """

    def __init__(self, settings: Settings, text: str) -> None:
        if len(text) < 2:
            raise ValueError(f"Trainer: a text has at least 2 characters, one to predict the other, not {len(text)}")
        self.settings, self.vocabulary = settings, Vocabulary.of(text)
        self.text_digest = hashlib.sha256(text.encode()).hexdigest()
        tokens, self.held_out = split(self.vocabulary.encode(text), settings.validation)
        self.inputs, self.targets = streams(tokens, settings.batch_size, settings.seq_length)
        self.chunks = math.ceil(len(self.inputs) / settings.seq_length)
        self.rng = np.random.default_rng(settings.seed)
        self.model = settings.model(len(self.vocabulary), self.rng)
        self.optimizer = settings.optimizer_of(self.model)
        self.state: Any = None
        steps = settings.seq_length if settings.reduction == "sum" else 1
        self._step_loss = compiled(self._loss) if settings.compiled else self._loss
        self.position = Position(smooth_loss=steps * math.log(len(self.vocabulary)))  # of a model that knows nothing
        self.history: list[dict[str, Any]] = []
        self.improved = False
        self.callbacks: list[Callable[[Trainer], None]] = []
        self._random = self.rng.bit_generator.state

    @classmethod
    def resumed(cls, checkpoint: Checkpoint, text: str, **changed: Any) -> Trainer:
        """The training as it stood at a checkpoint: it goes on bit for bit as if it had never stopped.

        Args:
            checkpoint: from `Trainer.checkpoint`, or a file.
            text: the same as before.
            changed: settings to go on with, of `microgradrnn.training.settings.FREE_TO_CHANGE`.

        Raises:
            ValueError: the text is another one.
            CheckpointError: what is in the checkpoint does not fit together.
        """
        trainer = cls(replace(checkpoint.settings, **changed), text)
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
            trainer.state = trainer._unpacked(checkpoint.part("state"))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise CheckpointError(f"the checkpoint does not fit its own settings: {error}") from error
        return trainer

    def checkpoint(self) -> Checkpoint:
        """All that is needed to go on from here."""
        arrays = {f"model.{name}": array for name, array in self.model.state_dict().items()}
        arrays |= {f"optimizer.{name}": array for name, array in self.optimizer.state_dict().items()}
        arrays |= {f"state.{k}": part for k, part in enumerate(self._parts())}
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
        """The smoothed loss, nats a character."""
        steps = self.settings.seq_length if self.settings.reduction == "sum" else 1
        return self.position.smooth_loss / steps

    def steps(self) -> Iterator[Position]:
        """Learn from chunk after chunk until all is finished; between two of them is a moment to save.

        A loss that is huge but finite stops nothing, here as in min-char-rnn and in PyTorch: it may come down again.

        Raises:
            Diverged: the loss or a gradient is not finite. What was saved before still is.
        """
        while not self.finished:
            start = self.position.chunk * self.settings.seq_length
            rest = (self.inputs[start:], self.targets[start:])
            chunks = truncated_bptt(self._step_loss, rest, self.settings.seq_length, self.state)
            for _ in range(self.position.chunk, self.chunks):
                began, self._random = time.perf_counter(), self.rng.bit_generator.state
                with np.errstate(over="ignore", invalid="ignore"):  # `Diverged` says more
                    self._step(chunks)
                self.position.seconds += time.perf_counter() - began
                self.improved = False
                if self.position.chunk == self.chunks:
                    self._end_epoch()
                yield self.position

    def _loss(self, inputs: Any, targets: Any, state: Any) -> tuple[Any, Any]:
        return self.model.loss(inputs, targets, state, reduction=self.settings.reduction)

    def _step(self, chunks: Iterator[tuple[Any, Any]]) -> None:
        """One chunk: its loss, the backward pass, the optimiser's step."""
        loss, state = next(chunks)
        self.optimizer.zero_grad()
        loss.backward()
        parameters = self.model.parameters()
        if not (np.isfinite(loss.item()) and all(np.isfinite(p.grad).all() for p in parameters)):
            raise Diverged(self._where(loss.item()))
        if self.settings.clip is not None:
            clip = clip_grad_norm_ if self.settings.clip_by == "norm" else clip_grad_value_
            clip(parameters, self.settings.clip)
        self.optimizer.lr = self.settings.lr_at(self.position.epoch)
        for callback in self.callbacks:
            callback(self)
        self.optimizer.step()
        for p in parameters:
            if not np.isfinite(p.data).all():
                raise Diverged(f"after step {self.position.step + 1} of the optimiser {p.label} is not finite")
        self.state = state
        self._count(float(loss.item()))

    def _count(self, loss: float) -> None:
        place, length, (steps, batch) = self.position, self.settings.seq_length, self.inputs.shape
        read = min(length, steps - place.chunk * length) * batch
        place.chunk, place.step = place.chunk + 1, place.step + 1
        place.epoch_loss += loss if self.settings.reduction == "sum" else loss * read
        place.epoch_characters += read
        place.smooth_loss = self.settings.smoothing * place.smooth_loss + (1 - self.settings.smoothing) * loss

    def _end_epoch(self) -> None:
        """Judge by what is held out, write a row of history, and go to the front of the text."""
        place, settings = self.position, self.settings
        loss = None
        if len(self.held_out):
            loss = evaluate(self.model, self.held_out, settings.batch_size)
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
        place.chunk, place.epoch_loss, place.epoch_characters, self.state = 0, 0.0, 0, None

    def recorded_loss(self) -> Any:
        """The loss of the chunk that is being learnt from, recorded operation by operation; for callbacks.

        Dropout is as it was drawn for that chunk, and nothing that is drawn later changes.
        """
        start = self.position.chunk * self.settings.seq_length
        chunk = slice(start, start + self.settings.seq_length)
        now, self.rng.bit_generator.state = self.rng.bit_generator.state, self._random
        try:
            return self._loss(self.inputs[chunk], self.targets[chunk], self.state)[0]
        finally:
            self.rng.bit_generator.state = now

    def _where(self, loss: float) -> str:
        """Go through the chunk once more, with a watch for NaN and then for inf, to say in which node it came up."""
        place = self.position
        said = f"at step {place.step + 1} of the optimiser (epoch {place.epoch + 1}, chunk {place.chunk + 1})"
        try:
            with detect_nan():
                root = self.recorded_loss()
                for node in ancestors(root):  # oldest first
                    if not np.isfinite(node.data).all():
                        return f"{said}: inf came up in {describe(node)}{node.place}"
                root.backward()
        except FloatingPointError as error:
            return f"{said}: {error}"
        return f"{said}: the loss is {loss}, and a gradient is not finite"

    def _parts(self) -> list[Any]:
        """The carried states of all layers, (layers, N, hidden): none at the front of the text; an LSTM has two."""
        if self.state is None:
            return []
        parts = self.state if isinstance(self.state, tuple) else (self.state,)
        return [np.stack([layer.data for layer in part]) for part in parts]

    def _unpacked(self, arrays: dict[str, NDArray[Any]]) -> Any:
        letters = self.model.rnn.letters
        if self.position.chunk == 0 and not arrays:
            return None
        shape = (self.settings.layers, self.inputs.shape[1], self.settings.hidden)
        right = {str(k): (shape, self.settings.dtype) for k in range(len(letters))}
        if {name: (array.shape, array.dtype.name) for name, array in arrays.items()} != right:
            raise ValueError(f"there are {len(letters)} carried states of {self.settings.dtype} and shape {shape}")
        parts = tuple([constant(layer) for layer in arrays[str(k)]] for k in range(len(letters)))
        return parts if len(parts) > 1 else parts[0]
