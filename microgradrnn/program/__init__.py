"""Record once, replay: a recorded graph as source; see `compile`.

    graph -> loops -> one IR, forward and backward -> passes -> statements -> buffers -> printer

- graph -> loops: `microgradrnn.loops`. Leaves become arguments (`leaves`), sizes remember what they depend on (`sizes`,
  `fixing`), and what may surprise is noted (`frozen`, `limits`, `labels`): all of it is collected in `recorded`.
- loops -> IR: `forward` and `derive` call the op table's own functions, in a `namespace` that makes `expressions`
  (`steps` has the words for loops). An `ir` holds both passes; a loop's backward pass is derived once. A graph of
  `microgradrnn.Value` has no loops and no sizes: `scalars` collects and derives the same of it.
- passes, IR -> IR: `passes` lists them, each of which can be left out. The first, `fission` (on `all_steps` and
  `groups`), says what leaves the loops; it gives each loop as a `Scan`: what its steps read, compute and hand on. Those
  after it change one expression at a time (`mapping`): how matrix products are computed (`products`), and the functions
  that a program defines (`functions`).
- statements: `layout` says what gets a line of its own, and in which order; `shortened` gives one to parts of what
  would be long. What comes out are `statements`, which have no names yet.
- buffers, statements -> statements: `in_place` says which lines write over an array that nobody reads any more, into a
  row, or into an array that is kept from call to call.
- printer: `printing` gives names and walks over the statements, `text` over expressions; `spelling` and `helpers` say
  how each function is written; `source` makes the file. `jax_source` prints the same statements with loops as scans,
  `python_source` those of floats. What differs from language to language is collected in `dialects`.

What all of them know of a function stands in one row of `table`: its shape (`shapes`), its form for all steps at once,
what array its result lies in, how each of four dialects writes it. `Program.stages` shows the source after each pass.

In JavaScript each op is a function, which `kernels` writes as expressions of floats; the graph itself is a table
(`javascript`). A `program` checks what it is called with. `function` wraps a function instead of a graph; `reads` and
`proof` see to it that none of its programs is wrong.
"""

from microgradrnn.program.compiling import compile  # noqa: A004 - a graph's, as in PyTorch and re
from microgradrnn.program.dialects import REWRITES
from microgradrnn.program.function import Compiled, compiled
from microgradrnn.program.javascript import JavaScript
from microgradrnn.program.jax_program import JaxProgram
from microgradrnn.program.program import Program, Result

__all__ = ["REWRITES", "Compiled", "JavaScript", "JaxProgram", "Program", "Result", "compile", "compiled"]
