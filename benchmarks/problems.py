"""What every contender computes: the loss of a character model, and its gradients.

    z_t = x_t W_xh + h_(t-1) W_hh + b_h;  h_t = tanh z_t, or an LSTM's;  y_t = h_t W_hy + b_y;  L = sum_t CE(y_t, m_t)

Everybody gets the same one-hot rows x_t, made beforehand, and multiplies them by W_xh, as min-char-rnn does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Step = Callable[[], tuple[float, dict[str, Array]]]
"""One pass, forward and backward: the loss, and the gradient of each weight by its name."""

GATES = {"rnn": 1, "lstm": 4}


@dataclass(frozen=True)
class Case:
    """A cell ("rnn" or "lstm") and its sizes: V characters, H units, T steps, N sequences side by side."""

    V: int
    H: int
    T: int
    N: int = 1
    dtype: str = "float64"
    cell: str = "rnn"

    def __str__(self) -> str:
        return f"{self.cell.upper()} V={self.V}, H={self.H}, T={self.T:,}, N={self.N}, {self.dtype}"


@dataclass(frozen=True)
class Problem:
    """The numbers of a case.

    Attributes:
        weights: W_xh (V, gates * H), W_hh (H, gates * H), b_h (gates * H,), W_hy (H, V), b_y (V,).
        xs, targets: (T, N, V), one-hot, and (T, N), integers.
        state: h_0, and for an LSTM c_0, each (N, H).
    """

    case: Case
    weights: dict[str, Array]
    xs: Array
    targets: NDArray[np.int64]
    state: tuple[Array, ...]


def make_problem(case: Case) -> Problem:
    """The same numbers in every process."""
    rng = np.random.default_rng(0)
    V, H, width = case.V, case.H, GATES[case.cell] * case.H
    shapes = {"W_xh": (V, width), "W_hh": (H, width), "b_h": (width,), "W_hy": (H, V), "b_y": (V,)}
    text = rng.integers(V, size=(case.T + 1, case.N))
    scale = min(0.1, 1 / np.sqrt(H))  # larger weights would make wide networks forget or explode

    def normal(shape: tuple[int, ...]) -> Array:
        return rng.normal(scale=scale, size=shape).astype(case.dtype)

    return Problem(
        case=case,
        weights={name: normal(shape) for name, shape in shapes.items()},
        xs=np.eye(V, dtype=case.dtype)[text[:-1]],
        targets=text[1:],
        state=tuple(normal((case.N, H)) for _ in range(2 if case.cell == "lstm" else 1)),
    )
