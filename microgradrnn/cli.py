"""The command line: `step`, `draw` and `page` of an expression such as ``"z*(x+y)"``.

What draws is imported by the command that draws, so that help and errors come at once.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import numpy as np
import typer

import microgradrnn
from microgradrnn.engine import Node
from microgradrnn.expression import ExpressionError, calculate, graph

app = typer.Typer(
    help="Record an expression or a recurrent network, and see every gradient on every edge.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help"]},
)

_SETTINGS = {"ignore_unknown_options": True}
"""An expression may begin with a minus, and is no option for it."""


def _examples(*lines: str) -> str:
    r"""The end of a command's help; ``\b`` keeps the lines apart."""
    return "\n".join(["\b", "Examples:", *(f"  microgradrnn {line}" for line in lines)])


Expression = Annotated[str, typer.Argument(metavar="EXPR", help="The formula, in quotes.", show_default=False)]
Values = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME=VALUE", help="A number, vector [1,2] or matrix [[1,2],[3,4]] for each name."),
]
Quiz = Annotated[bool, typer.Option("--quiz", help="Ask for each gradient before it is shown.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"microgradrnn {microgradrnn.__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Record an expression or a recurrent network, and see every gradient on every edge."""


@app.command(
    context_settings=_SETTINGS,
    epilog=_examples(
        'step "z*(x+y)" x=-2 y=5 z=-4',
        'step "tanh(w*x + b)" w=0.5 x=-1.2 b=0.3 --quiz',
        'step "sum(tanh(W @ x))" "W=[[1,2],[3,4]]" "x=[0.1,-0.2]" | less',
    ),
)
def step(expression: Expression, values: Values = None, quiz: Quiz = False) -> None:
    """Step through the backward pass in the terminal, one visit a screen; piped, print all visits.

    Operators are + - * / @ ** ^, functions tanh sigmoid relu exp log sqrt abs max min sum.
    """
    from viz.terminal import step

    root = _record(expression, values or [])
    with np.errstate(all="ignore"):
        step(root, quiz=quiz)


@app.command(
    context_settings=_SETTINGS,
    epilog=_examples(
        'draw "z*(x+y)" x=-2 y=5 z=-4',
        'draw "relu(w*x + b)" w=0.5 x=3 b=1 --out neuron.png',
    ),
)
def draw(
    expression: Expression,
    values: Values = None,
    out: Annotated[Path, typer.Option(help="A file: .svg, .png, .dot or .txt.")] = Path("graph.svg"),
) -> None:
    """Draw the graph with its values and gradients."""
    root = _record(expression, values or [])
    with np.errstate(all="ignore"):
        root.backward()
    from viz import draw

    try:
        typer.echo(draw(root).save(out))
    except (OSError, ValueError) as error:
        _refuse(error)


@app.command(
    context_settings=_SETTINGS,
    epilog=_examples(
        'page "z*(x+y)" x=-2 y=5 z=-4',
        'page "tanh(w*x + b)^2" w=0.5 x=-1.2 b=0.3 --quiz --out neuron.html',
    ),
)
def page(
    expression: Expression,
    values: Values = None,
    out: Annotated[Path, typer.Option(help="The HTML file.")] = Path("page.html"),
    quiz: Quiz = False,
) -> None:
    """Write a page that steps through the backward pass: one file, to open in any browser."""
    root = _record(expression, values or [])
    with np.errstate(all="ignore"):
        root.backward()
    from viz.page import page

    try:
        page(root, out, quiz=quiz)
    except OSError as error:
        _refuse(error)
    typer.echo(out)


def _record(expression: str, values: Sequence[str]) -> Node:
    try:
        return graph(expression, _numbers(values))
    except ValueError as error:
        _refuse(error)


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


def _refuse(error: Exception) -> NoReturn:
    typer.echo(f"Error: {error}", err=True)
    raise typer.Exit(2)
