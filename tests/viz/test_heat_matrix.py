"""A matrix as colours and numbers."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from microgradrnn import Tensor, functional, nn
from microgradrnn.analysis import state_jacobian
from microgradrnn.by_hand.softmax_cross_entropy import jacobian
from microgradrnn.stepping import walk
from viz import draw, heat_matrix
from viz.numbers import number
from viz.paint import fonts, heat

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture):
    return [text.text for text in ET.fromstring(picture.svg()).iter(f"{SVG}text")]


def test_a_small_matrix_shows_every_entry_where_it_stands():
    y = np.array([0.2, 1.0, -0.5])
    S = np.exp(y) / np.exp(y).sum()
    root = ET.fromstring(heat_matrix(jacobian(y), "S", "y").svg())
    places = {}
    for text in root.iter(f"{SVG}text"):
        places.setdefault(text.text, []).append((float(text.get("x")), float(text.get("y"))))
    for i in range(3):
        for j in range(3):
            entry = number(S[i] * (1 - S[i]) if i == j else -S[i] * S[j])
            column, row = places[f"y[{j}]"][0][0], places[f"S[{i}]"][0][1]
            assert any(abs(x - column) < 1 and abs(y - row) < 1 for x, y in places[entry])


def test_the_jacobian_of_an_edge_and_between_states_can_be_drawn():
    y = Tensor([1.0, 2.0], "y")
    [edge] = [edge for visit in walk(functional.softmax(y)[0]) for edge in visit.edges if edge.input is y]
    assert number(edge.jacobian()[0, 1]) in texts(heat_matrix(edge.jacobian(), "S", "y"))
    rnn = nn.RNN(2, 4, seed=0)
    J = state_jacobian(dict(rnn.unroll(np.ones((3, 1, 2)))), 1, 3)
    assert "rows: h_3 · columns: h_1" in texts(heat_matrix(J, "h_3", "h_1"))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (24, 16), (128, 128), (300, 2)])
def test_any_size_fits_its_picture(shape):
    picture = heat_matrix(np.random.default_rng(0).normal(size=shape), "a_long_name_of_rows", "h", "a title")
    root = ET.fromstring(picture.svg())
    width, height = float(root.get("width")), float(root.get("height"))
    assert width < 900
    assert height < 900
    for text in root.iter(f"{SVG}text"):
        long = fonts.width(text.text or "", float(text.get("font-size").removesuffix("px")))
        left = float(text.get("x")) - {None: 0.0, "middle": long / 2, "end": long}[text.get("text-anchor")]
        assert left >= 0, text.text
        assert left + long <= width, text.text
    assert any("share a cell" in (text or "") for text in texts(picture)) == (max(shape) > 96)


def test_nothing_but_a_matrix_is_taken():
    with pytest.raises(ValueError, match=r"choose one: matrix\[0\]"):
        heat_matrix(np.ones((2, 3, 3)))
    with pytest.raises(ValueError, match="rows has 1 name, and the matrix has 2 rows"):
        heat_matrix(np.ones((2, 2)), rows=["a"])
    with pytest.raises(TypeError, match="heat_matrix draws a matrix"):
        draw(np.ones((2, 2)))


def test_a_jacobian_has_the_colours_of_a_local_gradient_and_none_of_the_loss():
    drawn = heat_matrix([[0.25, -0.25], [-0.25, 0.25]]).svg()
    fills = {f"#{''.join(f'{part:02x}' for part in end)}" for end in heat.LOCAL.light}
    gradients = {f"#{''.join(f'{part:02x}' for part in end)}" for end in heat.GRAD.light}
    assert fills <= set(re.findall(r'fill="(#\w+)"', drawn))
    assert not gradients & set(re.findall(r'fill="(#\w+)"', drawn))


def test_names_are_escaped():
    svg = heat_matrix(np.ones((1, 1)), ["<script>"], ["&"], "<b>").svg()
    assert "<script>" not in svg
    assert {"<script>", "&", "<b>"} <= set(texts(heat_matrix(np.ones((1, 1)), ["<script>"], ["&"], "<b>")))
