"""An error of a verb names the verb that was called, not one that it calls; so do the notes in a picture."""

import numpy as np
import pytest

from microgradrnn import Tensor, Value, functional, nn
from microgradrnn.analysis import grad_by_loss, grad_norms, state_jacobian
from viz import draw, draw_dot, frames, grad_flow, loss_bars, page, practice, thumbnails

MODEL = nn.RNNLM(4, 3, seed=0)


def loss(steps=3):
    tokens = np.arange(steps + 1)[:, None] % 4
    return MODEL.loss(tokens[:-1], tokens[1:])[0]


CALLS = {
    "draw": lambda: draw(loss(), steps=[9]),
    "draw, rolled": lambda: draw(loss(), rolled=True, steps=[9]),
    "draw, figure": lambda: draw(loss(), style="figure", steps=[9]),
    "draw_dot": lambda: draw_dot(loss(), rankdir="XX"),
    "draw_dot, no node": lambda: draw_dot(1.0),
    "page": lambda: page(loss(), steps=[9]),
    "page, of practice": lambda: page(1.0, practice=True),
    "frames": lambda: frames(loss(), "nowhere.svg", steps=[9]),
    "practice": lambda: practice(1.0),
    "thumbnails": lambda: thumbnails({"one": Value(1.0) * 2.0}),
    "grad_flow": lambda: grad_flow(loss(), "s"),
    "grad_flow, without time": lambda: grad_flow(Value(1.0) * 2.0),
    "loss_bars": lambda: loss_bars(loss(), "s"),
    "loss_bars, without time": lambda: loss_bars(Value(1.0) * 2.0),
    "loss_bars, of one loss": lambda: loss_bars(nn.RNN(2, 3, seed=0).last(np.ones((3, 1, 2))).sum()),
    "grad_norms": lambda: grad_norms(loss(), "s"),
    "grad_by_loss": lambda: grad_by_loss(loss(), "s"),
    "state_jacobian": lambda: state_jacobian(loss(), 1, 2, "s"),
    "smooth_l1_loss": lambda: functional.smooth_l1_loss([1.0], [1.0, 2.0]),
    "smooth_l1_loss, beta": lambda: functional.smooth_l1_loss([1.0], [1.0], beta=-1.0),
    "smooth_l1_loss, beta 0": lambda: functional.smooth_l1_loss([1.0], [1.0, 2.0], beta=0.0),
    "scaled_dot_product_attention": lambda: functional.scaled_dot_product_attention(
        *[np.ones((2, 2))] * 3, dropout_p=2.0
    ),
    "dropout": lambda: functional.dropout(np.ones(2), "half"),
    "relu": lambda: functional.relu("x"),
    "softmax": lambda: functional.softmax(None),
    "layer_norm": lambda: functional.layer_norm("x", 2),
}


@pytest.mark.parametrize("name", CALLS)
def test_an_error_begins_with_the_name_of_what_was_called(name):
    with pytest.raises((TypeError, ValueError), match=rf"^{name.partition(',')[0]}\b(?!\()"):
        CALLS[name]()


def test_a_note_says_how_to_call_the_same_verb_for_more():
    root = Tensor(1.0)
    for _ in range(40):
        root = root * 1.5
    for call, text in (
        ("draw(root", draw(root, max_nodes=10).svg()),
        ("page(loss", page(root, max_nodes=10).html),
    ):
        assert f"{call}, max_nodes=…) shows more" in text
    assert "page(loss, steps=…) picks" in page(loss(40), max_nodes=60).html
