"""A program against the engine's own backward pass on a fresh recording: what every test of programs comes down to."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from microgradrnn import Node
from microgradrnn.backprop import gradients
from microgradrnn.program import Program
from microgradrnn.program.passes import REWRITES

OTHER_SETS = ((), *((rewrite,) for rewrite in REWRITES), ("together", "gather"))
REWRITE_SETS = (*OTHER_SETS, REWRITES)
every_set_of_rewrites = pytest.mark.parametrize(
    "rewrites",
    [*OTHER_SETS, pytest.param(REWRITES, marks=pytest.mark.always)],  # those that a user gets who asks for none
    ids=lambda names: "+".join(names) or "none",
    scope="module",  # so that a fixture may compile once for several tests
)


def array_of(given: Any) -> Any:
    """What a program takes for a leaf, or for a list of leaves."""
    return np.stack([leaf.data for leaf in given]) if isinstance(given, list) else np.array(given.data)


def assert_agrees(program: Program, loss: Node, inputs: Sequence[Any], tolerance: float = 1e-12) -> None:
    """Value and all gradients of a program are those of a recording that it has not seen."""
    value, grads = program(*map(array_of, inputs))
    expected = gradients(loss)
    leaves = program.parameters | {
        given.label: given for given in inputs if not isinstance(given, list) and given.requires_grad
    }
    assert grads.keys() <= leaves.keys()
    assert np.asarray(value).dtype == loss.dtype
    close(value, loss.data, tolerance)
    for name, leaf in leaves.items():
        grad = grads.get(name, np.zeros(leaf.shape, leaf.dtype))
        assert np.shape(grad) == leaf.shape, f"d{name} has shape {np.shape(grad)}, and {name} {leaf.shape}"
        assert np.asarray(grad).dtype == leaf.dtype, f"d{name} is {np.asarray(grad).dtype}, and {name} {leaf.dtype}"
        close(grad, expected.get(leaf, np.zeros(leaf.shape)), tolerance, name)


def close(actual: Any, expected: Any, tolerance: float = 1e-12, name: str = "value") -> None:
    """Equal but for rounding, which is measured against the largest entry."""
    scale = np.abs(expected).max(initial=0.0)
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance * scale, err_msg=name)
