"""What a node may hold, from what people hand in: copies, so that no caller's array is ever ours.

This is the one door for data: constructors, setters, operands, upstream gradients, tangents, the arguments of programs
and the arrays of state dicts come in here, and what is no real number is refused before any cast could make it one.

What counts as an array is the same everywhere: NumPy's, lists and tuples, and what has ``__array__`` or ``__dlpack__``
(tensors of PyTorch and JAX, columns of pandas).
"""

from collections.abc import Iterable
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

NUMBERS = "fiub"
"""NumPy's kinds of real numbers: floats, integers with and without a sign, booleans."""


def with_parts(sequence: Any, parts: Iterable[Any]) -> Any:
    """A list, tuple or named tuple as ``sequence`` is, of other parts.

    >>> from collections import namedtuple
    >>> State = namedtuple("State", "h c")
    >>> with_parts([1], [2]), with_parts((1, 2), [3, 4]), with_parts(State(1, 2), [3, 4])
    ([2], (3, 4), State(h=3, c=4))
    """
    kind = type(sequence)
    return kind(*parts) if hasattr(kind, "_fields") else kind(parts)


def is_numeric(x: Any) -> bool:
    """Whether x is a real number or counts as an array (of whatever).

    >>> [is_numeric(x) for x in (2, np.float32(2), [1.0], "2", None, 1j)]
    [True, True, True, False, False, False]
    """
    if isinstance(x, (np.ndarray, list, tuple, Real, Decimal)):
        return True
    if isinstance(x, np.generic):
        return x.dtype.kind in NUMBERS
    return not isinstance(x, type) and (hasattr(x, "__array__") or hasattr(x, "__dlpack__"))


def as_numpy(data: Any) -> NDArray[Any]:
    """A NumPy array of whatever counts as an array, copied or not, of whatever dtype.

    Raises:
        TypeError: a tensor of another library refuses, such as PyTorch's that need a gradient.
    """
    try:
        if hasattr(data, "__dlpack__") and not hasattr(data, "__array__"):
            return np.from_dlpack(data)
        return np.asarray(data)
    except (RuntimeError, BufferError) as error:
        raise TypeError(f"this {type(data).__name__} cannot be read as an array ({error})") from error


def as_numbers(data: Any) -> NDArray[Any]:
    """An array of real numbers, copied or not. Raises TypeError for text, None, dates, complex numbers, objects."""
    array = as_numpy(data)
    if array.dtype.kind == "O" and isinstance(data, (Real, Decimal)):  # such as a Fraction
        array = np.asarray(float(data))
    if array.dtype.kind not in NUMBERS:
        raise TypeError(f"real numbers are needed, not {type(data).__name__} of {array.dtype}")
    return array


def as_float(number: Any) -> float:
    """One real number as a Python float. Raises TypeError for anything else."""
    if type(number) is float:
        return number
    if isinstance(number, (Real, Decimal)):
        return float(number)
    if is_numeric(number) and (array := as_numpy(number)).ndim == 0 and array.dtype.kind in NUMBERS:
        return float(array)
    raise TypeError(f"Value takes one real number, not {type(number).__name__}; an array makes a Tensor")


def as_array(data: Any, dtype: Any = None) -> NDArray[Any]:
    """A copy as an array of floats, integers or booleans, in C order; Python's own integers become floats."""
    try:
        array = as_numbers(data)
    except TypeError as error:
        raise TypeError(f"Tensor takes real numbers: {error}") from error
    if dtype is None and array.dtype.kind in "iu" and isinstance(data, (int, list, tuple)):
        dtype = np.float64
    if np.dtype(dtype or float).kind not in NUMBERS:
        raise TypeError(f"Tensor holds real numbers, so its dtype cannot be {np.dtype(dtype)}")
    return np.array(array, dtype, order="C")


def as_like(new: Any, like: NDArray[Any], name: str) -> NDArray[Any]:
    """A copy in the dtype of ``like``. Raises TypeError for floats where that holds integers, which would be cut."""
    array = as_array(new)
    if array.dtype.kind == "f" != like.dtype.kind and not np.array_equal(array, array.astype(like.dtype)):
        raise TypeError(f"{name} holds {like.dtype}, got numbers with a fraction: make a new Tensor of floats")
    return array.astype(like.dtype)


def as_index(key: Any) -> NDArray[Any]:
    """A copy as an index array: integers (a list of them stays integers) or booleans. Raises TypeError for floats."""
    array = np.array(as_numpy(key), dtype=int if isinstance(key, (list, tuple)) and np.size(key) == 0 else None)
    if array.dtype.kind not in "iub":
        raise TypeError(f"index takes integers or booleans, not {array.dtype}")
    return array


def as_grad(new: Any, like: NDArray[Any], name: str) -> NDArray[Any]:
    """A copy as the gradient of ``like``: its dtype and shape; one number fills the shape."""
    array = as_array(new, like.dtype)
    if array.shape not in ((), like.shape):
        raise ValueError(f"grad of {name} takes shape {like.shape}, not {array.shape}")
    return np.broadcast_to(array, like.shape).copy()


def handed_out(found: Any) -> Any:
    """What a user may keep, change and write to a file: an array in C order that owns its memory, copied if need be.

    >>> handed_out(np.zeros((2, 3)).T).flags.c_contiguous
    True
    """
    if not isinstance(found, np.ndarray):
        return found
    flags = found.flags
    return found if flags.c_contiguous and flags.owndata and flags.writeable else np.array(found, order="C")


def as_axis(axis: Any) -> Any:
    """An axis as NumPy takes it, which knows tuples and no lists."""
    return tuple(axis) if isinstance(axis, list) else axis


def as_shape(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """``(2, 3)`` whether it came as ``f(2, 3)`` or as ``f((2, 3))``."""
    return tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
