"""Makes viz/assets/fonts/widths.json anew from the fonts beside it: python -m tests.viz.paint.font_widths."""

import json
from pathlib import Path

from fontTools.ttLib import TTFont

from viz.paint import fonts

TABLE = fonts.path("widths.json")


def widths(font: Path) -> dict[str, str]:
    """Each width in em, and the characters that have it."""
    with TTFont(font, lazy=True) as opened:
        em, advances = opened["head"].unitsPerEm, opened["hmtx"]
        found: dict[float, list[str]] = {}
        for code, glyph in sorted(opened.getBestCmap().items()):
            found.setdefault(advances[glyph][0] / em, []).append(chr(code))
    return {str(width): "".join(characters) for width, characters in sorted(found.items())}


def table() -> dict[str, dict[str, str]]:
    """The widths in all fonts."""
    names = (fonts.SANS, fonts.BOLD, fonts.MONO, fonts.MONO_BOLD, fonts.SERIF, fonts.ITALIC)
    return {name: widths(fonts.path(name)) for name in names}


if __name__ == "__main__":
    TABLE.write_text(json.dumps(table(), indent=1), encoding="ascii")
