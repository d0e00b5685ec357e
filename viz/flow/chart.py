"""The chart of a `viz.flow.Flow`, drawn by matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.ticker import MaxNLocator

from .canvas import COLOURS, HALO, MARKERS, Chart, in_figures, legend, log_bar, plain
from .colour_maps import GRADIENT

if TYPE_CHECKING:
    from .grad_flow import Flow

_MOST_RATIOS = 12
"""With more steps the factors between them would not be readable."""


def figure(flow: Flow, *others: Flow) -> Chart:
    """Norms over time, and who hears of whom; of a single flow also units over time."""
    flows = [flow, *others]
    kinds = ["matrix", "units"]
    if not all(one.losses for one in flows):
        kinds = ["units"]
    elif others:
        kinds = ["matrix"]
    columns = [(one, kind) for one in flows for kind in kinds]
    rows = max(len(one.names) for one in flows)
    drawn = Chart("\n\n".join(map(str, flows)), figsize=(5 + 4 * len(columns), 1.2 + 3.4 * rows), layout="constrained")
    grid = drawn.add_gridspec(rows, 1 + len(columns), width_ratios=(1.3, *[1.0] * len(columns)))
    _norms(drawn.add_subplot(grid[:, 0]), flows)
    scales = {kind: _scale([_data(one, kind, name) for one in flows for name in one.names]) for kind in kinds}
    for column, (one, kind) in enumerate(columns, start=1):
        for row, name in enumerate(one.names):
            axes = drawn.add_subplot(grid[row, column])
            _heat(axes, drawn, one, kind, name, scales[kind], title=one.title if others else "")
    said = [f"{one.title}: {line}" if one.title else line for one in flows for line in one.verdict.splitlines()]
    drawn.suptitle("\n".join(said), fontsize=10 if len(said) <= 4 else 8, parse_math=False)
    return drawn


def _data(flow: Flow, kind: str, name: str) -> Any:
    return flow.matrix(name) if kind == "matrix" else flow.units(name)


def _scale(arrays: list[Any]) -> LogNorm | None:
    """One log scale for several arrays; None where all is 0."""
    entries = np.concatenate([array.ravel() for array in arrays])
    positive = entries[np.isfinite(entries) & (entries > 0)]
    if not positive.size:
        return None
    low, high = float(positive.min()), float(positive.max())
    return LogNorm(min(low, high / 1.001), high)


def _norms(axes: Axes, flows: list[Flow]) -> None:
    """A line for each gradient: solid for the whole loss, dashed for the last step's alone."""
    lines = [(flow, name) for flow in flows for name in flow.names]
    every = [x for flow, name in lines for norms in _series(flow, name) for x in norms.values()]
    floor = min((x for x in every if np.isfinite(x) and x > 0), default=1.0) / 10
    marked = any(not np.isfinite(x) or x == 0 for x in every)
    for i, (flow, name) in enumerate(lines):
        colour, marker = COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]
        look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 4}
        whole, *last = _series(flow, name)
        title = f"{flow.title} " if flow.title else ""
        _line(axes, whole, floor, f"{title}d{flow.letter}/d{name}_t{', whole loss' if last else ''}", look)
        for norms in last:
            which = "first" if flow.is_reversed(name) else "last"
            look |= {"linestyle": "--", "markerfacecolor": "white"}
            _line(axes, norms, floor, f"{title}{flow.last_name(name)}, {which} step's loss alone", look)
        if len(lines) == 1 and len(whole) <= _MOST_RATIOS:
            _ratios(axes, [whole, *last][-1], flow.is_reversed(name), colour)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(in_figures)
    axes.set_ylim(bottom=floor / 2 if marked else 3 * floor)
    steps = [t for flow, name in lines for t in flow.norms[name]]
    axes.set_xlim(min(steps) - 0.5, max(steps) + 0.5)
    axes.set_xlabel("time step t")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title("norm of the gradient at each step", fontsize=10)
    axes.grid(alpha=0.3)
    legend(axes, below=True)


def _series(flow: Flow, name: str) -> list[dict[int, float]]:
    return [flow.norms[name], *([flow.last_norms[name]] if flow.losses else [])]


def _line(axes: Axes, norms: dict[int, float], floor: float, label: str, look: dict[str, Any]) -> None:
    t, y = (np.array(x, dtype=float) for x in zip(*norms.items(), strict=True))
    axes.plot(t, np.where(y > 0, y, np.nan), label=plain(label), **look)
    for marked, word in ((y == 0, "0"), (~np.isfinite(y), "NaN")):
        for x in t[marked]:
            axes.annotate(word, (x, floor), color=look["color"], ha="center", fontsize=8)


def _ratios(axes: Axes, norms: dict[int, float], is_reversed: bool, colour: str) -> None:
    """What one step on its way makes of the norm, between the two steps."""
    for t in norms:
        before = t - 1 if is_reversed else t + 1
        if before in norms and norms[t] > 0 and norms[before] > 0 and np.isfinite(norms[t] * norms[before]):
            middle = ((t + before) / 2, float(np.sqrt(norms[t] * norms[before])))
            text = f"×{norms[t] / norms[before]:.2g}"
            look: dict[str, Any] = {"color": colour, "fontsize": 7, "bbox": HALO, "ha": "center"}
            axes.annotate(text, middle, (0, 9), textcoords="offset points", **look)


def _heat(axes: Axes, drawn: Chart, flow: Flow, kind: str, name: str, scale: LogNorm | None, title: str) -> None:
    data, times = _data(flow, kind, name), list(flow.norms[name])
    if scale is not None:
        shown = np.ma.masked_where(~(data > 0), data)
        log_bar(drawn, axes.imshow(shown, aspect="auto", cmap=GRADIENT, norm=scale, interpolation="nearest"), axes)
    axes.patch.set(facecolor="#f4f4f4", hatch="////", edgecolor="#c8c8c8")
    for (i, j), x in np.ndenumerate(data):
        if np.isnan(x):
            axes.text(j, i, "NaN", ha="center", va="center", fontsize=6)
    axes.set_xticks(*_ticks(times))
    axes.set_xlabel("time step t (hatched: exactly 0)" if (data == 0).any() else "time step t")
    if kind == "matrix":
        axes.set_yticks(*_ticks(list(flow.losses)))
    else:
        axes.set_yticks(*_ticks(list(range(1, len(data) + 1))))
    axes.set_ylabel("loss of step k" if kind == "matrix" else "unit")
    what = f"‖dL_k/d{name}_t‖" if kind == "matrix" else f"d{flow.letter}/d{name}_t, unit by unit"
    axes.set_title(f"{title}: {what}" if title else what, fontsize=10, parse_math=False)


def _ticks(values: list[int]) -> tuple[list[int], list[str]]:
    every = max(1, -(-len(values) // 10))
    return list(range(0, len(values), every)), [str(value) for value in values[::every]]
