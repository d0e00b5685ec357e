"""The loss of a model on a text that it does not learn from."""

from typing import Any

import numpy as np

from microgradrnn.context import no_grad
from microgradrnn.nn import RNNLM
from microgradrnn.text import Tokens, streams


def evaluate(model: RNNLM, tokens: Tokens, batch_size: int = 50, seq_length: int = 50) -> float:
    """The mean loss, nats a character. A text is read as streams, each of which starts afresh.

    Args:
        model: in evaluation for as long as this takes.
        tokens: (T,), at least two.
        batch_size: how many streams at most; see `microgradrnn.text.streams`.
        seq_length: steps that are read at once, and the least of a stream.

    >>> model = RNNLM(4, 3, seed=0)
    >>> for p in model.parameters():
    ...     p.data = np.zeros(p.shape)
    >>> round(evaluate(model, np.array([0, 1, 2, 3, 0])), 9) == round(float(np.log(4)), 9)
    True
    """
    inputs, targets = streams(tokens, batch_size, seq_length)
    training, total, state = model.training, 0.0, None
    model.eval()
    try:
        for start in range(0, len(inputs), seq_length):
            found, state = _sum(model, inputs[start : start + seq_length], targets[start : start + seq_length], state)
            total += found
    finally:
        model.train(training)
    return total / inputs.size


def _sum(model: RNNLM, inputs: Tokens, targets: Tokens, state: Any) -> tuple[float, Any]:
    with no_grad(), np.errstate(over="ignore", invalid="ignore"):  # a model that has run off has a loss of NaN
        loss, state = model.loss(inputs, targets, state, reduction="sum")
    return float(loss.item()), state
