"""Recurrent networks: cells unrolled over time, in layers and in both directions.

- `scan`: the one unroller. Everything else arranges what goes into it and what comes out.
- `RNN`, `LSTM`, `GRU`: networks of it. `recurrent`: one of them by its name.
- `Loop`: steps, one at a time. `Steps`: those of a network.
- `detach`: a state cut off from the graph that it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from microgradrnn.checks import check_choice, check_dtype, check_fraction, check_pair, check_size, integers, rows
from microgradrnn.context import scope
from microgradrnn.convert import with_parts
from microgradrnn.engine import Node, constant
from microgradrnn.functional import concat, stack, where
from microgradrnn.nn.initial import Seed
from microgradrnn.nn.layers import Dropout
from microgradrnn.nn.module import Module, Parameter
from microgradrnn.nn.recurrent import NONLINEARITIES, Cell, GRUCell, LSTMCell, RNNCell, of_kind

Pairs = Iterable[tuple[int, Any]]
Step = Callable[[Any, Any], Any]
Masks = Sequence[NDArray[np.bool_]] | None


def scan(cell: Step, steps: Pairs, state: Any, name: str = "cell", masks: Masks = None) -> Iterator[tuple[int, Any]]:
    """Call a cell for each step, each in its scope, and hand the state on.

    Args:
        cell: a cell, or any function: ``cell(x, state)`` gives the next state, a node or a tuple of nodes.
        steps: pairs (t, x_t), in the order in which they are read; may be lazy.
        state: what the first step starts from.
        name: of the scope of the steps.
        masks: for each t = 1, 2, ... which rows go on, (N, 1); the others keep their state.

    Yields:
        (t, the state after step t).

    >>> cell = RNNCell(3, 2, seed=0)
    >>> [t for t, h in scan(cell, enumerate(np.ones((4, 1, 3)), start=1), cell.zero_state(1))]
    [1, 2, 3, 4]
    """
    for t, x in steps:
        with scope(name, t=t):
            new = cell(x, state)
            state = new if masks is None else _held(masks[t - 1], new, state)
        yield t, state


def _held(mask: NDArray[np.bool_], new: Any, old: Any) -> Any:
    if isinstance(new, tuple):
        return with_parts(new, (_held(mask, n, o) for n, o in zip(new, old, strict=True)))
    return new if mask.all() else where(mask, new, old)


def detach(state: Any) -> Any:
    """A state, in whatever lists and tuples its nodes stand, cut off from its graph: constants with the same data.

    >>> from microgradrnn import Value
    >>> x = Value(3.0, "x")
    >>> h, [c] = detach((2 * x, [x * x]))
    >>> (h * c * x).backward()  # h and c count as the numbers 6 and 9
    >>> x.grad
    54.0
    """
    if isinstance(state, (list, tuple)):
        return with_parts(state, map(detach, state))
    return state.detach() if isinstance(state, Node) else state


class Loop(Iterator[tuple[int, Any]]):
    """Steps that are read one at a time: pairs (t, a node of step t).

    While it waits for the next one to be asked for it is inside step t's scope, so what a loop over it records, such
    as a loss, stands in that step's column. A loop that is left early, by break or by an error, ends the steps, so
    what is recorded after it stands outside them. To read on, ask for each with ``next``, or unroll anew.

    >>> rnn = RNN(3, 2, seed=0)
    >>> for t, h in rnn.unroll(np.ones((5, 1, 3))):
    ...     squared = h * h
    ...     if t == 2:
    ...         break
    >>> squared.t, (squared + 1).t
    (2, None)
    """

    def __init__(self, pairs: Iterator[tuple[int, Any]]) -> None:
        self._pairs = pairs

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        # A generator that a for loop alone holds, and which closes the steps when the loop lets go of it. They
        # themselves may be held for long: by a name, or by the traceback of an error in the loop.
        try:
            yield from self._pairs
        except GeneratorExit:
            self._pairs = _left_early()
            raise

    def __next__(self) -> tuple[int, Any]:
        return next(self._pairs)


class Steps(Loop):
    """The steps of a network, and where it stands after them; see `Loop`.

    >>> rnn = RNN(1, 1, nonlinearity="identity", seed=0)
    >>> for p in rnn.parameters():
    ...     p.data = np.zeros(p.shape) if p.label == "b_h" else np.ones(p.shape)
    >>> steps = rnn.unroll([[[1.0]], [[2.0]], [[3.0]]]).then(lambda h: 10 * h)
    >>> [(t, y.item()) for t, y in steps], steps.state[0].item()  # h_t is x_1 + .. + x_t
    ([(1, 10.0), (2, 30.0), (3, 60.0)], 6.0)
    """

    def __init__(self, pairs: Iterator[tuple[int, Any]], state: Callable[[], Any]) -> None:
        super().__init__(pairs)
        self._state = state

    @property
    def state(self) -> Any:
        """Where the network stands after the last step that was read, in a form that ``h0`` takes."""
        return self._state()

    def then(self, function: Callable[[Any], Any]) -> Steps:
        """The same steps with a function, such as a read-out, of each node."""
        return Steps(((t, function(node)) for t, node in self), self._state)


class Recurrent(Module):
    """What RNN, LSTM and GRU share; see `RNN`.

    >>> rnn = RNN(1, 1, nonlinearity="identity", seed=0)
    >>> for p in rnn.parameters():
    ...     p.data = np.zeros(p.shape) if p.label == "b_h" else np.ones(p.shape)
    >>> outputs, h_n = rnn([[[1.0]], [[2.0]], [[3.0]]])
    >>> outputs.data.ravel(), h_n.item()  # h_t is x_1 + .. + x_t
    (array([1., 3., 6.]), 6.0)
    """

    letters: ClassVar[tuple[str, ...]] = ("h",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bidirectional: bool = False,
        dropout: float = 0.0,
        learn_h0: bool = False,
        seed: Seed = None,
        dtype: Any = None,
    ) -> None:
        check_size(self, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        check_fraction(self, dropout=dropout)
        check_dtype(self, dtype)
        rng = np.random.default_rng(seed)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bidirectional, self.directions = bidirectional, 2 if bidirectional else 1
        self.cells: list[list[Cell]] = []
        for layer in range(num_layers):
            size = input_size if layer == 0 else self.directions * hidden_size
            suffixes = [f"{layer + 1}{'r' * d}" if num_layers > 1 or bidirectional else "" for d in range(2)]
            self.cells.append([self._cell(size, rng, dtype, suffix) for suffix in suffixes[: self.directions]])
        self.dropout = Dropout(dropout, seed=rng)
        self.initial = [self._learnt(cell, dtype) for cell in self._every_cell()] if learn_h0 else None

    def _cell(self, input_size: int, rng: np.random.Generator, dtype: Any, suffix: str) -> Cell:
        raise NotImplementedError

    def _every_cell(self) -> list[Cell]:
        return [cell for cells in self.cells for cell in cells]

    def _learnt(self, cell: Cell, dtype: Any) -> list[Parameter]:
        zeros = np.zeros((1, self.hidden_size))
        return [Parameter(zeros, f"{letter}{cell.suffix}_0", dtype) for letter in self.letters]

    def forward(self, x: Any, h0: Any = None, lengths: Any = None) -> tuple[Any, Any]:
        """Read whole sequences.

        Args:
            x: inputs of shape (T, N, input): a Tensor, an array, or a list of T of shape (N, input).
            h0: the states to start from, (layers * directions, N, hidden), for an LSTM a pair of them; zeros, or what
                has been learnt, unless given.
            lengths: N integers in 1 .. T for sequences that are padded at their ends: past its length a sequence keeps
                its state, and its outputs are 0.

        Returns:
            outputs: (T, N, directions * hidden), the states of the last layer at every step.
            h_n: the last state of each layer and direction, (layers * directions, N, hidden); for an LSTM (h_n, c_n).

        Raises:
            TypeError: an argument holds no numbers of the right kind.
            ValueError: a shape, a length, no steps, or NaN in the data; the error says what was expected.
        """
        steps, last = self._run(x, h0, lengths)
        return stack([h for _, h in steps]), self._packed([stack(parts) for parts in self._by_letter(last)])

    def last(self, x: Any, h0: Any = None, lengths: Any = None) -> Any:
        """What whole sequences have come to: the last layer's last state, both directions' joined.

        Takes what calling the network takes, and gives shape (N, directions * hidden).

        >>> LSTM(3, 5, bidirectional=True, seed=0).last(np.ones((4, 2, 3))).shape
        (2, 10)
        """
        _, last = self._run(x, h0, lengths)
        return _side_by_side([_h(state) for state in last[-self.directions :]])

    def _run(self, x: Any, h0: Any, lengths: Any) -> tuple[list[tuple[int, Any]], list[Any]]:
        """The last layer's (t, h_t), and the last state of each layer and direction."""
        steps, batch = self._steps(x)
        masks = self._masks(lengths, len(steps), batch)
        states, last = self._states(h0, batch), []
        for number, cells in enumerate(self.cells, start=1):
            if number > 1:
                steps = [(t, self._dropped(t, h)) for t, h in steps]
            read = []
            for direction, cell in enumerate(cells):
                backward = direction == 1
                name = f"layer{number}{'r' * direction}"
                found = list(scan(cell, steps[::-1] if backward else steps, states.pop(0), name, masks))
                last.append(found[-1][1])
                read.append([_h(state) for _, state in (found[::-1] if backward else found)])
            steps = [(t, self._joined(t, hs, masks)) for (t, _), hs in zip(steps, zip(*read, strict=True), strict=True)]
        return steps, last

    def unroll(self, x: Any, h0: Any = None) -> Steps:
        """Read a step at a time: (t, the last layer's h_t) for t = 1 .. T; see `Steps`.

        >>> rnn = RNN(3, 2, seed=0)
        >>> [(t, (h * h).t) for t, h in rnn.unroll(np.ones((2, 1, 3)))]
        [(1, 1), (2, 2)]

        Raises:
            ValueError: the network is bidirectional (it must have read everything before it knows a step), or a shape.
        """
        if self.directions == 2:
            raise ValueError(f"{type(self).__name__}.unroll: a bidirectional network has no order of steps; call it")
        found, batch = self._steps(x)
        states, pairs = self._states(h0, batch), iter(found)
        for number in range(1, len(self.cells) + 1):
            pairs = self._layer(number, pairs, states)
        return Steps(_inside_steps(pairs), lambda: self._packed(self._by_letter(states)))

    def _layer(self, number: int, below: Pairs, states: list[Any]) -> Iterator[tuple[int, Any]]:
        """Layer ``number`` over the steps of what is below it; keeps its place in ``states`` up to date."""
        [cell] = self.cells[number - 1]
        read = below if number == 1 else ((t, self._dropped(t, h)) for t, h in below)
        for t, state in scan(cell, read, states[number - 1], f"layer{number}"):
            states[number - 1] = state
            yield t, _h(state)

    def _dropped(self, t: int, h: Any) -> Any:
        with scope("dropout", t=t):
            return self.dropout(h)

    def _steps(self, x: Any) -> tuple[list[tuple[int, Any]], int]:
        """Pairs (t, x_t), and the batch size."""
        x = rows(self, "x", x, ("T", "N", self.input_size))
        steps = [(t, read_step(x, t)) for t in range(1, len(x) + 1)]
        return steps, steps[0][1].shape[0]

    def _states(self, h0: Any, batch: int) -> list[Any]:
        """A state for each layer and direction."""
        cells = self._every_cell()
        if h0 is None and self.initial is not None:
            zeros = np.zeros((batch, 1), self.cells[0][0].W_hh.dtype)
            return [self._packed([p + zeros for p in learnt]) for learnt in self.initial]
        if h0 is None:
            return [cell.zero_state(batch) for cell in cells]
        wanted = (len(cells), batch, self.hidden_size)
        if len(self.letters) > 1:
            check_pair(self, "h0", "(h0, c0)", h0, wanted)
        given = h0 if len(self.letters) > 1 else (h0,)
        parts = [rows(self, f"{letter}0", part, wanted) for letter, part in zip(self.letters, given, strict=True)]
        return [self._packed([_node(part[k]) for part in parts]) for k in range(len(cells))]

    def _masks(self, lengths: Any, steps: int, batch: int) -> Masks:
        """For each step which rows are still inside their sequence, as columns (N, 1)."""
        if lengths is None:
            return None
        claim = f"lengths are {batch} integers in 1 .. {steps}, one a sequence"
        array = integers(self, claim, lengths).data
        if array.shape != (batch,) or array.min() < 1 or array.max() > steps:
            raise ValueError(f"{type(self).__name__}: {claim}, got {lengths!r}")
        return [(t <= array)[:, None] for t in range(1, steps + 1)]

    def _by_letter(self, states: list[Any]) -> list[list[Any]]:
        """The states of all layers and directions as h0 has them: all h, and for an LSTM all c."""
        return [list(parts) for parts in zip(*states, strict=True)] if len(self.letters) > 1 else [list(states)]

    def _packed(self, parts: list[Any]) -> Any:
        return tuple(parts) if len(self.letters) > 1 else parts[0]

    def _joined(self, t: int, hs: tuple[Any, ...], masks: Masks) -> Any:
        with scope("output", t=t):
            h = _side_by_side(hs)
            return h if masks is None or masks[t - 1].all() else where(masks[t - 1], h, 0.0)


class RNN(Recurrent):
    """Vanilla recurrent network: layers of `RNNCell`, in one direction or both.

    Args:
        input_size, hidden_size: features of the input and of each state.
        num_layers: each layer reads the states of the one below.
        bidirectional: a second cell in every layer reads from the end; both states are joined.
        dropout: with this probability entries between layers are zeroed in training.
        learn_h0: whether the first states are parameters; they start at zero.
        nonlinearity: "tanh", "relu" or "identity".
        seed: an integer or a `numpy.random.Generator`.
        dtype: of the weights; float64 unless told.

    >>> outputs, h_n = RNN(3, 5, num_layers=2, bidirectional=True, seed=0)(np.ones((4, 2, 3)))
    >>> outputs.shape, h_n.shape
    ((4, 2, 10), (4, 2, 5))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        *,
        bidirectional: bool = False,
        dropout: float = 0.0,
        learn_h0: bool = False,
        seed: Seed = None,
        dtype: Any = None,
    ) -> None:
        check_choice(self, "nonlinearity", nonlinearity, NONLINEARITIES)
        self.nonlinearity = nonlinearity
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
            learn_h0=learn_h0,
            seed=seed,
            dtype=dtype,
        )

    def _cell(self, input_size: int, rng: np.random.Generator, dtype: Any, suffix: str) -> Cell:
        return RNNCell(
            input_size, self.hidden_size, nonlinearity=self.nonlinearity, seed=rng, dtype=dtype, suffix=suffix
        )


class LSTM(Recurrent):
    """Layers of `LSTMCell`; states are pairs (h, c). Arguments as of `RNN`.

    >>> outputs, (h_n, c_n) = LSTM(3, 5, seed=0)(np.ones((4, 2, 3)))
    >>> outputs.shape, c_n.shape
    ((4, 2, 5), (1, 2, 5))
    """

    letters = ("h", "c")

    def _cell(self, input_size: int, rng: np.random.Generator, dtype: Any, suffix: str) -> Cell:
        return LSTMCell(input_size, self.hidden_size, seed=rng, dtype=dtype, suffix=suffix)


class GRU(Recurrent):
    """Layers of `GRUCell`. Arguments as of `RNN`.

    >>> outputs, h_n = GRU(3, 5, seed=0)(np.ones((4, 2, 3)))
    >>> outputs.shape, h_n.shape
    ((4, 2, 5), (1, 2, 5))
    """

    def _cell(self, input_size: int, rng: np.random.Generator, dtype: Any, suffix: str) -> Cell:
        return GRUCell(input_size, self.hidden_size, seed=rng, dtype=dtype, suffix=suffix)


NETWORKS: dict[str, type[Recurrent]] = {"rnn": RNN, "lstm": LSTM, "gru": GRU}


def recurrent(cell: str, *arguments: Any, **named: Any) -> Recurrent:
    """The network of a kind of cell, "rnn", "lstm" or "gru"; the arguments are those of `RNN`.

    >>> recurrent("gru", 3, 5, seed=0).cells[0][0]
    GRUCell(3, 5): 140 parameters
    """
    return of_kind(NETWORKS, cell)(*arguments, **named)


def _left_early() -> Iterator[Any]:
    raise RuntimeError("a loop over these steps was left early, which ended them: unroll anew")
    yield


def _inside_steps(pairs: Pairs) -> Iterator[tuple[int, Any]]:
    for t, h in pairs:
        with scope("step", t=t):
            yield t, h


def _h(state: Any) -> Any:
    return state[0] if isinstance(state, tuple) else state


def _side_by_side(hs: Sequence[Any]) -> Any:
    """The states of all directions on one axis."""
    return hs[0] if len(hs) == 1 else concat(hs, axis=-1)


def _node(x: Any) -> Any:
    return x if isinstance(x, Node) else constant(x)


def read_step(x: Any, t: int) -> Any:
    """x_t as a node of its step: a row of a Tensor, or a constant of its own.

    >>> x_2 = read_step([[[1.0]], [[5.0]]], 2)
    >>> x_2.label, x_2.t, x_2.data
    ('x_2', 2, array([[5.]]))
    """
    with scope("input", t=t):
        row = x[t - 1]
        node = row if isinstance(row, Node) else constant(row)
    node.label = node.label or f"x_{t}"
    return node
