"""A watched training in words: what changed and when, what was measured over the updates, what to try now."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from microgradrnn.counting import counted
from microgradrnn.diagnosis import Finding, Measured
from microgradrnn.diagnosis.training import clip_at, norms_of
from microgradrnn.diagnosis.watching import findings_of, measured_of

from ..numbers import number
from .advice import advice
from .diagnosis import sentence
from .lines import WIDTH, filled, percent, section, short, table, tries

MOST_ROWS = 10
"""So many updates are shown in the table, spread evenly, the first and the last among them."""
MOST_RUNS = 3
"""A fault that came so often is told by its counts."""
Row = Mapping[str, Any]


def report(history: Sequence[Row], every: int) -> str:
    """The whole report, in lines of at most 80 columns."""
    rows = [row for row in history if "skipped" not in row]
    if not rows:
        return f"Nothing measured yet: one every {counted(every, 'update')}, from the first call on."
    last, norms = rows[-1], norms_of(rows)
    ranked = advice(findings_of(last), measured_of(last), norms[-1], clip_at(norms))
    parts = [
        _first_lines(rows, every),
        section("What changed, and when", list(changes(rows))),
        section("Over the updates", _over_updates(rows)),
        section("Measured", list(_measured(rows, norms))),
        section("What to try now, the most promising first", tries(ranked)),
        section("Not measured", [f"update {row['update']}: {row['skipped']}" for row in history if "skipped" in row]),
    ]
    return "\n\n".join(part for part in parts if part)


def _first_lines(rows: Sequence[Row], every: int) -> str:
    last = rows[-1]
    now = [sentence(f, measured_of(last)) for f in findings_of(last)]
    first = f"Watched at {counted(len(rows), 'update')}, {rows[0]['update']} to {last['update']}, every {every}. "
    if not now:
        falls = "" if _has_fallen(rows) else " But the loss has not fallen: see what its data and targets are."
        return filled(f"{first}At the last one: healthy. No measured number is beyond its limit.{falls}")
    lines = [filled(f"{first}At the last one: {counted(len(now), 'fault')}.")]
    return "\n".join([*lines, *(filled(said, f"  {k}. ") for k, said in enumerate(now, start=1))])


def _has_fallen(rows: Sequence[Row]) -> bool:
    """Whether the mean loss of the last quarter is below 95% of that of the first; of few updates that it is."""
    quarters = [float(np.mean(part)) for part in np.array_split([float(row["loss"]) for row in rows], 4) if len(part)]
    return len(rows) < 4 or quarters[-1] < quarters[0] - 0.05 * abs(quarters[0])


def changes(rows: Sequence[Row]) -> Iterator[str]:
    """For each fault, from which update to which it was there; in the order in which they came up."""
    updates = [int(row["update"]) for row in rows]
    found = [{(f.layer, f.fault): f for f in findings_of(row)} for row in rows]
    told: list[tuple[int, str]] = []
    for key in dict.fromkeys(key for faults in found for key in faults):
        there = [key in faults for faults in found]
        runs = [list(run) for is_there, run in groupby(range(len(rows)), there.__getitem__) if is_there]
        if len(runs) > MOST_RUNS:
            first, last = runs[0][0], runs[-1][-1]
            count = f"at {sum(there)} of {last - first + 1} measured updates from {updates[first]} to {updates[last]}"
            told.append((first, f"{_name(key)}: comes and goes, {count}"))
            continue
        for run in runs:
            told += _begin_and_end(run, key, found, rows)
    yield from (f"update {updates[k]}: {said}" for k, said in sorted(told, key=lambda change: change[0]))


def _begin_and_end(
    run: Sequence[int], key: tuple[str, str], found: Sequence[Mapping[tuple[str, str], Finding]], rows: Sequence[Row]
) -> Iterator[tuple[int, str]]:
    begin, end = run[0], run[-1] + 1
    before = f" Before, at update {rows[begin - 1]['update']}: {_share(rows[begin - 1], key)}." if begin else ""
    before = before if _share(rows[begin - 1], key) else ""
    yield begin, sentence(found[begin][key], measured_of(rows[begin])) + before
    if end < len(rows) and not any(fault == "not finite" for _, fault in found[end]):
        share = _share(rows[end], key)
        yield end, f"{_name(key)}: no longer{f', {share}' if share else ''}."


def _name(key: tuple[str, str]) -> str:
    layer, fault = key
    return f"{fault} in {layer}" if layer else fault


def _share(row: Row, key: tuple[str, str]) -> str:
    """What a row says of a gradient's share, where that is what a fault is about."""
    layer, fault = key
    m = next((m for m in measured_of(row) if m.name == layer), None)
    return f"{percent(m.share)} reached step {m.times[0]}" if m and m.share is not None and "ing" in fault else ""


def _over_updates(rows: Sequence[Row]) -> list[str]:
    layers = measured_of(rows[-1])
    places = sorted({round(k) for k in np.linspace(0, len(rows) - 1, min(MOST_ROWS, len(rows)))})
    while True:
        head = ("update", "loss", "gradient", "step/weight", *(short(m.name, 14) for m in layers))
        lines = table([head, *(_cells(rows[k], layers) for k in places)])
        if not layers or max(map(len, lines)) <= WIDTH - 2:
            break
        layers = layers[:-1]
    told = "gradient: its norm, before clipping; step/weight: the largest ‖next step‖ / ‖weight‖"
    shown = "; of a layer: the share of the gradient that reaches its first step" if layers else ""
    hidden = len(measured_of(rows[-1])) - len(layers)
    return [*lines, told + shown + (f" ({hidden} more in the history)" if hidden else "")]


def _cells(row: Row, layers: Sequence[Measured]) -> tuple[str, ...]:
    there = {m.name: m for m in measured_of(row)}
    shares = [there[m.name].share if m.name in there else None for m in layers]
    ratio = largest_update(row)
    return (
        str(row["update"]),
        number(float(row["loss"])),
        number(float(row["grad_norm"])),
        "–" if ratio is None else number(ratio[1]),
        *("–" if share is None else _left(share) for share in shares),
    )


def _left(share: float) -> str:
    return percent(share) if share < 10 else f"× {number(share)}"


def largest_update(row: Row) -> tuple[str, float] | None:
    """The parameter whose next step was the largest against it, and ‖step‖ / ‖weight‖."""
    ratios = {name: float(x) for name, x in (row["updates"] or {}).items()}
    if not ratios:
        return None
    name = max(ratios, key=lambda n: math.inf if math.isnan(ratios[n]) else ratios[n])
    return name, ratios[name]


def _measured(rows: Sequence[Row], norms: Sequence[float]) -> Iterator[str]:
    losses = [float(row["loss"]) for row in rows]
    least = min(range(len(rows)), key=lambda k: losses[k] if math.isfinite(losses[k]) else math.inf)
    yield (
        f"loss: {number(losses[0])} at first, {number(losses[least])} at its lowest (update {rows[least]['update']}), "
        f"{number(losses[-1])} at last"
    )
    most = max(range(len(rows)), key=lambda k: norms[k] if math.isfinite(norms[k]) else math.inf)
    at = f"largest {number(norms[most])} (update {rows[most]['update']})"
    middle = clip_at(list(norms))
    said = "" if middle is None else f"; median {number(middle)}, which would do as a threshold to clip at"
    yield f"norm of the gradient, before clipping: {at}{said}"
