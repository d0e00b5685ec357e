"""Frames of one size as one file: an animated SVG, a deck of slides as HTML, or a PDF with a page for each.

Nothing is loaded from anywhere, and the slides' script is the only one that may run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence

from .csp import source_hash
from .paint import pdf
from .words.escape import xml

SECONDS = 1.6
"""How long an animation shows each frame."""

_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)

_MOVES = """
.moves {{ animation-duration: {period:g}s; animation-timing-function: step-end; animation-iteration-count: infinite; }}
{rules}
@media (prefers-reduced-motion: reduce) {{ .moves {{ animation: none; }} }}
"""

_SLIDES = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '{style_hash}'; \
script-src '{script_hash}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{style}</style></head>
<body>
{slides}
<p id="place" aria-live="polite"></p>
<script>{script}</script>
</body></html>
"""

_LOOK = """
:root { color-scheme: light dark; }
body { margin: 0; font-family: 'DejaVu Sans', Verdana, sans-serif; background: Canvas; color: CanvasText; }
section { height: 94vh; display: flex; align-items: center; justify-content: center; }
section[hidden] { display: none; }
section > svg { width: 96vw; height: 92vh; }
#place { position: fixed; right: 1em; bottom: 0; margin: 0.4em; font-size: 14px; }
@media print {
section, section[hidden] { display: flex; height: 100vh; break-after: page; }
#place { display: none; }
}
"""

_SCRIPT = """
"use strict";
const slides = [...document.querySelectorAll("section")];
let here = 0;
function show(number) {
  here = Math.min(Math.max(number, 0), slides.length - 1);
  slides.forEach((slide, i) => { slide.hidden = i !== here; });
  document.getElementById("place").textContent = `${here + 1} / ${slides.length}`;
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const moves = {
    ArrowRight: here + 1, ArrowDown: here + 1, PageDown: here + 1, " ": here + 1, Enter: here + 1,
    ArrowLeft: here - 1, ArrowUp: here - 1, PageUp: here - 1, Backspace: here - 1, Home: 0, End: slides.length - 1,
  };
  if (event.key in moves) { event.preventDefault(); show(moves[event.key]); }
});
document.addEventListener("click", (event) => show(here + (event.clientX < innerWidth / 3 ? -1 : 1)));
show(0);
"""


def animated(svgs: Sequence[str], title: str) -> str:
    """Frames as one SVG that shows one after the other, and begins again. Where nothing moves it shows the last one.

    What is the same in several frames stands in it once.
    """
    from .shared_frames import SharedFrames  # it reads XML, whose parser takes long to import

    style, film = _STYLE.search(svgs[0]), SharedFrames(svgs)
    size = re.search(r'width="(\d+)" height="(\d+)" viewBox="[^"]*"', svgs[-1])
    assert style is not None
    assert size is not None
    rules = "\n".join(_rule(name, frames, len(svgs)) for name, frames in film.shown.items())
    moves = _MOVES.format(period=len(svgs) * SECONDS, rules=rules) if film.shown else ""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="microgradrnn" {size[0]} role="img"><title>{xml(title)}</title>'
    )
    return "\n".join([head, f"<style>{style[1]}{moves}</style>", film.body, "</svg>"]) + "\n"


def _rule(name: str, frames: Collection[int], count: int) -> str:
    """When things of a class are seen: a line for each frame at which they come or go."""
    seen = [i in frames for i in range(count)]
    turns = [i for i in range(count) if i == 0 or seen[i] != seen[i - 1]]
    lines = [f"{100 * i / count:.4g}% {{ visibility: {'visible' if seen[i] else 'hidden'}; }}" for i in turns]
    return f".{name} {{ animation-name: {name}; }} @keyframes {name} {{ {' '.join(lines)} }}"


def slides(svgs: Sequence[str], title: str) -> str:
    """Frames as a page of slides: arrow keys, space and clicks move on and back; on paper each is a page."""
    bodies, style = _apart(svgs)
    look = style + _LOOK
    sections = [f"<section{' hidden' if i else ''}>{body}</section>" for i, body in enumerate(bodies)]
    return _SLIDES.format(
        style_hash=source_hash(look),
        script_hash=source_hash(_SCRIPT),
        title=xml(title),
        style=look,
        script=_SCRIPT,
        slides="\n".join(sections),
    )


def _apart(svgs: Sequence[str]) -> tuple[list[str], str]:
    """Frames without their style sheet, and that, which is one for all."""
    found = _STYLE.search(svgs[0])
    return [_STYLE.sub("", svg) for svg in svgs], found[1] if found else ""


WRITERS: dict[str, Callable[[Sequence[str], str], bytes]] = {
    ".svg": lambda svgs, title: animated(svgs, title).encode(),
    ".html": lambda svgs, title: slides(svgs, title).encode(),
    ".pdf": lambda svgs, _: pdf.pages(svgs),
}
"""How each kind of file is written."""
