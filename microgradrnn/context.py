"""Where we are while recording: scope and time step, whether to record at all, whether NaN is an error, who watches.

- `scope`: marks what is recorded inside with a name and a time step.
- `no_grad`, `detect_nan`: switch recording off, and a watch for NaN on.
- `Watch`: is told what leaves the graph, or comes into it unrecorded; `watched` switches one on.

All of it lives in one context variable, so threads and coroutines don't see each other's.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import ContextDecorator, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from microgradrnn.engine import Node


class Watch(Protocol):
    """Is told while recording of what a recorded graph does not show; see `microgradrnn.compiled`."""

    def read(self, node: Node) -> None:
        """The numbers of a node are handed to code that is not recorded."""

    def copied(self, copy: Node, node: Node) -> None:
        """A constant was made that is a node, cut off from the graph."""

    def unrecorded(self, result: Node, nodes: tuple[Node, ...]) -> None:
        """A constant was computed from nodes, inside `no_grad`."""

    def varies(self, what: str) -> None:
        """Something is recorded that differs from call to call, such as a random mask."""

    def requires(self, node: Node, check: Callable[[Any], None]) -> None:
        """The numbers of a node must pass a check, which raises."""


class Place(NamedTuple):
    """What every node remembers of where it was recorded."""

    path: str = ""
    t: int | None = None
    recording: bool = True
    nan_is_error: bool = False
    outer: Place | None = None
    block: _Block | None = None
    """The with block that leads here from the place around it, ``outer``."""
    watch: Watch | None = None

    def __str__(self) -> str:
        step = "" if self.t is None else f" at step t={self.t}"
        return step + (f" in scope {self.path!r}" if self.path else "")


_OUTSIDE = Place()
_place: ContextVar[Place] = ContextVar("microgradrnn_place", default=_OUTSIDE)
here = _place.get


def tell(node: Any) -> None:
    """Tell whoever watches that the numbers of a node are handed to code that is not recorded."""
    watch = here().watch
    if watch is not None:
        watch.read(node)


def numbers_of(node: Any) -> Any:
    """The numbers of a node, for code that is not recorded; whoever watches is told."""
    tell(node)
    return node._data


def copied(copy: Any, node: Any) -> Any:
    """``copy``, which is a node cut off from the graph; whoever watches is told."""
    watch = here().watch
    if watch is not None:
        watch.copied(copy, node)
    return copy


def unrecorded(result: Any, nodes: Any) -> Any:
    """``result``, which was computed from nodes inside `no_grad`; whoever watches is told."""
    watch = here().watch
    if watch is not None:
        watch.unrecorded(result, nodes)
    return result


def require(node: Node, check: Callable[[Any], None]) -> None:
    """Check the numbers of a node, and tell whoever watches that others must pass the check as well."""
    check(node._data)
    watch = here().watch
    if watch is not None:
        watch.requires(node, check)


def varies(what: str) -> None:
    """Tell whoever watches that what is recorded differs from call to call."""
    watch = here().watch
    if watch is not None:
        watch.varies(what)


@contextmanager
def at(place: Place) -> Iterator[None]:
    """Record inside as if we were at ``place``."""
    token = _place.set(place)
    try:
        yield
    finally:
        _place.reset(token)


class _Block:
    """A with block that leads to another place.

    A generator that waits inside one may be closed at any time: while we are inside others that were entered later,
    which then stay as they are, and in another thread, where there is nothing to leave.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        _place.set(self._inside(here()))

    def __exit__(self, *_: object) -> None:
        _place.set(_without(self, here()))

    def _inside(self, outer: Place) -> Place:
        """The place inside this block, where the block is at ``outer``."""
        raise NotImplementedError


def _without(block: _Block, place: Place) -> Place:
    """Where we are once a block has been left: at ``place`` itself if that is not inside the block."""
    if place.outer is None or place.block is None:
        return place
    if place.block is block:
        return place.outer
    outer = _without(block, place.outer)
    return place if outer is place.outer else place.block._inside(outer)


class scope(_Block):  # noqa: N801 - used as a function is
    """Mark what is recorded inside with a name and, where there is one, a time step. Scopes nest.

    >>> from microgradrnn import Value
    >>> with scope("rnn"), scope("cell", t=3):
    ...     h = Value(1.0).tanh()
    >>> h.scope, h.t
    ('rnn/cell', 3)
    """

    __slots__ = ("name", "t")

    def __init__(self, name: str, t: int | None = None) -> None:
        try:
            self.name, self.t = name, None if t is None else operator.index(t)
        except TypeError:
            raise TypeError(
                f"scope: t is the number of the time step, an integer such as t=1, or None for no step; got {t!r}"
            ) from None

    def _inside(self, outer: Place) -> Place:
        path = f"{outer.path}/{self.name}" if outer.path else self.name
        t = outer.t if self.t is None else self.t
        return Place(path, t, outer.recording, outer.nan_is_error, outer, self, outer.watch)


class no_grad(_Block, ContextDecorator):  # noqa: N801 - likewise
    """Compute without recording: results are constants. Also a decorator: ``@no_grad()``.

    >>> from microgradrnn import Value
    >>> with no_grad():
    ...     y = Value(3.0) * 2
    >>> y.data, y.inputs, y.requires_grad
    (6.0, (), False)
    """

    def _inside(self, outer: Place) -> Place:
        return outer._replace(recording=False, outer=outer, block=self)


class detect_nan(_Block, ContextDecorator):  # noqa: N801 - likewise
    """Raise FloatingPointError where NaN first comes up, forward or backward, naming the node and its step.

    >>> import numpy as np
    >>> from microgradrnn import Value
    >>> with detect_nan(), np.errstate(invalid="ignore"), scope("cell", t=2):
    ...     Value(-1.0, label="a").log()
    Traceback (most recent call last):
    FloatingPointError: NaN came up in log at step t=2 in scope 'cell', from a=-1.0
    """

    def _inside(self, outer: Place) -> Place:
        return outer._replace(nan_is_error=True, outer=outer, block=self)
