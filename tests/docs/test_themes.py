"""A picture of both themes is written as one of each."""

from microgradrnn import Value
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
