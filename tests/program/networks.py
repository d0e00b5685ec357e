"""Networks to record: what a program is held against, at the sizes that it was recorded with and at others.

- `Case`: a network, and how to record its loss for T steps and a batch of N.
- `CASES`: every architecture of `microgradrnn.nn`, by name. `is_fixed`: whether its sizes must stay.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from microgradrnn import Tensor, functional, nn
from microgradrnn.nn.architectures import sequence_loss
from microgradrnn.nn.unrolled import recurrent
from tests.plain import KINDS, randomised

FEATURES, HIDDEN, CLASSES = 3, 4, 5


@dataclass(frozen=True)
class Case:
    """``record(T, N, rng)`` gives (loss, inputs) of the module, for T steps from ``fewest`` on."""

    module: nn.Module
    record: Callable[[int, int, np.random.Generator], tuple[Any, list[Any]]]
    fewest: int = 1


def as_input(array: Any, label: str, dtype: Any = None) -> Tensor:
    """A leaf that is given anew at each call, and whose gradient nobody asked for."""
    return Tensor(array, label, dtype=dtype, requires_grad=False)


def settled(module: nn.Module, dtype: Any) -> nn.Module:
    """The module with weights that leave no term hidden, of a dtype."""
    randomised(module, 0)
    for p in module.parameters():
        p.data = (0.7 * p.data).astype(dtype)
    return module


def language_model(cell: str, dtype: Any, reduction: str = "sum", **network: Any) -> Case:
    model = settled(nn.RNNLM(CLASSES, HIDDEN, cell=cell, dtype=dtype, **network), dtype)

    def record(T, N, rng):
        tokens, targets = (as_input(rng.integers(CLASSES, size=(T, N)), name) for name in ("tokens", "targets"))
        return model.loss(tokens, targets, reduction=reduction)[0], [tokens, targets]

    return Case(model, record)


def plain_network(cell: str, dtype: Any, **network: Any) -> Case:
    model = settled(recurrent(cell, FEATURES, HIDDEN, dtype=dtype, **network), dtype)

    def record(T, N, rng):
        x = as_input(rng.normal(size=(T, N, FEATURES)), "x", dtype)
        outputs, _ = model(x)
        return (outputs * outputs).sum(), [x]

    return Case(model, record)


def padded_network(cell: str, dtype: Any, **network: Any) -> Case:
    """Sequences of different lengths: masks, which are constants, hold the shorter ones' states."""
    model = settled(recurrent(cell, FEATURES, HIDDEN, dtype=dtype, **network), dtype)

    def record(T, N, rng):
        x = as_input(rng.normal(size=(T, N, FEATURES)), "x", dtype)
        outputs, _ = model(x, lengths=[max(1, T - n) for n in range(N)])
        return (outputs * outputs).sum(), [x]

    return Case(model, record)


def many_to_many(cell: str, dtype: Any, **network: Any) -> Case:
    model = settled(nn.ManyToMany(FEATURES, HIDDEN, CLASSES, cell=cell, dtype=dtype, **network), dtype)

    def record(T, N, rng):
        x = as_input(rng.normal(size=(T, N, FEATURES)), "x", dtype)
        targets = as_input(rng.integers(CLASSES, size=(T, N)), "targets")
        return functional.cross_entropy(model(x), targets), [x, targets]

    return Case(model, record)


def many_to_one(cell: str, dtype: Any, **network: Any) -> Case:
    model = settled(nn.ManyToOne(FEATURES, HIDDEN, CLASSES, cell=cell, dtype=dtype, **network), dtype)

    def record(T, N, rng):
        x = as_input(rng.normal(size=(T, N, FEATURES)), "x", dtype)
        targets = as_input(rng.integers(CLASSES, size=N), "targets")
        return functional.cross_entropy(model(x), targets), [x, targets]

    return Case(model, record)


def one_to_many(cell: str, dtype: Any, **network: Any) -> Case:
    model = settled(nn.OneToMany(FEATURES, HIDDEN, CLASSES, cell=cell, dtype=dtype, **network), dtype)

    def record(T, N, rng):
        x = as_input(rng.normal(size=(N, FEATURES)), "x", dtype)
        targets = as_input(rng.integers(CLASSES, size=(T, N)), "targets")
        return sequence_loss(model.unroll(x, steps=T), targets, "sum"), [x, targets]

    return Case(model, record)


def dense_rnn_dense(dtype: Any) -> Case:
    model = settled(nn.DenseRNNDense(FEATURES, 2, HIDDEN, CLASSES, dtype=dtype), dtype)

    def record(T, N, rng):
        x = as_input(rng.normal(size=(T, N, FEATURES)), "x", dtype)
        targets = as_input(rng.integers(CLASSES, size=(T, N)), "targets")
        return sequence_loss(model.unroll(x), targets, "sum"), [x, targets]

    return Case(model, record)


def seq2seq(cell: str, dtype: Any, **network: Any) -> nn.Module:
    encoder = nn.Encoder(FEATURES, HIDDEN, cell=cell, dtype=dtype, **network)
    decoder = nn.Decoder(CLASSES, HIDDEN, encoder.context_size, cell=cell, dtype=dtype)
    return settled(nn.Seq2Seq(encoder, decoder), dtype)


def teacher_forcing(cell: str, dtype: Any, **network: Any) -> Case:
    """The answers are one step fewer than the inputs."""
    model = seq2seq(cell, dtype, **network)

    def record(T, N, rng):
        x = as_input(rng.normal(size=(T, N, FEATURES)), "x", dtype)
        answers = as_input(rng.normal(size=(T - 1, N, CLASSES)), "answers", dtype)
        targets = as_input(rng.integers(CLASSES, size=(T - 1, N)), "targets")
        return sequence_loss(model.unroll(x, answers), targets, "sum"), [x, answers, targets]

    return Case(model, record, fewest=2)


def free_running(cell: str, dtype: Any, **network: Any) -> Case:
    """Its five steps read what the ones before put out."""
    model = seq2seq(cell, dtype, **network)

    def record(T, N, rng):
        x = as_input(rng.normal(size=(T, N, FEATURES)), "x", dtype)
        targets = as_input(rng.integers(CLASSES, size=(5, N)), "targets")
        return sequence_loss(model.unroll(x, steps=5), targets, "sum"), [x, targets]

    return Case(model, record)


def fixed_window(dtype: Any) -> Case:
    """Windows of tokens are put together in NumPy, so they are constants of the graph; the targets alone are inputs."""
    model = settled(nn.FixedWindowLM(CLASSES, 2, FEATURES, HIDDEN, dtype=dtype), dtype)

    def record(T, N, rng):
        tokens = np.arange(T * N).reshape(T, N) % CLASSES
        targets = as_input(rng.integers(CLASSES, size=(T, N)), "targets")
        return model.loss(tokens, targets, reduction="sum")[0], [targets]

    return Case(model, record)


_OF_EACH_KIND: dict[str, Callable[..., Case]] = {
    "language model": language_model,
    "language model of two layers": partial(language_model, num_layers=2),
    "embedded language model that learns h0": partial(language_model, embedding_dim=2, learn_h0=True),
    "language model with a mean loss": partial(language_model, reduction="mean"),
    "network": plain_network,
    "network of two layers, both directions": partial(plain_network, num_layers=2, bidirectional=True),
    "network, both directions, that learns h0": partial(plain_network, bidirectional=True, learn_h0=True),
    "padded network, both directions": partial(padded_network, bidirectional=True),
    "many to many": many_to_many,
    "many to many, both directions": partial(many_to_many, bidirectional=True),
    "many to one": many_to_one,
    "many to one, both directions": partial(many_to_one, bidirectional=True),
    "one to many": one_to_many,
    "one to many with feedback": partial(one_to_many, feedback=True),
    "teacher forcing": teacher_forcing,
    "teacher forcing, both directions": partial(teacher_forcing, bidirectional=True),
    "free running": free_running,
}
CASES: dict[str, Callable[[Any], Case]] = {
    f"{cell}: {name}": partial(make, cell) for cell in KINDS for name, make in _OF_EACH_KIND.items()
}
CASES |= {"dense, recurrent, dense": dense_rnn_dense, "fixed window": fixed_window}

FIXED = ("language model with a mean loss", "padded network, both directions", "fixed window")
"""Those that hold a number or an array which does not trace to an input's shape."""


def is_fixed(name: str) -> bool:
    """Whether a program of this case must say that its sizes cannot change."""
    return name.split(": ")[-1] in FIXED
