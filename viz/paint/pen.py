"""The pen: rectangles, texts and cells as SVG source, and how each kind of thing looks.

- `Pen`: writes. What changes from visit to visit it writes as it is at one visit, or, ``live``, in every state, for a
  page to choose from.
- `style`: the style sheet. A picture that stands alone has its looks as literal attributes too, for renderers that
  know no style sheets; a live one has them in the style sheet only, which makes it half as long.

Labels are data, and escaped.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ..graph.timeline import Known, at
from ..sources import as_content, is_live
from ..words.escape import xml
from . import fonts, heat
from .figure_marks import Theme
from .heat import Colours

_ANCHORS = {"middle": "mid", "end": "end"}
"""The class of a live text that stands around its place, or before it."""

_QUOTED = re.compile(r'="([^\s"\'=<>`]+)"(/>)?')


@dataclass(frozen=True)
class Kind:
    """A kind of text: its name, which is also its class, its size and its font."""

    name: str
    size: float
    font: str = fonts.SANS
    bold: bool = False

    def width(self, text: str) -> float:
        """How wide a text of this kind is."""
        return fonts.width(text, self.size, self.font)

    def look(self) -> dict[str, str]:
        """Size and weight."""
        return {"font-size": f"{self.size:g}px"} | ({"font-weight": "bold"} if self.bold else {})


TITLE, SMALL = Kind("title", 10.5, fonts.BOLD, bold=True), Kind("small", 8.0)
DIGITS, FIGURE = Kind("digits", 9.0, fonts.MONO), Kind("figure", 8.0, fonts.MONO)
TOTAL = Kind("total", 8.0, fonts.MONO, bold=True)
_KINDS = (TITLE, SMALL, DIGITS, FIGURE, TOTAL)

PURPLE, OCHRE, STEEL, ORANGE, AMBER = "#5b3fa8", "#9a7209", "#4a7ba6", "#a84300", "#e69f00"
_INKS = {"ink": "#1a1a1a", "faint": "#767676", "blue": "#00629b", "orange": ORANGE, "violet": PURPLE}
_INKS["paper"] = "#ffffff"  # on a dark ground
_SHAPES = {
    "ground": {"fill": "#ffffff", "stroke": "none"},
    "band": {"fill": "#fafafa", "stroke": "#dddddd"},
    "halo": {"fill": "#ffffff", "stroke": "none", "fill-opacity": "0.85"},
    "pill": {"fill": "#ffffff", "stroke": "#b9aede", "stroke-width": "0.8"},
    "badge": {"fill": "#1a1a1a", "stroke": "none"},
    "bracket": {"fill": "none", "stroke": PURPLE, "stroke-width": "0.9"},
    "wire": {"fill": "none", "stroke": "#6a6a6a", "stroke-width": "1"},
    "wire back": {"fill": "none", "stroke": "#d9a27e", "stroke-width": "1"},
    "wire across": {"fill": "none", "stroke": "#6a6a6a", "stroke-width": "1.8"},
    "wire cut": {"fill": "none", "stroke": "#6a6a6a", "stroke-width": "1", "stroke-dasharray": "3 3"},
    "tip": {"fill": "#6a6a6a"},
    "tip back": {"fill": "#d9a27e"},
    "cells": {"stroke": "#c4c4c4", "stroke-width": "0.5"},
    "box op": {"fill": "#ffffff", "stroke": "#555555"},
    "box gap": {"fill": "#ffffff", "stroke": "#555555", "stroke-dasharray": "1.5 3"},
    "box cell": {"fill": "#f2f5f2", "stroke": "#3f6b50", "stroke-width": "1.6"},
    "box data": {"fill": "#eef5fd", "stroke": STEEL},
    "box leaf": {"fill": "#ffffff", "stroke": STEEL},
    "box parameter": {"fill": "#fdf6e7", "stroke": OCHRE, "stroke-width": "1.6"},
    "box alias": {"fill": "#fdf6e7", "stroke": OCHRE, "stroke-dasharray": "4 2.5"},
    "box loss": {"fill": "#f1edfa", "stroke": PURPLE, "stroke-width": "1.6"},
    "box root": {"fill": "#f1edfa", "stroke": PURPLE, "stroke-width": "1.6"},
    "box rim": {"fill": "#f1edfa", "stroke": PURPLE},
    "box card": {"fill": "#fffdf7", "stroke": OCHRE},
    "frame": {"fill": "none", "stroke": "none"},
    "base": {"fill": "none", "stroke": "#c4c4c4", "stroke-width": "0.5"},
    "minus": {"fill": "none", "stroke": "#1a1a1a", "stroke-width": "0.9"},
    "minus bold": {"fill": "none", "stroke": "#ffffff", "stroke-width": "0.9"},
    "nan": {"fill": "#000000"},
    "zero": {"fill": "none"},
}


def heat_class(colours: Colours, x: float) -> str:
    """The look of one end of a scale: that of what has the sign of ``x``."""
    return f"{colours.name[0]}{0 if x < 0 else 1}"


def _fading(strength: int) -> str:
    """The class of a colour that does not cover all of its ground."""
    return f"o{strength}"


def _ends(colours: Colours, ends: tuple[heat.Colour, heat.Colour]) -> dict[str, dict[str, str]]:
    hexes = ("#" + "".join(f"{c:02x}" for c in end) for end in ends)
    return {heat_class(colours, sign): {"fill": found} for sign, found in zip((-1, 1), hexes, strict=True)}


_SHAPES |= _ends(heat.VALUE, heat.VALUE.light) | _ends(heat.GRAD, heat.GRAD.light)
_SHAPES |= _ends(heat.LOCAL, heat.LOCAL.light)
# What a visit lights up, on top of the look that a thing has anyway.
_LIT = {
    "box": {"stroke": AMBER, "stroke-width": "3.5", "stroke-dasharray": "none"},
    "frame": {"stroke": AMBER, "stroke-width": "2.5"},
    "wire": {"stroke": AMBER, "stroke-width": "2.6"},
    "tip": {"fill": AMBER},
}
_DARK = {
    "ground": {"fill": "#16181d"},
    "band": {"fill": "#1e2127", "stroke": "#3a3f4a"},
    "box": {"fill": "#22262e"},
    "ink": {"fill": "#e8e8e8"},
    "faint": {"fill": "#a0a0a0"},
    "blue": {"fill": "#6cbcf0"},
    "orange": {"fill": "#ff9a57"},
    "violet": {"fill": "#b8a2f5"},
    "paper": {"fill": "#16181d"},
    "pill": {"fill": "#16181d", "stroke": "#5d5291"},
    "badge": {"fill": "#e8e8e8"},
    "bracket": {"stroke": "#b8a2f5"},
    "wire": {"stroke": "#9a9a9a"},
    "wire.back": {"stroke": "#a0683f"},
    "tip.back": {"fill": "#a0683f"},
    "tip": {"fill": "#9a9a9a"},
    "halo": {"fill": "#16181d"},
    "cells": {"stroke": "#4a505c"},
    "minus": {"stroke": "#e8e8e8"},
    "minus.bold": {"stroke": "#16181d"},
    "nan": {"fill": "#ffffff"},
}
_DARK |= _ends(heat.VALUE, heat.VALUE.dark) | _ends(heat.GRAD, heat.GRAD.dark) | _ends(heat.LOCAL, heat.LOCAL.dark)


def style(live: bool = False, theme: Theme = "auto", markup: str | None = None) -> str:
    """The style sheet: fonts and the dark theme, and for a live picture all other looks as well.

    The dark theme holds where the reader asks for it; "light" and "dark" hold for everybody. Where a live picture's
    ``markup`` is given, there are only the looks of what is in it, or may be painted into it.

    In a web page a style sheet reaches everything on it, so each rule names our own pictures; a live one has the page
    to itself. A class stands twice where a rule is to win over the usual look of a thing.
    """
    ours, all_texts = ("svg", "svg") if live else (".microgradrnn", ".microgradrnn text")
    mono = ", ".join(f".{kind.name}" for kind in _KINDS if kind.font == fonts.MONO)
    families = [f"{all_texts} {{ font-family: 'DejaVu Sans', Verdana, sans-serif; }}"]
    families += [f"{ours} :is({mono}) {{ font-family: 'DejaVu Sans Mono', Menlo, Consolas, monospace; }}"]
    rules: list[str] = []
    dark = [_rule(f".{name}.{name}", look) for name, look in _DARK.items()]
    lit: list[str] = []
    if live:
        rules += [_rule(f".{kind.name}", kind.look()) for kind in _KINDS]
        rules += [_rule(f".{name}", {"fill": colour}) for name, colour in _INKS.items()]
        rules += [_rule(f".{name}", {"text-anchor": anchor}) for anchor, name in _ANCHORS.items()]
        rules += [_rule("." + name.replace(" ", "."), look) for name, look in _SHAPES.items()]
        faded = range(1, heat.LEVELS)
        rules += [_rule(f".{_fading(k)}", {"fill-opacity": f"{k / heat.LEVELS:g}"}) for k in faded]
        lit = [_rule(f".lit .{name}:not(.root)", look) for name, look in _LIT.items()]  # the root's rim is enough
    if markup is not None:
        used = _classes_in(markup)
        rules, dark, lit = ([rule for rule in of if used.issuperset(_classes_of(rule))] for of in (rules, dark, lit))
    dark = [f"{ours} {rule}" for rule in dark] if theme != "light" else []
    if theme == "auto":
        dark = ["@media (prefers-color-scheme: dark) {", *dark, "}"]
    return "\n".join([*families, *(f"{ours} {r}" for r in rules), *dark, *(f"{ours} {r}" for r in lit)])


def _classes_in(markup: str) -> set[str]:
    """The classes in a page's picture, and of what scripts paint into it or into the words beside it."""
    named = " ".join(re.findall(r'class=("[^"]*"|[\w-]+)', markup))
    kinds = {heat.GRAD.name[0], *re.findall(r'data-heat="\S+ \S+ (\w) ', markup)}
    painted = {f"{kind}{sign}" for kind in kinds for sign in (0, 1)} | {_fading(k) for k in range(1, heat.LEVELS)}
    return {"base", "bold", "cells", "lit", "minus", "nan", "root", "zero", *painted, *re.findall(r"[\w-]+", named)}


def _classes_of(rule: str) -> list[str]:
    return re.findall(r"\.([a-z]\w*)", rule.partition("{")[0])


def _rule(selector: str, look: dict[str, str]) -> str:
    return f"{selector} {{ {'; '.join(f'{name}: {value}' for name, value in look.items())}; }}"


class Pen:
    """Writes SVG source into `out`.

    Args:
        visit: the visit whose state is painted; None paints the last one.
        live: paint every state, each in a group that says from which moment on it holds; the first one, which holds
            from the start, is of class ``on``. Which is seen is the style sheet's matter. Strips that a page's script
            paints are left to it.

    Attributes:
        out: what has been written.
    """

    def __init__(self, visit: int | None = None, live: bool = False) -> None:
        self.visit, self.live = visit, live
        self.out: list[str] = []

    def changing(self, states: Sequence[Known], draw: Callable[[Known], None]) -> None:
        """Draw what changes from visit to visit."""
        if not self.live or len(states) == 1:
            draw(at(states, self.visit))
            return
        with self.group('class="changing"'):
            for state in states:
                with self.group('class="on"' if state is states[0] else f'data-from="{state.since}"'):
                    draw(state)

    @contextmanager
    def group(self, attributes: str, title: str = "", tag: str = "g") -> Iterator[None]:
        """A group around what is drawn meanwhile; its title is a tooltip."""
        self.out.append(f"<{tag} {attributes}>" + (f"<title>{xml(title)}</title>" if title else ""))
        yield
        self.out.append(f"</{tag}>")

    def rectangle(self, x: float, y: float, w: float, h: float, look: str, rx: float = 0, lit: bool = False) -> None:
        """A rectangle, with rounded corners where ``rx`` says so."""
        rounded = f' rx="{rx:g}"' if rx else ""
        place = f'x="{short(x)}" y="{short(y)}" width="{short(w)}" height="{short(h)}"{rounded}'
        self.out.append(f'<rect class="{look}" {place}{self._look(look, lit)}/>')

    def path(self, d: str, look: str, lit: bool = False, strength: int = heat.LEVELS) -> None:
        """A line or an area; ``strength`` says how much of its colour covers what it stands on."""
        faded, opacity = "", ""
        if 0 < strength < heat.LEVELS:
            faded, opacity = f" {_fading(strength)}", f' fill-opacity="{strength / heat.LEVELS:g}"'
        look_class = f"{look}{faded}" if self.live else look
        self.out.append(f'<path class="{look_class}" d="{d}"{self._look(look, lit)}{"" if self.live else opacity}/>')

    def text(self, x: float, y: float, text: str, ink: str, kind: Kind, anchor: str = "start") -> None:
        """A text; with anchor middle or end it stands around x or before it."""
        if not text:
            return
        place = f'x="{short(x)}" y="{short(y)}"'
        if self.live:
            aligned = f" {_ANCHORS[anchor]}" if anchor in _ANCHORS else ""
            self.out.append(f'<text class="{ink} {kind.name}{aligned}" {place}{as_content(text, "tspan", xml)}</text>')
            return
        aligned = "" if anchor == "start" else f' text-anchor="{anchor}"'
        look = _attributes({"fill": _INKS[ink]} | _family(kind) | kind.look())
        self.out.append(f'<text class="{ink} {kind.name}" {place}{aligned}{look}>{xml(text)}</text>')

    def row(self, xs: Iterable[float], y: float, texts: Iterable[str], ink: str, kind: Kind) -> None:
        """Texts of one look, each around its place."""
        placed = zip(xs, texts, strict=True)
        if not self.live:
            for x, text in placed:
                self.text(x, y, text, ink, kind, "middle")
            return
        with self.group(f'class="{ink} {kind.name} {_ANCHORS["middle"]}"'):
            self.out += [
                f'<text x="{short(x)}" y="{short(y)}"{as_content(text, "tspan", xml)}</text>' for x, text in placed
            ]

    def cells(self, x: float, y: float, data: Any, wide: float, scale: float, colours: Colours) -> None:
        """An array as a heat strip, or a grid; a live one says from what, and where it stands."""
        if not is_live(data):
            self.grid(x, y, heat.grid(data), wide, scale, colours)
            return
        place = f"{short(x)} {short(y)} {wide:.4g}"
        source = f"{data.cells.run(data.index)} {data.shape[-1]} {colours.name[0]} {place}"
        self.out.append(f'<g data-heat="{source}"></g>')

    def grid(
        self,
        x: float,
        y: float,
        cells: NDArray[Any],
        wide: float,
        scale: float,
        colours: Colours,
        tall: float | None = None,
        signs: bool = True,
    ) -> None:
        """Cells, a number each. Cells of one colour are one path, and so are all signs: minus, and a cross for NaN."""
        tall = tall or (9.0 if cells.shape[0] == 1 else 5.0)
        paths: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
        strokes: defaultdict[str, list[str]] = defaultdict(list)
        lefts = [short(x + c * wide) for c in range(cells.shape[1])]
        middles = [short(x + (c + 0.5) * wide - 2) for c in range(cells.shape[1])]
        square = f"h{short(wide)}v{short(tall)}h{short(-wide)}z"
        for r, row in enumerate(cells.tolist()):
            top, middle = short(y + r * tall), y + (r + 0.5) * tall
            for left, sign, entry in zip(lefts, middles, row, strict=True):
                is_nan = entry != entry
                strength = heat.LEVELS if is_nan else heat.strength(entry, scale)
                end = "nan" if is_nan else heat_class(colours, entry) if strength else "zero"
                paths[end, strength].append(f"M{left},{top}{square}")
                if entry < 0 and signs:
                    look = "minus bold" if strength > heat.LEVELS / 2 else "minus"
                    strokes[look].append(f"M{sign},{short(middle)}h4")
                elif is_nan and signs:
                    strokes["minus bold"].append(f"M{sign},{short(middle - 2)}l4,4m0,-4l-4,4")
        with self.group(f'class="cells"{self._look("cells")}'):
            for (end, strength), squares in paths.items():
                self.path("".join(squares), end, strength=strength)
        for look, lines in strokes.items():
            self.path("".join(lines), look)

    def _look(self, look: str, lit: bool = False) -> str:
        if self.live:
            return ""
        return _attributes(_SHAPES[look] | (_LIT[look.split()[0]] if lit else {}))


def unquoted(markup: str) -> str:
    """SVG as it may stand in HTML: an attribute without a space or the like in it needs no quotes there.

    >>> unquoted('<rect class="box op" x="3" rx="2"/>')
    '<rect class="box op" x=3 rx=2 />'
    """
    return _QUOTED.sub(lambda found: f"={found[1]}{' />' if found[2] else ''}", markup)


def _family(kind: Kind) -> dict[str, str]:
    return {"font-family": "DejaVu Sans Mono"} if kind.font == fonts.MONO else {}


def _attributes(look: dict[str, str]) -> str:
    return "".join(f' {name}="{value}"' for name, value in look.items())


def short(x: float) -> str:
    """A length with at most one decimal.

    >>> short(12.0), short(-0.04), short(3.25)
    ('12', '0', '3.2')
    """
    text = f"{x:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text
