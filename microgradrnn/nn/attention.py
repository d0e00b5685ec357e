"""`LayerNorm` and `MultiheadAttention`: what a transformer is made of."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradrnn import functional
from microgradrnn.checks import check_dtype, check_fraction, check_size, data
from microgradrnn.functional.attention import attention_weights
from microgradrnn.nn.initial import Seed
from microgradrnn.nn.layers import Linear
from microgradrnn.nn.module import Module, Parameter


class LayerNorm(Module):
    """(x - mean) / sqrt(variance + eps) over the last axes, times weight, plus bias (Ba, Kiros and Hinton, 2016).

    Args:
        normalized_shape: of the last axes.
        eps: keeps the root away from 0.
        elementwise_affine: whether there are a weight and a bias.
        bias: whether there is a bias beside the weight.
        dtype: of the weights; float64 unless told.

    >>> LayerNorm(2, eps=0.0)(np.array([[1.0, 3.0]])).data
    array([[-1.,  1.]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        check_size(self, **{f"normalized_shape[{k}]": size for k, size in enumerate(shape)})
        check_dtype(self, dtype)
        self.normalized_shape, self.eps = shape, eps
        self.weight = Parameter(np.ones(shape), "gain", dtype) if elementwise_affine else None
        self.bias = Parameter(np.zeros(shape), "bias", dtype) if elementwise_affine and bias else None

    def forward(self, x: Any) -> Any:
        """The same shape. Raises ValueError where x has other last axes."""
        x = data(self, "x", x, (..., *self.normalized_shape))
        return functional.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)


class MultiheadAttention(Module):
    """Attention in several subspaces side by side (Vaswani et al., 2017, section 3.2.2).

    Args:
        embed_dim: features E of queries, keys and values, and of the output.
        num_heads: in how many parts E is taken.
        dropout: how many weights are dropped in training.
        bias: whether the projections have one.
        batch_first: whether the batch is the first axis, (N, L, E), and not the second, (L, N, E).
        seed: an integer or a `numpy.random.Generator`; weights start as PyTorch's do.
        dtype: of the weights; float64 unless told.

    Attributes:
        W_qkv: queries', keys' and values' projections side by side, (E, 3 E).
        b_qkv: their biases, (3 E,).
        out_proj: the `Linear` that joins the heads.

    >>> attention = MultiheadAttention(6, 2, seed=0)
    >>> x = np.ones((4, 1, 6))
    >>> output, weights = attention(x, x, x)  # all keys are alike, so each has the same weight
    >>> output.shape, weights.data[0, 0].round(9)
    ((4, 1, 6), array([0.25, 0.25, 0.25, 0.25]))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        *,
        batch_first: bool = False,
        seed: Seed = None,
        dtype: Any = None,
    ) -> None:
        check_size(self, embed_dim=embed_dim, num_heads=num_heads)
        check_fraction(self, dropout=dropout)
        check_dtype(self, dtype)
        if embed_dim % num_heads:
            raise ValueError(f"MultiheadAttention: {num_heads} heads do not divide embed_dim={embed_dim}")
        self.rng = np.random.default_rng(seed)
        self.embed_dim, self.num_heads, self.dropout, self.batch_first = embed_dim, num_heads, dropout, batch_first
        bound = math.sqrt(6 / (4 * embed_dim))  # Glorot and Bengio, 2010, of one matrix (E, 3 E)
        self.W_qkv = Parameter(self.rng.uniform(-bound, bound, (embed_dim, 3 * embed_dim)), "W_qkv", dtype)
        self.b_qkv = Parameter(np.zeros(3 * embed_dim), "b_qkv", dtype) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, seed=self.rng, dtype=dtype, labels=("W_o", "b_o"))
        if self.out_proj.b is not None:
            self.out_proj.b.data = np.zeros(embed_dim)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Any, Any]:
        """Outputs and weights, as PyTorch gives them.

        Args:
            query: (L, N, E), or (N, L, E) with ``batch_first``, or (L, E) alone.
            key: likewise, with S for L.
            value: likewise.
            key_padding_mask: (N, S), True where a key is not to be read.
            need_weights: whether the weights are given; None in their place else.
            attn_mask: (L, S) or (N heads, L, S): True where a query may not read a key; or floats added to the scores.
            average_attn_weights: whether the weights are a mean over the heads, (N, L, S), or (N, heads, L, S).
            is_causal: whether query i reads keys up to i only; no mask is needed for it.

        Raises:
            ValueError: shapes do not fit.
        """
        single = len(np.shape(query if isinstance(query, np.ndarray) else getattr(query, "data", query))) == 2
        projected = [self._heads(k, x, single) for k, x in enumerate((query, key, value))]
        q, keys, values = projected
        mask = self._mask(attn_mask, key_padding_mask, q.shape, keys.shape, is_causal)
        weights = attention_weights(q, keys, mask)
        read = functional.dropout(weights, self.dropout, self.training, seed=self.rng) @ values
        output = self.out_proj(read.permute(0, 2, 1, 3).flatten(2))  # (N, L, E)
        output = output[0] if single else output if self.batch_first else output.swapaxes(0, 1)
        if not need_weights:
            return output, None
        weights = weights.mean(axis=1) if average_attn_weights else weights
        return output, weights[0] if single else weights

    def _heads(self, k: int, x: Any, single: bool) -> Any:
        """Queries, keys or values (k is 0, 1 or 2) of each head, (N, heads, length, E / heads)."""
        name, E = ("query", "key", "value")[k], self.embed_dim
        x = functional.as_node(data(self, name, x, ("L", E) if single else (..., "L", "N", E)))
        x = x.unsqueeze(0) if single else x if self.batch_first else x.swapaxes(0, 1)
        part = slice(k * E, (k + 1) * E)
        y = x @ self.W_qkv[:, part]
        y = y if self.b_qkv is None else y + self.b_qkv[part]
        return y.reshape(*x.shape[:2], self.num_heads, -1).permute(0, 2, 1, 3)

    def _mask(self, attn_mask: Any, padding: Any, q: tuple[int, ...], k: tuple[int, ...], is_causal: bool) -> Any:
        """All masks as one that is added to the scores; None without any. It does not depend on the data."""
        added: Any = None
        for given, shape in ((attn_mask, None), (padding, (q[0], 1, 1, k[2]))):
            if given is None:
                continue
            mask = functional.as_node(given).detach().data
            mask = np.where(mask, -np.inf, 0.0) if mask.dtype.kind == "b" else mask
            mask = mask.reshape(shape or (mask.shape if mask.ndim == 2 else (*q[:2], *mask.shape[1:])))
            added = mask if added is None else added + mask
        if is_causal:
            added = np.where(np.tri(q[2], k[2], dtype=bool), 0.0 if added is None else added, -np.inf)
        return added
