"""The table of PyTorch's operations: the name of each, and how our ops say it.

- `register`: adds a row, from inside or outside the package. `row_of`: finds one.

A row takes what the operation takes, with our nodes in the place of tensors and NumPy's dtypes in the place of
PyTorch's, and returns a node for each tensor that the operation gives. Where and how numbers are stored (``device``,
``layout``, ``memory_format``) is left out. A row that does not cover an option returns NotImplemented.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Row = Callable[..., Any]

ROWS: dict[str, Row] = {}
"""The rows by the operation's name: ``aten.add`` for all of its overloads, ``aten.add.Tensor`` for one."""

NO_GRADIENT = {
    f"aten.{name}"
    for name in (
        "bernoulli",
        "empty_like",
        "full_like",
        "new_empty",
        "new_full",
        "new_ones",
        "new_zeros",
        "normal",
        "ones_like",
        "rand_like",
        "randn_like",
        "zeros_like",
    )
}
"""Operations that give floats to which no gradient flows: what they give is a constant."""

UNSAID_WRITES = {"aten.native_batch_norm": (3, 4)}
"""Operations that write to arguments without a word of it in their schema, and which ones: running averages."""


def register(name: str, row: Row | None = None) -> Any:
    """Add a row to the table, or replace one. Without a row it returns a decorator.

    Args:
        name: the operation as `capture` names it in errors: ``aten.sinc``, or ``aten.max.dim`` for one overload. An
            operation in place, ``aten.sinc_``, is covered by its row.
        row: takes nodes in the place of tensors, and returns a node.

    Raises:
        ValueError: the name has no namespace.

    `capture` compares the numbers that a row gives with PyTorch's each time.

    >>> from microgradrnn.interop.table import ROWS, row_of
    >>> @register("aten.sinc")
    ... def sinc(x):
    ...     return (3.141592653589793 * x).sin() / (3.141592653589793 * x)
    >>> row_of("aten.sinc.default") is row_of("aten.sinc_.default") is sinc
    True
    >>> del ROWS["aten.sinc"]
    """
    if not 1 <= name.count(".") <= 2 or not all(name.split(".")):
        raise ValueError(f"register takes a name such as 'aten.sinc' or 'aten.max.dim', not {name!r}")
    if row is None:
        return lambda function: register(name, function)
    ROWS[name] = row
    return row


def row_of(name: str) -> Row | None:
    """The row of an operation, such as ``aten.add_.Tensor``; the one of its overload goes before that of all.

    >>> row_of("aten.tanh_.default") is ROWS["aten.tanh"], row_of("aten.nothing.default")
    (True, None)
    """
    operation, _, overload = name.rpartition(".")
    for found in dict.fromkeys((operation, operation.removesuffix("_"))):
        row = ROWS.get(f"{found}.{overload}") or ROWS.get(found)
        if row is not None:
            return row
    return None
