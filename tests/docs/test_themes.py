"""A picture that can be shown in two themes is written as one of each, and the page's button chooses."""

import pytest

from microgradrnn import Value
from microgradrnn.analysis import spectrum
from tests.docs.extensions import themes
from viz import draw


def test_one_is_always_light_and_one_always_dark(tmp_path):
    f = Value(2.0, "x") * Value(3.0, "y")
    for name, style in (("full", "full"), ("figure", "figure")):
        picture = draw(f, style=style, theme="auto").save(tmp_path / f"{name}.svg")
        themes.both_themes(picture)
        light, dark = (picture.with_suffix(f".{kind}.svg").read_text(encoding="utf-8") for kind in ("light", "dark"))
        assert "@media" in picture.read_text(encoding="utf-8")
        assert "@media" not in light + dark
        assert "#16181d" in dark  # the dark ground
        assert "#16181d" not in light


def test_a_picture_of_one_theme_stays_alone(tmp_path):
    picture = draw(Value(2.0, "x") * 3, style="figure", theme="light").save(tmp_path / "one.svg")
    themes.both_themes(picture)
    assert [path.name for path in tmp_path.iterdir()] == ["one.svg"]


def test_a_chart_is_written_in_both_forms_too(tmp_path):
    pytest.importorskip("matplotlib")
    chart = draw(spectrum([[0.5, 10.0], [0.0, 0.5]])).save(tmp_path / "chart.svg")
    themes.both_themes(chart)
    light, dark = (chart.with_suffix(f".{kind}.svg").read_text(encoding="utf-8") for kind in ("light", "dark"))
    assert "@media" not in light + dark
    assert "#16181d" in dark
    assert "#16181d" not in light


def test_a_picture_that_names_both_forms_itself_follows_the_button_too():
    html = """before <picture>
      <source media="(prefers-color-scheme: dark)" srcset="b.svg">
      <img src="a.svg" alt="A">
    </picture> after"""
    assert themes.following_the_button(html) == (
        'before <a class="only-light" href="a.svg"><img src="a.svg" alt="A"></a>'
        '<a class="only-dark" href="b.svg"><img src="b.svg" alt="A"></a> after'
    )
    assert themes.following_the_button("<p>text</p>") == "<p>text</p>"
