"""What PyTorch's and NumPy's users do with a tensor besides computing: copy it, hand it out, set it to zero.

- `Handling`: these as methods of nodes. `Lacking`: for a name that nodes lack, an error that says what to write.
- `Count`: the number of entries, which says so when it is called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from microgradrnn import ops
from microgradrnn.context import here, numbers_of
from microgradrnn.convert import as_numbers
from microgradrnn.ops import Op


class Lacking:
    """A name that nodes lack. Reading it raises AttributeError with a remedy, so `hasattr` says no.

    (A ``__getattr__`` would do the same for all such names, and make every other attribute slower to read.)
    """

    def __init__(self, remedy: str) -> None:
        self.remedy = remedy

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, node: Any, owner: type | None = None) -> Any:
        if node is None:
            return self
        raise AttributeError(f"{type(node).__name__} has no {self.name}: {self.remedy}", name=self.name, obj=node)


class Count(int):
    """A number of entries. ``x.size()`` is PyTorch's word for the shape, and raises.

    >>> from microgradrnn import Tensor
    >>> Tensor([[1.0, 2.0]]).size
    2
    """

    def __call__(self, *axis: int) -> Any:
        """Raise TypeError, and name the remedy."""
        wanted = f"shape[{axis[0]}]" if axis else "shape"
        raise TypeError(
            f"size is NumPy's here, the number of entries ({int(self)}): for PyTorch's size() write {wanted}"
        )

    def __reduce__(self) -> Any:
        return int, (int(self),)


class Handling:
    """What `microgradrnn.engine.Node` inherits for `Value` and `Tensor` alike."""

    __slots__ = ()
    __pandas_priority__ = 5000
    """Above pandas' own, so that ``series * node`` comes to the node, as ``array * node`` does."""

    _record: Callable[..., Any]
    _name: Callable[[], str]
    _write: Callable[[Any], None]
    _data: Any
    _requires_grad: bool
    requires_grad: Any
    op: Op | None

    def clone(self) -> Any:
        """A node of its own with the same numbers; gradients flow through it.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([1.0, 2.0])
        >>> y = x.clone()
        >>> (3 * y).sum().backward()
        >>> y is x, x.grad
        (False, array([3., 3.]))
        """
        return self._record(ops.COPY, self)

    copy = clone

    def numpy(self) -> NDArray[Any]:
        """A copy as an array. Raises TypeError where a gradient would be lost, as in PyTorch.

        >>> from microgradrnn import Tensor
        >>> Tensor([1.0, 2.0]).detach().numpy()
        array([1., 2.])
        """
        if self._requires_grad:
            raise TypeError(f"{self._name()} needs a gradient, which an array does not carry: write detach().numpy()")
        return np.array(numbers_of(self))

    def tolist(self) -> Any:
        """The numbers as Python's own, in nested lists, as NumPy's and PyTorch's arrays give them.

        >>> from microgradrnn import Tensor
        >>> Tensor([[1.0, 2.0], [3.0, 4.0]]).tolist()
        [[1.0, 2.0], [3.0, 4.0]]
        """
        return np.asarray(numbers_of(self)).tolist()

    @property
    def is_leaf(self) -> bool:
        """Whether the node was made, and not computed.

        >>> from microgradrnn import Value
        >>> x = Value(3.0)
        >>> x.is_leaf, (x * x).is_leaf
        (True, False)
        """
        return self.op is None

    def cpu(self) -> Self:
        """The node itself, which is in the computer's own memory already.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([1.0])
        >>> x.cpu() is x
        True
        """
        return self

    def contiguous(self) -> Self:
        """The node itself: how its entries lie in memory makes no difference.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([[1.0, 2.0], [3.0, 4.0]]).T
        >>> x.contiguous() is x
        True
        """
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set ``requires_grad``, and return the node.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([1.0, 2.0], requires_grad=False).requires_grad_()
        >>> (x * x).sum().backward()
        >>> x.grad
        array([2., 4.])
        """
        self.requires_grad = requires_grad
        return self

    def retain_grad(self) -> None:
        """Nothing to do: the gradient of every node is kept.

        >>> from microgradrnn import Value
        >>> x = Value(3.0)
        >>> y = x * x
        >>> y.retain_grad()  # in PyTorch y.grad would be None without it
        >>> (2 * y).backward()
        >>> y.grad
        2.0
        """

    # In place: each changes a leaf inside no_grad(), or a constant, and returns it.

    def zero_(self) -> Self:
        """Set every entry to 0, in place. Raises TypeError where gradients would be wrong; so do the next three.

        >>> from microgradrnn import Tensor
        >>> Tensor([1.0, 2.0], requires_grad=False).zero_().data
        array([0., 0.])
        """
        return self.fill_(0.0)

    def fill_(self, value: Any) -> Self:
        """Set every entry to a number, in place; raises as `zero_`.

        >>> from microgradrnn import Tensor
        >>> Tensor([1.0, 2.0], requires_grad=False).fill_(7).data
        array([7., 7.])
        """
        self._check_in_place("fill_")
        self._write(np.full(np.shape(self._data), value, np.asarray(self._data).dtype))
        return self

    def copy_(self, other: Any) -> Self:
        """Take over the numbers of another node or array, in place; raises as `zero_`.

        Raises:
            ValueError: they do not broadcast to this shape.

        >>> from microgradrnn import Tensor, no_grad
        >>> x = Tensor([1.0, 2.0])
        >>> with no_grad():
        ...     x.copy_([3.0, 4.0]).data
        array([3., 4.])
        """
        self._check_in_place("copy_")
        new = numbers_of(other) if isinstance(other, Handling) else as_numbers(other)
        self._write(np.broadcast_to(new, np.shape(self._data)))
        return self

    def add_(self, other: Any, alpha: Any = 1) -> Self:
        """``x += alpha * other``, in place; raises as `zero_`.

        >>> from microgradrnn import Tensor, no_grad
        >>> x = Tensor([1.0, 2.0])
        >>> with no_grad():  # a step of gradient descent
        ...     x.add_([10.0, 20.0], alpha=-0.1).data
        array([0., 0.])
        """
        self._check_in_place("add_")
        self._write(numbers_of(self._record(ops.ADD, self, self._record(ops.MUL, other, alpha))))
        return self

    def _check_in_place(self, name: str) -> None:
        if self.op is not None:
            raise TypeError(
                f"{name}: {self._name()} is the output of {self.op.name}, and what was recorded stays: make a new "
                "node, such as x * 0 or functional.where(mask, y, x)"
            )
        if self._requires_grad and here().recording:
            raise TypeError(
                f"{name}: {self._name()} needs a gradient, and a change in place is not recorded: write it inside "
                "no_grad(), or make a new node"
            )

    def __dlpack__(self, **options: Any) -> Any:
        if self._requires_grad:
            raise BufferError(f"{self._name()} needs a gradient, which DLPack does not carry: hand out detach()")
        return np.array(numbers_of(self)).__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return np.empty(0).__dlpack_device__()

    __array_namespace__ = Lacking(
        "it is not of the array API standard; write NumPy's functions (np.tanh(x), np.sum(x)), the node's own methods, "
        "or microgradrnn.functional"
    )
    grad_fn = Lacking("op is the operation that made it, and inputs are the nodes that it read")
    cuda = Lacking("there is the computer's own memory only; leave the call out")
