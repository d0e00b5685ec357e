"""The preset min-char-rnn beside min-char-rnn written by hand in NumPy: the smoothed loss, from the same weights.

Ours is the `Trainer`, with all that `microgradrnn train --preset min-char-rnn` does. The other is a plain loop over the
derivation by hand, which shares nothing with it but the first weights and the text.

Both compute the same, and still their losses come apart: at this learning rate what is rounded differently grows from
step to step, from 1e-14 to whole nats within some 20. So the loop runs once more with W_hh changed in its last bit, to
show how far rounding alone drives it from itself, and what is compared are means over seeds.
"""

import math
import statistics
from dataclasses import dataclass, replace
from itertools import islice
from typing import Annotated, Any

import click
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks import report
from benchmarks.report import Floor
from benchmarks.training.shared import topics
from microgradrnn.by_hand import min_char_rnn
from microgradrnn.cli.commands import Option
from microgradrnn.training import MIN_CHAR_RNN, Trainer

Array = NDArray[Any]

LENGTH, LR, CLIP = 25, 0.1, 5.0  # Karpathy's, and not taken from the preset, which may be wrong


@dataclass(frozen=True)
class Losses:
    """The smoothed losses of a seed after the last step: of a chunk of 25 characters, in nats, as it prints them.

    Attributes:
        seed: of the first weights.
        ours, by_hand: from these weights.
        nudged: by hand, every entry of W_hh being the next larger number at the start.
    """

    seed: int
    ours: float
    by_hand: float
    nudged: float


def ours(trainer: Trainer, steps: int) -> float:
    """So many steps of the training, from wherever it stands."""
    for position in islice(trainer.steps(), steps):
        smooth = position.smooth_loss
    return smooth


def first_weights(trainer: Trainer) -> dict[str, Array]:
    """Copies, by the labels that the derivation by hand has for them."""
    state = trainer.model.state_dict()
    weights = {label: state[f"rnn.cells.0.0.{label}"] for label in ("W_xh", "W_hh", "b_h")}
    return weights | {"W_hy": state["readout.W"], "b_y": state["readout.b"]}


def by_hand(text: str, weights: dict[str, Array], steps: int) -> float:
    """So many steps in NumPy alone, from the front of the text."""
    characters = sorted(set(text))
    tokens = np.array([characters.index(character) for character in text[: LENGTH * steps + 1]])[:, None]
    smooth = LENGTH * math.log(len(characters))
    memory: dict[str, Array] = {}
    h = None
    for start in range(0, LENGTH * steps, LENGTH):
        read = tokens[start : start + LENGTH + 1]
        loss, gradients, h = min_char_rnn.loss_and_gradients(read[:-1], read[1:], weights, h, CLIP)
        weights, memory = min_char_rnn.adagrad(weights, gradients, memory, LR)
        smooth = min_char_rnn.smoothed(smooth, loss)
    return smooth


def measure(text: str, seed: int, steps: int) -> Losses:
    """All from the same weights."""
    trainer = Trainer(replace(MIN_CHAR_RNN, seed=seed), text)
    whole = len(trainer.inputs) // LENGTH
    if steps > whole:
        raise click.BadParameter(f"the text ends after {whole:,} whole chunks, and {steps:,} steps were asked for")
    weights = first_weights(trainer)
    nudged = weights | {"W_hh": np.nextafter(weights["W_hh"], np.inf)}
    return Losses(seed, ours(trainer, steps), by_hand(text, weights, steps), by_hand(text, nudged, steps))


def run(
    steps: Annotated[int, Option(min=1, help="Steps of the optimiser.")] = 1_000,
    seeds: Annotated[int, Option(min=2, help="How many first weights to train from.")] = 5,
) -> None:
    """The preset min-char-rnn beside the same in NumPy by hand: smoothed losses, over several seeds."""
    text = topics()
    found = [measure(text, seed, steps) for seed in tqdm(range(seeds), disable=None, leave=False, unit=" seeds")]
    columns = [[getattr(losses, name) for losses in found] for name in ("ours", "by_hand", "nudged")]
    means, spreads = ([over(column) for column in columns] for over in (statistics.mean, statistics.stdev))

    print(f"MIN-CHAR-RNN   smoothed loss of {LENGTH} characters after {steps:,} steps, nats; float64")
    rows = [(f"seed {losses.seed}", (losses.ours, losses.by_hand, losses.nudged)) for losses in found]
    rows += [("mean", tuple(means)), ("spread: standard deviation", tuple(spreads))]
    heads = (f"{len(text):,} characters", "microgradrnn", "NumPy by hand", "the same, W_hh nudged")
    print(report.table(heads, [(name, *(f"{loss:.3f}" for loss in losses)) for name, losses in rows]))
    print(report.floors(Floor("difference of the first two means / spread", abs(means[0] - means[1]) / spreads[1], 1)))
