"""Names as books print them: h_1 as an italic h with a 1 below, h2_1 as an h with (2) above and 1 below.

- `Name`: a name in its parts. `parsed`: a label as one. `runs`: the pieces of text that it is printed with.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from . import fonts

SERIF, ITALIC, SANS = "serif", "italic", "sans"
FILES = {SERIF: fonts.SERIF, ITALIC: fonts.ITALIC, SANS: fonts.SANS}

_NAME = re.compile(
    r"(?:(?P<owner>[^\W\d_]+)(?P<which>\d*)\.)?"
    r"(?P<base>[^\W\d_]+)(?P<upper>\d+[a-z]?)?(?:_(?P<lower>[^\W_]+(?:_[^\W_]+)*))?"
    r"(?P<rest>(?:\[[\d, ]*\])?(?: ['\"].*)?)",
    re.DOTALL,
)
LONGEST = 150.0
"""So many points of a name are printed, at a size of 14."""


@dataclass(frozen=True)
class Name:
    """A name: h, with (2) above, 1 below, and what stands behind it; or a text that is printed as it is."""

    base: str
    upper: str = ""
    lower: str = ""
    rest: str = ""
    is_symbol: bool = False


@dataclass(frozen=True)
class Run:
    """A piece of text: how far from the start it stands, how much lower than the line, its size and font."""

    text: str
    x: float
    drop: float
    size: float
    font: str

    @property
    def width(self) -> float:
        """How wide it is."""
        return fonts.width(self.text, self.size, FILES[self.font])


def parsed(label: str) -> Name:
    """A label as a name, or as a text. What owns a letter stands above it: e for encoder in encoder.W_hh, else a word.

    >>> parsed("h_1"), parsed("h2_1").upper, parsed("encoder.W_xh").upper, parsed("x_2 'a'").rest
    (Name(base='h', upper='', lower='1', rest='', is_symbol=True), '(2)', 'e', " 'a'")
    >>> parsed("rnn.W_xh").upper, parsed("layer2.W_xh").upper, parsed("h_d_6").lower
    ('rnn', 'l2', 'd,6')
    >>> parsed("rnn.weight_ih_l0").is_symbol
    False
    >>> parsed("x + y")
    Name(base='x + y', upper='', lower='', rest='', is_symbol=False)
    """
    label = " ".join(label[:200].split())
    found = _NAME.fullmatch(label)
    is_symbol = found is not None and (len(found["base"]) == 1 or bool(found["lower"] and not found["owner"]))
    if found is None or not is_symbol:
        return Name(label)
    lower = (found["lower"] or "").replace("_", ",")
    # A number right behind the letter is a layer where a step follows, and else belongs to the name: x1 is x_1.
    upper = f"({found['upper']})" if found["upper"] and lower else ""
    upper = f"{_owner(found['owner'], found['which'])}{upper}" if found["owner"] else upper
    return Name(found["base"], upper, lower or found["upper"] or "", found["rest"] or "", is_symbol=True)


def _owner(word: str, number: str) -> str:
    """What stands for an owner: a letter where it is known what that means, as r, of a reverse direction, would not."""
    return f"{word[0]}{number}" if number or word in ("encoder", "decoder") else word


def runs(name: Name, size: float, small: float) -> list[Run]:
    """The pieces of a name at a size, what stands above and below at a smaller one."""
    if not name.is_symbol:
        text = fonts.clip(name.base, LONGEST * size / 14, size, FILES[SANS])
        return [Run(text, 0.0, 0.0, size, SANS)]
    found = [Run(name.base, 0.0, 0.0, size, ITALIC)]
    x = fonts.width(name.base, size, FILES[ITALIC]) + 0.04 * size
    if name.upper:
        found.append(Run(name.upper, x, -0.42 * size, small, SERIF))
    if name.lower:
        font = SERIF if name.lower.isdigit() else ITALIC
        found.append(Run(name.lower, x - 0.04 * size * bool(name.upper), 0.22 * size, small, font))
    x = extent(found)
    if name.rest:
        text = fonts.clip(name.rest, max(LONGEST * size / 14 - x, 2 * size), small, FILES[SANS])
        found.append(Run(text, x + 0.3 * size, 0.0, small, SANS))
    return found


def plain(text: str, size: float, font: str = SANS) -> list[Run]:
    """A text in one piece."""
    return [Run(text, 0.0, 0.0, size, font)]


def extent(pieces: list[Run]) -> float:
    """How wide pieces of text are together."""
    return max((run.x + run.width for run in pieces), default=0.0)
