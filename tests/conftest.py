"""How the tests run: hypothesis profiles, which combinations of parameters run, and what may be skipped.

A test with several parameters stands for all their combinations. Where these are more than 100, some are drawn, the
same ones at each run, until every value of every parameter occurs and there are 40. All combinations run with a value
that is marked as `always`. `MICROGRADRNN_COMBINATIONS` is drawn, or left for those that are not drawn, or all.

`HYPOTHESIS_PROFILE` is dev, ci or intense; without it, ci where the variable CI is set, else dev.
An example in a docstring that imports PyTorch or JAX is skipped where that is not installed.
`MICROGRADRNN_NOTHING_SKIPPED=1` turns every skip into a failure, so that a run that was meant to compare with PyTorch
cannot pass because PyTorch was not there. `MICROGRADRNN_SKIPPED=FILE` lists what was skipped, one test or module a
line, so that `pytest @FILE` runs just that once PyTorch is there.
"""

import os
import random
import re
from collections import Counter, defaultdict
from collections.abc import Generator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):  # read when NumPy is first imported
    os.environ.setdefault(name, "1")  # several workers with several threads each would wait for each other

pytest.register_assert_rewrite("tests.witnesses")

slow_is_fine = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", max_examples=25, **slow_is_fine)
settings.register_profile("ci", max_examples=25, derandomize=True, print_blob=True, **slow_is_fine)
settings.register_profile("intense", max_examples=1000, **slow_is_fine)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))

OPTIONAL = ("torch", "jax")
MOST, ENOUGH = 100, 40
"""Of more combinations than `MOST` at least `ENOUGH` are drawn."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Draws from what is left after ``-k``, so that a single combination can be asked for."""
    _skip_examples(items)
    which = os.environ.get("MICROGRADRNN_COMBINATIONS") or "drawn"
    if which not in ("drawn", "left", "all"):
        raise pytest.UsageError(f"MICROGRADRNN_COMBINATIONS must be drawn, left or all; got {which}")
    if which != "all":
        left = _left(items)
        wanted = [(item in left) == (which == "left") for item in items]
        config.hook.pytest_deselected(items=[item for item, keep in zip(items, wanted, strict=True) if not keep])
        items[:] = [item for item, keep in zip(items, wanted, strict=True) if keep]


def _left(items: list[pytest.Item]) -> set[pytest.Item]:
    """The combinations that are not drawn."""
    of_each = defaultdict[str, list[pytest.Item]](list)
    for item in items:
        of_each[item.nodeid.split("[")[0]].append(item)
    left = set[pytest.Item]()
    for found in of_each.values():
        always = {k for k, item in enumerate(found) if item.get_closest_marker("always")}
        if len(found) > MOST:
            kept = drawn([_values(item) for item in found], always, ENOUGH)
            left |= {item for k, item in enumerate(found) if k not in kept}
    return left


def _values(item: Any) -> list[tuple[str, ...]]:
    """What stands for each parameter's value; parameters that are given together, as rows of a table, count as one."""
    params = item.callspec.params
    given = [mark.args[0] for mark in item.iter_markers("parametrize")]
    together = [names.replace(",", " ").split() if isinstance(names, str) else list(names) for names in given]
    alone = sorted(params.keys() - {name for names in together for name in names})
    return [tuple(f"{name} {id(params[name])}" for name in names) for names in [*together, *zip(alone)]]


def drawn(combinations: Sequence[Sequence[Any]], always: set[int], enough: int) -> set[int]:
    """Which combinations of values run, by their place: `always`, and as many others as it takes.

    The next one has the most values that have not occurred yet; among equals, values that occurred least.
    """
    rest = [k for k in range(len(combinations)) if k not in always]
    random.Random(0).shuffle(rest)
    missing = {value for values in combinations for value in values}
    kept, occurs = set(always), Counter[Any]()
    for k in always:
        missing -= set(combinations[k])

    def gain(k: int) -> tuple[int, int]:
        return len(missing & set(combinations[k])), -sum(occurs[value] for value in combinations[k])

    while rest and (missing or len(kept) < len(always) + enough):
        best = max(rest, key=gain)
        rest.remove(best)
        kept.add(best)
        occurs.update(combinations[best])
        missing -= set(combinations[best])
    return kept


def _skip_examples(items: list[pytest.Item]) -> None:
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
    """Of several processes only the one that hears of all of them lists what was skipped."""
    config.addinivalue_line("markers", "always: a value of a parameter with which every combination runs")
    path = os.environ.get("MICROGRADRNN_SKIPPED")
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Skipped(Path(path)))
