"""A training in one file: weights, the optimiser's memory, random state, position, vocabulary, settings, history.

The file is safetensors: a header that says where which array stands, and the arrays. Nothing in it is ever executed.
It holds a checksum of all that is in it, so that a damaged file is never taken for a whole one.

- `Checkpoint`: what is in it; `Checkpoint.save`, `Checkpoint.load`.
- `Position`: how far a training has come.
- `write`: a file that is at any moment either the old one or the new one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import safetensors
from numpy.typing import NDArray
from safetensors.numpy import save as to_bytes

from microgradrnn.nn import RNNLM
from microgradrnn.text import Vocabulary
from microgradrnn.training.settings import Settings

Arrays = dict[str, NDArray[Any]]
FORMAT = "microgradrnn checkpoint 1"
DTYPES = ("float32", "float64", "int64")
COLUMNS = ("epoch", "step", "loss", "smooth_loss", "validation_loss", "lr", "seconds")
PARTS = ("settings", "vocabulary", "position", "random", "history", "text_digest")


class CheckpointError(ValueError):
    """A file is no checkpoint, or not a whole one; says which file, and what is wrong.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, open(f"{folder}/a.safetensors", "wb") as file:
    ...     _ = file.write(b"not a checkpoint")
    ...     file.close()
    ...     try:
    ...         Checkpoint.load(file.name)
    ...     except CheckpointError as error:
    ...         print(str(error).removeprefix(folder).split(": ")[0][1:])
    a.safetensors is damaged, cut short, or no safetensors file
    """


@dataclass
class Position:
    """How far a training has come.

    Attributes:
        epoch: how many have been finished.
        chunk: how many chunks of this epoch have been learnt from.
        step: how many steps the optimiser has made in all.
        smooth_loss: the smoothed loss of a chunk, reduced as the settings say.
        epoch_loss, epoch_characters: summed over this epoch, in nats.
        best_loss: the lowest loss on what was held out, nats a character; None before there is one.
        waited: epochs since then.
        seconds: spent on training.

    >>> Position(smooth_loss=2.5, epoch=1).step
    0
    >>> Position(smooth_loss=float("nan"))
    Traceback (most recent call last):
    ValueError: Position: losses and seconds are finite numbers, not (nan, 0.0, 0.0, 0.0)
    """

    smooth_loss: float
    epoch: int = 0
    chunk: int = 0
    step: int = 0
    epoch_loss: float = 0.0
    epoch_characters: int = 0
    best_loss: float | None = None
    waited: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        counts = (self.epoch, self.chunk, self.step, self.epoch_characters, self.waited)
        numbers = (self.smooth_loss, self.epoch_loss, self.seconds, self.best_loss or 0.0)
        if any(type(count) is not int or count < 0 for count in counts):
            raise ValueError(f"Position: counts are integers that are not negative, not {counts}")
        if any(type(number) not in (int, float) or not np.isfinite(number) for number in numbers):
            raise ValueError(f"Position: losses and seconds are finite numbers, not {numbers}")


@dataclass
class Checkpoint:
    """A training at one moment.

    Attributes:
        settings, vocabulary: what was trained, and for which characters.
        position: how far it had come.
        arrays: ``model.*`` the weights, ``optimizer.*`` the memory of the optimiser, ``state.*`` the carried states.
        random: the state of the random numbers, as NumPy gives it.
        text_digest: SHA-256 of the text that it was trained on.
        history: a row for each epoch.

    >>> import tempfile
    >>> from microgradrnn.training import Trainer
    >>> settings = Settings(hidden=8, layers=1, seq_length=5, batch_size=2, epochs=3, compiled=False)
    >>> trainer = Trainer(settings, "hello world, " * 5)
    >>> for _ in trainer.steps():
    ...     pass
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     trainer.checkpoint().save(f"{folder}/a.safetensors")
    ...     found = Checkpoint.load(f"{folder}/a.safetensors")
    >>> found.position.epoch, found.vocabulary.characters, found.part("model")["readout.W"].shape
    (3, ' ,dehlorw', (8, 9))
    >>> sum(p.size for p in found.model().parameters())  # 4 gates * (9 + 8 + 1) * 8, and (8 + 1) * 9
    657
    """

    settings: Settings
    vocabulary: Vocabulary
    position: Position
    arrays: Arrays
    random: dict[str, Any]
    text_digest: str
    history: list[dict[str, Any]] = field(default_factory=list)

    def model(self) -> RNNLM:
        """The trained model, in evaluation.

        Raises:
            CheckpointError: weights are missing, or do not fit the settings and the vocabulary.
        """
        _check_sizes(self)
        model = self.settings.model(len(self.vocabulary), np.random.default_rng(0))
        try:
            model.load_state_dict(self.part("model"))
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"the weights do not fit the settings: {error}") from error
        model.eval()
        return model

    def part(self, name: str) -> Arrays:
        """The arrays of "model", "optimizer" or "state", by the rest of their names.

        Raises:
            CheckpointError: one of them holds something that no checkpoint holds, such as text.
        """
        prefix = f"{name}."
        parts = {key: array for key, array in self.arrays.items() if key.startswith(prefix)}
        return {key.removeprefix(prefix): _numbers(key, array) for key, array in parts.items()}

    def save(self, path: str | Path) -> None:
        """Write the file; a kill at any moment leaves the one that was there before, or this one whole.

        Raises:
            OSError: it cannot be written.
            CheckpointError: an array holds something that no checkpoint holds, such as text; nothing is written.
        """
        arrays = {name: _numbers(name, array) for name, array in self.arrays.items()}
        metadata = {
            "format": FORMAT,
            "settings": json.dumps(asdict(self.settings)),
            "vocabulary": json.dumps(self.vocabulary.characters),
            "position": json.dumps(asdict(self.position)),
            "random": json.dumps(self.random),
            "history": json.dumps(self.history),
            "text_digest": json.dumps(self.text_digest),
        }
        metadata["checksum"] = _checksum(arrays, metadata)
        write(path, to_bytes(arrays, metadata))

    @classmethod
    def load(cls, path: str | Path) -> Checkpoint:
        """Read the file.

        Raises:
            OSError: there is none, or it cannot be read.
            CheckpointError: it is damaged, cut short, or no checkpoint of ours.
        """
        arrays, metadata = _read(Path(path))
        if metadata.get("format") != FORMAT:
            raise CheckpointError(
                f"{path} is a safetensors file, but no checkpoint of microgradrnn: its format is "
                f"{metadata.get('format')!r}, not {FORMAT!r}"
            )
        if metadata.pop("checksum", None) != _checksum(arrays, metadata):
            raise CheckpointError(f"{path} is damaged: its checksum is not that of what is in it")
        try:
            told = {name: json.loads(metadata[name]) for name in PARTS}
            found = cls(
                Settings(**told["settings"]),
                Vocabulary(told["vocabulary"]),
                Position(**told["position"]),
                arrays,
                told["random"],
                told["text_digest"],
                told["history"],
            )
            _check_sizes(found)
            _check_history(found.history)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise CheckpointError(f"{path} is a checkpoint that makes no sense: {error}") from error
        return found


def write(path: str | Path, content: bytes) -> None:
    """Write a file such that it is at any moment either what it was before or all of the new: never a part.

    The new one is written beside it, under a name that no other writer has, brought to the disk, and only then given
    its own name. Where that fails, nothing is left of it.
    """
    path = Path(path)
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _rename(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def leftovers(path: Path) -> list[Path]:
    """What writers of a file have left beside it that were killed, and what others are just writing."""
    return [other for other in path.parent.glob("*.new") if re.fullmatch(_BESIDE, other.name.removeprefix(path.name))]


ON_WINDOWS = os.name == "nt"
_BESIDE = r"\.[0-9a-f]{8}\.new"


def _rename(old: Path, new: Path) -> None:
    """`Path.replace`, which on Windows has to wait until nobody reads the file that is replaced."""
    for seconds in (0.05, 0.1, 0.2, 0.4, 0.8) if ON_WINDOWS else ():
        try:
            old.replace(new)
            return
        except PermissionError:
            time.sleep(seconds)
    old.replace(new)


def _read(path: Path) -> tuple[Arrays, dict[str, str]]:
    """The arrays and the metadata of any safetensors file of ours."""
    with path.open("rb"):  # what is missing or forbidden is said as Python says it
        pass
    try:
        with safetensors.safe_open(path, framework="np") as file:
            names = file.keys()  # it is no mapping, and cannot be iterated itself
            arrays, metadata = {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except (safetensors.SafetensorError, TypeError, AttributeError, KeyError) as error:
        raise CheckpointError(f"{path} is damaged, cut short, or no safetensors file: {error}") from error
    try:
        return {name: _numbers(name, array) for name, array in arrays.items()}, metadata
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def _numbers(name: str, array: Any) -> NDArray[Any]:
    """A copy of an array, once it is certain that it is of a dtype that checkpoints hold; nothing is converted."""
    try:
        found = np.array(array, order="C")
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{name} is no array: {error}") from error
    if found.dtype.name not in DTYPES:
        raise CheckpointError(f"{name} holds {found.dtype}, and a checkpoint holds {', '.join(DTYPES)}")
    return found


def _checksum(arrays: Arrays, metadata: dict[str, str]) -> str:
    digest = hashlib.sha256()
    for name in sorted(metadata):
        digest.update(repr((name, metadata[name])).encode())
    for name in sorted(arrays):
        digest.update(repr((name, arrays[name].dtype.str, arrays[name].shape)).encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()


def _check_history(history: Any) -> None:
    for row in history:
        if set(row) != set(COLUMNS) or any(type(value) not in (int, float, type(None)) for value in row.values()):
            raise ValueError(f"a row of history has numbers for {', '.join(COLUMNS)}, got {row!r:.200}")


def _check_sizes(checkpoint: Checkpoint) -> None:
    """Raise where the arrays are not of the sizes that the settings tell, before anything of such a size is made."""
    settings, characters = checkpoint.settings, len(checkpoint.vocabulary)
    sizes: dict[str, tuple[Literal[0, 1], int]] = {"model.readout.W": (1, characters)}
    for layer in range(min(settings.layers, len(checkpoint.arrays) + 1)):
        sizes[f"model.rnn.cells.{layer}.0.W_hh"] = (0, settings.hidden)
    for name, (axis, size) in sizes.items():
        array = _numbers(name, checkpoint.arrays[name]) if name in checkpoint.arrays else None
        if array is None or array.ndim != 2 or array.shape[axis] != size or array.dtype.name != settings.dtype:
            came = "nothing" if array is None else f"{array.dtype} of shape {array.shape}"
            raise CheckpointError(f"{name} is {settings.dtype} with {size} on axis {axis}, got {came}")
