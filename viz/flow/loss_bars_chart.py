"""The chart of `viz.flow.loss_bars.LossBars`, drawn by matplotlib."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import FuncNorm, Normalize
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from .canvas import Chart, in_figures, legend
from .colour_maps import FADING

if TYPE_CHECKING:
    from .loss_bars import LossBars, Scale


def figure(bars: LossBars, scale: Scale) -> Chart:
    """Bars on a linear scale, lines on a log scale; the colour says how far away the loss stands."""
    drawn = Chart(str(bars), figsize=(9, 4.6), layout="constrained")
    axes = drawn.add_subplot()
    farthest = max((abs(k - t) for t, parts in bars.parts.items() for k in parts), default=0)
    colours = ScalarMappable(_norm(max(farthest, 1)), FADING)
    (_bars if scale == "linear" else _lines)(axes, bars, colours)
    steps = list(bars.totals)
    axes.set_xlim(min(steps) - 0.7, max(steps) + 0.7)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("time step t")
    axes.set_ylabel("norm")
    axes.grid(alpha=0.3, axis="y")
    axes.set_axisbelow(True)
    legend(axes)
    ticks = [d for d in (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024) if d <= farthest]
    bar = drawn.colorbar(colours, ax=axes, ticks=ticks)
    bar.ax.set_yticks(ticks, ["L_t itself", *(f"{d} away" for d in ticks[1:])])
    bar.ax.invert_yaxis()
    bar.minorticks_off()
    title = f"dL/d{bars.name}_t, itemised by the loss that it came from"
    title = f"{bars.title}: {title}" if bars.title else title
    axes.set_title(f"{title}\n{bars.verdict}", fontsize=9, parse_math=False)
    return drawn


def _norm(farthest: int) -> Normalize:
    """Near losses are told apart more finely than far ones."""
    return FuncNorm((np.log1p, np.expm1), 0, farthest)


def _shade(colours: ScalarMappable, distance: float) -> Any:
    return colours.to_rgba(np.asarray(distance))


def _bars(axes: Axes, bars: LossBars, colours: ScalarMappable) -> None:
    edge = 0.4 if len(bars.parts) <= 20 else 0.0
    for t, parts in bars.parts.items():
        nearest = sorted(parts, key=lambda k: abs(k - t))
        sizes = np.array([parts[k] for k in nearest])
        shades = [_shade(colours, abs(k - t)) for k in nearest]
        bottoms = np.concatenate([[0.0], np.cumsum(sizes)[:-1]])
        axes.bar([t] * len(sizes), sizes, 0.8, bottoms, color=shades, edgecolor="#8a4a1a", linewidth=edge)
    axes.set_ylim(0, 1.15 * max(sum(parts.values()) for parts in bars.parts.values()))  # room for the legend
    label = f"‖dL/d{bars.name}_t‖, the norm of the sum of the parts"
    look: dict[str, Any] = {
        "color": "black",
        "markersize": 9,
        "path_effects": [withStroke(linewidth=3, foreground="white")],
    }
    axes.plot(list(bars.totals), list(bars.totals.values()), "_", label=label, **look)


def _lines(axes: Axes, bars: LossBars, colours: ScalarMappable) -> None:
    losses = sorted({k for parts in bars.parts.values() for k in parts})
    for k in losses:
        line = [(t, parts[k]) for t, parts in bars.parts.items() if parts.get(k, 0.0) > 0]
        pieces = list(pairwise(line))
        shades = [_shade(colours, abs(k - (before[0] + after[0]) / 2)) for before, after in pieces]
        axes.add_collection(LineCollection(pieces, colors=shades, linewidths=1.4))
        own = [(t, size) for t, size in line if t == k]
        axes.plot([t for t, _ in own], [size for _, size in own], ".", color=_shade(colours, 0), markersize=3)
    label = f"‖dL/d{bars.name}_t‖ of the whole loss; below, a line for each loss, from its own step back"
    axes.plot(list(bars.totals), list(bars.totals.values()), "k_-", markersize=6, linewidth=0.8, label=label)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(in_figures)
    axes.autoscale_view()
