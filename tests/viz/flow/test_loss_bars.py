"""The gradient itemised by losses, as bars: heights against passes of their own, at T = 50 too."""

import re

import numpy as np
import pytest

from microgradrnn import Tensor, nn
from microgradrnn.backprop import gradients
from microgradrnn.engine import ancestors
from viz import loss_bars


def language_model(T=5, cell="rnn"):
    rng = np.random.default_rng(0)
    tokens = rng.integers(4, size=(T, 2))
    return nn.RNNLM(4, 3, cell=cell, seed=0).loss(tokens, tokens, reduction="sum")[0]


def labelled(loss, label):
    [node] = [node for node in ancestors(loss) if node.label == label]
    return node


@pytest.mark.parametrize(("T", "cell"), [(5, "rnn"), (5, "lstm"), (5, "gru"), (50, "lstm")])
def test_each_bar_is_a_backward_pass_from_one_loss(cell, T):
    loss = language_model(T, cell)
    bars = loss_bars(loss)
    nodes = {node.label: node for node in ancestors(loss)}
    for k in {1, T // 2, T}:
        found = gradients(nodes[f"L_{k}"])
        for t, parts in bars.parts.items():
            node = nodes[f"h_{t}"]
            assert (k in parts) == (t <= k)
            assert parts.get(k, 0.0) == pytest.approx(np.linalg.norm(found[node]) if t <= k else 0.0)
    heights = np.zeros(T)
    for patch in bars.plot().axes[0].patches:
        heights[round(patch.get_x() + patch.get_width() / 2) - 1] += patch.get_height()
    np.testing.assert_allclose(heights, [sum(parts.values()) for parts in bars.parts.values()])


def test_the_total_is_the_norm_of_the_gradient_of_the_whole():
    loss = language_model()
    whole = gradients(loss)
    for t, total in loss_bars(loss).totals.items():
        assert total == pytest.approx(np.linalg.norm(whole[labelled(loss, f"h_{t}")]))


def halving(T):
    h, W, loss = Tensor([1.0]), Tensor([0.5]), 0.0
    for _ in range(T):
        h = h * W
        loss = loss + h.sum()
    return loss


def test_the_verdict_is_true_of_a_closed_form():
    """The part of L_k in dL/dh_t is 2^(t-k): there are T - d of 2^-d."""
    shares = np.array([(10 - d) * 2.0**-d for d in range(10)])
    bars = loss_bars(halving(10))
    assert bars.reach == np.argmax(np.cumsum(shares) / shares.sum() >= 0.9)
    assert float(
        re.search(r"([\d.]+)% of dL/dh_t is from the loss of step t itself", bars.verdict)[1]
    ) == pytest.approx(100 * shares[0] / shares.sum(), abs=0.06)


def test_a_log_scale_has_a_line_for_each_loss_and_whole_steps():
    chart = loss_bars(halving(8), scale="log", title="half").plot()
    axes = chart.axes[0]
    assert axes.get_yscale() == "log"
    assert sum(len(collection.get_segments()) for collection in axes.collections) == sum(range(8))
    assert axes.get_title().startswith("half: dL/dh_t, itemised")
    chart.canvas.draw()
    assert all(float(tick).is_integer() for tick in axes.get_xticks())


def test_it_shows_itself_and_says_the_same_in_words(tmp_path):
    bars = loss_bars(halving(3))
    bundle, _ = bars._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert bundle["text/plain"] == str(bars) == bars.plot().to_text()
    assert "‖dL/dh_1‖ = 1.75, from L_1 1, L_2 0.5, L_3 0.25" in str(bars)
    assert b"<svg" in bars.plot().save(tmp_path / "bars.svg").read_bytes()


def test_what_has_no_bars_is_said():
    with pytest.raises(ValueError, match="add up a loss for each step"):
        loss_bars(nn.RNN(2, 3, seed=0)(np.ones((3, 1, 2)))[0][-1].sum())
    with pytest.raises(ValueError, match="'linear' or 'log', not 'cubic'"):
        loss_bars(halving(3), scale="cubic")
    with pytest.raises(TypeError, match="takes a node, not float"):
        loss_bars(1.0)
