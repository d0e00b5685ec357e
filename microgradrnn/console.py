"""What is written to a console, a pipe or a file whose encoding lacks some of its characters."""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager

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
