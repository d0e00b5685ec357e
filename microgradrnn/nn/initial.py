"""Where weights start."""

import math
from typing import Any

import numpy as np

from microgradrnn.nn.module import Parameter

Seed = int | np.random.Generator | None


def uniform(rng: np.random.Generator, fan: int, shape: tuple[int, ...], label: str, dtype: Any) -> Parameter:
    """A parameter uniform in ±1/sqrt(fan), as PyTorch starts its recurrent and linear weights."""
    bound = 1 / math.sqrt(fan) if fan else 0.0
    return Parameter(rng.uniform(-bound, bound, shape), label, dtype)
