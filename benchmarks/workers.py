"""Each contender in a process of its own, where no other's library, threads or garbage can burden it.

- `Workers`: the processes, one a contender, that live as long as all cases take.
- `numbers`, `times`, `compile_time`, `memory`: what they are asked for.
"""

import functools
import gc
import multiprocessing
import re
import statistics
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from benchmarks.contenders import CONTENDERS
from benchmarks.problems import Array, Case, Step, make_problem
from benchmarks.timing import Spent, spent

T = TypeVar("T")

TINY = Case(V=5, H=4, T=5)


class Workers:
    """One process for each name; used in a ``with``, at whose end they end."""

    def __init__(self, names: Iterable[str]) -> None:
        # Spawned: a forked one would start with this process's memory, and a library's threads don't survive a fork.
        spawn = multiprocessing.get_context("spawn")
        self._pools = {name: ProcessPoolExecutor(1, mp_context=spawn) for name in names}

    def ask(self, name: str, question: Callable[..., T], *arguments: Any) -> T:
        """The answer of ``question(name, *arguments)`` in the process of that name, which it waits for."""
        return self._pools[name].submit(question, name, *arguments).result()

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pool in self._pools.values():
            pool.shutdown()


# ---- What runs in those processes -----------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1)
def ready(name: str, case: Case) -> Step:
    """A step of the case; only the last one is kept."""
    return CONTENDERS[name].make(make_problem(case))


def numbers(name: str, case: Case) -> tuple[float, dict[str, Array]]:
    """The loss and the gradients."""
    return ready(name, case)()


def times(name: str, case: Case, passes: int) -> Spent:
    """What a pass costs, as a mean of consecutive ones."""
    return spent(ready(name, case), passes)


def compile_time(name: str, case: Case, rounds: int) -> float:
    """The median seconds of processor time until a step is there; imports are paid for before."""
    problem, make = make_problem(case), CONTENDERS[name].make
    ready(name, TINY)
    return statistics.median(spent(lambda: make(problem)).processor for _ in range(rounds))


def memory(name: str, case: Case) -> int | None:
    """By how many bytes the process grows at most to make a step and take it, once the library is loaded and has run.

    Resident memory, which is what all libraries have in common. Linux alone says it of a stretch of time; None
    elsewhere.
    """
    reset = Path("/proc/self/clear_refs")
    if not reset.exists():
        return None
    problem = make_problem(case)
    ready(name, TINY)()
    ready.cache_clear()
    gc.collect()
    reset.write_text("5")  # the peak is now what is held now
    before = _status("VmRSS")
    CONTENDERS[name].make(problem)()
    return _status("VmHWM") - before


def _status(field: str) -> int:
    """A field of this process's status, in bytes."""
    (kilobytes,) = re.findall(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(kilobytes) * 1024
