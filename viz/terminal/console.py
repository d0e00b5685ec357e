"""A real terminal: reads keys, writes screens, and leaves everything as it was.

- `interact`: runs a stepper until its reader quits.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TextIO

from ..words.styled import paint, speakable
from .keyboard import listening
from .stepper import Stepper


def interact(stepper: Stepper, out: TextIO) -> None:
    """Show the stepper's screens on a terminal, and press the keys that are typed there, until it is over."""
    os.system("")  # makes an older Windows console take escape codes
    coloured = not os.environ.get("NO_COLOR")
    state = stepper.start

    def draw() -> None:
        nonlocal state
        width, height = os.get_terminal_size(out.fileno())
        state = replace(state, width=width or 80, height=height or 24)
        lines = [paint(line, coloured) + CLEAR_LINE for line in stepper.screen(state)]
        typing = state.prompt or stepper.question(state)
        cursor = SHOW_CURSOR if typing else HIDE_CURSOR
        out.write(HOME + speakable("\r\n".join(lines), out.encoding) + CLEAR_REST + cursor)
        out.flush()

    out.write(OWN_SCREEN)
    try:
        with listening() as typed, _when_resized(draw):
            while not state.over:
                draw()
                for key in typed():
                    state = stepper.press(state, key)
    except (KeyboardInterrupt, EOFError):
        pass
    finally:
        out.write(SHOW_CURSOR + OLD_SCREEN + (f"{state.score}\n" if state.score else ""))
        out.flush()


OWN_SCREEN, OLD_SCREEN = "\x1b[?1049h", "\x1b[?1049l"
HOME, CLEAR_LINE, CLEAR_REST = "\x1b[H", "\x1b[K", "\x1b[J"
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


@contextlib.contextmanager
def _when_resized(draw: Callable[[], None]) -> Iterator[None]:
    """Draw again whenever the window changes its size, where the system says so."""
    if not hasattr(signal, "SIGWINCH") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGWINCH, lambda *_: draw())
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
