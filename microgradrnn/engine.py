"""Recording: the nodes that people write formulas with, and the graph that those formulas leave behind.

- `Node`: what a number in the graph knows: its data and gradient, the op that made it and that op's inputs.
- `Value`: a node that holds one Python float. `Tensor`: a node that holds a NumPy array.
- `record`: applies an op from the table and returns the node. Every operator and method here is one call of it.

Edges point from a node to its inputs and never back, so there are no reference cycles: a graph is gone with its last
name. A node is created after its inputs, so its serial number alone puts any graph in topological order.

Numbers that a graph was computed with never change under it. A node keeps the data of its inputs (``xs``), and an
array is either the graph's or the user's: see `Tensor._hand_out`.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from numbers import Real
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn import arrays, copying, floats
from microgradrnn.context import copied, here, tell, unrecorded
from microgradrnn.convert import as_array, as_float, as_grad, as_like, handed_out, is_numeric
from microgradrnn.errors import describe, misfit
from microgradrnn.graph import ancestors, next_serial, serial
from microgradrnn.handling import Count
from microgradrnn.methods import Methods
from microgradrnn.operators import Operators
from microgradrnn.ops import Op

__all__ = ["Node", "Tensor", "Value", "ancestors", "constant", "record", "serial"]

Array = NDArray[Any]
_new = object.__new__
_NO_PARAMS: Mapping[str, Any] = {}


class Node(Operators):
    """One number or array in the graph, and how it was made. Nodes hash by identity; ``==`` compares their entries.

    Attributes:
        inputs: the nodes that ``op`` read; empty for a leaf.
        op: the record of the operation that made this node (`microgradrnn.ops.Op`); None for a leaf.
        params: what else the op was told, such as an axis.
        xs: the inputs' data as they were when this node was recorded.
        label: a name to show; any text.

    >>> from microgradrnn import scope
    >>> with scope("square", t=2):
    ...     x = Tensor([[1.0, 2.0]], label="x")
    ...     y = x * x
    >>> y.op.name, [node.label for node in y.inputs], y.scope, y.t
    ('mul', ['x', 'x'], 'square', 2)
    >>> x.shape, x.ndim, x.size, x.dtype
    ((1, 2), 2, 2, dtype('float64'))
    """

    __slots__ = (
        *("_data", "_grad", "_requires_grad", "_serial", "__weakref__"),
        *("inputs", "op", "params", "xs", "label", "place", "_source"),
    )

    _lent = False  # whether the user holds our array: see Tensor
    xp: ModuleType

    _data: Any
    _grad: Any
    inputs: tuple[Node, ...]
    op: Op | None
    params: Mapping[str, Any]
    xs: Sequence[Any]
    _source: weakref.ref[Node] | None  # what a constant was detached from; an op's output has no such attribute

    def __init__(self, data: Any, label: str, requires_grad: bool) -> None:
        if not isinstance(label, str):
            raise TypeError(f"{type(self).__name__}: label is text, not {label!r}; other arguments go by name")
        self._data, self._grad, self._requires_grad, self.label = data, None, requires_grad, label
        self.inputs, self.op, self.params, self.xs = (), None, {}, ()
        self.place, self._serial, self._source = here(), next_serial(), None

    @property
    def data(self) -> Any:
        """The value: a float (`Value`) or an array (`Tensor`).

        A leaf's may be set, and an array changed in place; graphs recorded before keep the numbers that they were
        computed with. An op's output is read-only, which NumPy says in its own words ("assignment destination is
        read-only"): go on from ``node.data.copy()`` or ``node.detach()``.

        >>> x = Value(3.0)
        >>> y = x * x
        >>> x.data = 5.0
        >>> y.backward()
        >>> y.data, x.grad  # y is what it was, and so is its gradient, 2 * 3
        (9.0, 6.0)
        """
        tell(self)
        return self._hand_out()

    @data.setter
    def data(self, new: Any) -> None:
        if self.op is not None:
            raise AttributeError(
                f"{self._name()} is the output of {self.op.name}: its data is what was recorded and cannot be set; "
                "set the data of a leaf, or go on from node.detach()"
            )
        self._take(new)

    @property
    def grad(self) -> Any:
        """dL/d(this node): None until a backward pass has reached it. It is plain data: no second derivatives.

        >>> x = Value(3.0)
        >>> for _ in range(2):
        ...     print(x.grad)
        ...     (x * x).backward()
        None
        6.0
        >>> x.grad  # leaves add up what passes bring; zero_grad() starts afresh
        12.0
        """
        self._grad = handed_out(self._grad)
        return self._grad

    @grad.setter
    def grad(self, new: Any) -> None:
        self._grad = None if new is None else self._as_grad(new)

    @property
    def requires_grad(self) -> bool:
        """Whether backward passes visit this node. Integers and booleans never get a gradient.

        >>> x, target = Value(3.0), Value(1.0, requires_grad=False)
        >>> ((x - target) ** 2).backward()
        >>> x.grad, target.grad
        (4.0, None)
        """
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if wanted and self.dtype.kind != "f":
            raise TypeError(f"{self._name()} holds {self.dtype}: only floats get a gradient")
        if self.op is not None and not wanted:
            raise AttributeError(
                f"{self._name()} is the output of {self.op.name}, which gets a gradient because its inputs do: "
                "set requires_grad of leaves, or cut the graph with detach()"
            )
        self._requires_grad = bool(wanted)

    @property
    def scope(self) -> str:
        """The path of scopes that this was recorded in, such as ``"rnn/cell"``; empty outside any.

        >>> from microgradrnn import scope
        >>> with scope("rnn"), scope("cell", t=1):
        ...     Value(1.0).scope
        'rnn/cell'
        """
        return self.place.path

    @property
    def t(self) -> int | None:
        """The time step that this was recorded in, or None."""
        return self.place.t

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes; ``()`` for a scalar."""
        return np.shape(self._data)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of entries."""
        return Count(np.size(self._data))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy type of the entries."""
        return np.asarray(self._data).dtype

    @property
    def _prev(self) -> set[Node]:
        """micrograd's name for the inputs."""
        return set(self.inputs)

    @property
    def _op(self) -> str:
        """micrograd's name for the op's symbol; empty for a leaf."""
        return self.op.symbol if self.op else ""

    def item(self) -> Any:
        """The one number that this node holds. Raises ValueError where it holds more.

        >>> Tensor([[2.5]]).item()
        2.5
        """
        if self.size != 1:
            raise ValueError(f"{self._name()} has shape {self.shape}: only a node with one entry is a number")
        tell(self)
        return np.asarray(self._data).item()

    def detach(self) -> Any:
        """A constant with the same data, cut off from the graph.

        >>> x = Value(3.0)
        >>> (x * x.detach()).backward()  # which counts as the number 3
        >>> x.grad
        3.0
        """
        cut = constant(self._data, self.label)
        cut._source = weakref.ref(self) if self._requires_grad else getattr(self, "_source", None)
        return copied(cut, self)

    def zero_grad(self) -> None:
        """Forget the gradient: back to None.

        >>> x = Value(3.0)
        >>> (x * x).backward()
        >>> x.zero_grad()
        >>> print(x.grad)
        None
        """
        self._grad = None

    def backward(
        self, upstream: Any = None, retain_graph: bool | None = None, create_graph: bool = False, gradient: Any = None
    ) -> None:
        """Fill ``grad`` of this node and of every node that it depends on and that needs one.

        Leaves add up over passes, as weights shared by several losses must; inner nodes start each pass afresh. If the
        pass fails on the way, no gradient has changed. Gradients are plain data, so there are no second derivatives.

        Args:
            upstream: dL/d(this node), of its shape; 1 if it has one entry, else it must be given.
            retain_graph: PyTorch's; a graph can always be run backward again, so it changes nothing.
            create_graph: PyTorch's, for second derivatives; there are none here, so True raises.
            gradient: PyTorch's name for upstream.

        Raises:
            ValueError: it has several entries and no upstream, or upstream has another shape.
            TypeError: nothing that it was computed from needs a gradient; or both names of upstream are given.
            NotImplementedError: with ``create_graph``.

        >>> x = Tensor([1.0, 2.0])
        >>> (x * x).backward(upstream=[1.0, 10.0])
        >>> x.grad
        array([ 2., 40.])
        """
        if create_graph:
            raise NotImplementedError("backward: there are no second derivatives, so create_graph=True raises")
        if gradient is not None and upstream is not None:
            raise TypeError("backward: gradient= is PyTorch's name for upstream; give one of them")
        self._backward(gradient if upstream is None else upstream)

    def _backward(self, upstream: Any) -> None:
        from microgradrnn.backprop import backward

        backward(self, upstream)

    def _hand_out(self) -> Any:
        return self._data

    _take: Callable[[Any], None]
    _as_grad: Callable[[Any], Any]
    _write: Callable[[Any], None]

    __reduce__, __deepcopy__ = copying.reduce, copying.deepcopy

    def _name(self) -> str:
        return repr(self.label) if self.label else f"this {type(self).__name__}"

    def _repr(self, body: str) -> str:
        op = f", op={self.op.name}" if self.op else ""
        label = f", label={self.label!r}" if self.label else ""
        return f"{type(self).__name__}({body}{op}{label})"


class Value(Node):
    """A scalar node: one Python float; or a bool, in what a comparison of Values gives.

    >>> a = Value(2.0, label="a")
    >>> b = a * a + 1
    >>> b.backward()
    >>> b.data, a.grad
    (5.0, 4.0)
    """

    __slots__ = ()
    xp = floats

    def __init__(self, data: Any, label: str = "", requires_grad: bool = True) -> None:
        if isinstance(data, Node):
            raise TypeError("Value takes a number; of a node take item(), or detach() for a constant")
        super().__init__(as_float(data), label, requires_grad)

    def _take(self, new: Any) -> None:
        self._data = as_float(new)

    _write = _take

    def _as_grad(self, new: Any) -> float:
        return as_float(new)

    def __repr__(self) -> str:
        return self._repr(f"data={self._data}, grad={self._grad}")


class Tensor(Node, Methods):
    """A node that holds an n-dimensional array. Lists become float64; float arrays keep their dtype; both are copied.

    >>> x = Tensor([[1.0, 2.0]], label="x")
    >>> (x * x).sum().backward()
    >>> x.grad
    array([[2., 4.]])
    """

    __slots__ = ("_lent",)
    xp = arrays

    def __init__(self, data: Any, label: str = "", dtype: Any = None, requires_grad: bool = True) -> None:
        array = as_array(data, dtype)
        super().__init__(array, label, requires_grad and array.dtype.kind == "f")
        self._lent = False

    def _hand_out(self) -> Array:
        """The array that a reader of ``data`` gets, in C order. An op's is read-only.

        What was recorded must not change when a user writes into ``leaf.data``. So the first reading after a recording
        gives the user a copy, which is the leaf's array from then on; and the first recording after a reading
        (`_lend_to_graph`) copies once more, so that the graph reads an array that the user does not hold.
        """
        if self.op is not None:
            view: Array = np.asarray(self._data, order="C").view()
            view.flags.writeable = False
            return view
        if not self._lent:
            self._data, self._lent = self._data.copy(), True
        return self._data  # type: ignore[no-any-return]

    def _lend_to_graph(self) -> None:
        self._data, self._lent = self._data.copy(), False

    def _write(self, new: Any) -> None:
        """Change the array in place: whoever holds it, from ``data``, sees the new numbers."""
        if np.shape(new) != self._data.shape:
            raise ValueError(f"{self._name()} has shape {self.shape} and keeps it in place, got {np.shape(new)}")
        np.copyto(self._hand_out(), new, casting="same_kind")

    def _take(self, new: Any) -> None:
        if new is self._data:  # `leaf.data -= step` hands back the array that it changed in place
            return
        array = as_like(new, self._data, f"data of {self._name()}")
        if array.shape != self._data.shape:
            raise ValueError(f"data of {self._name()} has shape {self.shape}, not {array.shape}: make a new Tensor")
        self._data, self._lent = array, False

    def _as_grad(self, new: Any) -> Array:
        return as_grad(new, self._data, self._name())

    def __repr__(self) -> str:
        body = np.array2string(self._data, separator=", ", prefix="Tensor(", threshold=60)
        return self._repr(body if self._data.dtype == np.float64 else f"{body}, dtype={self._data.dtype}")


def record(op: Op, *operands: Any, **params: Any) -> Any:
    """Apply ``op`` to nodes, numbers and arrays, and return the node that remembers it.

    Values and numbers give a `Value`; anything with a Tensor or an array, and every structural op, gives a `Tensor`.

    Raises:
        TypeError: an operand is neither a node nor a number nor an array of numbers.
        ValueError, IndexError: the shapes don't fit; the error names the op and the shapes, and says what fits.

    >>> from microgradrnn.ops import MUL
    >>> record(MUL, Value(3.0), 2).data
    6.0
    """
    structural, place = op.local is None, here()
    if params and not structural:
        raise TypeError(f"{op.name} works entry by entry and takes inputs only, not {', '.join(params)}")
    kind: type[Node] = Tensor if structural else Value
    requires_grad = False
    xs = []
    for x in operands:
        if type(x) is not Value:
            if isinstance(x, Tensor):
                kind = Tensor
                if x._lent and place.recording:
                    x._lend_to_graph()
            elif not isinstance(x, Node):
                return record(op, *_lift(op, operands), **params)
        xs.append(np.asarray(x._data) if structural else x._data)
        if x._requires_grad:
            requires_grad = True
    if not requires_grad and op.in_floats and kind is Tensor and xs[0].dtype.kind != "f":
        xs[0] = xs[0].astype(np.float64)
    try:
        data = op.forward(kind.xp, *xs, **params)
    except (ValueError, IndexError) as error:
        raise misfit(op, operands, params, error) from error

    if place.nan_is_error and np.isnan(data).any():
        raise FloatingPointError(f"NaN came up in {op.name}{place}, from " + ", ".join(map(describe, operands)))
    if not place.recording:
        return unrecorded(kind(data, requires_grad=False), operands)  # type: ignore[call-arg]
    node = _new(kind)
    if kind is Tensor:
        data, node._lent = np.asarray(data), False
    elif type(data) is not float:
        data = float(data)
    node._data = data
    node._grad = None
    node._requires_grad = requires_grad
    node._serial = next_serial()
    node.inputs = operands
    node.op = op
    node.params = params or _NO_PARAMS
    node.xs = tuple(xs)
    node.label = ""
    node.place = place
    return node


def constant(data: Any, label: str = "") -> Any:
    """A leaf that gets no gradient: a `Value` of a number or a bool, a `Tensor` of an array or a list (copied)."""
    kind = Value if isinstance(data, (bool, int, float)) else Tensor
    node = kind(data, label, requires_grad=False)
    if type(data) is bool:
        node._data = data
    return node


Node._record, Node._constant = staticmethod(record), staticmethod(constant)


_NUMBERS = (bool, int, float, np.floating, np.integer, np.bool_, Real, Decimal)


def _lift(op: Op, operands: tuple[Any, ...]) -> Iterator[Node]:
    """The operands as nodes: numbers and arrays among them become constants."""
    scalar = all(isinstance(x, (Value, *_NUMBERS)) for x in operands)
    for x in operands:
        if isinstance(x, Node):
            yield x
        elif isinstance(x, _NUMBERS):
            node = constant(float(x))
            if not scalar:  # Beside a Tensor a number keeps its own type: float32 and integers stay what they are.
                own = x.item() if isinstance(x, np.generic) else x
                if isinstance(own, int):  # a plain one: NumPy gives subclasses, such as `size`, a type of their own
                    node._data = own if type(own) is bool else int(own)
            yield node
        elif is_numeric(x):
            yield constant(x)
        else:
            raise TypeError(f"{op.name} takes nodes, real numbers and arrays of them, not {type(x).__name__}")
