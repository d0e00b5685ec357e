"""Functions as modules, to stand in a `Sequential`."""

from typing import Any

from microgradrnn import functional
from microgradrnn.nn.module import Module


class _Function(Module):
    """One of `microgradrnn.functional`'s functions of one node."""

    name = ""

    def __init__(self) -> None:  # that arguments are refused as in other modules
        pass

    def forward(self, x: Any) -> Any:
        """The function of x, entry by entry."""
        return getattr(functional, self.name)(x)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Tanh(_Function):
    """tanh x.

    >>> Tanh()(0.0).item()
    0.0
    """

    name = "tanh"


class ReLU(_Function):
    """max(0, x).

    >>> ReLU()([-1.0, 2.0]).data
    array([0., 2.])
    """

    name = "relu"


class Sigmoid(_Function):
    """1 / (1 + e^-x).

    >>> Sigmoid()([0.0]).data
    array([0.5])
    """

    name = "sigmoid"


class Softplus(_Function):
    """log(1 + e^x).

    >>> Softplus()([0.0]).data.round(4)  # log 2
    array([0.6931])
    """

    name = "softplus"


class SiLU(_Function):
    """x sigmoid(x).

    >>> SiLU()([0.0, 100.0]).data
    array([  0., 100.])
    """

    name = "silu"


class GELU(Module):
    """x times the normal distribution's probability of less than x; ``approximate`` is "none" or "tanh".

    >>> GELU()([0.0, 100.0]).data
    array([  0., 100.])
    """

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, x: Any) -> Any:
        """The function of x, entry by entry."""
        return functional.gelu(x, self.approximate)


class LeakyReLU(Module):
    """x where x > 0, else negative_slope x.

    >>> LeakyReLU(0.1)([-1.0, 2.0]).data
    array([-0.1,  2. ])
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Any) -> Any:
        """The function of x, entry by entry."""
        return functional.leaky_relu(x, self.negative_slope)


class ELU(Module):
    """x where x > 0, else alpha (e^x - 1).

    >>> ELU()([-100.0, 2.0]).data.round(4)
    array([-1.,  2.])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Any) -> Any:
        """The function of x, entry by entry."""
        return functional.elu(x, self.alpha)


class Softmax(Module):
    """e^(x_i) / sum_j e^(x_j) along an axis, the last one unless told.

    >>> Softmax(dim=-1)([0.0, 0.0]).data
    array([0.5, 0.5])
    """

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        """Probabilities."""
        return functional.softmax(x, dim=self.dim)


class LogSoftmax(Module):
    """The logarithm of `Softmax`.

    >>> LogSoftmax(-1)([0.0, 0.0]).data.round(4)  # log 1/2
    array([-0.6931, -0.6931])
    """

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        """Logarithms of probabilities."""
        return functional.log_softmax(x, dim=self.dim)


class Identity(Module):
    """x as it is; it takes any arguments.

    >>> Identity()([1.0, 2.0])
    [1.0, 2.0]
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def forward(self, x: Any) -> Any:
        """The same x."""
        return x


class Flatten(Module):
    """The axes from ``start_dim`` to ``end_dim`` as one: all but the batch's, unless told.

    >>> import numpy as np
    >>> Flatten()(np.ones((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Any) -> Any:
        """The same entries with fewer axes."""
        return functional.as_node(x).flatten(self.start_dim, self.end_dim)
