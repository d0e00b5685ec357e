"""In figures of loops that read ``x[t]`` an input box shows the row that its step reads."""

import numpy as np
import pytest
import torch

from microgradrnn import Parameter, Tensor
from microgradrnn.interop import capture
from viz import draw

T = 3
DATA = np.random.default_rng(0).normal(size=(T, 1, 2))
WEIGHTS = np.random.default_rng(1).normal(size=(2, 2))


def inputs(root, **options):
    """The input boxes of each step: name and value."""
    root.backward()
    view = draw(root, style="figure", numbers=True, width="60cm", **options).view
    return {
        box.place: (box.title, np.asarray(box.value).tolist())
        for box in view.boxes
        if box.role in ("data", "leaf", "alias") and isinstance(box.place, int)
    }


def rows(name="x", axis=0):
    return {t + 1: (f"{name}_{t + 1}", row.tolist()) for t, row in enumerate(DATA)}


def in_pytorch(read):
    W = torch.tensor(WEIGHTS, requires_grad=True)

    def loss(x):
        h = torch.zeros(1, 2).double()
        for row in read(x):
            h = torch.tanh(row + h @ W)
        return h.sum()

    return loss


READINGS = {
    "x[t]": (lambda x: [x[t] for t in range(T)], DATA),
    "x[-k]": (lambda x: [x[t - T] for t in range(T)], DATA),
    "rows": (lambda x: list(x), DATA),
    "unbind": (lambda x: x.unbind(0), DATA),
    "x[:, t]": (lambda x: [x[:, t] for t in range(T)], DATA.swapaxes(0, 1)),
}


@pytest.mark.parametrize(("read", "data"), READINGS.values(), ids=READINGS)
@pytest.mark.parametrize("options", [{}, {"level": "op"}], ids=["states", "operations"])
def test_of_a_captured_loop(read, data, options):
    assert inputs(capture(in_pytorch(read), torch.tensor(data)), **options) == rows()


def by_hand(x, order=range(T), W=None):
    h, W = Tensor(np.zeros((1, 2)), requires_grad=False), W or Tensor(WEIGHTS, "W")
    for t in order:
        h = (x[t] + h @ W).tanh()
    return h.sum()


@pytest.mark.parametrize("wants", [False, True], ids=["data", "wants a gradient"])
@pytest.mark.parametrize("label", ["", "words"])
def test_of_a_loop_by_hand(label, wants):
    x = Tensor(DATA, label, requires_grad=wants)
    loss = by_hand(x)
    assert inputs(loss) == rows(label or "x")
    if wants:
        view = draw(loss, style="figure", numbers=True, width="60cm").view
        shown = {box.title: box.grad for box in view.boxes if box.role == "leaf"}
        for t in range(T):
            np.testing.assert_array_equal(shown[f"{label or 'x'}_{t + 1}"], x.grad[t])


def test_of_a_loop_that_reads_from_the_end():
    assert inputs(by_hand(Tensor(DATA, requires_grad=False), reversed(range(T)))) == rows()


def test_rows_of_a_weight_are_no_inputs():
    table = Parameter(DATA, "E")
    assert inputs(by_hand(table)) == {}
    assert inputs(by_hand(Tensor(DATA, "E"), [2, 0, 0, 1])) == {}


def test_a_sequence_that_is_read_as_a_whole_too_stands_there_as_well():
    x = Tensor(DATA, "x", requires_grad=False)
    root = by_hand(x) * x.sum()
    assert inputs(root) == rows()
    assert "x" in {box.title for box in draw(root, style="figure").view.boxes}


def test_two_rows_that_a_step_reads_have_their_own_numbers():
    x, W, h = Tensor(DATA, requires_grad=False), Tensor(WEIGHTS, "W"), Tensor(np.zeros((1, 2)), requires_grad=False)
    for t in range(1, T):
        h = (x[t - 1] + x[t] @ W + h @ W).tanh()
    root = h.sum()
    root.backward()
    boxes = draw(root, style="figure", numbers=True, width="60cm").view.boxes
    found = [(box.title, box.value.tolist()) for box in boxes if box.role == "data"]
    assert found == [(f"x_{k}", DATA[k - 1].tolist()) for k in (1, 2, 2, 3)]


def test_a_rolled_figure_has_one_input_of_all_steps():
    root = by_hand(Tensor(DATA, requires_grad=False))
    assert [box.title for box in draw(root, style="figure", rolled=True).view.boxes] == ["x_t", "h_t", "L"]
