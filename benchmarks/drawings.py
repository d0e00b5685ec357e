"""Drawings: how long a picture takes, from the recorded graph to SVG, once the process that lays out has started.

What is drawn is what people draw: networks unrolled over time, at the level and the number of nodes that each row
says. The start of the layout process is measured apart; it is paid once.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import report
from benchmarks.report import Floor
from benchmarks.timing import interleaved
from microgradrnn import Value, lower, nn
from microgradrnn.engine import ancestors
from viz import draw

ROUNDS = 3
ALL = 10**9


def language_model(vocabulary: int, hidden: int, steps: int, **network: Any) -> Any:
    """The loss of a language model over random tokens, run backward."""
    rng = np.random.default_rng(0)
    model = nn.RNNLM(vocabulary, hidden, seed=rng, **network)
    tokens = rng.integers(vocabulary, size=(steps + 1, 1))
    loss, _ = model.loss(tokens[:-1], tokens[1:], reduction="sum")
    loss.backward()
    return loss


def scalar(hidden: int, steps: int) -> Any:
    """The scalar graph of a small language model, run backward."""
    loss = lower(language_model(3, hidden, steps))
    loss.backward()
    return loss


def chain(length: int) -> Any:
    """A chain of additions, run backward."""
    x = Value(0.0)
    for _ in range(length):
        x = x + 1.0
    x.backward()
    return x


def cold_start() -> float:
    """Seconds until the first picture of a new process's layout worker."""
    small = Value(1.0) * 2.0
    start = time.perf_counter()
    draw(small).svg()
    return time.perf_counter() - start


def run() -> dict[str, float]:
    """Print the table and the floors, and return the seconds that each drawing takes."""
    started = cold_start()
    small, many, long = scalar(4, 8), scalar(24, 24), chain(100_000)
    steps, lstm = language_model(65, 100, 200), language_model(65, 128, 50, cell="lstm", num_layers=2)
    drawings: dict[str, tuple[Any, Callable[[], str]]] = {
        "scalar RNN, T=8, H=4, every node": (small, lambda: draw(small, max_nodes=ALL).svg()),
        "RNN, T=200, every node": (steps, lambda: draw(steps, max_nodes=ALL).svg()),
        "scalar RNN, T=24, H=24": (many, lambda: draw(many).svg()),
        "chain": (long, lambda: draw(long).svg()),
        "LSTM, 2 layers, T=50": (lstm, lambda: draw(lstm).svg()),
        "LSTM, level='cell'": (lstm, lambda: draw(lstm, level="cell").svg()),
        "LSTM, level='network'": (lstm, lambda: draw(lstm, level="network").svg()),
        "LSTM, rolled": (lstm, lambda: draw(lstm, rolled=True).svg()),
    }
    found = interleaved({name: make for name, (_, make) in drawings.items()}, ROUNDS)
    rows = [
        (name, f"{len(ancestors(root)):,}", f"{found[name]:.2f}", f"{len(make()) / 1000:,.0f}")
        for name, (root, make) in drawings.items()
    ]
    print(f"DRAWINGS   seconds from graph to SVG; the layout process took {started:.2f} s to start")
    print(report.table(("", "nodes", "s", "KB"), rows))
    names = list(drawings)
    limits = (1.0, 2.0, 3.0, 3.0)
    print(report.floors(*(Floor(f"s, {name}", found[name], limit) for name, limit in zip(names, limits, strict=False))))
    return found


if __name__ == "__main__":
    run()
