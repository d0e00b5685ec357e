"""The vanilla recurrent network with a read-out (Elman, 1990), forward and backward.

    z_t = x_t W_xh + h_(t-1) W_hh + b_h        h_t = tanh(z_t)        y_t = h_t W_hy + b_y        t = 1 .. T

x_t is (N, input), h_t and z_t are (N, hidden), y_t is (N, output); W_xh (input, hidden), W_hh (hidden, hidden),
b_h (hidden,), W_hy (hidden, output), b_y (output,).

- `forward`, `backward`: whole sequences. `backward_step`: one step of the walk back.
- `states`, `cell_backward`: the same without the read-out.
"""

from dataclasses import dataclass

import numpy as np

from microgradrnn.by_hand.shapes import Array, check, start
from microgradrnn.by_hand.walk import Gradients, StepGradients, Weights, walk_back

CELL = {"W_xh": "I H", "W_hh": "H H", "b_h": "H"}
READ_OUT = {"W_hy": "H O", "b_y": "O"}


@dataclass(frozen=True)
class Step:
    """What the way back needs of step t: x_t (N, input), h_(t-1) and h_t (N, hidden), and the weights of all steps.

    >>> first, second = states(np.ones((2, 1, 1)), {"W_xh": np.eye(1), "W_hh": np.eye(1), "b_h": np.zeros(1)})
    >>> first.h.round(4), second.h_before.round(4), second.h.round(4)  # tanh(1), and tanh(1 + tanh(1))
    (array([[0.7616]]), array([[0.7616]]), array([[0.9427]]))
    """

    x: Array
    h_before: Array
    h: Array
    weights: Weights


def forward(x: Array, weights: Weights, h0: Array | None = None) -> tuple[Array, tuple[Step, ...]]:
    """The outputs of a sequence.

    Each step computes z_t, h_t and y_t as the head of this file says. z_t and y_t need not be kept: tanh' can be read
    off h_t, and y_t is linear in what is kept.

    Args:
        x: (T, N, input).
        weights: W_xh, W_hh, b_h, W_hy, b_y.
        h0: (N, hidden), the state to start from; zeros unless given.

    Returns:
        y, (T, N, output), and the steps.

    Raises:
        KeyError, TypeError, ValueError: a weight is missing, something is no array, or has another shape.

    One unit that adds up (as tanh(z) is about z for a small z), and is read times 10:

    >>> weights = {"W_xh": np.eye(1), "W_hh": np.eye(1), "b_h": np.zeros(1), "W_hy": 10 * np.eye(1), "b_y": np.zeros(1)}
    >>> y, steps = forward(np.full((3, 1, 1), 1e-3), weights)
    >>> y.round(4).ravel()
    array([0.01, 0.02, 0.03])
    """
    check("vanilla.forward", {"x": x, **weights}, {"x": "T N I", **CELL, **READ_OUT})
    steps = states(x, weights, h0)
    y = np.stack([step.h @ weights["W_hy"] + weights["b_y"] for step in steps])
    return y, steps


def states(x: Array, weights: Weights, h0: Array | None = None) -> tuple[Step, ...]:
    """The states alone, for those who read them in another way; arguments and errors as of `forward`.

    h_t = tanh(x_t W_xh + h_(t-1) W_hh + b_h)

    >>> steps = states(np.ones((2, 1, 3)), {"W_xh": np.zeros((3, 1)), "W_hh": np.eye(1), "b_h": np.ones(1)})
    >>> [step.h.round(4).item() for step in steps]  # tanh(1), and tanh(1 + tanh(1))
    [0.7616, 0.9427]
    """
    sizes = check("vanilla.states", {"x": x, **weights}, {"x": "T N I", **CELL})
    h = start("vanilla.states", "h0", h0, sizes["N"], sizes["H"])
    steps = []
    for x_t in x:
        h_before = h
        h = np.tanh(x_t @ weights["W_xh"] + h_before @ weights["W_hh"] + weights["b_h"])
        steps.append(Step(x_t, h_before, h, weights))
    return tuple(steps)


def cell_backward(dh: Array, dh_next: Array, step: Step) -> StepGradients:
    """One step back through the cell, from dL/dh_t to dL/dh_(t-1).

    1. h_t was copied: one copy went into this step's output, one into step t + 1. The copies' gradients are summed:
       dL/dh_t = dh + dh_next, both (N, hidden).
    2. h_t = tanh(z_t), entry by entry, and tanh' = 1 - tanh^2: dz = dL/dh_t * (1 - h_t^2), (N, hidden).
    3. z_t is a sum, so each of its terms gets dz as it is. The terms x_t W_xh and h_(t-1) W_hh are products:

           dW_xh = x_t^T dz        (input, N) (N, hidden)         sums over the rows of the batch
           dW_hh = h_(t-1)^T dz    (hidden, N) (N, hidden)        the state *before*: what W_hh was multiplied with
           dx_t = dz W_xh^T        (N, hidden) (hidden, input)    sums over the units
           dh_(t-1) = dz W_hh^T    (N, hidden) (hidden, hidden)   the factor that comes in once more at every step

       and b_h was added to every row: db_h = sum over the N rows of dz.

    Args:
        dh: dL/dh_t as it comes through the output of step t.
        dh_next: dL/dh_t as it comes through step t + 1; zeros at the last step.
        step: of the cache.

    A saturated unit passes nothing on, since 1 - h^2 is 0:

    >>> one = np.ones((1, 1))
    >>> weights = {"W_xh": one, "W_hh": one, "b_h": one[0]}
    >>> cell_backward(one, one, Step(one, one, h=one, weights=weights)).before
    array([[0.]])
    """
    w = step.weights
    dz = (dh + dh_next) * (1 - step.h**2)
    shared = {"W_xh": step.x.T @ dz, "W_hh": step.h_before.T @ dz, "b_h": dz.sum(axis=0)}
    return StepGradients(shared, x=dz @ w["W_xh"].T, before=dz @ w["W_hh"].T)


def backward_step(dy: Array, dh_next: Array, step: Step) -> StepGradients:
    """One step back, from dL/dy_t to dL/dh_(t-1): the read-out, then the cell.

    y_t = h_t W_hy + b_y is a product and a sum:

        dW_hy = h_t^T dy     (hidden, N) (N, output)         h_t first: its transpose brings the batch inside
        db_y = sum over the N rows of dy
        dh = dy W_hy^T       (N, output) (output, hidden)    what reaches h_t through this step's output

    The rest is `cell_backward`, which adds to dh what comes from step t + 1. dL/dy_t and dL/dh_(t-1) are gradients of
    two different things and are never added: they do not even have the same shape.

    Args:
        dy: dL/dy_t, (N, output).
        dh_next: dL/dh_t as it comes through step t + 1, (N, hidden); zeros at the last step.
        step: of the cache.

    >>> rng = np.random.default_rng(0)
    >>> shapes = {"W_xh": (3, 4), "W_hh": (4, 4), "b_h": (4,), "W_hy": (4, 2), "b_y": (2,)}
    >>> weights = {label: rng.normal(size=shape) for label, shape in shapes.items()}
    >>> y, steps = forward(rng.normal(size=(1, 5, 3)), weights)
    >>> found = backward_step(np.ones((5, 2)), np.zeros((5, 4)), steps[0])
    >>> all(found.shared[label].shape == weights[label].shape for label in weights), found.before.shape
    (True, (5, 4))
    """
    read_out = {"W_hy": step.h.T @ dy, "b_y": dy.sum(axis=0)}
    found = cell_backward(dy @ step.weights["W_hy"].T, dh_next, step)
    return StepGradients(read_out | found.shared, found.x, found.before)


def backward(dy: Array, cache: tuple[Step, ...]) -> Gradients:
    """The gradients of a whole sequence: `backward_step` for t = T .. 1.

    With L = sum_t L_t, every y_t has the gradient of its own loss, and every h_t gets what comes through y_t and what
    comes from step t + 1; nothing comes after h_T, so the walk starts with zeros. Weights are shared, so their
    *gradients* are summed over the steps. dL/dh_0 is what step 1 hands on, alone.

    Args:
        dy: dL/dy_t for every step, (T, N, output).
        cache: the steps, from `forward`.

    Returns:
        W_xh, W_hh, b_h, W_hy, b_y, each of its weight's shape; x, (T, N, input); h_0, (N, hidden).

    Raises:
        TypeError, ValueError: dy is no array, or has another shape than the outputs.

    >>> one = np.ones((1, 1))
    >>> weights = {"W_xh": one, "W_hh": one, "b_h": 0 * one[0], "W_hy": one, "b_y": 0 * one[0]}
    >>> y, steps = forward(np.zeros((3, 1, 1)), weights)          # all states are 0, where tanh' = 1
    >>> backward(np.ones_like(y), steps)["x"].ravel()             # x_1 reaches three outputs, x_3 only one
    array([3., 2., 1.])
    """
    last = cache[-1]
    sizes = {"T": len(cache), "N": len(last.h), "O": len(last.weights["b_y"])}
    check("vanilla.backward", {"dy": dy}, {"dy": "T N O"}, **sizes)
    gradients, dh_0 = walk_back(backward_step, dy, cache, after=np.zeros_like(last.h))
    return gradients | {"h_0": dh_0}
