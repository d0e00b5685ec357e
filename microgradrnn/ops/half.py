"""Sums and counts of float16 are computed in float32: above 65504 they would be infinite."""

from typing import Any

import numpy as np

from microgradrnn.ops.record import Function

HALF, SINGLE = np.dtype(np.float16), np.dtype(np.float32)


def wide(x: Any) -> Any:
    """x, or float32 in place of float16, in which counts and sums above 65504 are infinite."""
    return x.astype(SINGLE) if x.dtype is HALF else x


def computed_wide(function: Function, xp: Any, x: Any, *more: Any, **params: Any) -> Any:
    """What the function gives for float32 in place of float16, rounded to float16 at the end."""
    return function(xp, x.astype(SINGLE), *more, **params).astype(HALF)
