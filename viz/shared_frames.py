"""Frames of one layout as one tree. What is the same in all of them stands in it once, and what changes once a form.

So a film of many frames is hardly larger than one of them.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence

_APART = re.compile(r"<style>.*?</style>|<title id=[^>]*>[^<]*</title>| xmlns=\"[^\"]*\"| id=\"[^\"]*\"", re.DOTALL)
"""What frames have that their film has for all of them."""


class SharedFrames:
    r"""Frames as one tree.

    Args:
        svgs: the frames, each an SVG element.

    Attributes:
        body: what stands in the SVG element of the film.
        shown: for each class of things in it that come and go, the numbers of the frames that show them, from 0.

    >>> film = SharedFrames([f"<svg><path/><text>{text}</text></svg>" for text in "–3"])
    >>> print(film.body.replace("><g", ">\n<g"))
    <path />
    <g>
    <g class="moves shown-0" visibility="hidden"><text>–</text></g>
    <g class="moves shown-1"><text>3</text></g></g>
    >>> film.shown
    {'shown-0': (0,), 'shown-1': (1,)}
    """

    def __init__(self, svgs: Sequence[str]) -> None:
        self._classes: dict[tuple[int, ...], str] = {}
        self._last = len(svgs) - 1
        roots = [ET.fromstring(_APART.sub("", svg)) for svg in svgs]
        self.body = "".join(map(_text, self._children([list(root) for root in roots])))
        self.shown = {name: frames for frames, name in self._classes.items()}

    def _children(self, frames: Sequence[Sequence[ET.Element]]) -> Iterator[ET.Element]:
        """What stands in one thing in each frame: what is alike at its start and at its end, and what is between."""
        least = min(map(len, frames))
        lead = _alike(frames, range(least))
        trail = _alike(frames, range(-1, lead - least - 1, -1))
        for i in range(lead):
            yield self._one([found[i] for found in frames])
        between = [list(found[lead : len(found) - trail]) for found in frames]
        if any(between):
            yield self._in_turn(between)
        for i in range(-trail, 0):
            yield self._one([found[i] for found in frames])

    def _one(self, forms: Sequence[ET.Element]) -> ET.Element:
        """The same thing in all frames: as it is, or with what changes inside it, or each of its forms in turn."""
        first = forms[0]
        if len({_text(form) for form in forms}) == 1:
            return first
        if first.tag == "g" and len({(form.text, *form.attrib.items()) for form in forms}) == 1:
            found = ET.Element(first.tag, first.attrib)
            found.text = first.text
            found.extend(self._children([list(form) for form in forms]))
            return found
        return self._in_turn([[form] for form in forms])

    def _in_turn(self, frames: Sequence[Sequence[ET.Element]]) -> ET.Element:
        """A group of what the frames show one after the other; where nothing moves the last one's is seen."""
        group = ET.Element("g")
        texts = ["".join(map(_text, found)) for found in frames]
        for text in filter(None, dict.fromkeys(texts)):
            where = tuple(i for i, other in enumerate(texts) if other == text)
            shown = ET.SubElement(group, "g", {"class": f"moves {self._class(where)}"})
            if self._last not in where:
                shown.set("visibility", "hidden")
            shown.extend(frames[where[0]])
        return group

    def _class(self, frames: tuple[int, ...]) -> str:
        return self._classes.setdefault(frames, f"shown-{len(self._classes)}")


def _alike(frames: Sequence[Sequence[ET.Element]], places: range) -> int:
    """At how many of the places, up to the first where they differ, all frames have the same kind of thing."""
    for count, i in enumerate(places):
        if len({(found[i].tag, found[i].get("class")) for found in frames}) > 1:
            return count
    return len(places)


def _text(element: ET.Element) -> str:
    return ET.tostring(element, encoding="unicode")
