"""Sphinx: run the pages' code before they are read, show what it drew, and embed the live pages that it wrote.

- An image named in a page is first looked for among the files that the page's own code wrote. A picture that has a dark
  form is shown in the form that the reader chose, whether by the system or by the button.
- ``{live} file.html`` embeds a page that the code wrote, with a link to open it by itself.
"""

import hashlib
import re
import shutil
from pathlib import Path
from typing import Any

import chapters
from chapters import DOCS, pages, run
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective
from themes import both_themes, following_the_button

MADE = DOCS / "made"
NOT_RUN = "(A package that this page needs was not installed where this was built: its code has not been run.)"
COLUMN = 800
"""Pixels: a wider picture takes the room beside the text too."""


def made_by(docname: str) -> Path:
    """The folder that a page's code writes to."""
    return MADE / docname


def run_pages(app: Sphinx) -> None:
    """Run the code of each page that has changed since; add the pictures that pages name in HTML of their own."""
    for page in pages():
        folder = made_by(page.relative_to(DOCS).with_suffix("").as_posix())
        if chapters.missing(page):
            continue
        stamp, text = folder / "ran", hashlib.sha256(page.read_bytes()).hexdigest()
        if stamp.exists() and stamp.read_text() == text:
            continue
        for each in run(page, folder):
            if each.said is not None and each.said.rstrip() != each.printed.rstrip():
                raise RuntimeError(f"{page}, line {each.line} prints\n{each.printed}")
        for picture in folder.glob("*.svg"):
            both_themes(picture)
        stamp.write_text(text)
    shutil.copytree(DOCS / "pictures", MADE / "pictures", ignore=shutil.ignore_patterns("*.py"), dirs_exist_ok=True)


def is_left_out(docname: str) -> bool:
    """Whether a page has code that was not run here."""
    return (
        any(docname == f"{page.parent.name}/{page.stem}" for page in pages())
        and not (made_by(docname) / "ran").exists()
    )


class Pictures(SphinxTransform):
    """Images that the page's code drew, each as a figure, in both themes where there are two."""

    default_priority = 200

    def apply(self, **_: Any) -> None:
        """Point images to what was made, and set what describes them below."""
        made = made_by(self.env.docname)
        for raw in self.document.findall(nodes.raw):
            raw[:] = [nodes.Text(following_the_button(raw.astext()))]
        for image in list(self.document.findall(nodes.image)):
            drawn = made / image["uri"]
            if is_left_out(self.env.docname):
                image.replace_self(nodes.emphasis("", NOT_RUN))
                continue
            if "://" in image["uri"] or not drawn.exists():
                continue
            figure = nodes.figure("", *_shown(image, drawn, Path(self.env.docname).name))
            if _width(drawn) > COLUMN:
                figure["classes"].append("wide")
            if image.get("alt"):
                figure += nodes.caption("", image["alt"])
            alone = isinstance(image.parent, nodes.paragraph) and len(image.parent) == 1
            (image.parent if alone else image).replace_self(figure)


def _shown(image: nodes.image, drawn: Path, page: str) -> list[nodes.reference]:
    """The image, pointed to what was drawn: once, or once for each theme. Each is a link to the picture by itself."""
    found = []
    for kind, path in (
        ("only-light", drawn.with_suffix(".light.svg")),
        ("only-dark", drawn.with_suffix(".dark.svg")),
        ("on-white", drawn),
    ):
        if path.exists() and not (kind == "on-white" and found):
            one = image.deepcopy()
            one["uri"] = f"/{path.relative_to(DOCS).as_posix()}"
            found.append(nodes.reference("", "", one, refuri=f"{page}/{path.name}", classes=[kind]))
    return found


def _width(drawn: Path) -> float:
    """How wide an SVG is, in pixels; 0 of other pictures."""
    head = drawn.read_text(encoding="utf-8")[:1000] if drawn.suffix == ".svg" else ""
    width = re.search(r'<svg[^>]* width="([\d.]+)(cm|pt|px)?"', head)
    return float(width[1]) * {"cm": 96 / 2.54, "pt": 4 / 3}.get(width[2], 1.0) if width else 0.0


class LivePage(SphinxDirective):
    """A live page that the page's code wrote."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """A frame, and a link."""
        name, docname = self.arguments[0], self.env.docname
        if is_left_out(docname):
            return [nodes.paragraph("", NOT_RUN)]
        if not (made_by(docname) / name).exists():
            raise self.error(f"the page's code wrote no {name}")
        address = f"{Path(docname).name}/{name}"
        html = (
            f'<div class="live"><iframe src="{address}" loading="lazy" title="Live page: {name}"></iframe>'
            f'<p><a href="{address}" target="_blank">Open the live page by itself</a></p></div>'
        )
        return [nodes.raw("", html, format="html", classes=["live"])]


def without_contents(app: Sphinx, doctree: nodes.document) -> None:
    """A page that has live pages leaves the room at its right to them, and not to a list of its headings."""
    if any("live" in raw.get("classes", ()) for raw in doctree.findall(nodes.raw)):
        app.env.metadata[app.env.docname]["hide-toc"] = True


def setup(app: Sphinx) -> dict[str, bool]:
    """For Sphinx."""
    app.connect("builder-inited", run_pages)
    app.connect("doctree-read", without_contents)
    app.add_transform(Pictures)
    app.add_directive("live", LivePage)
    return {"parallel_read_safe": True}
