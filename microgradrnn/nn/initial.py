"""Where weights start."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from microgradrnn.functional.layers import Seed as Seed
from microgradrnn.nn.module import Parameter

if TYPE_CHECKING:
    import numpy as np


def uniform(rng: np.random.Generator, fan: int, shape: tuple[int, ...], label: str, dtype: Any) -> Parameter:
    """A parameter uniform in ±1/sqrt(fan), as PyTorch starts its recurrent and linear weights."""
    bound = 1 / math.sqrt(fan) if fan else 0.0
    return Parameter(rng.uniform(-bound, bound, shape), label, dtype)
