"""In which languages a graph of arrays is written, and what differs between them."""

from __future__ import annotations

from dataclasses import dataclass

from microgradrnn.program.helpers import HELPERS
from microgradrnn.program.jax_program import JaxProgram
from microgradrnn.program.jax_source import JaxExpressions, JaxWriter
from microgradrnn.program.namespace import Expressions
from microgradrnn.program.passes import REWRITES
from microgradrnn.program.program import Program
from microgradrnn.program.writing import Writer


@dataclass(frozen=True)
class Dialect:
    """A language.

    Attributes:
        imports: the lines that the source begins with, as far as it needs them.
        taken: names that no variable may have.
        rewrites: those of `REWRITES` that it can do.
        factors_last: whether a factor of all gradients is applied when they are complete; see `factors`.
        constant: the line that makes an array of the dialect of one of NumPy that is handed in; empty where it is one.
        guard: the first lines of a function that computes in float64.
        expressions, writer, program: what computes, writes and runs it.
    """

    imports: tuple[str, ...]
    taken: tuple[str, ...]
    rewrites: tuple[str, ...]
    factors_last: bool = False
    constant: str = ""
    guard: tuple[str, ...] = ()
    expressions: type[Expressions] = Expressions
    writer: type[Writer] = Writer
    program: type[Program] = Program


NUMPY = Dialect(
    imports=("import numpy as np",),
    taken=("np", "math", "t", "kept", "forward_backward", *HELPERS),
    rewrites=REWRITES,
)
JAX = Dialect(
    imports=("import jax", "import jax.numpy as jnp", "import numpy as np"),
    taken=("jax", "jnp", "np", "handed", "row", "forward_backward"),
    rewrites=("together", "lookup", "gather", "tanh"),  # XLA sees to memory; flatten would merge sharded axes
    factors_last=True,
    constant="    {0} = jnp.asarray({0})",
    guard=(
        "    if not jax.config.jax_enable_x64:",
        '        raise TypeError("it computes in float64: call it within jax.enable_x64(True), or set jax_enable_x64")',
    ),
    expressions=JaxExpressions,
    writer=JaxWriter,
    program=JaxProgram,
)
