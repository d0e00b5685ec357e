"""A character model: the vanilla network with a softmax, as in min-char-rnn (Karpathy, 2015), and how it is trained.

Read a character, predict the next: x_t is one-hot, y_t scores every character, and L is the sum of the losses
-log softmax(y_t)[target_t] over steps and batch. Gradients are clipped entry by entry, and Adagrad takes the step.

- `loss_and_gradients`: of one chunk of text. `adagrad`: one step. `smoothed`: the loss to print.

Written here from the equations; rows are the batch, where that program has columns.
"""

from collections.abc import Mapping

import numpy as np

from microgradrnn.by_hand import softmax_cross_entropy, vanilla
from microgradrnn.by_hand.shapes import Array, check
from microgradrnn.by_hand.walk import Gradients, Weights, in_c_order


def loss_and_gradients(
    inputs: Array, targets: Array, weights: Weights, h0: Array | None = None, clip: float = 5.0
) -> tuple[float, Gradients, Array]:
    """The loss of a chunk of text, its gradients, and the state to start the next chunk from.

    Nothing is new here; three derivations meet.

    1. L is a sum, so every dL/dl_t is 1, and dL/dy_t = S_t - 1[target_t] (`softmax_cross_entropy.backward`).
    2. dL/dy_t of every step goes into `vanilla.backward`.
    3. x_t is one-hot: x_t W_xh is the row of W_xh that belongs to the character, and x_t^T dz is dz in that row alone.

    Then each entry g of a gradient becomes min(max(g, -clip), clip). This bounds the step, and changes its direction.

    Args:
        inputs: the characters to read, integers in 0 .. V - 1, (T, N).
        targets: the characters that come next, likewise.
        weights: W_xh (V, hidden), W_hh, b_h, W_hy (hidden, V), b_y.
        h0: (N, hidden), the last state of the chunk before; zeros unless given.
        clip: the largest size of an entry of a gradient.

    Returns:
        L, the gradients of the weights, and h_T, (N, hidden).

    Raises:
        KeyError, TypeError, ValueError: a weight is missing; something is no array, has another shape, or a character
            does not exist.

    Weights of 0 know nothing: the loss is T log V.

    >>> V, H = 4, 3
    >>> shapes = {"W_xh": (V, H), "W_hh": (H, H), "b_h": (H,), "W_hy": (H, V), "b_y": (V,)}
    >>> weights = {label: np.zeros(shape) for label, shape in shapes.items()}
    >>> loss, gradients, h = loss_and_gradients(np.array([[0], [1]]), np.array([[1], [2]]), weights)
    >>> round(loss / float(np.log(V)), 9), gradients["b_y"]
    (2.0, array([ 0.5, -0.5, -0.5,  0.5]))
    """
    name = "min_char_rnn.loss_and_gradients"
    arrays = {"inputs": inputs, "targets": targets, **weights}
    characters = {"W_xh": "V H", "W_hy": "H V", "b_y": "V"}
    V = check(name, arrays, {"inputs": "T N", "targets": "T N", **characters})["V"]
    if inputs.dtype.kind not in "iu" or inputs.min() < 0 or inputs.max() >= V:
        raise ValueError(f"{name}: inputs are integers in 0 .. {V - 1}, got {inputs}")

    y, steps = vanilla.forward(np.eye(V)[inputs], weights, h0)
    losses, cache = softmax_cross_entropy.forward(y, targets)
    dy = softmax_cross_entropy.backward(np.ones_like(losses), cache)["y"]
    gradients = vanilla.backward(dy, steps)
    clipped = {label: np.clip(gradients[label], -clip, clip) for label in weights}
    return float(losses.sum()), clipped, steps[-1].h


def adagrad(
    weights: Weights, gradients: Mapping[str, Array], memory: Weights, lr: float = 0.1, eps: float = 1e-8
) -> tuple[Gradients, Gradients]:
    """One step of Adagrad (Duchi, Hazan and Singer, 2011), its epsilon inside the root.

    s <- s + g^2, then w <- w - lr g / sqrt(s + eps): an entry that has moved much moves less from now on. At the very
    first step g / sqrt(g^2 + eps) is about the sign of g.

    Args:
        weights: by label.
        gradients: by label.
        memory: s by label; empty at first.
        lr: how far to go.
        eps: keeps the root from 0.

    Returns:
        The new weights and the new memory. Nothing that came in is changed.

    >>> weights, memory = adagrad({"b_h": np.array([1.0])}, {"b_h": np.array([-3.0])}, {})
    >>> weights["b_h"].round(6), memory["b_h"]
    (array([1.1]), array([9.]))
    """
    s = {label: memory.get(label, 0.0) + gradients[label] ** 2 for label in weights}
    moved = {label: w - lr * gradients[label] / np.sqrt(s[label] + eps) for label, w in weights.items()}
    return in_c_order(moved), in_c_order(s)


def smoothed(before: float, loss: float) -> float:
    """The loss to print: 0.999 of what was printed before, and 0.001 of the new.

    Start with T log V, the loss of a model that knows nothing.

    >>> smoothed(100.0, 0.0)
    99.9
    """
    return 0.999 * before + 0.001 * loss
