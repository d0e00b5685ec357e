"""Layout in a process of its own: a limit that holds, and a process that is there again after it."""

import errno
import os
import random
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from microgradrnn import Value
from tests.viz.networks import rnn_loss
from viz import draw
from viz.layout import arrange as layout
from viz.layout import engine as engines
from viz.layout import positions
from viz.layout.engine import LayoutTimeoutError, plain


def tangle(nodes=1500, edges=9000):
    """A graph that Graphviz takes a good while over."""
    rng = random.Random(0)
    return "digraph {" + ";".join(f"n{rng.randrange(nodes)}->n{rng.randrange(nodes)}" for _ in range(edges)) + "}"


@pytest.fixture(params=["system", "pip"])
def engine(request, monkeypatch):
    """Each of the two Graphviz, the worker started anew; with no ``dot`` on the path there is only the second."""
    if request.param == "pip":
        monkeypatch.setenv("PATH", "")
    elif not shutil.which("dot"):
        pytest.skip("needs Graphviz's dot")
    engines._worker.stop()
    yield request.param
    engines._worker.stop()


def test_it_lays_out_again_and_again_in_one_process(engine):
    assert plain("digraph { a -> b }", 30).startswith("graph")
    process = engines._worker.process
    assert plain("digraph { a -> b -> c }", 30).count("node") == 3
    assert engines._worker.process is process


def test_what_graphviz_refuses_is_an_error_and_not_its_end(engine):
    plain("digraph { a }", 30)
    process = engines._worker.process
    with pytest.raises(RuntimeError, match="Graphviz could not lay out the picture"):
        plain("digraph { a -> ", 30)
    assert plain("digraph { a }", 30).startswith("graph")
    assert engines._worker.process is process


def test_a_limit_holds_and_the_next_layout_works(engine):
    plain("digraph { a }", 30)
    process = engines._worker.process
    with pytest.raises(LayoutTimeoutError, match=r"longer than 0\.2 s"):
        plain(tangle(), 0.2)
    assert process.poll() is not None
    assert plain("digraph { a -> b }", 30).startswith("graph")


def test_a_process_that_was_killed_is_replaced():
    plain("digraph { a }", 30)
    engines._worker.process.kill()
    engines._worker.process.wait()
    assert plain("digraph { a }", 30).startswith("graph")


def refusing(error):
    def refuse(*_, **__):
        raise error

    return refuse


DIAMOND = "digraph { a -> b -> c; a -> c [weight=8] }"


@pytest.fixture(scope="module")
def diamond():
    """What the Graphviz of pip says of it, in a process of its own."""
    engines._worker.stop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "")
        yield plain(DIAMOND, 30)
    engines._worker.stop()


@pytest.mark.parametrize(
    ("where", "name", "error"),
    [
        (subprocess, "Popen", PermissionError(errno.EPERM, "Operation not permitted")),
        (subprocess, "Popen", BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")),
        (subprocess, "Popen", OSError(errno.ENOTSUP, "emscripten does not support processes.")),
        (threading.Thread, "start", RuntimeError("can't start new thread")),
    ],
)
def test_where_no_process_can_be_started_it_lays_out_in_this_one(monkeypatch, diamond, where, name, error):
    engines._worker.stop()
    monkeypatch.setattr(where, name, refusing(error))
    assert plain(DIAMOND, 30) == diamond
    assert engines._worker.process is None
    with pytest.raises(RuntimeError, match="Graphviz could not lay out the picture"):
        plain("digraph { a -> ", 30)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have another folder for caches")
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "nowhere to keep it"])
def test_what_was_compiled_is_kept_where_it_can_be(monkeypatch, tmp_path, diamond, kept):
    """Where a file has the name of the folder, nothing can."""
    place = tmp_path if kept else tmp_path / "file" / "folder"
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(place))
    monkeypatch.setenv("PATH", "")
    engines._worker.stop()
    assert plain(DIAMOND, 30) == diamond
    engines._worker.stop()
    assert kept == any(tmp_path.glob("wasmtime/modules/*/*"))


SANDBOX = r"""
import sys


def refuse(event, _):
    if event in ("subprocess.Popen", "os.fork", "os.posix_spawn", "os.system"):
        raise PermissionError(1, "Operation not permitted", event)


from tests.viz.networks import rnn_loss
from viz import draw, frames, page

sys.addaudithook(refuse)
loss = rnn_loss(2)
loss.backward()
assert draw(loss).png().startswith(b"\x89PNG")
assert "<svg" in page(loss, quiz=True).html
assert len(frames(loss, sys.argv[1])) > 9
"""


def test_every_picture_is_made_where_no_process_can_be_started(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    subprocess.run([sys.executable, "-c", SANDBOX, tmp_path], check=True, env=environment)


def test_a_process_that_ends_when_it_is_asked_is_an_error(monkeypatch):
    plain("digraph { a }", 30)
    monkeypatch.setattr(engines._worker.process.stdin, "write", refusing(BrokenPipeError(errno.EPIPE, "Broken pipe")))
    with pytest.raises(RuntimeError, match="has ended"):
        plain("digraph { a }", 30)
    assert plain("digraph { a }", 30).startswith("graph")


def test_threads_get_their_own_answers():
    found = {}

    def ask(n):
        found[n] = plain("digraph {" + " -> ".join(f"n{i}" for i in range(n)) + "}", 30).count("node ")

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(2, 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: n for n in range(2, 8)}


@pytest.mark.parametrize("root", [rnn_loss(2), sum((Value(1.0) * i for i in range(2, 60)), start=Value(0.0))])
def test_a_picture_that_takes_too_long_becomes_a_smaller_one_that_says_so(root, monkeypatch):
    drawing = draw(root, max_nodes=10_000)
    before = len(drawing.view.boxes)

    def slow(dot, seconds):
        if dot.count("[width") > 8:
            raise LayoutTimeoutError("the layout took longer than 20 s")
        return plain(dot, seconds)

    monkeypatch.setattr(positions, "plain", slow)
    monkeypatch.setattr(layout, "FEW", 8)
    assert "took longer than 20 s: only the 8 boxes nearest" in drawing.svg()
    assert len(drawing.view.boxes) == 8 < before
