"""Small recorded networks to draw."""

from typing import Any

import numpy as np

from microgradrnn import Parameter, Tensor, functional, scope
from microgradrnn.nn import RNNCell

CLASSES = 7


def rnn_loss(steps: int, hidden: int = 5, batch: int = 1, seed: int = 0) -> Any:
    """L = sum_t L_t of a vanilla RNN with a read-out and a loss in each step, recorded but not run backward."""
    rng = np.random.default_rng(seed)
    cell = RNNCell(CLASSES, hidden, seed=rng)
    W_hy, b_y = Parameter(rng.normal(size=(hidden, CLASSES)), "W_hy"), Parameter(np.zeros(CLASSES), "b_y")
    h, losses = cell.zero_state(batch), []
    for t in range(1, steps + 1):
        with scope("cell", t=t):
            x = Tensor(np.eye(CLASSES)[rng.integers(CLASSES, size=batch)], f"x_{t}", requires_grad=False)
            h = cell(x, h)
            losses.append(functional.cross_entropy(h @ W_hy + b_y, rng.integers(CLASSES, size=batch)))
            losses[-1].label = f"L_{t}"
    loss = functional.add_n(losses)
    loss.label = "L"
    return loss
