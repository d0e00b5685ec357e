"""The reference has an entry for every public name, and what stands there comes from its docstring."""

import re
from pathlib import Path

from tests.docs.extensions import docstrings, public

DOCS = Path(__file__).parents[2] / "docs"
MOST_WITHOUT_EXAMPLE = 255
"""May only become less: python docs/_ext/public.py --examples names them."""


def test_every_public_name_has_a_docstring():
    assert public.without_docstring() == []


def test_no_more_names_are_without_an_example():
    assert len(public.without_example()) <= MOST_WITHOUT_EXAMPLE


def test_each_module_has_its_page():
    for page, modules in public.PAGES.items():
        text = (DOCS / "reference" / f"{page}.md").read_text(encoding="utf-8")
        assert re.findall(r"\{public\} ([\w.]+)", text) == modules


def test_a_name_without_docstring_or_example_is_found(monkeypatch):
    def silent():
        pass

    monkeypatch.setattr(public, "names", lambda: [("m.silent", silent), ("m.LIMIT", 3)])
    assert public.without_docstring() == public.without_example() == ["m.silent"]


def test_a_formula_in_a_docstring_is_shown_as_it_stands():
    plain = [
        "z_t = x * W_, see `f`:",
        "",
        "    h_ = tanh(z_)",
        "",
        "And |so| on.",
        "",
        "Args:",
        "    x: a_ number.",
        "",
        ">>> 2 * x_",
    ]
    assert docstrings.convert(plain) == [
        r"z_t = x \* W\_, see `f`:",
        "",
        "::",
        "",
        "    h_ = tanh(z_)",
        "",
        r"And \|so\| on.",
        "",
        "Args:",
        r"    x: a\_ number.",
        "",
        ">>> 2 * x_",
    ]
