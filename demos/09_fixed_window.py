"""A fixed window against a recurrent network: a dependency that one cannot learn, however long it is trained.

    python demos/09_fixed_window.py [--window N] [--longest N] [--updates N] [--seed N] [--out FOLDER]

The text: a key, some distractors, a query, and then the key again. Both models read it as language models do and are
told their loss on the last token alone; the distance from key to answer changes from batch to batch. As long as the key
is inside the window, `FixedWindowLM` learns to say it; beyond, what it reads has nothing to do with the answer. `RNNLM`
carries the key along in its state. `main` returns what it claims: inside the window both are right, beyond it the one
is at chance, and its gradient at the key is not small but exactly zero.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from microgradrnn import no_grad
from microgradrnn.nn import RNNLM, FixedWindowLM
from microgradrnn.optim import Adam, clip_grad_norm_
from microgradrnn.tasks import recall

KEYS, DISTRACTORS, BATCH, LR, IGNORED = 4, 4, 64, 5e-3, -1
SYMBOLS = KEYS + DISTRACTORS + 1
STYLES = {"fixed window": ("#d55e00", "s--"), "GRU": ("#0072b2", "o-")}


@dataclass
class Result:
    """By model and number of distractors: accuracy, and the norm of dL/d(the key's embedding). And the picture."""

    window: int
    chance: float
    accuracy: dict[str, dict[int, float]]
    at_key: dict[str, dict[int, float]]
    written: Path


def main(out="out", window=5, longest=9, updates=1500, hidden=48, seed=0):
    models = {
        "fixed window": FixedWindowLM(SYMBOLS, window, embedding_dim=8, hidden_size=hidden, seed=seed),
        "GRU": RNNLM(SYMBOLS, hidden, cell="gru", embedding_dim=8, seed=seed),
    }
    print(
        f"A key, 0 to {longest} distractors, a query; which key was it? Chance is {1 / KEYS:.2f}.\n"
        f"A window of {window} tokens has room for the key, the query and {window - 2} distractors."
    )
    lags = range(longest + 1)
    accuracy, at_key = {}, {}
    for name, model in models.items():
        train(name, model, longest, updates, np.random.default_rng(seed))
        accuracy[name] = {lag: share_right(model, lag) for lag in lags}
        at_key[name] = {lag: gradient_at_key(model, lag) for lag in lags}

    print(f"\n{'distractors':16}" + "".join(f"{lag:8}" for lag in lags))
    for name in models:
        print(f"{name:16}" + "".join(f"{share:8.2f}" for share in accuracy[name].values()) + "  right")
        print(f"{'':16}" + "".join(f"{norm:8.0e}" for norm in at_key[name].values()) + "  ‖dL/d key‖")
    path = chart(window, accuracy, Path(out) / "fixed_window.png")
    print(f"\nWritten:\n  {path}: the share of right answers by the number of distractors")
    return Result(window, 1 / KEYS, accuracy, at_key, path)


def batch(lag, seed, size=BATCH):
    """Tokens (T, N) and what follows the last of them; what follows the others is not asked for."""
    x, key = recall(lag, size, KEYS, DISTRACTORS, seed)
    tokens = x.argmax(axis=-1)
    targets = np.full(tokens.shape, IGNORED)
    targets[-1] = key
    return tokens, targets


def train(name, model, longest, updates, rng):
    optimizer = Adam(model.parameters(), lr=LR)
    for update in tqdm(range(updates), desc=f"{name:12}", mininterval=0.2):
        optimizer.lr = LR * (1 - 0.9 * update / updates)
        tokens, targets = batch(rng.integers(longest + 1), rng)
        loss, _ = model.loss(tokens, targets, ignore_index=IGNORED)
        optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


def share_right(model, lag, size=2000):
    tokens, targets = batch(lag, seed=1, size=size)
    with no_grad():
        *_, (_, y) = model.unroll(tokens)
    return float((y.data.argmax(axis=1) == targets[-1]).mean())


def gradient_at_key(model, lag):
    """The norm of dL/d(embedding) in the rows of the keys, which are read nowhere but at the first step."""
    tokens, targets = batch(lag, seed=1)
    model.embedding.W.zero_grad()
    loss, _ = model.loss(tokens, targets, ignore_index=IGNORED)
    loss.backward()
    return float(np.linalg.norm(model.embedding.W.grad[:KEYS]))


def chart(window, accuracy, path):
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for name, shares in accuracy.items():
        color, style = STYLES[name]
        axes.plot(list(shares), [100 * share for share in shares.values()], style, color=color, label=name)
    axes.axhline(100 / KEYS, color="#666666", linestyle=":", label="chance")
    axes.axvspan(-0.5, window - 1.5, color="#e69f00", alpha=0.15, label=f"the key is inside the window of {window}")
    axes.set(xlabel="distractors between the key and the query", ylabel="% right", ylim=(0, 105))
    axes.set(xlim=(-0.5, max(shares) + 0.5), xticks=list(shares))
    axes.legend(loc="center right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--window", type=int, default=5, help="how many tokens the fixed window holds")
    parser.add_argument("--longest", type=int, default=9, help="the largest number of distractors")
    parser.add_argument("--updates", type=int, default=1500, help="how long to train each model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="out", help="the folder to write to")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(errors="replace")  # a console without some character still shows the numbers
    main(arguments.out, arguments.window, arguments.longest, arguments.updates, seed=arguments.seed)
