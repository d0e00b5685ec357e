"""The fonts that text is measured and drawn with: DejaVu, as files of this package; no system font is needed."""

import json
from functools import cache
from pathlib import Path

from ..sources import measured

SANS, BOLD = "DejaVuSans.ttf", "DejaVuSans-Bold.ttf"
MONO, MONO_BOLD = "DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf"
SERIF, ITALIC = "DejaVuSerif.ttf", "DejaVuSerif-Italic.ttf"


def path(name: str) -> Path:
    """Where a font's file is."""
    return Path(__file__).parents[1] / "assets" / "fonts" / name


@cache
def _advances(name: str) -> dict[str, float]:
    """Each character's width in em."""
    table = json.loads(path("widths.json").read_text(encoding="ascii"))
    return {character: float(advance) for advance, characters in table[name].items() for character in characters}


def width(text: str, size: float, font: str = SANS) -> float:
    """How wide ``text`` is at a font size, in the unit of the size.

    >>> width("ii", 10) < width("WW", 10)
    True
    """
    advances = _advances(font)
    # One that the font lacks may be this wide.
    return size * sum(advances.get(character, 1.0) for character in measured(text))


def clip(text: str, room: float, size: float, font: str = SANS) -> str:
    """``text``, or as much of it as fits with an ellipsis; line breaks become spaces.

    >>> clip("h_1", 100, 10), clip("h" * 10_000, 50, 10)
    ('h_1', 'hhhhhh…')
    """
    text = " ".join(text[:200].split())
    if width(text, size, font) <= room:
        return text
    while text and width(text + "…", size, font) > room:
        text = text[:-1]
    return text + "…"


def words_in_lines(text: str, room: float, size: float, font: str = SANS, most: int = 2) -> list[str]:
    """A text in lines that fit, broken between words; what does not fit into so many lines is clipped.

    >>> words_in_lines("this input's part of upstream", 100, 8)
    ["this input's part of", 'upstream']
    """
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and width(longer, size, font) > room and len(lines) < most:
            lines.append(word)
        else:
            lines[-1] = longer
    return [clip(line, room, size, font) for line in lines]


def wrap(phrases: list[str], room: float, size: float) -> list[str]:
    """Phrases as lines that fit, unbroken where they can be, with a dot between two on one line.

    >>> wrap(["one", "two", "three"], 60, 10)
    ['one · two', 'three']
    """
    lines: list[str] = []
    for phrase in phrases:
        longer = f"{lines[-1]} · {phrase}" if lines else phrase
        if lines and width(longer, size) <= room:
            lines[-1] = longer
        else:
            lines.append(phrase)
    return lines
