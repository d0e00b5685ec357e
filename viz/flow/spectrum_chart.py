"""The chart of a `microgradrnn.analysis.Spectrum`, drawn by matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator

from microgradrnn.analysis import Spectrum

from ..numbers import number
from .canvas import COLOURS, HALO, Chart, in_figures
from .colour_maps import SIGNED

_MOST_NUMBERS, _MOST_SIGNS = 6, 24
"""Matrices of up to so many rows show their entries; larger ones the sign of negative entries; then colours alone."""

_FULL, _ON_FULL = 0.6, "#14171c"
"""From this share of the full colour on a cell takes dark ink in both themes; another takes the ink of the page."""


def figure(spectrum: Spectrum) -> Chart:
    """The matrix, its eigenvalues in the complex plane with the unit circle, its singular values with the bound 1/g."""
    drawn = Chart(figsize=(13, 4.2), layout="constrained", text=spectrum.implies)
    matrix, plane, values = drawn.subplots(1, 3, width_ratios=(1.1, 1, 1))
    _matrix(matrix, drawn, spectrum)
    _plane(plane, spectrum)
    _values(values, spectrum)
    return drawn


def _matrix(axes: Axes, drawn: Chart, spectrum: Spectrum) -> None:
    data, size = spectrum.matrix, len(spectrum.matrix)
    scale = float(np.abs(data).max()) or 1.0
    image = axes.imshow(data, cmap=SIGNED, vmin=-scale, vmax=scale, interpolation="nearest")
    drawn.colorbar(image, ax=axes, format=in_figures)
    for (i, j), x in np.ndenumerate(data) if size <= _MOST_SIGNS else ():
        look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8}
        if size <= _MOST_NUMBERS:
            axes.text(j, i, number(x), bbox=HALO, **look)
        elif x < 0:  # a halo would hide the colours of cells as small as these
            axes.text(j, i, "−", color=_ON_FULL if -x > _FULL * scale else "black", **look)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title("the matrix", fontsize=10)


def _plane(axes: Axes, spectrum: Spectrum) -> None:
    real, imaginary = spectrum.eigenvalues.real, spectrum.eigenvalues.imag
    axes.add_patch(Circle((0, 0), 1.0, fill=False, color="black"))
    axes.add_patch(Circle((0, 0), spectrum.spectral_radius, fill=False, color=COLOURS[1], linestyle="--"))
    axes.plot(real, imaginary, "o", color=COLOURS[0], markersize=5, alpha=0.8)
    places, counts = np.unique(spectrum.eigenvalues.round(6), return_counts=True)
    for place, count in zip(places, counts, strict=True):
        if count > 1:
            at = (float(place.real), float(place.imag))
            axes.annotate(f"×{count}", at, (5, 5), textcoords="offset points", fontsize=8)
    reach = 1.15 * max(1.0, spectrum.spectral_radius)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xlabel="real part", ylabel="imaginary part")
    axes.grid(alpha=0.3)
    radius = number(spectrum.spectral_radius)
    axes.set_title(f"eigenvalues λ, and the unit circle\nspectral radius {radius} (dashed)", fontsize=10)


def _values(axes: Axes, spectrum: Spectrum) -> None:
    values, bound = spectrum.singular_values, 1 / spectrum.gain
    places = range(1, len(values) + 1)
    axes.bar(places, values, color=COLOURS[0], width=0.7)
    for k, value in zip(places, values, strict=True) if len(values) <= _MOST_NUMBERS else ():
        axes.annotate(number(float(value)), (k, value), (0, 3), textcoords="offset points", ha="center", fontsize=8)
    axes.axhline(bound, color=COLOURS[1], linestyle="--")
    axes.annotate(
        f"1/g = {number(bound)}",
        (1, bound),
        (-4, 3),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        fontsize=8,
        color=COLOURS[1],
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(0, 1.12 * max(bound, spectrum.norm))
    axes.set_title(f"singular values σ\nthe largest, {number(spectrum.norm)}, bounds one step", fontsize=10)
