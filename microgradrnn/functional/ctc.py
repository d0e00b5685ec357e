"""Connectionist temporal classification: the loss of a text whose place in a longer sequence nobody knows."""

from typing import Any

import numpy as np

from microgradrnn.checks import check_choice, integers
from microgradrnn.engine import constant
from microgradrnn.functional.activations import as_node, logsumexp
from microgradrnn.functional.joining import concat, stack, where

_NONE = -1e30
"""The log of a probability that is 0 but for rounding, in place of -inf, whose gradient would be nan."""


def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """-log of the probability of all alignments of the targets (Graves et al., 2006), by their forward recursion.

    Args:
        log_probs: shape (T, N, classes), from `log_softmax`.
        targets: integers of shape (N, S), none of them blank.
        input_lengths: of each sequence, at most T.
        target_lengths: of each target, at most S.
        blank: the class that stands for no symbol.
        reduction: "none"; "sum"; or "mean", for which each loss is first divided by its target's length.
        zero_infinity: whether a target that is too long for its sequence counts as 0, in place of infinite.

    Raises:
        TypeError: targets or lengths are no integers.
        ValueError: shapes or lengths do not fit.

    >>> uniform = np.log(np.full((2, 1, 2), 0.5))
    >>> round(ctc_loss(uniform, [[1]], [2], [1]).item(), 4)  # of 4 sequences of 2 symbols, 3 read as "1"
    0.2877
    """
    log_probs = as_node(log_probs, "ctc_loss")
    labels = integers("ctc_loss", "targets are integers", targets).data
    T_n, S_n = (integers("ctc_loss", "lengths are integers", given).data for given in (input_lengths, target_lengths))
    check_choice("ctc_loss", "reduction", reduction, ("mean", "sum", "none"))
    if log_probs.ndim != 3 or labels.ndim != 2 or not labels.shape[0] == T_n.size == S_n.size == log_probs.shape[1]:
        raise ValueError(
            f"ctc_loss got log_probs of shape {log_probs.shape}, targets of {labels.shape}, {T_n.size} input lengths "
            f"and {S_n.size} target lengths; it needs (T, N, classes), (N, S), N and N"
        )
    T, N, _ = log_probs.shape
    S = labels.shape[1]
    if T_n.min(initial=1) < 1 or T_n.max(initial=1) > T or S_n.min(initial=0) < 0 or S_n.max(initial=0) > S:
        raise ValueError(f"ctc_loss: lengths lie in 1 .. {T} and 0 .. {S}, got {T_n.tolist()} and {S_n.tolist()}")
    symbols = np.full((N, 2 * S + 1), blank)  # blank, symbol, blank, symbol, ..., blank
    symbols[:, 1::2] = labels
    skips = np.zeros(symbols.shape, bool)  # where the blank between two symbols may be left out
    skips[:, 3::2] = labels[:, 1:] != labels[:, :-1]
    rows = np.arange(N)[:, None]

    alpha = where(np.arange(2 * S + 1) < 2, log_probs[0][rows, symbols], _NONE)
    alphas = [alpha]
    for t in range(1, T):
        one_back, two_back = _moved(alpha, 1), _moved(alpha, 2)
        before = [alpha, one_back, where(skips, two_back, _NONE)]
        alpha = logsumexp(stack(before), axis=0) + log_probs[t][rows, symbols]
        alphas.append(alpha)
    last = stack(alphas)[T_n - 1, np.arange(N)]  # where each sequence ends: (N, 2 S + 1)
    ends = np.stack([2 * S_n, np.maximum(2 * S_n - 1, 0)], axis=1)
    final = where(np.stack([S_n >= 0, S_n > 0], axis=1), last[rows, ends], _NONE)
    losses = -logsumexp(final, axis=1)
    impossible = losses.data > -_NONE / 2
    losses = where(impossible, 0.0 if zero_infinity else np.inf, losses)
    if reduction == "mean":
        return (losses / np.maximum(S_n, 1)).mean()
    return losses.sum() if reduction == "sum" else losses


def _moved(alpha: Any, places: int) -> Any:
    """Each entry further along by some places, with impossible ones before them."""
    before = np.full((alpha.shape[0], min(places, alpha.shape[1])), _NONE)
    return concat([before, alpha[:, :-places]], axis=1) if alpha.shape[1] > places else constant(before)
