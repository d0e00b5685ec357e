"""An encoder and a decoder, each a vanilla network of its own ("RNN White Box", 2016; Cho et al., 2014).

    encoder: h_t = tanh(x_t W_xh + h_(t-1) W_hh + b_h),  t = 1 .. T_e        context: c = the last of these h_t
    decoder: z_t = r_t W_xh + h_(t-1) W_hh + c W_ch + b_h,  h_t = tanh(z_t),  y_t = h_t W_hy + b_y,  t = 1 .. T
             it starts from h_0 = 0, and reads
             r_t = inputs_t        under teacher forcing: it is told what to read
             r_t = y_(t-1)         running free: its own output; r_1 = 0

x_t is (N, input), r_t and y_t are (N, output). The weights are "encoder.W_xh", "decoder.W_xh" and so on. The decoder's
state may have another size than the encoder's: c is (N, context), and W_ch is (context, hidden).

- `forward`, `backward`: whole sequences. `decoder_backward_step`: one step of the walk back through the decoder.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from microgradrnn.by_hand import vanilla
from microgradrnn.by_hand.shapes import Array, check
from microgradrnn.by_hand.walk import Gradients, StepGradients, Weights, in_c_order, walk_back

SHAPES = {
    **{"encoder.W_xh": "I C", "encoder.W_hh": "C C", "encoder.b_h": "C"},
    **{"decoder.W_xh": "O H", "decoder.W_hh": "H H", "decoder.W_ch": "C H", "decoder.b_h": "H"},
    **{"decoder.W_hy": "H O", "decoder.b_y": "O"},
}


@dataclass(frozen=True)
class Cache:
    """What the way back needs: the steps of both networks, and whether the decoder read its own output.

    r_t W_xh + c W_ch is [r_t, c] times the two matrices, one above the other. So the decoder's steps are those of a
    vanilla network whose input is [r_t, c], (N, output + context).

    >>> one, zero = np.eye(1), np.zeros(1)
    >>> weights = {f"encoder.{label}": one for label in ("W_xh", "W_hh")} | {"encoder.b_h": zero, "decoder.b_h": zero}
    >>> weights |= {f"decoder.{label}": one for label in ("W_xh", "W_hh", "W_ch", "W_hy")} | {"decoder.b_y": zero}
    >>> _, cache = forward(np.ones((2, 1, 1)), weights, steps=3)
    >>> len(cache.encoder), len(cache.decoder), cache.decoder[0].x.round(4)  # [r_1, c] = [0, tanh(1 + tanh(1))]
    (2, 3, array([[0.    , 0.9427]]))
    """

    encoder: tuple[vanilla.Step, ...]
    decoder: tuple[vanilla.Step, ...]
    runs_free: bool


def forward(
    x: Array, weights: Weights, h0: Array | None = None, inputs: Array | None = None, steps: int | None = None
) -> tuple[Array, Cache]:
    """The decoder's outputs for an encoder's inputs, as the head of this file says.

    Args:
        x: what the encoder reads, (T_e, N, input).
        weights: encoder.W_xh, encoder.W_hh, encoder.b_h, decoder.W_xh, decoder.W_hh, decoder.W_ch, decoder.b_h,
            decoder.W_hy, decoder.b_y.
        h0: (N, context), the state that the encoder starts from; zeros unless given.
        inputs: what the decoder reads at each step, (T, N, output), its first step included. Without them it runs free.
        steps: T, where the decoder runs free.

    Returns:
        y, (T, N, output), and what the way back needs.

    Raises:
        KeyError, TypeError: a weight is missing, or something is no array.
        ValueError: a shape does not fit, or not exactly one of ``inputs`` and ``steps`` was given.

    >>> one, zero = np.eye(1), np.zeros(1)
    >>> weights = {f"encoder.{label}": one for label in ("W_xh", "W_hh")} | {"encoder.b_h": zero, "decoder.b_h": zero}
    >>> weights |= {f"decoder.{label}": one for label in ("W_xh", "W_hh", "W_ch", "W_hy")} | {"decoder.b_y": zero}
    >>> y, _ = forward(np.full((2, 1, 1), 1e-4), weights, steps=3)      # so small that tanh(z) is about z
    >>> (y * 1e4).round(3).ravel()                                      # c = 2, and y_t = y_(t-1) + h_(t-1) + c
    array([ 2.,  6., 14.])
    """
    sizes = check("encoder_decoder.forward", {"x": x, **weights}, {"x": "S N I", **SHAPES})
    told: list[Array | None]
    if inputs is not None and steps is None:
        check("encoder_decoder.forward", {"inputs": inputs}, {"inputs": "T N O"}, N=sizes["N"], O=sizes["O"])
        told = list(inputs)
    elif inputs is None and steps is not None and steps > 0:
        told = [None] * steps
    else:
        raise ValueError("encoder_decoder.forward: give either inputs to read, or the number of steps to run free")
    encoder = vanilla.states(x, _part(weights, "encoder"), h0)
    context = encoder[-1].h

    w = _part(weights, "decoder")
    w["W_xh"] = np.concatenate([w.pop("W_xh"), w.pop("W_ch")])
    y, h = np.zeros((sizes["N"], sizes["O"])), np.zeros((sizes["N"], sizes["H"]))
    ys, decoder = [], []
    for read in told:
        r = y if read is None else read
        (step,) = vanilla.states(np.concatenate([r, context], axis=1)[None], w, h)
        h = step.h
        y = h @ w["W_hy"] + w["b_y"]
        ys.append(y)
        decoder.append(step)
    return np.stack(ys), Cache(encoder, tuple(decoder), runs_free=inputs is None)


def decoder_backward_step(dy: Array, after: tuple[Array, Array], step: vanilla.Step, runs_free: bool) -> StepGradients:
    """One step back through the decoder, from dL/dy_t to what step t - 1 and the encoder are to know.

    1. y_t was copied where the decoder runs free: into the loss, and into what step t + 1 reads. So dL/dy_t is dy, from
       the loss, plus dr_(t+1). Under teacher forcing step t + 1 reads what it is told, and nothing is added.
    2. Read-out, tanh, and the products with W_xh and W_hh are those of `vanilla.backward_step`.
    3. The third product, c W_ch, is one more of the kind:

           dW_ch = c^T dz        (context, N) (N, hidden)
           dc = dz W_ch^T        (N, hidden) (hidden, context)

       Every step reads c: it is shared as a weight is, and its gradient is a sum over the steps.

    Args:
        dy: dL/dy_t from the loss of step t, (N, output).
        after: from step t + 1: dL/dh_t, (N, hidden), and dr_(t+1), (N, output); zeros at the last step.
        step: of the cache; its input is [r_t, c].
        runs_free: whether r_t is y_(t-1).

    Returns:
        Under ``shared`` the weights and "c"; dr_t as ``x``; and ``before``, for step t - 1.

    >>> one = np.eye(1)
    >>> weights = {"W_xh": np.array([[2.0], [3.0]]), "W_hh": one, "b_h": one[0], "W_hy": one, "b_y": one[0]}
    >>> step = vanilla.Step(x=np.array([[5.0, 7.0]]), h_before=one, h=0 * one, weights=weights)
    >>> found = decoder_backward_step(one, (0 * one, 10 * one), step, runs_free=True)
    >>> found.shared["W_ch"], found.shared["c"], found.before       # dz = 1 + 10
    (array([[77.]]), array([[33.]]), (array([[11.]]), array([[22.]])))
    """
    dh_next, dr_next = after
    found = vanilla.backward_step(dy + dr_next, dh_next, step)
    size = dy.shape[1]  # [r_t, c] and the matrices above each other part here
    dW, dr, dc = found.shared["W_xh"], found.x[:, :size], found.x[:, size:]
    shared = in_c_order(found.shared | {"W_xh": dW[:size], "W_ch": dW[size:], "c": dc})
    dr = np.array(dr)
    return StepGradients(shared, x=dr, before=(found.before, dr if runs_free else np.zeros_like(dr)))


def backward(dy: Array, cache: Cache) -> Gradients:
    """The gradients of both networks: the walk back through the decoder, and on through the encoder.

    1. The decoder, t = T .. 1: `decoder_backward_step`. What step 1 hands on is dropped: its h_0 and r_1 are constants
       where it runs free.
    2. c is the encoder's last state, so the dc of all decoder steps together is what reaches it. No loss reads the
       encoder's states otherwise.
    3. The encoder, t = T_e .. 1: `vanilla.cell_backward`, with dc for what comes after the last step.

    Args:
        dy: dL/dy_t for every decoder step, (T, N, output).
        cache: from `forward`.

    Returns:
        Every weight's gradient under its label; x, (T_e, N, input); h_0 of the encoder, (N, context); and under teacher
        forcing inputs, (T, N, output).

    Raises:
        TypeError, ValueError: dy is no array, or has another shape than the outputs.

    >>> one, zero = np.eye(1), np.zeros(1)
    >>> weights = {f"encoder.{label}": one for label in ("W_xh", "W_hh")} | {"encoder.b_h": zero, "decoder.b_h": zero}
    >>> weights |= {f"decoder.{label}": one for label in ("W_xh", "W_hh", "W_ch", "W_hy")} | {"decoder.b_y": zero}
    >>> y, cache = forward(np.zeros((2, 1, 1)), weights, steps=3)       # all states are 0, where tanh' = 1
    >>> backward(np.ones_like(y), cache)["x"].ravel()                   # dy_1/dc + dy_2/dc + dy_3/dc = 1 + 3 + 7
    array([11., 11.])
    """
    last = cache.decoder[-1]
    N, H = last.h.shape
    size = len(last.weights["b_y"])
    check("encoder_decoder.backward", {"dy": dy}, {"dy": "T N O"}, T=len(cache.decoder), N=N, O=size)
    step = partial(decoder_backward_step, runs_free=cache.runs_free)
    decoder, _ = walk_back(step, dy, cache.decoder, after=(np.zeros((N, H)), np.zeros((N, size))))
    dc, dr = decoder.pop("c"), decoder.pop("x")
    no_loss = np.zeros((len(cache.encoder), *dc.shape))
    encoder, dh_0 = walk_back(vanilla.cell_backward, no_loss, cache.encoder, after=dc)
    found = {"x": encoder.pop("x"), "h_0": dh_0}
    if not cache.runs_free:
        found["inputs"] = dr
    return found | _named("encoder", encoder) | _named("decoder", decoder)


def _part(weights: Mapping[str, Array], network: str) -> dict[str, Array]:
    """The weights of one network, without its name."""
    return {label.removeprefix(f"{network}."): w for label, w in weights.items() if label.startswith(f"{network}.")}


def _named(network: str, gradients: Gradients) -> Gradients:
    return {f"{network}.{label}": gradient for label, gradient in gradients.items()}
