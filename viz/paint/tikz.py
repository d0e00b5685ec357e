"""Marks -> TikZ, as a LaTeX file of its own, for lualatex or xelatex. It needs the packages fix-cm and tikz
alone, no shell escape and no other file.

Labels are data. Letters, digits and a few signs stand as they are; every other character is written by its number, so
that none of them means anything to TeX.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..words.escape import clean
from .figure_marks import COLOURS, Line, Mark, Picture, Shape, Text, shade
from .figure_svg import shortened
from .geometry import arrowhead
from .typeset import ITALIC, SERIF, Run

_HEAD = r"""% {title}
% lualatex or xelatex, without shell escape
\RequirePackage{{fix-cm}}
\documentclass{{article}}
\usepackage{{tikz}}
{colours}
% A character by its number; a sign of mathematics, or a question mark, where the font lacks it.
\newcommand\figurechar[2][?]{{\iffontchar\font"#2 \char"#2\relax\else #1\fi}}
\begin{{document}}
\ifdefined\pagewidth \pagewidth={width}bp \pageheight={height}bp
\else \pdfpagewidth={width}bp \pdfpageheight={height}bp \fi
\hoffset=-1in \voffset=-1in
\setbox0=\hbox{{%
\begin{{tikzpicture}}[x={scale}bp,y=-{scale}bp,inner sep=0pt,outer sep=0pt,line join=round]
\useasboundingbox (0,0) rectangle ({right},{bottom});
"""
_TAIL = r"""\end{tikzpicture}}%
\shipout\box0
\end{document}
"""

_PLAIN = re.compile(r"[A-Za-z0-9 .:;()\[\]/+=|]")
_MATH = {
    "∇": r"\nabla", "Σ": r"\Sigma", "σ": r"\sigma", "×": r"\times", "−": "-", "·": r"\cdot", "⋯": r"\cdots",
    "‖": r"\|", "…": r"\ldots", "≤": r"\le", "≥": r"\ge", "√": r"\surd", "■": r"\rule{1.2ex}{1.2ex}",
    "α": r"\alpha", "β": r"\beta", "γ": r"\gamma", "δ": r"\delta", "ε": r"\epsilon", "ζ": r"\zeta", "η": r"\eta",
    "θ": r"\theta", "λ": r"\lambda", "μ": r"\mu", "ρ": r"\rho", "τ": r"\tau", "φ": r"\phi", "ψ": r"\psi",
    "ω": r"\omega",
}  # fmt: skip


def document(picture: Picture) -> str:
    """The picture as a LaTeX file. With theme "auto" it is light: paper has no other."""
    dark = picture.theme == "dark"
    colours = "\n".join(
        rf"\definecolor{{{_colour(name)}}}{{HTML}}{{{pair[dark][1:].upper()}}}" for name, pair in COLOURS.items()
    )
    wide, high = picture.width * picture.scale, picture.height * picture.scale
    head = _HEAD.format(
        title=re.sub(r"[^A-Za-z0-9_ .]", "?", picture.title),
        colours=colours,
        width=f"{wide:.3f}",
        height=f"{high:.3f}",
        scale=f"{picture.scale:.5f}",
        right=f"{picture.width:.2f}",
        bottom=f"{picture.height:.2f}",
    )
    ground = rf"\fill[{_colour('ground')}] (0,0) rectangle ({picture.width:.2f},{picture.height:.2f});"
    lines = [line for mark in picture.marks for line in _mark(mark, picture.scale)]
    return head + "\n".join([ground, *lines]) + "\n" + _TAIL


def _mark(mark: Mark, scale: float) -> Iterator[str]:
    if isinstance(mark, Shape):
        yield _shape(mark, scale)
    elif isinstance(mark, Line):
        yield from _line(mark, scale)
    else:
        yield from _text(mark, scale)


def _colour(name: str, faded: bool = False) -> str:
    return "f" + shade(name, faded).title().replace(" ", "")


def _shape(mark: Shape, scale: float) -> str:
    left, top = mark.x - mark.width / 2, mark.y - mark.height / 2
    radius = min(mark.radius, mark.width / 2 - 0.01, mark.height / 2 - 0.01) * scale
    options = [f"fill={_colour(mark.fill, mark.faded)}", *_stroke(mark, scale), f"rounded corners={radius:.2f}bp"]
    corner = f"({left + mark.width:.2f},{top + mark.height:.2f})"
    return rf"\draw[{','.join(options)}] ({left:.2f},{top:.2f}) rectangle {corner};"


def _stroke(mark: Shape | Line, scale: float) -> list[str]:
    options = [f"draw={_colour(mark.stroke, mark.faded)}", f"line width={mark.weight * scale:.2f}bp"]
    return options + ([f"dash pattern=on {4 * scale:.2f}bp off {3 * scale:.2f}bp"] if mark.dashed else [])


def _line(mark: Line, scale: float) -> Iterator[str]:
    path = list(mark.path)
    if mark.head:
        a, b, c = arrowhead(path, mark.weight)
        path = shortened(path, (b, c))
    points = [f"({x:.2f},{y:.2f})" for x, y in path]
    curve = points[0] + "".join(
        f" .. controls {points[i]} and {points[i + 1]} .. {points[i + 2]}" for i in range(1, len(points) - 2, 3)
    )
    yield rf"\draw[{','.join(_stroke(mark, scale))}] {curve};"
    if mark.head:
        corners = " -- ".join(f"({x:.2f},{y:.2f})" for x, y in (a, b, c))
        yield rf"\fill[{_colour(mark.stroke, mark.faded)}] {corners} -- cycle;"


def _text(mark: Text, scale: float) -> Iterator[str]:
    if mark.halo:
        size = max(run.size for run in mark.runs)
        corner = f"({mark.x - 2:.2f},{mark.y - 0.8 * size:.2f})"
        other = f"({mark.x + mark.width + 2:.2f},{mark.y + 0.3 * size:.2f})"
        yield rf"\fill[{_colour('ground')},opacity=0.85] {corner} rectangle {other};"
    x, anchor = (mark.x + mark.width / 2, "base") if mark.centred else (mark.x, "base west")
    text = "".join(_run(mark.runs, i, scale) for i in range(len(mark.runs)))
    yield rf"\node[anchor={anchor},text={_colour(mark.ink, mark.faded)}] at ({x:.2f},{mark.y:.2f}) {{{text}}};"


def _run(runs: Sequence[Run], i: int, scale: float) -> str:
    """A piece of text behind the one before it. Of what stands above and below, the one above takes no room."""
    run = runs[i]
    size = run.size * scale
    face = {SERIF: r"\rmfamily", ITALIC: r"\rmfamily\itshape"}.get(run.font, r"\sffamily")
    text = rf"\fontsize{{{size:.2f}bp}}{{{1.2 * size:.2f}bp}}\selectfont{face} {escaped(run.text)}"
    text = rf"\raisebox{{{-run.drop * scale:.2f}bp}}{{{text}}}" if run.drop else f"{{{text}}}"
    if run.drop < 0 and i + 1 < len(runs) and runs[i + 1].drop > 0:
        text = rf"\rlap{{{text}}}"
    gap = run.x - (runs[i - 1].x + runs[i - 1].width) if i else 0.0
    return rf"\hspace{{{gap * scale:.2f}bp}}{text}" if gap > 1 else text


def escaped(text: str) -> str:
    r"""A text that TeX prints as it is, whatever is in it.

    >>> print(escaped("h_1"), escaped(r"\input{x}"))
    h\figurechar{5F}1 \figurechar{5C}input\figurechar{7B}x\figurechar{7D}
    """
    return "".join(_character(one) for one in clean(text))


def _character(one: str) -> str:
    if _PLAIN.fullmatch(one):
        return one
    if one in _MATH:
        return rf"\figurechar[\ensuremath{{{_MATH[one]}}}]{{{ord(one):X}}}"
    return " " if one.isspace() else rf"\figurechar{{{ord(one):X}}}"
