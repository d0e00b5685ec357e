"""What a case of a spelling is, and what cases share: arrays, functions in plain NumPy, modules with equal weights."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from microgradrnn import interop, no_grad

try:
    import torch
    import torch.nn.functional as TF
except ImportError:  # then NumPy and central differences are the witnesses
    torch = TF = None

rng = np.random.default_rng(0)
X, Y, W = rng.standard_normal((2, 3)), rng.standard_normal((2, 3)), rng.standard_normal((3, 4))
P = np.abs(X) + 0.3  # positive
V, U = rng.standard_normal(3), rng.standard_normal(4)
CUBE = rng.standard_normal((2, 3, 4))
MASK = X > 0
INDEX = np.array([[2, 0], [1, 1]])
CLASSES = np.array([2, 0])
TARGETS = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.5]])


class Case(NamedTuple):
    """A call: ours, PyTorch's ("same" for the same words, None for none), and what it comes to in plain NumPy."""

    ours: Callable[..., Any]
    theirs: Any = "same"
    plain: Any = None
    at: tuple[Any, ...] = (X,)
    constant: bool = False  # whether the result carries no gradient
    frozen: bool = False  # whether it reads its data apart from the graph, so that a program keeps what was recorded
    smooth: bool = True  # whether central differences see its gradient: not at a tie, nor through float32


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def erf(x):
    return np.vectorize(math.erf)(x)


def layer_norm(x, eps=1e-5):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)


def assigned(x):
    with no_grad():
        x[0] = 5.0
    return x * x


def plain_assigned(x):
    x = x.copy()
    x[0] = 5.0
    return x * x


def in_place(x, y):
    x = x * 1.0
    x += y
    return x * x


def zeroed(x):
    with no_grad():
        x.zero_()
    return x + 1.0


def attention(q, k, v, mask=0.0):
    return softmax(q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1]) + mask) @ v


def convolved(x, w, b):
    length = x.shape[2] - w.shape[2] + 1
    windows = np.stack([x[:, :, k : k + w.shape[2]] for k in range(length)], axis=2)  # (N, C, length, K)
    return np.einsum("nclk,fck->nfl", windows, w) + b[:, None]


def torch_leaf(array):
    return torch.tensor(array, requires_grad=array.dtype.kind == "f")


def module_of(make, theirs):
    """A call of a module of ours, and of PyTorch's with the same weights."""

    def ours(*xs):
        return make()(*xs)

    def in_torch(*xs):
        module = theirs().double()
        state = interop.to_torch(make())
        module.load_state_dict({name: torch.tensor(array) for name, array in state.items()})
        return module(*xs)

    return ours, in_torch


QKV = tuple(rng.standard_normal((2, 3, 4)) for _ in range(3))
SIGNAL, FILTERS, BIAS = rng.standard_normal((2, 2, 6)), rng.standard_normal((4, 2, 3)), rng.standard_normal(4)

CTC = (np.array([[1, 1], [2, 3]]), np.array([5, 4]), np.array([2, 1]))


def chained(module, container, x):
    for layer in container([module.Tanh(), module.Tanh()]):
        x = layer(x)
    return x
