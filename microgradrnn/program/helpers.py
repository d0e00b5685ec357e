"""Functions that programs call: what a program calls is copied into its source, and so runs alone.

- `HELPERS`: those of arrays, by name. `FLOAT_HELPERS`: those of floats, which need no NumPy.
- `helper_lines`: the lines of one, as a program has them.
"""

from __future__ import annotations

import inspect
import re
from functools import cache
from typing import Any

import numpy as np

from microgradrnn.arrays import add_rows, erf, pick
from microgradrnn.program import float_helpers

kept: dict[str, Any] = {}
"""What `buffer` keeps; each program has its own."""


def buffer(name: Any, shape: Any, dtype: Any = np.float64) -> Any:
    """An array to write into: the same one at every call, while its shape stays."""
    if name not in kept or kept[name].shape != shape:
        kept[name] = np.empty(shape, dtype)
    return kept[name]


def product(name: Any, a: Any, b: Any) -> Any:
    """a @ b, in an array that is the same one at every call."""
    return np.matmul(a, b, out=buffer(name, (a.shape[0], b.shape[1]), np.result_type(a, b)))


def minus_one_hot(S: Any, m: Any) -> Any:
    """S - 1[m], written over S: each row of probabilities, less 1 at its target."""
    rows = S.reshape(-1, S.shape[-1])
    rows[np.arange(m.size), m.reshape(-1)] -= 1.0
    return rows.reshape(S.shape)


HELPERS = {helper.__name__: helper for helper in (add_rows, buffer, erf, pick, minus_one_hot, product)}
FLOAT_HELPERS = {name: getattr(float_helpers, name) for name in float_helpers.__all__}


@cache
def helper_lines(name: str) -> tuple[str, ...]:
    """The lines of a helper, and two empty ones: without its types, and with the first sentence of its docstring.

    >>> helper_lines("product")[0]
    'def product(name, a, b):'
    """
    text = inspect.getsource((HELPERS | FLOAT_HELPERS)[name]).replace(": Any = ", "=")
    text = re.sub(r": Any| -> (Any|None)", "", text)
    text = re.sub(r'("""[^\n]+)\n.*?"""', r'\1"""', text, count=1, flags=re.DOTALL)
    state = ["kept = {}", "", ""] if name == "buffer" else []
    return (*state, *text.splitlines(), "", "")
