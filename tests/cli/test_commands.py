"""Commands made of functions: what their parameters become on the command line."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from click.testing import CliRunner

from microgradrnn.cli.commands import Argument, Commands, Option


@pytest.fixture
def told():
    """A program of one command, and what that command was called with."""
    called = []
    program = Commands("program")

    @program.add("go")
    def go(
        run: Annotated[Path, Argument(metavar="RUN", help="A folder.")],
        names: Annotated[list[str] | None, Argument(metavar="NAME", help="Names.")] = None,
        count: Annotated[int, Option(min=1, max=9, help="A count.")] = 3,
        rate: Annotated[float | None, Option(min=0, help="A rate.")] = None,
        kind: Annotated[Literal["a", "b"], Option(help="A kind.")] = "a",
        out_file: Annotated[Path | None, Option("--out", "-o", help="A file.")] = None,
        fast: Annotated[bool | None, Option("--fast/--slow", help="A speed.")] = None,
        word: Annotated[str, Option(callback=str.upper, help="A word.")] = "",
        limit: Annotated[float | None, Option(parser=lambda text: float(text) * 2, help="A limit.")] = None,
    ) -> None:
        """Go."""
        called.append({**locals()})

    @program.add()
    def first() -> None:
        """Stand second, though its letter is before."""

    def run(*arguments):
        result = CliRunner().invoke(program, ["go", *arguments])
        return result, {name: value for name, value in called[-1].items() if name != "called"} if called else None

    run.program = program
    return run


def test_what_is_not_given_has_the_defaults(told):
    _, given = told("folder")
    assert given == {
        **{"run": Path("folder"), "count": 3, "rate": None, "kind": "a", "out_file": None, "fast": None},
        **{"word": "", "limit": None, "names": ()},
    }


def test_what_is_given_has_the_type_of_the_parameter(told):
    options = ["--count", "9", "--rate", "0.5", "--kind", "b", "-o", "f", "--slow", "--word", "no", "--limit", "4"]
    _, given = told("folder", "x", "y", *options)
    assert given == {
        **{"run": Path("folder"), "count": 9, "rate": 0.5, "kind": "b", "out_file": Path("f"), "fast": False},
        **{"word": "NO", "limit": 8.0, "names": ("x", "y")},
    }


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([], "Missing argument 'RUN'"),
        (["folder", "--count", "0"], "0 is not in the range 1<=x<=9"),
        (["folder", "--count", "2.5"], "'2.5' is not a valid integer"),
        (["folder", "--rate", "-1"], "-1.0 is not in the range x>=0"),
        (["folder", "--kind", "c"], "'c' is not one of 'a', 'b'"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_called(told, wrong, said):
    result, given = told(*wrong)
    assert result.exit_code == 2
    assert said in result.output
    assert given is None


def test_help_tells_arguments_options_and_defaults(told):
    result, _ = told("--help")
    for part in (
        "RUN        A folder.",
        "[NAME]...  Names.",
        "[default: 3; 1<=x<=9]",
        "-o, --out PATH",
        "--fast / --slow",
    ):
        assert part in result.output, part
    assert result.output.startswith("Usage: program go [OPTIONS] RUN [NAME]...")


def test_commands_stand_in_the_order_in_which_they_were_added(told):
    assert list(told.program.list_commands(None)) == ["go", "first"]
