"""One training a folder at a time: a lock of the operating system, which ends with the process that holds it.

- `only_writer`: holds the lock. `InUse`: another one holds it.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import lock_descriptor, unlock_descriptor

NAME = ".lock"
"""The file that is locked: its first byte. The holder's process id stands after it, for Windows lets nobody read
bytes that are locked. The file stays when the lock ends, and whether it is there means nothing."""

_held: set[int] = set()
"""The descriptors of the locks that this process holds."""


class InUse(RuntimeError):  # noqa: N818 - what the folder is
    """Another training writes to the folder; says which process that is.

    >>> import tempfile
    >>> from microgradrnn.training import Run
    >>> with tempfile.TemporaryDirectory() as folder, Run(folder).lock():
    ...     try:
    ...         Run(folder).lock().__enter__()
    ...     except InUse as error:
    ...         print(str(error).split("; ")[1])
    wait for its end, or name another folder
    """


@contextmanager
def only_writer(folder: Path) -> Iterator[bool]:
    """Hold the lock of a folder. Only those are kept out who ask for it: reading needs none.

    Yields:
        whether it is held. Where the file system cannot lock, a RuntimeWarning says so, and it is not.

    Raises:
        InUse: another one holds it, in another process or in this one.
    """
    descriptor = _locked(folder)
    try:
        yield descriptor is not None
    finally:
        if descriptor in _held:  # not in a child of the process that took the lock
            _held.discard(descriptor)
            unlock_descriptor(descriptor)
            os.close(descriptor)


def _locked(folder: Path) -> int | None:
    """The descriptor that has the lock; None where there can be none."""
    descriptor = None
    try:
        descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o666)
        if not lock_descriptor(descriptor, blocking=False):
            raise InUse(
                f"{folder} is being trained in by {_holder(descriptor)}; wait for its end, or name another folder"
            )
        os.lseek(descriptor, 1, os.SEEK_SET)
        os.write(descriptor, b"%-20d\n" % os.getpid())
    except OSError as error:
        _close(descriptor)
        warnings.warn(
            f"{folder} cannot be locked ({error.strerror}): see to it yourself that no other training writes to it",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    except BaseException:
        _close(descriptor)
        raise
    _held.add(descriptor)
    return descriptor


def _holder(descriptor: int) -> str:
    os.lseek(descriptor, 1, os.SEEK_SET)
    number = os.read(descriptor, 20).decode("ascii", "replace").strip()
    return f"process {number}" if number.isdigit() else "another process"


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)


def _close_all() -> None:
    """In a child that was forked: it shares the lock, and would keep it after its parent's death."""
    while _held:
        os.close(_held.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_all)
