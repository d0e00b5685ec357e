"""Equations for pages: presentation MathML and nothing else, whatever the labels are."""

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viz.words.formula import latex_name
from viz.words.mathml import LONGEST, MOST, mathml


def tags(markup: str) -> set[str]:
    return {element.tag for element in ET.fromstring(markup).iter()}


def text(markup: str) -> str:
    return "".join(ET.fromstring(markup).itertext())


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"]), min_size=2, max_size=LONGEST))
def test_any_label_comes_out_as_it_went_in(label):
    markup = mathml(latex_name(label))
    indexed = re.fullmatch("([A-Za-z])_([A-Za-z0-9]+)", label)
    assert text(markup) == ("".join(indexed.groups()) if indexed else label)
    assert tags(markup) == ({"math", "msub", "mi"} if indexed else {"math", "mtext"}) | (tags(markup) & {"mn"})


@pytest.mark.parametrize(
    ("latex", "shown"),
    [
        (r"\tanh {z_{2}}", "tanh\u2009z2"),
        (r"1 - {h_{2}}^2", "1−h22"),
        (r"a {+}= g \cdot b", "a+=g·b"),
        (r"\mathrm{softmax}(x)", "softmax\u2009(x)"),
        (r"\left(W_{hh} + b\right)", "(Whh+b)"),
        (r"\frac{\partial L}{\partial W_{hh}}", "∂L∂Whh"),
    ],
)
def test_an_equation_keeps_its_signs_in_order(latex, shown):
    assert text(mathml(latex)) == shown


def test_an_index_is_an_index_and_a_sign_of_two_characters_is_one():
    assert mathml("W_{hh}") == "<math><msub><mi>W</mi><mi>hh</mi></msub></math>"
    assert "<mo>+=</mo>" in mathml("a {+}= b")


@pytest.mark.parametrize(
    "latex",
    [
        r"\text{</math><script>alert(1)</script>}",
        r"\mathrm{<script>}",
        r"\operatorname{<b>}",
        "<script>",
        r"\href{x}{y}",
    ],
)
def test_no_markup_gets_through(latex):
    markup = mathml(latex)
    assert "<script" not in markup
    assert "<b>" not in markup
    assert not markup or tags(markup) <= {"math", "mtext", "mi", "mo", "mrow"}


@pytest.mark.parametrize("latex", [r"\frac{", "}", "{", r"\begin{matrix}", "", "^", "+".join(["x_{1}"] * (MOST + 1))])
def test_what_is_beyond_it_comes_out_empty_or_as_mathml(latex):
    markup = mathml(latex)
    assert not markup or tags(markup)


def test_a_long_name_is_cut():
    assert text(mathml(latex_name("x" * 10_000))) == "x" * LONGEST + "…"
