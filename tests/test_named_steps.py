"""Steps in short: whatever they are, they can be told from it while it is not cut, and it stays short."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import nn
from microgradrnn.analysis import state_jacobian
from microgradrnn.named_steps import chosen, in_short
from tests.viz.networks import rnn_loss
from viz import draw, frames, page


@given(st.lists(st.integers(0, 40), unique=True))
def test_what_is_in_short_can_be_read_back(steps):
    said = in_short(steps)
    if "..." in said:
        return
    read = []
    for part in said.split(", ") if said else []:
        first, *last = map(int, part.split(" to "))
        end = last[0] if last else first
        read += range(first, end + 1) if end >= first else range(first, end - 1, -1)
    assert read == steps


@given(st.lists(st.integers(0, 10**6), unique=True, min_size=1))
def test_it_stays_short_and_names_the_ends(steps):
    numbers = re.findall(r"\d+", in_short(steps))
    assert len(numbers) <= 12
    assert (int(numbers[0]), int(numbers[-1])) == (steps[0], steps[-1])


@pytest.mark.parametrize("wrong", ["all", "12", ["1"], 3, [1.0], [None]], ids=repr)
@pytest.mark.parametrize("verb", [draw, page, frames], ids=lambda verb: verb.__name__)
def test_steps_that_are_no_integers_are_refused(verb, wrong, tmp_path):
    where = [tmp_path] if verb is frames else []
    with pytest.raises(TypeError, match=rf"^{verb.__name__}: steps are the numbers.*got {re.escape(repr(wrong))}"):
        verb(rnn_loss(2), *where, steps=wrong)


def test_integers_of_numpys_are_steps():
    assert chosen("draw", np.arange(3)) == (0, 1, 2)


def test_errors_tell_hundreds_of_steps_in_a_few_words():
    loss = rnn_loss(200)
    for verb in (draw, page):
        with pytest.raises(ValueError, match=r"step 500; steps are 1 to 200$"):
            verb(loss, steps=[500])
    states = dict(nn.RNN(2, 3, seed=0).unroll(np.ones((200, 1, 2))))
    with pytest.raises(ValueError, match=r"step 500 .* there are steps 1 to 200$"):
        state_jacobian(states, 1, 500)
