"""LaTeX -> MathML, for pages: browsers typeset it by themselves. `mathml` is all that there is.

latex2mathml does the work, but it neither unescapes nor escapes text. So names are taken out before, put back in
after, and what it writes is read again: only presentation MathML passes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from .escape import xml

if TYPE_CHECKING:
    import xml.etree.ElementTree as ET

MOST, LONGEST = 40, 40
"""So many names stand in an equation, and so many characters of each."""

_SPECIAL = {r"\textbackslash{}": "\\", r"\textasciitilde{}": "~", r"\textasciicircum{}": "^"}
_ESCAPED = re.compile(r"\\text(?:backslash|asciitilde|asciicircum)\{\}|\\[{}$%&#_]")
_NAME = re.compile(
    rf"\\text\{{(?P<text>(?:{_ESCAPED.pattern}|[^\\{{}}])*)\}}"
    r"|(?<![A-Za-z\\])(?P<letter>[A-Za-z])_\{(?P<index>[A-Za-z0-9]+)\}"
)
_SPACE = "<mtext>\u2009</mtext>"
_FIRST = "\ue000"  # names are held by characters for private use, which nobody's formula needs
_PRIVATE, _HELD = re.compile("[\ue000-\uf8ff]"), re.compile("<mi>([\ue000-\uf8ff])</mi>")
_TAGS = {"mi", "mn", "mo", "mtext", "mspace", "mrow", "mfrac", "msqrt", "mroot", "msub", "msup", "msubsup"}
_TAGS |= {"munder", "mover", "munderover", "mtable", "mtr", "mtd", "mstyle", "mpadded", "mphantom"}


def mathml(latex: str) -> str:
    r"""An equation as a MathML element; an empty string where the LaTeX is beyond us.

    >>> print(mathml(r"1 - {h_{2}}^2"))
    <math><mn>1</mn><mo>−</mo><msup><msub><mi>h</mi><mn>2</mn></msub><mn>2</mn></msup></math>
    >>> print(mathml(r"\text{</math><script>}"))
    <math><mtext>&lt;/math&gt;&lt;script&gt;</mtext></math>
    """
    names: list[str] = []

    def hold(found: re.Match[str]) -> str:
        names.append(_name(found))
        return f"{{{chr(ord(_FIRST) + len(names) - 1)}}}"

    skeleton = _NAME.sub(hold, _PRIVATE.sub("\ufffd", latex))
    if len(names) > MOST:
        return ""
    body = _typeset(skeleton)
    return f"<math>{_HELD.sub(lambda held: names[ord(held[1]) - ord(_FIRST)], body)}</math>" if body else ""


def _name(found: re.Match[str]) -> str:
    """A name as MathML: a letter with its index, or a text."""
    if found["letter"]:
        index = found["index"]
        kind = "mn" if index.isdigit() else "mi"
        return f"<msub><mi>{found['letter']}</mi><{kind}>{index}</{kind}></msub>"
    text = _ESCAPED.sub(lambda escaped: _SPECIAL.get(escaped[0], escaped[0][1:]), found["text"])
    return f"<mtext>{xml(text if len(text) <= LONGEST else text[:LONGEST] + '…')}</mtext>"


@lru_cache(maxsize=4096)
def _typeset(latex: str) -> str:
    """The inside of the MathML element. Time steps that are alike differ in names only, and are typeset once."""
    from xml.etree.ElementTree import fromstring

    from latex2mathml.converter import convert

    try:
        root = fromstring(convert(latex))
    except Exception:  # whatever goes wrong in there: the page has the same as text
        return ""
    elements = list(root.iter())
    for element in elements:
        element.tag = element.tag.rpartition("}")[2]
    if any(element.tag not in _TAGS for element in elements[1:]):
        return ""
    return "".join(_written(element) for element in _row(list(root)))


def _row(children: list[ET.Element]) -> list[ET.Element]:
    """What stands in a row, without rows that group nothing and with the letters of one word, or sign, put together."""
    flat: list[ET.Element] = []
    for child in children:
        if child.tag == "mrow" and not (len(child) and child[0].get("fence")):
            flat += _row(list(child))
        elif flat and _belong_together(flat[-1], child):
            flat[-1].text = (flat[-1].text or "") + (child.text or "")
        else:
            flat.append(child)
    return flat


def _belong_together(a: ET.Element, b: ET.Element) -> bool:
    """Whether two elements are letters of one word, such as softmax, or the two signs of +=."""
    return (_is_upright(a) and _is_upright(b)) or (a.tag == b.tag == "mo" and (a.text, b.text) == ("+", "="))


def _is_upright(element: ET.Element) -> bool:
    return element.tag == "mi" and element.get("mathvariant") == "normal"


def _written(element: ET.Element) -> str:
    """An element as source, with no attribute that says what browsers do anyway."""
    tag = element.tag
    if tag in ("mi", "mn", "mo", "mtext"):
        text = element.text or ""
        held = ' stretchy="false"' if element.get("stretchy") == "false" else ""
        word = "" if len(text) != 1 or not _is_upright(element) else ' mathvariant="normal"'
        function = _SPACE if tag == "mi" and len(text) > 1 else ""  # tanh z, not tanhz
        return f"<{tag}{held}{word}>{xml(text)}</{tag}>{function}"
    if tag == "mspace":
        return _SPACE
    if tag in ("mrow", "mtd", "msqrt", "mstyle", "mpadded", "mphantom"):
        return f"<{tag}>{''.join(map(_written, _row(list(element))))}</{tag}>"
    parts = []
    for child in element:
        row = _row([child])
        inside = "".join(map(_written, row))
        parts.append(inside if len(row) == 1 else f"<mrow>{inside}</mrow>")
    return f"<{tag}>{''.join(parts)}</{tag}>"
