"""Many-to-one: a GRU reads a handwritten digit row by row, and says at the end which one it is.

    python demos/05_digits_row_by_row.py [--epochs N] [--hidden N] [--seed N] [--out FOLDER]

The images are scikit-learn's `load_digits`: 1,797 digits that people wrote, 8 x 8 pixels each. A row of 8 pixels is one
time step, so the network sees an image as a sequence of 8, and never two rows at once. `main` returns what it claims:
at least 95% of the digits that it was not trained on are read rightly.

The picture shows some of those beside what the network would have said after each row, had the image ended there.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from microgradrnn import compiled, functional, no_grad
from microgradrnn.nn import ManyToOne
from microgradrnn.optim import Adam, clip_grad_norm_

BATCH, LR, DTYPE, SHOWN = 32, 5e-3, np.float32, 6


@dataclass
class Result:
    """Which share of the digits was read rightly, trained on and held out, and the picture."""

    training: float
    held_out: float
    written: Path


def main(out="out", epochs=20, hidden=64, held_out=450, training=None, seed=0):
    images, digits = load()
    order = np.random.default_rng(seed).permutation(len(digits))
    test, train = order[:held_out], order[held_out:][:training]
    model = ManyToOne(input_size=8, hidden_size=hidden, output_size=10, cell="gru", seed=seed, dtype=DTYPE)
    count = sum(p.size for p in model.parameters())
    print(
        f"{len(train)} handwritten digits to learn from, {len(test)} held out; each is a sequence of 8 rows.\n"
        f"A GRU of {count:,} parameters, its read-out at the last row alone; chance is 0.10."
    )
    fit(model, images[:, train], digits[train], epochs, np.random.default_rng(seed))
    shares = [share_right(model, images[:, some], digits[some]) for some in (train, test)]
    print(f"\nRead rightly: {shares[0]:.1%} of the digits that it learnt from, {shares[1]:.1%} of those held out")

    path = picture(model, images[:, test], digits[test], Path(out) / "digits_row_by_row.png")
    print(f"\nWritten:\n  {path}: held-out digits, and what the network would have said after each row")
    return Result(*shares, path)


def load():
    """The images as sequences of rows, (8, N, 8) with pixels in 0 .. 1, and which digit each is, (N,)."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise SystemExit("the digits come with scikit-learn: pip install scikit-learn") from error
    found = load_digits()
    return (found.images / 16).transpose(1, 0, 2).astype(DTYPE), found.target


def fit(model, images, digits, epochs, rng):
    """Adam on batches, the rate falling to a tenth; the loss stands at the end of the sequence alone."""
    optimizer = Adam(model.parameters(), lr=LR)
    loss = compiled(lambda images, digits: functional.cross_entropy(model(images), digits))
    for epoch in tqdm(range(epochs), desc="epochs"):
        optimizer.lr = LR * 0.1 ** (epoch / epochs)
        order = rng.permutation(len(digits))
        for start in range(0, len(order), BATCH):
            some = order[start : start + BATCH]
            optimizer.zero_grad()
            loss(images[:, some], digits[some]).backward()
            clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()


def share_right(model, images, digits):
    with no_grad():
        return float((model(images).data.argmax(axis=1) == digits).mean())


def beliefs(model, images):
    """The softmax of the read-out after each row, (8, N, 10): the last one is the answer, the others were not asked."""
    with no_grad():
        return np.stack([functional.softmax(model.readout(h)).data for _, h in model.rnn.unroll(images)])


def picture(model, images, digits, path):
    """Digits beside what is believed after each row: some that are right, and the last ones wrong, where any are."""
    believed = beliefs(model, images)
    wrong = np.flatnonzero(believed[-1].argmax(axis=1) != digits)
    right = np.flatnonzero(believed[-1].argmax(axis=1) == digits)
    _, first_of_each = np.unique(digits[right], return_index=True)
    some = [*right[first_of_each][:: 1 if len(first_of_each) < SHOWN else 2], *wrong[:2]][:SHOWN]
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    panels = figure.subplots(2, SHOWN, squeeze=False)
    for axes, n in zip(panels.T.tolist(), some, strict=False):
        said = believed[-1, n].argmax()
        axes[0].imshow(images[:, n], cmap="gray_r", aspect="auto")
        axes[0].set_title(f"a {digits[n]}, read as {said}", color="black" if said == digits[n] else "#d55e00")
        axes[0].set(xticks=[], yticks=range(8), yticklabels=range(1, 9))
        shown = axes[1].imshow(believed[:, n], cmap="viridis", vmin=0, vmax=1, aspect="auto")
        axes[1].set(xticks=range(10), yticks=range(8), yticklabels=range(1, 9))
    panels[0, 0].set_ylabel("row")
    panels[1, 0].set_ylabel("after row")
    figure.supxlabel("what it would have said after each row: the probability of each digit", fontsize=10)
    figure.colorbar(shown, ax=panels[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20, help="how often to go through the training digits")
    parser.add_argument("--hidden", type=int, default=64, help="units of the GRU")
    parser.add_argument("--seed", type=int, default=0, help="of the split, the weights and the order")
    parser.add_argument("--out", default="out", help="the folder to write to")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(errors="replace")  # a console without some character still shows the numbers
    main(arguments.out, arguments.epochs, arguments.hidden, seed=arguments.seed)
