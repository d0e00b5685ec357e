"""A language model of some size beside PyTorch's: the same training twice, and what each says of a text it never saw.

Ours trains for some minutes. PyTorch then makes as many steps from the same weights: the same streams and chunks, the
state carried from one to the next and cut, the same learning rates, Adam, and the gradient's norm clipped alike. Its
second bias, which we do not have, stays 0. Each reads what is held out by its own code, once from front to end.

Seconds are those of training steps alone. Both have one thread.
"""

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks import report
from benchmarks.report import Floor
from benchmarks.training.shared import Minutes, for_minutes, topics
from microgradrnn import interop, no_grad
from microgradrnn.text import split
from microgradrnn.training import Settings, Trainer, evaluate

Array = NDArray[Any]

OURS, PYTORCH = "microgradrnn", "PyTorch, LSTM"
SETTINGS = Settings(
    cell="lstm",
    hidden=128,
    layers=2,
    dropout=0.0,
    seq_length=50,
    batch_size=32,
    epochs=1_000_000,
    optimizer="adam",
    lr=1e-2,
    lr_decay=0.9,
    lr_decay_after=4,
    clip=5.0,
    clip_by="norm",
    validation=0.05,
    patience=0,
)
CLOSE = 0.02  # bits; it isn't 0, since rounding alone drives two trainings apart in so many steps
TOLERANCE = 1e-5  # of the first loss; float32 has 1e-7


@dataclass(frozen=True)
class Trained:
    """What a training has come to."""

    steps: int
    seconds: float
    bits: float


def ours(trainer: Trainer, minutes: float) -> Trained:
    for position in for_minutes(trainer.steps(), minutes):
        done = position
    return Trained(done.step, done.seconds, evaluate(trainer.model, held_out(trainer)) / math.log(2))


def held_out(trainer: Trainer) -> Array:
    """The tokens that a training on `topics` judges by."""
    return split(trainer.vocabulary.encode(topics()), trainer.settings.validation)[1]


class InPyTorch:
    """The same model and its training in PyTorch, from weights that `interop.to_torch` gave.

    Attributes:
        mean_loss: of the chunks that `train` has learnt from, each before its step.
    """

    def __init__(self, settings: Settings, weights: dict[str, Array]) -> None:
        import torch

        torch.set_num_threads(1)
        self.torch, self.settings = torch, settings
        characters = len(weights["readout.bias"])
        rnn = torch.nn.LSTM(characters, settings.hidden, settings.layers)
        self.net = torch.nn.ModuleDict({"rnn": rnn, "readout": torch.nn.Linear(settings.hidden, characters)})
        self.net.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
        for name, p in self.net.named_parameters():
            p.requires_grad_("bias_hh" not in name)
        self.one_hot = torch.eye(characters)

    def loss(self, inputs: Array, targets: Array, state: Any = None) -> tuple[Any, Any]:
        """The mean over all targets, and the state after the last step."""
        hs, state = self.net["rnn"](self.one_hot[self.torch.from_numpy(inputs)], state)
        scores = self.net["readout"](hs).flatten(0, 1)
        return self.torch.nn.functional.cross_entropy(scores, self.torch.from_numpy(targets).flatten()), state

    def train(self, inputs: Array, targets: Array, steps: int) -> float:
        """So many chunks, from the front of the text each time it has ended; the seconds that they took."""
        torch, length = self.torch, self.settings.seq_length
        parameters = [p for p in self.net.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(parameters, lr=self.settings.lr)
        state: Any = None
        losses: list[Any] = []
        chunks, start = math.ceil(len(inputs) / length), time.perf_counter()
        for step in tqdm(range(steps), desc=PYTORCH, disable=None, mininterval=0.2, unit=" steps"):
            epoch, chunk = divmod(step, chunks)
            optimizer.param_groups[0]["lr"] = self.settings.lr_at(epoch)
            rows = slice(chunk * length, (chunk + 1) * length)
            before = None if chunk == 0 else tuple(part.detach() for part in state)
            loss, state = self.loss(inputs[rows], targets[rows], before)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, self.settings.clip)
            optimizer.step()
            losses.append(loss.detach())
        seconds = time.perf_counter() - start
        self.mean_loss = float(torch.stack(losses).mean())
        return seconds

    def evaluate(self, tokens: Array) -> float:
        """Nats a character: the text in one stream, from its front to its end."""
        with self.torch.no_grad():
            return float(self.loss(tokens[:-1, None], tokens[1:, None])[0])


def agree(trainer: Trainer, pytorch: InPyTorch) -> None:
    """Raise where the loss of the first chunk differs, before anything is learnt."""
    length = trainer.settings.seq_length
    inputs, targets = (np.ascontiguousarray(tokens[:length]) for tokens in (trainer.inputs, trainer.targets))
    with no_grad():
        mine = trainer.model.loss(inputs, targets)[0].item()
    theirs = float(pytorch.loss(inputs, targets)[0].detach())
    if not abs(mine - theirs) <= TOLERANCE * mine:
        raise AssertionError(f"the first loss is {mine} here, and {theirs} in PyTorch")


def measure(minutes: float) -> dict[str, Trained]:
    """Ours, and PyTorch's where it is installed."""
    trainer = Trainer(SETTINGS, topics())
    if not report.installed("torch"):
        return {OURS: ours(trainer, minutes)}
    pytorch = InPyTorch(SETTINGS, interop.to_torch(trainer.model))
    agree(trainer, pytorch)
    mine = ours(trainer, minutes)
    seconds = pytorch.train(trainer.inputs, trainer.targets, mine.steps)
    bits = pytorch.evaluate(held_out(trainer)) / math.log(2)
    return {OURS: mine, PYTORCH: Trained(mine.steps, seconds, bits)}


def run(minutes: Minutes = 10.0) -> None:
    """Train a 2-layer LSTM of 128 units, then the same in PyTorch: bits a character on what is held out."""
    found = measure(minutes)
    rows: list[tuple[str, ...]] = []
    for name, trained in found.items():
        pace = f"{1e3 * trained.seconds / trained.steps:.1f}"
        rows.append((name, f"{trained.steps:,}", f"{trained.seconds / 60:.2f}", pace, f"{trained.bits:.4f}"))
    difference = ratio = None
    if PYTORCH in found:
        mine, theirs = found[OURS], found[PYTORCH]
        difference, ratio = abs(mine.bits - theirs.bits), mine.seconds / theirs.seconds
        rows.append(("difference, ratio", "", "", f"{ratio:.2f}", f"{mine.bits - theirs.bits:+.4f}"))
    else:
        rows.append((PYTORCH, report.NOT_INSTALLED))

    print("LANGUAGE   2-layer LSTM of 128 units, float32; one thread each")
    print(report.table(("", "steps", "minutes", "ms a step", "held out, bits a character"), rows))
    print(report.floors(Floor(f"difference from {PYTORCH}, bits a character", difference, CLOSE)))
