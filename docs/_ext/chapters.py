"""The code in a page of the docs: the build runs it to make the figures, and a test to compare what it prints.

A page is Markdown. Its ``python`` blocks run one after the other, as one program, in a folder of their own. A ``text``
block right after one of them is what it prints. Nothing here needs Sphinx.
"""

import contextlib
import io
import os
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

DOCS = Path(__file__).parents[1]
_FENCE = re.compile(r"^(?P<ticks>`{3,})(?P<kind>\w*)\n(?P<content>.*?)^(?P=ticks)$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """A block of code that ran: its line in the page, what it printed, and what the page says that it prints."""

    line: int
    source: str
    printed: str
    said: str | None


def pages() -> list[Path]:
    """The pages whose code the build runs: the chapters, and the first pages."""
    return [*sorted((DOCS / "book").glob("*.md")), *sorted((DOCS / "start").glob("*.md"))]


NEEDS = {"import torch": "torch", 'dialect="jax"': "jax"}
"""What a page's code says, and the package that it then needs; neither is one that this package brings."""


def missing(page: Path) -> list[str]:
    """The packages that a page's code needs and that are not installed."""
    text = page.read_text(encoding="utf-8")
    return [package for said, package in NEEDS.items() if said in text and find_spec(package) is None]


def run(page: Path, folder: Path) -> Iterator[Run]:
    """Run a page's code in a folder, which is made; what it writes stays there.

    Raises:
        RuntimeError: a block raises; its page and line are named.
    """
    text = page.read_text(encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    names: dict[str, object] = {"__name__": page.stem}
    blocks = list(_FENCE.finditer(text))
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        if block["kind"] != "python":
            continue
        line = text.count("\n", 0, block.start()) + 2
        says = (
            following is not None and following["kind"] == "text" and not text[block.end() : following.start()].strip()
        )
        printed = _execute(block["content"], names, folder, f"{page.relative_to(DOCS)}, line {line}")
        yield Run(line, block["content"], printed, following["content"] if following is not None and says else None)


def _execute(source: str, names: dict[str, object], folder: Path, where: str) -> str:
    out, before = io.StringIO(), Path.cwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(out), warnings.catch_warnings():
            warnings.simplefilter("error")
            exec(compile(source, where, "exec"), names)
    except Exception as error:
        raise RuntimeError(f"{where}: {type(error).__name__}: {error}") from error
    finally:
        os.chdir(before)
    return out.getvalue()


def prose(text: str) -> str:
    """A page without its blocks, code in the line, and addresses of links."""
    text = _FENCE.sub("", text)
    text = re.sub(r"\]\([^)]*\)|<https?:[^>]*>|^\[[^\]]*\]:.*$", "]", text, flags=re.MULTILINE)
    return re.sub(r"(?<!`)`[^`\n]+`", "", text)


def numbers(text: str) -> list[str]:
    """The decimal numbers in a text, as they are written."""
    return re.findall(r"(?<![\w.])\d+\.\d+(?![\w.]*\d)", text)


def written(page: Path, folder: Path) -> str:
    """The page's text with each ``text`` block as the code before it prints it."""
    text = page.read_text(encoding="utf-8")
    for each in reversed(list(run(page, folder))):
        if each.said is not None:
            head, rest = text.split(f"```python\n{each.source}```", 1)
            rest = rest.replace(f"```text\n{each.said}```", f"```text\n{each.printed.rstrip()}\n```", 1)
            text = f"{head}```python\n{each.source}```{rest}"
    return text


if __name__ == "__main__":  # python docs/_ext/chapters.py PAGE ...: write what the code prints into the pages
    sys.path.insert(0, str(DOCS.parent))
    for name in sys.argv[1:]:
        given = Path(name).resolve()
        given.write_text(written(given, DOCS / "made" / "written"), encoding="utf-8")
