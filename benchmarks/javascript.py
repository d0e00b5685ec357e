"""Random graphs in JavaScript, in Chromium, held against the engine: every value, gradient and contribution.

    python -m benchmarks.javascript                  # 500 graphs: how many differ, and how far rounding took them
    python -m benchmarks.javascript --graphs 40 --seed 1

Each graph is recorded at some numbers, compiled, and run at others, at which it is recorded again.

- `Chromium`: a browser that runs compiled programs. `Numbers`: what a program filled in.
- `scalars`: a graph of Values of any ops of the table. `tensors`: a network as a person would write it.
- `differences`: where a program's numbers are not a recording's.
"""

from __future__ import annotations

import argparse
import shutil
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import drawn
from microgradrnn import Tensor, Value, compile, record  # noqa: A004 - a graph's
from microgradrnn.backprop import gradients
from microgradrnn.engine import Node, ancestors
from microgradrnn.ops import OPS
from microgradrnn.program import JavaScript
from microgradrnn.rounding import Rounding
from microgradrnn.stepping import walk

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-quic"),
)
TOLERANCE = 1e-12
Array = NDArray[np.float64]
Rng = np.random.Generator

RUN = """({ leaves, nodes, edges }) => leaves.map((given) => {
    const read = (text) => new Float64Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
    const write = (numbers) => {
        const bytes = new Uint8Array(numbers.buffer), parts = [];
        for (let k = 0; k < bytes.length; k += 4096) parts.push(String.fromCharCode(...bytes.subarray(k, k + 4096)));
        return btoa(parts.join(""));
    };
    const filled = [nodes, nodes, edges, edges].map((size) => new Float64Array(size));
    compiled(read(given), ...filled);
    return filled.map(write);
})"""


class Numbers(NamedTuple):
    """What a program filled in."""

    values: Array
    grads: Array
    contributions: Array
    locals: Array


class Chromium:
    """A tab of a browser that runs programs."""

    def __init__(self, browser: Any) -> None:
        self._browser, self._tab = browser, browser.new_page()
        self._tab.goto("about:blank")

    def run(self, program: JavaScript, leaves: Sequence[Array]) -> list[Numbers]:
        """What the program gives for each of the leaves' arrays."""
        self._tab.add_script_tag(content=f"(() => {{\n{program.source}\nglobalThis.compiled = forwardBackward; }})()")
        given = [b64encode(np.asarray(x, np.float64).tobytes()).decode() for x in leaves]
        sizes = {"nodes": len(program.nodes), "edges": len(program.edges)}
        found = self._tab.evaluate(RUN, {"leaves": given, **sizes})
        return [Numbers(*(np.frombuffer(b64decode(text)) for text in filled)) for filled in found]

    def title_of(self, html: str) -> str:
        """The title of a page once its scripts have run."""
        tab = self._browser.new_page()
        tab.set_content(html)
        return str(tab.title())


@contextmanager
def launched() -> Iterator[Any]:
    """The system's Chromium, driven by playwright. Raises ImportError or FileNotFoundError where there is none."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    if path is None:
        raise FileNotFoundError("chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def chromium() -> Iterator[Chromium]:
    """The same, to run programs in."""
    with launched() as browser:
        yield Chromium(browser)


# ---- Graphs ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Graph:
    """``record(numbers)`` gives the loss of a graph whose leaves hold the numbers that ``draw(rng)`` gives."""

    record: Callable[[Any], Any]
    draw: Callable[[Rng], Any]


SMOOTH = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x.tanh() * y,
    "div": lambda x, y: x / (1.0 + y * y),
    "pow": lambda x, y: (2.0 + x.tanh()) ** y.tanh(),
    "square": lambda x, y: x.tanh() ** 2 - y,
    "exp": lambda x, y: (-(x.tanh())).exp() + y,
    "log": lambda x, y: (x * x + 0.5).log() - y,
    "sqrt": lambda x, y: y - (x * x + 0.5).sqrt(),
    "softplus": lambda x, y: record(OPS["softplus"], x) - y,
    "sigmoid": lambda x, y: x.sigmoid() * y.sigmoid(),
    "erf": lambda x, y: record(OPS["erf"], x) + y.tanh(),
    "log1p": lambda x, y: record(OPS["log1p"], x * x) * 0.5 + y,
    "expm1": lambda x, y: record(OPS["expm1"], x.tanh()) + y,
    "waves": lambda x, y: record(OPS["sin"], x) * record(OPS["cos"], y),
    "add_n": lambda x, y: record(OPS["add_n"], x, y, x, x.tanh()),
}
"""Nothing here explodes, and nothing has a kink, where a last digit would decide."""

EXACT = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "neg": lambda x, y: -x,
    "max": lambda x, y: record(OPS["maximum"], x, y, y),
    "min": lambda x, y: record(OPS["minimum"], y, x),
    "relu": lambda x, y: x.relu() + y,
    "leaky": lambda x, y: record(OPS["leaky_relu"], x, y),
    "abs": lambda x, y: abs(x),
    "sqrt": lambda x, y: record(OPS["sqrt"], x),
    "where": lambda x, y: record(OPS["where"], x, y, x),
    "clamp": lambda x, y: record(OPS["clamp"], x, y, 1.5),
    "round": lambda x, y: record(OPS["round"], x) - y,
    "remainder": lambda x, y: record(OPS["remainder"], x, y),
    "floor": lambda x, y: record(OPS["floor"], x) * y,
    "sign": lambda x, y: record(OPS["sign"], x) - y,
}
"""Arithmetic that every machine rounds in the same way: bit for bit equal, with infinities, NaN and -0."""

ODD = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 2.5, -2.5, 0.5, 1e308, -1e-308, 5e-324, 3.0]


def scalars(rng: Rng, exact: bool = False) -> Graph:
    """A graph of Values: fan-out, reuse and depth."""
    steps, count = (EXACT if exact else SMOOTH), int(rng.integers(3, 15 if exact else 60))
    names = rng.choice(sorted(steps), count)
    places = rng.integers(0, 7, (count, 2))

    def build(numbers: Array) -> Any:
        nodes: list[Any] = [Value(float(x), f"x{k}") for k, x in enumerate(numbers)]
        for name, (i, j) in zip(names, places, strict=True):
            nodes.append(steps[name](nodes[-1 - i % len(nodes)], nodes[-1 - j % len(nodes)]))
        return record(OPS["add_n"], *nodes[-3:])

    return Graph(build, lambda rng: rng.choice(ODD, 4) if exact else rng.uniform(-2, 2, 4))


def tensors(rng: Rng) -> Graph:
    """A network as a person would write it, in float64."""
    network = drawn.natural(rng)
    while network.dtype is not np.float64:
        network = drawn.natural(rng)
    T, N = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    fixed = network.arguments(T, N, rng)

    def build(arguments: tuple[Any, ...]) -> Any:
        found = network.fn(*(Tensor(x, requires_grad=False) for x in arguments))
        return found[0] if isinstance(found, tuple) else found

    def draw(rng: Rng) -> tuple[Any, ...]:
        """Other floats; what chooses (classes, tokens) stays, since it is part of the graph."""
        return tuple(rng.normal(size=x.shape) if x.dtype.kind == "f" else x for x in fixed)

    return Graph(build, draw)


# ---- The comparison -------------------------------------------------------------------------------------------------


def leaves_of(program: JavaScript, graph: Sequence[Node], fresh: Sequence[Node]) -> Array:
    """What to hand in, so that the leaves of ``graph``, which was compiled, are those of another recording of it."""
    leaves = program.leaves.copy()
    for node, other in zip(graph, fresh, strict=True):
        if node.op is None:
            leaves[program.slots[node]] = other._data
    return leaves


def differences(program: JavaScript, found: Numbers, graph: Sequence[Node], fresh: Sequence[Node]) -> list[str]:
    """Where numbers are not those of a fresh recording, but for rounding. The last nodes are the losses."""
    wrong = []
    grads, sizes = gradients(fresh[-1]), magnitudes(program, found.locals)
    for node, other in zip(graph, fresh, strict=True):
        if other.dtype.kind != "f":
            continue
        slots, name = program.slots[node], node.label or getattr(node.op, "name", "leaf")
        if not close(found.values[slots], other._data, TOLERANCE * (1 + _largest(other._data))):
            wrong.append(f"value of {name}: {found.values[slots]} where {other._data} was recorded")
        if other in grads:
            allowed = TOLERANCE * np.maximum(_largest(grads[other]), sizes[slots])
            ours, theirs = found.grads[slots], grads[other]
            rounding = 0.0 if close(ours, theirs, allowed) else Rounding(fresh[-1], [other]).of(other)
            if not close(ours, theirs, allowed + rounding):
                wrong.append(f"grad of {name}: {ours} where {theirs} was recorded")
    return wrong


def magnitudes(program: JavaScript, locals_: Array) -> Array:
    """For each scalar node the sum of the magnitudes that its gradient was added up from, on all paths to it.

    With upstream u and a softmax z near 1, z (u - Σ u z) cancels: its last digits are of the size of u, not of its own.
    """
    found, slopes = np.zeros(len(program.nodes)), np.nan_to_num(np.abs(locals_), nan=0.0, posinf=0.0).tolist()
    found[-1] = 1.0
    for (reader, read), slope in zip(program.edges[::-1].tolist(), slopes[::-1], strict=True):
        found[read] += slope * found[reader]
    return found


def close(ours: Any, theirs: Any, allowed: Any) -> bool:
    """Equal but for rounding; NaN, infinities and the signs of zeros too where nothing is allowed."""
    ours, theirs = np.asarray(ours), np.asarray(theirs, np.float64)
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    return bool((same | (np.abs(ours - theirs) <= allowed)).all())


def identical(program: JavaScript, found: Numbers, graph: Sequence[Node], fresh: Sequence[Node]) -> list[str]:
    """Where numbers of Values are not a fresh recording's to the last bit; every NaN is one."""
    slot_of = {other: int(program.slots[node]) for node, other in zip(graph, fresh, strict=True)}
    pairs = [(node, "value", found.values[slot], node._data) for node, slot in slot_of.items()]
    for visit in walk(fresh[-1], None):
        slot = slot_of[visit.node]
        first = int(np.searchsorted(program.edges[:, 0], slot))
        pairs.append((visit.node, "grad", found.grads[slot], visit.upstream))
        for edge in visit.edges:
            pairs.append((visit.node, "contribution", found.contributions[first + edge.slot], edge.downstream))
            pairs.append((visit.node, "local", found.locals[first + edge.slot], edge.local))
    return [
        f"{what} of {getattr(node.op, 'name', 'leaf')}: {ours} where {theirs} was recorded"
        for node, what, ours, theirs in pairs
        if not np.array_equal(ours, theirs, equal_nan=True) or (ours == 0 and np.signbit(ours) != np.signbit(theirs))
    ]


def _largest(x: Any) -> float:
    return float(np.nan_to_num(np.abs(x), nan=0.0, posinf=0.0).max(initial=0.0))


KINDS: dict[str, tuple[Callable[[Rng], Graph], Callable[..., list[str]]]] = {
    "scalars": (scalars, differences),
    "scalars, bit for bit": (lambda rng: scalars(rng, exact=True), identical),
    "networks": (tensors, differences),
}


def check(browser: Chromium, kind: str, graphs: int, seed: int, runs: int = 3) -> list[str]:
    """Draw graphs of a kind, and say what is wrong."""
    draw, compared = KINDS[kind]
    wrong = []
    for number in range(graphs):
        rng = np.random.default_rng([seed, number])
        graph = draw(rng)
        with np.errstate(all="ignore"):
            recorded = graph.record(graph.draw(rng))
            program, nodes = compile(recorded, dialect="javascript"), ancestors(recorded)
            fresh = [ancestors(graph.record(graph.draw(rng))) for _ in range(runs)]
            found = browser.run(program, [leaves_of(program, nodes, other) for other in fresh])
            for numbers, other in zip(found, fresh, strict=True):
                wrong += [f"{kind}, seed {seed}, {number}: {said}" for said in compared(program, numbers, nodes, other)]
    return wrong


def main() -> None:
    """Print what came of so many graphs, a third of each kind."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--graphs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with chromium() as browser:
        for number, kind in enumerate(KINDS):
            began, graphs = time.perf_counter(), (asked.graphs + number) // len(KINDS)
            wrong = check(browser, kind, graphs, asked.seed)
            print(f"{kind}: {graphs} graphs, {len(wrong)} differences; {time.perf_counter() - began:.0f} s", flush=True)
            for line in wrong[:20]:
                print(f"  {line}")


if __name__ == "__main__":
    main()
