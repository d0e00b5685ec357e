"""The levels of a picture: whatever is gathered into one box, the numbers are still those of the pass."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Parameter, Tensor, Value, nn, scope
from microgradrnn.engine import ancestors
from tests.viz.networks import rnn_loss
from viz import draw

KINDS = st.sampled_from(["rnn", "lstm", "gru"])
LEVELS = [{"level": "cell"}, {"level": "network"}, {"rolled": True}, {"level": "cell", "rolled": True}]
every_level = pytest.mark.parametrize("how", LEVELS, ids=str)


def language_model(cell="rnn", layers=1, T=4):
    rng = np.random.default_rng(T)
    model = nn.RNNLM(5, 3, cell=cell, num_layers=layers, seed=rng)
    loss, _ = model.loss(rng.integers(5, size=(T, 2)), rng.integers(5, size=(T, 2)), reduction="sum")
    loss.backward()
    return model, loss


def outgoing(view):
    found = {}
    for arrow in view.arrows:
        found.setdefault(arrow.tail, []).append(arrow.contribution)
    return found


@given(KINDS, st.integers(1, 2), st.integers(2, 5), st.sampled_from(LEVELS))
def test_what_leaves_a_box_sums_to_its_gradient(cell, layers, T, how):
    _, loss = language_model(cell, layers, T)
    view = draw(loss, **how).view
    checked = 0
    for tail, parts in outgoing(view).items():
        box = view.boxes[tail]
        if box.grad is not None and box.role != "root":
            np.testing.assert_allclose(sum(parts), box.grad, rtol=1e-10, atol=1e-14)
            checked += 1
    assert checked


@given(KINDS, st.integers(1, 2), st.integers(2, 5))
def test_rolled_gradients_are_the_sums_over_time(cell, layers, T):
    model, loss = language_model(cell, layers, T)
    view = draw(loss, rolled=True).view
    nodes = ancestors(loss)
    shown = {box.title: box.grad for box in view.boxes}
    suffix = layers if layers > 1 else ""
    for letter in ("y_", f"h{suffix}_"):
        grads = [node.grad for node in nodes if node.label.startswith(letter) and node.t is not None]
        assert len(grads) == T
        np.testing.assert_allclose(shown[f"{letter}t"], sum(grads), rtol=1e-12)
    for box in view.boxes:
        if box.role == "alias":
            [weight] = [p for p in model.parameters() if p.label == box.title]
            uses = len([other for other in view.boxes if other.role == "alias" and other.title == box.title])
            assert uses == 1
            np.testing.assert_allclose(box.grad, weight.grad, rtol=1e-10, atol=1e-14)


@given(KINDS, st.integers(1, 2))
def test_a_rolled_picture_does_not_grow_with_time(cell, layers):
    sizes = {T: len(draw(language_model(cell, layers, T)[1], rolled=True).view.boxes) for T in (2, 3, 6)}
    assert len(set(sizes.values())) == 1


@given(KINDS)
def test_the_state_leads_back_into_its_column(cell):
    view = draw(language_model(cell)[1], rolled=True).view
    back = [(view.boxes[arrow.tail].title, view.boxes[arrow.head].place) for arrow in view.arrows if arrow.back]
    assert {title for title, _ in back} == ({"h_t", "c_t"} if cell == "lstm" else {"h_t"})
    assert view.steps == (1,)
    assert view.caption == "t = 1 … 4  ×4"


def test_a_cell_that_nobody_has_seen_before_rolls_too():
    w, h = Parameter([0.5], "w"), Tensor([1.0], requires_grad=False)
    for t in range(1, 6):
        with scope("strange", t=t):
            h = (h * w + (h * h) / 3).tanh() * h
            h.label = f"s_{t}"
    loss = h.sum()
    loss.backward()
    view = draw(loss, rolled=True).view
    ops = [box for box in view.boxes if box.role == "op" and box.place == 1]
    assert len(ops) == 6
    assert all(box.corner.endswith("×5") for box in ops)


def test_a_cell_is_a_scope_in_a_step():
    _, loss = language_model("lstm", 2, 3)
    view = draw(loss, level="cell").view
    names = [(box.title, box.place) for box in view.boxes if box.role in ("cell", "loss")]
    for t in (1, 2):
        assert [name for name, place in names if place == t] == ["layer1", "layer2", f"step: L_{t}"]
    assert [name for name, place in names if place == 3] == ["layer1: h1_3", "layer2: h2_3", "step: L_3"]
    assert not [box for box in view.boxes if box.role == "alias"]
    assert len(view.sums) == len(draw(loss).view.sums)


def test_encoder_and_decoder_are_two_boxes_of_a_network():
    encoder = nn.Encoder(3, 2, seed=0)
    model = nn.Seq2Seq(encoder, nn.Decoder(2, 2, 2, seed=1))
    loss = nn.sequence_loss(model.unroll(np.ones((3, 1, 3)), steps=2), np.zeros((2, 1), int))
    loss.backward()
    scopes = {box.scope for box in draw(loss, level="network").view.boxes}
    assert {"encoder/layer1", "decoder/cell", "decoder/step"} <= scopes


def test_the_scalar_level_shows_the_entries_of_the_tensors():
    loss = rnn_loss(2, hidden=2)
    loss.backward()
    view = draw(loss, level="scalar", max_nodes=10_000).view
    entries = {box.title: box for box in view.boxes if box.role != "alias"}
    for node in ancestors(loss):
        if node.label.startswith(("h_1", "h_2", "L_")):
            for index in np.ndindex(node.shape):
                title = f"{node.label}[{','.join(map(str, index))}]" if index else node.label
                assert entries[title].value == pytest.approx(node.data[index], rel=1e-12)
                assert entries[title].grad == pytest.approx(np.asarray(node.grad)[index], rel=1e-10)


def test_auto_goes_up_a_level_where_steps_are_large():
    rng = np.random.default_rng(0)
    model = nn.RNNLM(5, 3, cell="lstm", num_layers=4, seed=0)
    loss, _ = model.loss(rng.integers(5, size=(4, 1)), rng.integers(5, size=(4, 1)))
    loss.backward()
    drawing = draw(loss)
    assert any(box.role == "cell" for box in drawing.view.boxes)
    assert any("level='op'" in note for note in drawing.view.notes)
    assert not any(box.role == "cell" for box in draw(loss, level="op").view.boxes)


def test_too_many_cells_lose_some_in_the_middle():
    _, loss = language_model("rnn", 1, 60)
    view = draw(loss, level="cell", max_nodes=40).view
    assert len(view.boxes) <= 50
    assert any(box.role == "gap" for box in view.boxes)
    assert any("left out" in note for note in view.notes)


@every_level
def test_every_level_can_be_painted_and_written_as_dot(how):
    _, loss = language_model("lstm", 2, 3)
    drawing = draw(loss, **how)
    assert drawing.svg().startswith("<svg")
    assert drawing.source.count("->") == len(drawing.view.arrows)


def test_what_cannot_be_drawn_is_said():
    f = Value(2.0) * 3
    for how in ({"rolled": True}, {"level": "network"}):
        with pytest.raises(ValueError, match="nothing was recorded in time steps"):
            draw(f, **how)
    with pytest.raises(ValueError, match="level is 'auto', 'network', 'cell', 'op', 'scalar', not 'atom'"):
        draw(f, level="atom")
    with pytest.raises(ValueError, match="one entry"):
        draw(Tensor([1.0, 2.0]) * 2, level="scalar")
