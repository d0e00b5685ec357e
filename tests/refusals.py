"""What tests of bad input share: sizes, and a case as a call, the type of its error, and what the message must say."""

import re

import numpy as np
import pytest

from microgradrnn import nn, optim

NETWORKS = [nn.RNN, nn.LSTM, nn.GRU]
CELLS = [nn.RNNCell, nn.LSTMCell, nn.GRUCell]
OPTIMIZERS = [optim.SGD, optim.Adagrad, optim.RMSprop, optim.Adam, optim.AdamW]
EITHER = (TypeError, ValueError)

T, N, FEATURES, HIDDEN = 4, 2, 3, 5
X = np.random.default_rng(0).normal(size=(T, N, FEATURES))
H0 = np.zeros((1, N, HIDDEN))
RAGGED = [[1.0, 2.0, 3.0], [1.0, 2.0]]


def refused(call, error, *says):
    """That ``call()`` raises the error, with every phrase of ``says`` in its message; of "one|other" either will do."""
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    for phrases in says:
        assert any(holds(message, phrase) for phrase in phrases.split("|")), f"{phrases!r} is not in {message!r}"


def holds(message, phrase):
    """Whether the phrase is there, and is not part of a longer word."""
    return re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", message) is not None


def case(name, call, error, *says):
    return pytest.param(call, error, says, id=name)


def table(*cases):
    return pytest.mark.parametrize(("call", "error", "says"), cases)


def no_numbers(argument, call, shape):
    """Three cases: arrays that fit but for their dtype. ``call`` takes them last."""
    kinds = {"complex": (1j, "complex128"), "object": (None, "object"), "text": ("a", "<U1")}
    return [
        case(
            f"{argument} of {kind}",
            lambda *others, fill=fill: call(*others, np.full(shape, fill)),
            TypeError,
            argument,
            came,
            "real numbers",
        )
        for kind, (fill, came) in kinds.items()
    ]


def with_nan(array, *index):
    array = np.array(array, dtype=float)
    array[index] = np.nan
    return array


def start(net, array):
    """The state that a network or a cell starts from: for an LSTM a pair."""
    return (array, array) if isinstance(net, (nn.LSTM, nn.LSTMCell)) else array
