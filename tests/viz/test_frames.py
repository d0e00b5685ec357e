"""Numbered pictures of a pass: one layout, and at each visit what is known by then and nothing more."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from microgradrnn import Backprop, Parameter, Tensor, Value, scope
from microgradrnn.backprop import order
from tests.viz.networks import rnn_loss
from viz import draw
from viz.frames import frames
from viz.numbers import brief, number

SVG = "{http://www.w3.org/2000/svg}"


def places(svg: str) -> list[tuple[str, ...]]:
    """Where boxes stand and arrows run."""
    root = ET.fromstring(svg)
    boxes = [r for r in root.iter(f"{SVG}rect") if r.get("class").startswith("box")]
    wires = [p.get("d") for p in root.iter(f"{SVG}path") if (p.get("class") or "").startswith("wire")]
    return [(root.get("viewBox"), *wires), *((r.get("x"), r.get("y"), r.get("width"), r.get("height")) for r in boxes)]


def boxes(svg: str) -> dict[str, list[str]]:
    """What stands in each box, by its title."""
    groups = [g for g in ET.fromstring(svg).iter(f"{SVG}g") if (g.get("class") or "").startswith("node")]
    return {texts[0]: texts[1:] for texts in ([t.text for t in g.iter(f"{SVG}text")] for g in groups)}


def lit(svg: str) -> set[str]:
    """Titles of the boxes that are lit up: those with a thicker border than in any static picture."""
    groups = [g for g in ET.fromstring(svg).iter(f"{SVG}g") if (g.get("class") or "").startswith("node")]
    wide = [g for g in groups if any(r.get("stroke-width") == "3.5" for r in g.iter(f"{SVG}rect"))]
    return {next(g.iter(f"{SVG}text")).text for g in wide}


def chain():
    x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    s = x + y
    s.label = "s"
    f = s * (z * s)
    f.inputs[1].label, f.label = "p", "f"
    return f


def test_arrows_that_are_lit_point_back_and_others_do_not(tmp_path):
    for path in frames(chain(), tmp_path):
        groups = [g for g in ET.parse(path).iter(f"{SVG}g") if g.get("class") == "arrow"]
        lit_ones = 0
        for wire, tip in (group.findall(f"{SVG}path") for group in groups):
            (*start, _, _, _, _), (x, y, *_) = (
                [float(n) for n in re.findall(r"-?[\d.]+", p.get("d"))] for p in (wire, tip)
            )
            is_lit = wire.get("stroke-width") == "2.6"
            assert (start[:2] == [x, y]) == is_lit
            lit_ones += is_lit
        assert lit_ones > 0


def test_there_is_one_for_each_visit_numbered_so_that_they_sort(tmp_path):
    root = rnn_loss(2)
    written = frames(root, tmp_path / "film")
    assert len(written) == len(order(root)) > 9
    assert written == sorted((tmp_path / "film").iterdir())
    assert written[0].name == "visit_01.svg"


def test_all_have_one_layout(tmp_path):
    pictures = [path.read_text(encoding="utf-8") for path in frames(rnn_loss(3, hidden=2), tmp_path)]
    first, *others = map(places, pictures)
    assert all(other == first for other in others)


def test_each_shows_the_gradients_that_are_known_after_that_many_visits(tmp_path):
    root = chain()
    pictures = [path.read_text(encoding="utf-8") for path in frames(root, tmp_path)]
    run = Backprop(root)
    uses = {"f": 0, "s": 2, "p": 1, "x": 1, "y": 1, "z": 1}
    came = dict.fromkeys(uses, 0)
    for picture, visit in zip(pictures, run, strict=True):
        for edge in visit.edges:
            came[edge.input.label] += 1
        shown = boxes(picture)
        for node in order(root):
            more = " …" if 0 < came[node.label] < uses[node.label] else ""
            assert shown[node.label][-1] == f"∇ {brief(node.grad)}{more}"


def test_a_contribution_shows_from_the_visit_on_that_brings_it(tmp_path):
    root = chain()
    for k, path in enumerate(frames(root, tmp_path, edges="contribution"), start=1):
        drawn = ET.parse(path).getroot()
        groups = [g for g in drawn.iter(f"{SVG}g") if g.get("class") == "contribution"]
        known = [t.text for g in groups for t in g.iter(f"{SVG}text") if t.text != "–"]
        run = Backprop(root)
        expected = [brief(edge.downstream) for visit in (run.step() for _ in range(k)) for edge in visit.edges]
        assert sorted(known) == sorted(expected)


def test_each_lights_up_the_node_that_is_visited(tmp_path):
    root = chain()
    pictures = [path.read_text(encoding="utf-8") for path in frames(root, tmp_path)]
    assert [lit(picture) for picture in pictures] == [{node.label} for node in order(root)]


def test_a_shared_weights_own_visit_lights_up_its_aliases_and_its_sum(tmp_path):
    root = rnn_loss(3)
    weights = {node for node in order(root) if isinstance(node, Parameter)}
    for path, node in zip(frames(root, tmp_path), order(root), strict=True):
        svg = path.read_text(encoding="utf-8")
        if node in weights:
            assert lit(svg) == {node.label}
        framed = [
            next(g.iter(f"{SVG}text")).text
            for g in ET.fromstring(svg).iter(f"{SVG}g")
            if g.get("class") == "sum" and g.find(f"{SVG}rect") is not None
        ]
        assert framed == ([node.label] if node in weights else [])


def test_the_panel_adds_up_what_is_in_so_far(tmp_path):
    root = rnn_loss(3, hidden=2)
    run = Backprop(root)
    W = next(node for node in order(root) if node.label == "W_hh")
    for path, visit in zip(frames(root, tmp_path), run, strict=True):
        del visit
        (group,) = [
            g
            for g in ET.parse(path).getroot().iter(f"{SVG}g")
            if g.get("class") == "sum" and next(g.iter(f"{SVG}text")).text == "W_hh"
        ]
        last = [t.text for t in group.iter(f"{SVG}text")][-1]
        assert last.split() == (["–"] if W.grad is None else [number(x) for x in W.grad.ravel()])


def test_no_tooltip_gives_a_number_away_that_is_not_known_yet(tmp_path):
    first = frames(chain(), tmp_path)[0].read_text(encoding="utf-8")
    titles = [title.text for title in ET.fromstring(first).iter(f"{SVG}title")]
    assert not [title for title in titles if re.search(r"^(grad|downstream) ", title, re.M)]


def test_the_last_one_says_what_a_picture_of_the_whole_pass_says(tmp_path):
    root = chain()
    written = frames(root, tmp_path)
    root.backward()
    assert boxes(written[-1].read_text(encoding="utf-8")) == boxes(draw(root).svg())


def test_a_caption_says_which_visit_it_is(tmp_path):
    with scope("cell", t=4):
        y = Tensor([0.5], "z_4").tanh()
        y.label = "h_4"
    texts = [t.text for t in ET.parse(frames(y.sum(), tmp_path)[1]).getroot().iter(f"{SVG}text")]
    assert "visit 2 of 3 · t = 4 · h_4 = tanh(z_4)" in texts
    assert "squashes: the input gets upstream times the slope 1 − h_4²" in texts


def test_png_is_written_too(tmp_path):
    (path,) = frames(Parameter([1.0], "w"), tmp_path, format="png")
    assert path.name == "visit_1.png"
    assert path.read_bytes().startswith(b"\x89PNG")


def test_no_gradient_is_touched(tmp_path):
    root = chain()
    frames(root, tmp_path)
    assert all(node.grad is None for node in order(root))
    root.backward()
    grads = [np.copy(node.grad) for node in order(root)]
    frames(root, tmp_path)
    assert [node.grad for node in order(root)] == grads


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"loss": 3.0}, TypeError, "frames takes a node, not float"),
        ({"loss": Value(1.0), "format": "gif"}, ValueError, "frames: format is 'svg' or 'png', not 'gif'"),
        ({"loss": Value(1.0), "max_nodes": -1}, ValueError, "frames: max_nodes must be at least 1, not -1"),
    ],
)
def test_bad_input_is_an_error_and_nothing_is_written(tmp_path, wrong, error, message):
    with pytest.raises(error, match=message):
        frames(directory=tmp_path / "film", **wrong)
    assert not (tmp_path / "film").exists()
