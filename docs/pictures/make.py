"""Draws the pictures in the README. Run it with: python docs/pictures/make.py.

The page's picture is a screenshot, taken where playwright and a Chromium on the path are there.
"""

import shutil
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np

from microgradrnn import Parameter, Tensor, Value, functional, scope
from microgradrnn.nn import RNNCell
from microgradrnn.viz import draw, page

HERE = Path(__file__).parent
TEXT, CHARS = "hell", "ehlo"


def chain_rule():
    """f = z (x + y) at the numbers that everybody uses for it."""
    x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    f = z * (x + y)
    f.label = "f"
    f.backward()
    draw(f).save(HERE / "chain_rule.svg")


def rnn():
    """Three steps of a small character RNN that has learnt nothing yet."""
    rng = np.random.default_rng(0)
    cell = RNNCell(len(CHARS), 6, seed=rng)
    W_hy, b_y = Parameter(rng.normal(size=(6, len(CHARS))), "W_hy"), Parameter(np.zeros(len(CHARS)), "b_y")
    h, losses = cell.zero_state(1), []
    for t, (now, following) in enumerate(pairwise(TEXT), start=1):
        with scope("cell", t=t):
            x = Tensor(np.eye(len(CHARS))[[CHARS.index(now)]], f"x_{t} {now!r}", requires_grad=False)
            h = cell(x, h)
            y = h @ W_hy + b_y
            target = Tensor(np.array([CHARS.index(following)]), f"then {following!r}")
            losses.append(functional.cross_entropy(y, target))
            y.label, losses[-1].label = f"y_{t}", f"L_{t}"
    loss = functional.add_n(losses)
    loss.label = "L"
    loss.backward()
    return loss


def screenshot(loss, visit):
    """The page of a pass, stepped forward to a visit."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        made = page(loss, Path(folder) / "page.html").path
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1560, "height": 800})
        tab.goto(made.as_uri())
        tab.keyboard.press("v")  # to the first visit
        for _ in range(visit - 1):
            tab.keyboard.press("ArrowRight")
        tab.wait_for_timeout(1500)  # it moves to the visit
        tab.screenshot(path=HERE / "page.png")
        browser.close()


if __name__ == "__main__":
    chain_rule()
    loss = rnn()
    draw(loss).save(HERE / "rnn.svg")
    draw(loss, rolled=True).save(HERE / "rolled.svg")
    if shutil.which("chromium"):
        screenshot(loss, visit=12)
