"""A picture in two files: one always light, one always dark.

A page of the docs has a button for its theme, and a picture in it should follow the button. Our pictures and charts say
both themes in one file, which follows the system.
"""

import re
from pathlib import Path

_DARK = re.compile(r"@media \(prefers-color-scheme: dark\) \{\n(.*?)\n\}(?=</style>|\n)", re.DOTALL)

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
    if not _DARK.search(svg):
        return
    light, dark = _DARK.sub("", svg), _DARK.sub(r"\1", svg)
    picture.with_suffix(".light.svg").write_text(light, encoding="utf-8")
    picture.with_suffix(".dark.svg").write_text(dark, encoding="utf-8")
