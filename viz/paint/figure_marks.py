"""A figure as marks: shapes, lines and texts, which know nothing of graphs. SVG and TikZ are printed from them.

- `Shape`, `Line`, `Text`: the marks. `Picture`: all of them, and its size.
- `COLOURS`: what the colours' names mean in each theme.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from ..layout.positions import Point
from .typeset import Run

Theme = Literal["light", "dark", "auto"]
THEMES = get_args(Theme)

COLOURS = {
    "ground": ("#ffffff", "#16181d"),
    "ink": ("#1a1a1a", "#ececec"),
    "faint": ("#666666", "#a8a8a8"),
    "wire": ("#4a4a4a", "#b4b4b4"),
    "value": ("#00629b", "#6cbcf0"),
    "grad": ("#a84300", "#ff9a57"),
    "lit": ("#d95f02", "#ffae42"),
    "input": ("#3f74a3", "#7fb5e6"),
    "input fill": ("#e3eefa", "#1d2c3b"),
    "state": ("#2f6b47", "#7cc79a"),
    "state fill": ("#e2f1e6", "#1c3025"),
    "output": ("#8a6500", "#e0b94f"),
    "output fill": ("#fdf1d3", "#332b17"),
    "loss": ("#5b3fa8", "#b6a1f2"),
    "loss fill": ("#ece6f9", "#2a2440"),
    "op": ("#555555", "#b4b4b4"),
    "op fill": ("#f6f6f6", "#262a31"),
    "cell": ("#2f6b47", "#7cc79a"),
    "cell fill": ("#f3f8f4", "#1a241e"),
}
"""Each colour on a light and on a dark ground."""

FADED = 0.22
"""How much of a colour is left where the rest is the ground."""


def _blended(colour: str, ground: str) -> str:
    parts = [(int(colour[i : i + 2], 16), int(ground[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(FADED * mine + (1 - FADED) * under):02x}" for mine, under in parts)


def shade(name: str, faded: bool) -> str:
    """The name of a colour, or of what is left of it.

    >>> COLOURS[shade("ink", True)][0]
    '#cdcdcd'
    """
    return f"{name} faded" if faded else name


COLOURS |= {
    shade(name, True): (_blended(light, COLOURS["ground"][0]), _blended(dark, COLOURS["ground"][1]))
    for name, (light, dark) in list(COLOURS.items())
}


@dataclass(frozen=True)
class Shape:
    """A rectangle around a point, with round corners; a circle where the corners leave nothing else."""

    x: float
    y: float
    width: float
    height: float
    radius: float
    fill: str
    stroke: str
    weight: float = 1.2
    faded: bool = False
    dashed: bool = False
    title: str = ""


@dataclass(frozen=True)
class Line:
    """A start, then points of cubic Bézier curves, and an arrowhead at the end where there is one."""

    path: tuple[Point, ...]
    stroke: str
    weight: float = 1.3
    head: bool = True
    faded: bool = False
    dashed: bool = False
    title: str = ""


@dataclass(frozen=True)
class Text:
    """Pieces of text from x on, on a line. Where letters are narrower than measured here they keep to its middle, if
    ``centred``, or else to its start.
    """

    x: float
    y: float
    runs: tuple[Run, ...]
    ink: str
    width: float
    faded: bool = False
    halo: bool = False
    centred: bool = True


Mark = Shape | Line | Text


def moved(mark: Mark, dx: float, dy: float) -> Mark:
    """The mark at another place."""
    if isinstance(mark, Line):
        return replace(mark, path=tuple((x + dx, y + dy) for x, y in mark.path))
    return replace(mark, x=mark.x + dx, y=mark.y + dy)


@dataclass(frozen=True)
class Picture:
    """Marks in points of a picture that is scaled to its width on paper.

    Attributes:
        width, height: in the marks' own points.
        scale: points on paper for each of them.
        title: what it shows, for those who cannot see it.
    """

    width: float
    height: float
    scale: float
    title: str
    theme: Theme
    marks: tuple[Mark, ...] = field(default=())
