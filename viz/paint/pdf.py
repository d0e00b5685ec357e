"""SVG -> PDF, by svglib and reportlab, which are an extra: ``pip install microgradrnn[pdf]``.

- `pdf`: one picture. `pages`: several, a page each.
"""

from collections.abc import Iterable
from functools import cache
from io import BytesIO
from typing import Any

from . import fonts, typeset


def pdf(svg: str) -> bytes:
    """The picture as PDF: lines and text stay lines and text.

    Raises:
        RuntimeError: svglib is not installed; says how to install it.
    """
    return pages([svg])


def pages(svgs: Iterable[str]) -> bytes:
    """Pictures as one PDF, each on a page of its own size; see `pdf`."""
    try:
        from reportlab.graphics import renderPDF
        from reportlab.pdfgen.canvas import Canvas
        from svglib.svglib import svg2rlg
    except ImportError as error:
        raise RuntimeError('a PDF needs svglib: pip install "microgradrnn[pdf]"; SVG and PNG do not') from error
    _register_fonts()
    written = BytesIO()
    canvas = Canvas(written)
    for svg in svgs:
        drawing: Any = svg2rlg(BytesIO(svg.encode()))
        canvas.setPageSize((drawing.width, drawing.height))
        renderPDF.draw(drawing, canvas, 0, 0)
        canvas.showPage()
    canvas.save()
    return written.getvalue()


@cache
def _register_fonts() -> None:
    from svglib.fonts import register_font

    for family, regular, bold in (
        ("DejaVu Sans", fonts.SANS, fonts.BOLD),
        ("DejaVu Sans Mono", fonts.MONO, fonts.MONO_BOLD),
    ):
        register_font(family, str(fonts.path(regular)))
        register_font(family, str(fonts.path(bold)), weight="bold")
    register_font("DejaVu Serif", str(fonts.path(typeset.FILES[typeset.SERIF])))
    register_font("DejaVu Serif", str(fonts.path(typeset.FILES[typeset.ITALIC])), style="italic")
