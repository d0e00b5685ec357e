"""Gradient flow: against closed forms and passes of its own, with zeros and NaN marked, in words that are true."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor, functional, nn, scope
from microgradrnn.analysis import find_states
from microgradrnn.engine import ancestors
from viz import grad_flow


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


def test_the_verdict_is_in_plain_numbers():
    assert grad_flow(linear([[0.62]], 12)).verdict == (
        "dL/dh_t shrinks by a factor of 0.62 a step back in time; after 10 steps 0.8393% is left"
    )
    assert "grows by a factor of 2 a step back in time; after 10 steps it is 1024 times" in (
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
    for k, row in enumerate(flow.matrix, start=1):
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
    assert flow.matrix.shape == (5, 5)
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
    assert "×0.5" in [text.get_text() for text in axes.texts]
    low, high = axes.get_ylim()
    assert low < 2**-7
    assert high > 2**7


def test_what_has_no_flow_is_said():
    loss = language_model()
    with pytest.raises(ValueError, match=r"labelled state_t; labelled by step are: layer1/h"):
        grad_flow(loss, "state")
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
    assert "dh1r_4" in str(flow)
    assert grad_flow(loss, "h1r").names == ("h1r",)
    assert flow.matrix.shape == (1, 4)
    with pytest.raises(ValueError, match="say which: h1, h1r"):
        find_states(loss)
