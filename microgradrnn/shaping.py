"""Shapes, as NumPy and PyTorch spell them: each is a reshape, a transpose or an index of the op table."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradrnn import ops
from microgradrnn.convert import as_index, as_shape
from microgradrnn.counting import counted
from microgradrnn.wording import UNSET, one_axis


class Shaping:
    """Methods that move entries and compute nothing; `microgradrnn.methods.Methods` inherits them."""

    __slots__ = ()

    _record: Callable[..., Any]
    _constant: Callable[..., Any]
    _name: Callable[[], str]

    if TYPE_CHECKING:

        @property
        def ndim(self) -> int: ...  # noqa: D102 - declared only
        @property
        def shape(self) -> tuple[int, ...]: ...  # noqa: D102
        @property
        def size(self) -> int: ...  # noqa: D102
        def __getitem__(self, key: Any) -> Any: ...

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError(f"{self._name()} has shape (): it has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    @property
    def T(self) -> Any:
        """All axes in reverse order.

        >>> from microgradrnn import Tensor
        >>> Tensor([[1.0, 2.0], [3.0, 4.0]]).T.data
        array([[1., 3.],
               [2., 4.]])
        """
        return self.transpose()

    @property
    def mT(self) -> Any:
        """Each matrix of a stack transposed: the last two axes in each other's place.

        >>> from microgradrnn import Tensor
        >>> x = Tensor(np.zeros((5, 2, 3)))
        >>> x.mT.shape, x.T.shape
        ((5, 3, 2), (3, 2, 5))
        """
        if self.ndim < 2:
            raise ValueError(f"mT got shape {self.shape}; it needs at least two axes")
        return self.swapaxes(-2, -1)

    def dim(self) -> int:
        """PyTorch's word for ndim.

        >>> from microgradrnn import Tensor
        >>> Tensor([[1.0, 2.0]]).dim()
        2
        """
        return self.ndim

    def numel(self) -> int:
        """PyTorch's word for size, the number of entries.

        >>> from microgradrnn import Tensor
        >>> Tensor([[1.0, 2.0], [3.0, 4.0]]).numel()
        4
        """
        return int(self.size)

    def reshape(self, *shape: Any) -> Any:
        """The same entries in another shape: ``reshape(2, 3)`` or ``reshape((2, 3))``; one size may be -1.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([1.0, 2.0, 3.0, 4.0])
        >>> x.reshape(2, -1).data
        array([[1., 2.],
               [3., 4.]])
        """
        return self._record(ops.RESHAPE, self, shape=as_shape(shape))

    def view(self, *shape: Any) -> Any:
        """PyTorch's word for `reshape`.

        >>> from microgradrnn import Tensor
        >>> Tensor([[1.0, 2.0], [3.0, 4.0]]).view(4).data
        array([1., 2., 3., 4.])
        """
        if shape and not isinstance(shape[0], (int, np.integer, tuple, list)):
            raise TypeError(f"view takes a shape, not {shape[0]!r}; for another type write astype(dtype)")
        return self.reshape(*shape)

    def ravel(self) -> Any:
        """All entries in a row.

        >>> from microgradrnn import Tensor
        >>> Tensor([[1.0, 2.0], [3.0, 4.0]]).ravel().data
        array([1., 2., 3., 4.])
        """
        return self.reshape(-1)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Any:
        """The axes from ``start_dim`` to ``end_dim``, itself included, as one.

        >>> from microgradrnn import Tensor
        >>> Tensor(np.zeros((2, 3, 4))).flatten(1).shape
        (2, 12)
        """
        if self.ndim == 0:
            return self.reshape(1)
        start, end = (self._axis("flatten", axis) for axis in (start_dim, end_dim))
        if start > end:
            raise ValueError(f"flatten got start_dim={start_dim}, end_dim={end_dim}, which comes before it")
        return self.reshape(*self.shape[:start], math.prod(self.shape[start : end + 1]), *self.shape[end + 1 :])

    def transpose(self, *axes: Any, dim0: Any = UNSET, dim1: Any = UNSET) -> Any:
        """The axes in the given order, or all reversed; or, as in PyTorch, two of them in each other's place.

        ``transpose(0, 1)`` of a matrix would be the matrix itself in NumPy, and its transpose in PyTorch: it raises.

        >>> from microgradrnn import Tensor
        >>> x = Tensor(np.zeros((2, 3, 4)))
        >>> x.transpose(2, 0, 1).shape, x.transpose(0, 1).shape, x.transpose().shape
        ((4, 2, 3), (3, 2, 4), (4, 3, 2))
        """
        if dim0 is not UNSET or dim1 is not UNSET:
            if axes or dim0 is UNSET or dim1 is UNSET:
                raise TypeError("transpose takes dim0= and dim1=, or the axes in their new order")
            return self.swapaxes(dim0, dim1)
        order = as_shape(axes)
        if axes is order and len(order) == 2:
            if self.ndim > 2:
                return self.swapaxes(*order)
            if self.ndim == 2 and [axis % 2 for axis in order] == [0, 1]:
                raise TypeError(
                    f"transpose{order} of a matrix is the matrix itself in NumPy, its transpose in PyTorch: write T or "
                    f"swapaxes{order} for the transpose, permute{order} for NumPy's"
                )
        return self._record(ops.TRANSPOSE, self, axes=order or tuple(reversed(range(self.ndim))))

    def permute(self, *dims: Any) -> Any:
        """The axes in the given order.

        >>> from microgradrnn import Tensor
        >>> Tensor(np.zeros((2, 3, 4))).permute(2, 0, 1).shape
        (4, 2, 3)
        """
        order = as_shape(dims)
        return self._record(ops.TRANSPOSE, self, axes=tuple(order))

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        """Two axes in each other's place.

        >>> from microgradrnn import Tensor
        >>> Tensor(np.zeros((2, 3, 4))).swapaxes(0, -1).shape
        (4, 3, 2)
        """
        axes = list(range(self.ndim))
        one, other = self._axis("swapaxes", axis1), self._axis("swapaxes", axis2)
        axes[one], axes[other] = other, one
        return self._record(ops.TRANSPOSE, self, axes=tuple(axes))

    def squeeze(self, *args: Any, axis: Any = UNSET, dim: Any = UNSET) -> Any:
        """Axes of size 1 taken away: all of them, or those named.

        A named axis of another size is an error with ``axis=``, as in NumPy, and stays with ``dim=``, as in PyTorch.

        >>> from microgradrnn import Tensor
        >>> x = Tensor(np.zeros((1, 3, 1)))
        >>> x.squeeze().shape, x.squeeze(axis=0).shape, x.squeeze(dim=1).shape
        ((3,), (3, 1), (1, 3, 1))
        """
        along = one_axis("squeeze", args, axis, dim)
        if along is UNSET or along is None:
            return self.reshape(tuple(size for size in self.shape if size != 1))
        named = {self._axis("squeeze", a) for a in (along if isinstance(along, (tuple, list)) else (along,))}
        longer = [a for a in named if self.shape[a] != 1]
        if longer and dim is UNSET:
            raise ValueError(
                f"squeeze got shape {self.shape}, axis={along}; it needs axes of size 1, or dim={along}, which leaves "
                "others as they are"
            )
        return self.reshape(tuple(size for a, size in enumerate(self.shape) if a not in named or size != 1))

    def unsqueeze(self, dim: int) -> Any:
        """A new axis of size 1, which is ``dim`` then.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([1.0, 2.0, 3.0])
        >>> x.unsqueeze(0).shape, x.unsqueeze(-1).shape
        ((1, 3), (3, 1))
        """
        place = operator.index(dim)
        if not -self.ndim - 1 <= place <= self.ndim:
            raise IndexError(
                f"unsqueeze got shape {self.shape}, dim={dim}; it needs one from {-self.ndim - 1} to {self.ndim}"
            )
        place %= self.ndim + 1
        return self.reshape(*self.shape[:place], 1, *self.shape[place:])

    def expand(self, *sizes: Any) -> Any:
        """Axes of size 1 repeated to the given sizes; -1 leaves an axis as it is, and new axes come at the front.

        >>> from microgradrnn import Tensor
        >>> Tensor([[1.0], [2.0]]).expand(-1, 3).data
        array([[1., 1., 1.],
               [2., 2., 2.]])
        """
        wanted = list(as_shape(sizes))
        new = len(wanted) - self.ndim
        if new < 0 or -1 in wanted[:new]:
            raise ValueError(f"expand got shape {self.shape} and sizes {tuple(wanted)}; it needs a size for each axis")
        wanted[new:] = [own if size == -1 else size for size, own in zip(wanted[new:], self.shape, strict=True)]
        if any(own not in (1, size) for size, own in zip(wanted[new:], self.shape, strict=True)):
            raise ValueError(f"expand got shape {self.shape} and sizes {tuple(wanted)}; it repeats axes of size 1 only")
        return self._record(ops.EXPAND, self, shape=tuple(wanted))

    def broadcast_to(self, shape: Any) -> Any:
        """NumPy's word for `expand`.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([1.0, 2.0])
        >>> y = x.broadcast_to((3, 2))
        >>> y.sum().backward()
        >>> y.shape, x.grad  # each entry was read three times
        ((3, 2), array([3., 3.]))
        """
        return self.expand(tuple(shape) if isinstance(shape, (tuple, list)) else (shape,))

    def expand_as(self, other: Any) -> Any:
        """Axes of size 1 repeated to the shape of another.

        >>> from microgradrnn import Tensor
        >>> Tensor([1.0, 2.0]).expand_as(Tensor(np.zeros((2, 2)))).data
        array([[1., 2.],
               [1., 2.]])
        """
        return self.expand(tuple(other.shape))

    def split(self, *args: Any, axis: Any = UNSET, dim: Any = UNSET) -> tuple[Any, ...]:
        """Parts along an axis.

        As in PyTorch, whose method it is, an integer is each part's length (the last may be shorter), and a list holds
        their lengths. With ``axis=`` it is NumPy's `numpy.split`: the number of parts, all equal, or where to cut.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
        >>> [part.shape for part in x.split(2)], [part.shape for part in x.split(2, axis=0)]
        ([(2,), (2,), (2,)], [(3,), (3,)])
        """
        if not args or len(args) > 2 or (len(args) == 2 and (axis is not UNSET or dim is not UNSET)):
            raise TypeError("split takes the parts, and an axis: split(2, dim=0), or as in NumPy split(2, axis=0)")
        parts, along = args[0], one_axis("split", args[1:], axis, dim)
        at = self._axis("split", 0 if along is UNSET else along)
        length = self.shape[at]
        if axis is not UNSET:
            return self._cut(at, _numpy_cuts(parts, length))
        lengths = list(parts) if isinstance(parts, (list, tuple)) else _lengths(operator.index(parts), length)
        if sum(lengths) != length or min(lengths, default=0) < 0:
            raise ValueError(
                f"split got shape {self.shape}, dim={at} and lengths {lengths}; they must add up to {length}"
            )
        return self._cut(at, np.cumsum(lengths)[:-1].tolist())

    def chunk(self, chunks: int, dim: int = 0) -> tuple[Any, ...]:
        """So many parts along an axis, of equal length but for the last; fewer where the axis is too short.

        >>> from microgradrnn import Tensor
        >>> [part.data for part in Tensor([1.0, 2.0, 3.0, 4.0, 5.0]).chunk(2)]
        [array([1., 2., 3.]), array([4., 5.])]
        """
        if operator.index(chunks) < 1:
            raise ValueError(f"chunk takes a positive number of parts, not {chunks}")
        at = self._axis("chunk", dim)
        return self._cut(at, list(range(0, self.shape[at], max(1, -(-self.shape[at] // chunks))))[1:])

    def unbind(self, dim: int = 0) -> tuple[Any, ...]:
        """What stands along an axis, one by one.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> [row.data for row in x.unbind()]
        [array([1., 2.]), array([3., 4.])]
        """
        at = self._axis("unbind", dim)
        return tuple(self[(*(slice(None),) * at, k)] for k in range(self.shape[at]))

    def repeat(self, *repeats: Any, axis: Any = UNSET) -> Any:
        """With ``axis=`` NumPy's repeat, `repeat_interleave`. Without it TypeError: PyTorch's repeat is `tile`.

        >>> from microgradrnn import Tensor
        >>> Tensor([[1.0, 2.0]]).repeat(2, axis=0).data
        array([[1., 2.],
               [1., 2.]])
        """
        if axis is UNSET:
            told = ", ".join(map(str, repeats))
            raise TypeError(
                f"repeat({told}) repeats each entry in NumPy, the whole in PyTorch: write repeat_interleave({told}) "
                f"for the former, tile({told}) for the latter"
            )
        return self.repeat_interleave(*repeats, axis=axis)

    def repeat_interleave(self, repeats: Any, *args: Any, axis: Any = UNSET, dim: Any = UNSET) -> Any:
        """Each entry along an axis repeated on the spot; without an axis, of all in a row.

        >>> from microgradrnn import Tensor
        >>> Tensor([1.0, 2.0]).repeat_interleave(2).data, Tensor([1.0, 2.0]).tile(2).data
        (array([1., 1., 2., 2.]), array([1., 2., 1., 2.]))
        """
        along = one_axis("repeat_interleave", args, axis, dim)
        if along is UNSET or along is None:
            return self.flatten().repeat_interleave(repeats, 0)
        at = self._axis("repeat_interleave", along)
        return self[(*(slice(None),) * at, np.repeat(np.arange(self.shape[at]), as_index(repeats)))]

    def tile(self, *repeats: Any) -> Any:
        """The whole repeated along each axis, the last count for the last axis: PyTorch's repeat, and NumPy's tile.

        >>> from microgradrnn import Tensor
        >>> Tensor([1.0, 2.0]).tile(2, 2).data
        array([[1., 2., 1., 2.],
               [1., 2., 1., 2.]])
        """
        counts = as_shape(repeats)
        most = max(len(counts), self.ndim)
        counts, x = (1,) * (most - len(counts)) + tuple(counts), self.reshape((1,) * (most - self.ndim) + self.shape)
        for at, count in enumerate(counts):
            if count != 1:
                x = x[(*(slice(None),) * at, np.tile(np.arange(x.shape[at]), count))]
        return x

    def flip(self, *dims: Any) -> Any:
        """The entries in reverse order along the given axes.

        >>> from microgradrnn import Tensor
        >>> Tensor([[1.0, 2.0], [3.0, 4.0]]).flip(0).data
        array([[3., 4.],
               [1., 2.]])
        """
        named = {self._axis("flip", axis) for axis in as_shape(dims)}
        return self[tuple(slice(None, None, -1) if axis in named else slice(None) for axis in range(self.ndim))]

    def _axis(self, name: str, axis: Any) -> int:
        """An axis counted from the front. Raises IndexError where there is none."""
        found = operator.index(axis)
        if not -self.ndim <= found < self.ndim:
            raise IndexError(f"{name} got shape {self.shape}, axis {axis}; it needs an axis that x has")
        return found % self.ndim

    def _cut(self, axis: int, places: Sequence[int]) -> tuple[Any, ...]:
        ends = [0, *places, self.shape[axis]]
        before = (slice(None),) * axis
        return tuple(self[(*before, slice(*ends[k : k + 2]))] for k in range(len(ends) - 1))


def _lengths(each: int, length: int) -> list[int]:
    if each < 1:
        raise ValueError(f"split takes parts of positive length, not {each}")
    return [min(each, length - start) for start in range(0, length, each)]


def _numpy_cuts(parts: Any, length: int) -> list[int]:
    if isinstance(parts, (list, tuple)):
        return list(parts)
    if length % operator.index(parts):
        raise ValueError(
            f"split: {counted(length, 'entry', 'entries')} do not make {parts} equal parts; for parts "
            f"of {parts} write dim= for axis="
        )
    return [length // parts * k for k in range(1, parts)]
