"""`train` on several processes: each command starts a worker that trains, and watches over it.

JAX ends a process at once, from C++, when another one is lost; so what says on a line what happened is another process
than the one that trains. A worker whose watcher is killed ends too, and then so do all others.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import click

import microgradrnn
from microgradrnn.counting import counted
from microgradrnn.training.hosts import HEARTBEAT, Hosts, connected

_WORKER = "MICROGRADRNN_WATCHED_BY"
_LOST = (
    "Error: this training has lost one of its processes, or cannot reach it. {file} is what was saved last: "
    "start all processes again with --resume"
)
_LOG = re.compile(r"[EF]\d{4} \d\d:\d\d:\d\d")
"""How a line of JAX's own log begins that reports an error; its stack follows."""
_ALL_THERE = "[microgradrnn] all processes are there"
_GREETING = re.compile(rf"\[Gloo\]|{re.escape(_ALL_THERE)}")
"""How a line begins in which JAX, or a worker, says that the processes have found one another."""
_ALONE = (
    "Error: the processes of this training have not found one another. Start all of them within --start-timeout "
    "seconds, with the same --processes, the same --coordinator, whose port is free, and each --process-id once"
)


@dataclass(frozen=True)
class Told:
    """What the command line says of the processes that train together."""

    coordinator: str | None
    index: int | None
    count: int | None
    cluster: bool
    start_timeout: int

    @property
    def several(self) -> bool:
        """Whether there is more than this process."""
        return self.cluster or self.coordinator is not None or self.index is not None or self.count is not None

    def connected(self, given: dict[str, Any], watch: int | None) -> Hosts:
        """The processes, when all of them are there and have been told the same.

        Raises:
            ImportError: JAX is not installed.
            ValueError: what was told makes no sense, or differs from process to process.
        """
        if not self.several:
            return Hosts()
        if not self.cluster and None in (self.coordinator, self.index, self.count):
            raise ValueError("of several processes each has --coordinator, --processes and --process-id, or --cluster")
        if self.coordinator is not None and not re.fullmatch(r"\S+:\d{1,5}", self.coordinator):
            raise ValueError(f"the coordinator is written HOST:PORT, got {self.coordinator!r}")
        if given.get("engine") != "jax":
            raise ValueError("several processes train together with --engine jax alone")
        if watch is not None:
            raise ValueError("--watch is for one process: of several none has the whole batch")
        if self.index is not None and self.count is not None and self.index >= self.count:
            raise ValueError(
                f"of {counted(self.count, 'process', 'processes')} the ids are 0 to {self.count - 1}, got {self.index}"
            )
        mesh = given.get("mesh", "")
        hosts = connected(self.coordinator, self.index, self.count, self.start_timeout, mesh)
        click.echo(_ALL_THERE)  # to the watcher, which keeps it for itself
        hosts.same("the version", f"microgradrnn {microgradrnn.__version__} with JAX {version('jax')}")
        hosts.same("what was asked for", str(sorted(given.items())))
        return hosts


def is_worker() -> bool:
    """Whether this process is one that trains."""
    return _WORKER in os.environ


def watch_over_worker(last_file: Path) -> int:
    """Run this very command in a worker, and give the exit status: its own, or 1 where JAX has ended it."""
    worker = subprocess.Popen(
        [sys.executable, "-u", "-m", "microgradrnn", *sys.argv[1:]],  # an epoch is told when it ends
        env=os.environ | {_WORKER: str(os.getpid())},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C comes once, from here
    )
    before = {number: signal.signal(number, lambda number, _: worker.send_signal(number)) for number in _SIGNALS}
    try:
        greeted: list[bool] = []
        printed = threading.Thread(target=lambda: greeted.append(_hand_on(worker.stdout, _GREETING)), daemon=True)
        printed.start()
        ended_by_jax = _hand_on(worker.stderr, _LOG, to_the_end=True)
        status = worker.wait()
        printed.join()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if worker.poll() is None:
            worker.kill()
    if status < 0 or ended_by_jax:
        click.echo(_LOST.format(file=last_file) if any(greeted) else _ALONE, err=True)
        return 1
    return status


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _hand_on(lines: IO[bytes] | None, left_out: re.Pattern[str], to_the_end: bool = False) -> bool:
    """Print what a worker says, but for lines that begin so, or all from the first on; whether there were any."""
    found = False
    for line in lines or ():
        text = line.decode(errors="replace")
        begins = bool(left_out.match(text))
        if not (begins or (found and to_the_end)):
            click.echo(text, nl=False, err=to_the_end)
        found = found or begins
    return found


@contextmanager
def ending_with_the_others(hosts: Hosts, last_file: Path) -> Iterator[None]:
    """End this worker at once where something goes wrong that the other processes do not know of, or with its watcher.

    To end as Python does would be to wait for them.
    """
    if hosts.count == 1:
        yield
        return
    threading.Thread(target=_end_with_watcher, daemon=True).start()
    try:
        yield
    except click.exceptions.Exit:
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        lost = re.search(r"Gloo|NCCL|coordination|Connection|heartbeat", said)
        sys.stderr.write(f"{_LOST.format(file=last_file) if lost else f'Error: {said}'}\n")
        sys.stderr.flush()
        os._exit(1)


def _end_with_watcher() -> None:
    watcher = int(os.environ[_WORKER])
    while os.getppid() == watcher:
        time.sleep(HEARTBEAT / 20)
    os._exit(1)
