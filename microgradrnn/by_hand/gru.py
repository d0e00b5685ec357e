"""Gated recurrent unit (Cho et al., 2014), its reset gate after the matrix product.

    p_t = x_t W_xh + b_h,  q_t = h_(t-1) W_hh, each with thirds r, z, n
    r = sigmoid(p_r + q_r)    z = sigmoid(p_z + q_z)    n = tanh(p_n + r * (q_n + b_hn))
    h_t = (1 - z) * n + z * h_(t-1)

x_t is (N, input), p_t and q_t are (N, 3 hidden), all others (N, hidden); W_xh (input, 3 hidden),
W_hh (hidden, 3 hidden), b_h (3 hidden,), b_hn (hidden,).

- `forward`, `backward`: whole sequences. `backward_step`: one step of the walk back.
"""

from dataclasses import dataclass

import numpy as np

from microgradrnn.by_hand.lstm import sigmoid
from microgradrnn.by_hand.shapes import Array, check, start
from microgradrnn.by_hand.walk import Gradients, StepGradients, Weights, walk_back

SHAPES = {"W_hh": "H 3H", "W_xh": "I 3H", "b_h": "3H", "b_hn": "H"}


@dataclass(frozen=True)
class Step:
    """What the way back needs of step t: what it read, r, z, n, q_n + b_hn under the name ``q_n``, and the weights.

    >>> weights = {"W_xh": np.zeros((1, 3)), "W_hh": np.zeros((1, 3)), "b_h": np.zeros(3), "b_hn": np.ones(1)}
    >>> _, (step,) = forward(np.ones((1, 1, 1)), weights)
    >>> step.r.item(), step.z.item(), step.q_n.item(), step.n.round(4).item()  # n is tanh(r q_n)
    (0.5, 0.5, 1.0, 0.4621)
    """

    x: Array
    h_before: Array
    r: Array
    z: Array
    n: Array
    q_n: Array
    weights: Weights


def forward(x: Array, weights: Weights, h0: Array | None = None) -> tuple[Array, tuple[Step, ...]]:
    """The states of a sequence, as the head of this file says.

    Args:
        x: (T, N, input).
        weights: W_xh, W_hh, b_h, the gates side by side in the order r, z, n; and b_hn.
        h0: (N, hidden), the state to start from; zeros unless given.

    Returns:
        h, (T, N, hidden), and the steps.

    Raises:
        KeyError, TypeError, ValueError: a weight is missing, something is no array, or has another shape.

    Gates of weight 0 stand half open, and keep half of the state:

    >>> weights = {"W_xh": np.zeros((1, 3)), "W_hh": np.zeros((1, 3)), "b_h": np.zeros(3), "b_hn": np.zeros(1)}
    >>> forward(np.ones((2, 1, 1)), weights, h0=np.ones((1, 1)))[0].ravel()
    array([0.5 , 0.25])
    """
    sizes = check("gru.forward", {"x": x, **weights}, {"x": "T N I", **SHAPES})
    h = start("gru.forward", "h0", h0, sizes["N"], sizes["H"])
    hs, steps = [], []
    for x_t in x:
        h_before = h
        p_r, p_z, p_n = np.split(x_t @ weights["W_xh"] + weights["b_h"], 3, axis=1)
        q_r, q_z, q_n = np.split(h_before @ weights["W_hh"], 3, axis=1)
        q_n = q_n + weights["b_hn"]
        r, z = sigmoid(p_r + q_r), sigmoid(p_z + q_z)
        n = np.tanh(p_n + r * q_n)
        h = (1 - z) * n + z * h_before
        hs.append(h)
        steps.append(Step(x_t, h_before, r, z, n, q_n, weights))
    return np.stack(hs), tuple(steps)


def backward_step(dh: Array, dh_next: Array, step: Step) -> StepGradients:
    """One step back, from dL/dh_t to dL/dh_(t-1). Everything is (N, hidden) but dp and dq.

    1. h_t was copied, into this step's output and into step t + 1:       dL/dh_t = dh + dh_next; from here on dh.
    2. h_t = (1 - z) * n + z * h_(t-1), products entry by entry: each factor gets the other.

           dn = dh * (1 - z)    dz = dh * (h_(t-1) - n)                   n is taken off as z grows, h_(t-1) put on
           straight to h_(t-1): dh * z                                    no matrix, no squashing

    3. Through tanh and sigmoid, entry by entry, to what stands in their brackets. The reset gate is a factor there.

           dn' = dn (1 - n^2)    dz' = dz z (1 - z)
           dr' = dn' (q_n + b_hn) r (1 - r)
           dq_n = dn' r,  and db_hn = sum over the N rows of it

    4. p_t and q_t enter the brackets as they are, but q_n through r. The thirds side by side, (N, 3 hidden):

           dp = [dr', dz', dn']    dq = [dr', dz', dn' r]

    5. p_t = x_t W_xh + b_h and q_t = h_(t-1) W_hh are products:

           dW_xh = x_t^T dp,  db_h = sum over the N rows of dp,  dx_t = dp W_xh^T
           dW_hh = h_(t-1)^T dq,  dL/dh_(t-1) = dq W_hh^T + dh * z        h_(t-1) was copied: into q_t and into h_t

    Args:
        dh: dL/dh_t as it comes through the output of step t, (N, hidden).
        dh_next: dL/dh_t as it comes through step t + 1; zeros at the last step.
        step: of the cache.

    With the update gate open (z = 1) the state is handed on as it was, and so is its gradient:

    >>> weights = {"W_xh": np.zeros((1, 3)), "W_hh": np.ones((1, 3)), "b_h": np.array([0.0, 50, 0]), "b_hn": np.ones(1)}
    >>> _, (step,) = forward(np.ones((1, 1, 1)), weights)
    >>> backward_step(np.full((1, 1), 3.0), np.full((1, 1), 4.0), step).before
    array([[7.]])
    """
    w, r, z, n = step.weights, step.r, step.z, step.n
    dh = dh + dh_next
    dn = dh * (1 - z) * (1 - n**2)
    dz = dh * (step.h_before - n) * z * (1 - z)
    dr = dn * step.q_n * r * (1 - r)
    dp = np.concatenate([dr, dz, dn], axis=1)
    dq = np.concatenate([dr, dz, dn * r], axis=1)
    shared = {
        "W_xh": step.x.T @ dp,
        "b_h": dp.sum(axis=0),
        "W_hh": step.h_before.T @ dq,
        "b_hn": (dn * r).sum(axis=0),
    }
    return StepGradients(shared, x=dp @ w["W_xh"].T, before=dq @ w["W_hh"].T + dh * z)


def backward(dh: Array, cache: tuple[Step, ...]) -> Gradients:
    """The gradients of a whole sequence: `backward_step` for t = T .. 1.

    The walk hands on dL/dh_t, which starts as zeros, since nothing comes after step T. The weights' gradients are
    summed over the steps. What step 1 hands on belongs to h_0.

    Args:
        dh: dL/dh_t for every step, as far as it does not run through later steps, (T, N, hidden).
        cache: the steps, from `forward`.

    Returns:
        W_xh, W_hh, b_h, b_hn, each of its weight's shape; x, (T, N, input); h_0, (N, hidden).

    Raises:
        TypeError, ValueError: dh is no array, or has another shape than the outputs.

    >>> weights = {"W_xh": np.zeros((1, 3)), "W_hh": np.zeros((1, 3)), "b_h": np.zeros(3), "b_hn": np.zeros(1)}
    >>> h, steps = forward(np.ones((3, 1, 1)), weights)
    >>> backward(np.ones_like(h), steps)["h_0"]        # half open gates: 1/2 + 1/4 + 1/8
    array([[0.875]])
    """
    zeros = np.zeros_like(cache[-1].n)
    check("gru.backward", {"dh": dh}, {"dh": "T N H"}, T=len(cache), N=zeros.shape[0], H=zeros.shape[1])
    gradients, dh_0 = walk_back(backward_step, dh, cache, after=zeros)
    return gradients | {"h_0": dh_0}
