"""The cells of a network, called one step at a time, their states by name: what chains are made of.

- `Layers`: cells, one above the other. `Network`: those of a `microgradrnn.nn.RNN`, `LSTM` or `GRU`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from microgradrnn.messages.passing import State
from microgradrnn.nn.recurrent import Cell, LSTMCell, RNNCell
from microgradrnn.nn.unrolled import Recurrent


class Layers:
    """Cells, one above the other.

    Args:
        cells: from the lowest to the highest.
        where: what is added to the names of their states, such as ``_e`` for an encoder's.

    Attributes:
        top: the name of what is read out, the highest cell's h.
        printed: the parts between which the text prints messages: its unit is one vanilla cell.

    >>> from microgradrnn import nn
    >>> layers = Layers([nn.LSTMCell(3, 2, seed=0)], where="_e")
    >>> {name: part.shape for name, part in layers.start(batch=4).items()}
    {'h_e': (4, 2), 'c_e': (4, 2)}
    """

    def __init__(self, cells: Sequence[Cell], where: str = "") -> None:
        letters = ["hc" if isinstance(cell, LSTMCell) else "h" for cell in cells]
        self.cells = cells
        self.names = [[f"{x}{cell.suffix}{where}" for x in xs] for cell, xs in zip(cells, letters, strict=True)]
        self.top = self.names[-1][0]
        self.printed = (self.top,) if len(cells) == 1 and isinstance(cells[0], RNNCell) else ()

    def start(self, batch: int) -> State:
        """The states that ``batch`` sequences start from."""
        return self._named([cell.zero_state(batch) for cell in self.cells])

    def step(self, x: Any, state: State, context: Any = None) -> State:
        """The states after one step, in which the lowest cell reads x, and all of them the context, if there is one."""
        states: list[Any] = []
        for cell, names in zip(self.cells, self.names, strict=True):
            parts = tuple(state[name] for name in names)
            read = self._between(states[-1]) if states else x
            states.append(cell(read, parts if len(parts) > 1 else parts[0], context))
        return self._named(states)

    def _between(self, state: Any) -> Any:
        """What a cell reads of the state of the one below: its h."""
        return state[0] if isinstance(state, tuple) else state

    def _named(self, states: list[Any]) -> State:
        named: dict[str, Any] = {}
        for names, state in zip(self.names, states, strict=True):
            named.update(zip(names, state if isinstance(state, tuple) else (state,), strict=True))
        return named


class Network(Layers):
    """The layers of a network in one direction, which may learn where they start and drop entries between them.

    Args:
        rnn: the network.
        where: see `Layers`.

    Raises:
        ValueError: it reads in both directions.

    >>> from microgradrnn import nn
    >>> Network(nn.GRU(3, 2, num_layers=2, seed=0)).top
    'h2'
    """

    def __init__(self, rnn: Recurrent, where: str = "") -> None:
        if rnn.directions == 2:
            raise ValueError("messages: they run with time, and this network reads in both directions")
        super().__init__([cell for [cell] in rnn.cells], where)
        self.rnn = rnn

    def start(self, batch: int) -> State:
        """The states that ``batch`` sequences start from: zeros, or what has been learnt."""
        return self._named(self.rnn._states(None, batch))

    def _between(self, state: Any) -> Any:
        return self.rnn.dropout(super()._between(state))
