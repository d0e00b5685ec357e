"""A training on two processes of which one is killed at a random moment, again and again, and gone on with.

Killed is a worker, which trains, or its watcher, which says what happened; by SIGKILL, so that nothing is tidied up.
After each kill all four processes must have ended within `LATEST` seconds, the watchers that still live with a line and
an exit status that is not 0, and the folder must hold a whole checkpoint, not older than the one before.
"""

import random
import re
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tqdm import tqdm

from benchmarks import report
from benchmarks.report import Floor
from benchmarks.training.shared import topics
from microgradrnn.cli.commands import Option
from microgradrnn.training import Run

ROOT = Path(__file__).parents[2]
CHARACTERS = 20_000
OPTIONS = ["--engine", "jax", "--hidden", "16", "--layers", "1", "--seq-length", "10", "--batch-size", "8"]
OPTIONS += ["--epochs", "1000000", "--patience", "0", "--save-every", "20", "--validation", "0"]
LATEST = 60.0
"""Seconds; JAX misses a process after 10 (`microgradrnn.training.hosts.HEARTBEAT`), and a busy machine is slow."""


@dataclass(frozen=True)
class Ended:
    """How a training ended of which one process was killed.

    Attributes:
        seconds: until the last of its processes had ended. statuses: of the watchers.
        said: what the watchers that were not killed said on stderr, a text each.
        step: of the checkpoint; None where there is none.
    """

    seconds: float
    statuses: list[int]
    said: list[str]
    step: int | None

    @property
    def as_promised(self) -> bool:
        """Whether all ended in time, each with one line and a status that is not 0."""
        one_line = all(len(re.findall(r"^Error: .*lost one of its processes", text, re.M)) == 1 for text in self.said)
        return self.seconds <= LATEST and 0 not in self.statuses and one_line and "Traceback" not in "".join(self.said)


def started(text: Path, folder: Path, index: int, port: int) -> subprocess.Popen[str]:
    """One of the two commands."""
    told = ["--coordinator", f"127.0.0.1:{port}", "--processes", "2", "--process-id", str(index)]
    told += ["--resume"] if Run(folder).exists else []
    command = [sys.executable, "-m", "microgradrnn", "train", str(text), "--out", str(folder), *OPTIONS, *told]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def workers(watchers: list[subprocess.Popen[str]]) -> list[int]:
    """The process ids of what the watchers have started (Linux)."""
    found = []
    for watcher in watchers:
        children = Path(f"/proc/{watcher.pid}/task/{watcher.pid}/children")
        found += [int(pid) for pid in children.read_text().split()] if children.exists() else []
    return found


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and is waited for does not."""
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def one_kill(text: Path, folder: Path, moments: random.Random) -> Ended:
    """Start both, wait for a save on the way, and kill one of the four processes some time later."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    file, written = Run(folder).last_file, {_written(folder)}
    watchers = [started(text, folder, index, port) for index in range(2)]
    try:
        while len(written) < 3:  # the save with which a training begins or goes on, and one on the way
            written.add(_written(folder))
            if any(watcher.poll() is not None for watcher in watchers):
                raise AssertionError(f"the training ended by itself: {[w.communicate()[1] for w in watchers]}")
            time.sleep(0.05)
        time.sleep(moments.uniform(0.0, 3.0))
        below = workers(watchers)
        victim = moments.choice([*below, *(watcher.pid for watcher in watchers)])
        subprocess.run(["kill", "-KILL", str(victim)], check=True)
        began = time.perf_counter()
        every = [(watcher.pid, watcher.communicate(timeout=2 * LATEST)[1]) for watcher in watchers]
        said = [text for pid, text in every if pid != victim]
        while any(map(alive, below)):
            time.sleep(0.05)
    finally:
        for pid in workers(watchers):
            subprocess.run(["kill", "-KILL", str(pid)], check=False, stderr=subprocess.DEVNULL)
        for watcher in watchers:
            watcher.kill()
    step = Run(folder).last().position.step if file.exists() else None
    return Ended(time.perf_counter() - began, [watcher.returncode for watcher in watchers], said, step)


def _written(folder: Path) -> int:
    file = Run(folder).last_file
    return file.stat().st_mtime_ns if file.exists() else 0


def measure(times: int, seed: int = 0) -> list[Ended]:
    """So many kills of one training. Raises AssertionError where a checkpoint is older than the one before."""
    found: list[Ended] = []
    moments = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text.txt"
        text.write_text(topics()[:CHARACTERS], encoding="utf-8")
        for _ in tqdm(range(times), desc="kills", disable=None):
            found.append(one_kill(text, Path(folder) / "run", moments))
            steps = [ended.step or 0 for ended in found]
            if steps != sorted(steps):
                raise AssertionError(f"steps were lost: the checkpoints stand at {steps}")
    return found


def run(times: Annotated[int, Option(min=1, help="How many kills.")] = 20) -> None:
    """Kill one of the processes of a training on two, so many times, and go on each time."""
    if not report.installed("jax"):
        print(report.NOT_INSTALLED)
        return
    found = measure(times)
    worst = max(ended.seconds for ended in found)
    print(f"{times} kills; the last process ended after {worst:.1f} s at most; the last step saved is {found[-1].step}")
    wrong = sum(not ended.as_promised for ended in found)
    print(report.floors(Floor("kills that did not end as promised", float(wrong), 0.0)))
