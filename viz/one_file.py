"""Pages that are one HTML file: they load nothing, and run nothing but their own script.

- `Page`: such a page. `asset`: a file of `viz/assets`.
- `short`, `tight`, `tight_script`: a style sheet or a script without what only its reader needs.
- `json_for_script`: data for a script element.
"""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from typing import Any

_HEIGHT = 760


class Page:
    """A page as one file. Shows itself in a notebook.

    Attributes:
        html: the whole page.
        path: where it was saved; None before.

    >>> import tempfile
    >>> from microgradrnn import Value
    >>> from microgradrnn.viz import page
    >>> made = page(Value(2.0, "a") * Value(3.0, "b"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made.save(f"{folder}/product.html").name, made.html.count("<html")
    ('product.html', 1)
    """

    def __init__(self, html: str) -> None:
        self.html = html
        self.path: Path | None = None

    def save(self, path: str | Path) -> Path:
        """Write the page; folders are made."""
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self.html, encoding="utf-8", newline="\n")
        return self.path

    def _repr_html_(self) -> str:
        frame = f'sandbox="allow-scripts" width="100%" height="{_HEIGHT}" frameborder="0"'
        return f'<iframe {frame} srcdoc="{escape(self.html)}"></iframe>'

    def __repr__(self) -> str:
        where = f" at {self.path}" if self.path else ""
        return f"<Page of {len(self.html.encode()) / 1000:.0f} KB{where}>"


def asset(name: str) -> str:
    """The text of a file of `viz/assets`."""
    return Path(__file__).with_name("assets").joinpath(name).read_text(encoding="utf-8")


def short(source: str) -> str:
    """Style sheet or script without indents, empty lines, comments and spaces in tables of numbers."""
    lines = (re.sub(r" // .*", "", line).strip() for line in source.splitlines())
    lines = (line.replace(" ", "") if line.startswith(tuple("0123456789")) else line for line in lines)
    return "\n".join(line for line in lines if line and not line.startswith(("//", "/*")))


def tight(style: str) -> str:
    """A style sheet without the blanks that only please the eye, and with its numbers and colours as short as they go.

    >>> tight("a { color: #ffcc00; opacity: 0.5; }")
    'a{color:#fc0;opacity:.5}'
    """
    style = re.sub(r"(?<=[,;:{}])[ \n](?=[^:])| (?=\{)|;(?=\s?\})", "", style)
    style = re.sub(r"#([0-9a-f])\1([0-9a-f])\2([0-9a-f])\3\b", r"#\1\2\3", style)
    return re.sub(r"(?<=[:, (-])0(?=\.\d)", "", style)


def tight_script(script: str) -> str:
    """The same of a script. Lines with several templates, with patterns or comments are left as they are.

    >>> print(tight_script('const f = (a, b) => a + b * -2, text = "a + b";'))
    const f=(a,b)=>a+b*-2,text="a + b";
    """
    tight = "\n".join(line if _is_left(line) else _tight_line(line) for line in script.splitlines())
    return re.sub(r"(?<=[;,{(\[])\n|\n(?=[)}\]])", "", tight)  # where no statement can end or begin


def _is_left(line: str) -> bool:
    divided = line.replace(" / ", "")  # a slash between blanks divides; another may begin a pattern or a comment
    return "'" in divided or "/" in divided or line.count("`") not in (0, 2)


def _tight_line(line: str) -> str:
    """Texts in double quotes and templates stand in every second part."""
    parts = _TEXT.split(line)
    return "".join(part if i % 2 else _BLANKS.sub(r"\1\2", part) for i, part in enumerate(parts))


_TEXT = re.compile(r'("(?:[^"\\]|\\.)*"|`[^`]*`)')
_BLANKS = re.compile(r" ?(=>|[=<>!&|?:;,{}()*]+) ?| (?=\[)|(?<=[\w)\]]) ([+-]) (?=[\w(])")


def json_for_script(data: Any) -> str:
    """Data for a script element: nothing in it can end that."""
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
