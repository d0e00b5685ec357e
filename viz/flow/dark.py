"""A chart's SVG in both themes, as other pictures are: dark where the reader's system asks for it.

matplotlib writes a colour beside each thing that has it, and a heat map as pixels. A style sheet that holds in the dark
theme alone exchanges each colour, and each heat map for one of dark pixels.
"""

from __future__ import annotations

import base64
import io
import re

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.image import imread, imsave
from numpy.typing import NDArray

from .colour_maps import DARK_GROUND, IN_BOTH_THEMES, LIGHT_GROUND

INK = "#e3e6ec"
_FLAT = {
    LIGHT_GROUND: DARK_GROUND,
    "#000000": INK,
    "#b0b0b0": "#565c68",  # the grid
    "#cccccc": "#565c68",  # the frame of a legend
    "#f4f4f4": "#22252c",  # what is exactly 0
    "#c8c8c8": "#565c68",  # and its hatching
    "#0072b2": "#4a9fe0",  # blue, which is too dark to stand on a dark ground
    "#8a4a1a": "#d99a6c",  # the edges of bars
}
_LIGHT, _DARK = (np.concatenate([pair[k](np.arange(256))[:, :3] for pair in IN_BOTH_THEMES]) for k in (0, 1))
_COLOURS = {to_hex(light): to_hex(dark) for light, dark in zip(_LIGHT, _DARK, strict=True)} | _FLAT

_LOOK = re.compile(r'(?:style|fill)="([^"]*)"')
_WRITTEN = re.compile(r"(?:(fill|stroke): |^)(#[0-9a-f]{6})")
_PIXELS = re.compile(r'<image xlink:href="data:image/png;base64,([^"]*)" id="([^"]*)"([^>]*)/>')


def in_both_themes(svg: str) -> str:
    """The SVG of a light chart with what makes it dark; a renderer that knows no media queries shows it light.

    What has a colour gets a class for it, since a rule that named the chart as well would not reach what is drawn by
    ``<use>``.
    """
    rules: dict[str, str] = {"chart": f"fill: {INK}"}  # text has no colour of its own

    def classed(found: re.Match[str]) -> str:
        colours = [(kind or "fill", colour) for kind, colour in _WRITTEN.findall(found[1]) if colour in _COLOURS]
        rules.update({f"{kind}-{colour[1:]}": f"{kind}: {_COLOURS[colour]} !important" for kind, colour in colours})
        names = " ".join(f"microgradrnn-{kind}-{colour[1:]}" for kind, colour in colours)
        return f'class="{names}" {found[0]}' if names else found[0]

    svg = _PIXELS.sub(_both_images, _LOOK.sub(classed, svg))
    rules |= {"in-light": "display: none", "in-dark": "display: inline"}
    dark = "\n".join(f".microgradrnn-{name} {{ {look}; }}" for name, look in rules.items())
    sheet = f"<style>@media (prefers-color-scheme: dark) {{\n{dark}\n}}</style>"
    return re.sub(r"<svg [^>]*>", lambda head: f'{head[0][:-1]} class="microgradrnn-chart">{sheet}', svg, count=1)


def _both_images(found: re.Match[str]) -> str:
    pixels, name, rest = found.groups()
    image = '<image class="{}" xlink:href="data:image/png;base64,{}" id="{}"{}/>'
    light = image.format("microgradrnn-in-light", pixels, name, rest)
    return light + image.format("microgradrnn-in-dark", _dark_pixels(pixels), f"{name}-dark", f'{rest} display="none"')


def _dark_pixels(pixels: str) -> str:
    """A PNG in the dark colours of its maps; what is transparent stays so."""
    image = imread(io.BytesIO(base64.b64decode(pixels)), format="png")
    colours, which = np.unique(image[..., :3].reshape(-1, 3), axis=0, return_inverse=True)
    image[..., :3] = _nearest(colours)[which].reshape(image[..., :3].shape)
    written = io.BytesIO()
    imsave(written, image, format="png")
    return base64.b64encode(written.getvalue()).decode()


def _nearest(colours: NDArray[np.floating]) -> NDArray[np.floating]:
    """The dark form of each colour; pixels are rounded."""
    distances = np.square(colours[:, None] - _LIGHT).sum(axis=2)
    found: NDArray[np.floating] = _DARK[distances.argmin(axis=1)]
    return found
