"""What the derivations by hand are held against: central differences of their own forward, and the engine.

Sizes are drawn by hypothesis; numbers come from a seed that is drawn with them.
"""

from typing import NamedTuple

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from microgradrnn import Tensor
from microgradrnn.backprop import gradients

FEW = settings(max_examples=15)
"""For central differences, which take the forward pass twice for each entry of each array."""


class Sizes(NamedTuple):
    """Steps, batch, features of input, hidden state and output, and the seed of all numbers."""

    T: int
    N: int
    I: int
    H: int
    O: int
    seed: int

    def arrays(self, **shapes):
        """Normal numbers for each name, of a shape such as ``"T N I"`` or ``"H 4H"``."""
        rng = np.random.default_rng(self.seed)
        return {name: rng.normal(scale=0.7, size=self._shape(shape)) for name, shape in shapes.items()}

    def _shape(self, shape):
        return tuple(int(axis[:-1] or 1) * getattr(self, axis[-1]) for axis in shape.split())


a_size = st.integers(1, 3)
sizes = st.builds(
    Sizes, T=st.integers(1, 4), N=st.integers(1, 3), I=a_size, H=a_size, O=a_size, seed=st.integers(0, 99)
)


def assert_same(found, expected, tolerance):
    """Every gradient that is expected is there, and differs by no more than ``tolerance`` of its largest entry."""
    assert set(expected) <= set(found)
    for name, gradient in expected.items():
        assert found[name].shape == gradient.shape, name
        allowed = tolerance * max(np.abs(gradient).max(), 1e-3)
        np.testing.assert_allclose(found[name], gradient, rtol=0, atol=allowed, err_msg=name)


def differences(objective, arrays, h=2e-4):
    """d objective(arrays) / d(every entry of every array), by central differences whose error is of fourth order."""
    found = {}
    for name, array in arrays.items():
        gradient = np.empty(array.shape)
        for index in np.ndindex(array.shape):

            def moved(by, name=name, array=array, index=index):
                other = array.copy()
                other[index] += by
                return objective(arrays | {name: other})

            near, far = moved(h) - moved(-h), moved(2 * h) - moved(-2 * h)
            gradient[index] = (8 * near - far) / (12 * h)
        found[name] = gradient
    return found


def reverse_mode(graph, arrays):
    """The engine's gradients of ``graph``, a function of Tensors by name that gives a scalar."""
    leaves = {name: Tensor(array, name) for name, array in arrays.items()}
    found = gradients(graph(leaves))
    return {name: found.get(leaf, np.zeros(leaf.shape)) for name, leaf in leaves.items()}


def set_weights(module, arrays):
    """Put arrays into the parameters of a module, by label."""
    for parameter in module.parameters():
        parameter.data = arrays[parameter.label]
    return module


def without(arrays, *names):
    """The weights: a dict less some names."""
    return {name: array for name, array in arrays.items() if name not in names}
