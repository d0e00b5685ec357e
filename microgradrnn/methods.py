"""What a `Tensor` can do, as NumPy and PyTorch spell it: reductions, indexing, softmax.

`Shaping` has the shapes, and `Casting` the types.

``dim=`` gives PyTorch's result and ``axis=`` NumPy's, where the two differ (`max`, `min`, `var`, `std`); elsewhere
either word will do. See `microgradrnn.wording`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from microgradrnn import ops
from microgradrnn.casting import Casting
from microgradrnn.context import numbers_of
from microgradrnn.convert import as_index, as_like
from microgradrnn.indexing import grid, plain_key, scattered, split_key
from microgradrnn.operators import Operators
from microgradrnn.ops import Op
from microgradrnn.shaping import Shaping
from microgradrnn.wording import UNSET, Told, along, one_axis


class Extreme(NamedTuple):
    """What ``max(dim=...)`` and ``min(dim=...)`` give: the entries, and where they stand along the axis."""

    values: Any
    indices: Any


class Methods(Shaping, Casting):
    """Methods of arrays; `microgradrnn.engine.Tensor` inherits them and supplies what is declared here."""

    __slots__ = ()

    _record: Callable[..., Any]
    _constant: Callable[..., Any]
    _data: Any
    _hand_out: Callable[[], Any]
    _check_in_place: Callable[[str], None]
    _name: Callable[[], str]

    def sum(self, *args: Any, axis: Any = UNSET, keepdims: Any = UNSET, dim: Any = UNSET, keepdim: Any = UNSET) -> Any:
        """The sum over an axis, several, or all.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> x.sum(0).data, x.sum(dim=0, keepdim=True).data
        (array([4., 6.]), array([[4., 6.]]))
        """
        return self._reduced(ops.SUM, along("sum", args, axis, keepdims, dim, keepdim))

    def mean(self, *args: Any, axis: Any = UNSET, keepdims: Any = UNSET, dim: Any = UNSET, keepdim: Any = UNSET) -> Any:
        """The mean over an axis, several, or all.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([[1.0, 2.0], [3.0, 6.0]])
        >>> y = x.mean()
        >>> y.backward()
        >>> y.item(), x.grad, x.mean(axis=0).data
        (3.0, array([[0.25, 0.25],
               [0.25, 0.25]]), array([2., 4.]))
        """
        return self._reduced(ops.MEAN, along("mean", args, axis, keepdims, dim, keepdim))

    def prod(self, *args: Any, axis: Any = UNSET, keepdims: Any = UNSET, dim: Any = UNSET, keepdim: Any = UNSET) -> Any:
        """The product over an axis, several, or all.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([2.0, 3.0, 4.0])
        >>> y = x.prod()
        >>> y.backward()
        >>> y.item(), x.grad  # each entry gets the product of the others
        (24.0, array([12.,  8.,  6.]))
        """
        return self._reduced(ops.PROD, along("prod", args, axis, keepdims, dim, keepdim))

    def max(self, *args: Any, axis: Any = UNSET, keepdims: Any = UNSET, dim: Any = UNSET, keepdim: Any = UNSET) -> Any:
        """The largest entry. Ties share the gradient evenly; with ``dim=`` the first of them gets it.

        ``max()`` is over all, ``max(axis=1)`` NumPy's, ``max(dim=1)`` PyTorch's pair of values and indices; ``max(1)``
        raises, since it would be either; ``max(y)`` is the larger of each two entries.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([[1.0, 5.0], [4.0, 2.0]])
        >>> x.max(axis=1).data, x.max(dim=1).indices.data
        (array([5., 4.]), array([1, 0]))
        """
        if args and isinstance(args[0], (Operators, np.ndarray)):
            return self._record(ops.MAXIMUM, self, *args)
        return self._extreme("max", ops.MAX, ops.FIRST_MAX, np.argmax, args, axis, keepdims, dim, keepdim)

    def min(self, *args: Any, axis: Any = UNSET, keepdims: Any = UNSET, dim: Any = UNSET, keepdim: Any = UNSET) -> Any:
        """The smallest entry; as `max`.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([3.0, 1.0, 1.0])
        >>> y = x.min()
        >>> y.backward()
        >>> y.item(), x.grad, x.min(dim=0).indices.item()
        (1.0, array([0. , 0.5, 0.5]), 1)
        """
        if args and isinstance(args[0], (Operators, np.ndarray)):
            return self._record(ops.MINIMUM, self, *args)
        return self._extreme("min", ops.MIN, ops.FIRST_MIN, np.argmin, args, axis, keepdims, dim, keepdim)

    def argmax(
        self, *args: Any, axis: Any = UNSET, keepdims: Any = UNSET, dim: Any = UNSET, keepdim: Any = UNSET
    ) -> Any:
        """Where the largest entry stands, of ties the first: integer constants. Without an axis, of all in a row.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([[1.0, 5.0], [7.0, 2.0]])
        >>> x.argmax(axis=1).data, x.argmax().item()
        (array([1, 0]), 2)
        """
        return self._places(np.argmax, along("argmax", args, axis, keepdims, dim, keepdim))

    def argmin(
        self, *args: Any, axis: Any = UNSET, keepdims: Any = UNSET, dim: Any = UNSET, keepdim: Any = UNSET
    ) -> Any:
        """Where the smallest entry stands; as `argmax`.

        >>> from microgradrnn import Tensor
        >>> Tensor([[1.0, 5.0], [7.0, 2.0]]).argmin(dim=1).data
        array([0, 1])
        """
        return self._places(np.argmin, along("argmin", args, axis, keepdims, dim, keepdim))

    def any(self, *args: Any, axis: Any = UNSET, keepdims: Any = UNSET, dim: Any = UNSET, keepdim: Any = UNSET) -> Any:
        """Whether one entry is true, or not 0: a boolean constant.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([[1.0, -1.0], [2.0, 3.0]])
        >>> (x < 0).any(axis=1).data
        array([ True, False])
        """
        return self._truth(np.any, along("any", args, axis, keepdims, dim, keepdim))

    def all(self, *args: Any, axis: Any = UNSET, keepdims: Any = UNSET, dim: Any = UNSET, keepdim: Any = UNSET) -> Any:
        """Whether all entries are true, or not 0: a boolean constant.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([[1.0, -1.0], [2.0, 3.0]])
        >>> (x > 0).all(axis=1).data
        array([False,  True])
        """
        return self._truth(np.all, along("all", args, axis, keepdims, dim, keepdim))

    def var(
        self,
        *args: Any,
        axis: Any = UNSET,
        keepdims: Any = UNSET,
        dim: Any = UNSET,
        keepdim: Any = UNSET,
        ddof: Any = UNSET,
        correction: Any = UNSET,
        unbiased: Any = UNSET,
    ) -> Any:
        """The mean squared distance from the mean, over an axis, several, or all.

        ``var(axis=0)`` divides by n, as NumPy; ``var(dim=0)`` by n - 1, as PyTorch. ``ddof=``, ``correction=`` (what is
        taken off n) or ``unbiased=`` (whether 1 is) settle it too. ``var()`` and ``var(0)`` alone raise.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([1.0, 2.0, 3.0])
        >>> x.var(dim=0).item(), round(x.var(axis=0).item(), 4), x.var(correction=1).item()
        (1.0, 0.6667, 1.0)
        """
        told, off = self._correction("var", args, axis, keepdims, dim, keepdim, ddof, correction, unbiased)
        return (self._deviations(told) ** 2).sum(axis=told.axis, keepdims=told.keepdims) / self._divisor(told, off)

    def std(
        self,
        *args: Any,
        axis: Any = UNSET,
        keepdims: Any = UNSET,
        dim: Any = UNSET,
        keepdim: Any = UNSET,
        ddof: Any = UNSET,
        correction: Any = UNSET,
        unbiased: Any = UNSET,
    ) -> Any:
        """The square root of the variance; see `var`. Where all entries are equal, its gradient is 0, as PyTorch's.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([1.0, 2.0, 3.0])
        >>> x.std(dim=0).item(), round(x.std(axis=0).item(), 4)  # sqrt(2 / 2), sqrt(2 / 3)
        (1.0, 0.8165)
        """
        told, off = self._correction("std", args, axis, keepdims, dim, keepdim, ddof, correction, unbiased)
        return self._deviations(told).norm(axis=told.axis, keepdims=told.keepdims) / math.sqrt(self._divisor(told, off))

    def norm(
        self,
        p: Any = 2,
        *args: Any,
        axis: Any = UNSET,
        keepdims: Any = UNSET,
        dim: Any = UNSET,
        keepdim: Any = UNSET,
    ) -> Any:
        """(sum of abs(x)^p)^(1/p): the length for p = 2, whose gradient at 0 is 0; the largest for p = infinity.

        >>> from microgradrnn import Tensor
        >>> Tensor([3.0, 4.0]).norm().item(), Tensor([3.0, -4.0]).norm(1).item()
        (5.0, 7.0)
        """
        told = along("norm", args, axis, keepdims, dim, keepdim)
        x: Any = self
        if p in (2, "fro", None):
            return self._reduced(ops.NORM, told)
        if isinstance(p, str):
            raise ValueError(f"norm: p is a number, or 'fro', not {p!r}")
        if p in (math.inf, -math.inf):
            return x.abs()._reduced(ops.MAX if p > 0 else ops.MIN, told)
        if p == 1:
            return x.abs()._reduced(ops.SUM, told)
        return (x.abs() ** p)._reduced(ops.SUM, told) ** (1.0 / p)

    def cumsum(self, *args: Any, axis: Any = UNSET, dim: Any = UNSET) -> Any:
        """The sums of the first entries along an axis: of one, two, and so on; without an axis, of all in a row.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([1.0, 2.0, 3.0])
        >>> y = x.cumsum(0)
        >>> y.sum().backward()
        >>> y.data, x.grad  # the first entry is in all three sums
        (array([1., 3., 6.]), array([3., 2., 1.]))
        """
        along_axis = one_axis("cumsum", args, axis, dim)
        if along_axis is UNSET or along_axis is None:
            return self._record(ops.CUMSUM, self.flatten(), axis=0)
        return self._record(ops.CUMSUM, self, axis=along_axis)

    def softmax(self, *args: Any, axis: Any = UNSET, dim: Any = UNSET) -> Any:
        """e^(x_i) / sum_j e^(x_j) along an axis, the last one unless told.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([[0.0, 0.0], [1000.0, 0.0]])
        >>> x.softmax(axis=1).data
        array([[0.5, 0.5],
               [1. , 0. ]])
        """
        return self._record(ops.SOFTMAX, self, axis=_or_last(one_axis("softmax", args, axis, dim)))

    def log_softmax(self, *args: Any, axis: Any = UNSET, dim: Any = UNSET) -> Any:
        """x_i - log sum_j e^(x_j) along an axis, the last one unless told.

        >>> from microgradrnn import Tensor
        >>> Tensor([1000.0, 0.0]).log_softmax().data
        array([    0., -1000.])
        """
        return self._record(ops.LOG_SOFTMAX, self, axis=_or_last(one_axis("log_softmax", args, axis, dim)))

    def logsumexp(
        self, *args: Any, axis: Any = UNSET, keepdims: Any = UNSET, dim: Any = UNSET, keepdim: Any = UNSET
    ) -> Any:
        """log sum_i e^(x_i) along an axis, the last one unless told.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([[0.0, 0.0], [1000.0, 0.0]])
        >>> x.logsumexp(axis=1).data.round(4)  # log 2, and no overflow
        array([6.931e-01, 1.000e+03])
        """
        told = along("logsumexp", args, axis, keepdims, dim, keepdim)
        return self._record(ops.LOGSUMEXP, self, axis=-1 if told.axis is None else told.axis, keepdims=told.keepdims)

    def dot(self, other: Any) -> Any:
        """The product of vectors, matrices, and a stack with either; the same as ``@`` but for numbers.

        Raises:
            ValueError: ``other`` has more than two axes: NumPy's dot and ``@`` differ there.

        >>> from microgradrnn import Tensor
        >>> Tensor([1.0, 2.0]).dot([3.0, 4.0]).item()  # 1 * 3 + 2 * 4
        11.0
        """
        axes = np.ndim(other._data if isinstance(other, Operators) else other)
        if axes > 2:
            raise ValueError(
                f"dot got {axes} axes on the right; it needs at most 2: for stacks of matrices write x @ y"
            )
        return self._record(ops.MUL if axes == 0 or self.ndim == 0 else ops.MATMUL, self, other)

    def outer(self, other: Any) -> Any:
        """Each entry of x times each of other, of shape (entries of x, entries of other).

        >>> from microgradrnn import Tensor
        >>> Tensor([1.0, 2.0]).outer([3.0, 4.0]).data
        array([[3., 4.],
               [6., 8.]])
        """
        columns = other if isinstance(other, Shaping) else self._constant(other)
        return self._record(ops.MUL, self.reshape(-1, 1), columns.reshape(1, -1))

    def masked_fill(self, mask: Any, value: Any) -> Any:
        """x with ``value`` where the mask holds.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([1.0, -2.0])
        >>> y = x.masked_fill(x < 0, 0.0)
        >>> y.sum().backward()
        >>> y.data, x.grad
        (array([1., 0.]), array([1., 0.]))
        """
        return self._record(ops.WHERE, mask, value, self)

    def tril(self, diagonal: int = 0) -> Any:
        """x with zeros above a diagonal of each matrix. Raises ValueError for fewer than two axes.

        >>> from microgradrnn import Tensor
        >>> Tensor([[1.0, 2.0], [3.0, 4.0]]).tril().data
        array([[1., 0.],
               [3., 4.]])
        """
        return self._record(ops.WHERE, self._below("tril", diagonal), self, 0.0)

    def triu(self, diagonal: int = 0) -> Any:
        """x with zeros below a diagonal of each matrix. Raises ValueError for fewer than two axes.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> x.triu().data.tolist(), x.triu(1).data.tolist()
        ([[1.0, 2.0], [0.0, 4.0]], [[0.0, 2.0], [0.0, 0.0]])
        """
        return self._record(ops.WHERE, ~self._below("triu", diagonal - 1), self, 0.0)

    def gather(self, dim: int, index: Any) -> Any:
        """The entries along ``dim`` that an array of as many axes names, each in its own place along the others.

        >>> from microgradrnn import Tensor
        >>> Tensor([[1.0, 2.0], [3.0, 4.0]]).gather(1, [[1], [0]]).data
        array([[2.],
               [3.]])
        """
        return self[grid(self, "gather", dim, index)]

    def take_along_axis(self, indices: Any, axis: Any = -1) -> Any:
        """NumPy's gather: the other axes of the indices broadcast against x's; ``axis=None`` takes of all in a row.

        >>> from microgradrnn import Tensor
        >>> Tensor([[1.0, 2.0], [3.0, 4.0]]).take_along_axis([[1], [0]], axis=1).data
        array([[2.],
               [3.]])
        """
        if axis is None:
            return self.flatten().take_along_axis(indices, 0)
        found = as_index(numbers_of(indices) if isinstance(indices, Operators) else indices)
        shape = list(self.shape)
        if found.ndim == len(shape):
            shape[axis] = found.shape[axis]
            found = np.broadcast_to(found, shape)
        return self[grid(self, "take_along_axis", axis, found)]

    def scatter(self, dim: int, index: Any, src: Any) -> Any:
        """x with the entries of ``src`` put where the index names along ``dim``; of two in one place the last stays.

        Raises:
            ValueError: the index has other axes than x, or is larger than ``src``.

        >>> from microgradrnn import Tensor
        >>> x, y = Tensor([1.0, 2.0, 3.0]), Tensor([10.0, 20.0])
        >>> x.scatter(0, [2, 0], y).data
        array([20.,  2., 10.])
        """
        places, source = scattered(self, "scatter", dim, index, src)
        position = np.full(self.shape, -1)
        position[places] = np.arange(source.size).reshape(source.shape)
        flat = source.reshape(-1)[np.maximum(position, 0)]
        return self._record(ops.WHERE, position >= 0, flat, self)

    def scatter_add(self, dim: int, index: Any, src: Any) -> Any:
        """x with the entries of ``src`` added where the index names along ``dim``; raises as `scatter`.

        >>> from microgradrnn import Tensor
        >>> x, y = Tensor([1.0, 2.0, 3.0]), Tensor([10.0, 20.0])
        >>> x.scatter_add(0, [2, 2], y).data
        array([ 1.,  2., 33.])
        """
        places, source = scattered(self, "scatter_add", dim, index, src)
        cells = np.arange(self.size).reshape(self.shape)[places].reshape(-1)
        return self + (source.reshape(-1) @ (cells[:, None] == np.arange(self.size)).astype(float)).reshape(self.shape)

    def index_add(self, dim: int, index: Any, source: Any) -> Any:
        """x with each slice of ``source`` along ``dim`` added to the slice of x that the index names for it.

        >>> from microgradrnn import Tensor
        >>> Tensor([0.0, 0.0]).index_add(0, [1, 1, 0], Tensor([1.0, 2.0, 5.0])).data
        array([5., 3.])
        """
        rows = as_index(numbers_of(index) if isinstance(index, Operators) else index)
        added = source if isinstance(source, Shaping) else self._constant(source)
        if rows.ndim != 1 or rows.size != added.shape[dim]:
            raise ValueError(
                f"index_add got an index of shape {rows.shape} for a source of shape {added.shape}, dim={dim}"
            )
        shape = [1] * self.ndim
        shape[dim] = rows.size
        return self.scatter_add(dim, np.broadcast_to(rows.reshape(shape), added.shape), added)

    def __getitem__(self, key: Any) -> Any:
        """NumPy's indexing: integers, slices, None, ..., integer arrays (repeats add up) and boolean masks."""
        template, arrays = split_key(key)
        nodes = [array if isinstance(array, Operators) else self._constant(array) for array in arrays]
        return self._record(ops.INDEX, self, *nodes, key=template)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Change entries of a leaf in place: inside `no_grad`, or of a constant.

        Raises:
            TypeError: the tensor is recorded, or needs a gradient, which the change would silently spoil.
        """
        if isinstance(value, Operators) and value._requires_grad:
            raise TypeError(
                f"x[key] = value would lose the value's gradient ({self._name()} is changed in place, which is not "
                "recorded): build the tensor with functional.stack, concat or where(mask, value, x)"
            )
        self._check_in_place("x[key] = value")
        plain = numbers_of(value) if isinstance(value, Operators) else value
        self._hand_out()[plain_key(key)] = as_like(plain, self._data, self._name())

    # ---- What the methods above share -------------------------------------------------------------------------------

    def _reduced(self, op: Op, told: Told) -> Any:
        return self._record(op, self, axis=told.axis, keepdims=told.keepdims)

    def _extreme(self, name: str, op: Op, first: Op, places: Any, args: tuple[Any, ...], *words: Any) -> Any:
        told = along(name, args, *words)
        if args and not (told.torch or told.numpy):
            raise TypeError(
                f"{name}({args[0]}) is the values alone in NumPy, and values and indices in PyTorch: write "
                f"{name}(axis={args[0]}) or {name}(dim={args[0]})"
            )
        if not told.torch or told.axis is None:
            return self._reduced(op, told)
        return Extreme(self._reduced(first, told), self._places(places, told))

    def _places(self, function: Any, told: Told) -> Any:
        return self._constant(np.asarray(function(numbers_of(self), axis=told.axis, keepdims=told.keepdims)))

    def _truth(self, function: Any, told: Told) -> Any:
        return self._constant(np.asarray(function(numbers_of(self), axis=told.axis, keepdims=told.keepdims)))

    def _correction(self, name: str, args: Any, axis: Any, keepdims: Any, dim: Any, keepdim: Any, *words: Any) -> Any:
        """The axis, and what is taken off the number of entries."""
        told = along(name, args, axis, keepdims, dim, keepdim)
        given = [value for value in words if value is not UNSET]
        if len(given) > 1 or len(args) > 1:
            raise TypeError(f"{name} takes one of ddof=, correction= and unbiased=, by name")
        if not given and not (told.torch or told.numpy):
            raise TypeError(
                f"{name}({', '.join(map(str, args))}) divides by n in NumPy, by n - 1 in PyTorch: write "
                f"{name}(axis=...) or {name}(dim=...), or say {name}(correction=0) or {name}(correction=1)"
            )
        return told, int(given[0]) if given else int(told.torch)

    def _deviations(self, told: Told) -> Any:
        return self._record(ops.SUB, self, self.mean(axis=told.axis, keepdims=True))

    def _divisor(self, told: Told, off: int) -> int:
        axes = range(self.ndim) if told.axis is None else told.axis if isinstance(told.axis, tuple) else (told.axis,)
        return math.prod(self.shape[axis] for axis in axes) - off

    def _below(self, name: str, diagonal: int) -> Any:
        """Where a matrix lies on a diagonal or below it."""
        if self.ndim < 2:
            raise ValueError(f"{name} got shape {self.shape}; it needs at least two axes")
        rows, columns = self.shape[-2:]
        return np.tri(rows, columns, diagonal, dtype=bool)


def _or_last(axis: Any) -> Any:
    return -1 if axis is UNSET or axis is None else axis
