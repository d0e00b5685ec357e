"""What all charts share: a figure that shows itself in Jupyter, its colours, and labels that are data.

Charts alone import matplotlib for drawing, and are imported when one is asked for.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from ..numbers import number
from ..paint import heat

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = "osD^vP"
"""Okabe and Ito's colours, which all can tell apart, and never alone: each line has a marker of its own."""

_FULL = tuple(c / 255 for c in heat.GRAD.light[1])
GRADIENT = LinearSegmentedColormap.from_list("gradient", [[1 - 0.12 * (1 - c) for c in _FULL], _FULL])
"""Sizes of gradients: the orange that gradients have in all pictures, from hardly any to full."""

HALO = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
"""Behind a number on a line."""

FORMATS = (".svg", ".png", ".pdf")
_POINTS = 72


class Chart(Figure):
    """A matplotlib figure that shows itself in Jupyter, without pyplot."""

    def save(self, path: str | Path) -> Path:
        """Write the chart; the name's ending says as what: .svg, .png or .pdf. Folders are made.

        Raises:
            ValueError: another ending.
        """
        path = Path(path)
        if path.suffix.lower() not in FORMATS:
            raise ValueError(f"a chart is saved as {', '.join(FORMATS)}, not as {path.suffix or path.name!r}")
        path.parent.mkdir(parents=True, exist_ok=True)
        self.savefig(path, dpi=2 * _POINTS)
        return path

    def png(self) -> bytes:
        """The chart as PNG, at two pixels a point."""
        data = io.BytesIO()
        self.savefig(data, format="png", dpi=2 * _POINTS)
        return data.getvalue()

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        width, height = (round(_POINTS * inches) for inches in self.get_size_inches())
        size = {"image/png": {"width": width, "height": height}}
        return {"image/png": self.png(), "text/plain": repr(self)}, size


def plain(label: str) -> str:
    """A label for a legend, which would leave out one that begins with an underscore."""
    return f" {label}" if label.startswith("_") else label


def legend(axes: Axes, **look: Any) -> None:
    """A legend whose labels are taken as they are, no formulas."""
    for text in axes.legend(fontsize=8, **look).get_texts():
        text.set_parse_math(False)


@FuncFormatter
def in_figures(x: float, _: Any) -> str:
    """A tick's number as all numbers look."""
    return number(x)


def log_bar(drawn: Figure, image: Any, axes: Axes) -> None:
    """A colour bar for a log scale, with few ticks."""
    low, high = image.norm.vmin, image.norm.vmax
    subs = (1.0,) if high > 1e4 * low else (1.0, 3.0) if high > 100 * low else (1.0, 2.0, 5.0)
    bar = drawn.colorbar(image, ax=axes, ticks=LogLocator(subs=subs), format=in_figures)
    bar.ax.yaxis.set_minor_locator(NullLocator())
