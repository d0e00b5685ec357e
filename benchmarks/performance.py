"""docs/performance.md: its text is written by hand, its figures by a run of the benchmarks.

- `save`: keep a run's figures, draw the chart, and put the figures into the page.
- `filled`: the page with figures; what stands between a comment ``<!-- NAME -->`` and ``<!-- end of NAME -->`` is
  replaced by what the function of that name in `BLOCKS` writes.

`python -m benchmarks.performance` writes chart and page again from the figures of the last run.
"""

import json
import re
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import chart
from benchmarks.contenders import CONTENDERS, HAND, ON_JAX, PROGRAM, RECORDED

DOCS = Path(__file__).parents[1] / "docs"
PAGE, FIGURES = DOCS / "performance.md", Path(__file__).with_suffix(".json")
PARTS = ("scalar", "drawings", "networks")
"""The benchmarks whose figures are on the page."""

MICROGRAD = "micrograd"
SCALAR = {PROGRAM: "program", RECORDED: "own-nn", MICROGRAD: MICROGRAD}
"""The rows of the table that `benchmarks.scalar` has figures for, and what it calls them."""
LEVEL = 0.97  # two medians of the same code differ by a few percent

Figures = dict[str, Any]


def save(figures: Figures) -> None:
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    write(figures)


def write(figures: Figures) -> None:
    chart.save(figures["networks"], DOCS / "pictures")
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), figures), encoding="utf-8", newline="\n")


def filled(page: str, figures: Figures) -> str:
    for name, block in BLOCKS.items():
        page = replaced(page, name, "".join(f"{line}\n" for line in block(figures)))
    return page


def replaced(page: str, name: str, text: str) -> str:
    """The page with other text between the two comments of that name."""
    between = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- end of {name} -->)", re.DOTALL)
    page, places = between.subn(lambda _: text, page)
    if places != 1:
        raise ValueError(f"the page has {places} places for {name}; there must be one")
    return page


# ---- What goes into the page: lines of Markdown ---------------------------------------------------------------------

Column = tuple[str, dict[str, str]]
"""What stands at its head, and in the rows of the contenders that have something there."""


def table(figures: Figures) -> Iterator[str]:
    """A row for each contender that was measured."""
    networks, scalar = figures["networks"], figures["scalar"]
    longest, learner = networks["remembered"][-1], networks["compiled"][0]
    columns = [
        *(ratios(heading(size, of["case"]), of["processor"], HAND) for size, of in networks["sizes"].items()),
        ratios(f"micrograd's MLP<br>{scalar['nodes'][MICROGRAD]:,} scalars", mlp(scalar), MICROGRAD),
        (f"MB<br>T={longest['case']['T']:,}", {name: f"{size / 1e6:.0f}" for name, size in longest["bytes"].items()}),
        (f"s to compile<br>T={learner['case']['T']}", {name: digits(s) for name, s in learner["seconds"].items()}),
    ]
    yield "| | " + " | ".join(head for head, _ in columns) + " |"
    yield "|---|" + "--:|" * len(columns)
    measured = set().union(*(cells for _, cells in columns))
    for name in (x for x in (*CONTENDERS, MICROGRAD) if x in measured):
        yield f"| {name} | " + " | ".join(cells.get(name, "–") for _, cells in columns) + " |"


def heading(size: str, case: Figures) -> str:
    numbers = ", ".join(f"{letter}={case[letter]:,}" for letter in "VHTN")
    return f"{size}<br>{numbers}, {case['dtype']}"


def ratios(head: str, seconds: dict[str, float], base: str) -> Column:
    """How many times as long as ``base`` each takes, which has its milliseconds beside its 1; the least is bold."""
    cells = {name: digits(time / seconds[base]) for name, time in seconds.items()}
    cells[base] = f"1 = {digits(seconds[base] * 1e3)} ms"
    best = min(seconds, key=seconds.__getitem__)
    return head, cells | {best: f"**{cells[best]}**"}


def digits(number: float) -> str:
    """Two of them, and as many as it takes before the point."""
    places = 0 if number >= 9.95 else 1 if number >= 0.995 else 2
    return f"{number:.{places}f}" if number >= 0.0995 else f"{number:.2g}"


def mlp(scalar: Figures) -> dict[str, float]:
    return {name: scalar["seconds"][engine] for name, engine in SCALAR.items() if engine in scalar["seconds"]}


def lost(figures: Figures) -> Iterator[str]:
    """A line for each that is ahead of the program, for what it needs more of, and for the recorded graph."""
    networks = figures["networks"]
    sizes = {size: of["processor"] for size, of in every(networks).items()}
    for name in (x for x in CONTENDERS if x != ON_JAX):  # that one is ours too
        if found := shares(sizes, name, PROGRAM):
            at = ", ".join(f"{size} ({part})" for size, part in found.items())
            yield f"- **{name}**, at {len(found)} of {len(sizes)} sizes: {at}."
    yield f"- **Beside the better of our two dialects**: {beside_both(sizes)}."
    for of in networks["compiled"]:
        yield from more(of["seconds"], f"Seconds to compile at T={of['case']['T']:,}", 1.0)
    longest = networks["remembered"][-1]
    yield from more(longest["bytes"], f"MB at T={longest['case']['T']:,}", 1e6)
    ms = {engine: digits(seconds * 1e3) for engine, seconds in figures["scalar"]["seconds, gc off"].items()}
    yield (
        f"- **With the garbage collector off** {MICROGRAD} takes {ms[MICROGRAD]} ms for its MLP, the recorded graph "
        f"{ms['own-nn']} ms and the program {ms['program']} ms: most of what {MICROGRAD} takes otherwise is the "
        "collector's work, since its graphs hold cycles."
    )
    learner = {"learner's": sizes["learner's"]}
    behind = [f"{name} ({part})" for name in CONTENDERS for part in shares(learner, name, RECORDED).values()]
    yield f"- **The recorded graph**, which is there to be looked at, at the learner's size: {', '.join(behind)}."


def beside_both(sizes: Figures) -> str:
    """Who is ahead of the better of NumPy's and JAX's programs, at which sizes, and which part of its time it takes."""
    both = "the better one"
    better = {size: of | {both: min(of[x] for x in (PROGRAM, ON_JAX) if x in of)} for size, of in sizes.items()}
    found = {name: shares(better, name, both) for name in CONTENDERS if name not in (PROGRAM, ON_JAX)}
    ahead = (
        f"{name} at {len(at)} of {len(sizes)} sizes ({', '.join(f'{size} {part}' for size, part in at.items())})"
        for name, at in found.items()
        if at
    )
    return "; ".join(ahead) or "nobody"


def every(networks: Figures) -> Figures:
    """All sizes that were timed, each once: those of the table by their names, others by what grows."""
    named = {json.dumps(of["case"]): (size, of) for size, of in networks["sizes"].items()}
    for axis, cases in networks["growth"].items():
        for of in cases:
            named.setdefault(json.dumps(of["case"]), (f"{axis}={of['case'][axis]:,}", of))
    return dict(named.values())


def shares(sizes: Figures, name: str, ours: str) -> dict[str, str]:
    """The sizes at which a contender is ahead of one of ours, and which part of its time it takes there."""
    return {
        size: digits(seconds[name] / seconds[ours])
        for size, seconds in sizes.items()
        if name in seconds and seconds[name] < LEVEL * seconds[ours]
    }


def more(measured: dict[str, float], what: str, unit: float) -> Iterator[str]:
    """Who needs less than the program, if anybody does."""
    ours = measured[PROGRAM]
    if less := {name: found for name, found in measured.items() if found < LEVEL * ours}:
        others = ", ".join(f"{name} {digits(found / unit)}" for name, found in less.items())
        yield f"- **{what}**: the program {digits(ours / unit)}; {others}."


def drawing(figures: Figures) -> Iterator[str]:
    for name, seconds in figures["drawings"].items():
        yield f"- {name}: {digits(seconds)} s"


def versions(figures: Figures) -> Iterator[str]:
    for name, version in figures["versions"].items():
        yield f"- {name} {version}"
    cases = every(figures["networks"]).values()
    stretched = statistics.median(of["clock"][name] / of["processor"][name] for of in cases for name in of["clock"])
    yield (
        f"- The run took {figures['seconds'] / 60:.0f} minutes. By the clock, passes took {stretched:.2f} times their "
        "processor time in the median, which says how busy the machine was with other things."
    )


Block = Callable[[Figures], Iterator[str]]
BLOCKS: dict[str, Block] = {"table": table, "lost": lost, "drawing": drawing, "versions": versions}


if __name__ == "__main__":
    write(json.loads(FIGURES.read_text(encoding="utf-8")))
