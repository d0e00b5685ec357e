"""Sphinx: the pages of the reference, and links to them from the rest.

- ``{public} module`` lists the public names of a module, by autodoc: what they are called there, not where they stand.
- ``{operations}`` is the table of operations, from their records.
- A public name in backticks is a link to its entry, in docstrings and in any other page.
- Signatures are without what says nothing: the type Any, and the name of what stands for an argument that is not given.
"""

import importlib
import inspect
import re
from typing import Any

import public
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective

from microgradrnn.ops import OPS

NODE = ("microgradrnn.Value", "microgradrnn.Tensor")


class Public(SphinxDirective):
    """The public names of a module."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Its docstring, what its examples start from, and an entry for each name."""
        module = importlib.import_module(self.arguments[0])
        lines = [f".. automodule:: {module.__name__}", "   :no-members:", ""]
        lines += [f"The examples start from ``import numpy as np`` and ``from {module.__name__} import *``.", ""]
        for name in public.of_module(module):
            thing = getattr(module, name)
            full = f"{module.__name__}.{name}"
            if inspect.ismodule(thing) or public.home(thing) != module.__name__:
                continue
            if inspect.isclass(thing):
                lines += [f".. autoclass:: {full}", "   :members:"]
                lines += ["   :inherited-members:"] if full in NODE[1:] else []
            elif callable(thing):
                lines += [f".. autofunction:: {full}"]
            else:
                lines += [f".. autodata:: {full}", "   :no-value:"]
            lines.append("")
        return self.parse_text_to_nodes("\n".join(["```{eval-rst}", *lines, "```"]))


class Operations(SphinxDirective):
    """The table of operations: what each puts out, and what it does to a gradient."""

    def run(self) -> list[nodes.Node]:
        """A row for each record, in the order of the table's pages."""
        rows = ["| operation | in pictures | output | backward |", "| --- | --- | --- | --- |"]
        for op in OPS.values():
            formulas = "; ".join(f"`{formula}`" for formula in op.formula if isinstance(formula, str))
            kind, _, how = op.rule.partition(": ")
            backward = f"**{kind}**: {how}" + (f" ({formulas})" if formulas else "")
            cells = (f"`{op.name}`", op.symbol, f"${op.latex}$", backward)
            rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
        return self.parse_text_to_nodes("\n".join(rows))


class Linked(SphinxTransform):
    """Public names in backticks become links."""

    default_priority = 210

    def apply(self, **_: object) -> None:
        """Wrap them."""
        if self.env.docname.startswith(("reference/", "decisions/")):
            return
        for literal in list(self.document.findall(nodes.literal)):
            name = re.match(r"[\w.]+", literal.astext())
            target = public.entries().get(name[0]) if name else None
            if target is None or isinstance(literal.parent, (nodes.reference, nodes.title, addnodes.pending_xref)):
                continue
            cross = addnodes.pending_xref("", refdomain="py", reftype="obj", reftarget=target, refexplicit=True)
            cross["refwarn"] = True
            literal.replace_self(cross)
            cross += literal


def named_in_docstring(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, contnode: nodes.Element
) -> nodes.reference | None:
    """A link for a name that a docstring has, and which Sphinx does not find as it stands: ``nn.LSTM``."""
    found = public.target(node["reftarget"]) if node.get("refdomain") == "py" else None
    if found is None:
        return None
    return env.domains.python_domain.resolve_xref(env, node["refdoc"], app.builder, "obj", found, node, contnode)


def shorter(
    _app: Sphinx, _what: str, _name: str, _thing: Any, _options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """A signature without ``Any``, and with ``...`` where the default means that nothing was given."""
    if signature is not None:
        signature = re.sub(r"(?<=\w): ~?(typing\.)?Any\b(?! \|)", "", signature).replace(" = UNSET", " = ...")
    return signature, None if returns and returns.endswith("Any") else returns


def without_any(_app: Sphinx, document: nodes.document) -> None:
    """The same of properties, whose types are no part of a signature."""
    for annotation in list(document.findall(addnodes.desc_annotation)):
        if annotation.astext() == ": Any":
            annotation.parent.remove(annotation)


def is_a_module(_app: Sphinx, _what: str, _name: str, thing: Any, skip: bool, _options: Any) -> bool | None:
    """A module that is a class's attribute is no part of what users call; its docstring is not the attribute's."""
    return True if inspect.ismodule(thing) else None


def setup(app: Sphinx) -> dict[str, bool]:
    """For Sphinx."""
    app.add_directive("public", Public)
    app.add_directive("operations", Operations)
    app.add_transform(Linked)
    app.connect("missing-reference", named_in_docstring)
    app.connect("autodoc-process-signature", shorter)
    app.connect("autodoc-skip-member", is_a_module)
    app.connect("doctree-read", without_any)
    return {"parallel_read_safe": True}
