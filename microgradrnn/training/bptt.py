"""Truncated backpropagation through time: a sequence in chunks, the state carried over and cut between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from microgradrnn.checks import check_size
from microgradrnn.engine import Node
from microgradrnn.nn.unrolled import detach
from microgradrnn.program.function import Compiled


def truncated_bptt(
    loss: Callable[..., tuple[Any, Any]],
    sequences: Sequence[Any],
    interval: int,
    state: Any = None,
    compiled: bool = False,
) -> Iterator[tuple[Any, Any]]:
    """Truncated backpropagation through time (Williams and Peng, 1990): chunk after chunk, each a graph of its own.

    The state is carried from chunk to chunk as a number, so the next chunk starts where the last one stopped, and no
    gradient goes back over the cut. With an interval of at least T there is one chunk: full BPTT. Memory depends on
    the interval, not on T.

    Args:
        loss: of a chunk of each sequence and a state (None at first), gives (the chunk's loss, the state after it),
            as `microgradrnn.nn.RNNLM.loss` does.
        sequences: arrays of one length T on their first axis, such as (tokens, targets).
        interval: the number of steps in a chunk; the last one may be shorter.
        state: what the first chunk starts from.
        compiled: whether chunks are computed by programs; see `microgradrnn.compiled`, which makes a loss to give here
            where programs are to be kept for the next sequences too.

    Yields:
        (the chunk's loss, the state after it, cut). Run backward and step before asking for the next.

    Raises:
        TypeError: sequences is one array, not a tuple of them.
        ValueError: the interval is not a positive integer, or the sequences have no or different lengths.

    >>> from microgradrnn import nn
    >>> model, tokens = nn.RNNLM(5, 3, seed=0), np.zeros((8, 1), int)
    >>> for loss, state in truncated_bptt(model.loss, (tokens[:-1], tokens[1:]), interval=3):
    ...     loss.backward()
    ...     print(loss.shape, state[0].requires_grad)
    () False
    () False
    () False
    """
    if isinstance(sequences, (np.ndarray, Node)):
        raise TypeError("truncated_bptt: sequences are arrays in a tuple, such as (tokens, targets), not one array")
    lengths = {len(sequence) for sequence in sequences}
    if len(lengths) != 1 or lengths == {0}:
        raise ValueError(f"truncated_bptt: sequences have one length of at least 1, got {sorted(lengths)}")
    check_size("truncated_bptt", interval=interval)
    return _chunks(Compiled(loss) if compiled else loss, sequences, interval, state)


def _chunks(
    loss: Callable[..., tuple[Any, Any]], sequences: Sequence[Any], interval: int, state: Any
) -> Iterator[tuple[Any, Any]]:
    for start in range(0, len(sequences[0]), interval):
        found, state = loss(*(sequence[start : start + interval] for sequence in sequences), state)
        state = detach(state)
        yield found, state
        del found  # or its graph would stand beside the next chunk's
