"""What a node may hold, from what people hand in: copies, so that no caller's array is ever ours."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def as_float(number: Any) -> float:
    """One real number as a Python float. Raises TypeError for anything else."""
    if type(number) is float:
        return number
    if not isinstance(number, (str, bytes)) and np.ndim(number) == 0:
        try:
            return float(number)
        except TypeError:
            pass
    raise TypeError(f"Value takes one real number, not {type(number).__name__}; an array makes a Tensor")


def as_array(data: Any, dtype: Any = None) -> NDArray[Any]:
    """A copy as an array of floats, integers or booleans; Python's own integers become floats."""
    array = np.array(data, dtype=dtype)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"Tensor takes real numbers, not {type(data).__name__} of {array.dtype}")
    if dtype is None and array.dtype.kind in "iu" and not isinstance(data, (np.ndarray, np.generic)):
        return array.astype(np.float64)
    return array


def as_index(key: Any) -> NDArray[Any]:
    """A copy as an index array: integers (a list of them stays integers) or booleans. Raises TypeError for floats."""
    array = np.array(key, dtype=int if np.size(key) == 0 and isinstance(key, (list, tuple)) else None)
    if array.dtype.kind not in "iub":
        raise TypeError(f"index takes integers or booleans, not {array.dtype}")
    return array


def as_grad(new: Any, like: NDArray[Any], name: str) -> NDArray[Any]:
    """A copy as the gradient of ``like``: its dtype and shape; one number fills the shape."""
    array = as_array(new, like.dtype)
    if array.shape not in ((), like.shape):
        raise ValueError(f"grad of {name} takes shape {like.shape}, not {array.shape}")
    return np.broadcast_to(array, like.shape).copy()


def as_axis(axis: Any) -> Any:
    """An axis as NumPy takes it, which knows tuples and no lists."""
    return tuple(axis) if isinstance(axis, list) else axis


def as_shape(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """``(2, 3)`` whether it came as ``f(2, 3)`` or as ``f((2, 3))``."""
    return tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
