"""The reference has an entry for every public name, and what stands there comes from its docstring."""

import inspect
import re
from pathlib import Path

from tests.docs.extensions import docstrings, public

DOCS = Path(__file__).parents[2] / "docs"


def test_every_public_name_has_a_docstring():
    assert public.without_docstring() == []


def test_every_public_name_has_an_example():
    assert public.without_example() == []


def test_every_example_starts_from_what_its_page_says():
    found = {name: public.undefined(name, thing) for name, thing in public.names() if callable(thing)}
    assert {name: names for name, names in found.items() if names} == {}


def test_a_name_that_an_example_does_not_define_is_found():
    def example():
        """Squares.

        >>> def square(x):
        ...     return float(x) * np.abs(x) + unknown
        >>> [square(y) for y in (Value(1.0), Linear)]
        """

    assert public.undefined("microgradrnn.example", example) == {"unknown", "Linear"}
    assert public.undefined("microgradrnn.nn.example", example) == {"unknown", "Value"}


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


def test_what_docstrings_name_of_ours_has_an_entry():
    docs = {name: inspect.getdoc(thing) or "" for name, thing in public.names() if callable(thing)}
    named = [(name, said) for name, text in docs.items() for said in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)]
    ours = [(name, said) for name, said in named if said[0].isupper() or said.startswith("microgradrnn.")]
    modules = {module for page in public.PAGES.values() for module in page}
    members = {name.rpartition(".")[2] for name, _ in public.names()}
    lost = [pair for pair in ours if public.target(pair[1]) is None and pair[1] not in modules | members]
    assert len(ours) > 50
    assert lost == []


def test_the_entry_that_a_name_means():
    assert public.target("nn.LSTM") == public.target("microgradrnn.nn.unrolled.LSTM") == "microgradrnn.nn.LSTM"
    assert public.target("Module.train") == "microgradrnn.nn.Module.train"
    assert public.target("numpy.split") is public.target("nobody.knows") is None


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
        "    last: k.",
        "",
        ">>> 2 * x_",
    ]
    assert docstrings.convert(plain) == [
        r"z_t = x \* W\_, see `f`:",
        "",
        ".. code-block:: none",
        "",
        "    h_ = tanh(z_)",
        "",
        r"And \|so\| on.",
        "",
        "Args:",
        r"    x: a\_ number.",
        r"    last: \k.",
        "",
        ">>> 2 * x_",
    ]
