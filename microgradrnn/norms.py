"""The Euclidean norm of entries of any finite size: their squares neither overflow nor vanish on the way.

- `norm`: of one array. `joint_norm`: of several, for what may be beyond the largest float.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

SMALLEST = 1e-280
"""Above it a sum of squares has lost nothing that counts to entries whose squares are below the smallest float."""


def norm(array: Any) -> float:
    """The root of the sum of squares over all entries, as a float64; inf where that is beyond the largest float.

    >>> [f"{norm([3 * size, 4 * size]):g}" for size in (1.0, 1e200, 1e-200, 1e-310)]
    ['5', '5e+200', '5e-200', '5e-310']
    """
    size, exponent = joint_norm([array])
    with np.errstate(over="ignore"):
        return float(np.ldexp(size, exponent))


def joint_norm(arrays: Iterable[Any]) -> tuple[float, int]:
    """The norm of all entries together as (size, exponent), which stand for size * 2**exponent.

    Entries are multiplied by a power of 2, which rounds nothing, only where their squares would not do (LAPACK's dnrm2
    does so too); else the exponent is 0. The size is NaN or inf where an entry is.

    >>> joint_norm([[3.0], [4.0]]), joint_norm([[3 * 2.0**1000], [4 * 2.0**1000]])
    ((5.0, 0), (0.625, 1003))
    """
    found = [np.asarray(array) for array in arrays]
    with np.errstate(over="ignore", under="ignore"):
        total = sum(float(np.sum(np.square(array, dtype=np.float64))) for array in found)
        if SMALLEST < total < math.inf:
            return math.sqrt(total), 0
        largest = max((float(np.abs(array).max(initial=0)) for array in found), default=0.0)
        if not 0 < largest < math.inf:
            return largest, 0
        exponent = math.frexp(largest)[1]
        scaled = (np.ldexp(np.float64(array), -exponent) for array in found)
        return math.sqrt(sum(float(np.sum(np.square(array))) for array in scaled)), exponent
