"""The passes that improve a program, in their order: `improved`, from IR to IR, and `arranged`, of its statements.

Each is a function that gives what it takes, an `IR` or a `Body`, and changes nothing but rounding. The names in
`REWRITES` say which are done:

- together, gather: options of the first pass (`fission`), which every program needs, as it says what is left to each
  loop. "together" is loop fission, and hoisting of what is invariant: what does not wait for the step before is
  computed for all steps at once. "gather" makes batched weight gradients: one matrix product after the loop in place
  of a sum of one a step.
- lookup (strength reduction), flatten, dot: passes over matrix products (`products`).
- buffers (static allocation): large products go into arrays that are kept from call to call (`products`). Of
  statements: so does what a loop makes in its steps, which otherwise goes into lists that are stacked.
- tanh: sigmoid(x) is (1 + tanh(x / 2)) / 2 (`functions`).
- in_place (liveness analysis), of statements: results are written where there is room: a step's into its row, and large
  ones over arrays that nobody reads any more, or over arrays that are kept. The S - 1[m] of softmax with cross-entropy
  takes 1 off one entry a row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from microgradrnn.program.fission import without_steps
from microgradrnn.program.functions import by_tanh
from microgradrnn.program.in_place import in_place, kept
from microgradrnn.program.ir import IR
from microgradrnn.program.products import dotted, flattened, laid_out, looked_up
from microgradrnn.program.statements import Body

REWRITES = ("together", "flatten", "lookup", "gather", "buffers", "in_place", "dot", "tanh")
"""The names by which the passes are asked for."""

_AFTER_LOOPS: dict[str, Callable[[IR], IR]] = {
    "lookup": looked_up,
    "flatten": flattened,
    "buffers": laid_out,
    "dot": dotted,
    "tanh": by_tanh,
}
_OF_STATEMENTS: dict[str, Callable[[Body], Body]] = {"buffers": kept, "in_place": in_place}


def improved(ir: IR, rewrites: Collection[str]) -> IR:
    """Forward and backward as `rewrites` leave them: what is computed once, and what is left to each loop."""
    if not ir.settled:
        ir = without_steps(ir, "together" in rewrites, "gather" in rewrites)
    for name, rewrite in _AFTER_LOOPS.items():
        if name in rewrites:
            ir = rewrite(ir)
    return ir


def arranged(body: Body, rewrites: Collection[str]) -> Body:
    """The statements as `rewrites` leave them: which lines there are, and what arrays they write into."""
    for name, rewrite in _OF_STATEMENTS.items():
        if name in rewrites:
            body = rewrite(body)
    return body
