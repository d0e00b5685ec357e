"""The switch against skipped tests, and which combinations of parameters run, each tried on a run of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import drawn, pytest_collection_modifyitems

SKIPPED_MODULE = "import pytest\npytest.importorskip('a_package_that_nobody_has')\ndef test_nothing(): pass\n"
SKIPPED_TEST = "import pytest\ndef test_nothing(): pytest.skip('no reason')\n"
EXAMPLE = 'def two():\n    """Two.\n\n    >>> import torch\n    >>> 1 + 1\n    2\n    """\n'
EXPECTED_FAILURE = "import pytest\n@pytest.mark.xfail\ndef test_nothing(): assert False\n"


def run_pytest(folder: Path, test: str, nothing_skipped: str, skipped: str = "", *options: str) -> int:
    """The exit status of pytest over one test file that stands beside a copy of our conftest."""
    environment = {"MICROGRADRNN_NOTHING_SKIPPED": nothing_skipped, "MICROGRADRNN_SKIPPED": skipped}
    return finished(folder, test, environment, *options).returncode


def finished(folder: Path, test: str, environment: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(Path(__file__).with_name("conftest.py"), folder)
    (folder / "test_it.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), *options]
    return subprocess.run(
        command, env=os.environ | environment, cwd=folder, capture_output=True, check=False, encoding="utf-8"
    )


@pytest.mark.parametrize("test", [SKIPPED_MODULE, SKIPPED_TEST], ids=["module", "test"])
def test_a_skip_fails_the_run_where_nothing_may_be_skipped(tmp_path, test):
    failed = (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)  # the second where a module was skipped
    assert run_pytest(tmp_path, test, nothing_skipped="1") in failed


def test_a_skip_passes_elsewhere(tmp_path):
    assert run_pytest(tmp_path, SKIPPED_TEST, nothing_skipped="") == pytest.ExitCode.OK


def test_an_expected_failure_is_no_skip(tmp_path):
    assert run_pytest(tmp_path, EXPECTED_FAILURE, nothing_skipped="1") == pytest.ExitCode.OK


@pytest.mark.parametrize("processes", [[], ["-n", "2"]], ids=["one process", "two"])
def test_what_was_skipped_is_listed(tmp_path, processes):
    skipped = tmp_path / "out" / "skipped"
    (tmp_path / "test_module.py").write_text(SKIPPED_MODULE)
    (tmp_path / "test_failing.py").write_text(EXPECTED_FAILURE)
    run_pytest(tmp_path, SKIPPED_TEST + "def test_more(): pass\n", "", str(skipped), *processes)
    assert sorted(skipped.read_text().splitlines()) == ["test_it.py::test_nothing", "test_module.py"]


@pytest.mark.parametrize(
    ("test", "listed"),
    [(SKIPPED_MODULE, "test_it.py\n"), (SKIPPED_TEST, "test_it.py::test_nothing\n")],
    ids=["module", "test"],
)
def test_what_is_listed_is_found_and_still_skips_itself(tmp_path, test, listed):
    (tmp_path / "skipped").write_text(listed)
    failed = (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)
    assert run_pytest(tmp_path, test, "1", "", f"@{tmp_path / 'skipped'}") in failed


def test_an_example_that_needs_what_is_not_here_is_skipped(tmp_path):
    (tmp_path / "hiding.py").write_text("import sys\nsys.modules['torch'] = None\n")
    options = ("--doctest-modules", "-p", "hiding")
    assert run_pytest(tmp_path, EXAMPLE, "", str(tmp_path / "skipped"), *options) == pytest.ExitCode.OK
    assert (tmp_path / "skipped").read_text() == "test_it.py::test_it.two\n"


# ---- Combinations ---------------------------------------------------------------------------------------------------

COMBINATIONS = """
import pytest
@pytest.mark.parametrize("a", range(1000, 1020))
@pytest.mark.parametrize(("b", "c"), [(0, 0), (0, 1), (1, 0)])
@pytest.mark.parametrize("d", ["x", "y", pytest.param("z", marks=pytest.mark.always)])
def test_many(a, b, c, d): pass
@pytest.mark.parametrize("a", range(200))
def test_of_one_parameter(a): pass
@pytest.mark.parametrize("a", range(10))
@pytest.mark.parametrize("b", range(10))
def test_few(a, b): pass
"""


def collected(folder: Path, which: str, seed: str, *options: str) -> list[str]:
    """The tests that would run, without the name of their file; ``seed`` is that of Python's hashes."""
    environment = {"MICROGRADRNN_COMBINATIONS": which, "PYTHONHASHSEED": seed}
    lines = finished(folder, COMBINATIONS, environment, "--collect-only", *options).stdout.splitlines()
    return [line.partition("::")[2] for line in lines if "::" in line]


def test_of_many_combinations_some_are_drawn_and_every_value_occurs(tmp_path):
    found, left = collected(tmp_path, "drawn", "1"), collected(tmp_path, "left", "2")
    assert len(set(found) | set(left)) == len(found) + len(left) == 20 * 3 * 3 + 200 + 100  # by every process alike
    assert all(test.startswith("test_many") for test in left)
    many = [test.partition("[")[2].rstrip("]").split("-") for test in found if test.startswith("test_many")]
    others = [values for values in many if values[0] != "z"]
    assert len(many) - len(others) == 60
    assert len(others) == 40
    assert {values[0] for values in others} == {"x", "y"}
    assert {tuple(values[1:3]) for values in others} == {("0", "0"), ("0", "1"), ("1", "0")}
    assert {values[3] for values in others} == {str(a) for a in range(1000, 1020)}
    assert collected(tmp_path, "drawn", "0", f"test_it.py::{left[0]}") == left[:1], "one that is asked for runs"


def test_another_word_for_which_of_them_is_an_error(monkeypatch):
    monkeypatch.setenv("MICROGRADRNN_COMBINATIONS", "none")
    with pytest.raises(pytest.UsageError, match="must be drawn, left or all; got none"):
        pytest_collection_modifyitems(None, [])


@given(st.lists(st.tuples(*[st.integers(0, 6)] * 3), unique=True), st.data())
def test_whatever_the_combinations_every_value_occurs_and_there_are_enough(rows, data):
    combinations = [[f"{name}{value}" for name, value in zip("abc", row, strict=True)] for row in rows]
    always = data.draw(st.sets(st.sampled_from(range(len(rows))))) if rows else set()
    enough = data.draw(st.integers(0, 30))
    kept = drawn(combinations, always, enough)
    assert always <= kept <= set(range(len(rows)))
    assert {value for k in kept for value in combinations[k]} == {value for row in combinations for value in row}
    assert len(kept) >= min(len(rows), len(always) + enough)
    assert len(kept - always) <= max(enough, 7 + 7 + 7)
