"""States without labels are called what they are: PyTorch's h and c, and those of loops that students write."""

import re

import numpy as np
import pytest
import torch

from microgradrnn import Tensor, scope
from microgradrnn.interop import capture
from tests.viz.handwritten import LOOPS
from viz import draw, grad_flow

T = 3


def numbers(loss, **options):
    """What a figure calls each of its boxes: value and gradient by name."""
    loss.backward()
    found = {}
    for box in draw(loss, style="figure", width="60cm", **options).view.boxes:
        for name, of in [(o.name, o) for o in box.outputs] or [(box.title, box)]:
            assert name not in found or not re.fullmatch(r"[hcs]\d?r?_\d+", name), f"two boxes are called {name}"
            found[name] = of
    return found


def of_module(net, x):
    """h and c of each step and layer as PyTorch has them: of ever longer sequences the last ones."""
    found = {}
    for t in range(1, T + 1):
        _, last = net(x[:t])
        for letter, states in zip("hc", last if isinstance(last, tuple) else (last,), strict=False):
            for layer, state in enumerate(states.detach().numpy(), start=1):
                found[f"{letter}{layer if len(states) > 1 else ''}_{t}"] = state
    return found


NETS = {
    "LSTM": lambda: torch.nn.LSTM(3, 4),
    "two layers": lambda: torch.nn.LSTM(3, 4, num_layers=2),
    "projected": lambda: torch.nn.LSTM(3, 4, proj_size=2),
    "GRU": lambda: torch.nn.GRU(3, 4),
    "two layers of GRU": lambda: torch.nn.GRU(3, 4, num_layers=2),
    "RNN": lambda: torch.nn.RNN(3, 4),
}


@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
@pytest.mark.parametrize("options", [{}, {"level": "op"}], ids=["states", "operations"])
def test_the_states_of_a_captured_module_have_pytorchs_names(make, options):
    torch.manual_seed(0)
    net, x = make().double(), torch.randn(T, 1, 3).double()
    found = numbers(capture(lambda x: net(x)[0].pow(2).sum(), x), **options)
    for name, state in of_module(net, x).items():
        np.testing.assert_allclose(found[name].value, state, rtol=1e-9, atol=1e-12)


def test_both_directions_of_a_captured_lstm():
    torch.manual_seed(0)
    net, x = torch.nn.LSTM(3, 4, bidirectional=True).double(), torch.randn(T, 1, 3).double()
    found = numbers(capture(lambda x: net(x)[0].pow(2).sum(), x))
    outputs, (_, c) = net(x)
    for t, row in enumerate(outputs.detach().numpy(), start=1):
        np.testing.assert_allclose(found[f"h1_{t}"].value, row[:, :4], rtol=1e-9)
        np.testing.assert_allclose(found[f"h1r_{t}"].value, row[:, 4:], rtol=1e-9)
    np.testing.assert_allclose(found[f"c1_{T}"].value, c[0].detach().numpy(), rtol=1e-9)
    np.testing.assert_allclose(found["c1r_1"].value, c[1].detach().numpy(), rtol=1e-9)


def of_cells(start):
    """A loop over an LSTMCell, and its states as PyTorch has them."""
    torch.manual_seed(0)
    cell, x = torch.nn.LSTMCell(3, 4).double(), torch.randn(T, 1, 3).double()
    states = {}

    def loss(x):
        h, c = (torch.full((1, 4), start, requires_grad=True).double() for _ in range(2))
        for t in range(1, T + 1):
            h, c = cell(x[t - 1], (h, c))
            states[f"h_{t}"], states[f"c_{t}"] = h.detach().numpy().copy(), c.detach().numpy().copy()
        return (h * c).sum()

    return capture(loss, x), states


def test_the_states_of_a_captured_loop_over_cells():
    root, states = of_cells(0.5)
    found = numbers(root)
    for name, state in states.items():
        np.testing.assert_allclose(found[name].value, state, rtol=1e-9)


def by_hand(first_h=0.1, first_c=0.2, scoped=False, swapped=False):
    """An LSTM with a matrix for each gate, and its states; the product of the output gate written either way."""
    rng = np.random.default_rng(0)
    W, U = ([Tensor(rng.normal(size=(2, 2)), f"{k}{gate}") for gate in "ifgo"] for k in "WU")
    x = rng.normal(size=(T, 1, 2))
    h, c = Tensor(np.full((1, 2), first_h)), Tensor(np.full((1, 2), first_c))
    states = {"h_0": h, "c_0": c}
    for t in range(1, T + 1):
        with scope("step", t=t if scoped else None):
            i, f, g, o = (x[t - 1] @ W[k] + h @ U[k] for k in range(4))
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = c.tanh() * o.sigmoid() if swapped else o.sigmoid() * c.tanh()
        states |= {f"h_{t}": h, f"c_{t}": c}
    return (h * h).sum(), states


@pytest.mark.parametrize("options", [{}, {"scoped": True}, {"swapped": True}], ids=str)
def test_the_states_of_a_loop_by_hand_and_the_first_ones(options):
    loss, states = by_hand(**options)
    found = numbers(loss)
    for name, state in states.items():
        np.testing.assert_array_equal(found[name].value, state.data)
        np.testing.assert_allclose(found[name].grad, state.grad)


@pytest.mark.parametrize(
    "make",
    [lambda: by_hand()[0], lambda: by_hand(scoped=True)[0], lambda: of_cells(0.0)[0]]
    + [lambda loop=loop: loop(T)[0] for loop in LOOPS.values()],
    ids=["by hand", "in scopes", "captured", *LOOPS],
)
def test_a_figure_and_grad_flow_call_the_same_states_by_the_same_names(make):
    loss = make()
    found = numbers(loss)
    named = dict(grad_flow(loss).gradients)
    if any(name.startswith("c_") for name in found):
        named |= grad_flow(loss, "c").gradients
    assert named
    for name, gradients in named.items():
        for t, gradient in gradients.items():
            np.testing.assert_allclose(found[f"{name}_{t}"].grad, gradient, rtol=1e-9)


def test_two_states_of_which_neither_is_a_gate_times_the_other_are_no_c_and_h():
    """Two layers in one loop; and a pair in which each is what the other one was, and a sum."""
    W, V, U = (Tensor(np.eye(2) * k, name) for k, name in ((0.5, "W"), (0.3, "V"), (0.7, "U")))
    a = b = Tensor(np.ones((1, 2)))
    for _ in range(T):
        a, b = (a @ W + b @ V).tanh(), (b @ U + a).tanh()
    names = numbers((a * b).sum())
    assert not [name for name in names if name.startswith("c")]


def test_a_first_state_of_a_direction_that_reads_from_the_end_is_no_input():
    torch.manual_seed(0)
    net, x = torch.nn.GRU(3, 4, bidirectional=True), torch.randn(T, 1, 3)
    names = numbers(capture(lambda x: net(x)[0].pow(2).sum(), x))
    assert not [name for name in names if name.startswith("x_")]
