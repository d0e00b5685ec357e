"""Sphinx: formulas as MathML, which browsers show by themselves: no script, no font, no picture."""

import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator


def mathml(source: str, display: str) -> str:
    """A formula in LaTeX as MathML; a function's name stands apart from what follows it."""
    return convert(re.sub(r"\\(log|tanh|exp|sin|cos)(\^\d)? *(?=[\w\\])", r"\\\1\2\\,", source), display=display)


def with_marks(app: Sphinx, document: nodes.document, page: str) -> None:
    """Join each formula in a sentence with the punctuation mark after it, or a line may begin with a colon."""
    for formula in list(document.findall(nodes.math)):
        after = formula.next_node(descend=False, siblings=True)
        mark = isinstance(after, nodes.Text) and re.match(r"[^\s\w]+", after.astext())
        if mark and after.parent is formula.parent:
            joined = nodes.inline("", "", formula.deepcopy(), nodes.Text(mark[0]), classes=["unbroken"])
            formula.parent.replace(after, nodes.Text(after.astext()[mark.end() :]))
            formula.parent.replace(formula, joined)


def in_line(self: HTML5Translator, node: nodes.math) -> None:
    """A formula in a sentence."""
    self.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def block(self: HTML5Translator, node: nodes.math_block) -> None:
    """A formula by itself."""
    self.body.append(f'<div class="math">{mathml(node.astext(), "block")}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """For Sphinx."""
    app.connect("doctree-resolved", with_marks)
    app.add_html_math_renderer("mathml", (in_line, None), (block, None))
    return {"parallel_read_safe": True}
