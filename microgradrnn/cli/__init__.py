"""The command line.

- `step`, `draw`, `page` and `frames` of an expression such as ``"z*(x+y)"``, or of a trained network; `practice`.
- `train`, and then `sample`, `eval`, `flow`, `messages`, `check` and `export` what was trained.
- `program`: the backward pass of either as source.
- `bench`, which runs the benchmarks of a checkout; `completion`, which teaches a shell all of these.

What a command alone needs is imported by that command, so that help and errors come at once.
"""

from microgradrnn.cli.common import app
from microgradrnn.cli.completion import completion
from microgradrnn.cli.expressions import draw, frames, page, practice, step
from microgradrnn.cli.messages import messages
from microgradrnn.cli.program import program
from microgradrnn.cli.runs import check, diagnose, evaluate_, export, flow, sample
from microgradrnn.cli.timing import bench
from microgradrnn.cli.train import train

__all__ = [
    "app",
    "bench",
    "check",
    "completion",
    "diagnose",
    "draw",
    "evaluate_",
    "export",
    "flow",
    "frames",
    "messages",
    "page",
    "practice",
    "program",
    "sample",
    "step",
    "train",
]
