"""micrograd's networks of scalar nodes: `Neuron`, `Layer`, `MLP`.

A neuron's weighted sum is one node (Σ) here, so a picture of it reads as the formula does.
"""

import random
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from microgradrnn import ops
from microgradrnn.checks import check_size
from microgradrnn.context import scope
from microgradrnn.counting import counted
from microgradrnn.engine import Value, record
from microgradrnn.nn.initial import Seed
from microgradrnn.nn.module import Module


class Neuron(Module):
    """relu(sum_i w_i x_i + b), or without the relu, of ``nin`` inputs.

    Weights are uniform in (-1, 1): from ``seed``, or without one from Python's own `random`, as in micrograd.

    >>> neuron = Neuron(2, seed=0)
    >>> for p in neuron.parameters():
    ...     p.data = 1.0
    >>> neuron([2.0, 3.0]).item(), neuron([-2.0, -3.0]).item()  # 2 + 3 + 1, and relu(-2 - 3 + 1)
    (6.0, 0.0)
    """

    def __init__(self, nin: int, nonlin: bool = True, seed: Seed = None) -> None:
        check_size(self, nin=nin)
        uniform = random.uniform if seed is None else np.random.default_rng(seed).uniform
        self.w = [Value(uniform(-1, 1), label=f"w{i}") for i in range(nin)]
        self.b = Value(0.0, label="b")
        self.nonlin = nonlin

    def forward(self, x: Sequence[Any]) -> Any:
        """The activation for ``nin`` nodes or numbers. Raises ValueError for more or fewer, TypeError for others."""
        try:
            if len(x) != len(self.w):
                raise ValueError(f"{self} takes {counted(len(self.w), 'input')}, not {len(x)}")
            act = record(ops.ADD_N, *(wi * xi for wi, xi in zip(self.w, x, strict=True)), self.b)
        except TypeError as error:
            raise TypeError(f"{self} takes {counted(len(self.w), 'input')}, nodes or numbers ({error})") from error
        return act.relu() if self.nonlin else act

    def __repr__(self) -> str:
        return f"{'ReLU' if self.nonlin else 'Linear'}Neuron({len(self.w)})"


class Layer(Module):
    """``nout`` neurons side by side; one neuron alone gives its node instead of a list.

    >>> len(Layer(3, 2)([1.0, 2.0, 3.0]))
    2
    """

    def __init__(self, nin: int, nout: int, nonlin: bool = True, seed: Seed = None) -> None:
        check_size(self, nin=nin, nout=nout)
        rng = None if seed is None else np.random.default_rng(seed)
        self.neurons = [Neuron(nin, nonlin, rng) for _ in range(nout)]

    def forward(self, x: Sequence[Any]) -> Any:
        """The activations of all neurons."""
        out = [neuron(x) for neuron in self.neurons]
        return out[0] if len(out) == 1 else out

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(map(str, self.neurons))}]"


class MLP(Module):
    """Layers one after another, the last one linear.

    Weights are labelled as entries of a matrix (from, to): w2[0,3] leads from the first layer's neuron 0 to neuron 3
    of the second layer.

    >>> model = MLP(2, [3, 1], seed=0)
    >>> for p in model.parameters():
    ...     p.data = 1.0
    >>> model([1.0, 2.0]).item()  # three neurons that give 1 + 2 + 1, and a bias
    13.0
    """

    def __init__(self, nin: int, nouts: Sequence[int], seed: Seed = None) -> None:
        if not isinstance(nouts, Iterable):
            raise TypeError(f"MLP: nouts are positive integers, one a layer, not {nouts!r}")
        rng = None if seed is None else np.random.default_rng(seed)
        sizes = [nin, *nouts]
        self.layers = [
            Layer(n, m, nonlin=i < len(nouts) - 1, seed=rng) for i, (n, m) in enumerate(zip(sizes, nouts, strict=False))
        ]
        for number, layer in enumerate(self.layers, start=1):
            for j, neuron in enumerate(layer.neurons):
                neuron.b.label = f"b{number}[{j}]"
                for i, w in enumerate(neuron.w):
                    w.label = f"w{number}[{i},{j}]"

    def forward(self, x: Any) -> Any:
        """The activations of the last layer; each layer is recorded in a scope of its own."""
        for number, layer in enumerate(self.layers, start=1):
            with scope(f"layer{number}"):
                x = layer(x)
        return x

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(str, self.layers))}]"
