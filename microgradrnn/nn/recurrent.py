"""Recurrent cells: one step in time. `microgradrnn.nn.unrolled` calls them for each step.

A cell takes x_t and the state before, and gives the state after: h for `RNNCell` and `GRUCell`, (h, c) for
`LSTMCell`. Rows are the batch. The weights of all gates stand side by side, in PyTorch's order. Where a cell has a
context, such as a decoder's, that enters every step through a matrix of its own, W_ch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import numpy as np

from microgradrnn.checks import check_choice, check_dtype, check_pair, check_shape, check_size, node
from microgradrnn.context import here
from microgradrnn.counting import counted
from microgradrnn.engine import Node, constant
from microgradrnn.functional import add_n
from microgradrnn.nn.initial import Seed, uniform
from microgradrnn.nn.module import Module, Parameter

T = TypeVar("T")

NONLINEARITIES = ("tanh", "relu", "identity")


def label_step(letter: str, node: Node) -> Any:
    """Label a node of the current time step as formulas do: ``h_3``; without a time step just ``h``."""
    t = here().t
    node.label = letter if t is None else f"{letter}_{t}"
    return node


class Cell(Module):
    """What the cells share: W_xh (input, gates * hidden), W_hh (hidden, gates * hidden), b_h, and where they start.

    Args:
        input_size, hidden_size: features of x_t and of h_t.
        seed: an integer or a `numpy.random.Generator`; weights are uniform in ±1/sqrt(hidden_size), as in PyTorch.
        dtype: of the weights; float64 unless told.
        suffix: what tells the labels of this cell from another's: with ``"2"`` they are W_xh2, h2_t ...
        context_size: features of a second input, read through W_ch (context, gates * hidden); 0 for none.

    >>> cell = GRUCell(3, 2, seed=0, context_size=4)
    >>> {p.label: p.shape for p in cell.parameters()}
    {'W_xh': (3, 6), 'W_hh': (2, 6), 'b_h': (6,), 'W_ch': (4, 6), 'b_hn': (2,)}
    """

    gates: ClassVar[int]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        seed: Seed = None,
        dtype: Any = None,
        suffix: str = "",
        context_size: int = 0,
    ) -> None:
        check_size(self, input_size=input_size, hidden_size=hidden_size)
        if context_size:
            check_size(self, context_size=context_size)
        check_dtype(self, dtype)
        self.input_size, self.hidden_size, self.suffix = input_size, hidden_size, suffix
        rng, width = np.random.default_rng(seed), self.gates * hidden_size
        self.W_xh = uniform(rng, hidden_size, (input_size, width), f"W_xh{suffix}", dtype)
        self.W_hh = uniform(rng, hidden_size, (hidden_size, width), f"W_hh{suffix}", dtype)
        self.b_h = Parameter(np.zeros(width), f"b_h{suffix}", dtype)
        self.W_ch = uniform(rng, hidden_size, (context_size, width), f"W_ch{suffix}", dtype) if context_size else None

    def zero_state(self, batch_size: int) -> Any:
        """The state of a sequence that starts afresh: zeros, constant, of shape (N, hidden).

        >>> GRUCell(3, 2, seed=0).zero_state(batch_size=1)
        Tensor([[0., 0.]], label='h_0')
        """
        return self._zeros(batch_size, "h")

    def forward(self, x: Any, state: Any, context: Any = None) -> Any:
        """One step.

        Args:
            x: what this step reads, (N, input); None for a step that reads nothing.
            state: the state before, (N, hidden).
            context: (N, context), for a cell that has one; None for a step without.

        Returns:
            The state after, like ``state``.

        Raises:
            TypeError: an argument holds no real numbers.
            ValueError: the last axis of an argument does not fit the weights, or its rows are not those of x; or there
                is NaN in the data.

        >>> cell = RNNCell(1, 1, nonlinearity="identity", seed=0, context_size=1)
        >>> cell.W_xh.data, cell.W_hh.data, cell.W_ch.data = [[2.0]], [[3.0]], [[5.0]]
        >>> cell([[1.0]], [[10.0]], [[100.0]]).item(), cell(None, [[10.0]]).item()  # 2 + 30 + 500, and 30
        (532.0, 30.0)
        """
        raise NotImplementedError

    def _zeros(self, batch_size: int, letter: str) -> Any:
        check_size(self, batch_size=batch_size)
        return constant(np.zeros((batch_size, self.hidden_size), self.W_hh.dtype), f"{letter}{self.suffix}_0")

    def _label(self, letter: str, node: Node) -> Any:
        return label_step(letter + self.suffix, node)

    def _read(self, x: Any, context: Any) -> list[Any]:
        """What the inputs of this step add to its gates: x W_xh and c W_ch, each where there is one."""
        found: list[Any] = []
        if x is not None:
            found.append(self._checked("x", x, self.input_size, found) @ self.W_xh)
        if context is not None:
            if self.W_ch is None:
                raise ValueError(f"{type(self).__name__}: this cell has no context; make it with a context_size")
            found.append(self._checked("context", context, self.W_ch.shape[0], found) @ self.W_ch)
        return found

    def _checked(self, name: str, argument: Any, features: int, read: list[Any]) -> Any:
        """An argument as a node, with as many rows as what has been read before it."""
        shape = (*(read[0]._data.shape[:-1] if read else (...,)), features)
        if not isinstance(argument, Node):
            return node(self, name, argument, shape)
        check_shape(self, name, argument.shape, shape, argument)  # and no more, since this is done at every step
        return argument

    def _gate(self, k: int, activations: Any) -> Any:
        """The k-th of the gates that stand side by side on the last axis."""
        return activations[..., k * self.hidden_size : (k + 1) * self.hidden_size]

    def __repr__(self) -> str:
        count = sum(p.size for p in self.parameters())
        return f"{type(self).__name__}({self.input_size}, {self.hidden_size}): {counted(count, 'parameter')}"


class RNNCell(Cell):
    """The vanilla recurrent cell, h_t = tanh(x_t W_xh + h_(t-1) W_hh + b_h) (Elman, 1990).

    Args:
        nonlinearity: "tanh", "relu" or "identity", the linear recurrent network.
        input_size, hidden_size, seed, dtype, suffix, context_size: see `Cell`.

    Attributes:
        W_xh, W_hh, b_h: shapes (input, hidden), (hidden, hidden), (hidden,).

    >>> cell = RNNCell(1, 1, nonlinearity="identity", seed=0)
    >>> cell.W_xh.data, cell.W_hh.data = [[2.0]], [[3.0]]
    >>> cell([[10.0]], [[100.0]]).data  # 2 * 10 + 3 * 100
    array([[320.]])
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        nonlinearity: str = "tanh",
        seed: Seed = None,
        dtype: Any = None,
        suffix: str = "",
        context_size: int = 0,
    ) -> None:
        check_choice(self, "nonlinearity", nonlinearity, NONLINEARITIES)
        super().__init__(input_size, hidden_size, seed=seed, dtype=dtype, suffix=suffix, context_size=context_size)
        self.nonlinearity = nonlinearity

    def forward(self, x: Any, state: Any, context: Any = None) -> Any:
        """One step: x of shape (N, input) and h of shape (N, hidden) give the next h, (N, hidden); see `Cell`."""
        read = self._read(x, context)
        h = self._checked("h", state, self.hidden_size, read)
        z = self._label("z", add_n([*read, h @ self.W_hh, self.b_h]))
        if self.nonlinearity == "identity":
            return self._label("h", z)
        return self._label("h", getattr(z, self.nonlinearity)())


class LSTMCell(Cell):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997; with the forget gate of Gers et al., 2000).

        i, f, g, o = sigmoid, sigmoid, tanh, sigmoid of the quarters of x_t W_xh + h_(t-1) W_hh + b_h
        c_t = f * c_(t-1) + i * g        h_t = o * tanh(c_t)

    Args:
        input_size, hidden_size, seed, dtype, suffix, context_size: see `Cell`.

    Attributes:
        W_xh, W_hh, b_h: shapes (input, 4 hidden), (hidden, 4 hidden), (4 hidden,); gates in the order i, f, g, o.

    >>> cell = LSTMCell(1, 1, seed=0)
    >>> for p in cell.parameters():
    ...     p.data = np.zeros(p.shape)
    >>> h, c = cell([[5.0]], ([[0.0]], [[2.0]]))  # each of i, f and o is 1/2, and g is 0
    >>> c.item(), round(h.item(), 4)  # 2 f, and o tanh(1)
    (1.0, 0.3808)
    >>> [state.label for state in cell.zero_state(batch_size=1)]
    ['h_0', 'c_0']
    """

    gates = 4

    def zero_state(self, batch_size: int) -> Any:
        """The pair (h_0, c_0): zeros, constant, each of shape (N, hidden)."""
        return self._zeros(batch_size, "h"), self._zeros(batch_size, "c")

    def forward(self, x: Any, state: Any, context: Any = None) -> Any:
        """One step: x of shape (N, input) and (h, c), each (N, hidden), give the next (h, c); see `Cell`."""
        check_pair(self, "state", "(h, c)", state, (..., self.hidden_size))
        read = self._read(x, context)
        h = self._checked("h", state[0], self.hidden_size, read)
        c = self._checked("c", state[1], self.hidden_size, read)
        z = self._label("z", add_n([*read, h @ self.W_hh, self.b_h]))
        i = self._label("i", self._gate(0, z).sigmoid())  # how much of the new goes into the cell
        f = self._label("f", self._gate(1, z).sigmoid())  # how much of the old stays
        g = self._label("g", self._gate(2, z).tanh())  # the new
        o = self._label("o", self._gate(3, z).sigmoid())  # how much of the cell is shown
        c = self._label("c", f * c + i * g)
        return self._label("h", o * c.tanh()), c


class GRUCell(Cell):
    """Gated recurrent unit (Cho et al., 2014), its reset gate after the matrix product, as in PyTorch.

        r, z = sigmoid of the first two thirds of x_t W_xh + h_(t-1) W_hh + b_h
        n = tanh(x_t W_xn + b_n + r * (h_(t-1) W_hn + b_hn)), W_xn, W_hn and b_n being the last thirds
        h_t = (1 - z) * n + z * h_(t-1)

    Args:
        input_size, hidden_size, seed, dtype, suffix, context_size: see `Cell`.

    Attributes:
        W_xh, W_hh, b_h: shapes (input, 3 hidden), (hidden, 3 hidden), (3 hidden,); gates in the order r, z, n.
        b_hn: shape (hidden,), the bias that the reset gate scales.

    >>> cell = GRUCell(1, 1, seed=0)
    >>> for p in cell.parameters():
    ...     p.data = np.zeros(p.shape)
    >>> cell([[5.0]], [[2.0]]).item()  # z is 1/2 and n is 0
    1.0
    """

    gates = 3

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        seed: Seed = None,
        dtype: Any = None,
        suffix: str = "",
        context_size: int = 0,
    ) -> None:
        super().__init__(input_size, hidden_size, seed=seed, dtype=dtype, suffix=suffix, context_size=context_size)
        self.b_hn = Parameter(np.zeros(hidden_size), f"b_hn{suffix}", dtype)

    def forward(self, x: Any, state: Any, context: Any = None) -> Any:
        """One step: x of shape (N, input) and h of shape (N, hidden) give the next h, (N, hidden); see `Cell`."""
        read = self._read(x, context)
        h = self._checked("h", state, self.hidden_size, read)
        from_x, from_h = add_n([*read, self.b_h]), h @ self.W_hh
        r = self._label("r", (self._gate(0, from_x) + self._gate(0, from_h)).sigmoid())  # how much of h counts
        z = self._label("z", (self._gate(1, from_x) + self._gate(1, from_h)).sigmoid())  # how much of h stays
        n = self._label("n", (self._gate(2, from_x) + r * (self._gate(2, from_h) + self.b_hn)).tanh())  # the new
        return self._label("h", (1 - z) * n + z * h)


CELLS: dict[str, type[Cell]] = {"rnn": RNNCell, "lstm": LSTMCell, "gru": GRUCell}


def a_cell(cell: str, *arguments: Any, **named: Any) -> Cell:
    """A cell of a kind, "rnn", "lstm" or "gru"; the arguments are those of `Cell`.

    >>> a_cell("gru", 3, 5, seed=0)
    GRUCell(3, 5): 140 parameters
    """
    return of_kind(CELLS, cell)(*arguments, **named)


def of_kind(kinds: Mapping[str, T], cell: str) -> T:
    """The one of that name, or the error that says which names there are."""
    if cell not in kinds:
        raise ValueError(f"cell is {', '.join(map(repr, kinds))}, not {cell!r}")
    return kinds[cell]
