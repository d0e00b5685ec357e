"""Graphviz, in a process of its own: laying a graph out within a time limit that holds.

The process lives on from call to call, since the Graphviz that comes with pip takes more than a second to start.
Nothing stops a layout but the end of its process: after a time-out the next call starts a new one.
"""

from __future__ import annotations

import atexit
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

WORKER = Path(__file__).with_name("worker.py")
START = 60.0
"""Seconds that a start may take, on a machine that is busy too."""


class LayoutTimeoutError(RuntimeError):
    """Graphviz took longer than it was given."""


def plain(dot: str, seconds: float) -> str:
    """The layout of a graph in Graphviz's "plain" format.

    Args:
        dot: the graph.
        seconds: how long it may take; the start of the process is not counted.

    Raises:
        LayoutTimeoutError: it took longer.
        RuntimeError: Graphviz refused.

    >>> plain("digraph { a -> b }", seconds=10).split()[0]
    'graph'
    """
    return _worker.plain(dot, seconds)


class _Worker:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: subprocess.Popen[str] | None = None
        self.answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def plain(self, dot: str, seconds: float) -> str:
        with self.lock:
            stdin = self._running().stdin
            assert stdin is not None
            stdin.write(json.dumps(dot) + "\n")
            stdin.flush()
            answer = self._answer(seconds)
        if "error" in answer:
            raise RuntimeError(f"Graphviz could not lay out the picture: {answer['error']}")
        return str(answer["plain"])

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
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(WORKER)],  # -P: its folder's modules are not to hide those of Python
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONIOENCODING": "utf-8"},
            start_new_session=True,
        )
        self.answers = queue.SimpleQueue()
        threading.Thread(target=_read, args=(self.process, self.answers), daemon=True).start()
        self._answer(START)
        return self.process

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
