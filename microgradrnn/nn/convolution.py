"""`Conv1d`: filters along a sequence."""

from typing import Any

import numpy as np

from microgradrnn import functional
from microgradrnn.checks import check_dtype, check_size, data
from microgradrnn.nn.initial import Seed, uniform
from microgradrnn.nn.module import Module


class Conv1d(Module):
    """Filters moved along a sequence; see `microgradrnn.functional.conv1d`.

    Args:
        in_channels: C of x, of shape (N, C, L).
        out_channels: how many filters.
        kernel_size: the length of each.
        stride: how far windows are apart.
        padding: zeros added at both ends.
        dilation: how far the entries of a window are apart.
        groups: in how many parts channels and filters are taken.
        bias: whether there is one.
        seed: an integer or a `numpy.random.Generator`; weights are uniform, as in PyTorch.
        dtype: of the weights; float64 unless told.

    Attributes:
        weight, bias: shapes (out_channels, in_channels / groups, kernel_size) and (out_channels,).

    >>> layer = Conv1d(1, 1, 2, seed=0)
    >>> layer.weight.data, layer.bias.data = [[[1.0, 10.0]]], [0.0]
    >>> layer([[[1.0, 2.0, 3.0]]]).data  # 1 + 10 * 2, and 2 + 10 * 3
    array([[[21., 32.]]])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: Any = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        seed: Seed = None,
        dtype: Any = None,
    ) -> None:
        check_size(
            self,
            in_channels=in_channels,
            out_channels=out_channels,
            kernel_size=kernel_size,
            stride=stride,
            groups=groups,
        )
        check_dtype(self, dtype)
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"Conv1d: {groups} groups do not divide {in_channels} and {out_channels} channels")
        rng = np.random.default_rng(seed)
        fan = in_channels // groups * kernel_size
        self.weight = uniform(rng, fan, (out_channels, in_channels // groups, kernel_size), "W", dtype)
        self.bias = uniform(rng, fan, (out_channels,), "b", dtype) if bias else None
        self.settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}

    def forward(self, x: Any) -> Any:
        """The output for x of shape (N, C, L), or (C, L). Raises ValueError for other shapes."""
        return functional.conv1d(data(self, "x", x, (...,)), self.weight, self.bias, **self.settings)
