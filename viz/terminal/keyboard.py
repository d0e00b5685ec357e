"""The keyboard of a terminal.

- `listening`: a function that waits for keys. `keys`: what was read, as keys.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator

PAUSE = 0.1
"""Seconds after which an escape character was the key itself, and not the beginning of what another key sends."""

_ARROWS = ("up", "down", "right", "left", "home", "end")
_KEYS = {
    **{"\r": "enter", "\n": "enter", "\x7f": "backspace", "\x08": "backspace", "\x1b": "esc", "\x03": "ctrl-c"},
    **{f"\x1b{mark}{letter}": name for mark in "[O" for letter, name in zip("ABCDHF", _ARROWS, strict=True)},
    **{f"\x1b[{code}~": name for code, name in ((1, "home"), (7, "home"), (4, "end"), (8, "end"))},
    **{f"{mark}{letter}": name for mark in "\x00\xe0" for letter, name in zip("HPMKGO", _ARROWS, strict=True)},
}
"""What terminals send, and the Windows console, for the keys that have names here."""

_UNFINISHED = re.compile(r"\x1b(\[[0-9;]*|O)?\Z")
"""The end of what was read, where more of a key's sequence may follow."""


def keys(raw: str) -> list[str]:
    r"""What was read from a terminal as keys: characters, and names of other keys. Nothing read: ``"ctrl-c"``.

    >>> keys("n\x1b[C\r"), keys("\x1b[15~")
    (['n', 'right', 'enter'], [])
    """
    found = re.findall(r"\x1b\[[0-9;]*[A-Za-z~]|\x1bO[A-Z]|[\x00\xe0][A-Z]|[\s\S]", raw)
    return [_KEYS.get(part, part) for part in found if part in _KEYS or part.isprintable()] if raw else ["ctrl-c"]


if sys.platform == "win32":

    @contextlib.contextmanager
    def listening() -> Iterator[Callable[[], list[str]]]:
        """A function that waits for the next key; the console keeps those that come meanwhile."""
        from click import getchar  # takes its time to import, and only a terminal needs it

        yield lambda: keys(getchar())

else:

    @contextlib.contextmanager
    def listening() -> Iterator[Callable[[], list[str]]]:
        """A function that waits for the next keys, and returns all that have been typed by then.

        The terminal hands on each key as it is typed until this ends. To change its mode for one key at a time, as
        `click.getchar` does, throws away what is typed in between.
        """
        import select
        import termios  # some systems have none, such as Python in a browser
        import tty

        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal)
        decoder = codecs.getincrementaldecoder(sys.stdin.encoding)("replace")

        def read() -> list[str]:
            raw = ""
            while not raw or (_UNFINISHED.search(raw) and select.select([terminal], [], [], PAUSE)[0]):
                received = os.read(terminal, 1024)
                if not received:
                    return keys("")
                raw += decoder.decode(received)
            return keys(raw)

        tty.setraw(terminal, termios.TCSANOW)  # unlike the default, keeps what has been typed already
        try:
            yield read
        finally:
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)
