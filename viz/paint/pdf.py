"""SVG -> PDF, by svglib and reportlab, which are an extra: ``pip install microgradrnn[pdf]``."""

from functools import cache
from io import BytesIO

from . import fonts


def pdf(svg: str) -> bytes:
    """The picture as PDF: lines and text stay lines and text.

    Raises:
        RuntimeError: svglib is not installed; says how to install it.
    """
    try:
        from reportlab.graphics import renderPDF
        from svglib.svglib import svg2rlg
    except ImportError as error:
        raise RuntimeError('a PDF needs svglib: pip install "microgradrnn[pdf]"; SVG and PNG do not') from error
    _register_fonts()
    return bytes(renderPDF.drawToString(svg2rlg(BytesIO(svg.encode()))))


@cache
def _register_fonts() -> None:
    from svglib.fonts import register_font

    for family, regular, bold in (
        ("DejaVu Sans", fonts.SANS, fonts.BOLD),
        ("DejaVu Sans Mono", fonts.MONO, fonts.MONO_BOLD),
    ):
        register_font(family, str(fonts.path(regular)))
        register_font(family, str(fonts.path(bold)), weight="bold")
