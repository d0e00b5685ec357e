"""Recurrent cells: one step in time. Unrolling one is a loop that calls it for each step."""

import math
from typing import Any

import numpy as np

from microgradrnn.context import here
from microgradrnn.engine import Node, Tensor
from microgradrnn.functional import add_n
from microgradrnn.nn.module import Module, Parameter


def label_step(letter: str, node: Node) -> Any:
    """Label a node of the current time step as formulas do: ``h_3``; without a time step just ``h``."""
    t = here().t
    node.label = letter if t is None else f"{letter}_{t}"
    return node


class RNNCell(Module):
    """The vanilla recurrent cell, h_t = tanh(x_t W_xh + h_(t-1) W_hh + b_h) (Elman, 1990).

    Args:
        input_size, hidden_size: features of x_t and of h_t.
        seed: an integer or a `numpy.random.Generator`; weights are uniform in ±1/sqrt(hidden_size), as in PyTorch.
        dtype: of the weights; float64 unless told.

    Attributes:
        W_xh, W_hh, b_h: shapes (input, hidden), (hidden, hidden), (hidden,).

    >>> cell = RNNCell(3, 2, seed=0)
    >>> h = cell(Tensor([[1.0, 0.0, 0.0]]), cell.zero_state(1))
    >>> h.shape
    (1, 2)
    """

    def __init__(
        self, input_size: int, hidden_size: int, seed: int | np.random.Generator | None = None, dtype: Any = None
    ) -> None:
        rng, bound = np.random.default_rng(seed), 1 / math.sqrt(hidden_size)
        self.input_size, self.hidden_size = input_size, hidden_size
        self.W_xh = Parameter(rng.uniform(-bound, bound, (input_size, hidden_size)), "W_xh", dtype)
        self.W_hh = Parameter(rng.uniform(-bound, bound, (hidden_size, hidden_size)), "W_hh", dtype)
        self.b_h = Parameter(np.zeros(hidden_size), "b_h", dtype)

    def __call__(self, x: Any, h: Any) -> Any:
        """One step: x of shape (N, input) and h of shape (N, hidden) give the next h, (N, hidden)."""
        z = label_step("z", add_n([x @ self.W_xh, h @ self.W_hh, self.b_h]))
        return label_step("h", z.tanh())

    def zero_state(self, batch_size: int) -> Tensor:
        """The h_0 of a sequence that starts afresh: zeros, constant, of shape (N, hidden)."""
        zeros = np.zeros((batch_size, self.hidden_size), self.W_hh.dtype)
        return Tensor(zeros, label="h_0", requires_grad=False)

    def __repr__(self) -> str:
        return f"RNNCell(input_size={self.input_size}, hidden_size={self.hidden_size})"
