"""The main job: train a character RNN on real text, then look at one of its backward passes.

    python demos/04_character_rnn.py [--text FILE] [--out FOLDER] [--seconds N]

Trains for a few seconds on the English text that every Python carries, records one loss over a few time steps with
the trained network, and writes its graph and the list of its visits. `main` returns what it claims.
"""

import argparse
import hashlib
import math
import pydoc_data.topics
import re
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from tqdm import tqdm

from microgradrnn import Parameter, Tensor, functional, no_grad, scope
from microgradrnn.nn import Module, RNNCell
from microgradrnn.nn.recurrent import label_step
from microgradrnn.optim import Adam, clip_grad_norm_
from viz import draw

HIDDEN, STEPS, BATCH, DRAWN = 96, 25, 32, 4


class CharRNN(Module):
    """One RNNCell unrolled over time, with a read-out and a loss in every step."""

    def __init__(self, chars: str, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.chars = chars
        self.cell = RNNCell(len(chars), HIDDEN, seed=rng, dtype=np.float32)
        bound = 1 / math.sqrt(HIDDEN)
        self.W_hy = Parameter(rng.uniform(-bound, bound, (HIDDEN, len(chars))), "W_hy", np.float32)
        self.b_y = Parameter(np.zeros(len(chars)), "b_y", np.float32)

    def step(self, t, tokens, h):
        """Tokens of shape (N,) and the state before give the state after and the logits of the next character."""
        x = Tensor(np.eye(len(self.chars), dtype=np.float32)[tokens], requires_grad=False)
        x.label = f"x_{t} {self.chars[tokens[0]]!r}" if len(tokens) == 1 else f"x_{t}"
        h = self.cell(x, h)
        return h, label_step("y", h @ self.W_hy + self.b_y)

    def loss(self, tokens, h):
        """L = sum_t L_t, each L_t the mean over N, for a chunk of shape (T + 1, N), and the states h_1 .. h_T."""
        losses, states = [], []
        for t, (now, following) in enumerate(pairwise(tokens), start=1):
            with scope("cell", t=t):
                h, y = self.step(t, now, h)
                name = f"then {self.chars[following[0]]!r}" if len(now) == 1 else f"targets_{t}"
                losses.append(label_step("L", functional.cross_entropy(y, Tensor(following, name))))
                states.append(h)
        return label_step("L", functional.add_n(losses)), states

    def sample(self, length, rng, temperature=0.7):
        """Text that the network writes by itself, each character drawn from its softmax."""
        h, token, text = self.cell.zero_state(1), self.chars.index("T" if "T" in self.chars else self.chars[0]), []
        with no_grad():
            for _ in range(length):
                text.append(self.chars[token])
                h, y = self.step(0, np.array([token]), h)
                p = functional.softmax(y * (1 / temperature)).data[0].astype(np.float64)
                token = int(rng.choice(len(p), p=p / p.sum()))
        return "".join(text)


@dataclass
class Result:
    """What the demo found, in nats a character on held-out text, and what it wrote."""

    frequency_loss: float
    loss_before: float
    loss_after: float
    norms: list[float]
    written: list[Path]


def main(text_path=None, out="out", seconds=8.0, seed=0):
    text, origin = read(text_path)
    chars = "".join(sorted(set(text)))
    print(f"Text: {origin}, {len(text):,} characters, {len(chars)} different, SHA-256 {digest(text)}")
    tokens = np.array([chars.index(c) for c in text])
    held_out = min(10_000, len(tokens) // 5)
    training, validation = tokens[:-held_out], tokens[-held_out:]
    baseline = frequency_loss(training, validation, len(chars))

    model = CharRNN(chars, seed)
    before = evaluate(model, validation)
    count = sum(p.size for p in model.parameters())
    print(
        f"Training a character RNN of {count:,} parameters for {seconds:g} seconds; {BATCH} streams, {STEPS} steps each"
    )
    train(model, training, seconds, baseline)
    after = evaluate(model, validation)
    verdict = "below" if after < baseline else "NOT below"
    print(
        f"\nHeld-out loss, nats a character: {before:.3f} before, {after:.3f} after; "
        f"{verdict} the {baseline:.3f} of a model that only knows how frequent each character is"
    )
    print(f"\nA sample:\n{indent(model.sample(200, np.random.default_rng(seed)))}")

    loss, states = record(model, validation)
    norms = [float(np.linalg.norm(h.grad)) for h in states]
    drawing = draw(loss)
    written = [drawing.save(Path(out) / name) for name in ("rnn.svg", "rnn.png", "visits.txt")]
    print(f"\nOne loss over {len(states)} time steps, recorded and run backward: L = {loss:.4f}")
    print("Norm of dL/dh_t:")
    for t, norm in enumerate(norms, start=1):
        print(f"  t={t}  {norm:.5f}  {bar(norm, max(norms))}")
    print("\nWritten:")
    said = (
        "the unrolled graph, with every value, gradient and contribution",
        "the same as a bitmap",
        "every visit of the backward pass: upstream, local, downstream, so far + this",
    )
    for path, what in zip(written, said, strict=True):
        print(f"  {path}  ({path.stat().st_size / 1024:.0f} KB): {what}")
    return Result(baseline, before, after, norms, written)


def read(path):
    """The text and where it is from. Exits with a message where it cannot be used."""
    if path is None:
        topics = pydoc_data.topics.topics
        return "\n".join(topics[key] for key in sorted(topics)), "pydoc_data.topics, the help texts that Python carries"
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SystemExit(f"cannot read {path} as UTF-8 text: {error}") from error
    needed = 2 * BATCH * STEPS
    if len(text) < needed:
        raise SystemExit(f"{path} has {len(text)} characters; this demo needs at least {needed}")
    return text, str(path)


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def frequency_loss(training, validation, classes):
    """What is lost by predicting every character with its frequency in the training text (plus one)."""
    counts = np.bincount(training, minlength=classes) + 1.0
    return float(-np.log(counts / counts.sum())[validation].mean())


def train(model, tokens, seconds, baseline):
    """Truncated BPTT: chunks of STEPS characters from BATCH places in the text, the state carried on and cut."""
    optimizer = Adam(model.parameters(), lr=6e-3)
    streams = tokens[: len(tokens) // BATCH * BATCH].reshape(BATCH, -1).T
    start = time.monotonic()
    at, h, smooth = 0, model.cell.zero_state(BATCH), None
    with tqdm(
        total=round(seconds, 1), unit="s", mininterval=0.2, bar_format="{l_bar}{bar}| {n:.1f}/{total:.0f} s{postfix}"
    ) as progress:
        while (elapsed := time.monotonic() - start) < seconds:
            if at + STEPS + 1 > len(streams):
                at, h = 0, model.cell.zero_state(BATCH)
            optimizer.lr = 6e-3 * (1 - 0.9 * elapsed / seconds)
            loss, states = model.loss(streams[at : at + STEPS + 1], h)
            optimizer.zero_grad()
            loss.backward()
            clip_grad_norm_(model.parameters(), float(STEPS))
            optimizer.step()
            at, h = at + STEPS, states[-1].detach()
            mean = loss.item() / STEPS
            smooth = mean if smooth is None else 0.95 * smooth + 0.05 * mean
            progress.set_postfix_str(f"loss {smooth:.3f}, frequencies alone {baseline:.3f}", refresh=False)
            progress.update(min(elapsed, seconds) - progress.n)


def evaluate(model, tokens):
    """The mean loss over a text, read as BATCH streams."""
    streams = tokens[: len(tokens) // BATCH * BATCH].reshape(BATCH, -1).T
    with no_grad():
        return model.loss(streams, model.cell.zero_state(BATCH))[0].item() / (len(streams) - 1)


def record(model, tokens):
    """One loss over a few time steps of held-out text, run backward: a word's first letters, where there is a word."""
    word = re.search(rf"(?<= )[a-z]{{{DRAWN + 1}}}", "".join(model.chars[token] for token in tokens))
    start = word.start() if word else 0
    loss, states = model.loss(tokens[start : start + DRAWN + 1, None], model.cell.zero_state(1))
    model.zero_grad()
    loss.backward()
    return loss, states


def bar(x, largest):
    return "█" * max(1, round(40 * x / largest)) if x > 0 else ""


def indent(text):
    return "\n".join("  | " + line for line in text.splitlines())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", help="a UTF-8 text file; by default the help texts that Python carries")
    parser.add_argument("--out", default="out", help="the folder to write to")
    parser.add_argument("--seconds", type=float, default=8.0, help="how long to train")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(errors="replace")  # a console without block characters still shows the numbers
    main(arguments.text or None, arguments.out, arguments.seconds)
