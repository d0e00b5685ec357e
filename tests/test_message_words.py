"""A step of forward messages in words: every number against the arrays, and sums that hold."""

import re

import numpy as np
import pytest

from microgradrnn.messages import message_steps
from microgradrnn.messages.wording import letter
from tests.message_cases import ARCHITECTURES, Sizes, build

SMALL = Sizes(T=3, N=1, inputs=1, hidden=1, outputs=2)


@pytest.mark.parametrize("architecture", list(ARCHITECTURES.values()), ids=list(ARCHITECTURES))
def test_direct_and_handed_on_are_the_message_together(architecture):
    for step in message_steps(build(architecture, SMALL).chain):
        lists = re.findall(r"direct \[(.*?)\], handed on \[(.*?)\], together \[(.*?)\]", str(step))
        assert lists
        for found in lists:
            direct, handed_on, together = (np.array(part.split(", "), dtype=float) for part in found)
            np.testing.assert_allclose(direct + handed_on, together, atol=2e-3 * np.abs(together).max() + 1e-9)


def test_the_state_the_loss_and_the_gradients_are_in_it():
    *_, step = message_steps(build(ARCHITECTURES["synchronized"], SMALL).chain)
    said = str(step)
    assert said.startswith("step 3\n")
    assert f"h_3 = [{step.state.item():.4g}]" in said
    assert f"ds_3/ds_2 = [{step.jacobian.item():.4g}]" in said
    assert f"E_3 = {step.loss:.4g}, dE_3/ds_3 = [{step.delta.item():.4g}]" in said
    assert f"dE_3/d rnn.cells.0.0.W_hh = [{step.gradients['rnn.cells.0.0.W_hh'].item():.4g}]" in said
    assert "alpha, the message for rnn.cells.0.0.W_xh" in said


def test_a_step_without_a_loss_says_so_and_a_large_one_is_short():
    first, *_ = message_steps(build(ARCHITECTURES["input sequence"], Sizes(hidden=6)).chain)
    assert "no loss at this step" in str(first)
    assert len(repr(first)) < 300
    assert "\n" not in repr(first)


def test_letters():
    assert letter("decoder.cell.W_hh", ["h_e", "h_d"]) == "beta^d"
    assert letter("encoder.rnn.cells.1.0.W_xh", ["h_d"]) == "zeta^d"
    assert letter("readout.W", ["h"]) == ""
