"""Why a gradient is a sum, against what the graph is made of."""

import numpy as np

from microgradrnn import Parameter, Tensor, Value, functional, scope
from tests.viz.networks import rnn_loss
from viz.passes import whole
from viz.words.why import Why


def why(root, label):
    run = whole(root)
    (node,) = (node for node in run.nodes if node.label == label)
    return Why(run, run.names, node)


def sentences(found):
    return [str(zero) for zero in found.zeros]


def test_of_a_shared_weight_it_counts_the_steps_and_names_what_is_0():
    said = why(rnn_loss(4), "W_hh")
    assert said.sentence.startswith("Why a sum: all 4 steps read the same W_hh.")
    assert sentences(said) == ["Step 1 gives 0, because W_hh is multiplied there with h_0, which is 0."]
    assert why(rnn_loss(4), "W_xh").zeros == []


def test_of_a_state_it_names_its_readers_in_both_steps():
    sentence = why(rnn_loss(3), "h_2").sentence
    assert "h_2 acts on L through h_2 @ W_hy in its own step, and through h_2 @ W_hh in step 3." in sentence


def test_of_the_last_state_and_of_what_one_step_reads_there_is_nothing_to_say():
    assert why(rnn_loss(3), "h_3").sentence == ""
    x = Value(3.0, "x")
    assert why(x * x, "x").sentence == ""


def test_a_step_that_no_gradient_reaches_is_said_to_give_0():
    w, losses = Parameter([2.0], "w"), []
    for t in (1, 2):
        with scope("cell", t=t):
            losses.append(w * Tensor([3.0], f"x_{t}", requires_grad=False) * (0.0 if t == 1 else 1.0))
    said = why(functional.add_n(losses).sum(), "w")
    assert sentences(said) == ["Step 1 gives 0, because no gradient reaches it."]


def test_where_many_steps_give_0_none_is_said():
    w, h = Parameter(np.eye(2), "w"), Tensor(np.zeros((1, 2)), "h_0")
    for t in range(1, 7):
        with scope("cell", t=t):
            h = h @ w
    assert why(h.sum(), "w").zeros == []
