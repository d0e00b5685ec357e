"""Many-to-many in step: a label for every character of Python source: is it code, string or comment?

    python demos/07_highlighter.py [--updates N] [--hidden N] [--seed N] [--out FOLDER]

A syntax highlighter that reads Python's own library once, from left to right; `tokenize` gives the true labels. A label
depends on what was opened before and not yet closed, at times hundreds of characters ago: a # inside a string is no
comment, and a quote inside a comment opens no string. So no model that looks at characters one by one can do well.
(One thing cannot be known in step: that the r of r"..." belongs to the string.) `main` returns what it claims: on
modules that it was not trained on it has at most a third of the errors of the best of those models.
"""

import argparse
import string
import sys
import tokenize
from dataclasses import dataclass
from itertools import accumulate, chain, repeat
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from tqdm import tqdm

from microgradrnn import Tensor, compiled, no_grad
from microgradrnn.nn import ManyToMany, sequence_loss
from microgradrnn.optim import Adam, clip_grad_norm_
from microgradrnn.training import truncated_bptt

TRAINING = """
    argparse calendar cmd configparser copy csv dataclasses difflib enum fractions functools glob gzip inspect mailbox
    numbers optparse pickle pprint queue random shelve smtplib socket statistics string tarfile tempfile threading
    timeit trace types uuid warnings weakref
"""
HELD_OUT = "heapq shlex textwrap"
LABELS = {"code": "#333333", "string": "#0072b2", "comment": "#009e73"}
WRONG = "#f3c6a5"
VOCABULARY = string.printable
ONE_HOT = Tensor(np.eye(len(VOCABULARY), dtype=np.float32), requires_grad=False)
BATCH, STEPS, LR = 32, 50, 5e-3


@dataclass
class Result:
    """Shares of held-out characters that got the right label; for the network also label by label. And the picture."""

    always_code: float
    character_alone: float
    network: float
    by_label: dict[str, float]
    written: Path


def main(out="out", updates=1000, hidden=64, seed=0, training=TRAINING, held_out=HELD_OUT):
    _, tokens, labels = read(training)
    text, unseen, right = read(held_out)
    model = ManyToMany(len(VOCABULARY), hidden, len(LABELS), cell="gru", seed=seed, dtype=np.float32)
    print(
        f"{len(tokens):,} characters of Python's library to learn from, {len(text):,} of other modules held out: "
        f"{held_out}.\nA GRU of {sum(p.size for p in model.parameters()):,} parameters reads on and labels."
    )
    train(model, tokens, labels, updates)
    with no_grad():  # as one long sequence
        said = np.array([y.data.argmax() for _, y in model.unroll(ONE_HOT[unseen][:, None])])
    commonest = np.array([np.bincount(labels[tokens == k], minlength=3).argmax() for k in range(len(VOCABULARY))])
    always_code, character_alone, network = (float((x == right).mean()) for x in (0, commonest[unseen], said))
    by_label = {name: float((said[right == k] == k).mean()) for k, name in enumerate(LABELS)}
    path = picture(text, right, said, Path(out) / "highlighter.png")
    print(
        f"\nRight labels: {network:.1%} of the held-out characters; {character_alone:.1%} would be with "
        f"each character's commonest label, {always_code:.1%} with 'code' throughout.\n"
        f"Label by label: {', '.join(f'{share:.1%} of {name}' for name, share in by_label.items())}\n\n"
        f"Written:\n  {path}: held-out source in the network's colours, its errors marked"
    )
    return Result(always_code, character_alone, network, by_label, path)


def read(modules):
    """The source of the modules, one after the other: the text, its characters as tokens, and their labels."""
    text = "".join(Path(tokenize.__file__).with_name(f"{name}.py").read_text("utf-8") for name in modules.split())
    tokens = np.array([VOCABULARY.index(c if c in VOCABULARY else "?") for c in text])
    return text, tokens, true_labels(text)


def true_labels(text):
    """0 for code, 1 for string, 2 for comment, as `tokenize` cuts the text up."""
    lines = text.splitlines(keepends=True)
    starts = [0, *accumulate(map(len, lines))]
    found = np.zeros(len(text), int)
    for token in tokenize.generate_tokens(iter(lines).__next__):
        kind = tokenize.tok_name[token.type]
        (row, column), (last_row, last_column) = token.start, token.end
        is_string = "STRING" in kind  # f-strings come in several parts from Python 3.12 on
        found[starts[row - 1] + column : starts[last_row - 1] + last_column] = 2 if kind == "COMMENT" else is_string
    return found


def train(model, tokens, labels, updates):
    """Truncated BPTT: BATCH streams side by side, the state carried from chunk to chunk, the gradient cut there."""
    optimizer = Adam(model.parameters(), lr=LR)
    streams = [some[: len(some) // BATCH * BATCH].reshape(BATCH, -1).T for some in (tokens, labels)]

    @compiled
    def loss(tokens, labels, state):
        steps = model.unroll(ONE_HOT[tokens], state)
        return sequence_loss(steps, labels), steps.state

    readings = (truncated_bptt(loss, streams, STEPS) for _ in repeat(None))  # the text again and again
    for update, (L, _) in zip(tqdm(range(updates), mininterval=0.5), chain.from_iterable(readings), strict=False):
        optimizer.lr = LR * (1 - 0.95 * update / updates)
        optimizer.zero_grad()
        L.backward()
        clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


def picture(text, labels, said, path, rows=9, columns=88):
    """Two passages in the colours of what was said: where the true labels change most often, and where it errs most."""
    figure = Figure(figsize=(8.2, 5.4), layout="constrained")
    errors, colours = labels != said, np.array([*LABELS.values()])[said]
    starts = [0, *accumulate(map(len, text.splitlines(keepends=True)))]
    scores = {"where labels change most often:": labels != np.roll(labels, 1), "where it errs most:": errors}
    for axes, (title, score) in zip(figure.subplots(2), scores.items(), strict=True):
        axes.set(xlim=(0, columns), ylim=(rows, 0), xticks=[], yticks=[], frame_on=False)
        axes.set_title(title, loc="left", fontsize=10)
        shown = max(map(slice, starts, starts[rows:]), key=lambda span: score[span].sum())
        write(axes, text[shown], colours[shown], errors[shown])
    legend = [Patch(color=colour, label=name) for name, colour in {**LABELS, "wrong": WRONG}.items()]
    figure.legend(handles=legend, loc="outside upper left", ncols=4)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    return path


def write(axes, text, colours, errors):
    row = column = 0
    for c, colour, error in zip(text, colours, errors, strict=True):
        if error:
            axes.add_patch(Rectangle((column, row), 1, 1, color=WRONG, linewidth=0))
        axes.text(column + 0.5, row + 0.72, c.strip(), family="monospace", color=colour, ha="center")
        row, column = (row + 1, 0) if c == "\n" else (row, column + 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=1000, help="how long to train")
    parser.add_argument("--hidden", type=int, default=64, help="units of the GRU")
    parser.add_argument("--seed", type=int, default=0, help="of the weights")
    parser.add_argument("--out", default="out", help="the folder to write to")
    sys.stdout.reconfigure(errors="replace")  # a console without some character still shows the numbers
    main(**vars(parser.parse_args()))
