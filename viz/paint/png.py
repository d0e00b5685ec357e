"""SVG -> PNG, with a renderer and fonts that come with pip."""

import resvg_py

from . import fonts


def png(svg: str, zoom: int = 2) -> bytes:
    """The picture as PNG, at ``zoom`` pixels a point."""
    files = [str(fonts.path(name)) for name in (fonts.SANS, fonts.BOLD, fonts.MONO, fonts.MONO_BOLD)]
    data = resvg_py.svg_to_bytes(svg_string=svg, zoom=zoom, font_files=files, font_family="DejaVu Sans")
    return bytes(data)
