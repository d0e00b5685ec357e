"""Training by compiled functions: the same losses, gradients and weights as by recordings."""

from dataclasses import replace

import numpy as np
import pytest

from microgradrnn import Tensor, functional, nn
from microgradrnn.training import Settings, Trainer, truncated_bptt
from tests.test_compiled import tokens

TEXT = "she sells sea shells by the sea shore.\n" * 6
SETTINGS = Settings(hidden=6, layers=2, seq_length=7, batch_size=3, epochs=2, dtype="float64", validation=0.2)


def trained(model, by_programs, chunks=5):
    """The loss of each chunk and the gradients after it, without a step of any optimiser."""
    text, found = tokens(4 * chunks + 1), []
    for loss, _ in truncated_bptt(model.loss, (text[:-1], text[1:]), 4, compiled=by_programs):
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


def test_a_mask_of_the_targets_is_made_anew_where_only_later_chunks_are_padded():
    model = nn.RNNLM(5, 4, seed=0)

    def loss(x, y, state):
        mask = np.asarray(y.data if isinstance(y, Tensor) else y) != 0
        steps = model.unroll(x, state)
        losses = [(functional.cross_entropy(z, y[t - 1], reduction="none") * mask[t - 1]).sum() for t, z in steps]
        return functional.add_n(losses), steps.state

    text, targets = tokens(12), 1 + tokens(12, classes=4)
    targets[6:, 1] = 0
    runs = [
        [loss.item() for loss, _ in truncated_bptt(loss, (text, targets), 4, compiled=by_programs)]
        for by_programs in (True, False)
    ]
    np.testing.assert_allclose(*runs, rtol=1e-12)


def test_a_training_is_the_same_recorded_or_compiled_but_for_rounding():
    runs = []
    for by_programs in (True, False):
        trainer = Trainer(replace(SETTINGS, compiled=by_programs), TEXT)
        for _ in trainer.steps():
            pass
        runs.append(trainer)
    ours, theirs = (run.model.state_dict() for run in runs)
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-6, atol=1e-9)
    assert runs[0].history[-1]["validation_loss"] == pytest.approx(runs[1].history[-1]["validation_loss"], rel=1e-8)
