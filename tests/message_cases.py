"""Networks to pass messages along, each with its loss in reverse mode, and what messages are held against.

A `Case` knows its loss twice: as a chain, and as the graph that the model's own ``unroll`` records.
"""

import tracemalloc
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from microgradrnn import functional, messages, nn, no_grad
from microgradrnn.backprop import gradients


class Sizes(NamedTuple):
    """Steps read and written, rows, features of inputs, units and outputs, and the seed of all numbers."""

    T: int = 4
    N: int = 2
    inputs: int = 3
    hidden: int = 4
    outputs: int = 2
    seed: int = 0


class Case(NamedTuple):
    model: Any
    chain: messages.Chain
    loss: Callable[[], Any]

    @property
    def parameters(self):
        return dict(self.model.named_parameters())


sizes = st.builds(
    Sizes,
    T=st.integers(1, 5),
    N=st.integers(1, 3),
    inputs=st.integers(1, 3),
    hidden=st.integers(1, 3),
    outputs=st.integers(1, 3),
    seed=st.integers(0, 99),
)


def synchronized(size, cell):
    x, targets, rng = data(size)
    model = nn.ManyToMany(size.inputs, size.hidden, size.outputs, cell=cell, seed=rng)
    return Case(model, messages.synchronized(model, x, targets), lambda: total(model.unroll(x), targets))


def answered(size, cell, answers=True):
    x, targets, rng = data(size)
    encoder = nn.Encoder(size.inputs, size.hidden, cell=cell, seed=rng)
    model = nn.Seq2Seq(encoder, nn.Decoder(size.outputs, size.hidden, size.hidden, cell=cell, seed=rng))
    given = rng.normal(size=(*targets.shape, size.outputs)) if answers else None
    return Case(
        model,
        messages.unsynchronized(model, x, targets, given),
        lambda: total(model.unroll(x, given, steps=size.T), targets),
    )


def running_free(size, cell):
    return answered(size, cell, answers=False)


def input_sequence(size, cell):
    x, targets, rng = data(size)
    model = nn.ManyToOne(size.inputs, size.hidden, size.outputs, cell=cell, seed=rng)
    return Case(
        model,
        messages.input_sequence(model, x, targets[0]),
        lambda: functional.cross_entropy(model(x), targets[0], reduction="sum"),
    )


def output_sequence(size, cell, feedback=False):
    x, targets, rng = data(size)
    model = nn.OneToMany(size.inputs, size.hidden, size.outputs, cell=cell, feedback=feedback, seed=rng)
    return Case(
        model,
        messages.output_sequence(model, x[0], targets),
        lambda: total(model.unroll(x[0], steps=size.T), targets),
    )


def fed_back(size, cell):
    return output_sequence(size, cell, feedback=True)


ARCHITECTURES = {
    "synchronized": synchronized,
    "unsynchronized, answers read": answered,
    "unsynchronized, running free": running_free,
    "input sequence": input_sequence,
    "output sequence": output_sequence,
    "output sequence, fed back": fed_back,
}
OF_THE_TEXT = {name: ARCHITECTURES[name] for name in ARCHITECTURES if name[-4:] not in ("free", "back")}
"""Those in which no unit reads an output: there the printed form is right with diagonal matrices."""


def data(size):
    """Inputs, targets, and what draws the weights."""
    rng = np.random.default_rng(size.seed)
    x = rng.normal(size=(size.T, size.N, size.inputs))
    return x, rng.integers(0, size.outputs, size=(size.T, size.N)), rng


def total(steps, targets):
    """E = sum_t E_t, recorded from what a model unrolls."""
    return nn.sequence_loss(steps, targets, reduction="sum")


def build(architecture, size=Sizes(), cell="rnn", diagonal=()):  # noqa: B008 - a tuple, which nobody can change
    """A case with weights that leave nothing zero, but where matrices are to be diagonal: a part of their names."""
    case = architecture(size, cell)
    rng = np.random.default_rng(size.seed + 1)
    for name, p in case.parameters.items():
        p.data = rng.normal(scale=0.7, size=p.shape)
        if name.endswith(tuple(diagonal)):
            p.data = np.diag(np.diag(p.data))
    return case


def reverse_mode(case):
    """What the engine's backward pass gives each parameter; 0 where it does not come by."""
    found = gradients(case.loss())
    return {name: found.get(p, np.zeros(p.shape)) for name, p in case.parameters.items()}


def differences(case):
    """Central differences of the loss, entry by entry."""
    return {
        name: np.array([slope(case, p, direction.reshape(p.shape)) for direction in np.eye(p.size)]).reshape(p.shape)
        for name, p in case.parameters.items()
    }


def slope(case, p, direction, h=3e-4):
    """How fast the loss rises as p moves; a quotient whose error is of fourth order in h."""
    kept = p.data.copy()

    def moved(by):
        p.data = kept + by * direction
        with no_grad():
            return case.loss().item()

    try:
        near, far = moved(h) - moved(-h), moved(2 * h) - moved(-2 * h)
        return (8 * near - far) / (12 * h)
    finally:
        p.data = kept


def assert_same(found, expected, tolerance):
    """The same parameters, and gradients that differ by less than ``tolerance`` of their size."""
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        assert found[name].shape == gradient.shape
        off = np.linalg.norm(found[name] - gradient)
        assert off <= tolerance * max(np.linalg.norm(gradient), 1e-2), f"{name} is off by {off}"


def relative(found, expected):
    """How far a gradient is from the right one, relative to its norm."""
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


MANY_ROWS = 256
"""So that messages are large beside what the interpreter keeps for its own use."""


def growth(function, short, long):
    """The most bytes that ``function(long)`` holds at once, over those of ``function(short)``."""
    return peak_memory(lambda: function(long)) / peak_memory(lambda: function(short))


def peak_memory(function):
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
