"""A real terminal: reads keys, writes screens, and leaves everything as it was.

- `interact`: runs a stepper until its reader quits. `keys`: what was read, as keys.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TextIO

from ..words.styled import paint, speakable
from .stepper import State, Stepper


def interact(stepper: Stepper, out: TextIO) -> None:
    """Show the stepper's screens on a terminal, and press the keys that are typed there, until it is over."""
    from typer import getchar  # takes its time to import, and only a terminal needs it

    os.system("")  # makes an older Windows console take escape codes
    coloured = not os.environ.get("NO_COLOR")
    state = State()

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
        with _when_resized(draw):
            while not state.over:
                draw()
                for key in keys(getchar()):
                    state = stepper.press(state, key)
    except (KeyboardInterrupt, EOFError):
        pass
    finally:
        out.write(SHOW_CURSOR + OLD_SCREEN + (f"{state.score}\n" if state.score else ""))
        out.flush()


OWN_SCREEN, OLD_SCREEN = "\x1b[?1049h", "\x1b[?1049l"
HOME, CLEAR_LINE, CLEAR_REST = "\x1b[H", "\x1b[K", "\x1b[J"
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"

_ARROWS = ("up", "down", "right", "left", "home", "end")
_KEYS = {
    **{"\r": "enter", "\n": "enter", "\x7f": "backspace", "\x08": "backspace", "\x1b": "esc", "\x03": "ctrl-c"},
    **{f"\x1b{mark}{letter}": name for mark in "[O" for letter, name in zip("ABCDHF", _ARROWS, strict=True)},
    **{f"\x1b[{code}~": name for code, name in ((1, "home"), (7, "home"), (4, "end"), (8, "end"))},
    **{f"{mark}{letter}": name for mark in "\x00\xe0" for letter, name in zip("HPMKGO", _ARROWS, strict=True)},
}
"""What terminals send, and the Windows console, for the keys that have names here."""


def keys(raw: str) -> list[str]:
    r"""What was read from a terminal as keys: characters, and names of other keys.

    >>> keys("n\x1b[C\r"), keys("\x1b[15~")
    (['n', 'right', 'enter'], [])
    """
    found = re.findall(r"\x1b\[[0-9;]*[A-Za-z~]|\x1bO[A-Z]|[\x00\xe0][A-Z]|[\s\S]", raw)
    return [_KEYS.get(part, part) for part in found if part in _KEYS or part.isprintable()] if raw else ["ctrl-c"]


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
