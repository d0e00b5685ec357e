"""What Python's own syntax does with a node: operators, comparisons, and what turns a node into a number.

The functions of one number are in `microgradrnn.entrywise`, copies and changes in place in `microgradrnn.handling`.

- Arithmetic: each is one call of `microgradrnn.engine.record`.
- Comparisons: entry by entry, as in NumPy and PyTorch; their results are boolean constants.
- In-place operators: inside `no_grad` they change a leaf; while recording they make a new node, as for numbers.
- Conversions: a node that needs a gradient does not become a plain number, which would lose it, but by ``item()``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn import ops
from microgradrnn.context import here, numbers_of, tell
from microgradrnn.convert import as_numbers, as_numpy, is_numeric
from microgradrnn.entrywise import Entrywise
from microgradrnn.handling import Handling
from microgradrnn.ops import Op


class Operators(Entrywise, Handling):
    """The special methods of nodes; `microgradrnn.engine.Node` inherits them and supplies what is declared here."""

    __slots__ = ()

    _record: Callable[..., Any]
    _constant: Callable[..., Any]
    _data: Any
    _requires_grad: bool
    op: Op | None
    item: Callable[[], Any]
    _name: Callable[[], str]
    _write: Callable[[Any], None]
    _rebinds = True
    """Whether ``x += y``, while recording, may bind x to the new node: for a weight that would be a mistake."""

    # One line an operator; the reflected ones meet numbers and arrays on the left.
    # fmt: off
    def __add__(self, other: Any) -> Any: return self._record(ops.ADD, self, other)
    def __radd__(self, other: Any) -> Any: return self._record(ops.ADD, other, self)
    def __sub__(self, other: Any) -> Any: return self._record(ops.SUB, self, other)
    def __rsub__(self, other: Any) -> Any: return self._record(ops.SUB, other, self)
    def __mul__(self, other: Any) -> Any: return self._record(ops.MUL, self, other)
    def __rmul__(self, other: Any) -> Any: return self._record(ops.MUL, other, self)
    def __truediv__(self, other: Any) -> Any: return self._record(ops.DIV, self, other)
    def __rtruediv__(self, other: Any) -> Any: return self._record(ops.DIV, other, self)
    def __pow__(self, other: Any) -> Any: return self._record(ops.POW, self, other)
    def __rpow__(self, other: Any) -> Any: return self._record(ops.POW, other, self)
    def __floordiv__(self, other: Any) -> Any: return self._record(ops.FLOOR_DIVIDE, self, other)
    def __rfloordiv__(self, other: Any) -> Any: return self._record(ops.FLOOR_DIVIDE, other, self)
    def __mod__(self, other: Any) -> Any: return self._record(ops.REMAINDER, self, other)
    def __rmod__(self, other: Any) -> Any: return self._record(ops.REMAINDER, other, self)
    def __matmul__(self, other: Any) -> Any: return self._record(ops.MATMUL, self, other)
    def __rmatmul__(self, other: Any) -> Any: return self._record(ops.MATMUL, other, self)
    def __neg__(self) -> Any: return self._record(ops.NEG, self)
    def __pos__(self) -> Any: return self
    def __abs__(self) -> Any: return self._record(ops.ABS, self)
    def __eq__(self, other: object) -> Any: return self._compare(operator.eq, other)
    def __ne__(self, other: object) -> Any: return self._compare(operator.ne, other)
    def __lt__(self, other: Any) -> Any: return self._compare(operator.lt, other)
    def __le__(self, other: Any) -> Any: return self._compare(operator.le, other)
    def __gt__(self, other: Any) -> Any: return self._compare(operator.gt, other)
    def __ge__(self, other: Any) -> Any: return self._compare(operator.ge, other)
    __hash__ = object.__hash__  # by identity, so that nodes are keys of dicts and members of sets

    def __and__(self, other: Any) -> Any: return self._logical(np.bitwise_and, other)
    def __or__(self, other: Any) -> Any: return self._logical(np.bitwise_or, other)
    def __xor__(self, other: Any) -> Any: return self._logical(np.bitwise_xor, other)
    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__
    def __invert__(self) -> Any: return self._logical(np.invert)

    def __iadd__(self, other: Any) -> Any: return self._in_place(ops.ADD, other)
    def __isub__(self, other: Any) -> Any: return self._in_place(ops.SUB, other)
    def __imul__(self, other: Any) -> Any: return self._in_place(ops.MUL, other)
    def __itruediv__(self, other: Any) -> Any: return self._in_place(ops.DIV, other)
    def __ipow__(self, other: Any) -> Any: return self._in_place(ops.POW, other)
    # fmt: on

    def _compare(self, compare: Callable[[Any, Any], Any], other: Any) -> Any:
        """A boolean constant for each pair of entries. What is no number compares as Python has it: unequal."""
        tell(self)
        if isinstance(other, Operators):
            other = numbers_of(other)
        elif not is_numeric(other):
            return NotImplemented
        x = self._data
        try:
            found = compare(x, other if isinstance(other, (bool, int, float)) else as_numpy(other))
        except ValueError as error:
            shapes = f"{np.shape(x)} and {np.shape(other)}"
            raise ValueError(f"{compare.__name__} got shapes {shapes}; it needs shapes that broadcast") from error
        return self._constant(bool(found) if isinstance(x, float) and np.ndim(found) == 0 else np.asarray(found))

    def _logical(self, function: np.ufunc, *others: Any) -> Any:
        """``&``, ``|``, ``^`` and ``~`` of conditions, or of integers bit by bit: a constant."""
        plain = [numbers_of(x) if isinstance(x, Operators) else x for x in (self, *others)]
        if not all(map(is_numeric, plain)):
            return NotImplemented
        arrays = [as_numbers(x) for x in plain]
        if any(array.dtype.kind == "f" for array in arrays):
            signs = {np.bitwise_and: "&", np.bitwise_or: "|", np.bitwise_xor: "^", np.invert: "~"}
            raise TypeError(
                f"{signs[function]} takes conditions such as x > 0, or integers, not {arrays[0].dtype}: compare first, "
                "with brackets around each comparison"
            )
        found = function(*arrays)
        return self._constant(found.item() if isinstance(self._data, bool) and found.ndim == 0 else np.asarray(found))

    def _in_place(self, op: Op, other: Any) -> Any:
        """``x += y`` and its like: inside `no_grad` a leaf takes over the result; else Python makes a new node."""
        if here().recording:
            if not self._rebinds:
                raise TypeError(
                    f"{self._name()} is a Parameter: an in-place {op.name} while recording would leave it as it is and "
                    "bind the name to a new node; change it inside no_grad(), or by an optimiser of microgradrnn.optim"
                )
            return NotImplemented
        if self.op is not None:
            return NotImplemented
        self._write(numbers_of(self._record(op, self, other)))
        return self

    def _number(self) -> Any:
        """The one number of a node that loses no gradient by becoming one."""
        if self._requires_grad and here().recording:
            raise TypeError(
                f"{self._name()} needs a gradient, which a plain number does not carry: use item() for the number, or "
                "nodes throughout (the node's own tanh() and so on, functional.stack for lists of nodes)"
            )
        return self.item()

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    def __index__(self) -> int:
        return operator.index(self._number())

    def __bool__(self) -> bool:
        return bool(self.item())

    def __round__(self, ndigits: int | None = None) -> Any:
        return round(self.item(), ndigits)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if self._requires_grad and here().recording:
            raise TypeError(
                f"NumPy cannot take {self._name()}, whose gradient it would lose: use node.data for the numbers, "
                "or microgradrnn.functional (stack, where, ...) for a result that is recorded"
            )
        tell(self)
        return np.array(self._data, dtype)
