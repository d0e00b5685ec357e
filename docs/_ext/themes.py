"""A picture in two files: one always light, one always dark.

A page of the docs has a button for its theme, and a picture in it should follow the button. Our own pictures say both
themes in one file, which follows the system. A chart of matplotlib has fixed colours: black on white and two greys.
"""

import re
from pathlib import Path

_DARK = re.compile(r"@media \(prefers-color-scheme: dark\) \{\n(.*?)\n\}(?=</style>|\n)", re.DOTALL)

_BY_MATPLOTLIB = re.compile(r"<dc:title>Matplotlib v")
_INK = "#e3e6ec"
_IN_THE_DARK = {
    "#ffffff": "#16181d",  # the ground, as in our own pictures
    "#000000": _INK,
    "#b0b0b0": "#565c68",  # the grid,
    "#cccccc": "#565c68",  # the frame of a legend,
    "#f4f4f4": "#22252c",  # what is exactly 0,
    "#c8c8c8": "#565c68",  # and its hatching
    "#0072b2": "#4a9fe0",  # blue, which is too dark to stand on a dark ground
}

_PICTURE = re.compile(
    r'<picture>\s*<source media="\(prefers-color-scheme: dark\)" srcset="([^"]+)">'
    r'\s*<img src="([^"]+)"([^>]*)>\s*</picture>'
)


def following_the_button(html: str) -> str:
    """HTML whose pictures follow the page's button, where GitHub shows them in the system's theme.

    Each form is a link to the picture by itself, as the page's other pictures are.
    """
    one = '<a class="only-{}" href="{}"><img src="{}"{}></a>'
    return _PICTURE.sub(
        lambda found: one.format("light", *(found[2],) * 2, found[3]) + one.format("dark", *(found[1],) * 2, found[3]),
        html,
    )


def both_themes(picture: Path) -> None:
    """Of a picture that can be shown in two themes, write two files; another stays alone."""
    svg = picture.read_text(encoding="utf-8")
    if _DARK.search(svg):
        light, dark = _DARK.sub("", svg), _DARK.sub(r"\1", svg)
    elif _BY_MATPLOTLIB.search(svg):
        light, dark = svg, _dark_chart(svg)
    else:
        return
    picture.with_suffix(".light.svg").write_text(light, encoding="utf-8")
    picture.with_suffix(".dark.svg").write_text(dark, encoding="utf-8")


def _dark_chart(svg: str) -> str:
    """A chart with light ink on a dark ground. Heat maps stay as they are, beside the bar that says what they mean."""
    swapped = re.sub("|".join(_IN_THE_DARK), lambda found: _IN_THE_DARK[found[0]], svg)
    return swapped.replace("<svg ", f'<svg fill="{_INK}" ', 1)  # its letters have no colour of their own
