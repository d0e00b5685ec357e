"""Modules find their parameters; the recurrent cell is its formula."""

import numpy as np
import pytest

from microgradrnn import Parameter, Tensor, Value, functional, gradcheck, nn


class Read(nn.Module):
    """A module that holds parameters in every way there is."""

    def __init__(self):
        self.W = Parameter([[1.0, 2.0]])
        self.cells = [nn.RNNCell(2, 3, seed=0), nn.RNNCell(3, 3, seed=1)]
        self.by_name = {"gain": Value(2.0)}
        self.tied = self.W
        self.fixed = Tensor([1.0], requires_grad=False)
        self.tokens = Tensor(np.array([1, 2]))
        self.remembered = self.W * 2.0
        self.size, self.name = 3, "read"


def test_parameters_are_found_in_modules_lists_and_dicts_each_once_and_in_order():
    model = Read()
    assert [name for name, _ in model.named_parameters()] == [
        "W",
        "cells.0.W_xh",
        "cells.0.W_hh",
        "cells.0.b_h",
        "cells.1.W_xh",
        "cells.1.W_hh",
        "cells.1.b_h",
        "by_name.gain",
    ]
    assert model.parameters() == [parameter for _, parameter in model.named_parameters()]
    assert model.parameters()[0] is model.W


def test_zero_grad_forgets_every_gradient():
    model = Read()
    for p in model.parameters():
        p.grad = 1.0
    model.zero_grad()
    assert {p.grad for p in model.parameters()} == {None}


def test_the_cell_is_its_formula():
    """h_t = tanh(x_t W_xh + h_(t-1) W_hh + b_h)"""
    cell, rng = nn.RNNCell(3, 4, seed=0), np.random.default_rng(1)
    cell.b_h.data = rng.standard_normal(4)
    x, h = rng.standard_normal((2, 3)), rng.standard_normal((2, 4))
    W_xh, W_hh, b_h = (p.data for p in (cell.W_xh, cell.W_hh, cell.b_h))
    np.testing.assert_allclose(cell(x, Tensor(h)).data, np.tanh(x @ W_xh + h @ W_hh + b_h), rtol=1e-13)


def test_one_step_backward_is_the_derivation_by_hand():
    """dz = dh * (1 - h_t^2); dW_hh = h_(t-1)^T dz, dW_xh = x_t^T dz, db_h = sum_N dz, dh_(t-1) = dz W_hh^T."""
    cell, rng = nn.RNNCell(3, 4, seed=0), np.random.default_rng(1)
    x, h, dh = Tensor(rng.standard_normal((2, 3))), Tensor(rng.standard_normal((2, 4))), rng.standard_normal((2, 4))
    out = cell(x, h)
    out.backward(dh)
    dz = dh * (1 - out.data**2)
    np.testing.assert_allclose(cell.W_hh.grad, h.data.T @ dz, rtol=1e-12)
    np.testing.assert_allclose(cell.W_xh.grad, x.data.T @ dz, rtol=1e-12)
    np.testing.assert_allclose(cell.b_h.grad, dz.sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(h.grad, dz @ cell.W_hh.data.T, rtol=1e-12)
    np.testing.assert_allclose(x.grad, dz @ cell.W_xh.data.T, rtol=1e-12)


def test_backpropagation_through_time_agrees_with_differences():
    cell, W_hy, rng = nn.RNNCell(2, 3, seed=0), Parameter(np.ones((3, 2))), np.random.default_rng(1)
    x = Tensor(rng.standard_normal((4, 2, 2)))

    def loss(x, W_hy, *_):
        h, losses = cell.zero_state(2), []
        for t in range(4):
            h = cell(x[t], h)
            losses.append(functional.cross_entropy(h @ W_hy, [t % 2, 1]))
        return functional.add_n(losses)

    assert gradcheck(loss, [x, W_hy, *cell.parameters()])


def test_the_number_of_parameters_does_not_depend_on_the_number_of_steps():
    cell = nn.RNNCell(3, 4, seed=0)
    assert sum(p.size for p in cell.parameters()) == 3 * 4 + 4 * 4 + 4


@pytest.mark.parametrize("hidden", [4, 100])
def test_weights_start_uniform_within_one_over_the_root_of_hidden_and_biases_at_0(hidden):
    cell, bound = nn.RNNCell(hidden, hidden, seed=0), 1 / np.sqrt(hidden)
    for W in (cell.W_xh.data, cell.W_hh.data):
        assert np.abs(W).max() <= bound
        assert np.abs(W).max() > 0.8 * bound
        assert W.min() < 0 < W.max()
    assert not cell.b_h.data.any()


def test_the_seed_decides_and_a_generator_goes_on():
    def weights(seed):
        return nn.RNNCell(2, 2, seed=seed).W_hh.data.tolist()

    generator = np.random.default_rng(7)
    assert weights(7) == weights(7) == weights(generator)
    assert weights(7) != weights(8)
    assert weights(generator) != weights(7)


def test_the_state_to_start_from_is_zeros_and_gets_no_gradient():
    h = nn.RNNCell(2, 3, dtype=np.float32).zero_state(5)
    assert h.shape == (5, 3)
    assert h.dtype == np.float32
    assert not h.data.any()
    assert not h.requires_grad


def test_a_cell_in_float32_computes_in_float32():
    cell = nn.RNNCell(2, 3, seed=0, dtype=np.float32)
    h = cell(np.ones((1, 2), np.float32), cell.zero_state(1))
    h.sum().backward()
    assert h.dtype == np.float32
    assert {p.grad.dtype for p in cell.parameters()} == {np.dtype(np.float32)}
