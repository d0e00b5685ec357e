"""`step`, `draw`, `page` and `frames`: of an expression such as ``"z*(x+y)"``, or of a trained network and a text.

- `ExpressionCommand`: a command whose argument may begin with a minus. `root_of`: what such a command is given.
"""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import click
import numpy as np

from microgradrnn.cli.commands import Argument, Option
from microgradrnn.cli.common import app, as_typed, examples, refuse, refusing
from microgradrnn.cli.recorded import recorded
from microgradrnn.engine import Node
from microgradrnn.expression import ExpressionError, calculate, graph

SETTINGS = {"ignore_unknown_options": True}
"""An expression may begin with a minus, and is no option for it."""


class ExpressionCommand(click.Command):
    """A command of an expression, which may begin with a minus and a letter that is an option: ``-h * x``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line; a blank before an expression tells it from an option."""
        valued = {name for option in self.params if isinstance(option, click.Option) for name in _valued(option)}
        before = ["", *args]
        told = [
            f" {word}" if re.match(r"-[^-].", word) and last not in valued else word
            for last, word in zip(before, args, strict=False)
        ]
        return super().parse_args(ctx, told)


def _valued(option: click.Option) -> list[str]:
    """The names of an option that a value follows."""
    return [] if option.is_flag else list(option.opts)


def _steps(told: str | None) -> list[int] | None:
    """``"1-3,8"`` as [1, 2, 3, 8]."""
    if told is None:
        return None
    found: dict[int, None] = {}
    for part in told.split(","):
        ends = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        if not ends or int(ends[2] or ends[1]) - int(ends[1]) not in range(MOST_STEPS):
            raise click.BadParameter(f"{told!r} is no list of time steps such as 1,2,8 or 1-3,8")
        found |= dict.fromkeys(range(int(ends[1]), int(ends[2] or ends[1]) + 1))
    return list(found)


MOST_STEPS = 10_000
"""So many time steps a range may have: more than any picture shows."""

ExpressionOrRun = Annotated[str, Argument(metavar="EXPR|RUN", help="The formula, in quotes; with --text a RUN.")]
Text = Annotated[str | None, Option(callback=as_typed, help="What the network of RUN reads and is asked to predict.")]
Values = Annotated[
    list[str] | None,
    Argument(metavar="NAME=VALUE", help="A number, vector [1,2] or matrix [[1,2],[3,4]] for each name."),
]
Quiz = Annotated[bool, Option("--quiz", help="Ask for each gradient before it is shown.")]
Steps = Annotated[
    Any,
    Option(
        "--steps",
        callback=_steps,
        metavar="1,2,8|1-3",
        help="The time steps to draw; all, or the first and the last ones if there are too many.",
        show_default=False,
    ),
]
MaxNodes = Annotated[int, Option("--max-nodes", min=1, help="How many nodes are too many, unless --steps is given.")]

Edges = Annotated[
    Literal["auto", "contribution", "all"],
    Option(help="On each arrow upstream, local and downstream, or what it contributes alone."),
]
Labels = Annotated[
    Literal["ends", "above_below"], Option(help="Numbers on the arrows, or values above and gradients below.")
]
Direction = Annotated[
    Literal["forward", "both"], Option(help="Whether light arrows of the backward pass run beside the others.")
]
Visits = Annotated[bool, Option("--visits", help="Number the boxes in the order of the backward pass.")]


@app.add(
    cls=ExpressionCommand,
    context_settings=SETTINGS,
    epilog=examples(
        'step "z*(x+y)" x=-2 y=5 z=-4',
        'step "tanh(w*x + b)" w=0.5 x=-1.2 b=0.3 --quiz',
        'step "sum(tanh(W @ x))" "W=[[1,2],[3,4]]" "x=[0.1,-0.2]" | less',
        'step "cross_entropy(y, 2)" "y=[1,2,3]"',
        'step "-log(softmax(y)[2])" "y=[1,2,3]"',
        "step run --text hello",
    ),
)
def step(expression: ExpressionOrRun, values: Values = None, text: Text = None, quiz: Quiz = False) -> None:
    """Step through the pass in the terminal, first forward, then backward; piped, print all steps.

    Operators are + - * / @ ** ^, functions tanh sigmoid relu exp log sqrt abs sin cos max min sum,
    of lists softmax and cross_entropy(scores, class); y[2] is an entry. Both count from 0.
    With --text, of a trained network's loss: step RUN --text hello.
    """
    from microgradrnn.viz import step

    root = root_of(expression, values or [], text)
    with np.errstate(all="ignore"):
        step(root, quiz=quiz)


@app.add(
    cls=ExpressionCommand,
    context_settings=SETTINGS,
    epilog=examples(
        'draw "z*(x+y)" x=-2 y=5 z=-4',
        'draw "relu(w*x + b)" w=0.5 x=3 b=1 -o neuron.png',
        'draw "sum(tanh(W @ x))" "W=[[1,2],[3,4]]" "x=[0.1,-0.2]" --level scalar -o numbers.svg',
        'draw "-log(softmax(y)[2])" "y=[1,2,3]" --edges all --visits -o softmax.svg',
        'draw "z*(x+y)" x=-2 y=5 z=-4 --labels above_below --direction both -o chain.svg',
        "draw run --text hello --level cell -o cells.svg",
        "draw run --text hello --steps 1,4 -o steps.svg",
        "draw run --text hello --rolled -o rolled.svg",
        "draw run --text hello --style figure --width 12cm --theme dark -o slide.png",
        "draw run --text hello --style figure -o paper.tex",
    ),
)
def draw(
    expression: ExpressionOrRun,
    values: Values = None,
    text: Text = None,
    out: Annotated[Path, Option("--out", "-o", help="A file: .svg, .png, .pdf, .tex, .html, .dot or .txt.")] = Path(
        "graph.svg"
    ),
    level: Annotated[
        Literal["auto", "network", "cell", "op", "scalar"],
        Option(help="A box for each: the network's parts, cells at each time step, operations, numbers."),
    ] = "auto",
    rolled: Annotated[bool, Option("--rolled", help="All time steps in one, with an arrow back.")] = False,
    steps: Steps = None,
    max_nodes: MaxNodes = 100,
    style: Annotated[
        Literal["full", "figure"], Option(help="Every number; or big and plain, for slides and papers.")
    ] = "full",
    width: Annotated[
        str | None, Option(help="Of a figure, on paper: 16cm unless given, or mm, in, pt.", show_default=False)
    ] = None,
    numbers: Annotated[
        bool | None, Option("--numbers/--no-numbers", help="Of a figure: with values and gradients or without.")
    ] = None,
    path: Annotated[
        str | None,
        Option("--path", metavar="FROM,TO", help="In a figure, light up the ways between two nodes: L_4,h_1."),
    ] = None,
    panel: Annotated[bool | None, Option("--panel/--no-panel", help="How shared weights' gradients add up.")] = None,
    legend: Annotated[bool | None, Option("--legend/--no-legend", help="What the colours mean.")] = None,
    theme: Annotated[
        Literal["light", "dark", "auto"] | None, Option(help="The ground and colours.", show_default=False)
    ] = None,
    edges: Edges = "auto",
    labels: Labels = "ends",
    direction: Direction = "forward",
    visits: Visits = False,
) -> None:
    """Draw the graph with its values and gradients.

    With --text, of a trained network's loss: draw RUN --text hello.
    """
    root = root_of(expression, values or [], text)
    with np.errstate(all="ignore"):
        root.backward()
    from microgradrnn.viz import draw

    _check_time(root, {"--rolled": rolled, "--steps": steps is not None})
    ends = _path(path)
    with refusing():
        drawing = draw(
            root,
            level,
            steps,
            max_nodes,
            rolled,
            edges=edges,
            labels=labels,
            direction=direction,
            visits=visits,
            style=style,
            width=width,
            numbers=numbers,
            path=ends,
            panel=panel,
            legend=legend,
            theme=theme,
        )
        written = drawing.save(out)
    click.echo(written)


def _path(given: str | None) -> tuple[str, str] | None:
    """The two labels of a path."""
    if given is None:
        return None
    first, comma, last = as_typed(given).partition(",")
    if not comma:
        refuse(f"--path is two names with a comma between them, as in L_4,h_1, not {given!r}")
    return first.strip(), last.strip()


@app.add(
    cls=ExpressionCommand,
    context_settings=SETTINGS,
    epilog=examples(
        'page "z*(x+y)" x=-2 y=5 z=-4',
        'page "tanh(w*x + b)^2" w=0.5 x=-1.2 b=0.3 --quiz -o neuron.html',
        "page run --text hello -o hello.html",
        "page run --text hello --steps 1,4 -o ends.html",
    ),
)
def page(
    expression: ExpressionOrRun,
    values: Values = None,
    text: Text = None,
    out: Annotated[Path, Option("--out", "-o", help="The HTML file.")] = Path("page.html"),
    quiz: Quiz = False,
    steps: Steps = None,
    max_nodes: MaxNodes = 300,
    live: Annotated[
        bool | None,
        Option("--live/--recorded", help="Whether numbers can be changed; where they can, unless told."),
    ] = None,
) -> None:
    """Write a page that steps through the pass, forward and backward: one file, to open in any browser.

    With --text, of a trained network's loss: page RUN --text hello.
    """
    root = root_of(expression, values or [], text)
    from microgradrnn.viz import page

    _check_time(root, {"--steps": steps is not None})
    with refusing(), np.errstate(all="ignore"):
        page(root, out, quiz, steps, max_nodes, live="auto" if live is None else live)
    click.echo(out)


@app.add(
    epilog=examples("practice", "practice --seed 7 --each 10 -o practice.html"),
)
def practice(
    out: Annotated[Path, Option("--out", "-o", help="The HTML file.")] = Path("practice.html"),
    seed: Annotated[int, Option(min=0, help="Another seed gives other graphs.")] = 0,
    each: Annotated[int, Option(min=1, max=50, help="How many graphs there are of each level.")] = 4,
) -> None:
    """Write a page of small random graphs whose gradients are to be worked out: one file, to open in any browser.

    It goes from sums and products to softmax with cross-entropy and two steps of a recurrent network, keeps the
    score, and says what kind of mistake a wrong answer was.
    """
    from microgradrnn.viz import practice

    with refusing():
        practice(path=out, seed=seed, each=each)
    click.echo(out)


@app.add(
    cls=ExpressionCommand,
    context_settings=SETTINGS,
    epilog=examples(
        'frames "z*(x+y)" x=-2 y=5 z=-4',
        'frames "tanh(w*x + b)" w=0.5 x=-1.2 b=0.3 --format png -o slides',
        "frames run --text he -o film",
        'frames "z*(x+y)" x=-2 y=5 z=-4 -o slides.html',
        'frames "z*(x+y)" x=-2 y=5 z=-4 --edges all --direction both -o film.svg',
    ),
)
def frames(
    expression: ExpressionOrRun,
    values: Values = None,
    text: Text = None,
    out: Annotated[
        Path,
        Option(
            "--out", "-o", metavar="FOLDER|FILE", help="A folder; or one file: .svg that moves, .html slides, .pdf."
        ),
    ] = Path("frames"),
    format: Annotated[Literal["svg", "png"], Option(help="What kind of pictures.")] = "svg",  # noqa: A002
    steps: Steps = None,
    max_nodes: MaxNodes = 100,
    edges: Edges = "auto",
    labels: Labels = "ends",
    direction: Direction = "forward",
    visits: Visits = False,
) -> None:
    """Write a picture for each visit of the backward pass, for slides or a film: visit_1.svg and so on.

    With --text, of a trained network's loss: frames RUN --text hello.
    """
    root = root_of(expression, values or [], text)
    from microgradrnn.viz import frames

    _check_time(root, {"--steps": steps is not None})
    with refusing(), np.errstate(all="ignore"):
        written = frames(root, out, format, steps, max_nodes, edges, labels, direction, visits)
    if written == [out]:
        click.echo(out)
        return
    click.echo(f"{len(written)} pictures, from {written[0]} to {written[-1].name}")
    others = sorted({path.name for path in out.glob("visit_*")} - {path.name for path in written})
    if others:
        click.echo(f"Warning: {out} holds other pictures too, such as {others[0]}", err=True)


def _check_time(root: Node, asked: Mapping[str, bool]) -> None:
    """Refuse options that are about time steps where there are none."""
    from microgradrnn.viz.passes import forward

    wanted = [option for option, given in asked.items() if given]
    if wanted and not forward(root).steps:
        refuse(f"{wanted[0]} is for graphs with time steps, and this one has none: leave it out, or name a RUN")


def root_of(expression: str, values: Sequence[str], text: str | None, option: str = "--text") -> Node:
    """An expression's result, or the loss of a trained network on a text, which that option gives."""
    if text is None:
        if not values and os.path.exists(expression):
            kind = "folder" if os.path.isdir(expression) else "file"
            refuse(f"{expression} is a {kind}; of a training, {option} says what its network is to read")
        return _record(expression, values)
    if values:
        refuse(f"a network takes no values: {values[0]} belongs to an expression")
    return recorded(Path(expression), text)


def _record(expression: str, values: Sequence[str]) -> Node:
    try:
        return graph(as_typed(expression), _numbers([as_typed(value) for value in values]))
    except ValueError as error:
        if re.fullmatch(r"--[a-z][a-z-]*", expression):
            refuse(f"there is no option {expression}")
        refuse(error)


def _numbers(values: Sequence[str]) -> dict[str, Any]:
    """``["x=-2", "w=[1,2]"]`` as numbers and arrays by name."""
    found: dict[str, Any] = {}
    for value in values:
        name, equals, number = (part.strip() for part in value.partition("="))
        if not equals or not re.fullmatch(r"[^\W\d]\w*", name):
            option = "is no option of this command and " if value.lstrip().startswith("-") else ""
            raise ValueError(f"{value.strip()!r} {option}does not have the form NAME=VALUE, such as x=-2")
        if name in found:
            raise ValueError(f"{name} is given twice: {name}={found[name]} and {value}")
        try:
            found[name] = calculate(number)
        except ExpressionError as error:
            raise ExpressionError(f"the value of {name}: {error.reason}", number, error.position) from error
    return found
