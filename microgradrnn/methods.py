"""What a `Tensor` can do, as NumPy and PyTorch spell it: reductions, shapes, indexing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradrnn import ops
from microgradrnn.convert import as_axis, as_index, as_shape
from microgradrnn.operators import Operators


class Methods:
    """Methods of arrays; `microgradrnn.engine.Tensor` inherits them and supplies what is declared here."""

    __slots__ = ()

    _record: Callable[..., Any]
    _constant: Callable[..., Any]

    if TYPE_CHECKING:

        @property
        def ndim(self) -> int: ...  # noqa: D102 - declared only
        @property
        def shape(self) -> tuple[int, ...]: ...  # noqa: D102
        def _name(self) -> str: ...

    @property
    def T(self) -> Any:
        """All axes in reverse order."""
        return self.transpose()

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The sum over an axis, several, or all."""
        return self._record(ops.SUM, self, axis=as_axis(axis), keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The mean over an axis, several, or all."""
        return self._record(ops.MEAN, self, axis=as_axis(axis), keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The largest entry over an axis, several, or all; ties share the gradient evenly."""
        return self._record(ops.MAX, self, axis=as_axis(axis), keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The smallest entry over an axis, several, or all; ties share the gradient evenly."""
        return self._record(ops.MIN, self, axis=as_axis(axis), keepdims=keepdims)

    def reshape(self, *shape: Any) -> Any:
        """The same entries in another shape: ``reshape(2, 3)`` or ``reshape((2, 3))``; one size may be -1."""
        return self._record(ops.RESHAPE, self, shape=as_shape(shape))

    def transpose(self, *axes: Any) -> Any:
        """The axes in the given order, or all reversed."""
        return self._record(ops.TRANSPOSE, self, axes=as_shape(axes) or tuple(reversed(range(self.ndim))))

    def __getitem__(self, key: Any) -> Any:
        """NumPy's indexing: integers, slices, None, ..., integer arrays (repeats add up) and boolean masks."""
        parts = key if isinstance(key, tuple) else (key,)
        is_array = [isinstance(part, (Operators, np.ndarray, list, tuple)) for part in parts]
        arrays = [
            part if isinstance(part, Operators) else self._constant(as_index(part))
            for part, yes in zip(parts, is_array, strict=True)
            if yes
        ]
        template = tuple(ops.ARRAY if yes else part for part, yes in zip(parts, is_array, strict=True))
        return self._record(ops.INDEX, self, *arrays, key=template)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError(f"{self._name()} has shape (): it has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))
