"""Styled text for a terminal: pieces with a style, wrapped to a width, painted with escape codes or left plain.

- `value`, `gradient`, `strong`, `faint`: a piece of text in a style. `Line`: pieces in a row.
- `wrap`, `paint`: a line as lines that fit, and as a string. `speakable`: what a narrow encoding can say of a text.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

PLAIN, VALUE, GRADIENT, STRONG, FAINT = "", "38;5;33", "38;5;166", "1", "2"
"""What the escape codes say: blue for values and orange for gradients, as bright on black as they are on white."""


@dataclass(frozen=True)
class Piece:
    """Text in one style."""

    text: str
    style: str


Line = Sequence[str | Piece]


def value(text: str) -> Piece:
    """A number of the forward pass."""
    return Piece(text, VALUE)


def gradient(text: str) -> Piece:
    """A number of the backward pass."""
    return Piece(text, GRADIENT)


def strong(text: str) -> Piece:
    """What to see first."""
    return Piece(text, STRONG)


def faint(text: str) -> Piece:
    """What need not be read."""
    return Piece(text, FAINT)


def plain(line: Line) -> str:
    r"""The text alone, without what a terminal would take for a command: labels are data.

    >>> plain(["a", value(" = 2"), "\x1b[2J"])
    'a = 2?[2J'
    """
    return "".join(character for character, _ in _cells(line))


def wrap(line: Line, width: int) -> list[Line]:
    """The line as several that are at most ``width`` long, broken at spaces.

    Under a name and its value, with two spaces or more between them, the value goes on; else the text, indented by two.

    >>> [plain(part) for part in wrap(["one ", value("two three")], 9)]
    ['one two', '  three']
    >>> [plain(part) for part in wrap(["a  ", value("two three")], 9)]
    ['a  two', '   three']
    """
    cells = _cells(line)
    text = plain(line)
    column = re.match(r" *\S.*?  +", text)
    indent = column.end() if column and column.end() <= width // 2 else len(text) - len(text.lstrip()) + 2
    indent = min(indent, width // 2)  # always less than the width, so that each line takes something away
    lines = []
    while len(cells) > width:
        spaces = [i for i in range(indent, width + 1) if cells[i][0] == " "]
        cut = spaces[-1] if spaces else width
        lines.append(cells[:cut])
        cells = [(" ", PLAIN)] * indent + cells[cut + bool(spaces) :]
    return [_pieces(part) for part in [*lines, cells]]


def paint(line: Line, coloured: bool) -> str:
    r"""The line as a string, with escape codes or without.

    >>> paint(["a = ", value("2")], coloured=True)
    'a = \x1b[38;5;33m2\x1b[0m'
    """
    if not coloured:
        return plain(line)
    return "".join(
        f"\x1b[{piece.style}m{piece.text}\x1b[0m" if piece.style else piece.text for piece in _pieces(_cells(line))
    )


def speakable(text: str, encoding: str) -> str:
    """The text as an encoding can say it: a minus that it lacks becomes a hyphen, and so on.

    >>> speakable("−4 × 1 → h", "ascii")
    '-4 x 1 -> h'
    """
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_speakable(character, encoding) for character in text)
    return text


_NARROW = {"−": "-", "×": "x", "·": "-", "‖": "||", "–": "-", "…": "...", "→": "->", "←": "<-", "²": "^2", "³": "^3"}
_NARROW |= {"σ": "sigma", "Σ": "sum", "√": "sqrt", "∇": "grad", "─": "-", "↑": "up", "↓": "down"}


def _speakable(character: str, encoding: str) -> str:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return _NARROW.get(character, "?")
    return character


def _cells(line: Line) -> list[tuple[str, str]]:
    """Each character with its style."""
    pieces = [Piece(piece, PLAIN) if isinstance(piece, str) else piece for piece in line]
    return [(c if c.isprintable() else "?", piece.style) for piece in pieces for c in piece.text]


def _pieces(cells: list[tuple[str, str]]) -> list[Piece]:
    """Neighbours of one style put together again."""
    groups = groupby(cells, key=lambda cell: cell[1])
    return [Piece("".join(character for character, _ in group), style) for style, group in groups]
