"""The switch against skipped tests, and which combinations of parameters run, each tried on a run of its own."""

import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import drawn, pytest_collection_modifyitems

pytest_plugins = ["pytester"]

SKIPPED_MODULE = "import pytest\npytest.importorskip('a_package_that_nobody_has')\ndef test_nothing(): pass\n"
SKIPPED_TEST = "import pytest\ndef test_nothing(): pytest.skip('no reason')\n"
EXAMPLE = 'def two():\n    """Two.\n\n    >>> import torch\n    >>> 1 + 1\n    2\n    """\n'
FAILED = (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)
"""The second where a module was skipped."""

EXPECTED_FAILURE = "import pytest\n@pytest.mark.xfail\ndef test_nothing(): assert False\n"


@pytest.fixture
def run(pytester, monkeypatch):
    """Runs pytest, in this process, over one test file that stands beside a copy of our conftest."""
    shutil.copy(Path(__file__).with_name("conftest.py"), pytester.path)

    def run(test: str, *options: str, **variables: str) -> pytest.RunResult:
        (pytester.path / "test_it.py").write_text(test)
        for name in ("NOTHING_SKIPPED", "SKIPPED", "COMBINATIONS"):
            monkeypatch.setenv(f"MICROGRADRNN_{name}", variables.get(name, ""))
        return pytester.runpytest_inprocess("-q", "-p", "no:cacheprovider", *options)

    return run


@pytest.mark.parametrize("test", [SKIPPED_MODULE, SKIPPED_TEST], ids=["module", "test"])
def test_a_skip_fails_the_run_where_nothing_may_be_skipped(run, test):
    assert run(test, NOTHING_SKIPPED="1").ret in FAILED


def test_a_skip_passes_elsewhere(run):
    assert run(SKIPPED_TEST).ret == pytest.ExitCode.OK


def test_an_expected_failure_is_no_skip(run):
    assert run(EXPECTED_FAILURE, NOTHING_SKIPPED="1").ret == pytest.ExitCode.OK


@pytest.mark.parametrize("processes", [[], ["-n", "2"]], ids=["one process", "two"])
def test_what_was_skipped_is_listed(run, pytester, processes):
    skipped = pytester.path / "out" / "skipped"
    pytester.makepyfile(test_module=SKIPPED_MODULE, test_failing=EXPECTED_FAILURE)
    run(SKIPPED_TEST + "def test_more(): pass\n", *processes, SKIPPED=str(skipped))
    assert sorted(skipped.read_text().splitlines()) == ["test_it.py::test_nothing", "test_module.py"]


@pytest.mark.parametrize(
    ("test", "listed"),
    [(SKIPPED_MODULE, "test_it.py\n"), (SKIPPED_TEST, "test_it.py::test_nothing\n")],
    ids=["module", "test"],
)
def test_what_is_listed_is_found_and_still_skips_itself(run, pytester, test, listed):
    (pytester.path / "skipped").write_text(listed)
    assert run(test, "@skipped", NOTHING_SKIPPED="1").ret in FAILED


def test_an_example_that_needs_what_is_not_here_is_skipped(run, pytester, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert run(EXAMPLE, "--doctest-modules", SKIPPED="skipped").ret == pytest.ExitCode.OK
    assert (pytester.path / "skipped").read_text() == "test_it.py::test_it.two\n"


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


def names(lines: list[str]) -> list[str]:
    """The tests in a listing, without the name of their file."""
    return [line.partition("::")[2] for line in lines if "::" in line]


def test_of_many_combinations_some_are_drawn_and_every_value_occurs(run):
    found = names(run(COMBINATIONS, "--collect-only").outlines)
    left = names(run(COMBINATIONS, "--collect-only", COMBINATIONS="left").outlines)
    assert len({*found, *left}) == len(found) + len(left) == 20 * 3 * 3 + 200 + 100
    assert all(test.startswith("test_many") for test in left)
    many = [test.partition("[")[2].rstrip("]").split("-") for test in found if test.startswith("test_many")]
    others = [values for values in many if values[0] != "z"]
    assert len(many) - len(others) == 60
    assert len(others) == 40
    assert {values[0] for values in others} == {"x", "y"}
    assert {tuple(values[1:3]) for values in others} == {("0", "0"), ("0", "1"), ("1", "0")}
    assert {values[3] for values in others} == {str(a) for a in range(1000, 1020)}
    assert names(run(COMBINATIONS, "--collect-only", f"test_it.py::{left[0]}").outlines) == left[:1]


def test_all_processes_draw_the_same(run, pytester, monkeypatch):
    """Whatever the seed of Python's hashes is."""
    found = names(run(COMBINATIONS, "--collect-only").outlines)
    monkeypatch.setenv("PYTHONHASHSEED", "1")
    again = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", "--collect-only").outlines
    assert names(again) == found


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
