"""The JAX dialect, under `jax.jit`, against fresh recordings: every architecture, every op."""

import numpy as np
import pytest

from microgradrnn.program import compile as compile_graph
from tests.program.agreement import assert_agrees
from tests.program.networks import CASES

jax = pytest.importorskip("jax")

T, N = 6, 2


@pytest.mark.parametrize("name", CASES)
def test_every_architecture_agrees_with_a_fresh_recording(name):
    case = CASES[name](np.float64)
    program = compile_graph(*case.record(T, N, np.random.default_rng(0)), dialect="jax")
    assert ("jax.lax.scan(" in program.source) == (name != "fixed window")
    assert_agrees(program, *case.record(T, N, np.random.default_rng(1)), tolerance=1e-10)
