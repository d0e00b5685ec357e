"""Which nodes are in which time step where a loop detaches its state, and where it reads a sequence in blocks.

Each recorder keeps a record of its own: the step in which Python was when it made a node. That is what is asked for.
"""

import numpy as np
import pytest

from microgradrnn import Tensor
from microgradrnn.functional import concat
from microgradrnn.loops import time_steps
from tests.loops.diaries import SIZE, Diary, sequence, weight, zeros

CUTS = {"detach": lambda h: h.detach(), "by hand": lambda h: Tensor(h.data, requires_grad=False)}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize("rows", [True, False])
@pytest.mark.parametrize("every", [1, 2, 3, 4])
@pytest.mark.parametrize("steps", [6, 7])
def test_truncated_backpropagation_goes_on_counting(cut, rows, every, steps):
    W, U, h, diary, losses = weight(seed=1), weight(seed=2), zeros(), Diary(), []
    x = sequence(steps) if rows else [Tensor(np.full((1, SIZE), t + 1.0), requires_grad=False) for t in range(steps)]
    for t in range(steps):
        h = (x[t] @ U + (cut(h) if t % every == 0 else h) @ W).tanh()
        losses.append((h * h).sum())
        diary.step(t + 1, h, losses[-1])
    total = losses[0]
    for one in losses[1:]:
        total = total + one
    times = time_steps(total)
    assert times.steps == tuple(range(1, steps + 1))
    made = [node for node in diary.expected if node.requires_grad]
    assert [times.of(node) for node in made] == [diary.expected[node] for node in made]


def test_a_constant_like_a_state_is_none_in_another_place():
    W, U, diary = weight(seed=1), weight(seed=2), Diary()
    h, total = zeros(), Tensor(0.0)
    for t in range(4):
        h = (Tensor(np.ones((1, SIZE)), requires_grad=False) @ U + h @ W).tanh()
        diary.step(t + 1, h)
    other = zeros()
    x = [h.detach() * (t == 2) for t in range(4)]  # the input of the third step has the last state's numbers
    for t in range(4):
        other = (x[t] @ U + other @ W).tanh()
        diary.step(t + 1, other)
    times = time_steps((h + other).sum() + total)
    made = [node for node in diary.expected if node.requires_grad]
    assert [times.of(node) for node in made] == [diary.expected[node] for node in made]


@pytest.mark.parametrize("sizes", [(3, 3, 2, 1), (2, 2, 2), (4, 3, 2, 1)])
def test_a_layer_that_reads_blocks_of_the_one_below_has_its_steps(sizes):
    starts = np.concatenate([[0], np.cumsum(sizes)])
    x, diary = Tensor(np.random.default_rng(0).normal(size=(starts[-1], SIZE)), requires_grad=False), Diary()
    read = x
    for layer in range(2):
        W, U, h, states = weight(seed=layer), weight(seed=layer + 5), None, []
        whole = read @ U
        diary.step(None, whole)
        for t, size in enumerate(sizes):
            rows = whole[starts[t] : starts[t + 1]]
            before = Tensor(np.zeros((size, SIZE)), requires_grad=False) if h is None else h[:size]
            h = (rows + before @ W).tanh()
            diary.step(t + 1, h)
            states.append(h)
        read = concat(states, axis=0)
        diary.step(None, read)
    times = time_steps((read * read).sum())
    known = {node: t for node, t in diary.expected.items() if node.op.name != "index"}
    assert [times.of(node) for node in known] == list(known.values())
    handed_on = [loop.states() for loop in times.loops]
    assert [list(found) for found in handed_on] == [[*range(1, len(sizes) + 1)]] * 2
    assert [[s.shape[0] for s in found.values()] for found in handed_on] == [[*sizes]] * 2
