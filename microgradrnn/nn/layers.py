"""Layers without a memory: `Linear`, `Embedding`, `Dropout`, `Sequential`."""

from typing import Any

import numpy as np

from microgradrnn.checks import check_dtype, check_fraction, check_size, data, numbers
from microgradrnn.functional.layers import dropout, rows_of
from microgradrnn.nn.initial import Seed, uniform
from microgradrnn.nn.module import Module, Parameter


class Linear(Module):
    """y = x W + b.

    Args:
        in_features, out_features: sizes of the last axis of x and of y.
        bias: whether there is a b.
        seed: an integer or a `numpy.random.Generator`; weights are uniform in ±1/sqrt(in_features), as in PyTorch.
        dtype: of the weights; float64 unless told.
        labels: of W and of b.

    Attributes:
        W, b: shapes (in, out) and (out,); b is None without a bias.

    >>> layer = Linear(2, 1, seed=0)
    >>> layer.W.data, layer.b.data = [[2.0], [3.0]], [1.0]
    >>> layer([[10.0, 100.0]]).data  # 2 * 10 + 3 * 100 + 1
    array([[321.]])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        seed: Seed = None,
        dtype: Any = None,
        labels: tuple[str, str] = ("W", "b"),
    ) -> None:
        check_size(self, in_features=in_features, out_features=out_features)
        check_dtype(self, dtype)
        rng = np.random.default_rng(seed)
        self.W = uniform(rng, in_features, (in_features, out_features), labels[0], dtype)
        self.b = uniform(rng, in_features, (out_features,), labels[1], dtype) if bias else None

    def forward(self, x: Any) -> Any:
        """The output for x of shape (..., in).

        Raises:
            TypeError: x holds no real numbers.
            ValueError: it has another last axis, or NaN in the data.
        """
        y = data(self, "x", x, (..., self.W.shape[0])) @ self.W
        return y if self.b is None else y + self.b


class Embedding(Module):
    """A row of W for each integer: the row of a token that comes twice gets both gradients.

    Args:
        num_embeddings, embedding_dim: the shape of W.
        seed: an integer or a `numpy.random.Generator`; weights are standard normal, as in PyTorch.
        dtype: of the weights; float64 unless told.

    >>> layer = Embedding(3, 2, seed=0)
    >>> layer.W.data = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    >>> rows = layer([1, 1])
    >>> rows.sum().backward()
    >>> rows.data.tolist(), layer.W.grad.tolist()
    ([[3.0, 4.0], [3.0, 4.0]], [[0.0, 0.0], [2.0, 2.0], [0.0, 0.0]])
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, *, seed: Seed = None, dtype: Any = None) -> None:
        check_size(self, num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        check_dtype(self, dtype)
        rows = np.random.default_rng(seed).standard_normal((num_embeddings, embedding_dim))
        self.W = Parameter(rows, "E", dtype)

    def forward(self, tokens: Any) -> Any:
        """Rows of shape (..., embedding_dim) for integer tokens of shape (...).

        Raises:
            TypeError: tokens are not integers.
            IndexError: a token is negative or too large.
        """
        return rows_of(self, tokens, self.W)


class Dropout(Module):
    """In training, zeroes each entry with probability p and scales the others by 1 / (1 - p); else passes all.

    >>> from microgradrnn import Tensor
    >>> layer = Dropout(0.5, seed=0)
    >>> x = Tensor([1.0, 1.0, 1.0, 1.0])
    >>> layer(x).data, layer.eval()(x).data
    (array([2., 0., 0., 0.]), array([1., 1., 1., 1.]))
    """

    def __init__(self, p: float = 0.5, *, seed: Seed = None) -> None:
        check_fraction(self, p=p)
        self.p, self.rng = p, np.random.default_rng(seed)

    def forward(self, x: Any) -> Any:
        """``x`` with entries dropped, or as it is in evaluation."""
        if not self.training or self.p == 0:
            return x
        return dropout(numbers(self, "x", x, (...,)), self.p, seed=self.rng)


class Sequential(Module):
    """Modules and functions one after another.

    >>> from microgradrnn import Tensor, nn
    >>> Sequential(nn.ReLU(), lambda x: 10 * x)(Tensor([-1.0, 2.0])).data
    array([ 0., 20.])
    """

    def __init__(self, *layers: Any) -> None:
        self.layers = list(layers)

    def forward(self, x: Any) -> Any:
        """What the last of them makes of x."""
        for layer in self.layers:
            if not callable(layer):
                raise TypeError(f"Sequential: layers are modules and functions, not {layer!r}")
            x = layer(x)
        return x
