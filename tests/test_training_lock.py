"""One training a folder: real processes that train, are killed, and go on."""

import errno
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from microgradrnn import cli
from microgradrnn.training import InUse, Run, Settings, Trainer
from microgradrnn.training import checkpoint as checkpoints
from microgradrnn.training import lock as locks
from microgradrnn.training.checkpoint import write

TEXT = "she sells sea shells by the sea shore.\n" * 20
SMALL = ["--hidden", "4", "--layers", "1", "--seq-length", "8", "--batch-size", "4"]
TINY = Settings(hidden=4, layers=1, seq_length=8, batch_size=4, epochs=2)


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def written(folder):
    (folder / "text.txt").write_text(TEXT, encoding="utf-8")
    return folder / "text.txt"


def started(text, folder):
    """A process that trains until it is killed, and has saved at least once."""
    options = [*SMALL, "--epochs", "1000000", "--patience", "0", "--save-every", "1"]
    command = [sys.executable, "-m", "microgradrnn", "train", text, "--out", folder, *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (folder / "best.safetensors").exists() and process.poll() is None:
        time.sleep(0.01)
    return process


@pytest.fixture
def text(tmp_path):
    return written(tmp_path)


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """(the process, its text, its folder), for tests that leave them as they are."""
    place = tmp_path_factory.mktemp("training")
    process = started(written(place), place / "run")
    yield process, place / "text.txt", place / "run"
    killed(process)


def killed(process):
    process.kill()  # SIGKILL; TerminateProcess on Windows
    process.wait()


def test_a_second_training_gets_one_line_with_the_first_ones_process_id(training):
    process, text, folder = training
    for more in ([], ["--resume"]):
        result = run("train", text, "--out", folder, *more)
        assert result.exit_code == 1
        assert result.stdout == ""
        assert re.fullmatch(rf"Error: .*run is being trained in by process {process.pid}; .*\n", result.stderr)
    assert process.poll() is None


def test_reading_a_run_that_is_being_trained_needs_no_lock(training):
    _, text, folder = training
    for arguments in (["sample", folder], ["eval", folder, text], ["program", folder, "--steps", 2]):
        result = run(*arguments)
        assert (result.exit_code, result.stderr) == (0, "")


def test_python_takes_the_same_lock(training):
    process, _, folder = training
    before = Run(folder).last().position.step
    with pytest.raises(InUse, match=f"by process {process.pid};"):
        next(Run(folder).train(Trainer(TINY, TEXT)))
    with pytest.raises(InUse, match=f"by process {process.pid};"):
        Run(folder).save(Trainer(TINY, TEXT))
    assert Run(folder).last().position.step >= before  # a new one would have saved step 0


def test_after_a_kill_a_training_goes_on_at_once_and_what_was_half_written_is_removed(tmp_path, text):
    folder = tmp_path / "run"
    killed(started(text, folder))
    assert (folder / ".lock").exists()
    (folder / "checkpoint.safetensors.0123abcd.new").write_bytes(b"half a checkp")
    (folder / "notes.new").write_bytes(b"of the user")
    before = Run(folder).last().position
    result = run("train", text, "--out", folder, "--resume", "--epochs", before.epoch + 1)
    assert (result.exit_code, result.stderr) == (0, "")
    assert Run(folder).last().position.step > before.step
    assert {path.name for path in folder.glob("*.new")} == {"notes.new"}


def test_the_lock_ends_with_the_training(tmp_path):
    steps = Run(tmp_path).train(Trainer(TINY, TEXT))
    next(steps)
    with pytest.raises(InUse, match=f"process {os.getpid()};"):
        Run(tmp_path).save(Trainer(TINY, TEXT))
    steps.close()
    for _ in Run(tmp_path).train(Trainer(TINY, TEXT)):
        pass
    with pytest.raises(ZeroDivisionError), Run(tmp_path).lock():
        1 / 0
    with Run(tmp_path).lock():
        pass


def test_a_run_that_is_locked_trains_and_saves(tmp_path):
    here = Run(tmp_path)
    with here.lock():
        for _ in here.train(Trainer(TINY, TEXT)):
            pass
        here.save(Trainer.resumed(here.last(), TEXT))
        with pytest.raises(InUse):
            Run(tmp_path).save(Trainer(TINY, TEXT))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on Windows")
def test_a_child_that_was_forked_does_not_keep_the_lock_after_its_parents_death(tmp_path):
    """The parent takes the lock, forks a child that lives on, and is killed."""
    program = f"""
        import os, time
        from microgradrnn.training import Run
        with Run({str(tmp_path)!r}).lock():
            end, start = os.pipe()
            child = os.fork()
            if child == 0:
                os.write(start, b"!")  # it runs, so it has let go of the lock
                time.sleep(60)
                os._exit(0)
            os.read(end, 1)
            print(child, flush=True)
            time.sleep(60)
    """
    parent = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, encoding="utf-8"
    )
    child = int(parent.stdout.readline())
    try:
        with pytest.raises(InUse), Run(tmp_path).lock():
            pass
        killed(parent)
        with Run(tmp_path).lock():
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        killed(parent)
        parent.stdout.close()


@pytest.mark.parametrize("number", ["ENOLCK", "ENOSYS", "EOPNOTSUPP"])
def test_where_the_file_system_cannot_lock_it_is_said_and_training_goes_on(tmp_path, text, monkeypatch, number):
    def no_locks(*_, **__):
        raise OSError(getattr(errno, number), "No locks available")

    monkeypatch.setattr(locks, "lock_descriptor", no_locks)
    with pytest.warns(RuntimeWarning, match=r"cannot be locked \(No locks available\)"):
        for _ in Run(tmp_path / "run").train(Trainer(TINY, TEXT)):
            pass
    assert Run(tmp_path / "run").last().position.epoch == 2


def test_the_command_says_it_in_one_line(tmp_path, text):
    """A folder in the lock's place cannot be opened as a file: there is no lock to be had."""
    (tmp_path / "run" / ".lock").mkdir(parents=True)
    result = run("train", text, "--out", tmp_path / "run", *SMALL, "--epochs", "1")
    assert result.exit_code == 0
    assert re.fullmatch(r"Warning: .*run cannot be locked \(.*\): see to it yourself.*\n", result.stderr)


# ---- Writing --------------------------------------------------------------------------------------------------------


def test_two_writers_of_one_file_each_leave_it_whole(tmp_path):
    """Each writes a file of its own letter, long enough for both to be at it at once."""
    path, contents = tmp_path / "f", [letter * 3_000_000 for letter in (b"a", b"b")]
    writers = [threading.Thread(target=lambda c=c: [write(path, c) for _ in range(10)]) for c in contents]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        if path.exists():
            assert path.read_bytes() in contents
    for writer in writers:
        writer.join()
    assert path.read_bytes() in contents
    assert os.listdir(tmp_path) == ["f"]


@pytest.mark.parametrize("error", [OSError("No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, error):
    write(tmp_path / "f", b"old")

    def full(_):
        raise error

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(type(error)):
        write(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


@pytest.mark.parametrize("refusals", [0, 3, 100])
def test_on_windows_a_file_that_someone_reads_is_waited_for(tmp_path, monkeypatch, refusals):
    """There a file cannot be replaced while it is open: PermissionError, until it is closed."""
    write(tmp_path / "f", b"old")
    left, replace = [refusals], Path.replace

    def busy(old, new):
        left[0] -= 1
        if left[0] >= 0:
            raise PermissionError(13, "The process cannot access the file")
        return replace(old, new)

    monkeypatch.setattr(Path, "replace", busy)
    monkeypatch.setattr(checkpoints, "ON_WINDOWS", True)
    monkeypatch.setattr(checkpoints.time, "sleep", lambda _: None)
    if refusals == 100:
        with pytest.raises(PermissionError):
            write(tmp_path / "f", b"new")
    else:
        write(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == (b"old" if refusals == 100 else b"new")
    assert os.listdir(tmp_path) == ["f"]


def test_a_file_is_as_readable_as_others_that_this_process_makes(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    write(tmp_path / "f", b"new")
    assert (tmp_path / "f").stat().st_mode == (tmp_path / "plain").stat().st_mode
