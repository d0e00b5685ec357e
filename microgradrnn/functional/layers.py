"""What layers do, as functions of their weights: linear maps, embeddings, dropout, normalisations, convolutions."""

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from microgradrnn.checks import integers, numbers
from microgradrnn.context import no_grad, varies
from microgradrnn.counting import counted
from microgradrnn.engine import Tensor, constant, record
from microgradrnn.functional.activations import as_node
from microgradrnn.functional.joining import concat, pad
from microgradrnn.ops import ARRAY, INDEX
from microgradrnn.positions import by_name
from microgradrnn.wording import UNSET, one_axis

Seed: TypeAlias = "int | np.random.Generator | None"  # as text: numpy.random is imported by who needs it


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """x weightᵀ + bias, with PyTorch's weight of shape (out, in); `nn.Linear` keeps its W as (in, out).

    >>> linear([[1.0, 2.0]], [[3.0, 4.0]], [10.0]).data  # 1 * 3 + 2 * 4 + 10
    array([[21.]])
    """
    y = as_node(x, "linear") @ as_node(weight, "linear").T
    return y if bias is None else y + bias


def embedding(tokens: Any, weight: Any) -> Any:
    """A row of ``weight`` for each integer. Raises TypeError for other tokens, IndexError for one out of range.

    >>> from microgradrnn import Tensor
    >>> embedding([1, 1], Tensor([[1.0, 2.0], [3.0, 4.0]])).data
    array([[3., 4.],
           [3., 4.]])
    """
    return rows_of("embedding", tokens, as_node(weight, "embedding"))


def rows_of(taker: object, tokens: Any, weight: Any) -> Any:
    """`embedding` for a module or function that is named in errors."""
    node = integers(taker, "tokens are integers", tokens)
    found, rows = node._data, weight.shape[0]
    wrong = found[(found < 0) | (found >= rows)]
    if wrong.size:
        name = taker if isinstance(taker, str) else type(taker).__name__
        raise IndexError(f"{name}: token {wrong.flat[0]} is out of range for {counted(rows, 'row')}")
    return weight[node]


def one_hot(classes: Any, num_classes: int = -1) -> Any:
    """1 at each integer's place along a new last axis, else 0: integers, as in PyTorch; ``float()`` makes them floats.

    Args:
        classes: integers, none negative.
        num_classes: the length of the new axis; -1 for one more than the largest.

    Raises:
        TypeError: classes are no integers.
        ValueError: one is negative or too large.

    >>> one_hot([0, 2]).data
    array([[1, 0, 0],
           [0, 0, 1]])
    """
    node = integers("one_hot", "classes are integers", classes)
    found = node._data
    length = int(node.data.max(initial=-1)) + 1 if num_classes == -1 else num_classes
    if found.size and not (found.min() >= 0 and found.max() < length):
        raise ValueError(f"one_hot: classes lie in 0 .. {length - 1}, got {found.min()} .. {found.max()}")
    return record(INDEX, constant(np.eye(length, dtype=np.int64)), node, key=(ARRAY,))


def check_probability(taker: str, **given: Any) -> None:
    """Raise where a setting is no number in [0, 1]: TypeError where it is no number at all, else ValueError."""
    for name, p in given.items():
        is_number = isinstance(p, (int, float, np.integer, np.floating))
        if not is_number or not 0 <= p <= 1:
            raise (ValueError if is_number else TypeError)(f"{taker}: {name} is a number in [0, 1], not {p!r}")


@by_name
def dropout(x: Any, p: float = 0.5, training: bool = True, *, seed: Seed = None) -> Any:
    """In training, zero each entry with probability p and scale the others by 1 / (1 - p); else x as it is.

    Args:
        x: any shape.
        p: in [0, 1].
        training: whether anything is dropped.
        seed: an integer or a `numpy.random.Generator`.

    >>> from microgradrnn import Tensor
    >>> dropout(Tensor([1.0, 1.0, 1.0, 1.0]), 0.5, seed=0).data
    array([2., 0., 0., 0.])
    """
    check_probability("dropout", p=p)
    if not training or p == 0:
        return x
    x = numbers("dropout", "x", x, (...,))
    varies("dropout draws a mask")
    kept = np.random.default_rng(seed).random(x.shape) >= p
    return x * (kept / (1 - p if p < 1 else 1)).astype(x.dtype if x.dtype.kind == "f" else float)


def layer_norm(
    x: Any, normalized_shape: int | Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """(x - mean) / sqrt(variance + eps) over the last axes, times weight, plus bias (Ba, Kiros and Hinton, 2016).

    Args:
        x: shape (..., *normalized_shape).
        normalized_shape: of the last axes, over which mean and variance (of n) are taken.
        weight: of that shape, or None.
        bias: likewise.
        eps: keeps the root away from 0.

    Raises:
        ValueError: x has other last axes.

    >>> from microgradrnn import Tensor
    >>> layer_norm(Tensor([[1.0, 3.0]]), 2, eps=0.0).data
    array([[-1.,  1.]])
    """
    shape = (normalized_shape,) if isinstance(normalized_shape, (int, np.integer)) else tuple(normalized_shape)
    x = as_node(x, "layer_norm")
    if not shape or x.shape[-len(shape) :] != shape:
        raise ValueError(f"layer_norm: x has shape (..., {', '.join(map(str, shape))}), got {x.shape}")
    axes = tuple(range(-len(shape), 0))
    centred = x - x.mean(axis=axes, keepdims=True)
    y = centred / ((centred**2).mean(axis=axes, keepdims=True) + eps).sqrt()
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def batch_norm(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """(x - mean) / sqrt(variance + eps) for each channel, times weight, plus bias (Ioffe and Szegedy, 2015).

    Args:
        x: shape (N, C, ...).
        running_mean: shape (C,). Read where not ``training``; else moved towards the batch's, in place: so it is a
            Tensor without a gradient then, since no array of a caller's is written to.
        running_var: likewise; it is moved towards the variance of n - 1.
        weight: shape (C,), or None.
        bias: likewise.
        training: whether mean and variance are the batch's.
        momentum: how far the running ones are moved.
        eps: keeps the root away from 0.

    Raises:
        TypeError: running statistics that are to be moved are no Tensors without a gradient.
        ValueError: x has one axis only, or statistics are wanted and not there.

    >>> from microgradrnn import Tensor
    >>> x, mean = Tensor([[1.0], [3.0]]), Tensor([0.0], requires_grad=False)
    >>> batch_norm(x, mean, training=True, eps=0.0).data.tolist(), mean.data  # 0.1 of the batch's mean, 2
    ([[-1.0], [1.0]], array([0.2]))
    """
    x = as_node(x, "batch_norm")
    if x.ndim < 2:
        raise ValueError(f"batch_norm: x has shape (N, C, ...), got {x.shape}")
    axes = (0, *range(2, x.ndim))
    channels = (1, -1, *(1,) * (x.ndim - 2))
    if training:
        mean = x.mean(axis=axes, keepdims=True)
        variance = ((x - mean) ** 2).mean(axis=axes, keepdims=True)
        _move(running_mean, mean, momentum)
        entries = x.size // x.shape[1]
        _move(running_var, variance * (entries / max(entries - 1, 1)), momentum)
    elif running_mean is None or running_var is None:
        raise ValueError("batch_norm: without training it needs running_mean and running_var")
    else:
        mean, variance = (as_node(given, "batch_norm").reshape(channels) for given in (running_mean, running_var))
    y = (x - mean) / (variance + eps).sqrt()
    y = y if weight is None else y * as_node(weight, "batch_norm").reshape(channels)
    return y if bias is None else y + as_node(bias, "batch_norm").reshape(channels)


def _move(running: Any, found: Any, momentum: float) -> None:
    """Move running statistics, if there are any, towards what was found."""
    if running is None:
        return
    if not isinstance(running, Tensor) or running.requires_grad:
        raise TypeError("batch_norm: running statistics that training moves are Tensors with requires_grad=False")
    with no_grad():
        running.copy_((1 - momentum) * running + momentum * found.reshape(-1))


def normalize(x: Any, p: float = 2.0, dim: Any = UNSET, eps: float = 1e-12, *, axis: Any = UNSET) -> Any:
    """x over its norm along an axis, the second one unless told; a norm below eps counts as eps.

    >>> from microgradrnn import Tensor
    >>> normalize(Tensor([[3.0, 4.0]])).data
    array([[0.6, 0.8]])
    """
    x = as_node(x, "normalize")
    found = one_axis("normalize", (), axis, dim)
    return x / x.norm(p, axis=1 if found is UNSET else found, keepdims=True).clamp(min=eps)


def cosine_similarity(x: Any, y: Any, dim: Any = UNSET, eps: float = 1e-8, *, axis: Any = UNSET) -> Any:
    """x · y / (|x| |y|) along an axis, the second one unless told; a norm below eps counts as eps.

    >>> from microgradrnn import Tensor
    >>> cosine_similarity(Tensor([[1.0, 0.0]]), Tensor([[1.0, 1.0]])).data.round(4)
    array([0.7071])
    """
    x, y = as_node(x, "cosine_similarity"), as_node(y, "cosine_similarity")
    found = one_axis("cosine_similarity", (), axis, dim)
    axis = 1 if found is UNSET else found
    norms = x.norm(axis=axis).clamp(min=eps) * y.norm(axis=axis).clamp(min=eps)
    return (x * y).sum(axis=axis) / norms


def conv1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Each window of x times a filter, summed (a cross-correlation, as in all such libraries).

    Args:
        x: shape (N, C, L), or (C, L).
        weight: shape (filters, C / groups, K).
        bias: shape (filters,), or None.
        stride: how far windows are apart.
        padding: zeros added at both ends, or "same" (for stride 1) or "valid".
        dilation: how far the entries of a window are apart.
        groups: in how many parts channels and filters are taken, each apart.

    Raises:
        ValueError: shapes do not fit; the error names them.

    >>> from microgradrnn import Tensor
    >>> conv1d(Tensor([[[1.0, 2.0, 3.0]]]), [[[1.0, 1.0]]]).data
    array([[[3., 5.]]])
    """
    return _convolution("conv1d", 1, x, weight, bias, stride, padding, dilation, groups)


def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """`conv1d` over two axes: x of shape (N, C, H, W), weight of shape (filters, C / groups, K, K').

    >>> conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2))).data[0, 0]  # four ones in each window
    array([[4., 4.],
           [4., 4.]])
    """
    return _convolution("conv2d", 2, x, weight, bias, stride, padding, dilation, groups)


def _convolution(
    name: str, n: int, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    x, weight = as_node(x), as_node(weight)
    if x.ndim == n + 1:
        one = _convolution(name, n, x.unsqueeze(0), weight, bias, stride, padding, dilation, groups)
        return one.squeeze(dim=0)
    if x.ndim != n + 2 or weight.ndim != n + 2 or x.shape[1] != weight.shape[1] * groups or weight.shape[0] % groups:
        raise ValueError(
            f"{name} got x of shape {x.shape} and weight of shape {weight.shape}, groups={groups}; it needs "
            f"x of (N, C, ...) and weight of (filters, C / groups, ...) with {n} more axes each"
        )
    steps, gaps = _each(stride, n), _each(dilation, n)
    kernel = weight.shape[2:]
    x = pad(x, _ends(name, padding, kernel, steps, gaps))
    counts = [(x.shape[2 + k] - gaps[k] * (kernel[k] - 1) - 1) // steps[k] + 1 for k in range(n)]
    if min(counts) < 1:
        raise ValueError(f"{name}: a kernel of {kernel}, dilation {gaps}, is longer than the padded x of {x.shape}")
    # Where each window reads: axes are (windows 1, .., windows n, kernel 1, .., kernel n).
    places = []
    for k in range(n):
        shape = [1] * (2 * n)
        shape[k], shape[n + k] = counts[k], kernel[k]
        places.append((steps[k] * np.arange(counts[k])[:, None] + gaps[k] * np.arange(kernel[k])).reshape(shape))
    windows = x[(slice(None), slice(None), *np.broadcast_arrays(*places))]  # (N, C, windows.., kernel..)
    order = (0, *range(2, 2 + n), 1, *range(2 + n, 2 + 2 * n))
    rows = windows.permute(order).reshape(x.shape[0], math.prod(counts), groups, -1)
    filters = weight.reshape(groups, weight.shape[0] // groups, -1)
    parts = [rows[:, :, g] @ filters[g].T for g in range(groups)]
    y = (parts[0] if groups == 1 else concat(parts, axis=-1)).swapaxes(1, 2)
    y = y.reshape(x.shape[0], weight.shape[0], *counts)
    return y if bias is None else y + as_node(bias).reshape(-1, *(1,) * n)


def _each(setting: Any, n: int) -> tuple[int, ...]:
    return (int(setting),) * n if isinstance(setting, (int, np.integer)) else tuple(map(int, setting))


def _ends(name: str, padding: Any, kernel: Sequence[int], steps: Sequence[int], gaps: Sequence[int]) -> list[int]:
    """How many zeros before and after each axis, from the last one."""
    n = len(kernel)
    if isinstance(padding, str):
        if padding not in ("same", "valid") or (padding == "same" and max(steps) > 1):
            raise ValueError(f"{name}: padding is a number, 'valid', or with stride 1 'same', not {padding!r}")
        totals = [gaps[k] * (kernel[k] - 1) if padding == "same" else 0 for k in range(n)]
        return [end for total in totals[::-1] for end in (total // 2, total - total // 2)]
    return [size for size in _each(padding, n)[::-1] for _ in range(2)]
