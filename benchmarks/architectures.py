"""Every architecture that the texts on backpropagation through time treat, at a size that can be drawn.

Each is recorded over T steps and run backward: ``ARCHITECTURES[name](T)`` is its loss.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from microgradrnn import Parameter, Tensor, Value, functional, nn, scope
from microgradrnn.nn.architectures import sequence_loss
from microgradrnn.nn.recurrent import label_step
from microgradrnn.nn.unrolled import recurrent

FEATURES, HIDDEN, CLASSES = 3, 3, 4
TRUNCATED_AT = 2
"""After so many steps truncated backpropagation through time cuts the chain."""


def network(cell: str, T: int, **more: Any) -> Any:
    """A network whose outputs are squared and summed."""
    outputs, _ = recurrent(cell, FEATURES, HIDDEN, seed=0, **more)(_inputs(T))
    return (outputs * outputs).sum()


def one_to_one(T: int) -> Any:
    """A network without time: T layers, since it has no steps."""
    layers = [nn.Linear(FEATURES, FEATURES, seed=i, labels=(f"W_{i}", f"b_{i}")) for i in range(1, min(T, 3) + 1)]
    x = Tensor(_inputs(1)[0], "x", requires_grad=False)
    for layer in layers:
        x = layer(x).tanh()
    return functional.cross_entropy(x, [1], reduction="sum")


def one_to_many(T: int) -> Any:
    """An image in, its caption out."""
    model = nn.OneToMany(FEATURES, HIDDEN, CLASSES, feedback=True, seed=0)
    return sequence_loss(model.unroll(_inputs(1)[0], steps=T), _targets(T), "sum")


def many_to_one(T: int) -> Any:
    """Whether a review is kind."""
    return functional.cross_entropy(nn.ManyToOne(FEATURES, HIDDEN, 2, seed=0)(_inputs(T)), [1], reduction="sum")


def many_to_many_in_step(T: int) -> Any:
    """A label for each frame of a video."""
    return sequence_loss(nn.ManyToMany(FEATURES, HIDDEN, CLASSES, seed=0).unroll(_inputs(T)), _targets(T), "sum")


def encoder_decoder(T: int, free: bool) -> Any:
    """All is read, then as much is written: from the answers (teacher forcing), or from what was written before."""
    encoder = nn.Encoder(FEATURES, HIDDEN, seed=0)
    model = nn.Seq2Seq(encoder, nn.Decoder(CLASSES, HIDDEN, encoder.context_size, seed=1))
    answers = None if free else np.eye(CLASSES)[_targets(T)[:, 0]][:, None]
    return sequence_loss(model.unroll(_inputs(T), answers, steps=T), _targets(T), "sum")


def fixed_window(T: int) -> Any:
    """Bengio's language model of the last few tokens."""
    model = nn.FixedWindowLM(CLASSES, window=3, embedding_dim=2, hidden_size=HIDDEN, seed=0)
    return model.loss(_targets(T), _targets(T, 1), reduction="sum")[0]


def language_model(T: int) -> Any:
    """A character RNN."""
    return nn.RNNLM(CLASSES, HIDDEN, seed=0).loss(_targets(T), _targets(T, 1), reduction="sum")[0]


def dense_rnn_dense(T: int) -> Any:
    """The sandwich of Ramapuram's note."""
    return sequence_loss(nn.DenseRNNDense(FEATURES, 2, HIDDEN, CLASSES, seed=0).unroll(_inputs(T)), _targets(T), "sum")


def projected_first(T: int) -> Any:
    """A network as PyTorch computes one: all inputs times W_xh at once, and all states stacked at the end."""
    rng = np.random.default_rng(0)

    def weight(name: str, *shape: int) -> Parameter:
        return Parameter(rng.normal(size=shape), name)

    x = Tensor(_inputs(T), "x", requires_grad=False)
    projected = x @ weight("W_xh", FEATURES, HIDDEN) + weight("b_h", HIDDEN)
    h, W_hh, states = Tensor(np.zeros((1, HIDDEN)), "h_0", requires_grad=False), weight("W_hh", HIDDEN, HIDDEN), []
    for t in range(T):
        with scope("cell", t=t + 1):
            h = label_step("h", (projected[t] + h @ W_hh).tanh())
            states.append(h)
    scores = functional.stack(states) @ weight("W_hy", HIDDEN, CLASSES) + weight("b_y", CLASSES)
    return functional.cross_entropy(scores, _targets(T), reduction="sum")


def mlp(T: int) -> Any:
    """micrograd's network of scalars, without time; T is the size of its first layer."""
    output = nn.MLP(2, [min(T, 8), 1], seed=0)([1.0, -2.0])
    return (output - 1.0) ** 2


def attention(T: int) -> Any:
    """Encoder states, all of which each step of a decoder reads, each by how well it fits its own state."""
    rng = np.random.default_rng(0)
    encoder, decoder = nn.RNNCell(FEATURES, HIDDEN, seed=1), nn.RNNCell(HIDDEN, HIDDEN, seed=2, suffix="_d")
    W_hy = Parameter(rng.normal(size=(HIDDEN, CLASSES)), "W_hy")
    h, states = encoder.zero_state(1), []
    for t, x in enumerate(_inputs(T), start=1):
        with scope("encoder", t=t):
            h = encoder(Tensor(x, f"x_{t}", requires_grad=False), h)
            states.append(h)
    losses = []
    for t, target in enumerate(_targets(T), start=T + 1):
        with scope("decoder", t=t):
            scores = functional.concat([(h * state).sum(axis=-1, keepdims=True) for state in states], axis=-1)
            weights = functional.softmax(scores)
            weights.label = f"a_{t}"
            read = functional.add_n([weights[:, i : i + 1] * state for i, state in enumerate(states)])
            read.label = f"c_{t}"
            h = decoder(read, h)
            losses.append(label_step("L", functional.cross_entropy(h @ W_hy, target, reduction="sum")))
    return label_step("L", functional.add_n(losses))


def truncated(T: int) -> Any:
    """A recurrent network through which gradients flow only a few steps back."""
    cell, W_hy = nn.RNNCell(FEATURES, HIDDEN, seed=0), Parameter(np.eye(HIDDEN, CLASSES), "W_hy")
    h, losses = cell.zero_state(1), []
    for t, (x, target) in enumerate(zip(_inputs(T), _targets(T), strict=True), start=1):
        with scope("cell", t=t):
            if t == TRUNCATED_AT + 1:
                h = h.detach()
            h = cell(Tensor(x, f"x_{t}", requires_grad=False), h)
            losses.append(label_step("L", functional.cross_entropy(h @ W_hy, target, reduction="sum")))
    return label_step("L", functional.add_n(losses))


def loop_of_scalars(T: int) -> Any:
    """What a student writes by hand."""
    w, u, h, loss = Value(0.9, "w"), Value(0.5, "u"), Value(0.0, "h_0"), Value(0.0, "L_0")
    for t in range(1, T + 1):
        with scope("cell", t=t):
            h = label_step("h", (w * h + u * Value(0.1 * t, f"x_{t}")).tanh())
            loss = label_step("L", loss + (h - 0.5) ** 2)
    return loss


ARCHITECTURES: dict[str, Callable[[int], Any]] = {
    "vanilla RNN": partial(network, "rnn"),
    "LSTM": partial(network, "lstm"),
    "GRU": partial(network, "gru"),
    "two layers": partial(network, "rnn", num_layers=2),
    "both directions": partial(network, "rnn", bidirectional=True),
    "two layers in both directions": partial(network, "rnn", num_layers=2, bidirectional=True),
    "one to one": one_to_one,
    "one to many": one_to_many,
    "many to one": many_to_one,
    "many to many in step": many_to_many_in_step,
    "encoder-decoder, teacher forcing": partial(encoder_decoder, free=False),
    "encoder-decoder, free running": partial(encoder_decoder, free=True),
    "fixed window": fixed_window,
    "language model": language_model,
    "dense-RNN-dense": dense_rnn_dense,
    "projected first": projected_first,
    "MLP": mlp,
    "attention": attention,
    "truncated": truncated,
    "loop of scalars": loop_of_scalars,
}
"""The fifth of the five sequence styles, many to many out of step, is the encoder-decoder."""


def recorded(name: str, T: int) -> Any:
    """The loss of an architecture over T steps, run backward."""
    loss = ARCHITECTURES[name](T)
    loss.label = loss.label or "L"
    loss.backward()
    return loss


def _inputs(T: int) -> Any:
    return np.random.default_rng(1).normal(size=(T, 1, FEATURES))


def _targets(T: int, after: int = 0) -> Any:
    return np.array([[t * t % CLASSES] for t in range(after, after + T)])
