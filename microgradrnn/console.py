"""What is written to a console, a pipe or a file.

- `replacing`: its encoding lacks some of the characters. `ending_with_the_reader`: nobody reads the pipe any more.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

PLAIN = "console_ascii"
"""ASCII under a name of its own: Typer takes a stream in ASCII for a mistake, and would write UTF-8 to it."""


REPLACING = {"strict": "replace", "surrogateescape": "escape_or_replace"}
"""What becomes of ways to treat such characters, the second of which raises for all but file names."""


@contextmanager
def replacing() -> Iterator[None]:
    """Let standard output and error replace what their encoding lacks by a question mark, where they would raise.

    File names that are no text in the encoding of the file system go out byte for byte where Python lets them, as in
    the C locale. Streams that replace anyway, such as standard error, go on as they do.
    """
    before = []
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            before.append((stream, stream.encoding, stream.errors))
            errors = stream.errors or "strict"
            ascii_only = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding=PLAIN if ascii_only else None, errors=REPLACING.get(errors, errors))
    try:
        yield
    finally:
        for stream, encoding, treated in before:
            if not stream.closed:
                stream.reconfigure(encoding=encoding, errors=treated)


PIPE_SIGNAL = 13
"""SIGPIPE, which Windows does not have: it ends a process on Unix that writes to a pipe which nobody reads."""


def nobody_reads(error: BaseException) -> bool:
    """Whether an error says that standard output is a pipe whose reader has ended."""
    on_windows = os.name == "nt" and isinstance(error, OSError) and error.errno == errno.EINVAL and not error.filename
    return isinstance(error, BrokenPipeError) or on_windows


@contextmanager
def ending_with_the_reader() -> Iterator[None]:
    """End the process quietly once nobody reads what it writes, as in ``python script.py | head``.

    Raises:
        SystemExit: with 141, which is what shells say of a process that SIGPIPE ended: 128 + 13.
    """
    try:
        try:
            yield
        except SystemExit:
            sys.stdout.flush()
            raise
        sys.stdout.flush()
    except OSError as error:
        if not nobody_reads(error):
            raise
        for stream in (sys.stdout, sys.stderr):
            _give_up(stream)
        raise SystemExit(128 + PIPE_SIGNAL) from None


def _give_up(stream: TextIO) -> None:
    """Throw away what cannot be written, or Python would try again at its end, and complain."""
    try:
        stream.flush()
    except OSError:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())


def _escape_or_replace(error: UnicodeError) -> tuple[str | bytes, int]:
    """One character: the byte that it stands for, else a question mark."""
    assert isinstance(error, UnicodeEncodeError)
    one = UnicodeEncodeError(error.encoding, error.object, error.start, error.start + 1, error.reason)
    try:
        return codecs.lookup_error("surrogateescape")(one)
    except UnicodeEncodeError:
        return codecs.replace_errors(one)


def _plain(name: str) -> codecs.CodecInfo | None:
    known = codecs.lookup("ascii")
    coders = (known.encode, known.decode, known.streamreader, known.streamwriter)
    incremental = (known.incrementalencoder, known.incrementaldecoder)
    return codecs.CodecInfo(*coders, *incremental, name=PLAIN) if name == PLAIN else None


codecs.register(_plain)
codecs.register_error("escape_or_replace", _escape_or_replace)
