"""In which languages a graph is written, and what differs between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from microgradrnn.program import passes
from microgradrnn.program.helpers import FLOAT_HELPERS, HELPERS
from microgradrnn.program.jax_program import JaxProgram
from microgradrnn.program.jax_source import JaxExpressions, JaxPrinter
from microgradrnn.program.layout import Layout
from microgradrnn.program.namespace import Expressions
from microgradrnn.program.printing import Printer
from microgradrnn.program.program import Program
from microgradrnn.program.python_source import FloatLayout, PythonExpressions, PythonPrinter
from microgradrnn.program.recorded import Recorded
from microgradrnn.program.scalars import RecordedScalars


@dataclass(frozen=True)
class Dialect:
    """A language.

    Attributes:
        imports: the lines that the source begins with where it reads a name, by the name.
        taken: names that no variable may have.
        rewrites: those of `REWRITES` that it can do.
        constant: the line that makes an array of the dialect of one of NumPy that is handed in; empty where it is one.
        guard: the first lines of a function that computes in float64.
        recorded: what reads a graph.
        expressions, layout, printer, program: what computes, lays out, writes and runs it.
    """

    imports: Mapping[str, str]
    taken: tuple[str, ...]
    rewrites: tuple[str, ...]
    constant: str = ""
    guard: tuple[str, ...] = ()
    recorded: Callable[..., Recorded | RecordedScalars] = Recorded
    expressions: type[Expressions] = Expressions
    layout: Callable[..., Layout | FloatLayout] = Layout
    printer: type[Printer] = Printer
    program: type[Program] = Program


_MATH, _NUMPY = {"math": "import math\n"}, {"np": "import numpy as np"}
NUMPY = Dialect(
    imports=_MATH | _NUMPY,
    taken=("np", "math", "t", "kept", "forward_backward", *HELPERS),
    rewrites=passes.REWRITES,
)
JAX = Dialect(
    imports={"jax": "import jax", "jnp": "import jax.numpy as jnp"} | _NUMPY,
    taken=("jax", "jnp", "np", "handed", "row", "forward_backward"),
    rewrites=("together", "lookup", "gather", "tanh"),  # XLA sees to memory; flatten would merge sharded axes
    constant="    {0} = jnp.asarray({0})",
    guard=(
        "    if not jax.config.jax_enable_x64:",
        '        raise TypeError("it computes in float64: call it within jax.enable_x64(True), or set jax_enable_x64")',
    ),
    recorded=partial(Recorded, factors_last=True),
    expressions=JaxExpressions,
    layout=partial(Layout, module=JaxPrinter.module),
    printer=JaxPrinter,
    program=JaxProgram,
)
PYTHON = Dialect(
    imports=_MATH | _NUMPY,
    taken=("np", "math", "forward_backward", *FLOAT_HELPERS),
    rewrites=("inline",),
    recorded=RecordedScalars,
    expressions=PythonExpressions,
    layout=FloatLayout,
    printer=PythonPrinter,
)
"""Of floats: for graphs of Values."""
REWRITES = (*passes.REWRITES, *PYTHON.rewrites)
"""What `microgradrnn.compile` can be asked for; see `microgradrnn.program.passes`. Of a graph of Values that is
"inline": what is read once stands where it is read, not on a line of its own."""
