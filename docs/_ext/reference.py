"""Sphinx: the pages of the reference, and links to them from the rest.

- ``{public} module`` lists the public names of a module, by autodoc: what they are called there, not where they stand.
- ``{operations}`` is the table of operations, from their records.
- A public name in backticks in any other page is a link to its entry.
"""

import importlib
import inspect
import re
from functools import cache

import public
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective

from microgradrnn.ops import OPS

ORDINARY = {"step", "page", "text", "word", "loss", "nn", "optim", "functional", "viz", "Step", "Loss", "steps"}
"""Names that pages also use for other things."""
NODE = ("microgradrnn.Value", "microgradrnn.Tensor")


class Public(SphinxDirective):
    """The public names of a module."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Its docstring, and an entry for each name."""
        module = importlib.import_module(self.arguments[0])
        lines = [f".. automodule:: {module.__name__}", "   :no-members:", ""]
        for name in public.of_module(module):
            thing = getattr(module, name)
            full = f"{module.__name__}.{name}"
            if inspect.ismodule(thing) or first_home(name, thing) != module.__name__:
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


@cache
def homes() -> dict[int, str]:
    """For each public thing the first module that has it in the reference."""
    found: dict[int, str] = {}
    for module_name in (name for page in public.PAGES.values() for name in page):
        module = importlib.import_module(module_name)
        for name in public.of_module(module):
            found.setdefault(id(getattr(module, name)), module_name)
    return found


def first_home(_name: str, thing: object) -> str | None:
    """The module under which a thing has its entry."""
    return homes().get(id(thing))


@cache
def entries() -> dict[str, str]:
    """The names that pages may use, and the entry of each: compare, nn.LSTM, analysis.spectrum."""
    found: dict[str, str] = {}
    for module_name in (name for page in public.PAGES.values() for name in page):
        module = importlib.import_module(module_name)
        short = module_name.removeprefix("microgradrnn").lstrip(".")
        for name in public.of_module(module):
            thing = getattr(module, name)
            if inspect.ismodule(thing) or not callable(thing) or name in ORDINARY:
                continue
            full = f"{first_home(name, thing)}.{name}"
            found.setdefault(name, full)
            found.setdefault(f"{short}.{name}", full)
            found.setdefault(f"{module_name}.{name}", full)
    return found


class Linked(SphinxTransform):
    """Public names in backticks become links."""

    default_priority = 210

    def apply(self, **_: object) -> None:
        """Wrap them."""
        if self.env.docname.startswith(("reference/", "decisions/")):
            return
        for literal in list(self.document.findall(nodes.literal)):
            name = re.match(r"[\w.]+", literal.astext())
            target = entries().get(name[0]) if name else None
            if target is None or isinstance(literal.parent, (nodes.reference, nodes.title, addnodes.pending_xref)):
                continue
            cross = addnodes.pending_xref("", refdomain="py", reftype="obj", reftarget=target, refexplicit=True)
            cross["refwarn"] = True
            literal.replace_self(cross)
            cross += literal


def setup(app: Sphinx) -> dict[str, bool]:
    """For Sphinx."""
    app.add_directive("public", Public)
    app.add_directive("operations", Operations)
    app.add_transform(Linked)
    return {"parallel_read_safe": True}
