"""Record once, replay: a recorded graph as NumPy source; see `compile`.

- `compiling`: `compile`. `program`: what it gives. `limits`: which integers it takes.
- `function`: `compiled`. `reads`: what no graph shows. `proof`: whether a program computes what was recorded.
- `derive`: both passes, from the op table, as `expressions`.
- `rewrites`: what is done for all steps at once. `in_place`: what is written over what.
- `scan`: the loops that are left, settled, before anything is written.
- `text`, `statements`, `writing`: expressions, their lines, and loops.
- `dialects`: what differs between NumPy and JAX. `jax_source`, `jax_program`: a program that JAX runs.
- `scalars`: graphs of `microgradrnn.Value`, as Python on floats. `javascript`, `kernels`: any graph, in JavaScript.
"""

from microgradrnn.program.compiling import compile  # noqa: A004 - a graph's, as in PyTorch and re
from microgradrnn.program.function import Compiled, compiled
from microgradrnn.program.javascript import JavaScript
from microgradrnn.program.jax_program import JaxProgram
from microgradrnn.program.program import Program, Result
from microgradrnn.program.rewrites import REWRITES

__all__ = ["REWRITES", "Compiled", "JavaScript", "JaxProgram", "Program", "Result", "compile", "compiled"]
