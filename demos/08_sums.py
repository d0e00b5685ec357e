"""Encoder-decoder: sums as text, "535+61" -> "596". One network reads the sum, another one writes the answer.

    python demos/08_sums.py [--updates N] [--hidden N] [--seed N] [--out FOLDER]

Nothing tells them what a digit is worth: characters go in as one-hot rows and come out as classes, and all that the
decoder knows of the sum is the encoder's last state. As on paper, both work from the right, where carries come from.
`main` returns what it claims: of sums that were held out (nor was 61+535 trained on, where 535+61 is held out) 90% are
written without a fault, the decoder reading its own characters. The picture shows how good it grew, and for one sum
which characters of it each character of the answer hears of.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from microgradrnn import Tensor, compiled, functional, no_grad
from microgradrnn.nn import Decoder, Encoder, Seq2Seq, greedy
from microgradrnn.optim import Adam, clip_grad_norm_

CHARS = "0123456789+ "
ONE_HOT = np.eye(len(CHARS), dtype=np.float32)
BATCH, LR = 96, 5e-3


@dataclass
class Result:
    """Which share of held-out sums came out exactly, by updates made, some sums with what was answered, the picture."""

    exact: dict[int, float]
    answers: dict[str, str]
    written: Path


def main(out="out", updates=4000, hidden=128, digits=3, seed=0):
    rng, size = np.random.default_rng(seed), 10**digits
    held_out = split(rng, size)
    encoder = Encoder(len(CHARS), hidden, cell="gru", seed=rng, dtype=np.float32)
    decoder = Decoder(len(CHARS), hidden, encoder.context_size, cell="gru", seed=rng, dtype=np.float32)
    model = Seq2Seq(encoder, decoder)
    print(
        f"Sums of two numbers below {size:,}: {held_out.mean():.1%} of the {size * size:,} pairs are held out.\n"
        f"A GRU encoder and a GRU decoder, {sum(p.size for p in model.parameters()):,} parameters; a guess is right "
        f"in about one of {2 * size:,}."
    )
    tests = draw_pairs(np.random.default_rng(1), digits, 1000, held_out)
    exact = train(model, updates, digits, held_out, tests, rng)
    print(f"\nOf {len(tests)} held-out sums {exact[updates]:.1%} were answered exactly, such as")
    answers = {}
    for (a, b), text in zip(tests[:8], answer(model, tests[:8]), strict=True):
        answers[f"{a}+{b}"] = text
        print(f"  {a:>4} + {b:<4} = {text:<5} {'' if text == str(a + b) else f'(it is {a + b})'}")
    path = picture(model, exact, (535, 61), Path(out) / "sums.png")
    print(f"\nWritten:\n  {path}: how good it grew, and what each character of an answer hears of")
    return Result(exact, answers, path)


def split(rng, size):
    """Which pairs (a, b) are held out, a table; with each of them (b, a), which is the same sum."""
    table = rng.random((size, size)) < 0.01
    return table | table.T


def draw_pairs(rng, digits, count, allowed):
    """Pairs among those allowed; numbers of one, two ... digits are equally frequent."""
    found = np.empty((0, 2), int)
    while len(found) < count:
        some = rng.integers(10 ** rng.integers(1, digits + 1, size=(4 * count, 2)))
        found = np.concatenate([found, some[allowed[tuple(some.T)]]])
    return found[:count]


def encode(texts, length):
    """Texts backwards, padded with blanks at their end, as integers (length, N)."""
    return np.array([[CHARS.index(c) for c in text[::-1].ljust(length)] for text in texts]).T


def questions(pairs):
    texts = [f"{a}+{b}" for a, b in pairs]
    return encode(texts, max(map(len, texts)))


def train(model, updates, digits, held_out, tests, rng):
    """Teacher forcing: each step reads the character that should have come before. Tested ten times."""
    optimizer, exact = Adam(model.parameters(), lr=LR), {0: exactly(model, tests)}
    loss = compiled(model.loss)
    progress = tqdm(range(1, updates + 1), mininterval=0.5)
    for update in progress:
        pairs = draw_pairs(rng, digits, BATCH, ~held_out)
        optimizer.lr = LR * 0.05 ** (update / updates)
        optimizer.zero_grad()
        loss(ONE_HOT[questions(pairs)], encode(map(str, pairs.sum(axis=1)), digits + 1)).backward()
        clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if update % max(1, updates // 10) == 0 or update == updates:
            exact[update] = exactly(model, tests)
            progress.set_postfix_str(f"{exact[update]:.1%} of held-out sums exact")
    return exact


def answer(model, pairs):
    """What the decoder writes when it reads its own characters: the likeliest of each step."""
    x, steps = ONE_HOT[questions(pairs)], len(str(pairs.max())) + 1
    with no_grad():
        best = np.array([y.data.argmax(axis=1) for _, y in model.unroll(x, steps=steps, feed=greedy)])
    return ["".join(CHARS[k] for k in row)[::-1].strip() for row in best.T]


def exactly(model, pairs):
    return float(np.mean([text == str(a + b) for text, (a, b) in zip(answer(model, pairs), pairs, strict=True)]))


def hearing(model, pair):
    """Norms of dL_k/dx_t: a row for each character of the answer, a column for each of the sum, both as written."""
    x, written = Tensor(ONE_HOT[questions([pair])], "x"), encode([str(sum(pair))], len(str(sum(pair))))
    rows = []
    for target, (_, y) in zip(written, model.unroll(x, ONE_HOT[written]), strict=True):
        x.zero_grad()
        functional.cross_entropy(y, target).backward()
        rows.append(np.linalg.norm(x.grad[:, 0], axis=1))
    return np.array(rows)[::-1, ::-1]


def picture(model, exact, pair, path):
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    grown, heard = figure.subplots(1, 2)
    grown.plot(list(exact), [100 * share for share in exact.values()], "o-", color="#0072b2")
    grown.set(xlabel="updates", ylabel="% of held-out sums exact", ylim=(-3, 103), title="right in every character")
    norms, (a, b) = hearing(model, pair), pair
    image = heard.imshow(norms / norms.max(axis=1, keepdims=True), cmap="viridis", vmin=0)
    heard.set_title("‖dL_k/dx_t‖, row by row: which characters of the\nsum each character of the answer hears of")
    heard.set(xticks=range(norms.shape[1]), xticklabels=list(f"{a}+{b}"), xlabel="the sum, read from the right")
    heard.set(yticks=range(norms.shape[0]), yticklabels=list(str(a + b)), ylabel="the answer")
    figure.colorbar(image, ax=heard, label="of the row's largest")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=4000, help="how long to train")
    parser.add_argument("--hidden", type=int, default=128, help="units of the encoder and of the decoder")
    parser.add_argument("--seed", type=int, default=0, help="of the split, the weights and the sums")
    parser.add_argument("--out", default="out", help="the folder to write to")
    sys.stdout.reconfigure(errors="replace")  # a console without some character still shows the numbers
    main(**vars(parser.parse_args()))
