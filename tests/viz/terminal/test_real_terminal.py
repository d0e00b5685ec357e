"""Colour, and the stepper in a real terminal."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.viz.terminal.stepping import scalar
from viz.passes import whole
from viz.words.as_terminal import said, visit
from viz.words.styled import GRADIENT, VALUE, paint
from viz.words.visits import Words


def test_values_and_gradients_have_a_colour_each_and_are_named_too():
    painted = "\n".join(paint(line, coloured=True) for line in visit(said(Words(whole(scalar())), 2)))
    assert f"value       −2 + 5 = \x1b[{VALUE}m3\x1b[0m" in painted
    assert f"upstream    \x1b[{GRADIENT}m−4\x1b[0m" in painted
    assert "\x1b" not in "".join(paint(line, coloured=False) for line in visit(said(Words(whole(scalar())), 2)))


PROGRAM = "from tests.viz.terminal.stepping import scalar; from viz import step; step(scalar(), quiz={quiz})"


class Terminal:
    """A child process in a pseudo-terminal of 80 by 24."""

    def __init__(self, quiz=False, **environment):
        import fcntl
        import pty
        import struct
        import termios

        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        kept = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        root = Path(__file__).parents[3]
        self.child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(quiz=quiz)],
            cwd=root,
            env={**kept, "TERM": "xterm-256color", "PYTHONPATH": str(root), "PYTHONIOENCODING": "utf-8", **environment},
            **dict.fromkeys(("stdin", "stdout", "stderr"), theirs),
        )
        os.close(theirs)
        self.seen = ""

    def wait_for(self, wanted):
        """Read until the text is there; what was seen until then."""
        raw, end = b"", time.monotonic() + 60
        while wanted not in self.seen and time.monotonic() < end:
            try:
                raw += os.read(self.ours, 4096)
            except OSError:  # how Linux says that the child is gone
                break
            self.seen = raw.decode(errors="ignore")
        assert wanted in self.seen
        seen, self.seen = self.seen, ""
        return seen

    def press(self, *parts):
        for part in parts:
            os.write(self.ours, part if isinstance(part, bytes) else part.encode())
            time.sleep(0.01)

    def close(self):
        self.child.wait(timeout=60)
        os.close(self.ours)
        return self.child.returncode


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")
def test_in_a_terminal_keys_are_read_and_the_screen_is_given_back():
    terminal = Terminal()
    first = terminal.wait_for("q quit")
    assert "\x1b[?1049h" in first
    assert f"\x1b[{VALUE}m3\x1b[0m" in first
    terminal.press("\x1b[C")
    assert "forward step 2 of 2" in terminal.wait_for("q quit")
    terminal.press("q")
    assert "\x1b[?25h" in terminal.wait_for("\x1b[?1049l")
    assert terminal.close() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")
def test_in_a_terminal_no_key_is_lost_however_fast_they_come():
    terminal = Terminal()
    terminal.press("v ")  # long before anything is shown
    terminal.wait_for("visit 2 of 5")
    terminal.press("x" * 300 + "\x1b[C" * 50 + "<    ")
    terminal.wait_for("visit 3 of 5")
    for _ in range(20):
        terminal.press("\x1b[D", "\x1b[C")
    terminal.press("\x1b", "[", "C")
    terminal.wait_for("visit 4 of 5")
    terminal.press("g", "é".encode()[:1], "é".encode()[1:], "z")
    terminal.wait_for("go to: \x1b[0méz")
    terminal.press("\x1b")
    terminal.wait_for("q quit")
    terminal.press("qxx")
    terminal.wait_for("\x1b[?1049l")
    assert terminal.close() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")
def test_no_color_is_respected_and_ctrl_c_quits_a_quiz():
    terminal = Terminal(quiz=True, NO_COLOR="1")
    assert "m−12" not in terminal.wait_for("answer: ")
    terminal.press("3")
    terminal.wait_for("answer: 3")
    terminal.press("\r")
    terminal.wait_for("right: 3")
    terminal.press("\x03")
    terminal.wait_for("1 of 1 right at first try\r\n")
    assert terminal.close() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")
def test_a_terminal_that_knows_no_escape_codes_gets_plain_text():
    terminal = Terminal(TERM="dumb")
    assert "\x1b" not in terminal.wait_for("nothing: this was the last visit")
    assert terminal.close() == 0
