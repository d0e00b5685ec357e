"""The command line: what each command writes, and what it says when something is wrong."""

import os
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from click.testing import CliRunner

import microgradrnn
from microgradrnn import cli
from microgradrnn.cli import timing

SCALAR = ["z*(x+y)", "x=-2", "y=5", "z=-4"]


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def python(*arguments, **options):
    return subprocess.run([sys.executable, *arguments], capture_output=True, **options)


def speaking(encoding="utf-8"):
    """The environment of a child process whose console knows this encoding."""
    return {**os.environ, "PYTHONIOENCODING": encoding}


def test_step_tells_every_visit():
    result = run("step", *SCALAR)
    assert result.exit_code == 0
    assert [line for line in result.stdout.splitlines() if line.startswith("visit")] == [
        f"visit {i} of 5" for i in (1, 2, 3, 4, 5)
    ]
    assert "grad        3   from z * (x + y)" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_quiz_without_a_terminal_tells_every_visit_too():
    assert run("step", *SCALAR, "--quiz").stdout == run("step", *SCALAR).stdout


def test_an_expression_may_begin_with_a_minus():
    result = run("step", "-x*y", "x=2", "y=3")
    assert result.exit_code == 0
    assert "−2 × 3 = −6" in result.stdout


def test_arrays_and_arithmetic_as_values():
    result = run("step", "sum(W @ x) * a", "W=[[1,2],[3,4]]", "x=[1,-1]", "a=1/4")
    assert result.exit_code == 0
    assert "= −0.5" in result.stdout  # (1 − 2 + 3 − 4) / 4


@pytest.mark.parametrize(("ending", "begins"), [("svg", b"<svg"), ("png", b"\x89PNG"), ("dot", b"digraph")])
def test_draw_writes_what_the_ending_says_and_prints_where(tmp_path, ending, begins):
    out = tmp_path / f"graph.{ending}"
    result = run("draw", *SCALAR, "--out", str(out))
    assert (result.exit_code, result.stdout) == (0, f"{out}\n")
    assert out.read_bytes().startswith(begins)


def test_a_drawing_shows_gradients_and_its_name_is_graph_svg_unless_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("draw", *SCALAR).stdout == "graph.svg\n"
    drawn = "".join(ElementTree.parse("graph.svg").getroot().itertext())
    assert "−12" in drawn
    assert "grad −4" in drawn


def test_page_writes_one_html_file(tmp_path):
    out = tmp_path / "page.html"
    result = run("page", *SCALAR, "--out", str(out), "--quiz")
    assert (result.exit_code, result.stdout) == (0, f"{out}\n")
    assert "<html" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize("expression", ["-h*x", "-o*x", "--h*x", "-h"])
def test_an_expression_may_begin_as_an_option_does(expression):
    names = [f"{name}=2" for name in "hox" if name in expression]
    result = run("step", f" {expression}" if expression == "-h" else expression, *names)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("forward step 1 of ")


def test_the_value_of_an_option_may_begin_with_a_minus(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("draw", *SCALAR, "-o", "-a.dot").exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["-a.dot"]


def test_a_folder_of_frames_that_is_a_file_is_an_error_too(tmp_path):
    (tmp_path / "film").touch()
    result = run("frames", *SCALAR, "--out", tmp_path / "film")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")


@pytest.mark.parametrize("command", ["step", "draw", "page", "frames"])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["z*(x+", "x=1", "z=2"], ["missing", "  z*(x+\n       ^"]),
        (["z*x", "x=1"], ["z has no value", "  z*x\n  ^"]),
        (["2*x", "x=1", "y=2"], ["y is given"]),
        (["2*x", "x"], ["'x' does not have the form NAME=VALUE"]),
        (["2*x", "x=1", "--quizz"], ["'--quizz' is no option of this command and does not have the form"]),
        (["2*x", "-x=1"], ["'-x=1' is no option of this command and does not have the form"]),
        (["--quizz", "2*x", "x=1"], ["there is no option --quizz"]),
        (["2*x", "x=1", "x=2"], ["x is given twice"]),
        (["2*x", "x=3a"], ["the value of x", "  3a\n   ^"]),
        (["2*x", "x="], ["the value of x"]),
        (["2*x", "x=[1,2]"], ["shape (2,)", "sum(...)"]),
        (["2*3"], ["no operation on a name"]),
        (["(" * 5000 + "x", "x=1"], ["deep"]),
    ],
)
def test_what_is_wrong_is_said_and_ends_with_2(command, arguments, said):
    result = run(command, *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    for part in said:
        assert part in result.stderr


def test_a_drawing_of_an_unknown_kind_is_refused(tmp_path):
    result = run("draw", *SCALAR, "--out", str(tmp_path / "graph.xyz"))
    assert result.exit_code == 2
    assert ".svg" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rolled"], "--rolled is for graphs with time steps, and this one has none: leave it out, or name a RUN"),
        (["--steps", "1"], "--steps is for graphs with time steps"),
        (["--steps", "1;2"], "'1;2' is no list of time steps such as 1,2,8 or 1-3,8"),
        (["--steps", "3-1"], "'3-1' is no list of time steps"),
        (["--steps", "1-999999999"], "is no list of time steps"),
        (["--max-nodes", "0"], "--max-nodes"),
        (["--level", "neuron"], "'auto', 'network', 'cell', 'op', 'scalar'"),
    ],
)
def test_an_option_that_does_not_fit_is_refused_and_the_remedy_named(tmp_path, options, said):
    result = run("draw", *SCALAR, *options, "-o", tmp_path / "graph.svg")
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_drawing_may_be_of_numbers(tmp_path):
    """Four products of two numbers, a sum of two of them for each row, and the sum of these."""
    product, out = ["sum(W @ x)", "W=[[1,2],[3,4]]", "x=[0.5,-1]"], tmp_path / "numbers.dot"
    assert run("draw", *product, "--level", "scalar", "-o", out).exit_code == 0
    assert out.read_text(encoding="utf-8").count(" -> ") == 4 * 2 + 2 * 2 + 2


def test_a_drawing_of_few_nodes_says_how_many_it_leaves_out(tmp_path):
    assert run("draw", *SCALAR, "--max-nodes", "2", "-o", tmp_path / "few.svg").exit_code == 0
    assert "3 of 5 nodes" in (tmp_path / "few.svg").read_text(encoding="utf-8")


def test_a_pdf_without_its_package_says_in_a_line_what_to_install_and_ends_with_1(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "svglib.svglib", None)
    result = run("draw", *SCALAR, "--out", tmp_path / "graph.pdf")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert result.stderr.startswith("Error: ")
    assert 'pip install "microgradrnn[pdf]"' in result.stderr
    assert not list(tmp_path.iterdir())


def test_frames_writes_a_picture_a_visit_and_remarks_on_others_that_are_there(tmp_path):
    result = run("frames", *SCALAR, "--format", "png", "-o", tmp_path / "film")
    assert (result.exit_code, result.stderr) == (0, "")
    names = [f"visit_{i}.png" for i in (1, 2, 3, 4, 5)]
    assert sorted(path.name for path in (tmp_path / "film").iterdir()) == names
    assert all((tmp_path / "film" / name).read_bytes().startswith(b"\x89PNG") for name in names)
    assert result.stdout == f"5 pictures, from {tmp_path / 'film' / 'visit_1.png'} to visit_5.png\n"
    result = run("frames", "2*x", "x=1", "-o", tmp_path / "film")
    assert (result.exit_code, "such as visit_1.png" in result.stderr) == (0, True)


@pytest.mark.parametrize("command", [*cli.__all__, ""])
def test_h_is_help_and_o_is_out(command):
    name = [{"evaluate_": "eval", "app": ""}.get(command, command)] if command not in ("", "app") else []
    told = run(*name, "-h")
    assert told.exit_code == 0
    assert told.stdout == run(*name, "--help").stdout
    assert ("--out" in told.stdout) == ("-o, --out " in told.stdout)


@pytest.mark.parametrize("command", ["draw", "page", "frames"])
def test_a_file_that_cannot_be_written_is_an_error_without_a_traceback(tmp_path, command):
    out = tmp_path / "graph.svg"
    out.mkdir()
    result = run(command, *SCALAR, "--out", str(out))
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")


@pytest.mark.parametrize("command", ["step", "draw", "page", "frames"])
def test_help_has_examples_that_run(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    told = run(command, "--help").stdout
    examples = [line.strip() for line in told.splitlines() if line.strip().startswith(f"microgradrnn {command} ")]
    examples = [example for example in examples if " run " not in example]  # cli/test_runs runs those
    assert len(examples) >= 2
    for example in examples:
        program, *arguments = shlex.split(example.removesuffix(" | less"))
        result = run(*arguments)
        assert (program, result.exit_code) == ("microgradrnn", 0), result.output


def test_the_folder_of_a_training_without_a_text_is_an_error_that_names_what_is_missing(tmp_path):
    result = run("draw", str(tmp_path))
    assert result.exit_code == 2
    assert "--text says what its network is to read" in result.stderr


def test_bench_runs_the_benchmarks_of_a_checkout_and_ends_as_they_do(monkeypatch, tmp_path, capfd):
    (tmp_path / "benchmarks").mkdir()
    program = "import sys; print(sys.argv[1:]); sys.exit(3)"
    (tmp_path / "benchmarks" / "__init__.py").touch()
    (tmp_path / "benchmarks" / "__main__.py").write_text(program, encoding="utf-8")
    monkeypatch.setattr(timing, "CHECKOUT", tmp_path)
    assert run("bench", "scalar", "chain").exit_code == 3
    assert capfd.readouterr().out.strip() == "['scalar', 'chain']"


def test_this_checkout_has_benchmarks():
    assert (timing.CHECKOUT / "benchmarks" / "__main__.py").samefile(
        Path(__file__).parents[1] / "benchmarks/__main__.py"
    )


def test_bench_says_in_one_line_where_they_are_if_there_are_none(monkeypatch, tmp_path):
    monkeypatch.setattr(timing, "CHECKOUT", tmp_path)
    result = run("bench")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "in a checkout of the repository, run python -m benchmarks" in result.stderr


def test_version():
    assert run("--version").stdout == f"microgradrnn {microgradrnn.__version__}\n"


def test_python_m_is_the_same_command():
    result = python("-m", "microgradrnn", "step", *SCALAR, encoding="utf-8", env=speaking())
    assert (result.returncode, result.stdout) == (0, run("step", *SCALAR).stdout)


def test_a_pipe_that_knows_no_minus_gets_a_hyphen():
    result = python("-m", "microgradrnn", "step", *SCALAR, env=speaking("ascii"))
    assert result.returncode == 0
    assert b"-4 x 3 = -12" in result.stdout


def test_numbers_that_run_off_make_no_noise():
    result = python("-W", "error", "-m", "microgradrnn", "step", "sqrt(x)", "x=0", env=speaking(), encoding="utf-8")
    assert (result.returncode, result.stderr) == (0, "")
    assert "inf" in result.stdout


def test_help_comes_without_what_only_drawing_needs():
    program = (
        "import sys; from click.testing import CliRunner; from microgradrnn.cli import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "print(sorted({'matplotlib', 'viz', 'wasmtime', 'graphviz', 'resvg_py'} & set(sys.modules)))"
    )
    assert python("-c", program, encoding="utf-8").stdout == "[]\n"


def test_a_shell_can_complete_the_commands():
    asked = {"_MICROGRADRNN_COMPLETE": "bash_complete", "COMP_WORDS": "microgradrnn dr", "COMP_CWORD": "1"}
    result = python("-m", "microgradrnn", encoding="utf-8", env={**speaking(), **asked})
    assert result.stdout.split() == ["plain,draw"]


def test_how_to_complete_is_told_in_help_and_readme():
    readme = Path(__file__).parents[1] / "README.md"
    for told in (run("--help").stdout, readme.read_text(encoding="utf-8")):
        assert "completion" in told


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_what_teaches_a_shell_asks_the_program_by_the_variable_that_it_answers_to(shell):
    told = run("completion", shell)
    assert told.exit_code == 0
    assert "_MICROGRADRNN_COMPLETE" in told.stdout
    assert f"{shell}_complete" in told.stdout


def test_program_prints_source_that_runs_alone_and_gives_the_numbers_of_the_chain_rule():
    space: dict = {}
    exec(run("program", "z*(x+y)", "x=-2", "y=5", "z=-4").stdout, space)
    assert space["forward_backward"](-2.0, 5.0, -4.0)[:2] == (-12.0, {"x": -4.0, "y": -4.0, "z": 3.0})
