"""The reference has an entry for every public name, and what stands there comes from its docstring."""

import re
from pathlib import Path

from tests.docs.extensions import docstrings, public

DOCS = Path(__file__).parents[2] / "docs"


def test_every_public_name_has_a_docstring():
    assert public.without_docstring() == []


def test_every_public_name_has_an_example():
    assert public.without_example() == []


def test_each_module_has_its_page():
    for page, modules in public.PAGES.items():
        text = (DOCS / "reference" / f"{page}.md").read_text(encoding="utf-8")
        assert re.findall(r"\{public\} ([\w.]+)", text) == modules


def test_a_name_without_docstring_or_example_is_found(monkeypatch):
    def silent():
        pass

    monkeypatch.setattr(public, "names", lambda: [("m.silent", silent), ("m.LIMIT", 3)])
    assert public.without_docstring() == public.without_example() == ["m.silent"]


class Counter:
    """Counts.

    >>> counter = Counter(1)
    >>> counter(2), counter.total
    (3, 3)
    >>> "counter.forgotten"
    'counter.forgotten'
    """

    def __init__(self, start):
        self.total = start

    def forward(self, number):
        self.total += number
        return self.total

    __call__ = forward


class Named:
    """Named and never called.

    >>> counter = Counter(1)
    >>> counter(2), Named.total
    (3, 0)
    """

    total = 0


def test_an_example_of_a_class_shows_the_members_that_it_uses():
    assert public.shown_by(Counter) == {"total", "forward"}
    assert public.shown_by(Named) == {"total"}


def test_a_member_that_the_example_of_its_class_uses_has_one(monkeypatch):
    found = {"m.Counter": Counter, "m.Counter.forward": Counter.forward, "m.Counter.forgotten": Counter.forward}
    monkeypatch.setattr(public, "names", lambda: found.items())
    assert public.without_example() == ["m.Counter.forgotten"]


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
