"""How the tests run: hypothesis profiles, and a switch for machines on which no test may be skipped.

`HYPOTHESIS_PROFILE` is dev, ci or intense; without it, ci where the variable CI is set, else dev.
`MICROGRADRNN_NOTHING_SKIPPED=1` turns every skip into a failure, so that a run that was meant to compare with PyTorch
cannot pass because PyTorch was not there.
"""

import os
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("tests.witnesses")

slow_is_fine = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", max_examples=50, **slow_is_fine)
settings.register_profile("ci", max_examples=50, derandomize=True, print_blob=True, **slow_is_fine)
settings.register_profile("intense", max_examples=1000, **slow_is_fine)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))


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
