"""SVG -> PNG, with a renderer and fonts that come with pip."""

import struct
import zlib

from . import fonts, typeset

_FILES = (fonts.SANS, fonts.BOLD, fonts.MONO, fonts.MONO_BOLD, *typeset.FILES.values())
DENSITY = 300
"""Pixels an inch, of a picture that has a size on paper."""


def png(svg: str, zoom: int = 2) -> bytes:
    """The picture as PNG, at ``zoom`` pixels a point."""
    return _rendered(svg, zoom, 0)


def on_paper(svg: str) -> bytes:
    """A picture whose size is in centimetres as PNG, which keeps that size: slide programs and TeX read it there."""
    data = _rendered(svg, 1, DENSITY)
    per_metre = round(DENSITY / 0.0254)
    content = b"pHYs" + struct.pack(">IIB", per_metre, per_metre, 1)
    header = 8 + 25  # the signature, and the first chunk
    return data[:header] + struct.pack(">I", 9) + content + struct.pack(">I", zlib.crc32(content)) + data[header:]


def _rendered(svg: str, zoom: int, density: int) -> bytes:
    import resvg_py

    files = [str(fonts.path(name)) for name in dict.fromkeys(_FILES)]
    made = resvg_py.svg_to_bytes(svg_string=svg, zoom=zoom, dpi=density, font_files=files, font_family="DejaVu Sans")
    return bytes(made)
