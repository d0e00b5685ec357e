"""Long short-term memory (Hochreiter and Schmidhuber, 1997; with the forget gate of Gers et al., 2000).

    z_t = x_t W_xh + h_(t-1) W_hh + b_h, whose quarters are z_i, z_f, z_g, z_o
    i = sigmoid(z_i)    f = sigmoid(z_f)    g = tanh(z_g)    o = sigmoid(z_o)
    c_t = f * c_(t-1) + i * g        h_t = o * tanh(c_t)

x_t is (N, input), z_t (N, 4 hidden), all others (N, hidden); W_xh (input, 4 hidden), W_hh (hidden, 4 hidden),
b_h (4 hidden,).

- `forward`, `backward`: whole sequences. `backward_step`: one step of the walk back.
"""

from dataclasses import dataclass

import numpy as np

from microgradrnn.by_hand.shapes import Array, check, start
from microgradrnn.by_hand.walk import Gradients, StepGradients, Weights, walk_back

SHAPES = {"W_hh": "H 4H", "W_xh": "I 4H", "b_h": "4H"}


@dataclass(frozen=True)
class Step:
    """What the way back needs of step t: what it read (x_t, h_(t-1), c_(t-1)), its gates, c_t, and the weights.

    >>> weights = {"W_xh": np.zeros((1, 4)), "W_hh": np.zeros((1, 4)), "b_h": np.zeros(4)}
    >>> _, (step,) = forward(np.ones((1, 1, 1)), weights, h0=(np.zeros((1, 1)), np.ones((1, 1))))
    >>> step.i.item(), step.f.item(), step.g.item(), step.o.item(), step.c.item()  # c is f c_0 + i g
    (0.5, 0.5, 0.0, 0.5, 0.5)
    """

    x: Array
    h_before: Array
    c_before: Array
    i: Array
    f: Array
    g: Array
    o: Array
    c: Array
    weights: Weights


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^(-z)) = (1 + tanh(z / 2)) / 2, which no z makes overflow; its derivative is s (1 - s).

    >>> sigmoid(np.array([-1000.0, 0.0]))
    array([0. , 0.5])
    """
    return np.asarray((1 + np.tanh(z / 2)) / 2)


def forward(x: Array, weights: Weights, h0: tuple[Array, Array] | None = None) -> tuple[Array, tuple[Step, ...]]:
    """The states of a sequence, as the head of this file says.

    Args:
        x: (T, N, input).
        weights: W_xh, W_hh, b_h, the gates side by side in the order i, f, g, o.
        h0: the pair (h_0, c_0), each (N, hidden), to start from; zeros unless given.

    Returns:
        h, (T, N, hidden), and the steps.

    Raises:
        KeyError, TypeError, ValueError: a weight is missing, something is no array, or has another shape.

    Gates of weight 0 stand half open, and keep half of the cell:

    >>> weights = {"W_xh": np.zeros((1, 4)), "W_hh": np.zeros((1, 4)), "b_h": np.zeros(4)}
    >>> h, steps = forward(np.ones((2, 1, 1)), weights, h0=(np.zeros((1, 1)), np.ones((1, 1))))
    >>> [step.c.item() for step in steps]
    [0.5, 0.25]
    """
    sizes = check("lstm.forward", {"x": x, **weights}, {"x": "T N I", **SHAPES})
    given = (None, None) if h0 is None else h0
    h, c = (
        start("lstm.forward", name, state, sizes["N"], sizes["H"])
        for name, state in zip(("h_0", "c_0"), given, strict=True)
    )
    hs, steps = [], []
    for x_t in x:
        h_before, c_before = h, c
        z_i, z_f, z_g, z_o = np.split(x_t @ weights["W_xh"] + h_before @ weights["W_hh"] + weights["b_h"], 4, axis=1)
        i, f, g, o = sigmoid(z_i), sigmoid(z_f), np.tanh(z_g), sigmoid(z_o)
        c = f * c_before + i * g
        h = o * np.tanh(c)
        hs.append(h)
        steps.append(Step(x_t, h_before, c_before, i, f, g, o, c, weights))
    return np.stack(hs), tuple(steps)


def backward_step(dh: Array, after: tuple[Array, Array], step: Step) -> StepGradients:
    """One step back, from dL/dh_t and dL/dc_t to dL/dh_(t-1) and dL/dc_(t-1). Everything is (N, hidden) but dz.

    1. h_t was copied, into this step's output and into step t + 1:       dL/dh_t = dh + dh_next
    2. h_t = o * tanh(c_t), a product entry by entry: each factor gets the other.

           do = dL/dh_t * tanh(c_t)
           dc = dL/dh_t * o * (1 - tanh(c_t)^2) + dc_next                 c_t was copied as well: into h_t, into c_(t+1)

    3. c_t = f * c_(t-1) + i * g, a sum of such products:

           df = dc * c_(t-1)    di = dc * g    dg = dc * i
           dL/dc_(t-1) = dc * f                                           no matrix, no squashing: the cell line

    4. Through sigmoid (s' = s (1 - s)) and tanh (1 - g^2), entry by entry, the quarters side by side, (N, 4 hidden):

           dz = [di i (1 - i),  df f (1 - f),  dg (1 - g^2),  do o (1 - o)]

    5. z_t is a sum of two products and a bias, as in the vanilla network, the state *before* being W_hh's factor:

           dW_xh = x_t^T dz,  dW_hh = h_(t-1)^T dz,  db_h = sum over the N rows of dz
           dx_t = dz W_xh^T,  dL/dh_(t-1) = dz W_hh^T

    Args:
        dh: dL/dh_t as it comes through the output of step t, (N, hidden).
        after: the pair (dh_next, dc_next) that step t + 1 hands on; zeros at the last step.
        step: of the cache.

    With the forget gate open and the others shut, the cell line hands on what it got:

    >>> weights = {"W_xh": np.zeros((1, 4)), "W_hh": np.zeros((1, 4)), "b_h": np.array([-50.0, 50, 0, -50])}
    >>> _, (step,) = forward(np.ones((1, 1, 1)), weights)
    >>> dh_before, dc_before = backward_step(np.zeros((1, 1)), (np.zeros((1, 1)), np.full((1, 1), 7.0)), step).before
    >>> dc_before
    array([[7.]])
    """
    w, i, f, g, o = step.weights, step.i, step.f, step.g, step.o
    dh_next, dc_next = after
    dh = dh + dh_next
    tanh_c = np.tanh(step.c)
    do = dh * tanh_c
    dc = dh * o * (1 - tanh_c**2) + dc_next
    df, di, dg = dc * step.c_before, dc * g, dc * i
    dz = np.concatenate([di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)], axis=1)
    shared = {"W_xh": step.x.T @ dz, "W_hh": step.h_before.T @ dz, "b_h": dz.sum(axis=0)}
    return StepGradients(shared, x=dz @ w["W_xh"].T, before=(dz @ w["W_hh"].T, dc * f))


def backward(dh: Array, cache: tuple[Step, ...]) -> Gradients:
    """The gradients of a whole sequence: `backward_step` for t = T .. 1.

    The walk hands on a pair, dL/dh_t and dL/dc_t; both start as zeros, since nothing comes after step T. The weights'
    gradients are summed over the steps. What step 1 hands on belongs to h_0 and c_0.

    Args:
        dh: dL/dh_t for every step, as far as it does not run through later steps, (T, N, hidden).
        cache: the steps, from `forward`.

    Returns:
        W_xh, W_hh, b_h, each of its weight's shape; x, (T, N, input); h_0 and c_0, (N, hidden).

    Raises:
        TypeError, ValueError: dh is no array, or has another shape than the outputs.

    >>> weights = {"W_xh": np.zeros((1, 4)), "W_hh": np.zeros((1, 4)), "b_h": np.zeros(4)}
    >>> h, steps = forward(np.ones((3, 1, 1)), weights)
    >>> backward(np.ones_like(h), steps)["c_0"]        # half open gates: 1/2 (1/2 + 1/4 + 1/8)
    array([[0.4375]])
    """
    zeros = np.zeros_like(cache[-1].c)
    check("lstm.backward", {"dh": dh}, {"dh": "T N H"}, T=len(cache), N=zeros.shape[0], H=zeros.shape[1])
    gradients, (dh_0, dc_0) = walk_back(backward_step, dh, cache, after=(zeros, zeros))
    return gradients | {"h_0": dh_0, "c_0": dc_0}
