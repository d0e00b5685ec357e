"""What a program computes, before it is written down.

- `Expression`: an array that is not there yet: which function of NumPy's gives it, and of what.
- `Loop`: steps that are alike. An expression that depends on the step belongs to its loop.
- `Carry`: what a loop hands on from step to step.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from microgradrnn.program.operand import Operand
from microgradrnn.program.sizes import Shape, Size, product

if TYPE_CHECKING:
    from microgradrnn.program.namespace import Expressions

_serials = itertools.count()


class Loop:
    """Steps that are alike: ``length`` of them, made in order or, on the way back, in reverse."""

    def __init__(self, length: int, reverse: bool = False) -> None:
        self.length, self.reverse = length, reverse
        self.carries: list[Carry] = []


class Notes(NamedTuple):
    """What is known of an expression beside what it computes.

    Attributes:
        name: how a person would call it; empty if nobody would.
        hint: what to call it if it needs a name.
        why: what the line that computes it does, where that needs a word.
    """

    name: str = ""
    hint: str = ""
    why: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Expression(Operand):
    """An array that will be computed by ``fn`` of ``args``.

    Attributes:
        home: the namespace that it was made in, which keeps its `Notes`.
        fn: a function by its name in `microgradrnn.program.table`.
        args: expressions, numbers, and for an index its key.
        params: such as an axis.
        shape, dtype: of the array.
        loop: the loop in whose steps it differs from step to step, or None.
        serial: which of all expressions it is, in the order in which they were made.
    """

    home: Expressions
    fn: str
    args: tuple[Any, ...]
    params: Mapping[str, Any]
    shape: Shape
    dtype: np.dtype[Any]
    loop: Loop | None
    serial: int = field(default_factory=_serials.__next__)

    @property
    def name(self) -> str:
        """See `Notes`."""
        return self.home.notes.get(self, _NONE).name

    @property
    def hint(self) -> str:
        """See `Notes`."""
        return self.home.notes.get(self, _NONE).hint

    @property
    def why(self) -> str:
        """See `Notes`."""
        return self.home.notes.get(self, _NONE).why

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> Any:
        """The number of entries."""
        return product(self.shape)

    @property
    def T(self) -> Any:
        """All axes in reverse order."""
        return self if self.ndim < 2 else self.home.transpose(self, tuple(reversed(range(self.ndim))))

    def reshape(self, *shape: Any) -> Any:
        """The same entries in another shape."""
        return self.home.reshape(self, shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape)

    def ravel(self) -> Any:
        """The same entries in a row."""
        return self.home.reshape(self, (self.size,))

    def swapaxes(self, one: int, other: int) -> Any:
        """Two axes in each other's place."""
        axes = list(range(self.ndim))
        axes[one], axes[other] = axes[other], axes[one]
        return self.home.transpose(self, tuple(axes))

    def sum(self, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
        """The sum over an axis, several, or all."""
        return self.home.sum(self, axis, keepdims, dtype)

    def astype(self, dtype: Any) -> Any:
        """The same entries as another type."""
        if self.fn == "filled":
            return self.home.filled(self.args[0], self.shape, dtype)
        return self if self.dtype == dtype else self.home.make("astype", (self, np.dtype(dtype)))

    def __getitem__(self, key: Any) -> Any:
        return self.home.index(self, key if isinstance(key, tuple) else (key,))

    def _operate(self, operator: str, x: Any, y: Any) -> Any:
        return self.home.operate(operator, x, y)

    def __matmul__(self, other: Any) -> Any:
        return self.home.matmul(self, other)

    def __neg__(self) -> Any:
        return self.home.elementwise("negative", self)

    def __abs__(self) -> Any:
        return self.home.elementwise("abs", self)

    def __invert__(self) -> Any:
        return self.home.elementwise("invert", self)

    def __repr__(self) -> str:
        return f"<{self.name or self.fn} {self.shape}>"


class Carry:
    """What a loop hands from step to step: ``value`` reads it, ``update`` is what the step makes of it."""

    def __init__(self, loop: Loop, initial: Expression) -> None:
        self.loop, self.initial = loop, initial
        self.value = Expression(initial.home, "carry", (self,), {}, initial.shape, initial.dtype, loop)
        self.update: Expression = self.value  # until the step has made something of it
        loop.carries.append(self)


_NONE = Notes()


class Opaque:
    """A value with a key to compare it by."""

    def __init__(self, key: Any, value: NDArray[Any]) -> None:
        self.key, self.value = key, value


def identity(x: Any) -> Any:
    """What an argument is known by: equal for arguments that are the same."""
    if isinstance(x, Expression):
        return x.serial
    if isinstance(x, Opaque):
        return x.key
    if isinstance(x, tuple):
        return tuple(map(identity, x))
    if isinstance(x, Size):
        return ("size", x.times, *((id(dimension), more) for dimension, more in x.factors))
    if isinstance(x, Loop):
        return id(x)
    if isinstance(x, slice):
        return ("slice", *map(str, (x.start, x.stop, x.step)))
    return (type(x).__name__, str(x))


def inputs_of(args: Iterable[Any]) -> Iterable[Expression]:
    """The expressions among an expression's args, also inside a key."""
    for x in args:
        if isinstance(x, Expression):
            yield x
        elif isinstance(x, tuple):
            yield from inputs_of(x)


def reached(roots: Iterable[Expression], reads: Callable[[Expression], Iterable[Expression]]) -> set[Expression]:
    """The roots, and all that they read, directly or through others."""
    todo = list(roots)
    found = set(todo)
    while todo:
        for x in reads(todo.pop()):
            if x not in found:
                found.add(x)
                todo.append(x)
    return found


def read_by(x: Expression) -> list[Expression]:
    """What has to be computed before x. A carry's value is handed to it."""
    return [] if x.fn == "carry" else list(inputs_of(x.args))


def is_identity(x: Any) -> bool:
    """Whether x is a constant, the identity matrix."""
    if not isinstance(x, Expression) or x.fn != "constant" or x.ndim != 2 or x.shape[0] != x.shape[1]:
        return False
    return np.array_equal(x.args[0].value, np.eye(int(x.shape[0])))


def is_composed(x: Any, xs: Iterable[Any]) -> bool:
    """Whether more than one function, casts apart, lies between x and xs, so that it deserves a name."""
    if not isinstance(x, Expression):
        return False
    read = [y.args[0] if y.fn == "astype" else y for y in inputs_of(x.args)]
    return any(y.fn not in ("argument", "constant") and not any(y is given for given in xs) for y in read)
