"""A dense layer, a recurrent one, a dense one (Ramapuram, "RNN Backprop Through Time Equations").

    a_t = f1(x_t W_1 + b_1)        h_t = f2(a_t W_xh + h_(t-1) W_hh + b_h)        o_t = f3(h_t W_3 + b_3)

x_t is (N, input), a_t (N, dense), h_t (N, hidden), o_t (N, output). The text calls W_xh and W_hh W_2 and W_r. Each f
is tanh or the identity.

- `forward`, `backward`: whole sequences. `backward_step`: one step of the walk back.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from microgradrnn.by_hand.shapes import Array, check, start
from microgradrnn.by_hand.walk import Gradients, StepGradients, Weights, walk_back

Function = Callable[[Array], Array]
SHAPES = {"W_1": "I A", "b_1": "A", "W_xh": "A H", "W_hh": "H H", "b_h": "H", "W_3": "H O", "b_3": "O"}
FUNCTIONS: dict[str, Function] = {"tanh": np.tanh, "identity": np.asarray}
SLOPES: dict[str, Function] = {"tanh": lambda output: 1 - output**2, "identity": np.ones_like}
"""The derivative of each function, in terms of its output."""


@dataclass(frozen=True)
class Step:
    """What the way back needs of step t: x_t, a_t, h_(t-1), h_t, o_t, the weights, and the names of f1, f2, f3.

    >>> one, zero = np.eye(1), np.zeros(1)
    >>> weights = {"W_1": 2 * one, "b_1": zero, "W_xh": 3 * one, "W_hh": one, "b_h": zero, "W_3": 5 * one, "b_3": zero}
    >>> _, (step,) = forward(np.ones((1, 1, 1)), weights, f=("identity", "identity", "identity"))
    >>> step.a.item(), step.h.item(), step.o.item()  # 1 * 2, 2 * 3, 6 * 5
    (2.0, 6.0, 30.0)
    """

    x: Array
    a: Array
    h_before: Array
    h: Array
    o: Array
    weights: Weights
    f: tuple[str, str, str]


def forward(
    x: Array, weights: Weights, h0: Array | None = None, f: tuple[str, str, str] = ("tanh", "tanh", "tanh")
) -> tuple[Array, tuple[Step, ...]]:
    """The outputs of a sequence, as the head of this file says.

    A step keeps each layer's output, from which its slope can be read off; so what is kept grows with the number of
    steps, and the weights stand in all of them.

    Args:
        x: (T, N, input).
        weights: W_1, b_1, W_xh, W_hh, b_h, W_3, b_3.
        h0: (N, hidden), the state to start from; zeros unless given.
        f: f1, f2, f3, each "tanh" or "identity".

    Returns:
        o, (T, N, output), and the steps.

    Raises:
        KeyError, TypeError: a weight is missing, or something is no array.
        ValueError: a shape does not fit, or f is not known.

    >>> one, zero = np.eye(1), np.zeros(1)
    >>> weights = {"W_1": one, "b_1": zero, "W_xh": one, "W_hh": one, "b_h": zero, "W_3": one, "b_3": zero}
    >>> forward(np.ones((4, 1, 1)), weights, f=("identity", "identity", "identity"))[0].ravel()    # it adds up
    array([1., 2., 3., 4.])
    """
    sizes = check("sandwich.forward", {"x": x, **weights}, {"x": "T N I", **SHAPES})
    if len(f) != 3 or not set(f) <= set(FUNCTIONS):
        raise ValueError(f"sandwich.forward: f is three of {', '.join(FUNCTIONS)}, got {f}")
    f1, f2, f3 = (FUNCTIONS[name] for name in f)
    h = start("sandwich.forward", "h0", h0, sizes["N"], sizes["H"])
    steps = []
    for x_t in x:
        h_before = h
        a = f1(x_t @ weights["W_1"] + weights["b_1"])
        h = f2(a @ weights["W_xh"] + h_before @ weights["W_hh"] + weights["b_h"])
        o = f3(h @ weights["W_3"] + weights["b_3"])
        steps.append(Step(x_t, a, h_before, h, o, weights, f))
    return np.stack([step.o for step in steps]), tuple(steps)


def backward_step(loss_gradient: Array, through_time: Array, step: Step) -> StepGradients:
    """One step back through three layers. A delta is dL/d(what goes into a layer's f).

    1. o_t = f3(...), entry by entry:                          do_t = L'_t * f3'                             (N, output)
       W_3 was multiplied with h_t:                            dW_3 = h_t^T do_t, db_3 = its rows' sum
    2. h_t is read by the layer above, through W_3, and by the next step, through W_hh. Both send back their delta times
       the transpose of the matrix that they read h_t through, and only the sum goes through f2:

           dh_t = (do_t W_3^T + dh_(t+1) W_hh^T) * f2'                                                       (N, hidden)

       So the accumulator is more than an addition: at every step W_hh^T and f2' come in.
       W_xh was multiplied with a_t, W_hh with h_(t-1):        dW_xh = a_t^T dh_t, dW_hh = h_(t-1)^T dh_t, db_h
    3. a_t is read by the recurrent layer alone:               da_t = (dh_t W_xh^T) * f1'                    (N, dense)
       W_1 was multiplied with x_t:                            dW_1 = x_t^T da_t, db_1 = its rows' sum
    4. To the layer below goes da_t W_1^T; to the step before goes dh_t W_hh^T.

    Args:
        loss_gradient: L'_t = dL/do_t, (N, output).
        through_time: dh_(t+1) W_hh^T, (N, hidden); zeros at the last step.
        step: of the cache.

    >>> one, zero = np.eye(1), np.zeros(1)
    >>> weights = {"W_1": one, "b_1": zero, "W_xh": one, "W_hh": 3 * one, "b_h": zero, "W_3": one, "b_3": zero}
    >>> _, (step,) = forward(np.ones((1, 1, 1)), weights, f=("identity", "identity", "identity"))
    >>> backward_step(one, 10 * one, step).before       # (1 + 10) * 3
    array([[33.]])
    """
    w = step.weights
    slope1, slope2, slope3 = (SLOPES[name] for name in step.f)
    do = loss_gradient * slope3(step.o)
    dh = (do @ w["W_3"].T + through_time) * slope2(step.h)
    da = dh @ w["W_xh"].T * slope1(step.a)
    shared = {
        "W_3": step.h.T @ do,
        "b_3": do.sum(axis=0),
        "W_xh": step.a.T @ dh,
        "W_hh": step.h_before.T @ dh,
        "b_h": dh.sum(axis=0),
        "W_1": step.x.T @ da,
        "b_1": da.sum(axis=0),
    }
    return StepGradients(shared, x=da @ w["W_1"].T, before=dh @ w["W_hh"].T)


def backward(do: Array, cache: tuple[Step, ...], interval: int | None = None) -> Gradients:
    """The gradients of a whole sequence: `backward_step` for t = T .. 1, with one accumulator that is handed on.

    Truncated, the accumulator is zeroed whenever the walk enters another ``interval`` of steps, counted from the first:
    what happens in steps 4, 5, 6 then says nothing of h_3. That is the gradient of a network whose state is a constant
    at the start of each interval, and it is all of the gradient where the interval is at least T.

    Args:
        do: dL/do_t for every step, (T, N, output).
        cache: the steps, from `forward`.
        interval: after how many steps the accumulator is zeroed; never unless given.

    Returns:
        W_1, b_1, W_xh, W_hh, b_h, W_3, b_3, each of its weight's shape; x, (T, N, input); h_0, (N, hidden).

    Raises:
        TypeError, ValueError: do is no array or has another shape than the outputs, or the interval is less than 1.

    >>> one, zero = np.eye(1), np.zeros(1)
    >>> weights = {"W_1": one, "b_1": zero, "W_xh": one, "W_hh": one, "b_h": zero, "W_3": one, "b_3": zero}
    >>> o, steps = forward(np.ones((4, 1, 1)), weights, f=("identity", "identity", "identity"))
    >>> backward(np.ones_like(o), steps)["x"].ravel(), backward(np.ones_like(o), steps, interval=2)["x"].ravel()
    (array([4., 3., 2., 1.]), array([2., 1., 2., 1.]))
    """
    check("sandwich.backward", {"do": do}, {"do": "T N O"}, T=len(cache), N=len(cache[-1].o), O=cache[-1].o.shape[1])
    if interval is not None and interval < 1:
        raise ValueError(f"sandwich.backward: interval is at least 1, not {interval}")
    gradients, dh_0 = walk_back(backward_step, do, cache, np.zeros_like(cache[-1].h), interval)
    return gradients | {"h_0": dh_0}
