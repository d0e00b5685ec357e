"""`draw --style figure` and films: what they write, and what they refuse in one line."""

import re

import pytest
from click.testing import CliRunner

from microgradrnn import cli

EXPRESSION = ("z*(x+y)", "x=-2", "y=5", "z=-4")


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


@pytest.mark.parametrize(("ending", "begins"), [("svg", b"<svg"), ("tex", b"%"), ("pdf", b"%PDF"), ("png", b"\x89PNG")])
def test_a_figure_is_written_as_its_name_says(tmp_path, ending, begins):
    out = tmp_path / f"figure.{ending}"
    result = run("draw", *EXPRESSION, "--style", "figure", "--width", "12cm", "--theme", "dark", "-o", out)
    assert (result.exit_code, result.stdout) == (0, f"{out}\n")
    assert out.read_bytes().startswith(begins)


def test_options_reach_the_figure(tmp_path):
    def drawn(*options):
        run("draw", *EXPRESSION, "--style", "figure", *options, "-o", tmp_path / "f.svg")
        return (tmp_path / "f.svg").read_text(encoding="utf-8")

    assert 'width="9.0000cm"' in drawn("--width", "9cm")
    assert ">−12<" in drawn("--numbers")
    assert ">−12<" not in drawn("--no-numbers")
    assert "s-lit" in drawn("--path", "x + y, x")
    assert "■ input" in drawn("--legend")
    assert "■ input" not in drawn("--no-legend")
    assert "#16181d" in drawn("--theme", "dark")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--style", "figure", "--width", "1cm"), r"ask for a width of at least \d[\d.]*cm, fewer nodes"),
        (("--style", "figure", "--width", "wide"), "'wide' is no length: write a number and cm, mm, in, pt"),
        (("--width", "9cm"), "width= goes with style='figure'"),
        (("--style", "figure", "--path", "x"), "--path is two names with a comma between them"),
        (("--style", "figure", "--path", "x,y"), "no way leads from 'x' to 'y'"),
        (("--style", "figure", "--path", "x,nobody"), "no node is called 'nobody'; there are x, x \\+ y, y, z"),
        (("-o", "f.tex"), "only a figure is written as TikZ"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line_and_nothing_is_written(tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    result = run("draw", *EXPRESSION, *options)
    assert result.exit_code == 2
    assert re.search(said, result.stderr)
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", ["svg", "html", "pdf"])
def test_frames_are_one_file_where_the_name_says_so(tmp_path, ending):
    out = tmp_path / f"film.{ending}"
    result = run("frames", *EXPRESSION, "-o", out)
    assert (result.exit_code, result.stdout) == (0, f"{out}\n")
    assert out.stat().st_size > 1000


def test_practice_writes_a_page(tmp_path):
    out = tmp_path / "p.html"
    result = run("practice", "--seed", 3, "--each", 1, "-o", out)
    assert (result.exit_code, result.stdout) == (0, f"{out}\n")
    assert out.read_text(encoding="utf-8").count("<article") == 7
    assert run("practice", "--each", 0).exit_code == 2
