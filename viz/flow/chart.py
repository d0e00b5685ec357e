"""The chart of a `viz.flow.Flow`, drawn by matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from .grad_flow import COLOURS, MARKERS

if TYPE_CHECKING:
    from .grad_flow import Flow


def figure(flow: Flow, *others: Flow) -> Figure:
    """Norms over time, who hears of whom, units over time: the last two of ``flow`` alone."""
    drawn = Figure(figsize=(13, 4), layout="constrained")
    norms, matrix, units = drawn.subplots(1, 3, width_ratios=(1.3, 1, 1))
    _norms(norms, [flow, *others])
    name = flow.names[0]
    rows = flow.matrix
    times = list(flow.gradients[name])
    title = f"‖dL_k/d{name}_t‖" if len(rows) > 1 else f"‖dL/d{name}_t‖"
    _heat(matrix, drawn, rows, times, title, "loss of step k" if len(rows) > 1 else "")
    _heat(units, drawn, flow.units(), times, f"dL/d{name}_t, unit by unit", "unit")
    if len(rows) > 1:
        matrix.set_yticks(*_ticks(list(flow.losses)))
    drawn.suptitle(f"{flow.title}: {flow.verdict}" if flow.title else flow.verdict, fontsize=11)
    return drawn


def _norms(axes: Axes, flows: list[Flow]) -> None:
    lines = [(flow, name) for flow in flows for name in flow.names]
    positive = [x for flow, name in lines for x in flow.norms[name].values() if np.isfinite(x) and x > 0]
    floor = min(positive, default=1.0) / 10
    for i, (flow, name) in enumerate(lines):
        t, y = (np.array(x, dtype=float) for x in zip(*flow.norms[name].items(), strict=True))
        label = " ".join(part for part in (flow.title, f"dL/d{name}_t") if part)
        look: dict[str, Any] = {
            "color": COLOURS[i % len(COLOURS)],
            "marker": MARKERS[i % len(MARKERS)],
            "markersize": 4,
        }
        axes.plot(t, np.where(y > 0, y, np.nan), label=label, **look)
        if i == 0 and len(t) <= 12:  # more would not be readable
            _ratios(axes, flow, name, look["color"])
        for marked, word in ((y == 0, "0"), (~np.isfinite(y), "NaN")):
            for x in t[marked]:
                axes.annotate(word, (x, floor), color=look["color"], ha="center", fontsize=8)
    axes.set_yscale("log")
    axes.set_ylim(bottom=floor / 2)
    axes.set_xlabel("time step t")
    axes.set_title("norm of the gradient at each step")
    axes.grid(alpha=0.3)
    axes.legend()


def _ratios(axes: Axes, flow: Flow, name: str, colour: str) -> None:
    """What one step back makes of the norm, between the two steps."""
    norms = flow.norms[name]
    for t, ratio in flow.ratios(name).items():
        if np.isfinite(ratio) and ratio > 0:
            middle = (t + 0.5, float(np.sqrt(norms[t] * norms[t + 1])))
            axes.annotate(f"×{ratio:.2g}", middle, (0, 7), textcoords="offset points", color=colour, fontsize=7)


def _heat(axes: Axes, drawn: Figure, data: Any, times: list[int], title: str, rows: str) -> None:
    positive = data[np.isfinite(data) & (data > 0)]
    if positive.size:
        low, high = float(positive.min()), float(positive.max())
        shown = np.ma.masked_where(~(data > 0), data)
        image = axes.imshow(shown, aspect="auto", cmap="viridis", norm=LogNorm(min(low, high / 1.001), high))
        drawn.colorbar(image, ax=axes)
    axes.set_facecolor("#e6e6e6")
    for (i, j), x in np.ndenumerate(data):
        if np.isnan(x):
            axes.text(j, i, "NaN", ha="center", va="center", fontsize=6)
    axes.set_xticks(*_ticks(times))
    axes.set_xlabel("time step t (grey: exactly 0)")
    axes.set_ylabel(rows)
    axes.set_title(title)


def _ticks(times: list[int]) -> tuple[list[int], list[str]]:
    every = max(1, len(times) // 10)
    return list(range(0, len(times), every)), [str(t) for t in times[::every]]
