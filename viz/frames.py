"""`frames`: a backward pass as numbered pictures, or as one film or deck of slides. All have one layout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from microgradrnn.engine import Node

from .animation import Animation, animate
from .film import WRITERS
from .paint import svg
from .paint.look import Direction, Edges, Labels, look
from .paint.png import png
from .words.blocks import VisitWords, time
from .words.visits import BRIEF

FORMATS = ("svg", "png")
_OTHER_FILES = (
    ".apng",
    ".avi",
    ".dot",
    ".gif",
    ".jpeg",
    ".jpg",
    ".mov",
    ".mp4",
    ".png",
    ".pptx",
    ".tex",
    ".webm",
    ".webp",
)
"""Endings that mean a file which is not written here; any other name is that of a folder."""


def frames(
    loss: Node,
    directory: str | Path,
    format: str = "svg",  # noqa: A002 - as in `viz.draw`
    steps: Iterable[int] | None = None,
    max_nodes: int = 100,
    edges: Edges = "auto",
    labels: Labels = "ends",
    direction: Direction = "forward",
    visits: bool = False,
) -> list[Path]:
    """Write a picture for each visit of the backward pass from ``loss``, and return their paths in order.

    A name that ends in .svg, .html or .pdf is that of one file with all of them: an animation, slides to go through
    with the arrow keys, or a page for each.

    Each shows what is known once that visit has been made, a dash where nothing is known yet, and the visited node and
    its edges lit up. The pass need not have been made; no gradient is touched.

    Args:
        loss: any node of which gradients can be taken.
        directory: where to write ``visit_01.svg`` and so on, or the name of one file; folders are made.
        format: svg or png, of pictures in a folder.
        steps: the time steps to draw; by default all, or the first and the last ones if there are too many.
        max_nodes: how many nodes are too many to draw. Visits to nodes that are not drawn have frames all the same.
        edges: what arrows show, once the visit that sends it has been made: "all" three gradients, or the
            "contribution" alone; as in `viz.draw`, and so are the others.
        labels: where that stands.
        direction: whether arrows of the backward pass run beside the others.
        visits: whether boxes have the number of their visit.

    Raises:
        TypeError: loss is no node, or needs no gradient.
        RuntimeError: a PDF without the package that makes it.
        ValueError: another format, or the name of one file of another kind; loss has several entries and no upstream
            yet; another argument makes no sense.

    >>> from microgradrnn import Value
    >>> [path.name for path in frames(Value(2.0) * Value(3.0), "film")]  # doctest: +SKIP
    ['visit_1.svg', 'visit_2.svg', 'visit_3.svg']
    """
    if format not in FORMATS:
        raise ValueError(f"frames: format is {' or '.join(map(repr, FORMATS))}, not {format!r}")
    place = Path(directory)
    if place.suffix.lower() in _OTHER_FILES:
        kinds = " or ".join(WRITERS)
        raise ValueError(
            f"frames: one file ends in {kinds}, not {place.suffix}; for a folder give a name without an ending"
        )
    film = animate(
        "frames",
        loss,
        steps,
        max_nodes,
        look=lambda view, words: look(view, words, edges, labels, direction, visits, who="frames"),
    )
    if (writer := WRITERS.get(place.suffix.lower())) is not None:
        data = writer(list(_pictures(film)), f"Backward pass of {film.words.names[film.run.root]}"[:200])
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        return [place]
    place.mkdir(parents=True, exist_ok=True)
    written = []
    for number, picture in enumerate(_pictures(film), start=1):
        path = place / f"visit_{number:0{len(str(len(film.words)))}}.{format}"
        path.write_bytes(png(picture) if format == "png" else picture.encode())
        written.append(path)
    return written


def _pictures(film: Animation) -> Iterator[str]:
    for number, highlight in enumerate(film.highlights, start=1):
        words = film.words.visit(number, BRIEF)
        frame = svg.Frame(number, highlight, _caption(words), words.rule)
        yield svg.paint(film.placed, f"f{number}-", frame, film.look)


def _caption(words: VisitWords) -> str:
    return " · ".join([words.title.parts[0], *time(words.title.t), words.definition.plain])
