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
    """The gradient of each output of each box, and the contributions that sum to it: over arrows, and from inside."""
    found = {}
    for arrow in view.arrows:
        box = view.boxes[arrow.tail]
        shown = box if arrow.output is None else box.outputs[arrow.output]
        if box.role not in ("root", "gap"):
            inside = [] if arrow.output is None or shown.inside is None else [shown.inside]
            found.setdefault((arrow.tail, arrow.output), (shown.grad, inside))[1].append(arrow.contribution)
    return [(grad, parts) for grad, parts in found.values() if grad is not None]


@given(KINDS, st.integers(1, 2), st.integers(2, 5), st.sampled_from(LEVELS))
def test_what_leaves_a_box_sums_to_its_gradient(cell, layers, T, how):
    _, loss = language_model(cell, layers, T)
    found = outgoing(draw(loss, **how).view)
    assert found or how != {"level": "cell"}
    for grad, parts in found:
        np.testing.assert_allclose(sum(parts), grad, rtol=1e-10, atol=1e-14)


@given(KINDS, st.integers(1, 2), st.integers(2, 5), st.sampled_from(["op", "cell"]))
def test_a_rolled_picture_shows_the_gradients_of_weights_and_none_of_states(cell, layers, T, level):
    model, loss = language_model(cell, layers, T)
    view = draw(loss, level=level, rolled=True).view
    weights = {p.label: p for p in model.parameters()}
    for box in view.boxes:
        if isinstance(box.place, int):
            assert all(data is None for data in box.numbers) or box.role == "alias"
        if box.role == "alias":
            np.testing.assert_allclose(box.grad, weights[box.title].grad, rtol=1e-10, atol=1e-14)
    for arrow in view.arrows:
        tail = view.boxes[arrow.tail]
        assert arrow.contribution is None or tail.role == "alias" or not isinstance(tail.place, int)
    assert {box.title for box in view.boxes} >= {"h_0" if layers == 1 else "h2_0", "L"}


@given(KINDS, st.integers(1, 2), st.sampled_from(["op", "cell"]))
def test_the_weights_of_a_rolled_picture_stand_on_the_arrows_of_what_they_multiply(cell, layers, level):
    _, loss = language_model(cell, layers)
    view = draw(loss, level=level, rolled=True).view
    suffixes = [""] if layers == 1 else ["1", "2"]
    assert {arrow.label for arrow in view.arrows if arrow.back and arrow.label} == {f"W_hh{s}" for s in suffixes}
    wanted = {f"W_{kind}h{s}" for s in suffixes for kind in "xh"} | {"W_hy"}
    assert {arrow.label for arrow in view.arrows if arrow.label} == wanted
    assert not wanted & {box.title for box in view.boxes}


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
    assert view.caption(1) == "t = 1 … 4  ×4"


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
    shown = {(box.place, box.title): [output.name for output in box.outputs] for box in view.boxes if box.outputs}
    for t in (1, 2):
        assert (shown[t, "layer1"], shown[t, "layer2"]) == ([f"c1_{t}", f"h1_{t}"], [f"c2_{t}", f"h2_{t}"])
    assert (shown[3, "layer1"], shown[3, "layer2"]) == (["h1_3"], ["h2_3"])  # nothing reads the last c
    assert all(shown[t, "step"] == [f"L_{t}"] for t in (1, 2, 3))
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
