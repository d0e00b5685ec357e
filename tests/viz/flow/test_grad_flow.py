"""Gradient flow: against closed forms and passes of its own, with zeros and NaN marked, in words that are true."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor, functional, nn, optim, scope
from microgradrnn.analysis import find_states
from microgradrnn.engine import ancestors
from viz import grad_flow
from viz.flow.verdict import verdict


def linear(W, T=8):
    """h_t = h_(t-1) W, and a loss of the last state alone."""
    cell = nn.RNNCell(1, len(W), nonlinearity="identity")
    cell.W_hh.data, h = np.array(W), Tensor(np.ones((1, len(W))), "h_0", requires_grad=False)
    for t in range(1, T + 1):
        with scope("cell", t=t):
            h = cell(None, h)
    return h.sum()


@given(st.floats(0.2, 3.0), st.integers(2, 12))
def test_a_linear_network_of_one_unit_follows_its_power(w, T):
    flow = grad_flow(linear([[w]], T))
    for t, norm in flow.norms["h"].items():
        assert norm == pytest.approx(w ** (T - t), rel=1e-10)
    assert all(ratio == pytest.approx(w, rel=1e-10) for ratio in flow.ratios().values())
    said = float(re.search(r"factor of ([\d.]+)", flow.verdict)[1])
    assert said == pytest.approx(w, rel=1e-3)


def test_the_verdict_is_in_plain_numbers_of_the_steps_that_there_are():
    assert grad_flow(linear([[0.62]], 12)).verdict == (
        "dL/dh_t shrinks by a factor of 0.62 a step back in time: 11 steps back 0.5204% is left"  # 0.62^11
    )
    assert "grows by a factor of 2 a step back in time: 7 steps back it is 128 times as large" in (
        grad_flow(linear([[2.0]])).verdict
    )
    assert "keeps its size" in grad_flow(linear([[1.0]])).verdict
    assert "one time step only" in grad_flow(linear([[1.0]], 1)).verdict


def language_model(cell="rnn", T=5):
    rng = np.random.default_rng(0)
    model = nn.RNNLM(4, 3, cell=cell, seed=0)
    return model.loss(rng.integers(4, size=(T, 2)), rng.integers(4, size=(T, 2)), reduction="sum")[0]


def test_each_row_of_the_matrix_is_a_pass_from_one_loss():
    loss = language_model()
    flow, nodes = grad_flow(loss), ancestors(loss)
    for k, row in enumerate(flow.matrix(), start=1):
        [single] = [node for node in nodes if node.label == f"L_{k}"]
        for node in nodes:
            node.zero_grad()
        single.backward()
        for t, norm in enumerate(row, start=1):
            [h] = [node for node in nodes if node.label == f"h_{t}"]
            assert norm == pytest.approx(0.0 if h.grad is None else np.linalg.norm(h.grad), rel=1e-12)
            assert (norm == 0) == (t > k)


def test_units_and_norms_are_the_gradients_own():
    loss = language_model("lstm")
    flow = grad_flow(loss, ("h", "c", "i", "f", "g", "o"))
    loss.backward()
    for name in flow.names:
        for column, t in enumerate(flow.norms[name]):
            [node] = [node for node in ancestors(loss) if node.label == f"{name}_{t}"]
            assert flow.norms[name][t] == pytest.approx(np.linalg.norm(node.grad))
            np.testing.assert_allclose(flow.units(name)[:, column], np.linalg.norm(node.grad, axis=0))


def test_it_leaves_no_trace():
    loss = language_model()
    flow = grad_flow(loss)
    assert flow.matrix().shape == (5, 5)
    assert all(node.grad is None for node in ancestors(loss))


def test_exact_zeros_are_said_and_marked():
    h = Tensor([[1.0, 2.0]], "h_0")
    for t in range(1, 7):
        with scope("cell", t=t):
            h = h * 0.5 if t != 4 else h * 0.0
            h.label = f"h_{t}"
    flow = grad_flow(h.sum())
    assert "exactly 0 at t = 0 … 3" in flow.verdict
    assert [text.get_text() for text in flow.plot().axes[0].texts].count("0") == 4


def test_nan_is_said_and_marked():
    h = Tensor([[1.0, 2.0]], "h_0")
    for t in range(1, 6):
        with scope("cell", t=t):
            h = h * (np.nan if t == 3 else 0.5)
            h.label = f"h_{t}"
    flow = grad_flow(h.sum())
    assert "nan at t = 0 … 2" in flow.verdict
    assert [text.get_text() for text in flow.plot().axes[0].texts].count("NaN") == 3


def test_a_chart_has_a_log_axis_and_stands_two_models_on_one_scale():
    small, large = grad_flow(linear([[0.5]]), title="small"), grad_flow(linear([[2.0]]), title="large")
    axes = small.plot(large).axes[0]
    assert axes.get_yscale() == "log"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["small dL/dh_t", "large dL/dh_t"]
    assert "×0.5" in [text.get_text() for text in small.plot().axes[0].texts]
    low, high = axes.get_ylim()
    assert low < 2**-7
    assert high > 2**7


def each_step_has_a_loss(w, T):
    """h_t = w h_(t-1) and L = sum_t h_t: dL_k/dh_t = w^(k-t), and dL/dh_t is the sum of these over k >= t."""
    h, losses = Tensor([[1.0]], "h_0", requires_grad=False), []
    W = Tensor([[w]], "W")
    for t in range(1, T + 1):
        with scope("cell", t=t):
            h = h @ W
            h.label = f"h_{t}"
            losses.append(h.sum())
            losses[-1].label = f"L_{t}"
    return functional.add_n(losses)


@given(st.floats(0.3, 0.9), st.integers(2, 9))
def test_the_whole_loss_and_the_last_steps_are_told_apart(w, T):
    flow = grad_flow(each_step_has_a_loss(w, T))
    for t in range(1, T + 1):
        assert flow.norms["h"][t] == pytest.approx((1 - w ** (T - t + 1)) / (1 - w), rel=1e-9)
        assert flow.last_norms["h"][t] == pytest.approx(w ** (T - t), rel=1e-9)
    whole, last = flow.verdict.splitlines()
    assert whole.startswith("dL/dh_t, of the whole loss, grows by")
    assert last.startswith(f"dL_{T}/dh_t, of the last step's loss alone, shrinks by")
    assert float(re.search(r"back ([\d.]+)% is left", last)[1]) == pytest.approx(100 * w ** (T - 1), rel=1e-3)


def test_both_stand_in_the_text_and_in_the_chart():
    flow = grad_flow(each_step_has_a_loss(0.5, 4))
    assert str(flow).splitlines()[2:] == [
        "t  ‖dL/dh_t‖  ‖dL_4/dh_t‖",
        "1  1.875      0.125",
        "2  1.75       0.25",
        "3  1.5        0.5",
        "4  1          1",
    ]
    chart = flow.plot()
    assert chart.get_suptitle() == flow.verdict
    labels = [text.get_text() for text in chart.axes[0].get_legend().get_texts()]
    assert labels == ["dL/dh_t, whole loss", "dL_4/dh_t, last step's loss alone"]


def test_what_goes_up_and_down_is_not_said_to_shrink():
    h, x = Tensor([[1.0]], "h_0"), Tensor([[1.0]])
    for t, factor in enumerate((0.25, 16.0, 0.5), start=1):
        with scope("cell", t=t):
            h = h * factor + x
            h.label = f"h_{t}"
    assert grad_flow(h.sum()).verdict == "dL/dh_t goes up and down: 1 at t = 3, 8 at t = 1, 2 at t = 0"


@given(st.lists(st.floats(1e-300, 1e300), min_size=2, max_size=8))
def test_whatever_the_norms_what_is_said_of_the_ends_is_so(norms):
    said = verdict(dict(zip(range(len(norms), 0, -1), norms, strict=True)), "g")
    if "goes up and down" in said:
        assert max(norms) > max(norms[0], norms[-1]) or min(norms) < min(norms[0], norms[-1])
    elif "shrinks" in said:
        assert norms[-1] < norms[0]
    elif "grows" in said:
        assert norms[-1] > norms[0]
    else:
        assert "keeps its size" in said


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_every_layer_and_direction_is_found_and_drawn(layers, bidirectional):
    rnn = nn.RNN(2, 3, num_layers=layers, bidirectional=bidirectional, seed=0)
    outputs, _ = rnn(np.random.default_rng(0).normal(size=(5, 1, 2)))
    loss = (outputs * outputs).sum()
    flow = grad_flow(loss)
    letters = {f"h{k}" for k in range(1, layers + 1)} if layers > 1 or bidirectional else {"h"}
    assert set(flow.names) == letters | ({f"{letter}r" for letter in letters} if bidirectional else set())
    loss.backward()
    for node in ancestors(loss):
        label = re.fullmatch(r"(h\d*r?)_([1-9])", node.label or "")
        if label:
            assert flow.norms[label[1]][int(label[2])] == pytest.approx(np.linalg.norm(node.grad))
    titles = {axes.get_title() for axes in flow.plot().axes}
    assert {f"dL/d{name}_t, unit by unit" for name in flow.names} <= titles


def test_of_a_direction_that_reads_from_the_end_the_first_steps_loss_is_followed():
    rng, losses = np.random.default_rng(0), []
    outputs, _ = nn.RNN(2, 3, bidirectional=True, seed=0)(rng.normal(size=(5, 1, 2)))
    for t in range(1, 6):
        losses.append((outputs[t - 1] * outputs[t - 1]).sum())
        losses[-1].label = f"L_{t}"
    flow = grad_flow(functional.add_n(losses))
    assert "dL_1/dh1r_t, of the first step's loss alone, shrinks" in flow.verdict
    assert "a step ahead in time" in flow.verdicts("h1r")[1]
    losses[0].backward()
    for node in ancestors(losses[0]):
        if node.requires_grad and (node.label or "").startswith("h1r_"):
            assert flow.last_norms["h1r"][int(node.label[4:])] == pytest.approx(np.linalg.norm(node.grad))


def test_the_ticks_are_whole_steps():
    for T in (2, 3, 8, 50):
        chart = grad_flow(each_step_has_a_loss(0.9, T)).plot()
        chart.canvas.draw()
        for axes in chart.axes[:2]:
            inside = [text.get_text() for text in axes.get_xticklabels()]
            assert all(re.fullmatch(r"−?\d*", text.replace("$\\mathdefault{", "").replace("}$", "")) for text in inside)


def test_a_chart_shows_itself_in_jupyter_and_is_saved_as_its_name_says(tmp_path):
    chart = grad_flow(each_step_has_a_loss(0.9, 3)).plot()
    bundle, size = chart._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert size["image/png"]["width"] == chart.get_size_inches()[0] * 72
    assert chart.save(tmp_path / "made" / "flow.svg").read_bytes().startswith(b"<?xml")
    with pytest.raises(ValueError, match=r"saved as \.svg, \.png, \.pdf, \.txt, not as '\.gif'"):
        chart.save(tmp_path / "flow.gif")
    assert chart.save(tmp_path / "flow.txt").read_text(encoding="utf-8").startswith("dL/dh_t, of the whole loss")


def test_labels_in_a_chart_are_no_formulas_and_none_is_left_out():
    flow = grad_flow(each_step_has_a_loss(0.9, 3), title=r"_$\input{x}$")
    chart = flow.plot()
    chart.canvas.draw()
    labels = [text.get_text() for text in chart.axes[0].get_legend().get_texts()]
    assert labels == [
        rf" _$\input{{x}}$ {what}" for what in ("dL/dh_t, whole loss", "dL_3/dh_t, last step's loss alone")
    ]


def test_two_runs_stand_side_by_side_on_one_scale():
    small = grad_flow(each_step_has_a_loss(0.5, 6), title="before")
    large = grad_flow(each_step_has_a_loss(0.9, 6), title="after")
    chart = small.plot(large)
    images = [axes.images[0] for axes in chart.axes if axes.images]
    assert [axes.get_title() for axes in chart.axes if axes.images] == ["before: ‖dL_k/dh_t‖", "after: ‖dL_k/dh_t‖"]
    assert [(image.norm.vmin, image.norm.vmax) for image in images] == 2 * [pytest.approx((0.5**5, 1.0))]
    assert chart.get_suptitle().splitlines()[2].startswith("after: dL/dh_t, of the whole loss, grows")


def test_a_flow_stays_as_it_was_recorded():
    """So that what was recorded before a step of training can be compared with what is recorded after it."""
    model = nn.RNNLM(4, 3, seed=0)
    loss, _ = model.loss(np.array([[0], [1], [2]]), np.array([[1], [2], [3]]))
    flow, wanted = grad_flow(loss), grad_flow(loss).norms
    loss.backward()
    optim.SGD(model.parameters(), lr=1.0).step()
    assert flow.norms == wanted


def test_what_has_no_flow_is_said():
    loss = language_model()
    with pytest.raises(ValueError, match=r"labelled state_t; labelled by step are: layer1/h"):
        grad_flow(loss, "state")
    with pytest.raises(ValueError, match=r"no loop hands a state on .* can be labelled h_1, h_2"):
        grad_flow((Tensor([1.0], "x") * 2).sum())
    with pytest.raises(ValueError, match="one entry"):
        grad_flow(Tensor([1.0, 2.0]) * 2)
    with pytest.raises(TypeError, match="takes a node, not float"):
        grad_flow(1.0)


def directions(steps=4):
    """Two loops without any label, one in each direction, and a loss in which both have a part."""
    rng = np.random.default_rng(0)
    x = Tensor(rng.normal(size=(steps, 1, 3)))
    W, U, V, Q = (Tensor(rng.normal(size=(3, 3))) for _ in range(4))
    forth, back = Tensor(np.zeros((1, 3))), Tensor(np.zeros((1, 3)))
    forward, backward = {}, {}
    for t in range(steps):
        forward[t + 1] = forth = (x[t] @ W + forth @ U).tanh()
    for t in reversed(range(steps)):
        backward[t + 1] = back = (x[t] @ V + back @ Q).tanh()
    loss = functional.add_n([((forward[t] + backward[t]) ** 2).sum() for t in forward])
    return loss, {"h1": forward, "h1r": backward}


def test_of_two_directions_without_labels_each_has_a_curve_with_a_name():
    loss, states = directions()
    flow = grad_flow(loss)
    loss.backward()
    assert flow.names == ("h1", "h1r")
    for name, found in states.items():
        assert list(flow.norms[name]) == [1, 2, 3, 4]
        for t, h in found.items():
            np.testing.assert_allclose(flow.norms[name][t], np.linalg.norm(h.grad))
    assert "dL/dh1r_t, of the whole loss" in str(flow)
    assert grad_flow(loss, "h1r").names == ("h1r",)
    np.testing.assert_array_equal(flow.matrix("h1") == 0, np.triu(np.ones((4, 4)), 1))
    np.testing.assert_array_equal(flow.matrix("h1r") == 0, np.tril(np.ones((4, 4)), -1))
    with pytest.raises(ValueError, match="say which: h1, h1r"):
        find_states(loss)
