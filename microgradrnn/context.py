"""Where we are while recording: the scope and time step, whether to record at all, whether NaN is an error.

- `scope`: marks what is recorded inside with a name and a time step.
- `no_grad`, `detect_nan`: switch recording off, and a watch for NaN on.

All of it lives in one context variable, so threads and coroutines don't see each other's.
"""

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple


class Place(NamedTuple):
    """What every node remembers of where it was recorded."""

    path: str = ""
    t: int | None = None
    recording: bool = True
    nan_is_error: bool = False
    outer: Any = None
    """The place around this scope, to go back to."""

    def __str__(self) -> str:
        step = "" if self.t is None else f" at step t={self.t}"
        return step + (f" in scope {self.path!r}" if self.path else "")


_OUTSIDE = Place()
_place: ContextVar[Place] = ContextVar("microgradrnn_place", default=_OUTSIDE)
here = _place.get


@contextmanager
def at(place: Place) -> Iterator[None]:
    """Record inside as if we were at ``place``."""
    token = _place.set(place)
    try:
        yield
    finally:
        _place.reset(token)


class scope:  # noqa: N801 - used as a function is
    """Mark what is recorded inside with a name and, where there is one, a time step. Scopes nest.

    >>> from microgradrnn import Value
    >>> with scope("rnn"), scope("cell", t=3):
    ...     h = Value(1.0).tanh()
    >>> h.scope, h.t
    ('rnn/cell', 3)
    """

    def __init__(self, name: str, t: int | None = None) -> None:
        self.name, self.t = name, None if t is None else operator.index(t)

    def __enter__(self) -> None:
        outer = here()
        path = f"{outer.path}/{self.name}" if outer.path else self.name
        t = outer.t if self.t is None else self.t
        _place.set(Place(path, t, outer.recording, outer.nan_is_error, outer))

    def __exit__(self, *_: object) -> None:
        # A generator left inside a scope may be closed in another thread, where there is no scope to leave.
        _place.set(here().outer or _OUTSIDE)


@contextmanager
def no_grad() -> Iterator[None]:
    """Compute without recording: results are constants. Also a decorator: ``@no_grad()``.

    >>> from microgradrnn import Value
    >>> with no_grad():
    ...     y = Value(3.0) * 2
    >>> y.data, y.inputs, y.requires_grad
    (6.0, (), False)
    """
    with at(here()._replace(recording=False)):
        yield


@contextmanager
def detect_nan() -> Iterator[None]:
    """Raise FloatingPointError where NaN first comes up, forward or backward, naming the node and its step.

    >>> import numpy as np
    >>> from microgradrnn import Value
    >>> with detect_nan(), np.errstate(invalid="ignore"), scope("cell", t=2):
    ...     Value(-1.0, label="a").log()
    Traceback (most recent call last):
    FloatingPointError: NaN came up in log at step t=2 in scope 'cell', from a=-1.0
    """
    with at(here()._replace(nan_is_error=True)):
        yield
