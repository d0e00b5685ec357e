"""Graphviz, in a process of its own: laying a graph out within a time limit that holds.

The process lives on from call to call, since the Graphviz that comes with pip takes more than a second to start.
Nothing stops a layout but the end of its process: after a time-out the next call starts a new one.

Where the system lets no process be started (in a browser, in some sandboxes), the Graphviz that comes with pip lays out
in this one, and no limit holds.
"""

from __future__ import annotations

import atexit
import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import worker

if TYPE_CHECKING:
    import subprocess

WORKER = Path(worker.__file__)
START = 60.0
"""Seconds that a start may take, on a machine that is busy too."""


class LayoutTimeoutError(RuntimeError):
    """Graphviz took longer than it was given."""


def plain(dot: str, seconds: float) -> str:
    """The layout of a graph in Graphviz's "plain" format.

    Args:
        dot: the graph.
        seconds: how long it may take, where it has a process of its own; the start of that is not counted.

    Raises:
        LayoutTimeoutError: it took longer.
        RuntimeError: Graphviz refused.

    >>> plain("digraph { a -> b }", seconds=10).split()[0]
    'graph'
    """
    return _worker.plain(dot, seconds)


class _NoProcessError(Exception):
    """The system starts no process."""


class _Worker:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: subprocess.Popen[str] | None = None
        self.answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def plain(self, dot: str, seconds: float) -> str:
        with self.lock:
            try:
                process = self._running()
            except _NoProcessError:
                answer = worker.answer(worker.from_pip, dot)
            else:
                answer = self._asked(process, dot, seconds)
        if "error" in answer:
            raise RuntimeError(f"Graphviz could not lay out the picture: {answer['error']}")
        return str(answer["plain"])

    def _asked(self, process: subprocess.Popen[str], dot: str, seconds: float) -> dict[str, Any]:
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(dot) + "\n")
            process.stdin.flush()
        except OSError:
            self.answers.put({"ended": True})
        return self._answer(seconds)

    def stop(self) -> None:
        """End the process, and the ``dot`` that it may be waiting for."""
        process, self.process = self.process, None
        if process is None:
            return
        if hasattr(os, "killpg") and process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.communicate()

    def _running(self) -> subprocess.Popen[str]:
        if self.process is not None and self.process.poll() is None:
            return self.process
        self.stop()
        try:
            self.process = self._started()
            self.answers = queue.SimpleQueue()
            threading.Thread(target=_read, args=(self.process, self.answers), daemon=True).start()
        except (OSError, RuntimeError) as error:  # a thread that cannot be started is a RuntimeError
            self.stop()
            raise _NoProcessError from error
        self._answer(START)
        return self.process

    def _started(self) -> subprocess.Popen[str]:
        import subprocess

        return subprocess.Popen(
            [sys.executable, "-P", str(WORKER)],  # -P: its folder's modules are not to hide those of Python
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONIOENCODING": "utf-8"},
            start_new_session=True,
        )

    def _answer(self, seconds: float) -> dict[str, Any]:
        try:
            answer = self.answers.get(timeout=max(seconds, 0.001))
        except queue.Empty:
            self.stop()
            raise LayoutTimeoutError(f"the layout took longer than {seconds:.3g} s") from None
        if "ended" in answer:
            self.stop()
            raise RuntimeError("the process that lays out pictures has ended; see what it wrote above")
        return answer


def _read(process: subprocess.Popen[str], answers: queue.SimpleQueue[dict[str, Any]]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        answers.put(json.loads(line))
    answers.put({"ended": True})


_worker = _Worker()
atexit.register(_worker.stop)
