"""A picture that is painted at once, with the same in words: it shows itself in Jupyter and is saved as its name says.

- `Picture`: an SVG and a text. `element`: what a pen has written, as one SVG element. `saved`: writes a file.
- `report_and_picture`: a text and a picture for Jupyter.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from ..words.escape import xml
from .pdf import pdf
from .pen import Pen, style
from .png import png

_next_picture = itertools.count().__next__
_HTML = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body>
{svg}
</body></html>
"""


@dataclass(frozen=True, repr=False)
class Picture:
    """A picture, and the same in words.

    Attributes:
        title: what it shows, on a line.
        source: SVG.
        text: in words and numbers.
    """

    title: str
    source: str
    text: str

    def svg(self) -> str:
        """The picture as one SVG element."""
        return self.source

    def png(self) -> bytes:
        """The picture as PNG, at two pixels a point."""
        return png(self.source)

    def to_text(self) -> str:
        """The same in words and numbers."""
        return self.text

    def save(self, path: str | Path) -> Path:
        """Write the picture; the name's ending says as what: .svg, .png, .pdf, .html or .txt. Folders are made.

        Raises:
            ValueError: another ending.
            RuntimeError: a PDF without the package that makes it.
        """
        writers: dict[str, Callable[[], bytes]] = {
            ".svg": self.source.encode,
            ".png": self.png,
            ".pdf": lambda: pdf(self.source),
            ".html": lambda: _HTML.format(title=escape(self.title), svg=fitting(self.source)).encode(),
            ".txt": lambda: self.text.encode(errors="replace"),
        }
        return saved(path, writers, "a picture")

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"image/svg+xml": fitting(self.source), "text/plain": self.text}

    def __repr__(self) -> str:
        return f"<Picture of {self.title}>"

    def __str__(self) -> str:
        return self.text


def saved(path: str | Path, writers: Mapping[str, Callable[[], bytes]], what: str) -> Path:
    """Write a file as its name's ending says, and make its folder.

    Raises:
        ValueError: there is no writer for that ending.
    """
    path = Path(path)
    if path.suffix.lower() not in writers:
        raise ValueError(f"{what} is saved as {', '.join(writers)}, not as {path.suffix or path.name!r}")
    data = writers[path.suffix.lower()]()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def fitting(svg: str) -> str:
    """A picture that is no wider than the cell or the page that it stands in.

    Its width and height stay literal numbers, since PNG renderers and slide programs size a picture by them.

    >>> fitting('<svg width="900" height="30"></svg>')
    '<svg style="max-width: 100%; height: auto" width="900" height="30"></svg>'
    """
    return svg.replace("<svg ", '<svg style="max-width: 100%; height: auto" ', 1)


def report_and_picture(text: str, svg: str) -> str:
    """Both as HTML, one below the other: of several forms Jupyter shows one alone."""
    return f"<pre>{escape(text)}</pre>\n{fitting(svg)}"


def element(pen: Pen, width: float, height: float, title: str) -> str:
    """All that a pen has written, on a ground, as one SVG element whose id is its own."""
    name = f"p{_next_picture()}-title"
    ground = Pen()
    ground.rectangle(0, 0, width, height, "ground")
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="microgradrnn" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.1f} {height:.1f}" role="img" aria-labelledby="{name}">'
        f'<title id="{name}">{xml(title)}</title><style>{style()}</style>'
    )
    return "\n".join([head, *ground.out, *pen.out, "</svg>"]) + "\n"
