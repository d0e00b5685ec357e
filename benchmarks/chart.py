"""The chart of docs/performance.md: how cost grows with T, H and N, and memory with T. Drawn twice, for light and dark.

Colours are Okabe and Ito's, which the colour-blind can tell apart, and each line has a marker of its own.
"""

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.contenders import (
    AUTOGRAD,
    HAND,
    JAX,
    MYGRAD,
    ON_JAX,
    PROGRAM,
    PYTORCH,
    PYTORCH_STEPS,
    PYTORCH_WHOLE,
    RECORDED,
    STACKED,
)

THEMES = {
    "": {"paper": "#ffffff", "ink": "#1f2328", "grid": "#d1d9e0", "blue": "#0072b2"},
    "-dark": {"paper": "#0d1117", "ink": "#e6edf3", "grid": "#3d444d", "blue": "#56b4e9"},
}
"""By what a file's name ends in: the colours of GitHub's pages."""

OURS = {"linewidth": 2.6, "markersize": 7, "zorder": 3}
LOOKS: dict[str, dict[str, Any]] = {
    PROGRAM: {"color": "#d55e00", "marker": "o", **OURS},
    ON_JAX: {"color": "#d55e00", "marker": "D", "linestyle": "-.", **OURS},
    RECORDED: {"color": "#d55e00", "marker": "o", "markerfacecolor": "none", "linestyle": "--", **OURS},
    HAND: {"color": "ink", "marker": "s"},
    STACKED: {"color": "ink", "marker": "s", "markerfacecolor": "none", "linestyle": "--"},
    PYTORCH_STEPS: {"color": "blue", "marker": "v", "linestyle": ":"},
    PYTORCH: {"color": "blue", "marker": "v", "markerfacecolor": "none", "linestyle": "--"},
    PYTORCH_WHOLE: {"color": "blue", "marker": "v"},
    JAX: {"color": "#009e73", "marker": "D"},
    AUTOGRAD: {"color": "#cc79a7", "marker": "^"},
    MYGRAD: {"color": "#e69f00", "marker": "P"},
}
"""min-char-rnn lies on the line of NumPy by hand and is left out."""

PANELS = {"T": "T, time steps", "H": "H, hidden units", "N": "N, sequences side by side"}
STYLE: dict[Any, Any] = {"svg.hashsalt": "performance", "svg.fonttype": "path", "font.size": 10, "axes.titlesize": 10.5}


def save(figures: dict[str, Any], folder: Path) -> None:
    """Write performance.svg and performance-dark.svg."""
    for suffix, theme in THEMES.items():
        with matplotlib.rc_context(STYLE):
            path, same_every_time = folder / f"performance{suffix}.svg", {"Date": None, "Creator": None}
            chart(figures, theme).savefig(path, facecolor=theme["paper"], metadata=same_every_time)


def chart(figures: dict[str, Any], theme: dict[str, str]) -> Figure:
    """Four panels with one legend below them."""
    drawn = Figure(figsize=(10.5, 9.2), layout="constrained")
    panels = drawn.subplots(2, 2).flat
    for axes, (size, title) in zip(panels, PANELS.items(), strict=False):
        growth(axes, figures["growth"][size], size, theme)
        decorate(axes, f"time, growing {size}", title, "microseconds a step, forward and backward", theme)
    memory(axes := panels[-1], figures["remembered"], theme)
    decorate(axes, "memory, growing T", PANELS["T"], "megabytes that a process grows by", theme)
    handles, labels = axes.get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, labelcolor=theme["ink"])
    return drawn


def growth(axes: Axes, cases: list[dict[str, Any]], size: str, theme: dict[str, str]) -> None:
    for name in LOOKS:
        points = [
            (of["case"][size], of["processor"][name] / of["case"]["T"] * 1e6) for of in cases if name in of["processor"]
        ]
        line(axes, name, points, theme)


def memory(axes: Axes, cases: list[dict[str, Any]], theme: dict[str, str]) -> None:
    for name in LOOKS:
        line(axes, name, [(of["case"]["T"], of["bytes"][name] / 1e6) for of in cases if name in of["bytes"]], theme)


def line(axes: Axes, name: str, points: list[tuple[float, float]], theme: dict[str, str]) -> None:
    if points:
        look = {"linewidth": 1.4, "markersize": 5} | LOOKS[name]
        look["color"] = theme.get(look["color"], look["color"])
        axes.plot(*zip(*points, strict=True), label=name, **look)


def decorate(axes: Axes, title: str, x: str, y: str, theme: dict[str, str]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title(title, color=theme["ink"])
    axes.set_xlabel(x, color=theme["ink"])
    axes.set_ylabel(y, color=theme["ink"])
    axes.set_facecolor(theme["paper"])
    axes.grid(color=theme["grid"], linewidth=0.6)
    axes.tick_params(which="both", colors=theme["ink"])
    axes.minorticks_off()
    for number in (axes.xaxis, axes.yaxis):
        number.set_major_formatter(lambda value, _: f"{value:,g}")
    for spine in axes.spines.values():
        spine.set_color(theme["grid"])
