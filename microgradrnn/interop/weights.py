"""To PyTorch and back: the weights of a module as the state dict of its PyTorch counterpart.

`RNN`, `LSTM`, `GRU`, `Linear`, `Embedding`, `LayerNorm`, `Conv1d` and `MultiheadAttention` have counterparts of the
same name, also inside other modules. PyTorch's matrices are transposed (out, in), and its recurrent layers have two
biases that are only ever added: on the way in they are added up, on the way out the second is zero. (A GRU's last third
is the exception: there the reset gate scales the second bias, which is our b_hn.)
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.checks import weights
from microgradrnn.convert import as_numpy
from microgradrnn.nn.attention import LayerNorm, MultiheadAttention
from microgradrnn.nn.convolution import Conv1d
from microgradrnn.nn.layers import Embedding, Linear
from microgradrnn.nn.module import Module
from microgradrnn.nn.recurrent import Cell, GRUCell
from microgradrnn.nn.unrolled import Recurrent

Array = NDArray[Any]


def to_torch(module: Module) -> dict[str, Array]:
    """The state dict, as NumPy arrays, that PyTorch's counterpart of the module loads.

    Raises:
        TypeError: a parameter has no counterpart there; the error names it.

    >>> from microgradrnn import nn
    >>> {name: array.shape for name, array in to_torch(nn.RNN(2, 3, seed=0)).items()}
    {'weight_ih_l0': (3, 2), 'weight_hh_l0': (3, 3), 'bias_ih_l0': (3,), 'bias_hh_l0': (3,)}
    """
    state: dict[str, Array] = {}
    for path, part in _parts(module):
        prefix = f"{path}." if path else ""
        for suffix, cell in _cells(part):
            state |= {f"{prefix}{name}{suffix}": array for name, array in _cell_out(cell).items()}
        for name, parameter, transposed in _plain(part):
            state[f"{prefix}{name}"] = np.array(parameter.data.T if transposed else parameter.data, order="C")
    return state


def from_torch(module: Module, state_dict: Mapping[str, Any]) -> None:
    """Take over the weights of a PyTorch state dict, of tensors or arrays.

    Raises:
        TypeError: a parameter of the module has no counterpart in PyTorch, or the state dict is no mapping.
        KeyError: a name is missing, or there is one too many; names them all.
        ValueError: a shape differs, or an array holds no numbers. In any case nothing has been changed.

    >>> from microgradrnn import nn
    >>> one, other = nn.GRU(2, 3, seed=0), nn.GRU(2, 3, seed=1)
    >>> from_torch(other, to_torch(one))
    >>> np.abs(one.cells[0][0].W_hh.data - other.cells[0][0].W_hh.data).max().item()
    0.0
    """
    expected = to_torch(module)
    state = weights("from_torch", state_dict, expected, _array)
    for name, array in state.items():
        if array.shape != expected[name].shape:
            raise ValueError(f"from_torch: {name} has shape {expected[name].shape} here, and {array.shape} came")
    for path, part in _parts(module):
        prefix = f"{path}." if path else ""
        for suffix, cell in _cells(part):
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            _cell_in(cell, *(state[f"{prefix}{name}{suffix}"] for name in names))
        for name, parameter, transposed in _plain(part):
            array = state[f"{prefix}{name}"]
            parameter.data = array.T if transposed else array


_COUNTERPARTS = (Recurrent, Linear, Embedding, LayerNorm, Conv1d, MultiheadAttention)


def _plain(part: Module) -> Iterator[tuple[str, Any, bool]]:
    """What is a weight in PyTorch too: its name there, ours, and whether it is transposed."""
    found: list[tuple[str, Any, bool]] = []
    if isinstance(part, Linear):
        found = [("weight", part.W, True), ("bias", part.b, False)]
    elif isinstance(part, Embedding):
        found = [("weight", part.W, False)]
    elif isinstance(part, (LayerNorm, Conv1d)):
        found = [("weight", part.weight, False), ("bias", part.bias, False)]
    elif isinstance(part, MultiheadAttention):
        found = [("in_proj_weight", part.W_qkv, True), ("in_proj_bias", part.b_qkv, False)]
    return (entry for entry in found if entry[1] is not None)


def _parts(module: Module) -> Iterator[tuple[str, Module]]:
    """The modules with a counterpart, with their paths; checks that they hold every parameter."""
    if not isinstance(module, Module):
        raise TypeError(f"to_torch and from_torch take a module, not {type(module).__name__}")
    parts = [(path, part) for path, part in module.named_modules() if isinstance(part, _COUNTERPARTS)]
    covered = {id(p) for _, part in parts for p in _weights(part)}
    for name, p in module.named_parameters():
        if id(p) not in covered:
            raise TypeError(f"{name} of {type(module).__name__} has no counterpart in PyTorch")
    return iter(parts)


def _weights(part: Module) -> list[Any]:
    cells = [cell for _, cell in _cells(part)]
    return [p for cell in cells for p in cell.parameters()] if cells else part.parameters()


def _cells(part: Module) -> Iterator[tuple[str, Cell]]:
    """A recurrent network's cells, with the ending that PyTorch gives their names."""
    if isinstance(part, Recurrent):
        for layer, cells in enumerate(part.cells):
            for direction, cell in enumerate(cells):
                yield f"_l{layer}{'_reverse' * direction}", cell


def _cell_out(cell: Cell) -> dict[str, Array]:
    second_bias = np.zeros_like(cell.b_h.data)
    if isinstance(cell, GRUCell):
        second_bias[-cell.hidden_size :] = cell.b_hn.data
    weights = {"weight_ih": cell.W_xh.data.T, "weight_hh": cell.W_hh.data.T}
    return {name: np.array(array, order="C") for name, array in weights.items()} | {
        "bias_ih": np.array(cell.b_h.data),
        "bias_hh": second_bias,
    }


def _cell_in(cell: Cell, weight_ih: Array, weight_hh: Array, bias_ih: Array, bias_hh: Array) -> None:
    cell.W_xh.data, cell.W_hh.data = weight_ih.T, weight_hh.T
    added = np.array(bias_hh)
    if isinstance(cell, GRUCell):
        cell.b_hn.data = bias_hh[-cell.hidden_size :]
        added[-cell.hidden_size :] = 0
    cell.b_h.data = bias_ih + added


def _array(value: Any) -> Array:
    return as_numpy(value.detach().cpu() if hasattr(value, "cpu") else value)
