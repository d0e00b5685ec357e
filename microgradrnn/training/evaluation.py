"""The loss of a model on a text that it does not learn from."""

from functools import partial

import numpy as np

from microgradrnn.context import no_grad
from microgradrnn.nn import RNNLM
from microgradrnn.text import Tokens, streams
from microgradrnn.training.bptt import truncated_bptt

CHUNK = 50
"""Steps that are held in memory at once; it changes nothing else."""


def evaluate(model: RNNLM, tokens: Tokens, batch_size: int = 1) -> float:
    """The mean loss, nats a character; divided by log 2 it is bits a character.

    The text is read once from its front to its end, as one stream: the model starts afresh only before the first
    character, and every character after it is predicted once, from all that stand before it.

    Args:
        model: in evaluation for as long as this takes.
        tokens: (T,), at least two.
        batch_size: streams to read side by side, as a training does. Each of them starts afresh: that is faster, and
            makes the loss of a short text a little higher.

    Raises:
        ValueError: there are fewer, or the model does not know one.

    >>> from microgradrnn import nn
    >>> model = nn.RNNLM(4, 3, seed=0)
    >>> for p in model.parameters():
    ...     p.data = np.zeros(p.shape)
    >>> round(evaluate(model, np.array([0, 1, 2, 3, 0])), 4)  # log 4: it knows nothing
    1.3863
    """
    return mean_loss(model, *streams(tokens, batch_size, CHUNK))


def mean_loss(model: RNNLM, inputs: Tokens, targets: Tokens) -> float:
    """The mean loss over streams that are read side by side, (steps, N) each, nats a character."""
    training = model.training
    model.eval()
    try:
        with no_grad(), np.errstate(over="ignore", invalid="ignore"):  # a model that has run off has a loss of NaN
            chunks = truncated_bptt(partial(model.loss, reduction="sum"), (inputs, targets), CHUNK)
            return sum(float(loss.item()) for loss, _ in chunks) / inputs.size
    finally:
        model.train(training)
