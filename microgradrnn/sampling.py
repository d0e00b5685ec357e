"""Text that a model writes: each character drawn from what the model expects, and read in its turn.

- `probabilities`: of the next character, from its scores. `sample`: characters without end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.checks import check_not_negative, check_size
from microgradrnn.context import no_grad
from microgradrnn.counting import counted
from microgradrnn.nn.initial import Seed
from microgradrnn.nn.language import RNNLM
from microgradrnn.text import Vocabulary


def probabilities(
    logits: NDArray[Any], temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> NDArray[Any]:
    """softmax(logits / temperature), of that the likeliest, in this order.

    Args:
        logits: (vocabulary,).
        temperature: below 1 the likely becomes likelier; 0 leaves the likeliest alone, the first of equals.
        top_k: keep so many, the first of equals (Fan, Lewis and Dauphin, 2018).
        top_p: of what then is left, keep the fewest that together have this probability (Holtzman et al., 2020).

    Raises:
        TypeError, ValueError: a setting makes no sense, or the logits are not finite.

    >>> probabilities(np.log([0.5, 0.25, 0.125, 0.125]), top_p=0.7).round(4).tolist()
    [0.6667, 0.3333, 0.0, 0.0]
    >>> probabilities(np.log([0.5, 0.25, 0.125, 0.125]), temperature=0.5, top_k=2).tolist()
    [0.8, 0.2, 0.0, 0.0]
    """
    check_not_negative("probabilities", temperature=temperature)
    if top_k is not None:
        check_size("probabilities", top_k=top_k)
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"probabilities: top_p is above 0 and at most 1, not {top_p!r}")
    if not np.isfinite(logits).all():
        raise ValueError("probabilities: logits are finite, and some of these are not")
    scores = np.asarray(logits, np.float64)
    order = np.argsort(-scores, kind="stable")
    kept = np.ones(len(scores)) if temperature else np.zeros(len(scores))
    kept[order[0]] = 1.0
    p = kept * np.exp((scores - scores.max()) / (temperature or 1.0))
    p[order[top_k:] if top_k is not None else []] = 0.0
    p /= p.sum()
    if top_p is not None:
        likelier = np.cumsum(p[order]) - p[order]  # what those before it have: one that crosses the line is kept
        p[order[likelier >= top_p]] = 0.0
    return np.asarray(p / p.sum())


def sample(
    model: RNNLM,
    vocabulary: Vocabulary,
    prime: str = "",
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: Seed = None,
) -> Iterator[str]:
    """Characters that a model writes after it has read a text; as many as are asked for.

    Args:
        model: in evaluation, if it has dropout.
        vocabulary: its characters.
        prime: what it reads first; unless given the end of a line, or where it knows none its first character.
        temperature: see `probabilities`.
        top_k: likewise.
        top_p: likewise.
        seed: an integer or a `numpy.random.Generator`: the same seed, the same text.

    Raises:
        ValueError: the vocabulary is not the model's, it does not know a character of the prime, or a setting makes
            no sense.

    >>> from itertools import islice
    >>> model, vocabulary = RNNLM(3, 4, seed=0), Vocabulary("abc")
    >>> "".join(islice(sample(model, vocabulary, "ab", seed=0), 5)) == "".join(
    ...     islice(sample(model, vocabulary, "ab", seed=0), 5)
    ... )
    True
    """
    if len(vocabulary) != model.vocabulary_size:
        raise ValueError(
            f"sample: the model knows {counted(model.vocabulary_size, 'character')}, not {len(vocabulary)}"
        )
    start = "\n" if "\n" in vocabulary else vocabulary.characters[0]
    tokens = vocabulary.encode(prime or start)
    rng = np.random.default_rng(seed)
    probabilities(np.zeros(len(vocabulary)), temperature, top_k, top_p)  # raises before the first is asked for
    return _written(model, vocabulary, tokens, (temperature, top_k, top_p), rng)


def _written(
    model: RNNLM, vocabulary: Vocabulary, tokens: NDArray[Any], how: tuple[Any, ...], rng: np.random.Generator
) -> Iterator[str]:
    state: Any = None
    while True:
        for token in tokens:  # one at a time, so that a long prime takes no memory
            with no_grad():
                steps = model.unroll(np.array([[token]]), state)
                [(_, y)] = steps
                state = steps.state
        p = probabilities(y.data[0], *how)
        tokens = np.array([rng.choice(len(p), p=p)])
        yield vocabulary.characters[tokens[0]]
