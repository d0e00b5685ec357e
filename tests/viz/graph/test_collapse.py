"""The levels of a picture: whatever is gathered into one box, the numbers are still those of the pass."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Parameter, Tensor, Value, nn, scope
from microgradrnn.engine import ancestors
from microgradrnn.functional import stack
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


def sequences(steps, free, bidirectional=False):
    encoder = nn.Encoder(3, 2, seed=0, bidirectional=bidirectional)
    model = nn.Seq2Seq(encoder, nn.Decoder(2, 2, encoder.context_size, seed=1))
    answers = None if free else np.eye(2)[np.zeros((steps, 1), int)]
    loss = nn.sequence_loss(model.unroll(np.ones((3, 1, 3)), answers, steps), np.zeros((steps, 1), int))
    loss.backward()
    return loss


@pytest.mark.parametrize("free", [True, False])
def test_encoder_and_decoder_have_their_names_and_columns(free):
    loss = sequences(3, free)
    view = draw(loss, level="network").view
    assert dict(view.captions) == {1: "t = 1 … 3  ×3", 4: "t = 4 … 6  ×3"}
    places = {box.title: box.place for box in view.boxes}
    assert (places["encoder"], places["decoder/cell"], places["decoder/step"]) == (1, 4, 4)
    assert {"encoder.h_0", "decoder.h_0"} <= {box.title for box in draw(loss, max_nodes=1000).view.boxes}
    assert {"encoder.W_hh", "decoder.W_hh", "encoder.b_h", "decoder.b_h"} <= {s.title for s in view.sums}
    losses = [o.name for box in draw(loss, level="cell").view.boxes for o in box.outputs if o.name.startswith("L")]
    assert losses == ["L_4", "L_5", "L_6"]


def test_what_a_decoder_reads_of_all_of_an_encoder_stands_in_the_encoders_last_column():
    boxes = draw(sequences(2, free=True, bidirectional=True), max_nodes=1000).view.boxes
    assert [box.place for box in boxes if box.symbol == "concat"] == [3]
    states = [Tensor(np.full((1, 2), float(t)), f"s_{t}") for t in (1, 2)]
    attended = []
    for t, state in enumerate(states, start=1):
        with scope("encoder", t=t):
            attended.append(state.tanh())
    memory = stack(attended)
    memory.label = "memory"
    with scope("decoder", t=3):
        read = (memory * memory).sum()
    places = {box.title: box.place for box in draw(read * 2).view.boxes}
    assert places["memory"] == 2


@pytest.mark.parametrize("how", LEVELS, ids=str)
def test_every_level_draws_and_names_what_it_draws(how):
    for loss in (sequences(2, True), sequences(2, False, True), language_model("gru", 2)[1]):
        drawing = draw(loss, **how)
        assert drawing.svg()
        for box in drawing.view.boxes:
            assert box.title
            assert box.title != "varies"
            assert box.outputs or box.role != "cell"


@given(KINDS, st.integers(2, 4))
def test_a_state_has_the_same_numbers_at_every_level(cell, T):
    _, loss = language_model(cell, 2, T)
    nodes = {node.label: node for node in ancestors(loss) if node.label}
    outputs = [out for box in draw(loss, level="cell").view.boxes for out in box.outputs]
    ops = {box.title: box for box in draw(loss, max_nodes=1000).view.boxes if box.role in ("op", "loss")}
    letters = "hc" if cell == "lstm" else "h"
    assert {f"{c}{layer}_{t}" for c in letters for layer in (1, 2) for t in range(1, T)} <= {o.name for o in outputs}
    for out in outputs:
        for shown in (out, ops[out.name]):
            np.testing.assert_array_equal(shown.value, nodes[out.name].data)
            np.testing.assert_array_equal(shown.grad, nodes[out.name].grad)


def test_a_network_of_scalars_is_a_box_a_layer_with_its_weights_side_by_side():
    model = nn.MLP(2, [16, 16, 1], seed=0)
    loss = (model([1.0, -2.0]) - 1.0) ** 2
    loss.backward()
    for how in ({}, {"level": "cell"}, {"level": "network"}):
        view = draw(loss, **how).view
        boxes = {box.title: box for box in view.boxes}
        assert {"layer1", "layer2", "layer3", "w1", "w2", "w3", "b1", "b2"} <= boxes.keys()
        assert len(view.boxes) < 20
    grads = {p.label: p.grad for p in model.parameters()}
    assert sorted(grads)[:3] == ["b1[0]", "b1[10]", "b1[11]"]
    shown = {round(float(x), 12) for x in boxes["w2"].grad}
    assert shown == {round(grads[f"w2[{i},{j}]"], 12) for i in range(16) for j in range(16)}
    [layer1] = boxes["layer1"].outputs
    assert layer1.name == "ReLU ×16"
    assert layer1.value.shape == (16,)
    for grad, parts in outgoing(view):
        np.testing.assert_allclose(sum(parts), grad, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("level", ["auto", "op", "cell", "network", "scalar"])
def test_too_many_boxes_are_left_out_at_every_level_which_is_said(level):
    total = Value(0.0, "start")
    for i in range(400):
        with scope(f"part{i}"):
            total = total + Value(1.0, f"x{i}")
    total.backward()
    view = draw(total, level=level, max_nodes=50).view
    assert len(view.boxes) <= 60
    assert any("left out" in note for note in view.notes)


def test_a_rolled_picture_of_too_many_ops_is_one_of_scopes_and_says_so():
    _, loss = language_model("lstm", 2)
    view = draw(loss, rolled=True, max_nodes=20).view
    assert {"layer1", "layer2", "step"} <= {box.title for box in view.boxes}
    assert any("a box for each scope" in note for note in view.notes)


def truncated(chunks):
    """A chain that is cut after every two steps; its loss sums those of all of them."""
    cell = nn.RNNCell(2, 2, seed=0)
    h, losses = cell.zero_state(1), []
    for t in range(1, 2 * chunks + 1):
        with scope("cell", t=t):
            h = cell(Tensor([[1.0, -0.5]], f"x_{t}", requires_grad=False), h)
            losses.append((h * h).sum())
        if t % 2 == 0:
            h = h.detach()
    loss = sum(losses, start=Tensor(0.0, requires_grad=False))
    loss.backward()
    return loss


@pytest.mark.parametrize("level", ["op", "cell"])
def test_where_a_chain_is_cut_is_drawn(level):
    view = draw(truncated(3), level=level, max_nodes=1000).view
    cuts = [(view.boxes[a.tail], view.boxes[a.head]) for a in view.arrows if a.cut]
    assert [(tail.place, head.place, head.title, head.corner) for tail, head in cuts] == [
        (2, 3, "h_2", "detached"),
        (4, 5, "h_4", "detached"),
    ]
    assert all(arrow.contribution is None for arrow in view.arrows if arrow.cut)
    assert "cut: no ∇" in draw(truncated(2), level=level).svg()


def test_the_second_part_of_a_cut_chain_drawn_alone_says_that_its_first_state_is_detached():
    cell = nn.RNNCell(2, 2, seed=0)
    h = Tensor([[0.3, 0.1]], "h_7").detach()
    for t in (1, 2):
        with scope("cell", t=t):
            h = cell(np.ones((1, 2)), h)
    corners = {box.title: box.corner for box in draw(h.sum()).view.boxes}
    assert corners["h_7"] == "detached"
    assert "detached" not in {box.corner for box in draw(truncated(1)).view.boxes}


def test_what_cannot_be_drawn_is_said():
    f = Value(2.0) * 3
    with pytest.raises(ValueError, match="nothing was recorded in time steps"):
        draw(f, rolled=True)
    view = draw(f, level="network").view
    assert [box.title for box in view.boxes] == ["2", "3", "2 * 3"]
    assert "no scope was recorded" in view.notes[-1]
    with pytest.raises(ValueError, match="level is 'auto', 'network', 'cell', 'op', 'scalar', not 'atom'"):
        draw(f, level="atom")
    with pytest.raises(ValueError, match="one entry"):
        draw(Tensor([1.0, 2.0]) * 2, level="scalar")
