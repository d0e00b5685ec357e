"""The check of what comes in: arrays against shapes that are written as the formulas write them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def check(function: str, arrays: Mapping[str, Any], shapes: Mapping[str, str], **sizes: int) -> dict[str, int]:
    """Compare arrays with the shapes that ``function`` expects.

    Args:
        function: for the error.
        arrays: what came, by name; more than is expected does no harm.
        shapes: such as ``{"x": "T N I", "W_xh": "I 4H"}``. A letter is the same size wherever it stands; a digit
            before it is a factor.
        sizes: letters that are known already.

    Returns:
        The size of each letter.

    Raises:
        KeyError: an array is missing.
        TypeError: one is no NumPy array of real numbers.
        ValueError: one has another shape, or there is no time step.

    >>> check("f", {"x": np.ones((5, 2, 3)), "W_xh": np.ones((3, 8))}, {"x": "T N I", "W_xh": "I 4H"})
    {'T': 5, 'N': 2, 'I': 3, 'H': 2}
    """
    missing = [name for name in shapes if name not in arrays]
    if missing:
        raise KeyError(f"{function}: {', '.join(missing)} missing, got {', '.join(arrays)}")
    for name, shape in shapes.items():
        array = arrays[name]
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
            raise TypeError(
                f"{function}: {name} is an array of numbers, not a {type(array).__name__}; of a node, .data"
            )
        expected = [(int(axis[:-1] or 1), axis[-1]) for axis in shape.split()]
        fits = array.ndim == len(expected)
        for size, (factor, letter) in zip(array.shape, expected, strict=False):
            fits = fits and size == factor * sizes.setdefault(letter, size // factor)
        if not fits:
            known = [f"{letter}={size}" for letter, size in sizes.items() if letter in shape]
            wanted = f"({shape.replace(' ', ', ')})" + (f" with {', '.join(known)}" if known else "")
            raise ValueError(f"{function}: {name} has shape {wanted}, got {array.shape}")
    if sizes.get("T") == 0:
        raise ValueError(f"{function}: there is no time step to read")
    return sizes


def start(function: str, name: str, given: Any, N: int, H: int) -> Array:
    """The state to start from, (N, H): zeros unless given."""
    if given is None:
        return np.zeros((N, H))
    check(function, {name: given}, {name: "N H"}, N=N, H=H)
    return np.asarray(given)
