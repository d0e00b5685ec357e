"""NumPy as the op table sees it: the namespace that it computes in for a `Tensor`.

It is all of NumPy. Only sum, max and min are the reductions behind NumPy's functions, since these cost more than the
reduction of a small array does; so the table names the axis at every call.
"""

import numpy as np
from numpy import *  # noqa: F403 - a namespace like NumPy's is all that this file is

sum = np.add.reduce  # type: ignore[assignment]
max = np.maximum.reduce  # type: ignore[assignment]
min = np.minimum.reduce  # type: ignore[assignment]
