"""Pages: how large they are, how long they take to make, to open in Chromium and to step in.

The network is the character RNN that the picture's tests draw. Its numbers and its layout are all worked out in
Python; what the browser does on a step is to show and hide.
"""

import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import report
from benchmarks.report import Floor
from microgradrnn import Parameter, Tensor, functional, scope
from microgradrnn.engine import ancestors
from microgradrnn.nn import RNNCell
from microgradrnn.nn.recurrent import label_step
from viz.page import page

CLASSES = 7
SIZE, OPEN, STEP = 200.0, 1.0, 16.0  # KB for three steps of two units; seconds and milliseconds at 1,000 nodes
SMALL, LARGE = 3, 115  # time steps
ROUNDS, VISITS = 3, 100
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")

OPENED = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))"
STEPPED = """async (visits) => {
    const next = document.querySelector("[id$=next]"), took = [];
    for (let i = 0; i < visits && !next.disabled; i++) {
        const start = performance.now();
        next.click();
        document.body.getBoundingClientRect();
        took.push(performance.now() - start);
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    }
    return took;
}"""


@dataclass(frozen=True)
class Browsed:
    """What a page costs in the browser: seconds until its first frame, and milliseconds a step."""

    opened: float
    steps: list[float]


def rnn_loss(steps: int, hidden: int = 2) -> Any:
    """L = sum_t L_t of a vanilla RNN with a read-out and a loss in each step."""
    rng = np.random.default_rng(0)
    cell = RNNCell(CLASSES, hidden, seed=rng)
    W_hy, b_y = Parameter(rng.normal(size=(hidden, CLASSES)), "W_hy"), Parameter(np.zeros(CLASSES), "b_y")
    h, losses = cell.zero_state(1), []
    for t in range(1, steps + 1):
        with scope("cell", t=t):
            x = Tensor(np.eye(CLASSES)[rng.integers(CLASSES, size=1)], f"x_{t}", requires_grad=False)
            h = cell(x, h)
            losses.append(label_step("L", functional.cross_entropy(h @ W_hy + b_y, rng.integers(CLASSES, size=1))))
    return label_step("L", functional.add_n(losses))


def made(root: Any) -> tuple[str, float]:
    """The page of all its nodes, and the median seconds that it took to make."""
    samples = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        source = page(root, max_nodes=len(ancestors(root))).html
        samples.append(time.perf_counter() - start)
    return source, statistics.median(samples)


def browsed(source: str) -> Browsed | None:
    """The page in Chromium, without a graphics card; None where there is no Chromium or no playwright."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    chromium = shutil.which("chromium")
    if chromium is None:
        return None
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        path = Path(folder) / "page.html"
        path.write_text(source, encoding="utf-8")
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        opened: list[float] = []
        for _ in range(ROUNDS):
            tab = browser.new_page(viewport={"width": 1400, "height": 800})
            tab.goto(path.as_uri())
            opened.append(tab.evaluate(OPENED) / 1000)
        steps = tab.evaluate(STEPPED, VISITS)
        browser.close()
    return Browsed(statistics.median(opened), steps)


def run() -> None:
    """Print the table and the floors."""
    rows: list[tuple[str, ...]] = []
    found = {}
    for steps in (SMALL, LARGE):
        root = rnn_loss(steps)
        source, seconds = made(root)
        size, cost = len(source.encode()) / 1000, browsed(source)
        found[steps] = size, cost
        browser = (f"{cost.opened:.2f}", f"{statistics.median(cost.steps):.1f}") if cost else ("-", "-")
        rows.append((f"T={steps}, {len(ancestors(root)):,} nodes", f"{size:,.0f}", f"{seconds:.2f}", *browser))
    print("PAGES   a character RNN of 2 units, every node drawn; the browser is Chromium without a graphics card")
    print(report.table(("", "KB", "s to make", "s to open", "ms a step"), rows))
    cost = found[LARGE][1]
    print(
        report.floors(
            Floor(f"KB at T={SMALL}", found[SMALL][0], SIZE),
            Floor("seconds to open 1,000 nodes", cost and cost.opened, OPEN),
            Floor("ms a step at 1,000 nodes", cost and statistics.median(cost.steps), STEP),
        )
    )


if __name__ == "__main__":
    run()
