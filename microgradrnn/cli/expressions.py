"""`step`, `draw` and `page`: of an expression such as ``"z*(x+y)"``, or of a trained network and a piece of text."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from microgradrnn.cli.common import app, as_typed, examples, refuse
from microgradrnn.cli.recorded import recorded
from microgradrnn.engine import Node
from microgradrnn.expression import ExpressionError, calculate, graph

SETTINGS = {"ignore_unknown_options": True}
"""An expression may begin with a minus, and is no option for it."""


Expression = Annotated[str, typer.Argument(metavar="EXPR", help="The formula, in quotes.", show_default=False)]
ExpressionOrRun = Annotated[
    str, typer.Argument(metavar="EXPR", help="The formula, in quotes; with --text a RUN.", show_default=False)
]
Text = Annotated[
    str | None, typer.Option(callback=as_typed, help="What the network of RUN reads and is asked to predict.")
]
Values = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME=VALUE", help="A number, vector [1,2] or matrix [[1,2],[3,4]] for each name."),
]
Quiz = Annotated[bool, typer.Option("--quiz", help="Ask for each gradient before it is shown.")]


@app.command(
    context_settings=SETTINGS,
    epilog=examples(
        'step "z*(x+y)" x=-2 y=5 z=-4',
        'step "tanh(w*x + b)" w=0.5 x=-1.2 b=0.3 --quiz',
        'step "sum(tanh(W @ x))" "W=[[1,2],[3,4]]" "x=[0.1,-0.2]" | less',
    ),
)
def step(expression: Expression, values: Values = None, quiz: Quiz = False) -> None:
    """Step through the backward pass in the terminal, one visit a screen; piped, print all visits.

    Operators are + - * / @ ** ^, functions tanh sigmoid relu exp log sqrt abs max min sum.
    """
    from viz.step import step

    root = _record(expression, values or [])
    with np.errstate(all="ignore"):
        step(root, quiz=quiz)


@app.command(
    context_settings=SETTINGS,
    epilog=examples(
        'draw "z*(x+y)" x=-2 y=5 z=-4',
        'draw "relu(w*x + b)" w=0.5 x=3 b=1 --out neuron.png',
    ),
)
def draw(
    expression: ExpressionOrRun,
    values: Values = None,
    text: Text = None,
    out: Annotated[Path, typer.Option(help="A file: .svg, .png, .dot or .txt.")] = Path("graph.svg"),
) -> None:
    """Draw the graph with its values and gradients.

    With --text, of a trained network's loss: draw RUN --text hello.
    """
    root = root_of(expression, values or [], text)
    with np.errstate(all="ignore"):
        root.backward()
    from viz import draw

    try:
        typer.echo(draw(root).save(out))
    except (OSError, ValueError) as error:
        refuse(error)


@app.command(
    context_settings=SETTINGS,
    epilog=examples(
        'page "z*(x+y)" x=-2 y=5 z=-4',
        'page "tanh(w*x + b)^2" w=0.5 x=-1.2 b=0.3 --quiz --out neuron.html',
    ),
)
def page(
    expression: ExpressionOrRun,
    values: Values = None,
    text: Text = None,
    out: Annotated[Path, typer.Option(help="The HTML file.")] = Path("page.html"),
    quiz: Quiz = False,
) -> None:
    """Write a page that steps through the backward pass: one file, to open in any browser.

    With --text, of a trained network's loss: page RUN --text hello.
    """
    root = root_of(expression, values or [], text)
    with np.errstate(all="ignore"):
        root.backward()
    from viz.page import page

    try:
        page(root, out, quiz=quiz)
    except OSError as error:
        refuse(error)
    typer.echo(out)


def root_of(expression: str, values: Sequence[str], text: str | None, option: str = "--text") -> Node:
    """An expression's result, or the loss of a trained network on a text, which that option gives."""
    if text is None:
        if not values and os.path.isdir(expression):
            refuse(f"{expression} is a folder; of a training, {option} says what its network is to read")
        return _record(expression, values)
    if values:
        refuse(f"a network takes no values: {values[0]} belongs to an expression")
    return recorded(Path(expression), text)


def _record(expression: str, values: Sequence[str]) -> Node:
    try:
        return graph(as_typed(expression), _numbers([as_typed(value) for value in values]))
    except ValueError as error:
        refuse(error)


def _numbers(values: Sequence[str]) -> dict[str, Any]:
    """``["x=-2", "w=[1,2]"]`` as numbers and arrays by name."""
    found: dict[str, Any] = {}
    for value in values:
        name, equals, number = (part.strip() for part in value.partition("="))
        if not equals or not re.fullmatch(r"[^\W\d]\w*", name):
            raise ValueError(f"{value!r} does not have the form NAME=VALUE, such as x=-2")
        if name in found:
            raise ValueError(f"{name} is given twice: {name}={found[name]} and {value}")
        try:
            found[name] = calculate(number)
        except ExpressionError as error:
            raise ExpressionError(f"the value of {name}: {error.reason}", number, error.position) from error
    return found
