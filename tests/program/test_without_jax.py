"""What is said where JAX is not installed."""

import pytest

from microgradrnn import Tensor
from microgradrnn.program import compile as compile_graph
from microgradrnn.program import jax_program


def test_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setattr(jax_program, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'pip install "microgradrnn\[jax\]"'):
        compile_graph(Tensor([1.0]).sum(), dialect="jax")
