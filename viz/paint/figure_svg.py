"""Marks -> SVG, as wide on paper as was asked for."""

from __future__ import annotations

from ..words.escape import xml
from .figure_marks import COLOURS, Line, Picture, Shape, Text, shade
from .geometry import arrowhead
from .pen import short
from .typeset import ITALIC, SANS, SERIF, Run

_FAMILIES = {
    SERIF: "font-family=\"DejaVu Serif, 'STIX Two Text', Cambria, serif\"",
    ITALIC: 'font-family="DejaVu Serif, \'STIX Two Text\', Cambria, serif" font-style="italic"',
    SANS: 'font-family="DejaVu Sans, Verdana, sans-serif"',
}


def paint(picture: Picture, prefix: str) -> str:
    """The picture as one SVG element; ids begin with ``prefix``."""
    return _Printer(picture, prefix).svg()


class _Printer:
    def __init__(self, picture: Picture, prefix: str) -> None:
        self.picture, self.prefix = picture, prefix
        self.dark = picture.theme == "dark"

    def svg(self) -> str:
        picture, name = self.picture, f"{self.prefix}title"
        wide, high = (f"{size * picture.scale / 72 * 2.54:.4f}cm" for size in (picture.width, picture.height))
        box = f'viewBox="0 0 {picture.width:.2f} {picture.height:.2f}"'
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="microgradrnn-figure" width="{wide}" height="{high}" {box} '
            f'role="img" aria-labelledby="{name}"><title id="{name}">{xml(picture.title)}</title>'
        )
        ground = f'<rect x="0" y="0" width="{picture.width:.2f}" height="{picture.height:.2f}"{self._paint("ground")}/>'
        return "\n".join([head + self._style(), ground, *map(self._mark, picture.marks), "</svg>"]) + "\n"

    def _style(self) -> str:
        """The dark colours, where the reader's own theme decides."""
        if self.picture.theme != "auto":
            return ""
        rules = []
        for name, (_, dark) in COLOURS.items():
            kind = name.replace(" ", "-")
            rules += [f".microgradrnn-figure .f-{kind} {{ fill: {dark}; }}"]
            rules += [f".microgradrnn-figure .s-{kind} {{ stroke: {dark}; }}"]
        return "<style>@media (prefers-color-scheme: dark) {\n" + "\n".join(rules) + "\n}</style>"

    def _paint(self, fill: str = "", stroke: str = "", faded: bool = False) -> str:
        """The attributes of what is filled and drawn in colours of these names."""
        fill, stroke = (name and shade(name, faded) for name in (fill, stroke))
        classes = [f"{letter}-{name.replace(' ', '-')}" for letter, name in (("f", fill), ("s", stroke)) if name]
        fills = f' fill="{COLOURS[fill][self.dark]}"' if fill else ' fill="none"'
        strokes = f' stroke="{COLOURS[stroke][self.dark]}"' if stroke else ""
        return f' class="{" ".join(classes)}"{fills}{strokes}'

    def _mark(self, mark: Shape | Line | Text) -> str:
        if isinstance(mark, Shape):
            drawn = self._shape(mark)
        elif isinstance(mark, Line):
            drawn = self._line(mark)
        else:
            drawn = self._text(mark)
        title = "" if isinstance(mark, Text) or not mark.title else f"<title>{xml(mark.title)}</title>"
        return f"<g>{title}{drawn}</g>" if title else drawn

    def _shape(self, mark: Shape) -> str:
        x, y = mark.x - mark.width / 2, mark.y - mark.height / 2
        dashes = ' stroke-dasharray="4 3"' if mark.dashed else ""
        return (
            f'<rect x="{x:.2f}" y="{y:.2f}" width="{mark.width:.2f}" height="{mark.height:.2f}" rx="{mark.radius:.2f}"'
            f'{self._paint(mark.fill, mark.stroke, mark.faded)} stroke-width="{mark.weight:g}"{dashes}/>'
        )

    def _line(self, mark: Line) -> str:
        path = list(mark.path)
        head = ""
        if mark.head:
            a, b, c = arrowhead(path, mark.weight)
            path = shortened(path, (b, c))
            points = " ".join(f"{x:.2f},{y:.2f}" for x, y in (a, b, c))
            head = f'<path d="M{points.replace(" ", "L")}z"{self._paint(mark.stroke, faded=mark.faded)}/>'
        (x, y), *rest = path
        curve = " ".join(f"{short(px)},{short(py)}" for px, py in rest)
        dashes = ' stroke-dasharray="4 3"' if mark.dashed else ""
        look = f'{self._paint("", mark.stroke, mark.faded)} stroke-width="{mark.weight:g}"{dashes}'
        return f'<path d="M{short(x)},{short(y)}C{curve}"{look}/>{head}'

    def _text(self, mark: Text) -> str:
        halo = ""
        if mark.halo:
            size = max(run.size for run in mark.runs)
            halo = (
                f'<rect x="{mark.x - 2:.2f}" y="{mark.y - 0.8 * size:.2f}" width="{mark.width + 4:.2f}" '
                f'height="{1.1 * size:.2f}" rx="2"{self._paint("ground")} fill-opacity="0.85"/>'
            )
        return halo + "".join(self._run(mark, run) for run in mark.runs)

    def _run(self, mark: Text, run: Run) -> str:
        place = f'x="{mark.x + run.x:.2f}" y="{mark.y + run.drop:.2f}"'
        look = f'{_FAMILIES[run.font]} font-size="{run.size:g}"{self._paint(mark.ink, faded=mark.faded)}'
        return f"<text {place} {look}>{xml(run.text)}</text>"


def shortened(
    path: list[tuple[float, float]], base: tuple[tuple[float, float], tuple[float, float]]
) -> list[tuple[float, float]]:
    """The path, ending where its arrowhead begins."""
    (ax, ay), (bx, by) = base
    return [*path[:-1], ((ax + bx) / 2, (ay + by) / 2)]
