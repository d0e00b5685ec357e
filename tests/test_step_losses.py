"""The losses of single steps, found by label and in sums, and the gradient itemised by them, against closed forms."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from microgradrnn import Tensor, functional, nn, scope
from microgradrnn.analysis import find_states, grad_by_loss, state_names, step_losses
from microgradrnn.backprop import gradients
from tests.viz.handwritten import LOOPS


def language_model(T=5, reduction="sum", **options):
    rng = np.random.default_rng(0)
    model = nn.RNNLM(4, 3, seed=0, **options)
    return model.loss(rng.integers(4, size=(T, 2)), rng.integers(4, size=(T, 2)), reduction=reduction)[0]


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_parts_sum_to_the_gradient_of_the_whole(cell, reduction):
    loss = language_model(reduction=reduction, cell=cell)
    whole = gradients(loss)
    for t, parts in grad_by_loss(loss).items():
        assert list(parts) == list(range(t, 6))  # no loss hears of a later state
        np.testing.assert_allclose(sum(parts.values()), whole[find_states(loss)[t]], rtol=1e-12)


@given(w=st.floats(0.2, 1.5), T=st.integers(2, 7))
@example(w=1.0, T=3)  # constants that equal running sums are no detached states
def test_each_part_is_the_power_of_the_steps_between(w, T):
    """h_t = w h_(t-1), L = sum_k k h_k: the part of L_k in dL/dh_t is k w^(k-t)."""
    h, W, loss = Tensor([[1.0]]), Tensor([[w]]), 0.0
    for k in range(1, T + 1):
        h = h @ W
        loss = loss + k * h.sum()
    for t, parts in grad_by_loss(loss).items():
        for k, part in parts.items():
            assert part.item() == pytest.approx(k * w ** (k - t), rel=1e-12)


@pytest.mark.parametrize(("name", "steps"), [("tensors", [1, 2, 3, 4]), ("encoder_decoder", [5, 6, 7, 8])])
def test_the_losses_of_an_unlabelled_loop_are_the_terms_of_its_sum(name, steps):
    loss, _ = LOOPS[name](4)
    losses = step_losses(loss)
    assert list(losses) == steps
    assert sum(node.item() for node in losses.values()) == pytest.approx(loss.item(), rel=1e-12)


@pytest.mark.parametrize("name", ["lstm", "scalars", "two_layers"])
def test_a_loss_of_the_last_state_is_no_sum_over_steps(name):
    loss, _ = LOOPS[name](4)
    assert step_losses(loss) == {}
    with pytest.raises(ValueError, match="add up a loss for each step, labelled L_1, L_2"):
        grad_by_loss(loss)


@pytest.mark.parametrize("join", [functional.add_n, lambda xs: functional.stack(xs).mean(), lambda xs: -sum(xs) / 3])
def test_losses_may_be_added_up_in_any_way(join):
    h, W, losses = Tensor([[1.0]]), Tensor([[0.5]]), []
    for _ in range(3):
        h = (h @ W).tanh()
        losses.append((h * h).sum())
    found = step_losses(join(losses))
    assert {t: node.item() for t, node in found.items()} == {t: x.item() for t, x in enumerate(losses, start=1)}


def test_states_that_are_added_up_are_no_losses_since_later_steps_read_them():
    outputs, _ = nn.RNN(2, 3, seed=0)(np.ones((4, 1, 2)))
    assert step_losses(outputs.sum()) == {}


def test_running_sums_that_are_labelled_as_losses_are_refused():
    h, W, loss = Tensor([[1.0]], "h_0", requires_grad=False), Tensor([[0.5]], "W"), 0.0
    for t in range(1, 4):
        with scope("cell", t=t):
            h = (h @ W).tanh()
            h.label = f"h_{t}"
            loss = loss + (h * h).sum()
            loss.label = f"L_{t}"
    with pytest.raises(ValueError, match="no running sums"):
        grad_by_loss(loss * 1.0)


def test_an_encoders_states_and_a_decoders_go_by_their_scopes_where_steps_are_counted_anew():
    h, W = Tensor([[1.0]]), Tensor([[0.5]])
    for network in ("encoder", "decoder"):
        for t in (1, 2):
            with scope(network, t=t):
                h = (h @ W).tanh()
                h.label = f"h_{t}"
    assert state_names(h.sum()) == ["encoder/h", "decoder/h"]
    model = nn.Seq2Seq(nn.Encoder(2, 3, seed=0), nn.Decoder(2, 3, 3, seed=1))
    assert state_names(nn.sequence_loss(model.unroll(np.ones((2, 1, 2)), steps=2), np.array([[0], [1]]))) == ["h"]
