"""NumPy as the op table sees it: the namespace that it computes in for a `Tensor`.

It is all of NumPy. Only sum, max and min go straight to the reductions behind them, since NumPy's own functions cost
more than the reduction of a small array does.
"""

from typing import Any

import numpy as np
from numpy import *  # noqa: F403 - a namespace like NumPy's is all that this file is


def _reduction(ufunc: Any) -> Any:
    def function(x: Any, axis: Any = None, keepdims: Any = False, dtype: Any = None) -> Any:
        return ufunc.reduce(x, axis, dtype, None, keepdims)

    return function


sum = _reduction(np.add)
max = _reduction(np.maximum)
min = _reduction(np.minimum)
