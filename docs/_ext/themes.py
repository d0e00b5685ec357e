"""A picture that follows the system's theme, as two: one always light, one always dark.

A page of the docs has a button for its theme, and a picture in it should follow the button.
"""

import re
from pathlib import Path

_DARK = re.compile(r"@media \(prefers-color-scheme: dark\) \{\n(.*?)\n\}(?=</style>|\n)", re.DOTALL)


def both_themes(picture: Path) -> None:
    """Of a picture that follows the system's theme, write two: one always light, one always dark."""
    svg = picture.read_text(encoding="utf-8")
    if _DARK.search(svg):
        picture.with_suffix(".light.svg").write_text(_DARK.sub("", svg), encoding="utf-8")
        picture.with_suffix(".dark.svg").write_text(_DARK.sub(r"\1", svg), encoding="utf-8")
