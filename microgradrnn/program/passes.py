"""The passes that improve a program, in their order: `improved`.

Each is a function of an `IR` that gives an `IR`, changes nothing but rounding, and can be left out. Two more are done
to the lines, when they are written.

- together, gather (`fission`): what leaves the loops. "together" is loop fission, and hoisting of what is invariant:
  what does not wait for the step before is computed for all steps at once. "gather" makes batched weight gradients:
  one matrix product after the loop in place of a sum of one a step. They are the pass that every program needs, as it
  also says what is left to each loop, and they are its options.
- lookup (strength reduction), flatten, buffers, dot (`products`): how matrix products are computed.
- tanh (`functions`): sigmoid(x) is (1 + tanh(x / 2)) / 2.
- buffers (static allocation), while lines are written: what a loop makes in its steps goes into arrays that are kept
  from call to call, not into lists that are stacked.
- in_place (liveness analysis), while lines are written: results are written where there is room: a step's into its row,
  and large ones over arrays that nobody reads any more, or over arrays that are kept. The S - 1[m] of softmax with
  cross-entropy takes 1 off one entry a row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from microgradrnn.program.fission import without_steps
from microgradrnn.program.functions import by_tanh
from microgradrnn.program.ir import IR
from microgradrnn.program.products import dotted, flattened, laid_out, looked_up

REWRITES = ("together", "flatten", "lookup", "gather", "buffers", "in_place", "dot", "tanh")
"""The names by which the passes are asked for."""

_AFTER_LOOPS: dict[str, Callable[[IR], IR]] = {
    "lookup": looked_up,
    "flatten": flattened,
    "buffers": laid_out,
    "dot": dotted,
    "tanh": by_tanh,
}


def improved(ir: IR, rewrites: Collection[str]) -> IR:
    """The same passes, rewritten: what is computed once, and what is left to each loop."""
    ir = without_steps(ir, "together" in rewrites, "gather" in rewrites)
    for name, rewrite in _AFTER_LOOPS.items():
        if name in rewrites:
            ir = rewrite(ir)
    return ir
