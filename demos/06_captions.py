"""One-to-many: the image of a handwritten digit in, its name out, letter by letter.

    python demos/06_captions.py [--epochs N] [--hidden N] [--seed N] [--out FOLDER]

The smallest captions there are. Only the first step sees the image (one of scikit-learn's `load_digits`, 64 pixels);
each later one reads what the step before has put out, right or wrong, in training as in use: it runs free. So the state
must hold both what was seen and how far the name has been written, and a gradient goes back through the letters too.
What is read is the scores of all letters, not one that was chosen: so a network that wavers between "one" and "nine"
may come to write "oine". `main` returns what it claims: at least 90% of the digits that it was not trained on get their
name without a fault.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from microgradrnn import compiled, functional, no_grad
from microgradrnn.nn import OneToMany, sequence_loss
from microgradrnn.optim import Adam, clip_grad_norm_

NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
LETTERS = " " + "".join(sorted(set("".join(NAMES))))
STEPS = max(map(len, NAMES))
TARGETS = np.array([[LETTERS.index(c) for c in name.ljust(STEPS)] for name in NAMES]).T
BATCH, LR, DTYPE, SHOWN = 32, 1e-2, np.float32, 6


@dataclass
class Result:
    """Which share of held-out digits got the right name, which got another's, how many no name at all; the picture."""

    right: float
    another: float
    no_name: float
    written: Path


def main(out="out", epochs=40, hidden=64, held_out=450, training=None, seed=0):
    images, digits = load()
    order = np.random.default_rng(seed).permutation(len(digits))
    test, train = order[:held_out], order[held_out:][:training]
    model = OneToMany(64, hidden, len(LETTERS), cell="gru", feedback=True, seed=seed, dtype=DTYPE)
    print(
        f"{len(train)} handwritten digits to learn from, {len(test)} held out; {len(LETTERS)} letters, the blank among "
        f"them, and {STEPS} steps.\nA GRU of {sum(p.size for p in model.parameters()):,} parameters."
    )
    fit(model, images[train], digits[train], epochs, np.random.default_rng(seed))
    written = [caption(row) for row in scores(model, images[test]).argmax(axis=2).T]
    right = [name == NAMES[digit] for name, digit in zip(written, digits[test], strict=True)]
    known = [name in NAMES for name in written]
    path = picture(model, images[test], digits[test], right, Path(out) / "captions.png")
    result = Result(float(np.mean(right)), float(np.mean(known) - np.mean(right)), float(1 - np.mean(known)), path)
    print(
        f"\nOf the held-out digits {result.right:.1%} got their name, {result.another:.1%} that of another digit, and "
        f"{result.no_name:.1%} what is no digit's name"
    )
    print("such as", ", ".join(sorted({f"{name!r}" for name in written if name not in NAMES})[:5]) or "none of them")
    print(f"\nWritten:\n  {path}: held-out digits, and the probability of each letter as it was written")
    return result


def load():
    """The images as rows of pixels in 0 .. 1, (N, 64), and which digit each is, (N,)."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise SystemExit("the digits come with scikit-learn: pip install scikit-learn") from error
    found = load_digits()
    return (found.data / 16).astype(DTYPE), found.target


def fit(model, images, digits, epochs, rng):
    """Adam on batches, the rate falling to a tenth; a loss for every letter, blanks after the name included."""
    optimizer = Adam(model.parameters(), lr=LR)
    loss = compiled(lambda images, targets: sequence_loss(model.unroll(images, STEPS), targets))
    for epoch in tqdm(range(epochs), desc="epochs"):
        optimizer.lr = LR * 0.1 ** (epoch / epochs)
        order = rng.permutation(len(digits))
        for start in range(0, len(order), BATCH):
            some = order[start : start + BATCH]
            optimizer.zero_grad()
            loss(images[some], TARGETS[:, digits[some]]).backward()
            clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()


def scores(model, images):
    """The softmax over letters at each step, (steps, N, letters)."""
    with no_grad():
        return np.stack([functional.softmax(y).data for _, y in model.unroll(images, STEPS)])


def caption(row):
    return "".join(LETTERS[k] for k in row).rstrip()


def picture(model, images, digits, right, path):
    """Digits with what was written under them: some that are right, and the last ones wrong, where any are."""
    right, wrong = np.flatnonzero(right), np.flatnonzero(~np.array(right))
    some = [*right[np.unique(digits[right], return_index=True)[1]][: SHOWN - len(wrong[:2])], *wrong[:2]]
    p = scores(model, images[some])
    figure = Figure(figsize=(11, 5.4), layout="constrained")
    panels = figure.subplots(2, SHOWN, height_ratios=(1, 1.7), squeeze=False)
    for axes, n, letters in zip(panels.T.tolist(), some, p.transpose(1, 2, 0), strict=False):
        name = caption(letters.argmax(axis=0))
        axes[0].imshow(images[n].reshape(8, 8), cmap="gray_r", aspect="auto")
        axes[0].set_title(repr(name), color="black" if name == NAMES[digits[n]] else "#d55e00")
        axes[0].set(xticks=[], yticks=[])
        shown = axes[1].imshow(letters, cmap="viridis", vmin=0, vmax=1, aspect="auto")
        axes[1].set(xticks=range(STEPS), xticklabels=range(1, STEPS + 1))
        axes[1].set(yticks=range(len(LETTERS)), yticklabels=["blank", *LETTERS[1:]] if axes[1] is panels[1, 0] else [])
    figure.supxlabel("time step: the probability of each letter", fontsize=10)
    figure.colorbar(shown, ax=panels[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40, help="how often to go through the training digits")
    parser.add_argument("--hidden", type=int, default=64, help="units of the GRU")
    parser.add_argument("--seed", type=int, default=0, help="of the split, the weights and the order")
    parser.add_argument("--out", default="out", help="the folder to write to")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(errors="replace")  # a console without some character still shows the numbers
    main(arguments.out, arguments.epochs, arguments.hidden, seed=arguments.seed)
