"""The switch against skipped tests, tried on a run of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SKIPPED_MODULE = "import pytest\npytest.importorskip('a_package_that_nobody_has')\ndef test_nothing(): pass\n"
SKIPPED_TEST = "import pytest\ndef test_nothing(): pytest.skip('no reason')\n"
EXAMPLE = 'def two():\n    """Two.\n\n    >>> import torch\n    >>> 1 + 1\n    2\n    """\n'
EXPECTED_FAILURE = "import pytest\n@pytest.mark.xfail\ndef test_nothing(): assert False\n"


def run_pytest(folder: Path, test: str, nothing_skipped: str, skipped: str = "", *options: str) -> int:
    """The exit status of pytest over one test file that stands beside a copy of our conftest."""
    shutil.copy(Path(__file__).with_name("conftest.py"), folder)
    (folder / "test_it.py").write_text(test)
    environment = os.environ | {"MICROGRADRNN_NOTHING_SKIPPED": nothing_skipped, "MICROGRADRNN_SKIPPED": skipped}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), *options]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, check=False).returncode


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
