"""Attention: a mean of values, weighted by how well their keys fit a query."""

import math
from typing import Any

import numpy as np

from microgradrnn.functional.activations import as_node
from microgradrnn.functional.joining import where
from microgradrnn.functional.layers import Seed, check_probability, dropout
from microgradrnn.positions import by_name


@by_name
def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    seed: Seed = None,
) -> Any:
    """softmax(query keyᵀ / sqrt(E)) value (Vaswani et al., 2017, equation 1).

    Args:
        query: shape (..., L, E).
        key: shape (..., S, E).
        value: shape (..., S, E').
        attn_mask: shape (..., L, S): booleans, True where a query may attend; or floats that are added to the scores.
        dropout_p: how many weights are dropped, always, as in PyTorch: give 0 in evaluation.
        is_causal: whether query i attends to keys up to i only.
        scale: in place of 1 / sqrt(E).
        seed: for the dropout.

    Returns:
        Shape (..., L, E').

    Raises:
        ValueError: both a mask and is_causal were given, or shapes do not fit.

    >>> from microgradrnn import Tensor
    >>> scaled_dot_product_attention(Tensor([[0.0]]), Tensor([[1.0], [2.0]]), Tensor([[1.0], [3.0]])).data
    array([[2.]])
    """
    check_probability("scaled_dot_product_attention", dropout_p=dropout_p)
    weights = attention_weights(query, key, attn_mask, is_causal, scale)
    return dropout(weights, dropout_p, seed=seed) @ value


def attention_weights(
    query: Any, key: Any, attn_mask: Any = None, is_causal: bool = False, scale: float | None = None
) -> Any:
    """The weights of `scaled_dot_product_attention`, of shape (..., L, S); each row adds up to 1."""
    query, key = as_node(query, "scaled_dot_product_attention"), as_node(key, "attention_weights")
    if is_causal and attn_mask is not None:
        raise ValueError("scaled_dot_product_attention: give attn_mask or is_causal, not both")
    scores = query @ key.mT * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if is_causal:
        attn_mask = np.tri(*scores.shape[-2:], dtype=bool)
    if attn_mask is not None:
        mask = as_node(attn_mask, "scaled_dot_product_attention")
        scores = where(mask, scores, -math.inf) if mask.dtype.kind == "b" else scores + mask
    return scores.softmax(-1)
