"""`program`: an expression's backward pass, or a trained network's, as source."""

from pathlib import Path
from typing import Annotated

import click
import numpy as np

from microgradrnn.cli.commands import Option
from microgradrnn.cli.common import app, examples, refuse, refusing, trained
from microgradrnn.cli.expressions import SETTINGS, ExpressionCommand, ExpressionOrRun, Values, root_of
from microgradrnn.engine import Tensor
from microgradrnn.program import REWRITES, Program, compile  # noqa: A004 - a graph's, as in PyTorch and re


@app.add(
    cls=ExpressionCommand,
    context_settings=SETTINGS,
    epilog=examples(
        'program "z*(x+y)" x=-2 y=5 z=-4',
        'program "sum(tanh(W @ x))" "W=[[1,2],[3,4]]" "x=[0.1,-0.2]" -o by_hand.py',
        "program run --steps 3",
    ),
)
def program(
    expression: ExpressionOrRun,
    values: Values = None,
    steps: Annotated[int | None, Option(min=2, help="Of a RUN: how many its network reads.")] = None,
    plain: Annotated[bool, Option("--plain", help="As derived: loops as they were recorded.")] = False,
    out: Annotated[Path | None, Option("--out", "-o", help="A file, such as program.py; else it is printed.")] = None,
) -> None:
    """Print the backward pass as Python source that runs alone: on floats, or with NumPy.

    With --steps, of a trained network's loss: program RUN --steps 25.
    """
    if steps is not None and values:
        refuse(f"a network takes no values: {values[0]} belongs to an expression")
    rewrites = () if plain else REWRITES
    with np.errstate(all="ignore"):
        found = (
            _of_run(Path(expression), steps, rewrites)
            if steps is not None
            else compile(root_of(expression, values or [], None, "--steps"), rewrites=rewrites)
        )
    if out is None:
        click.echo(found.source, nl=False)
        return
    with refusing():
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(found.source, encoding="utf-8")
    click.echo(out)


def _of_run(run: Path, steps: int, rewrites: tuple[str, ...]) -> Program:
    """Of the loss of a trained network over so many steps."""
    try:
        model = trained(run).model()
    except ValueError as error:
        refuse(error)
    tokens, targets = (Tensor(np.zeros((steps, 1), int), label=label) for label in ("tokens", "targets"))
    loss, _ = model.loss(tokens, targets, reduction="sum")
    return compile(loss, [tokens, targets], rewrites=rewrites)
