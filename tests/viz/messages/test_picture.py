"""The picture of forward messages: its numbers against reverse mode, its letters, its places, and what it refuses."""

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest

from microgradrnn import Tensor, nn
from microgradrnn.backprop import gradients
from microgradrnn.messages import Chain, input_sequence, message_steps, output_sequence, synchronized, unsynchronized
from tests.message_cases import ARCHITECTURES, Sizes, build, reverse_mode
from viz import draw
from viz.numbers import norm
from viz.paint import fonts

SVG = "{http://www.w3.org/2000/svg}"
SMALL = Sizes(T=3, N=1, inputs=2, hidden=3, outputs=2)


def texts(picture):
    return [text.text for text in ET.fromstring(picture.svg()).iter(f"{SVG}text")]


def many_to_many(T=3, cell="rnn"):
    rng = np.random.default_rng(0)
    model, x = nn.ManyToMany(2, 3, 2, cell=cell, seed=0), rng.normal(size=(T, 1, 2))
    return model, x, synchronized(model, x, rng.integers(2, size=(T, 1)))


def test_the_messages_are_what_reverse_mode_says_of_each_unit():
    model, x, chain = many_to_many()
    shown = texts(draw(chain))
    states = [h for _, h in model.rnn.unroll(x)]
    [[cell]] = model.rnn.cells
    for t, h in enumerate(states, start=1):
        for p, letter in ((cell.W_xh, "α"), (cell.W_hh, "β")):
            rows = [gradients(h, unit.reshape(1, 3)).get(p, np.zeros(p.shape)) for unit in np.eye(3)]
            if np.any(rows):
                assert f"{letter}_{t}" in shown
                assert norm(rows) in shown


@pytest.mark.parametrize("architecture", list(ARCHITECTURES.values()), ids=list(ARCHITECTURES))
@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_the_sums_are_the_gradients_of_the_loss(architecture, cell):
    case = build(architecture, SMALL, cell)
    shown = texts(draw(case.chain))
    for gradient in reverse_mode(case).values():
        if gradient.any():
            assert norm(gradient) in shown


def test_the_letters_are_those_of_the_text():
    """Figures 2 to 5 of "RNN White Box": alpha and beta; from an encoder to its decoder zeta and gamma."""
    x, targets = np.ones((2, 1, 2)), np.array([[0], [1]])
    one_way = {"α_1", "α_2", "β_2"}
    assert one_way <= set(texts(draw(synchronized(nn.ManyToMany(2, 3, 2, seed=0), x, targets))))
    assert one_way <= set(texts(draw(input_sequence(nn.ManyToOne(2, 3, 2, seed=0), x, targets[0]))))
    assert one_way <= set(texts(draw(output_sequence(nn.OneToMany(2, 3, 2, seed=0), x[0], targets))))
    model = nn.Seq2Seq(nn.Encoder(2, 3, seed=0), nn.Decoder(2, 3, 3, seed=1))
    shown = set(texts(draw(unsynchronized(model, x, targets))))
    assert {"αᵉ_1", "αᵉ_2", "βᵉ_2", "ζᵈ_3", "γᵈ_3", "ζᵈ_4", "γᵈ_4", "αᵈ_4", "βᵈ_4"} <= shown
    assert any("αᵉ, ζᵈ: for encoder W_xh" in text for text in shown)


def test_a_step_without_a_loss_has_no_box_for_one():
    chain = input_sequence(nn.ManyToOne(2, 3, 2, seed=0), np.ones((3, 1, 2)), np.array([0]))
    shown = texts(draw(chain))
    assert "E_3" in shown
    assert "E_1" not in shown


def test_of_many_units_the_first_and_the_last_are_shown_or_those_that_are_asked_for():
    _, _, chain = many_to_many(T=9)
    shown = texts(draw(chain))
    assert [text for text in shown if text.startswith("unit ")] == ["unit 1", "unit 2", "unit 8", "unit 9"]
    assert "t = 3 … 7" in shown
    shown = texts(draw(chain, steps=[2, 5]))
    assert [text for text in shown if text.startswith("unit ")] == ["unit 2", "unit 5"]
    total = reverse_total(*many_to_many(T=9)[:2])
    assert norm(total) in shown  # all steps are in the sums


def reverse_total(model, x):
    targets = np.random.default_rng(0)
    targets.normal(size=x.shape)
    loss = nn.sequence_loss(model.unroll(x), targets.integers(2, size=(len(x), 1)), reduction="sum")
    return gradients(loss)[model.rnn.cells[0][0].W_hh]


@pytest.mark.parametrize("hidden", [1, 3])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("architecture", list(ARCHITECTURES.values()), ids=list(ARCHITECTURES))
def test_no_text_leaves_the_picture_or_lies_on_another_and_no_boxes_overlap(architecture, cell, hidden):
    root = ET.fromstring(draw(build(architecture, Sizes(T=2, N=2, hidden=hidden), cell).chain).svg())
    width, lines = float(root.get("width")), {}
    for text in root.iter(f"{SVG}text"):
        font = fonts.MONO if "Mono" in text.get("font-family", "") else fonts.SANS
        long = fonts.width(text.text, float(text.get("font-size").removesuffix("px")), font)
        left = float(text.get("x")) - {None: 0.0, "middle": long / 2, "end": long}[text.get("text-anchor")]
        assert left >= 0, text.text
        assert left + long <= width, text.text
        lines.setdefault(round(float(text.get("y"))), []).append((left, left + long, text.text))
    for line in lines.values():
        for (_, end, text), (start, _, following) in pairwise(sorted(line)):
            assert end <= start, (text, following)
    boxes = [r for r in root.iter(f"{SVG}rect") if r.get("class").startswith("box")]
    corners = [tuple(float(box.get(a)) for a in ("x", "y", "width", "height")) for box in boxes]
    for i, (x, y, w, h) in enumerate(corners):
        for other in corners[:i]:
            assert x >= other[0] + other[2] or other[0] >= x + w or y >= other[1] + other[3] or other[1] >= y + h


def own_chain(name="w"):
    w = Tensor([[0.5]], label="w")
    return Chain(
        start=lambda: {"s": Tensor([[1.0]])},
        sequence=lambda: [(lambda x, state: {"s": state["s"] @ w + x}, x, 0.0) for x in (1.0, 2.0)],
        loss=lambda state, target: (state["s"] - target).reshape(1),
        parameters={name: w},
    )


def test_a_chain_of_ones_own_has_messages_without_a_letter():
    shown = texts(draw(own_chain()))
    assert {"P_1", "P_2", "x_1", "E_2"} <= set(shown)
    assert "∂E/∂w" in shown
    assert "3" in shown  # s_1 = w + 1, s_2 = w (w + 1) + 2: dE/dw = 1 + 2 w + 1


def test_a_name_is_escaped():
    chain = own_chain("<script>&")
    chain.parameters["<script>&"].label = "<script>&"
    assert "∂E/∂<script>&" in texts(draw(chain))
    assert "<script" not in draw(chain).svg()


def test_it_is_words_too_and_is_saved_as_its_name_says(tmp_path):
    picture = draw(own_chain())
    steps = [str(step) for step in message_steps(own_chain())]
    assert picture.to_text().splitlines()[1:] == "\n".join(steps).splitlines()
    for name, begins in {"m.svg": b"<svg", "m.png": b"\x89PNG", "m.html": b"<!doctype", "m.txt": b"forward"}.items():
        assert picture.save(tmp_path / "made" / name).read_bytes().startswith(begins)
    with pytest.raises(ValueError, match=r"\.svg, \.png, \.pdf, \.html, \.txt, not as '\.gif'"):
        picture.save(tmp_path / "m.gif")
    bundle = picture._repr_mimebundle_()
    assert bundle["image/svg+xml"].startswith('<svg style="max-width: 100%; height: auto"')
    ids = re.findall(r' id="([^"]+)"', picture.svg() + draw(own_chain()).svg())
    assert len(set(ids)) == len(ids)


def test_what_cannot_be_drawn_is_said():
    chain = own_chain()
    with pytest.raises(ValueError, match=r"no unit 7; it has units 1 to 2"):
        draw(chain, steps=[1, 7])
    with pytest.raises(TypeError, match=r"only steps=.* can be chosen, not level"):
        draw(chain, level="cell")
    with pytest.raises(TypeError, match="takes the chain that messages are passed along, not its Step"):
        draw(next(message_steps(chain)))
    empty = Chain(chain.start, list, chain.loss, chain.parameters)
    with pytest.raises(ValueError, match="no units; its sequence needs at least one step"):
        draw(empty)
    model = nn.ManyToMany(2, 180, 2, seed=0)
    with pytest.raises(ValueError, match=r"5,\d\d\d,\d\d\d entries.*choose parameters with dataclasses\.replace"):
        draw(synchronized(model, np.ones((2, 1, 2)), np.array([[0], [1]])))
