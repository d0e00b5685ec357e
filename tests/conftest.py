"""How the tests run: hypothesis profiles, and a switch for machines on which no test may be skipped.

`HYPOTHESIS_PROFILE` is dev, ci or intense; without it, ci where the variable CI is set, else dev.
An example in a docstring that imports PyTorch or JAX is skipped where that is not installed.
`MICROGRADRNN_NOTHING_SKIPPED=1` turns every skip into a failure, so that a run that was meant to compare with PyTorch
cannot pass because PyTorch was not there. `MICROGRADRNN_SKIPPED=FILE` lists what was skipped, one test or module a
line, so that `pytest @FILE` runs just that once PyTorch is there.
"""

import os
import re
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("tests.witnesses")

slow_is_fine = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", max_examples=25, **slow_is_fine)
settings.register_profile("ci", max_examples=25, derandomize=True, print_blob=True, **slow_is_fine)
settings.register_profile("intense", max_examples=1000, **slow_is_fine)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))

OPTIONAL = ("torch", "jax")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the examples that need a package that is not here."""
    missing = [name for name in OPTIONAL if find_spec(name) is None]
    for item in items:
        for name in missing if isinstance(item, pytest.DoctestItem) else ():
            if any(re.match(rf"(import|from) {name}\b", example.source) for example in item.dtest.examples):
                item.add_marker(pytest.mark.skip(reason=f"{name} is not installed"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    """A test that skips itself."""
    return _refuse_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    """A whole module that skips itself, as `importorskip` at its top does."""
    return _refuse_skip((yield))


def _refuse_skip(report: Any) -> Any:
    nothing_may_skip = os.environ.get("MICROGRADRNN_NOTHING_SKIPPED") == "1"
    if nothing_may_skip and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"MICROGRADRNN_NOTHING_SKIPPED is set, and this was skipped: {report.longrepr}"
    return report


class _Skipped:
    """Collects what was skipped, and writes it down at the end."""

    def __init__(self, path: Path) -> None:
        self.path, self.found = path, dict[str, None]()

    def pytest_runtest_logreport(self, report: Any) -> None:
        self._note(report)

    def pytest_collectreport(self, report: Any) -> None:
        self._note(report)

    def _note(self, report: Any) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self.found[report.nodeid] = None

    def pytest_sessionfinish(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text("".join(f"{name}\n" for name in self.found), encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """With several processes only the one that hears of all of them writes the list."""
    path = os.environ.get("MICROGRADRNN_SKIPPED")
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Skipped(Path(path)))
