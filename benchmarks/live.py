"""Live pages in Chromium: numbers are changed at random, and all that follows is held against a fresh recording.

    python -m benchmarks.live                    # 200 edits on 20 graphs
    python -m benchmarks.live --graphs 5 --edits 20 --seed 1
    python -m benchmarks.live --sizes            # what live pages consist of, in bytes
    python -m benchmarks.live --drag             # milliseconds from drag to picture

- `GRAPHS`: recurrent networks, attention, softmax with cross-entropy, an op of a user's, and networks drawn at random.
- `recorded_again`: a graph with other leaves. `check`: edits on one page; says what is wrong.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import dragging, drawn
from benchmarks.javascript import TOLERANCE, close, launched
from microgradrnn import Op, Parameter, Tensor, Value, functional, nn, record
from microgradrnn.engine import Node, ancestors
from microgradrnn.rounding import Rounding
from viz.live import Live, made_live
from viz.page import page
from viz.passes import whole
from viz.sources import is_live

Rng = np.random.Generator

SOFTSIGN = Op(
    name="softsign",
    symbol="softsign",
    latex=r"\frac{x}{1 + |x|}",
    rule="squashes: the input gets upstream / (1 + |x|)²",
    forward=lambda xp, x: xp.divide(x, 1.0 + xp.abs(x)),
    local=(lambda xp, z, x: xp.divide(1.0, (1.0 + xp.abs(x)) * (1.0 + xp.abs(x))),),
)


def language(cell: str, steps: int = 3, hidden: int = 2, symbols: int = 4) -> Callable[[Rng], Any]:
    def build(rng: Rng) -> Any:
        model = nn.RNNLM(symbols, hidden, cell=cell, seed=int(rng.integers(1000)))
        return model.loss(*(rng.integers(symbols, size=(steps, 1)) for _ in range(2)))[0]

    return build


def one_unit(rng: Rng) -> Any:
    """h_t = tanh(w_xh x_t + w_hh h_(t-1)), of Values."""
    w, u, h = Value(0.5, "w_xh"), Value(0.5, "w_hh"), Value(0.0, "h_0", requires_grad=False)
    for t in range(1, 5):
        x = Value(float(rng.normal()), f"x_{t}", requires_grad=False)
        h = (w * x + u * h).tanh()
        h.label = f"h_{t}"
    loss = (h - 1.0) ** 2
    loss.label = "L"
    return loss


def attention(rng: Rng) -> Any:
    x, W_q, W_k = (
        Parameter(rng.normal(size=shape), label) for shape, label in [((3, 2), "x"), ((2, 2), "W_q"), ((2, 2), "W_k")]
    )
    weights = functional.softmax((x @ W_q) @ (x @ W_k).T, axis=-1)
    return (weights @ x).tanh().sum()


def classifier(rng: Rng) -> Any:
    x = Tensor(rng.normal(size=(2, 3)), "x", requires_grad=False)
    W, b = Parameter(rng.normal(size=(3, 4)), "W"), Parameter(np.zeros(4), "b")
    return functional.cross_entropy(record(SOFTSIGN, x @ W) + b, rng.integers(4, size=2))


def twice_read(rng: Rng) -> Any:
    """Inputs that one op reads twice, views, and entries that nothing reads."""
    x, E = Parameter(rng.normal(size=(2, 2)), "x"), Parameter(rng.normal(size=(4, 2)), "E")
    y = functional.concat([x @ x, x.T * x, E[[0, 0, 2]]], axis=0)
    return (functional.logsumexp(y, axis=1) * y[:, 0]).sum() + (y[0] @ y[0]) + y.max(axis=0).sum()


def any_network(rng: Rng) -> Any:
    network = drawn.natural(rng)
    while network.dtype is not np.float64:
        network = drawn.natural(rng)
    found = network.fn(*(Tensor(x, f"in{k}", requires_grad=False) for k, x in enumerate(network.arguments(2, 1, rng))))
    return found[0] if isinstance(found, tuple) else found


GRAPHS: Mapping[str, Callable[[Rng], Any]] = {
    "RNN": language("rnn"),
    "LSTM": language("lstm"),
    "GRU": language("gru"),
    "one unit": one_unit,
    "attention": attention,
    "classifier with a user's op": classifier,
    "read twice": twice_read,
    "drawn": any_network,
}


@contextmanager
def tabs(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens pages, each in a tab; when that is over, they are closed, and none has complained or asked for more."""
    complaints: list[str] = []
    opened: list[Any] = []
    with tempfile.TemporaryDirectory() as folder:

        def open_page(html: str, **context: Any) -> Any:
            context = {"viewport": {"width": 1400, "height": 1000}, **context}
            tab, path = browser.new_page(**context), Path(folder) / f"{len(opened)}.html"
            opened.append(tab)
            tab.on("console", lambda message: complaints.append(message.text))
            tab.on("pageerror", lambda error: complaints.append(str(error)))
            allowed = (path.as_uri(), "about:srcdoc")
            tab.on("request", lambda request: None if request.url in allowed else complaints.append(request.url))
            path.write_text(html, encoding="utf-8")
            tab.goto(path.as_uri())
            return tab

        yield open_page
        for tab in opened:
            tab.close()
    if complaints:
        raise AssertionError(f"pages complained: {complaints[:5]}")


def recorded_again(loss: Node, changed: Mapping[Node, Any]) -> list[Node]:
    """The graph once more, each op applied anew, with other numbers in some leaves; its nodes in the old order."""
    found: dict[Node, Any] = {}
    for node in ancestors(loss):
        if node.op is not None:
            found[node] = record(node.op, *(found[x] for x in node.inputs), **node.params)
        elif node.dtype.kind == "f":
            data = changed.get(node, node._data)
            found[node] = type(node)(data, label=node.label, requires_grad=node.requires_grad)  # type: ignore[call-arg]
        else:
            found[node] = Tensor(changed[node], node.label, requires_grad=False) if node in changed else node
    return list(found.values())


def differences(cells: Any, made: Live, fresh: list[Node]) -> list[str]:
    """Where the page's cells are not the numbers of a fresh recording's backward pass: values, sums, contributions."""
    run, again = made.run, whole(fresh[-1])
    pairs = [
        (node.label or "value", run.values[node], again.values[other], None)
        for node, other in zip(run.nodes, fresh, strict=True)
    ]
    for mine, theirs in zip(run.visits, again.visits, strict=True):
        for ours, other in zip(mine.edges, theirs.edges, strict=True):
            pairs.append((f"contribution to {other.input.label}", ours.downstream, other.downstream, other.input))
            pairs.append((f"sum of {other.input.label}", ours.after, other.after, other.input))
    wrong = []
    for name, mine, theirs, node in pairs:
        if not is_live(mine):
            continue
        found, size = cells[np.asarray(mine.index)], float(np.max(np.abs(theirs), initial=0.0))
        if close(found, theirs, TOLERANCE * (1 + size)):
            continue
        if node is None or not close(found, theirs, TOLERANCE * (1 + size) + Rounding(fresh[-1], [node]).of(node)):
            wrong.append(f"{name}: {found} where {theirs} was recorded")
    return wrong


def check(open_page: Callable[[str], Any], kind: str, edits: int, seed: int) -> list[str]:
    """Change leaves one after the other on the page of a graph, and say what is not as in a fresh recording."""
    rng = np.random.default_rng([seed, list(GRAPHS).index(kind)])
    loss = GRAPHS[kind](rng)
    made, _ = made_live(whole(loss), wanted=True)
    assert made is not None
    tab = open_page(page(loss, live=True).html)
    leaves = {name: node for node, name in made.named() if is_live(made.run.values[node]) and node.op is None}
    changed: dict[Node, Any] = {}
    wrong = []
    for number in range(edits):
        name = str(rng.choice(list(leaves)))
        leaf = leaves[name]
        changed[leaf] = _other(leaf, rng)
        given = np.asarray(changed[leaf]).tolist()
        tab.evaluate("([name, given]) => document.querySelector('main').microgradrnn.set(name, given)", [name, given])
        cells = np.array(tab.evaluate("() => [...document.querySelector('main').live.cells]"))
        with np.errstate(all="ignore"):
            found = differences(cells, made, recorded_again(loss, changed))
        wrong += [f"{kind}, edit {number} of {name}: {said}" for said in found]
    tab.close()
    return wrong


def _other(leaf: Node, rng: Rng) -> Any:
    """Other numbers for a leaf; for a target other classes, of the four that all graphs here have."""
    if leaf.dtype.kind != "f":
        return rng.integers(4, size=leaf.shape)
    return rng.normal(size=leaf.shape) * rng.choice([0.3, 1.0, 3.0]) if leaf.ndim else float(rng.normal())


PARTS = {
    "picture": r"<div class=canvas>.*?</div>",
    "shared weights": r"<section class=sums.*?</section>",
    "words": r"<ol class=visits.*?</ol>",
    "steps and quiz": r"-data>.*?</script>",
    "every entry": r"-boxes>.*?</script>",
    "cells": r"-cells>.*?</script>",
    "program and scripts": r"<script>.*?</script>",
    "style": r"<style>.*?</style>",
}
"""What a page consists of, and where in its HTML that is."""


def sizes(html: str) -> dict[str, int]:
    """How many bytes of a page each part takes, and all of it."""
    found = {name: re.search(pattern, html, re.DOTALL) for name, pattern in PARTS.items()}
    return {name: len(part[0].encode()) if part else 0 for name, part in found.items()} | {"all": len(html.encode())}


def print_sizes() -> None:
    """Of a small network, a longer one and one of nearly as many scalars as a live page takes."""
    for steps, hidden, symbols in ((3, 2, 4), (25, 5, 4), (25, 5, 9)):
        loss = language("rnn", steps, hidden, symbols)(np.random.default_rng(0))
        made, _ = made_live(whole(loss), wanted=True)
        assert made is not None
        print(f"T={steps}, H={hidden}, V={symbols}: {len(made.program.nodes):,} scalar nodes")
        for name, size in sizes(page(loss, live=True).html).items():
            print(f"  {name:20} {size:9,}")


def print_drags() -> None:
    """Of networks of about 2,000 and 5,000 scalar nodes, how long each move of a drag takes."""
    with launched() as browser, tabs(browser) as open_page:
        for steps, hidden, symbols, aim in dragging.TIMED:
            loss = language("rnn", steps, hidden, symbols)(np.random.default_rng(0))
            made, _ = made_live(whole(loss), wanted=True)
            assert made is not None
            taken = dragging.dragged(open_page, page(loss, live=True).html, "W_hh")
            print(f"{len(made.program.nodes):,} scalar nodes: {dragging.report(taken, aim)}", flush=True)


def main() -> None:
    """Hold live pages against recordings, or say how large or how fast they are."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--graphs", type=int, default=20)
    parser.add_argument("--edits", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sizes", action="store_true", help="what live pages consist of, instead")
    parser.add_argument("--drag", action="store_true", help="how long a drag takes until the picture shows it, instead")
    asked = parser.parse_args()
    if asked.sizes:
        print_sizes()
    elif asked.drag:
        print_drags()
    else:
        print_differences(asked.graphs, asked.edits, asked.seed)


def print_differences(graphs: int, edits: int, seed: int) -> None:
    """Print what came of random edits on random graphs."""
    kinds = list(GRAPHS)
    with launched() as browser, tabs(browser) as open_page:
        for number in range(graphs):
            kind, began = kinds[number % len(kinds)], time.perf_counter()
            wrong = check(open_page, kind, max(1, edits // graphs), seed + number)
            print(f"{kind}: {len(wrong)} differences; {time.perf_counter() - began:.1f} s", flush=True)
            for line in wrong[:10]:
                print(f"  {line}")


if __name__ == "__main__":
    main()
