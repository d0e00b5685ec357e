"""The folder that a training writes.

- ``checkpoint.safetensors``: the training as it was last saved, to go on from.
- ``best.safetensors``: the same at the end of the epoch with the lowest loss on what is held out, to use.
- ``history.csv``: a row for each epoch.
- ``watch.json``: what a `microgradrnn.diagnosis.Watch` recorded, where there was one.
- ``.lock``: locked while a process trains here.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from microgradrnn.checks import check_size
from microgradrnn.training.checkpoint import COLUMNS, Checkpoint, Position, leftovers, write
from microgradrnn.training.hosts import Hosts
from microgradrnn.training.lock import only_writer
from microgradrnn.training.trainer import Trainer


class Run:
    """A folder with a training in it, or for one.

    Args:
        folder: made with the first thing that is saved.
        hosts: the processes that train together, of which the first writes. All of them call `save` and `train`.

    >>> import tempfile
    >>> from microgradrnn.training import Settings
    >>> trainer = Trainer(Settings(hidden=8, layers=1, seq_length=5, batch_size=2, epochs=3), "hello world, " * 5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = Run(folder)
    ...     before = run.exists
    ...     for position in run.train(trainer):
    ...         pass
    ...     before, run.exists, run.best().position.epoch, run.last().position.epoch
    (False, True, 3, 3)
    """

    def __init__(self, folder: str | Path, hosts: Hosts | None = None) -> None:
        self.folder, self.writes = Path(folder), hosts is None or hosts.index == 0
        self.last_file, self.best_file = self.folder / "checkpoint.safetensors", self.folder / "best.safetensors"
        self.history_file, self.watch_file = self.folder / "history.csv", self.folder / "watch.json"
        self._locked = False

    @property
    def exists(self) -> bool:
        """Whether a training has been saved here."""
        return self.last_file.exists()

    def train(self, trainer: Trainer, save_every: int = 200) -> Iterator[Position]:
        """`Trainer.steps`, saved before the first, after every so many, and at the end of each epoch.

        The folder is locked from the first step to the last, or until the iterator is closed.

        Raises:
            Diverged: see `Trainer.steps`.
            InUse: see `lock`.
            OSError: a file cannot be written.
        """
        check_size("Run.train", save_every=save_every)
        with self.lock():
            self.save(trainer)
            for position in trainer.steps():
                if trainer.improved:
                    self._write(trainer, self.best_file)
                if position.chunk == 0 or position.step % save_every == 0:
                    self.save(trainer)
                yield position

    def save(self, trainer: Trainer) -> None:
        """Save the training as it stands between two steps.

        Raises:
            InUse: see `lock`.
            OSError: a file cannot be written.

        >>> import tempfile
        >>> from microgradrnn.training import Settings
        >>> trainer = Trainer(Settings(hidden=8, layers=1, seq_length=5, batch_size=2), "hello world, " * 5)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Run(folder).save(trainer)
        ...     Run(folder).last().position.step
        0
        """
        with self.lock():
            self._write(trainer, self.last_file)
            if self.writes:
                write(self.history_file, _table(trainer).encode())

    def _write(self, trainer: Trainer, path: Path) -> None:
        checkpoint = trainer.checkpoint()  # of several processes each has a part
        if self.writes:
            checkpoint.save(path)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep others from training in the folder, for as long as this lasts; within it, `train` and `save` share it.

        Take it before you read a checkpoint to go on from, or another process may have gone on from it as well. It ends
        with its process, however that ends. Where the file system cannot lock, a RuntimeWarning says so.

        Raises:
            InUse: another one is training here; says the id of its process.
            OSError: the folder cannot be made.

        >>> import tempfile
        >>> from microgradrnn.training import Settings
        >>> trainer = Trainer(Settings(hidden=8, layers=1, seq_length=5, batch_size=2), "hello world, " * 5)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run = Run(folder)
        ...     with run.lock():  # nobody else goes on from what is read here
        ...         run.save(trainer)
        ...         Trainer.resumed(run.last(), "hello world, " * 5).position.step
        0
        """
        if self._locked or not self.writes:
            yield
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with only_writer(self.folder) as alone:
            if alone:  # then whatever stands beside these was left by a process that was killed
                for path in (self.last_file, self.best_file, self.history_file, self.watch_file):
                    for left in leftovers(path):
                        left.unlink(missing_ok=True)
            self._locked = True
            try:
                yield
            finally:
                self._locked = False

    def last(self) -> Checkpoint:
        """What was saved last. Raises OSError or `CheckpointError` where that cannot be read."""
        return Checkpoint.load(self.last_file)

    def best(self) -> Checkpoint:
        """The best on what was held out, or what was saved last where nothing was; errors as of `last`."""
        return Checkpoint.load(self.best_file if self.best_file.exists() else self.last_file)


def _table(trainer: Trainer) -> str:
    """History as CSV, with perplexity and bits a character of what is held out."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*COLUMNS, "validation_perplexity", "bits_a_character"])
    for row in trainer.history:
        loss = row["validation_loss"]
        with np.errstate(over="ignore"):
            more = ["", ""] if loss is None else [float(np.exp(loss)), loss / float(np.log(2))]
        table.writerow(["" if row[name] is None else row[name] for name in COLUMNS] + more)
    return text.getvalue()
