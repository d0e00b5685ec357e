"""Every command on consoles and pipes that lack some characters, and on pipes that nobody reads any more."""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from microgradrnn import Value, cli
from microgradrnn.console import ending_with_the_reader, replacing
from microgradrnn.training import Run
from viz import step

TEXT = "книга: café — naïve 天地\n" * 20
NEXT = "--- next ---"
DRIVER = """
import sys
sys.modules["torch"] = None  # it takes seconds to import, and has no part in this
from pathlib import Path
from microgradrnn import cli
from microgradrnn.cli import timing

timing.CHECKOUT = Path("nothing")
arguments, codes = sys.argv[1:], []
while arguments:
    end = arguments.index("--- next ---")
    try:
        cli.app(arguments[:end], prog_name="microgradrnn")
    except SystemExit as ended:
        codes.append(str(ended.code or 0))
    print("=" * 20, ascii(arguments[0]), codes[-1])
    arguments = arguments[end + 1:]
Path("codes").write_text(" ".join(codes))
"""
SMALL = ["--hidden", "4", "--layers", "1", "--seq-length", "8", "--batch-size", "4", "--epochs"]
COMMANDS = [
    (0, ["train", "книга.txt", "--out", "бег", *SMALL, "1"]),
    (0, ["train", "книга.txt", "--out", "бег", "--resume", "--epochs", "2"]),
    (0, ["train", "книга.txt", "--out", "бег", "--resume"]),
    (2, ["train", "нет.txt", "--out", "бег", "--resume"]),
    (2, ["train", "книга.txt", "--out", "бег"]),
    (0, ["sample", "бег", "--length", "100", "--temperature", "9"]),
    (0, ["sample", "бег", "--prime", "книга", "--length", "9"]),
    (2, ["sample", "бег", "--prime", "ß→"]),
    (0, ["eval", "бег", "книга.txt"]),
    (2, ["eval", "бег", "бег"]),
    (0, ["flow", "бег", "--text", "книга 天", "--out", "поток.svg"]),
    (0, ["diagnose", "бег", "--text", "книга 天", "--out", "диагноз.svg"]),
    (2, ["diagnose", "бег"]),
    (0, ["train", "книга.txt", "--out", "вид", *SMALL, "1", "--watch", "5"]),
    (0, ["diagnose", "вид", "--out", "вид.svg"]),
    (0, ["check", "бег", "--text", "книга"]),
    (0, ["export", "бег", "--out", "веса.safetensors"]),
    (0, ["program", "бег", "--steps", "2"]),
    (0, ["program", "бег", "--steps", "2", "--out", "программа.py"]),
    (0, ["draw", "бег", "--text", "книга 天", "--out", "граф.svg"]),
    (0, ["page", "бег", "--text", "книга 天", "--out", "страница.html"]),
    (0, ["frames", "бег", "--text", "кн", "--out", "кино"]),
    (0, ["step", "бег", "--text", "кн"]),
    (0, ["step", "µ*х + tanh(µ)", "µ=2", "х=-3"]),
    (0, ["draw", "µ*х", "µ=2", "х=-3", "--out", "µ.svg"]),
    (0, ["page", "µ*х", "µ=2", "х=-3", "--out", "µ.html"]),
    (0, ["program", "µ*х", "µ=2", "х=-3"]),
    (2, ["step", "µ*х", "µ=2"]),
    (2, ["draw", "x*2", "x=1", "--out", "граф.книга"]),
    (2, ["нет"]),
    (2, ["train", "--книга"]),
    (2, ["sample", "нет"]),
    (1, ["bench", "книга"]),
    *((0, [*command, "--help"]) for command in ([], ["train"], ["sample"], ["eval"], ["flow"], ["check"], ["export"])),
    *((0, [command, "--help"]) for command in ("step", "draw", "page", "frames", "program", "diagnose", "bench")),
    (0, ["--version"]),
]
WRITTEN = [
    "поток.svg",
    "диагноз.svg",
    "вид.svg",
    "веса.safetensors",
    "программа.py",
    "граф.svg",
    "страница.html",
    "µ.svg",
    "µ.html",
]
CONSOLES = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


@pytest.mark.parametrize("console", [name for name in CONSOLES if name != "C" or os.name == "posix"])
def test_every_command_ends_as_it_would_on_any_console_and_writes_its_files(tmp_path, console):
    (tmp_path / "книга.txt").write_text(TEXT, encoding="utf-8")
    arguments = [part for _, command in COMMANDS for part in (*command, NEXT)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHONIO", "PYTHONUTF"))}
    result = subprocess.run(
        [sys.executable, "-c", DRIVER, *arguments],
        capture_output=True,
        cwd=tmp_path,
        env=environment | CONSOLES[console] | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    out, err = (
        stream.decode("ascii", "surrogateescape") if console == "C" else stream.decode(console)
        for stream in (result.stdout, result.stderr)
    )
    assert (result.returncode, "Traceback" in err) == (0, False), err
    codes = (tmp_path / "codes").read_text().split()
    assert [f"{code} {command}" for code, (_, command) in zip(codes, COMMANDS, strict=True)] == [
        f"{code} {command}" for code, command in COMMANDS
    ], err
    assert all((tmp_path / name).stat().st_size > 500 for name in WRITTEN)
    assert Run(tmp_path / "бег").last().position.epoch == 2
    if console == "C":  # where file names go out byte for byte, as they came in
        assert "книга.txt: " in result.stdout.decode(errors="replace")
    else:
        assert f"{'книга.txt'.encode(console, 'replace').decode()}: " in out


@pytest.mark.parametrize(
    ("encoding", "errors", "expected"),
    [
        ("ascii", "strict", b"caf? ? ?\n"),
        ("ascii", "surrogateescape", b"caf? ? \xe9\n"),
        ("ascii", "backslashreplace", b"caf\\xe9 \\u2212 \\udce9\n"),
        ("cp1252", "strict", b"caf\xe9 ? ?\n"),
        ("utf-8", "strict", "café − ?\n".encode()),
        ("utf-8", "surrogateescape", "café − ".encode() + b"\xe9\n"),
    ],
)
def test_a_stream_replaces_what_it_lacks_and_is_afterwards_as_it_was(monkeypatch, encoding, errors, expected):
    """The last character stands for the byte 0xE9 of a file name, as Python reads it."""
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding=encoding, errors=errors, newline="\n")
    monkeypatch.setattr(sys, "stdout", stream)
    with replacing():
        click.echo("café − \udce9")
    stream.flush()
    assert written.getvalue() == expected
    assert (stream.encoding, stream.errors) == (encoding, errors)


# ---- Nobody reads ----------------------------------------------------------------------------------------------------

PRINTING = [
    ["step", "x*2", "x=1"],
    ["draw", "x*2", "x=1", "-o", "x.dot"],
    ["page", "x*2", "x=1"],
    ["frames", "x*2", "x=1"],
    ["program", "x*2", "x=1"],
    ["step", "run", "--text", "sea"],
    ["sample", "run", "--length", "5"],
    ["eval", "run", "text"],
    ["export", "run"],
    ["flow", "run", "--text", "sea"],
    ["diagnose", "run", "--text", "sea"],
    ["check", "run", "--text", "sea"],
    ["program", "run", "--steps", "2"],
    ["train", "text", "--out", "run", "--resume", "--epochs", "3"],
    ["--help"],
    ["-h"],
    ["step", "-h"],
    ["--version"],
    ["completion", "bash"],
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    (folder / "text").write_text("she sells sea shells by the sea shore.\n" * 5, encoding="utf-8")
    with pytest.raises(SystemExit, match="0"):
        cli.app(["train", str(folder / "text"), "--out", str(folder / "run"), *SMALL, "1"], prog_name="microgradrnn")
    return folder


@contextlib.contextmanager
def unread():
    """Standard output as a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as stream, contextlib.redirect_stdout(stream):
        yield


@pytest.mark.parametrize("command", PRINTING, ids=" ".join)
def test_a_command_that_nobody_reads_ends_quietly_with_141(trained, monkeypatch, capsys, command):
    monkeypatch.chdir(trained)
    monkeypatch.setitem(sys.modules, "torch", None)  # it takes seconds to import
    with unread(), pytest.raises(SystemExit) as ended:
        cli.app(command, prog_name="microgradrnn")
    assert (ended.value.code, capsys.readouterr().err) == (141, "")


def test_what_is_wrong_is_still_said_where_nobody_reads(capsys):
    with unread(), pytest.raises(SystemExit) as ended:
        cli.app(["step", "x*2"], prog_name="microgradrnn")
    assert ended.value.code == 2
    assert "x has no value" in capsys.readouterr().err


def test_a_training_that_nobody_reads_any_more_is_saved_and_says_how_to_go_on(tmp_path):
    (tmp_path / "text").write_text("she sells sea shells by the sea shore.\n" * 5, encoding="utf-8")
    command = [sys.executable, "-m", "microgradrnn", "train", "text", "--out", "run", *SMALL, "5000", "--patience", "0"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=environment)
    for _ in range(3):
        process.stdout.readline()  # the third comes with the end of the first epoch, before the text's 5,000 have ended
    process.stdout.close()
    said = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait() == 141
    step = Run(tmp_path / "run").last().position.step
    assert f"Stopped and saved at step {step}. To go on: microgradrnn train text --out run --resume" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("length", [1, 400])
def test_a_script_that_steps_ends_quietly_where_nobody_reads(length):
    """What it prints fits into the pipe's buffer, or does not."""
    program = f"""
from microgradrnn import Value
from viz import step
x = Value(1.0)
for _ in range({length}):
    x = x.tanh()
step(x)
"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), said) == (141, b"")


def test_other_errors_are_raised_where_nobody_reads():
    with unread(), pytest.raises(TypeError, match="takes a node"):
        step(2.0)
    with unread(), pytest.raises(ZeroDivisionError), ending_with_the_reader():
        print("lost", 1 / 0)
    with unread(), pytest.raises(SystemExit):
        step(Value(2.0, "x") * 3)
