"""The four architectures of "RNN White Box" (2016), as chains to pass messages along.

- `synchronized`: an output and a loss for every input; its equations (1) to (8).
- `unsynchronized`: encoder and decoder; (9) to (21).
- `input_sequence`: one output, and the loss, after the last input; (22) to (26).
- `output_sequence`: one input, outputs from then on; (27).
- `cross_entropies`, `squared_errors`: losses, a number for each row.

The text's U, W, V are W_xh, W_hh, W_hy; the decoder's matrix for the context, which it does not name, is W_ch, here C.
Upper indices e and d tell the encoder's from the decoder's. What is said of one row holds for each: rows are sequences
of their own. Parts of a state are named h (an LSTM's also c), with layers h1, h2, an encoder's h_e, a decoder's h_d.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.functional import cross_entropy, mse_loss
from microgradrnn.messages.layers import Layers, Network
from microgradrnn.messages.passing import Chain, State, Unit
from microgradrnn.nn.architectures import ManyToMany, ManyToOne, OneToMany, ReadOut
from microgradrnn.nn.seq2seq import Seq2Seq

Loss = Callable[[Any, Any], Any]
"""Of y_t, (N, output), and the target at t: E_t of each row, (N,)."""
Pairs = Iterator[tuple[Any, Any]]
"""What each step reads, and the target of its loss."""


def cross_entropies(y: Any, targets: Any) -> Any:
    """Softmax with log loss, of scores (N, classes) and class indices (N,): a number for each row.

    >>> cross_entropies(np.zeros((3, 2)), [0, 1, 1]).data.round(4)  # log 2
    array([0.6931, 0.6931, 0.6931])
    """
    return cross_entropy(y, targets, reduction="none")


def squared_errors(y: Any, targets: Any) -> Any:
    """The sum of (y - target)², both of shape (N, output): a number for each row.

    >>> squared_errors(np.zeros((3, 2)), np.ones((3, 2))).data
    array([2., 2., 2.])
    """
    return mse_loss(y, targets, reduction="none").sum(axis=-1)


def synchronized(model: ManyToMany, x: Any, targets: Any, loss: Loss = cross_entropies) -> Chain:
    """Synchronized input and output sequences: unit t reads x_t and s_(t-1), and there is a loss at every step.

        E = sum_t E_t                                                                  (1)
        dE_t/ds[t,h] = sum_k dE_t/dy[t,k] V[h,k]                                       (3), the direct delta
        alpha[t,a,dh] = d+ s[t,a]/du[d,h] + sum_b ds[t,a]/ds[t-1,b] alpha[t-1,b,dh]    (4)
        beta[t,a,ij]  = d+ s[t,a]/dw[i,j] + sum_b ds[t,a]/ds[t-1,b] beta[t-1,b,ij]     (5)
        dE_t/dv[h,k]  = dE_t/dy[t,k] s[t,h]                                            (6)
        dE_t/du[d,h]  = sum_a dE_t/ds[t,a] alpha[t,a,dh]                               (7), and (8) with beta

    The text prints (4) and (5) for a = b alone, (7) and (8) without their sums, and an X_t for unit t+1 to read.

    Args:
        model: of any cell and number of layers, in one direction.
        x: (T, N, input), an array.
        targets: one for each step, as the loss takes it: class indices (T, N) for `cross_entropies`.
        loss: of y_t, (N, output), and the target at t, gives E_t: one number for each row, (N,).

    Raises:
        ValueError: the network reads in both directions, or a shape does not fit.

    >>> from microgradrnn import nn
    >>> from microgradrnn.messages import forward_messages
    >>> model, x = nn.ManyToMany(2, 3, 2, cell="gru", seed=0), np.ones((4, 1, 2))
    >>> found = forward_messages(synchronized(model, x, np.array([[0], [1], [1], [0]])))
    >>> nn.sequence_loss(model.unroll(x), np.array([[0], [1], [1], [0]]), "sum").backward()
    >>> np.allclose(found.gradients["readout.W"], model.readout.W.grad, rtol=1e-10)
    True
    """
    x, targets = _inputs("synchronized", x), _one_a_step("synchronized", "targets", targets, len(x))
    layers = Network(model.rnn)
    return _read_out(model, layers, x.shape[1], lambda: zip(x, targets, strict=True), loss)


def unsynchronized(
    model: Seq2Seq,
    x: Any,
    targets: Any,
    answers: Any = None,
    feed: Callable[[Any], Any] | None = None,
    loss: Loss = cross_entropies,
) -> Chain:
    """Unsynchronized input and output sequences: an encoder reads, then a decoder writes, and losses stand there.

    Each unit of the decoder reads the context s^e_Te through C, the output or the answer before, and s^d_(t-1).

        alpha^e, beta^e, alpha^d, beta^d as in (4) and (5)                              (9), (10), (13), (14)
        zeta[t,a,lh]  = sum_b ds^d[t,a]/ds^e[Te,b] alpha^e[Te,b,lh]
                      + sum_b ds^d[t,a]/ds^d[t-1,b] zeta[t-1,b,lh]                      (15)
        gamma[t,a,ij] = the same with beta^e[Te,b,ij] and gamma[t-1,b,ij]               (16)
        dE_t/du^e[l,h] = sum_a dE_t/ds^d[t,a] zeta[t,a,lh]                              (20), and (21) with gamma

    The text prints all of them for a = b alone and (18) to (21) without their sums. Its first term of (16),
    d+ s^d/dw^e, is 0: no unit of the decoder reads a weight of the encoder. It leaves out C, which has messages like
    alpha^d. Running free, y is a part of the state: what a unit reads depends on the state and on V of the one before.

    Args:
        model: of any cells; the encoder of any number of layers, in one direction.
        x: (T, N, input), an array.
        targets: one for each step of the decoder, as the loss takes it: indices (steps, N) for `cross_entropies`.
        answers: what the decoder reads after each step, (steps, N, output): teacher forcing. Without them it reads its
            own output.
        feed: in free running, what is read of y_(t-1): itself unless given, as in `microgradrnn.nn.Decoder`.
        loss: of y_t, (N, output), and the target at t, gives E_t: one number for each row, (N,).

    Raises:
        ValueError: the encoder reads in both directions, or a shape does not fit.

    >>> from microgradrnn import nn
    >>> from microgradrnn.messages import message_steps
    >>> model = nn.Seq2Seq(nn.Encoder(2, 3, seed=0), nn.Decoder(2, 3, 3, seed=1))
    >>> chain = unsynchronized(model, np.ones((2, 1, 2)), np.array([[0], [1]]))
    >>> [list(step.units) for step in message_steps(chain)]
    [['h_e'], ['h_e'], ['h_e', 'h_d', 'y'], ['h_e', 'h_d', 'y']]
    """
    x, targets = _inputs("unsynchronized", x), _one_a_step("unsynchronized", "targets", targets)
    given = None if answers is None else _one_a_step("unsynchronized", "answers", answers, len(targets))
    encoder, readout = Network(model.encoder.rnn, "_e"), model.decoder.readout
    decoder = Layers([model.decoder.cell], "_d")

    def decode(answer: Any, state: State) -> State:
        context, read = state[encoder.top], answer
        if "y" in state:
            read = state["y"] if feed is None else feed(state["y"])
        new = decoder.step(read, {**decoder.start(x.shape[1]), **state}, context)  # s^d starts at 0
        fed_back = {"y": readout(new[decoder.top])} if given is None else {}
        return {encoder.top: context, **new, **fed_back}

    def sequence() -> Iterator[tuple[Unit, Any, Any]]:
        yield from ((encoder.step, x_t, None) for x_t in x)
        for t, target in enumerate(targets):
            yield decode, None if given is None or t == 0 else given[t - 1], target

    # The losses read h_d, also where y is a part of the state: (12) is dE_t/ds^d_t, through the output of that step.
    return Chain(
        start=lambda: encoder.start(x.shape[1]),
        sequence=sequence,
        loss=lambda state, target: loss(readout(state[decoder.top]), target),
        parameters=dict(model.named_parameters()),
        printed=encoder.printed + decoder.printed if encoder.printed and decoder.printed else (),
    )


def input_sequence(model: ManyToOne, x: Any, target: Any, loss: Loss = cross_entropies) -> Chain:
    """A sequence in, one output from the last state: messages run through all steps, the loss stands at the last.

        dE/ds[T,h]  = sum_k dE/dy[k] V[h,k]                    (23)
        dE/dv[h,k]  = dE/dy[k] s[T,h]                          (24)
        dE/du[d,h]  = sum_a dE/ds[T,a] alpha[T,a,dh]           (25), and (26) with beta

    with alpha and beta of (4) and (5), see `synchronized`. The text prints (25) and (26) without their sums.

    Args:
        model: of any cell and number of layers, in one direction.
        x: (T, N, input), an array.
        target: as the loss takes it: class indices (N,) for `cross_entropies`.
        loss: of y, (N, output), and the target, gives E: one number for each row, (N,).

    Raises:
        ValueError: the network reads in both directions, or a shape does not fit.

    >>> from microgradrnn import functional, nn
    >>> from microgradrnn.messages import forward_messages
    >>> model, x = nn.ManyToOne(2, 3, 2, cell="lstm", seed=0), np.ones((4, 1, 2))
    >>> found = forward_messages(input_sequence(model, x, np.array([1])))
    >>> functional.cross_entropy(model(x), [1]).backward()
    >>> np.allclose(found.gradients["readout.W"], model.readout.W.grad, rtol=1e-10)
    True
    """
    x = _inputs("input_sequence", x)
    layers = Network(model.rnn)

    def pairs() -> Pairs:
        yield from ((x_t, None) for x_t in x[:-1])
        yield x[-1], target

    return _read_out(model, layers, x.shape[1], pairs, loss)


def output_sequence(model: OneToMany, x: Any, targets: Any, loss: Loss = cross_entropies) -> Chain:
    """One input, which the first unit reads, and an output and a loss at every step.

        alpha[1,a,dh] = d+ s[1,a]/du[d,h]
        alpha[t,a,dh] = sum_b ds[t,a]/ds[t-1,b] alpha[t-1,b,dh]  for t > 1      (27)

    and beta and the losses as in `synchronized`. The text prints (27) for a = b alone. It holds only where no unit
    reads the output before: with ``feedback`` y is a part of the state, and b runs over its entries too.

    Args:
        model: of any cell, with or without feedback.
        x: (N, input), an array.
        targets: one for each step, as the loss takes it: class indices (T, N) for `cross_entropies`.
        loss: of y_t, (N, output), and the target at t, gives E_t: one number for each row, (N,).

    Raises:
        ValueError: a shape does not fit.

    >>> from microgradrnn import nn
    >>> from microgradrnn.messages import message_steps
    >>> model = nn.OneToMany(2, 3, 2, feedback=True, seed=0)
    >>> [list(step.units) for step in message_steps(output_sequence(model, np.ones((1, 2)), np.array([[0], [1]])))]
    [['h', 'y'], ['h', 'y']]
    """
    x, targets = np.asarray(x), _one_a_step("output_sequence", "targets", targets)
    if x.ndim != 2:
        raise ValueError(f"output_sequence: x has shape (N, input), got {x.shape}")
    layers = Layers([model.cell])

    def unit(read: Any, state: State) -> State:
        new = layers.step(read, state, state.get("y"))
        return {**new, "y": model.readout(new[layers.top])} if model.feedback else new

    def sequence() -> Iterator[tuple[Unit, Any, Any]]:
        for t, target in enumerate(targets):
            yield unit, x if t == 0 else None, target

    return Chain(
        start=lambda: layers.start(len(x)),
        sequence=sequence,
        loss=lambda state, target: loss(model.readout(state[layers.top]), target),
        parameters=dict(model.named_parameters()),
        printed=layers.printed,
    )


def _read_out(model: ReadOut, layers: Layers, batch: int, pairs: Callable[[], Pairs], loss: Loss) -> Chain:
    """A network whose states are read out: for each step a pair, what it reads and the target."""
    return Chain(
        start=lambda: layers.start(batch),
        sequence=lambda: ((layers.step, x_t, target) for x_t, target in pairs()),
        loss=lambda state, target: loss(model.readout(state[layers.top]), target),
        parameters=dict(model.named_parameters()),
        printed=layers.printed,
    )


def _inputs(function: str, x: Any) -> NDArray[Any]:
    array = np.asarray(x)
    if array.ndim != 3 or not len(array):
        raise ValueError(f"{function}: x has shape (T, N, input) with at least one step, got {array.shape}")
    return array


def _one_a_step(function: str, name: str, rows: Any, steps: int | None = None) -> NDArray[Any]:
    array = np.asarray(rows)
    if array.ndim < 2 or not len(array) or len(array) != (steps or len(array)):
        wanted = f"({steps or 'steps'}, N, ...)"
        raise ValueError(f"{function}: {name} has shape {wanted}, a row for each step, got {array.shape}")
    return array
