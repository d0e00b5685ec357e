"""A loss whose graph repeats is computed by a program, with the numbers that recording it gives."""

from dataclasses import replace

import numpy as np
import pytest

from microgradrnn import Tensor, nn
from microgradrnn.training import Replay, Settings, Trainer, truncated_bptt

TEXT = "she sells sea shells by the sea shore.\n" * 6
SETTINGS = Settings(hidden=6, layers=2, seq_length=7, batch_size=3, epochs=2, dtype="float64", validation=0.2)


def tokens(steps, batch=2, seed=0):
    return np.random.default_rng(seed).integers(5, size=(steps, batch))


def trained(model, compiled, chunks=5):
    """The loss of each chunk and the gradients after it, without a step of any optimiser."""
    text, found = tokens(4 * chunks + 1), []
    for loss, _ in truncated_bptt(model.loss, (text[:-1], text[1:]), 4, compiled=compiled):
        for p in model.parameters():
            p.zero_grad()
        loss.backward()
        found.append((loss.item(), [np.zeros(p.shape) if p.grad is None else p.grad for p in model.parameters()]))
    return found


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("network", [{}, {"num_layers": 2}, {"embedding_dim": 3}, {"learn_h0": True}])
def test_chunks_have_the_losses_and_gradients_that_recording_them_gives(cell, network):
    model = nn.RNNLM(5, 4, cell=cell, seed=0, **network)
    for (loss, grads), (expected, theirs) in zip(trained(model, True), trained(model, False), strict=True):
        assert loss == pytest.approx(expected, rel=1e-12)
        for grad, their in zip(grads, theirs, strict=True):
            np.testing.assert_allclose(grad, their, rtol=1e-9, atol=1e-13)


def test_gradients_add_up_over_backward_passes():
    model = nn.RNNLM(5, 4, seed=0)
    loss, _ = Replay(model.loss)(tokens(3), tokens(3, seed=1), None)
    for p in model.parameters():
        p.zero_grad()
    loss.backward()
    once = [np.array(p.grad) for p in model.parameters()]
    loss.backward()
    assert all(np.array_equal(p.grad, 2 * grad) for p, grad in zip(model.parameters(), once, strict=True))


def test_no_node_is_recorded_once_the_graph_is_known():
    model, calls = nn.RNNLM(5, 4, seed=0), []

    def loss(*arguments):
        calls.append(1)
        return model.loss(*arguments)

    replay, state = Replay(loss), None
    for seed in range(6):
        _, state = replay(tokens(3, seed=seed), tokens(3, seed=seed + 1), state)
    assert len(calls) == 4  # twice at the front, where there is no state yet, and twice after that


def test_a_loss_that_draws_anew_is_recorded_every_time():
    model = nn.RNNLM(5, 4, seed=0, num_layers=2, dropout=0.5)
    found = {loss.item() for loss, _ in (Replay(model.loss)(tokens(6), tokens(6), None) for _ in range(2))}
    replay = Replay(model.loss)
    found |= {replay(tokens(6), tokens(6), None)[0].item() for _ in range(4)}
    assert len(found) == 6


def test_a_loss_that_cannot_be_compiled_is_recorded_every_time():
    w = Tensor(np.ones(3), "w")

    def loss(x, state):
        return (w * x).sum() * (1.0 if state is None else 2.0) + w[x > 0].sum(), state

    replay, x = Replay(loss), np.array([1.0, -1.0, 2.0])
    assert [replay(x, None)[0].item() for _ in range(3)] == [5.0 - 1.0] * 3
    assert replay(-x, None)[0].item() == pytest.approx(-2.0 + 1.0)


def test_a_training_is_the_same_recorded_or_compiled_but_for_rounding():
    runs = []
    for compiled in (True, False):
        trainer = Trainer(replace(SETTINGS, compiled=compiled), TEXT)
        for _ in trainer.steps():
            pass
        runs.append(trainer)
    ours, theirs = (run.model.state_dict() for run in runs)
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-6, atol=1e-9)
    assert runs[0].history[-1]["validation_loss"] == pytest.approx(runs[1].history[-1]["validation_loss"], rel=1e-8)
