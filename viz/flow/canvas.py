"""What all charts share: a figure that shows itself in Jupyter, its colours, and labels that are data.

Charts alone import matplotlib for drawing, and are imported when one is asked for.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from matplotlib.transforms import ScaledTranslation

from ..numbers import number
from ..paint.picture import saved
from .dark import in_both_themes

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = "osD^vP"
"""Okabe and Ito's colours, which all can tell apart, and never alone: each line has a marker of its own."""

HALO = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
"""Behind a number on a line or in a cell."""

_POINTS = 72


class Chart(Figure):
    """A matplotlib figure that shows itself in Jupyter, without pyplot.

    Args:
        text: what it shows, in words and numbers.
        options: of `matplotlib.figure.Figure`.
    """

    def __init__(self, text: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.text_form = text

    def save(self, path: str | Path) -> Path:
        """Write the chart; the name's ending says as what: .svg, .png, .pdf or .txt. Folders are made.

        Raises:
            ValueError: another ending.
        """
        writers: dict[str, Callable[[], bytes]] = {
            ".svg": lambda: self.svg().encode(),
            ".png": self.png,
            ".pdf": partial(self._as, "pdf"),
            ".txt": lambda: f"{self.text_form}\n".encode(errors="replace"),
        }
        return saved(path, writers, "a chart")

    def svg(self) -> str:
        """The chart as SVG, which is dark where the reader's system asks for it."""
        return in_both_themes(self._as("svg").decode())

    def png(self) -> bytes:
        """The chart as PNG, at two pixels a point."""
        return self._as("png")

    def to_text(self) -> str:
        """The same in words and numbers."""
        return self.text_form

    def _as(self, kind: str) -> bytes:
        data = io.BytesIO()
        self.savefig(data, format=kind, dpi=2 * _POINTS)
        return data.getvalue()

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        width, height = (round(_POINTS * inches) for inches in self.get_size_inches())
        size = {"image/png": {"width": width, "height": height}}
        return {"image/png": self.png(), "text/plain": repr(self)}, size


def plain(label: str) -> str:
    """A label for a legend, which would leave out one that begins with an underscore."""
    return f" {label}" if label.startswith("_") else label


def legend(axes: Axes, below: bool = False) -> None:
    """A legend whose labels are taken as they are, no formulas; ``below``: clear of the lines, below the axes."""
    place: dict[str, Any] = {}
    if below:
        shift = ScaledTranslation(0, -36 / _POINTS, axes.figure.dpi_scale_trans)
        place = {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "bbox_transform": axes.transAxes + shift}
    for text in axes.legend(fontsize=8, **place).get_texts():
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
