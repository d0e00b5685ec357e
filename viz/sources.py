"""Where the numbers of a live page come from, so that the page can work them out again when a leaf has changed.

The page keeps all that it may show in one vector of numbers, its *cells*: what its program computes, and sums of that.
A number or an array that is `LiveFloat` or `LiveArray` knows its cells; `viz.numbers` and the pen write them beside the
text. Everything else in viz takes them for the floats and arrays that they are.

- `Cells`: the vector, as far as Python knows it: how many cells the program fills, and the sums that follow.
- `live`: a number or array with its cells. `entry`, `each`, `flat`: parts of it that keep them.
- `mark`: text with its source, as characters for private use around it. `plain`: without. `as_elements`: as markup.
- `joined`: text in which a list has one source rather than one an entry.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]

ROOM = 8
"""So many characters a number that may change has room for; a longer one is pressed together."""

_START, _THEN, _END = "\ue201", "\ue202", "\ue203"
_MARKED = re.compile(rf"{_START}([a-z]?[\d.]*){_THEN}([^{_END}]*){_END}")  # so strict that no label can add markup
_NUMBER = rf"{_START}\d+{_THEN}[^{_END}]*{_END}"
_LISTED = re.compile(rf"\[{_NUMBER}(?:, {_NUMBER})+\]")
_NOT_IN_LABELS = str.maketrans(dict.fromkeys("\ue201\ue202\ue203", "\ufffd"))


class Cells:
    """The vector of numbers behind a page.

    Attributes:
        count: how many there are; the first ones are the program's, then come sums.
        sums: for each cell after the program's, the cells that it is the sum of, in that order.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.sums: list[list[int]] = []
        self._runs: dict[bytes, int] = {}

    def sum_of(self, parts: Sequence[int]) -> int:
        """The cell that holds a sum; of one part that cell itself."""
        if len(parts) == 1:
            return int(parts[0])
        return self._new(parts)

    def run(self, indices: Indices) -> str:
        """Cells that stand at equal distances, as ``first.count.distance``; others are copied to where they do.

        One cell is its number alone.
        """
        listed = np.ravel(indices)
        if len(listed) == 1:
            return str(listed[0])
        distances = set(np.diff(listed).tolist())
        if len(distances) <= 1:
            return f"{listed[0] if len(listed) else 0}.{len(listed)}.{distances.pop() if distances else 1}"
        key = listed.tobytes()
        if key not in self._runs:
            self._runs[key] = self.count
            for cell in listed.tolist():
                self._new([cell])
        return f"{self._runs[key]}.{len(listed)}.1"

    def _new(self, parts: Sequence[int]) -> int:
        self.sums.append([int(part) for part in parts])
        self.count += 1
        return self.count - 1


class LiveFloat(float):
    """A number and its cell. ``edge`` is, of what an edge contributes, the number of that edge on the page."""

    cells: Cells
    index: int
    edge: int | None

    def __add__(self, other: Any) -> Any:
        return _added(self, other)


class LiveArray(np.ndarray[Any, Any]):
    """An array and its entries' cells. Views of it, and what is computed from it, have none; sums with its like do.

    ``edge`` is, of what an edge contributes, the number of that edge on the page.
    """

    cells: Cells
    index: Indices | None
    edge: int | None

    def __array_finalize__(self, obj: Any) -> None:
        self.index = self.edge = None

    def __add__(self, other: Any) -> Any:
        return _added(self, other)


def live(data: Any, cells: Cells, index: Any, edge: int | None = None) -> Any:
    """A float or an array that knows its cells, which ``index`` gives in its shape."""
    found: Any
    if isinstance(data, float):
        found = LiveFloat(data)
        found.index = int(np.ravel(index)[0])
    else:
        found = np.array(data).view(LiveArray)
        found.index = np.reshape(np.asarray(index, dtype=np.intp), np.shape(data))
    found.cells, found.edge = cells, edge
    return found


def is_live(data: Any) -> bool:
    """Whether the page knows where a number or an array comes from."""
    return isinstance(data, (LiveFloat, LiveArray)) and data.index is not None


def _added(a: Any, b: Any) -> Any:
    if not (is_live(a) and is_live(b)):
        return np.asarray(a) + np.asarray(b) if isinstance(a, np.ndarray) else float(a) + b
    both = zip(np.ravel(a.index).tolist(), np.ravel(b.index).tolist(), strict=True)
    total = np.asarray(a) + np.asarray(b)
    return live(total if np.ndim(a) else total[()], a.cells, [a.cells.sum_of(pair) for pair in both])


def entry(data: Any, place: tuple[int, ...] = ()) -> float:
    """One entry, with its cell where the data has some."""
    number = float(np.asarray(data)[place])
    found: float = live(number, data.cells, np.asarray(data.index)[place]) if is_live(data) else number
    return found


def part(data: Any, shape: tuple[int, ...], place: tuple[int, ...]) -> float:
    """The entry at a place of the data broadcast to a shape, with its cell where the data has some."""
    number = float(np.broadcast_to(np.asarray(data), shape)[place])
    if not is_live(data):
        return number
    found: float = live(number, data.cells, np.broadcast_to(data.index, shape)[place])
    return found


def each(data: Any) -> list[float]:
    """All entries in a row, with their cells where the data has some."""
    numbers: list[float] = np.ravel(np.asarray(data)).tolist()
    if not is_live(data):
        return numbers
    return [live(float(x), data.cells, k) for x, k in zip(numbers, np.ravel(data.index), strict=True)]


def flat(data: Any) -> Any:
    """The array with one axis, and its cells where it has some."""
    found = np.ravel(np.asarray(data))
    return live(found, data.cells, np.ravel(data.index)) if is_live(data) else found


def mark(how: str, data: Any, text: str) -> str:
    """A text with its source: how it is formatted, and from which cells; the text alone where data has none."""
    if not is_live(data):
        return text
    if how in "ns":
        source = f"{'' if how == 'n' else how}{np.ravel(data.index)[0]}"
    else:
        source = f"{how}{data.cells.run(np.atleast_1d(data.index))}"
    return f"{_START}{source}{_THEN}{text}{_END}"


def mark_as(how: str, text: str) -> str:
    """A text with a source that says all by itself."""
    return f"{_START}{how}{_THEN}{text}{_END}"


def plain(text: str) -> str:
    """A text without its sources."""
    return _MARKED.sub(lambda found: found[2], text) if _START in text else text


def parted(text: str) -> tuple[str, list[int | str]]:
    """A text with blanks and, beside it, the sources to fill them: texts that differ in these alone become the same."""
    found = [int(source) if source.isdigit() else source for source, _ in _MARKED.findall(text)]
    return _MARKED.sub(f"{_START}{_END}", text), found


def joined(text: str) -> str:
    """A text in which numbers in square brackets are one source, where their cells stand at equal distances."""
    return _LISTED.sub(_join, text) if _START in text else text


def _join(found: re.Match[str]) -> str:
    cells = [int(source) for source, _ in _MARKED.findall(found[0])]
    distances = {after - before for before, after in itertools.pairwise(cells)}
    if len(distances) > 1:
        return found[0]
    return f"{_START}l{cells[0]}.{len(cells)}.{distances.pop()}{_THEN}{plain(found[0])}{_END}"


def unmarked(text: str) -> str:
    """A label without the characters that mark sources: it is text, whatever is in it."""
    return text.translate(_NOT_IN_LABELS)


def measured(text: str) -> str:
    """A text as long as it may become: each number that may change has room for as many as −0.01234 has."""
    return _MARKED.sub(lambda found: found[2].ljust(ROOM, "0"), text) if _START in text else text


def as_content(text: str, tag: str, escape: Callable[[str], str] = str) -> str:
    """What follows the attributes of an element with that text: of a single source the element says it itself."""
    found = _MARKED.fullmatch(text)
    return f" data-n={found[1]}>{escape(found[2])}" if found else f">{as_elements(text, tag, escape)}"


def as_elements(text: str, tag: str, escape: Callable[[str], str] = str) -> str:
    """Each marked text as an element with an attribute ``data-n``, which says its source.

    A source is a letter for the format and a run of cells: l list, m norm, r padded, s signed, w products, g the scale;
    of a plain number the cell alone.
    """
    if _START not in text:
        return escape(text)
    parts, end = [], 0
    for found in _MARKED.finditer(text):
        parts += [escape(text[end : found.start()]), f"<{tag} data-n={found[1]}>{escape(found[2])}</{tag}>"]
        end = found.end()
    return "".join([*parts, escape(text[end:])])
