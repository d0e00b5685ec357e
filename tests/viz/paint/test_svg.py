"""The picture: well formed, honest about labels, the same whichever engine laid it out."""

import io
import itertools
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

import matplotlib.image
import numpy as np
import pytest
import resvg_py
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor, Value, scope
from tests.viz.networks import rnn_loss
from viz import draw
from viz.layout.arrange import Arranged, arrange
from viz.paint import fonts, svg
from viz.paint.box_rows import rows
from viz.paint.figures import figures
from viz.paint.geometry import around, overlap
from viz.paint.pen import Pen

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return ["".join(element.itertext()) for element in ET.fromstring(svg).iter(f"{SVG}text")]


@given(st.text())
def test_any_label_is_just_text(label):
    svg = draw(Value(1.0, label) * 2).svg()
    tags = {element.tag.removeprefix(SVG) for element in ET.fromstring(svg).iter()}
    assert tags == {"svg", "title", "style", "rect", "g", "path", "text"}


@pytest.mark.parametrize(
    "label", ["</script><script>alert(1)", '"quotes"', "😀 emoji", "x" * 10_000, "]]>", "\0\ud800"]
)
def test_hostile_labels_change_nothing_but_text(label):
    plain, hostile = (draw(Value(1.0, name) * Value(2.0, "y")).svg() for name in ("x", label))
    count = [sum(element.tag != f"{SVG}text" for element in ET.fromstring(svg).iter()) for svg in (plain, hostile)]
    assert count[0] == count[1]


def test_a_long_label_is_cut_on_the_picture_and_kept_in_the_tooltip():
    svg = draw(Tensor([1.0], "W" * 300) * 2).svg()
    assert "W" * 300 in svg
    assert max(len(text) for text in texts(svg) if text.startswith("W")) < 40


def test_numbers_have_a_true_minus_and_four_digits():
    x = Value(-1 / 3, "x")
    y = x * 2
    y.backward()
    assert "−0.3333" in texts(draw(y).svg())


def test_what_is_not_known_is_a_dash_and_never_zero():
    svg = draw(rnn_loss(2)).svg()
    gradients = [text for text in texts(svg) if text.startswith("∇ ") and text != "∇ ="]
    assert gradients
    assert set(gradients) == {"∇ –"}


def test_a_norm_wears_its_bars_and_the_picture_says_that_norms_do_not_add():
    root = rnn_loss(2)
    root.backward()
    written = texts(draw(root).svg())
    norm = f"{np.linalg.norm(root.inputs[0].inputs[0].grad):.4g}"
    assert any(f"‖{norm}‖" in text for text in written)
    assert "entries add; norms do not" in written


def test_two_drawings_share_no_id():
    root = rnn_loss(2)
    ids = [set(re.findall(r' id="([^"]+)"', draw(root).svg())) for _ in range(2)]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_both_engines_give_the_same_texts_ids_and_classes(monkeypatch):
    if not shutil.which("dot"):
        pytest.skip("needs Graphviz's dot")
    root = rnn_loss(3)
    root.backward()

    def traits() -> list[str]:
        return re.findall(r'class="[^"]*"|id="d\d+-([^"]*)"|>([^<]+)</text>', draw(root).svg())

    by_dot = traits()
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert traits() == by_dot


def test_png_shows_text_without_any_system_font():
    x = Value(-1 / 3, "x")
    svg = draw(x * 2).svg()
    files = [str(fonts.path(name)) for name in (fonts.SANS, fonts.BOLD, fonts.MONO)]
    without_text = re.sub(r"<text.*?</text>", "", svg)
    pictures = [
        resvg_py.svg_to_bytes(svg_string=source, skip_system_fonts=True, font_files=files)
        for source in (svg, without_text)
    ]
    inks = [np.sum(matplotlib.image.imread(io.BytesIO(bytes(picture)))[..., :3] < 0.5) for picture in pictures]
    assert inks[0] > inks[1] + 100


def test_png_is_two_pixels_a_point():
    drawing = draw(Value(1.0, "x") * 2)
    width = float(re.search(r'width="(\d+)"', drawing.svg())[1])
    assert matplotlib.image.imread(io.BytesIO(drawing.png())).shape[1] == 2 * width


def test_every_box_is_wide_enough_for_its_texts():
    root = rnn_loss(2, hidden=3)
    root.backward()
    for group in ET.fromstring(draw(root).svg()).iter(f"{SVG}g"):
        if "node" in group.get("class", ""):
            box = group.findall(f"{SVG}rect")[1 if "root" in group.get("class") else 0]
            left, right = float(box.get("x")), float(box.get("x")) + float(box.get("width"))
            for text in group.findall(f"{SVG}text"):
                font = fonts.BOLD if text.get("font-weight") else fonts.MONO if text.get("font-family") else fonts.SANS
                width = fonts.width(text.text, float(text.get("font-size").removesuffix("px")), font)
                start = (
                    float(text.get("x"))
                    - {"start": 0, "middle": width / 2, "end": width}[text.get("text-anchor", "start")]
                )
                assert left <= start
                assert start + width <= right


def test_the_picture_is_the_same_in_every_run():
    program = (
        "from tests.viz.networks import rnn_loss; from viz import draw; import sys\n"
        "root = rnn_loss(2); root.backward(); sys.stdout.buffer.write(draw(root).svg().encode())"
    )
    runs = [
        subprocess.run([sys.executable, "-c", program], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True)
        for seed in ("0", "1", "2")
    ]
    assert runs[0].stdout
    assert runs[0].stdout == runs[1].stdout == runs[2].stdout


def test_no_contribution_covers_another_or_a_box():
    x, h = Tensor([[0.1, -0.2, 0.3, 0.4, 0.5]], "x"), Tensor([[1.0, 2.0, 3.0, 4.0, 5.0]], "h")
    for t in (1, 2):
        with scope("cell", t=t):
            h = (x * h + h * h).tanh()
    root = h.sum()
    root.backward()
    drawn = draw(root)
    sizes = svg.sizes(drawn.view)
    layout = arrange(drawn.view, sizes, "LR")
    labels = list(figures(Arranged(drawn.view, sizes, layout)).rectangles.values())
    boxes = [around(layout.boxes[key], size) for key, size in sizes.items()]
    assert len(labels) == sum(drawn.view.boxes[arrow.tail].role != "alias" for arrow in drawn.view.arrows)
    assert not any(overlap(a, b) for a, b in itertools.combinations(labels, 2))
    assert not any(overlap(a, b) for a in labels for b in boxes)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0)])
def test_an_empty_tensor_is_drawn(shape):
    assert draw(Tensor(np.zeros(shape), "nothing").sum()).svg().startswith("<svg")


def test_each_entrys_gradient_stands_under_its_value():
    root = rnn_loss(2, hidden=3)
    root.backward()
    for box in draw(root).view.boxes:
        value_and_grad = rows(box, animated=False)
        if len(value_and_grad) == 2 and np.ndim(box.value) > 0:
            lefts = []
            for row in value_and_grad:
                pen = Pen()
                row.paint(pen, 0.0, 0.0, 200.0, 1.0)
                cells = re.findall(r' d="(M[^"]+z)"', "".join(pen.out))
                lefts.append(sorted(float(x) for d in cells for x in re.findall(r"M([\d.]+),", d)))
            assert lefts[0] == lefts[1] != []


def test_the_gradient_scale_holds_every_entry_of_boxes_and_sums():
    root = rnn_loss(4)
    root.backward()
    drawn = draw(root)
    in_boxes = [box.grad for box in drawn.view.boxes if np.ndim(box.grad) > 0]
    in_sums = [data for s in drawn.view.sums for data in (s.total, *(part for _, part in s.parts))]
    largest = max(np.abs(data).max() for data in in_boxes + in_sums)
    assert f"+{largest:.4g} in all strips" in texts(drawn.svg())
