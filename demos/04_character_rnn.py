"""A character RNN on real text: trained for a few seconds, and then one of its backward passes.

    python demos/04_character_rnn.py [--text FILE] [--out FOLDER] [--seconds N]

Trains on the English text that every Python carries, records one loss over a few time steps with the trained network,
and shows its graph and a page to step through it. `main` returns what it claims: the network predicts text that it
never saw better than the frequencies of the characters do.
"""

import argparse
import hashlib
import pydoc_data.topics
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from microgradrnn import functional, no_grad
from microgradrnn.engine import ancestors
from microgradrnn.nn import RNNLM
from microgradrnn.optim import Adam, clip_grad_norm_
from microgradrnn.text import read_text
from microgradrnn.training import truncated_bptt
from microgradrnn.viz import draw, grad_flow, page

HIDDEN, STEPS, BATCH, DRAWN = 96, 25, 32, 4


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

    model = RNNLM(len(chars), HIDDEN, seed=seed, dtype=np.float32)
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
    print(f"\nA sample:\n{indent(sample(model, chars, 200, np.random.default_rng(seed)))}")

    loss = record(model, chars, validation)
    loss.backward()
    flow = grad_flow(loss)
    norms = list(flow.norms["h"].values())
    print(f"\nOne loss over {len(norms)} time steps, recorded and run backward: L = {loss:.4f}")
    print("Norm of dL/dh_t:")
    for t, norm in enumerate(norms, start=1):
        print(f"  t={t}  {norm:.5f}  {bar(norm, max(norms))}")
    print(flow.verdict)

    drawing, folder = draw(loss), Path(out)
    print("\nWritten:")
    written = {
        page(loss, folder / "rnn.html").path: "open this one: the backward pass, visit by visit, with a quiz",
        drawing.save(folder / "rnn.svg"): "the unrolled graph, with every value, gradient and contribution",
        drawing.save(folder / "rnn.png"): "the same as a bitmap",
        drawing.save(folder / "visits.txt"): "every visit: upstream, local, downstream, so far + this",
    }
    for path, what in written.items():
        print(f"  {path}  ({path.stat().st_size / 1024:.0f} KB): {what}")
    return Result(baseline, before, after, norms, list(written))


def read(path):
    """The text and where it is from. Exits with a message where it cannot be used."""
    if path is None:
        topics = pydoc_data.topics.topics
        return "\n".join(topics[key] for key in sorted(topics)), "pydoc_data.topics, the help texts that Python carries"
    try:
        text = read_text(path)
    except (OSError, ValueError) as error:
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


def streams_of(tokens):
    """The text as BATCH streams that are read side by side, time-major, and for each token the one that follows."""
    streams = tokens[: len(tokens) // BATCH * BATCH].reshape(BATCH, -1).T
    return streams[:-1], streams[1:]


def train(model, tokens, seconds, baseline):
    """Truncated BPTT: chunks of STEPS characters, the state carried on and cut; from the start again at the end."""
    optimizer = Adam(model.parameters(), lr=6e-3)
    start, smooth = time.monotonic(), None
    chunks = chunks_of(model, tokens)
    with tqdm(
        total=round(seconds, 1), unit="s", mininterval=0.2, bar_format="{l_bar}{bar}| {n:.1f}/{total:.0f} s{postfix}"
    ) as progress:
        while (elapsed := time.monotonic() - start) < seconds:
            optimizer.lr = 6e-3 * (1 - 0.9 * elapsed / seconds)
            loss, _ = next(chunks)
            optimizer.zero_grad()
            loss.backward()
            clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            smooth = loss.item() if smooth is None else 0.95 * smooth + 0.05 * loss.item()
            progress.set_postfix_str(f"loss {smooth:.3f}, frequencies alone {baseline:.3f}", refresh=False)
            progress.update(min(elapsed, seconds) - progress.n)


def chunks_of(model, tokens):
    """The losses of all chunks of a text, and then of all of them again, without end."""
    while True:
        yield from truncated_bptt(model.loss, streams_of(tokens), STEPS)


def evaluate(model, tokens):
    """The mean loss over a text."""
    with no_grad():
        return model.loss(*streams_of(tokens))[0].item()


def sample(model, chars, length, rng, temperature=0.7):
    """Text that the network writes by itself, each character drawn from its softmax."""
    state, token, text = None, chars.index("T" if "T" in chars else chars[0]), []
    with no_grad():
        for _ in range(length):
            text.append(chars[token])
            steps = model.unroll(np.array([[token]]), state)
            [(_, y)] = steps
            p = functional.softmax(y * (1 / temperature)).data[0].astype(np.float64)
            state, token = steps.state, int(rng.choice(len(p), p=p / p.sum()))
    return "".join(text)


def record(model, chars, tokens):
    """One loss over a few steps of held-out text, inputs labelled: a word's first letters, where there is a word."""
    text = "".join(chars[token] for token in tokens)
    word = re.search(rf"(?<= )[a-z]{{{DRAWN + 1}}}", text)
    start = word.start() if word else 0
    read = tokens[start : start + DRAWN + 1, None]
    loss, _ = model.loss(read[:-1], read[1:], reduction="sum")
    for node in ancestors(loss):
        if node.t is not None and node.label == f"x_{node.t}":
            node.label += f" {text[start + node.t - 1]!r}"
        elif node.t is not None and node.dtype.kind == "i":
            node.label = f"then {text[start + node.t]!r}"
    return loss


def bar(x, largest):
    return "█" * max(1, round(40 * x / largest)) if x > 0 else ""


def indent(text):
    return "\n".join("  | " + line for line in text.splitlines())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", dest="text_path", help="a UTF-8 text file; unless given, Python's own help texts")
    parser.add_argument("--out", default="out", help="the folder to write to")
    parser.add_argument("--seconds", type=float, default=8.0, help="how long to train")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(errors="replace")  # a console without block characters still shows the numbers
    main(arguments.text_path or None, arguments.out, arguments.seconds)
