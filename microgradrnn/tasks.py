"""Tasks with known answers, to train on and to test with.

- `recall`: a key, distractors, and the key asked back.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.nn.initial import Seed

Array = NDArray[Any]


def recall(
    lag: int, batch_size: int, keys: int = 4, distractors: int = 4, seed: Seed = None, dtype: Any = np.float64
) -> tuple[Array, Array]:
    """A batch of the recall task: read a key, then ``lag`` distractors, then a query, and say which key it was.

    Nothing between the key and the query helps, so whatever a network answers better than chance, 1/keys, it has
    carried through ``lag`` steps. The distractors are drawn anew in every step, as in the tasks with long time lags
    of Hochreiter and Schmidhuber (1997, section 5.2).

    Args:
        lag: the number of distractors between key and query; may be 0.
        batch_size: N, the number of sequences.
        keys: how many different keys there are.
        distractors: how many different distractors there are.
        seed: an integer or a `numpy.random.Generator`; a Generator gives a fresh batch with every call.
        dtype: of the inputs.

    Returns:
        x: one-hot symbols of shape (lag + 2, N, keys + distractors + 1): keys first, then distractors, then the query.
        targets: the key of each sequence, integers of shape (N,).

    Raises:
        ValueError: a count is not an integer, or too small.

    >>> x, targets = recall(lag=3, batch_size=2, keys=2, distractors=2, seed=0)
    >>> x.argmax(axis=-1)[:, 0], targets[0]
    (array([1, 3, 2, 2, 4]), np.int64(1))
    """
    _check_count("lag", lag, least=0)
    for name, count in (("batch_size", batch_size), ("keys", keys), ("distractors", distractors)):
        _check_count(name, count, least=1)
    rng, query = np.random.default_rng(seed), keys + distractors
    targets = rng.integers(keys, size=batch_size)
    between = rng.integers(keys, query, size=(lag, batch_size))
    symbols = np.vstack([targets, between, np.full(batch_size, query)])
    return np.eye(query + 1, dtype=dtype)[symbols], targets


def _check_count(name: str, count: Any, least: int) -> None:
    if not isinstance(count, (int, np.integer)) or isinstance(count, bool) or count < least:
        raise ValueError(f"recall: {name} is an integer of at least {least}, not {count!r}")
