"""Is the engine faster or slower than at another commit? ``python -m benchmarks.engine --against COMMIT``

The other commit is checked out in a temporary folder. Both trees run the same work, in turn and each time in a process
of its own; what is compared is the least processor time of several. A ratio above 1 says that this tree, with what is
not committed yet, takes longer.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 0.3
"""How long each piece of work is repeated in one process."""


# ---- What runs in the process of a tree -----------------------------------------------------------------------------


def scalars() -> Any:
    """A chain of 400 scalar nodes."""
    from microgradrnn import Value

    x, w, b = Value(0.5), Value(0.9), Value(0.1)
    for _ in range(100):
        x = (x * w + b).tanh() - 0.01
    return x


def recurrence() -> Any:
    """50 steps of a recurrent network of 16 units with a batch of 4, written by hand."""
    import numpy as np

    from microgradrnn import Tensor

    numbers = np.linspace(-0.5, 0.5, 256).reshape(16, 16)
    weight, bias = Tensor(numbers.copy()), Tensor(np.full(16, 0.1))
    h = Tensor(np.zeros((4, 16)))
    for _ in range(50):
        h = (h @ weight + bias).tanh()
    return (h * h).sum()


def products() -> Any:
    """100 products of an array and a node, in the order that goes through NumPy's protocol."""
    import numpy as np

    from microgradrnn import Tensor

    node, array = Tensor(np.ones(4)), np.ones(4)
    for _ in range(100):
        array * node
    return (array * node).sum()


WORK: dict[str, Callable[[], Any]] = {
    "400 scalar nodes, recorded": scalars,
    "400 scalar nodes, recorded and backward": lambda: backward(scalars()),
    "50 recurrent steps, recorded": recurrence,
    "50 recurrent steps, recorded and backward": lambda: backward(recurrence()),
    "100 times array * node": products,
}


def backward(root: Any) -> Any:
    root.backward()
    return root


def measure(seconds: float) -> dict[str, float]:
    """The least seconds that each piece of work takes."""
    return {name: min(_times(work, seconds)) for name, work in WORK.items()}


def _times(work: Callable[[], Any], seconds: float) -> Iterator[float]:
    work()
    end = time.perf_counter() + seconds
    while True:
        start = time.process_time()
        work()
        yield time.process_time() - start
        if time.perf_counter() > end:
            return


# ---- What compares --------------------------------------------------------------------------------------------------


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """A commit's files in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder).resolve() / "tree"
        _git("worktree", "add", "--quiet", "--detach", str(tree), commit)
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def measured_in(tree: Path, seconds: float) -> dict[str, float]:
    """What `measure` says in a process that imports the engine of a tree."""
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    command = [sys.executable, "-P", str(Path(__file__).resolve()), "--measure", str(seconds)]
    done = subprocess.run(
        command, cwd=tree, env=os.environ | threads | {"PYTHONPATH": str(tree)}, check=True, stdout=subprocess.PIPE
    )
    found = json.loads(done.stdout)
    if not Path(found.pop("engine")).is_relative_to(tree):
        raise RuntimeError(f"the engine of {tree} was not the one that was measured")
    return dict(found)


def compare(commit: str, rounds: int, seconds: float = SECONDS) -> dict[str, tuple[float, float]]:
    """The least seconds of each piece of work, in this tree and at the commit."""
    here: list[dict[str, float]] = []
    there: list[dict[str, float]] = []
    with checked_out(commit) as tree:
        for _ in range(rounds):
            there.append(measured_in(tree, seconds))
            here.append(measured_in(ROOT, seconds))
    return {name: (min(run[name] for run in here), min(run[name] for run in there)) for name in WORK}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description="Two commits' engines, compared.")
    parser.add_argument("--against", metavar="COMMIT", default="HEAD", help="the other commit (HEAD)")
    parser.add_argument("--rounds", type=int, default=7, help="processes for each of the two (7)")
    parser.add_argument("--measure", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure is not None:
        import microgradrnn

        print(json.dumps({**measure(given.measure), "engine": microgradrnn.__file__}))
        return
    print(f"{'milliseconds':44}{'here':>9}{_git('rev-parse', '--short', given.against):>11}{'ratio':>8}")
    for name, (here, there) in compare(given.against, given.rounds).items():
        print(f"{name:44}{here * 1e3:9.3f}{there * 1e3:11.3f}{here / there:8.3f}")


if __name__ == "__main__":
    main()
