"""The record of one operation, and what all pages of the table use.

- `Op`: the record. `EachInput`: its functions where an op takes any number of inputs.
- `downstream_of`: the chain rule along one edge.
- `Scattered`: a gradient that is zero but for a few entries.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.arrays import add_rows

Function = Callable[..., Any]


class EachInput(dict[int, Any]):
    """What an op with any number of inputs has for each: ``make(slot)`` gives it, and is asked once.

    These functions take the inputs as one sequence: to spread T of them out for each of T edges would take time
    quadratic in T.

    >>> EachInput(lambda slot: lambda xp, z, xs: xs[slot])[1](None, None, ["x", "y"])
    'y'
    """

    def __init__(self, make: Callable[[int], Any]) -> None:
        super().__init__()
        self.make = make

    def __missing__(self, slot: int) -> Any:
        self[slot] = self.make(slot)
        return self[slot]


Functions = Sequence[Any] | EachInput
"""One entry an input: a function, or a plain number where the local gradient is one."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Op:
    r"""One operation. Make one to add an op, from inside or outside the package; `microgradrnn.record` applies it.

    Args:
        name: how errors, pages and generated programs call it.
        symbol: what stands in the picture.
        operator: Python's operator if names, formulas and programs write it so: between
            its inputs, or before a single one; else it is written as a call.
        chooses: of an op with an input of integers that choose (its domain is "index"): what such an input is called
            where it has no label, and what it chooses: ``("target", "class")``.
        latex: the output as LaTeX, in ``x``, ``y`` or ``x_i``.
        rule: what it does to a gradient: a verb, a colon, and how.
        forward: ``forward(xp, *inputs, **params)`` -> output; elementwise ops have no params, only inputs.
        local: elementwise ops: ``local(xp, z, *inputs)`` -> d(output)/d(input), one for each input.
        pull: structural ops: ``pull(xp, u, z, *inputs, **params)`` -> what this input gets of upstream.
        push: structural ops: ``push(xp, v, z, *inputs, **params)`` -> how the output moves when this input moves by v;
            like a pull it may give a ``Scattered``, zero but for a few entries.
        formula: structural ops: each ``pull`` as a person would write it, or a function of the inputs that writes it.
        contracts: of a product of the rows of x with a matrix y, the axis of y that is summed over.
        routes: elementwise ops: whether ``local`` says where upstream goes, so that nothing of it gets to where local
            is 0, also if it is infinite or nan (times 0 it would be nan).
        in_floats: whether it computes in floats only: then its first input comes as float64 if it holds integers or
            booleans. (NumPy would compute e^x of 8 bits in 16, and subtract unsigned integers below 0.)
        needs: what the inputs' shapes must satisfy; ends the error that a wrong shape gives.
        domain: for tests, where each input may lie: real, positive, nonzero, distinct, fraction, one,
            boolean or index.
        example: for tests, the inputs' shapes and the params of one call.

    Example: the arc tangent, whose derivative is 1 / (1 + x²).

    >>> from microgradrnn import Value, record
    >>> arctan = Op(
    ...     name="arctan", symbol="arctan", latex=r"\arctan x", rule="scales: x gets upstream / (1 + x²)",
    ...     forward=lambda xp, x: xp.arctan(x),
    ...     local=(lambda xp, z, x: xp.divide(1.0, 1.0 + x * x),),
    ... )
    >>> x = Value(1.0)
    >>> record(arctan, x).backward()
    >>> x.grad
    0.5
    """

    name: str
    symbol: str
    latex: str
    rule: str
    forward: Function
    operator: str = ""
    chooses: tuple[str, str] = ("", "")
    local: Functions | None = None
    pull: Functions | None = None
    push: Functions | None = None
    formula: Sequence[str | Callable[..., str]] = ()
    contracts: int | None = None
    routes: bool = False
    in_floats: bool = False
    needs: str = "shapes that are equal or broadcast: counted from the right, each size equal or 1"
    domain: Sequence[str] = ("real", "real")
    example: tuple[Sequence[tuple[int, ...]], Mapping[str, Any]] = field(default=(((2, 3),), {}))
    any_number: bool = field(init=False)
    """Whether it takes any number of inputs; then its functions take them as one sequence: see `EachInput`."""

    def __post_init__(self) -> None:
        given = tuple(functions is not None for functions in (self.local, self.pull, self.push))
        if given not in ((True, False, False), (False, True, True)):
            raise ValueError(f"op {self.name!r}: give local (elementwise), or both pull and push (structural)")
        object.__setattr__(self, "any_number", isinstance(self.pull if self.local is None else self.local, EachInput))

    def __repr__(self) -> str:
        return f"<op {self.name}>"


def downstream_of(op: Op, xp: Any, upstream: Any, local: Any) -> Any:
    """The chain rule along one edge: ``local``, the local gradient of an elementwise op, applied to upstream."""
    if not op.routes:
        return upstream * local
    passed = xp.where(local, upstream, 0.0)
    return passed if getattr(local, "dtype", None) == np.bool_ else passed * local


@dataclass(frozen=True, eq=False, slots=True)
class Scattered:
    """What is zero but for ``values`` at ``key``: added into place, so that T reads of T rows cost T."""

    key: tuple[Any, ...]
    values: Any

    def add_into(self, grad: NDArray[Any]) -> None:
        """Add the values in place; an entry that an integer array names twice gets both."""
        if not any(isinstance(part, np.ndarray) and part.dtype.kind != "b" for part in self.key):
            grad[self.key] += self.values  # slices, numbers and masks name no entry twice
        elif len(self.key) == 1 and self.key[0].size >= _MANY:
            add_rows(grad, self.key[0], self.values)
        else:
            np.add.at(grad, self.key, self.values)

    def dense(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """The same as an array of the input's shape."""
        grad = np.zeros(shape, dtype)
        self.add_into(grad)
        return grad


_MANY = 32
"""From so many rows on sorting them takes less than `numpy.add.at` does."""


ONE = ((2, 3),)
TWO = ((2, 3), (3,))
THREE = ((2, 3), (3,), (2, 1))
"""Shapes of the inputs in the examples that tests use; those of several inputs broadcast."""
