"""What all commands share: the program that they belong to, how their help ends, and how they refuse.

Every command ends with 0 where all went well, 2 where something else should have been asked for, 1 where something
went wrong on the way, 130 on Ctrl-C, and 141 where nobody reads what it prints any more.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import click

import microgradrnn
from microgradrnn.cli.commands import Argument, Commands, Option, parameters
from microgradrnn.console import ending_with_the_reader, nobody_reads, replacing
from microgradrnn.training import Checkpoint, Run


class Program(Commands):
    """The program as a whole: all that its commands, their help and their errors print goes through here."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command line."""
        with replacing(), ending_with_the_reader():
            return super().main(*args, **kwargs)

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the command line; here the program's own help is printed."""
        with ending_with_the_reader():  # else Click ends with 1 where nobody reads
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; Ctrl-C ends it with 130, as shells expect, where Click says 1."""
        try:
            with ending_with_the_reader():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(130) from None


def _show_version(wanted: bool) -> None:
    if wanted:
        click.echo(f"microgradrnn {microgradrnn.__version__}")
        if stranger := other_viz():
            click.echo(f"'import viz' gives {stranger}, which is not microgradrnn's: import microgradrnn.viz")
        raise click.exceptions.Exit


def _main(
    version: Annotated[
        bool,
        Option("--version", callback=_show_version, is_eager=True, show_default=False, help="Show the version."),
    ] = False,
) -> None:
    """Record an expression or a recurrent network, and see every gradient on every edge."""


app = Program(
    "microgradrnn",
    callback=_main,
    params=parameters(_main),
    help=_main.__doc__,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Typed = TypeVar("Typed", str, None)

RunFolder = Annotated[Path, Argument(metavar="RUN", help="The folder of a training, or a checkpoint file.")]

WHAT_IT_READS = "What the network reads and is asked to predict."


def other_viz() -> str | None:
    """The file or folder that ``import viz`` gives, where it is not the one beside this package."""
    found = find_spec("viz")
    home = Path(microgradrnn.__file__).parents[1] / "viz"
    if found is None or (found.origin and Path(found.origin) == home / "__init__.py"):
        return None
    return found.origin or str(next(iter(found.submodule_search_locations or ()), "something else"))


def examples(*lines: str) -> str:
    r"""The end of a command's help; ``\b`` keeps the lines apart."""
    return "\n".join(["\b", "Examples:", *(f"  microgradrnn {line}" for line in lines)])


def to_paste(*arguments: object) -> str:
    """A command line of ours, quoted for the shell."""
    quoted = subprocess.list2cmdline if os.name == "nt" else shlex.join
    return quoted(["microgradrnn", *map(str, arguments)])


def as_typed(text: Typed) -> Typed:
    r"""A text from the command line. Where the locale's encoding lacks its characters, its bytes are taken for UTF-8.

    Paths need no such thing: Python hands the same bytes on to the system.

    >>> as_typed("caf\udcc3\udca9"), as_typed("café")
    ('café', 'café')
    """
    return text and text.encode(errors="surrogateescape").decode(errors="replace")


SaidText = Annotated[str, Option(callback=as_typed, help=WHAT_IT_READS, show_default=False)]


def refuse(error: Exception | str, code: int = 2) -> NoReturn:
    """Say what is wrong and end: with 2 where it is what was asked for, with 1 where it came up on the way."""
    if isinstance(error, OSError) and nobody_reads(error):
        raise error
    said = str(error)
    if isinstance(error, OSError) and error.filename is not None:
        said = f"{error.filename}: {error.strerror}"
    elif isinstance(error, ValueError):
        said = re.sub(r"^\w+: ", "", said)  # the name of the function that it came up in
    click.echo(f"Error: {said}", err=True)
    raise click.exceptions.Exit(code)


@contextmanager
def refusing() -> Iterator[None]:
    """Say on a line what is wrong, where it is a value or a file, or a package or a program that is missing."""
    try:
        yield
    except (OSError, ValueError) as error:
        refuse(error)
    except RuntimeError as error:
        refuse(error, code=1)


def trained(run: Path) -> Checkpoint:
    """What a training has come to: its best on what was held out, where something was."""
    try:
        if run.is_file():
            return Checkpoint.load(run)
        if not Run(run).exists:
            refuse(f"there is no training in {run}; start one with: {to_paste('train', 'TEXT', '--out', run)}")
        return Run(run).best()
    except (OSError, ValueError) as error:
        refuse(error)
