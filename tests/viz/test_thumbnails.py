"""`thumbnails`: the ways to read and write sequences, each drawn from a recorded graph."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from microgradrnn import Value, nn
from microgradrnn.functional import add_n
from viz import thumbnails
from viz.paint.figure_marks import Line, Shape
from viz.thumbnails import _drawn

SVG = "{http://www.w3.org/2000/svg}"
x = np.random.default_rng(0).normal(size=(3, 1, 3))


def total(steps):
    return add_n([y for _, y in steps]).sum()


def styles():
    encoder_decoder = nn.Seq2Seq(nn.Encoder(3, 4, seed=0), nn.Decoder(2, 4, 4, seed=1))
    return {
        "one to one": nn.ManyToOne(3, 4, 2, seed=0)(x[:1]),
        "one to many": total(nn.OneToMany(3, 4, 2, seed=0).unroll(x[0], 3)),
        "many to one": nn.ManyToOne(3, 4, 2, seed=0)(x),
        "many to many": total(encoder_decoder.unroll(x, steps=2)),
        "in step": total(nn.ManyToMany(3, 4, 2, seed=0).unroll(x)),
    }


@pytest.mark.parametrize(
    ("style", "inputs", "states", "outputs"),
    [
        ("one to one", 1, 1, 1),
        ("one to many", 1, 3, 3),
        ("many to one", 3, 3, 1),
        ("many to many", 3, 5, 2),
        ("in step", 3, 3, 3),
    ],
)
def test_each_style_has_its_inputs_states_and_outputs(style, inputs, states, outputs):
    marks = _drawn(style, styles()[style]).marks
    found = [mark.stroke for mark in marks if isinstance(mark, Shape)]
    assert [found.count(kind) for kind in ("input", "state", "output")] == [inputs, states, outputs]
    assert len(found) == inputs + states + outputs


def test_arrows_are_those_of_the_graph():
    marks = _drawn("many to one", styles()["many to one"]).marks
    assert sum(isinstance(mark, Line) for mark in marks) == 3 + 2 + 1  # x -> h, h -> h, h -> y


@pytest.mark.parametrize("width", ["8cm", "16cm", "33cm"])
def test_captions_are_the_only_text_and_can_be_read(width):
    root = ET.fromstring(thumbnails(styles(), width=width).svg())
    assert f"{float(root.get('width').removesuffix('cm')):g}cm" == width
    texts = list(root.iter(f"{SVG}text"))
    assert [text.text for text in texts] == list(styles())
    per_unit = float(width.removesuffix("cm")) / 2.54 * 72 / float(root.get("viewBox").split()[2])
    assert min(float(text.get("font-size")) * per_unit for text in texts) >= 9


def test_they_are_saved_as_what_the_name_says(tmp_path):
    made = thumbnails(styles())
    for ending, begins in ((".svg", b"<svg"), (".png", b"\x89PNG"), (".pdf", b"%PDF"), (".tex", b"%")):
        assert made.save(tmp_path / f"styles{ending}").read_bytes().startswith(begins)
    with pytest.raises(ValueError, match=r"\.svg, \.png, \.pdf, \.tex, not as '\.gif'"):
        made.save(tmp_path / "styles.gif")


def test_a_caption_is_just_text():
    svg = thumbnails({"</text><script>": styles()["one to one"]}).svg()
    tags = {element.tag.removeprefix(SVG) for element in ET.fromstring(svg).iter()}
    assert tags <= {"svg", "title", "rect", "g", "path", "text"}


@pytest.mark.parametrize(
    ("graphs", "options", "error", "said"),
    [
        ([Value(1.0)], {}, TypeError, "takes a caption for each root"),
        ({"a": 3}, {}, TypeError, "takes a caption for each root"),
        ({}, {}, ValueError, "no graphs"),
        ({"a": Value(1.0)}, {}, ValueError, "'a' has 0 time steps; they show from 1 to 12"),
        ({"long": "many"}, {}, TypeError, "takes a caption"),
    ],
)
def test_bad_input_is_an_error_that_says_what_is_meant(graphs, options, error, said):
    with pytest.raises(error, match=said):
        thumbnails(graphs, **options)


def test_a_width_that_is_too_small_is_an_error_that_names_one_that_is_not():
    with pytest.raises(ValueError, match="ask for at least") as error:
        thumbnails(styles(), width="0.5cm")
    least = re.search(r"at least ([\d.]+cm)", str(error.value))[1]
    assert thumbnails(styles(), width=least).svg().startswith("<svg")


def test_an_unknown_theme_is_an_error():
    with pytest.raises(ValueError, match="theme is 'light', 'dark', 'auto', not 'pink'"):
        thumbnails(styles(), theme="pink")
