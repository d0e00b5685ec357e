"""The hidden units of a model divided over devices: which axis of a weight is divided, and how its columns are ordered.

The columns of an LSTM's gates stand side by side: i of all units, then f, g and o. Cut into two equal parts, one device
would have i and f and the other g and o, and they would have to exchange them at every time step. So on the devices the
columns of a device's own units stand side by side: i, f, g and o of its units, then those of the next device's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.counting import counted
from microgradrnn.engine import Node
from microgradrnn.nn import RNNLM
from microgradrnn.nn.recurrent import Cell


class Division:
    """A model whose hidden units are divided into equal parts.

    Args:
        model: its cells' weights have the hidden units on the last axis, its readout's matrix on the first.
        parts: how many; 1 for a model that is whole.

    Raises:
        ValueError: there are not as many units in each part.

    >>> model = RNNLM(5, 4, "gru", seed=0)
    >>> cell, division = model.rnn.cells[0][0], Division(model, 2)
    >>> [division.axis(p) for p in (cell.W_hh, cell.b_hn, model.readout.W, model.readout.b)]
    [1, 0, 0, None]
    >>> division.ordered(cell.b_h, np.arange(12))
    array([ 0,  1,  4,  5,  8,  9,  2,  3,  6,  7, 10, 11])
    """

    def __init__(self, model: RNNLM, parts: int) -> None:
        self._cells: list[Cell] = [cell for layer in model.rnn.cells for cell in layer]
        self._parts, hidden = parts, self._cells[0].hidden_size
        if hidden % parts:
            raise ValueError(
                f"{counted(hidden, 'hidden unit')} cannot be divided over {parts} devices: use a hidden size "
                f"that is a multiple of {parts}, or --mesh data=N,model=M with another M"
            )
        self._axes: dict[Node, int] = {}
        if parts > 1:
            self._axes = {p: p.ndim - 1 for cell in self._cells for p in cell.parameters()} | {model.readout.W: 0}

    def axis(self, p: Node) -> int | None:
        """Which axis of a parameter is divided; None for one that every device has as a whole."""
        return self._axes.get(p)

    def ordered(self, p: Node, array: NDArray[Any]) -> NDArray[Any]:
        """A parameter, or what an optimiser remembers of it, in the order that devices have it in."""
        return self._moved(p, array, backwards=False)

    def restored(self, p: Node, array: NDArray[Any]) -> NDArray[Any]:
        """The opposite of `ordered`."""
        return self._moved(p, array, backwards=True)

    def _moved(self, p: Node, array: NDArray[Any], backwards: bool) -> NDArray[Any]:
        axis, hidden = self.axis(p), self._cells[0].hidden_size
        if axis is None or array.shape[axis] == hidden:  # units alone, in their own order
            return array
        shape = [array.shape[axis] // hidden, self._parts, hidden // self._parts]  # gate, device, unit
        split = array.reshape(*array.shape[:-1], *([shape[1], shape[0], shape[2]] if backwards else shape))
        return np.ascontiguousarray(np.swapaxes(split, -3, -2)).reshape(array.shape)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """For as long as this lasts, the model's cells find their gates where `ordered` has put them."""
        if self._parts == 1:
            yield
            return
        for cell in self._cells:
            cell._gate = _Gates(cell, self._parts)  # type: ignore[method-assign]
        try:
            yield
        finally:
            for cell in self._cells:
                del cell._gate


class _Gates:
    """Stands for `Cell._gate`: picks a gate of each device's units."""

    def __init__(self, cell: Cell, parts: int) -> None:
        self._shape = (parts, cell.gates, cell.hidden_size // parts)
        self._hidden = cell.hidden_size
        self._last: tuple[Any, Any] = (None, None)

    def __call__(self, k: int, activations: Any) -> Any:
        lead = activations.shape[:-1]
        if self._last[0] is not activations:  # all gates pick from one node, so that their gradients add up there
            self._last = activations, activations.reshape(*lead, *self._shape)
        return self._last[1][..., k : k + 1, :].reshape(*lead, self._hidden)
