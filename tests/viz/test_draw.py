"""`draw`, `draw_dot`, and what a `Drawing` can be saved as."""

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from microgradrnn import Parameter, Value
from tests.viz.networks import rnn_loss
from viz import draw, draw_dot


def product():
    a, b = Value(2.0, "a"), Value(-3.0, 'b "quoted" \\ back')
    f = a * b
    f.label = "f"
    f.backward()
    return f


def test_dot_is_golden():
    golden = Path(__file__).parent / "golden" / "product.dot"
    assert draw(product()).source == golden.read_text(encoding="utf-8")


def test_in_dot_upstream_stands_at_the_head_local_in_the_middle_and_downstream_at_the_tail():
    x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    root = z * (x + y)
    root.backward()
    source = draw(root, edges="all").source.replace("−", "-")
    names = dict(re.findall(r'b(\d+) \[label="([^"\\]+?)(?:  [^"\\]*)?\\n', source))
    edges = re.findall(r'b(\d+) -> b(\d+) .*?headlabel="(.*?)" label="× (.*?)" taillabel="(.*?)"', source)
    found = {(names[tail], names[head]): tuple(map(float, numbers)) for tail, head, *numbers in edges}
    assert found == {
        ("z", "z * (x + y)"): (1.0, 3.0, 3.0),
        ("x + y", "z * (x + y)"): (1.0, -4.0, -4.0),
        ("x", "x + y"): (-4.0, 1.0, -4.0),
        ("y", "x + y"): (-4.0, 1.0, -4.0),
    }
    assert "headlabel" not in draw(root, edges="contribution").source


def test_graphviz_takes_the_dot():
    if not shutil.which("dot"):
        pytest.skip("needs Graphviz's dot")
    root = rnn_loss(3)
    root.backward()
    answer = subprocess.run(["dot", "-Tplain"], input=draw(root).source.encode(), capture_output=True, check=True)
    assert answer.stderr == b""
    assert answer.stdout.count(b"\nnode ") == len(draw(root).view.boxes)


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("f.svg", b"<svg"),
        ("f.png", b"\x89PNG"),
        ("f.pdf", b"%PDF"),
        ("f.html", b"<!doctype html>"),
        ("f.dot", b"digraph"),
        ("f.txt", b"visit 1 of 3"),
    ],
)
def test_a_drawing_is_saved_as_its_name_says(tmp_path, name, begins):
    path = draw(product()).save(tmp_path / "made" / name)
    assert path.read_bytes().startswith(begins)


def test_a_pdf_keeps_its_text_and_needs_a_package_that_it_names(tmp_path, monkeypatch):
    path = draw(product()).save(tmp_path / "f.pdf")
    assert b"DejaVu" in path.read_bytes()
    monkeypatch.setitem(sys.modules, "svglib.svglib", None)
    with pytest.raises(RuntimeError, match=r'pip install "microgradrnn\[pdf\]"'):
        draw(product()).save(tmp_path / "g.pdf")
    assert not (tmp_path / "g.pdf").exists()


def test_an_unknown_ending_is_an_error_that_names_the_known_ones_and_writes_nothing(tmp_path):
    with pytest.raises(ValueError, match=r"\.svg, \.png, \.pdf, \.html, \.dot, \.txt, \.tex, not as '\.gif'"):
        draw(product()).save(tmp_path / "f.gif")
    assert not list(tmp_path.iterdir())


def test_draw_dot_renders_as_the_graphviz_package_does(tmp_path):
    written = draw_dot(product()).render(tmp_path / "gout")
    assert written == str(tmp_path / "gout.svg")
    assert (tmp_path / "gout.svg").read_text(encoding="utf-8").startswith("<svg")


def test_draw_dot_runs_the_way_it_is_told():
    chain = product().exp().tanh().exp()
    widths = [int(re.search(r'width="(\d+)"', draw_dot(chain, rankdir=way).svg())[1]) for way in ("LR", "TB")]
    assert widths[0] > widths[1]


def test_a_drawing_shows_itself_in_jupyter_with_an_alternative_in_text():
    bundle = draw(product())._repr_mimebundle_()
    assert bundle["image/svg+xml"].startswith('<svg style="max-width: 100%; height: auto"')
    assert bundle["text/plain"] == "<Drawing of 3 boxes and 2 arrows>"


@pytest.mark.parametrize("wrong", [{"rankdir": "XX"}, {"max_nodes": 0}])
def test_options_that_make_no_sense_are_errors(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        draw(product(), **wrong)


def test_a_chain_of_100_000_nodes_is_drawn_with_a_cut():
    y = Value(1.0)
    for _ in range(100_000):
        y = -y
    y.backward()
    assert "99,901 of 100,001 nodes" in draw(y).svg()


def test_a_drawing_stays_as_it_was_drawn():
    w = Parameter([[2.0]], "w")
    y = (w * w).sum()
    y.backward()
    drawing, before = draw(y), draw(y).to_text()
    w.data -= 0.5 * w.grad
    y.zero_grad()
    assert drawing.to_text() == before
    assert "w = [2]   grad [4]" in before


def test_draw_dot_renders_in_the_format_that_it_was_told(tmp_path):
    assert draw_dot(product(), format="png").render(tmp_path / "gout") == str(tmp_path / "gout.png")


def test_only_a_node_can_be_drawn():
    with pytest.raises(TypeError, match="draw takes a node, not list"):
        draw([product()])


LABELS = [
    "&#955;",
    "&lambda; &amp; &",
    '"quoted"',
    "a\nb",
    r"\n \l \r \N \G \E",
    "back\\",
    "<b>bold</b>",
    "<>",
    "]]>",
    "{a|b}",
]


def test_a_label_in_dot_is_what_graphviz_shows_whatever_is_in_it():
    if not shutil.which("dot"):
        pytest.skip("needs Graphviz's dot")
    for label in LABELS:
        x = Value(2.0, label)
        source = draw(x * Value(3.0, "b")).source
        svg = subprocess.run(["dot", "-Tsvg"], input=source.encode(), capture_output=True, check=True).stdout
        shown = [text.text for text in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
        assert " ".join(label.split()) in " ".join(text.replace("\xa0", " ").strip() for text in shown), label
        tips = [a.get("{http://www.w3.org/1999/xlink}title", "") for a in ET.fromstring(svg).iter()]
        assert any(tip.replace("\xa0", " ").startswith(" ".join(label.split())) for tip in tips), label
