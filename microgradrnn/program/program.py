"""A compiled program: its source, and the function that the source defines.

- `Program`: called with arrays, gives the loss and its gradients. `Result`: what it gives.
- `Argument`: what may be handed in for an input.
"""

from __future__ import annotations

import builtins
import itertools
import linecache
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from microgradrnn.backprop import store
from microgradrnn.convert import as_numbers, handed_out
from microgradrnn.engine import Node, Value
from microgradrnn.program.limits import Counted, Limit
from microgradrnn.program.sizes import WEIGHT, Dimension, Size, free_sizes

_number = itertools.count(1).__next__
Stages = Callable[[], Iterable[tuple[str, str]]]
"""What gives the stages of a program, when they are asked for."""
Sizes = dict[Dimension, tuple[int, str]]
"""What a dimension is at a call, and which input said so."""


class Result(NamedTuple):
    """What a program gives.

    Attributes:
        value: the loss.
        grads: the gradient of each leaf that wants one, by its name in the source.
        outputs: the values of the nodes that were asked for.

    >>> from microgradrnn import Parameter, Tensor, compile
    >>> x, W = Tensor([[1.0, 2.0]], "x"), Parameter([[3.0], [4.0]], "W")
    >>> y = x @ W
    >>> found = compile((y * y).sum(), inputs=[x], outputs=[y]).run([[1.0, 2.0]])
    >>> float(found.value), found.grads["W"].tolist(), found.outputs[0].tolist()  # y², 2 y x and y, with y = 11
    (121.0, [[22.0], [44.0]], [[11.0]])
    """

    value: Any
    grads: dict[str, Any]
    outputs: tuple[Any, ...]


class Input(Protocol):
    """An argument of a program's function: checks what is handed in for it."""

    name: str

    def checked(self, given: Any, sizes: Sizes) -> Any:
        """What was given, if it fits what was recorded and the sizes that the others had."""


class Program:
    """A forward and a backward pass as source, and as a function; see `microgradrnn.compile`.

    Attributes:
        source: the file; it runs alone with NumPy, or, of a scalar graph, with Python.
        parameters: the leaves that it reads as they stand at each call, by their names in the source.
        notes: what about the source may surprise: the sizes that it was recorded at, or which are fixed, which
            constants may depend on the inputs, what was not rolled, and why.

    >>> from microgradrnn import Parameter, Tensor, compile
    >>> x, W = Tensor([[1.0, 2.0]], "x"), Parameter([[3.0], [4.0]], "W")
    >>> program = compile((x @ W).sum(), inputs=[x])
    >>> program.inputs, list(program.parameters)
    (['x'], ['W'])
    >>> value, grads = program([[10.0, 100.0]])
    >>> float(value), grads["W"].tolist()  # 3 * 10 + 4 * 100
    (430.0, [[10.0], [100.0]])
    """

    def __init__(
        self,
        source: str,
        arguments: Sequence[Input],
        parameters: Mapping[str, Node],
        constants: Mapping[str, Any],
        notes: Sequence[str],
        stages: Stages,
    ) -> None:
        self.source, self.parameters, self.notes = source, dict(parameters), list(notes)
        self._arguments, self._constants, self._stages = arguments, list(constants.values()), stages
        self._function = _function(source)
        self._limited = [(k, x) for k, x in enumerate(arguments) if isinstance(x, Argument) and x.limits]
        self._fits: Any = None  # the shapes and types that were found right at the last call
        self._lock = threading.Lock()  # its buffers are its own, and not two callers'

    def __call__(self, *arrays: Any) -> tuple[Any, dict[str, Any]]:
        """(value, grads) for other inputs; see `run`."""
        value, grads, _ = self.run(*arrays)
        return value, grads

    def run(self, *arrays: Any) -> Result:
        """Both passes. No array that is handed in is written to, and what comes out is the caller's.

        Args:
            arrays: one for each of the inputs that the program was compiled with, in their order.

        Raises:
            TypeError: there are more or fewer of them, or floats where integers were recorded.
            ValueError: a shape is another than what was recorded where it must not be, or two do not fit together.

        >>> from microgradrnn import Parameter, Tensor, compile
        >>> x, W = Tensor([[1.0, 2.0]], "x"), Parameter([[3.0], [4.0]], "W")
        >>> program = compile((x @ W).sum(), inputs=[x])
        >>> float(program.run([[10.0, 100.0]]).value)
        430.0
        >>> program.run([[10.0, 100.0, 1000.0]])
        Traceback (most recent call last):
        ValueError: program: x has shape (1, 2), got (1, 3): axis 1 must be 2, since a weight has that size
        """
        if None in (kinds := _kinds(arrays)) or kinds != self._fits:
            arrays = self.check(arrays)
            self._fits = _kinds(arrays)
        for k, argument in self._limited:
            argument.check(arrays[k])
        return self.unchecked(arrays)

    @cached_property
    def stages(self) -> tuple[tuple[str, str], ...]:
        """How the source came about, as pairs of a name and a text, to watch a backward pass derived and improved.

        Of a graph with Tensors: "forward", the loss alone; "backward", both passes as they are derived, each loop with
        its own step; then each of `microgradrnn.program.REWRITES` that was asked for, after those before it. Of a graph
        of Values: "forward"; "backward", with a line for each operation and each contribution; "inline", with short
        lines written where they are read. The last text is the source.

        >>> from microgradrnn import Tensor, compile
        >>> x, W = Tensor([[1.0, 2.0]], label="x", requires_grad=False), Tensor([[3.0], [4.0]], label="W")
        >>> program = compile((x @ W).sum(), inputs=[x])
        >>> [name for name, _ in program.stages][:3]
        ['forward', 'backward', 'together']
        >>> dict(program.stages)["backward"].splitlines()[-2:]
        ['    dW = x.T @ np.ones((M, 1))  # x @ W: matmul swaps', '    return loss, {"W": dW}, ()']
        """
        return tuple(self._stages())

    @property
    def inputs(self) -> list[str]:
        """The names of its inputs in the source, in order."""
        return [argument.name for argument in self._arguments]

    def unchecked(self, arrays: Sequence[Any], weights: Sequence[Any] | None = None) -> Result:
        """Both passes for arrays that are known to fit, and parameters as they stand unless given.

        >>> from microgradrnn import Parameter, Tensor, compile
        >>> x, W = Tensor([[1.0, 2.0]], "x"), Parameter([[3.0], [4.0]], "W")
        >>> program = compile((x @ W).sum(), inputs=[x])
        >>> import numpy as np
        >>> float(program.unchecked([np.array([[10.0, 100.0]])], weights=[np.array([[1.0], [2.0]])]).value)
        210.0
        """
        if weights is None:
            weights = [x._data for x in self.parameters.values()]
        value, grads, outputs = self._computed(arrays, weights)
        out = self._handed_out
        return Result(out(value), {name: out(grad) for name, grad in grads.items()}, tuple(map(out, outputs)))

    def _computed(self, arrays: Sequence[Any], weights: Sequence[Any]) -> Any:
        """What the function gives, which may be its own."""
        with self._lock:
            return self._function(*arrays, *weights, *self._constants)

    _handed_out = staticmethod(handed_out)

    def check(self, arrays: Sequence[Any]) -> tuple[Any, ...]:
        """The arrays, in the types that were recorded; raises as `run` does where they do not fit.

        >>> from microgradrnn import Parameter, Tensor, compile
        >>> x, W = Tensor([[1.0, 2.0]], "x"), Parameter([[3.0], [4.0]], "W")
        >>> program = compile((x @ W).sum(), inputs=[x])
        >>> program.check([[[10, 100]]])  # a list of integers, as the array of floats that it was recorded with
        (array([[ 10., 100.]]),)
        """
        if len(arrays) != len(self._arguments):
            raise TypeError(f"program: it takes {len(self._arguments)} arrays, got {len(arrays)}")
        sizes: Sizes = {}
        return tuple(argument.checked(array, sizes) for argument, array in zip(self._arguments, arrays, strict=True))

    def backward(self, *arrays: Any) -> Result:
        """Both passes, and the gradients added to those of the parameters, as `Node.backward` does.

        >>> from microgradrnn import Parameter, Tensor, compile
        >>> x, W = Tensor([[1.0, 2.0]], "x"), Parameter([[3.0], [4.0]], "W")
        >>> program = compile((x @ W).sum(), inputs=[x])
        >>> for _ in range(2):
        ...     _ = program.backward([[10.0, 100.0]])
        >>> W.grad.tolist()
        [[20.0], [200.0]]
        """
        result = self.run(*arrays)
        self.add(result)
        return result

    def add(self, result: Result) -> None:
        """Add the gradients of a run to those of the parameters.

        >>> from microgradrnn import Parameter, Tensor, compile
        >>> x, W = Tensor([[1.0, 2.0]], "x"), Parameter([[3.0], [4.0]], "W")
        >>> program = compile((x @ W).sum(), inputs=[x])
        >>> program.add(program.run([[10.0, 100.0]]))
        >>> W.grad.tolist()
        [[10.0], [100.0]]
        """
        found = {leaf: result.grads[name] for name, leaf in self.parameters.items() if name in result.grads}
        store({leaf: float(x) if isinstance(leaf, Value) else np.asarray(x, leaf.dtype) for leaf, x in found.items()})

    def __repr__(self) -> str:
        takes = ", ".join(argument.name for argument in self._arguments)
        return f"Program({takes}): {len(self.source.splitlines())} lines"


def _kinds(arrays: Sequence[Any]) -> list[Any]:
    """The shapes and types of arrays; None of what is none yet."""
    return [(x.shape, x.dtype) if type(x) is np.ndarray else None for x in arrays]


class Argument:
    """An input of a program: what may be handed in for it."""

    def __init__(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        limits: Sequence[Limit | Counted],
        least: Mapping[Dimension, int] | None,
    ) -> None:
        self.name, self.shape, self.dtype = name, shape, dtype
        self.limits = limits  # what its numbers may be, where it holds indices or classes
        self.least = least  # where sizes are free, what a dimension is at least, or a loop would have no step

    def checked(self, given: Any, sizes: Sizes) -> Any:
        """The array, if it fits what was recorded and the sizes that the others had."""
        try:
            array = as_numbers(given.data if isinstance(given, Node) else given)
        except (TypeError, ValueError) as error:
            raise type(error)(f"program: {self.name} is an array of shape {self._text()} ({error})") from error
        if array.dtype != self.dtype:
            if array.dtype.kind not in ("fiub" if self.dtype.kind == "f" else "iub"):
                raise TypeError(f"program: {self.name} holds {self.dtype}, as when it was recorded, not {array.dtype}")
            given, array = array, array.astype(self.dtype)
            if self.dtype.kind != "f" and not np.array_equal(given, array):
                raise ValueError(f"program: {self.name} holds {self.dtype}, got numbers with a fraction or too large")
        if array.ndim != len(self.shape):
            raise ValueError(f"program: {self.name} has shape {self._text()}, got {array.shape}")
        for axis, (size, came) in enumerate(zip(free_sizes(self.shape), array.shape, strict=True)):
            wanted, why = self._wanted(size, came, axis, sizes)
            if came != wanted:
                raise ValueError(
                    f"program: {self.name} has shape {self._text()}, got {array.shape}: "
                    f"axis {axis} must be {wanted}, {why}"
                )
        return array

    def check(self, given: NDArray[Any]) -> None:
        """Indices and classes are in range. Raises Refused."""
        for limit in self.limits:
            limit.check(self.name, given)

    def _wanted(self, size: Size, came: int, axis: int, sizes: Sizes) -> tuple[int, str]:
        """What an axis must be, and why; the first input that has a size says what it is."""
        root, offset = size.root
        if root.reason == WEIGHT or (root.reason and self.least is not None):
            return int(size), f"since {root.reason}"
        if self.least is None:
            return int(size), _RECORDED
        base, where = sizes.setdefault(root, (came - offset, f"since {self.name} has {came} on axis {axis}"))
        if base < self.least.get(root, 0):
            raise ValueError(
                f"program: {self.name} has {came} on axis {axis}, and with fewer than {self.least[root] + offset} "
                "a loop would have no step"
            )
        return base + offset, where

    def _text(self) -> str:
        sizes = map(str, self.shape if self.least is not None else map(int, self.shape))
        return f"({', '.join(sizes)}{',' if len(self.shape) == 1 else ''})"


_RECORDED = (
    "the size that was fixed when recorded: microgradrnn.compiled(fn) records at every size, and "
    'compile(..., sizes="free") lets sizes change, unproven'
)


def _function(source: str) -> Callable[..., Any]:
    """The function that a source defines. Only identifiers and numbers of a graph have reached it."""
    filename = f"<microgradrnn program {_number()}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    space: dict[str, Any] = {}
    exec(builtins.compile(source, filename, "exec"), space)
    return space["forward_backward"]  # type: ignore[no-any-return]
