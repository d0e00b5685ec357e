"""How long a live page takes from drag to picture: a number is dragged in Chromium, and each frame is timed.

    python -m benchmarks.live --drag

The clock starts when the pointer's event reaches the page, and stops when the frame that it caused has been handed over
to be shown: the program, the texts and strips written anew, style, layout and paint lie between. Waiting for the
screen's next frame does not count, nor does what the graphics process does.

- `TIMED`: the networks, and what is aimed at. `dragged`: the times of one drag.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

TIMED = ((17, 5, 4, 16.0), (26, 5, 9, 50.0))
"""Steps, hidden units and symbols of an RNN of about 2,000 and about 5,000 scalar nodes; the aim in milliseconds."""

MOVES = 120

LISTEN = """() => {
    window.taken = [];
    addEventListener("pointermove", () => {
        const start = performance.now();
        requestAnimationFrame(() => {
            const { port1, port2 } = new MessageChannel();
            port1.onmessage = () => taken.push(performance.now() - start);
            port2.postMessage(0);
        });
    }, { capture: true });
}"""
"""A message that is sent from a frame's callbacks arrives once that frame has been painted."""


def dragged(open_page: Callable[[str], Any], html: str, name: str) -> list[float]:
    """The milliseconds that each move of a drag takes, of a weight's first entry at the end of the pass.

    Raises:
        AssertionError: a move changed no number, or has no time.
    """
    tab = open_page(html, reduced_motion="reduce")  # so that nothing else moves
    tab.keyboard.press("End")
    strip = tab.locator(f".sum:has(.title:text-is('{name}')) .editable-cells").first
    box = strip.bounding_box()
    x, y = box["x"] + 2, box["y"] + 2
    tab.evaluate(LISTEN)
    tab.mouse.move(x, y)
    tab.mouse.down()
    losses = set()
    for move in range(MOVES):
        tab.mouse.move(x + 4 + abs(MOVES // 2 - move), y)
        tab.wait_for_function("count => taken.length === count", arg=move + 2)
        losses.add(tab.evaluate("() => document.querySelector('main').live.loss()"))
    tab.mouse.up()
    taken: list[float] = tab.evaluate("() => taken")
    tab.close()
    if len(losses) < MOVES // 3:
        raise AssertionError(f"{MOVES} moves gave {len(losses)} losses: {name} was not dragged")
    return taken[1:]


def report(taken: list[float], aim: float) -> str:
    """The median and the 95th percentile, beside the aim."""
    middle, most = np.median(taken), np.percentile(taken, 95)
    return f"median {middle:.1f} ms, 95th percentile {most:.1f} ms, aim {aim:.0f} ms, {len(taken)} moves"
