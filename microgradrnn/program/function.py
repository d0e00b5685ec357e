"""Functions of arrays as programs: recorded once at each shape, and proved before a program is trusted.

- `compiled`: wraps a function. `Compiled`: what it gives.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from microgradrnn.context import here
from microgradrnn.engine import Node
from microgradrnn.errors import CannotFollow
from microgradrnn.program.calls import Call, Entry, RecordedCall, disproved, returned
from microgradrnn.program.compiling import compile  # noqa: A004 - a graph's, as in PyTorch and re
from microgradrnn.program.limits import Refused
from microgradrnn.program.nested import ranks
from microgradrnn.program.program import Program
from microgradrnn.program.proof import Answer, difference, moved, with_leaves

_MOST = 64
"""So many programs are made at most: a function that needs more changes from call to call."""
_KEPT = 4096
"""So many combinations are remembered; one that is forgotten is recorded anew."""
_TRIED = 8
"""So many of them are tried where a new combination of shapes comes up."""


def compiled(fn: Callable[..., Any], strict: bool = False, debug: bool = False) -> Compiled:
    """A function of arrays that returns a loss, computed by programs: ``compiled(fn)(x).backward()`` is that of fn.

    For each new combination of shapes and types fn is called and recorded twice, the second time with other numbers. A
    program (`microgradrnn.compile`) is taken for that combination only if its loss, aux and gradients are the
    recording's: at these very numbers and at others, to 1e-10 (float64) or 1e-4 (float32) of the size of what was added
    up. From then on the program alone runs. Where no program computes what fn does, fn is recorded at each call, and
    `Compiled.why` says why.

    What makes the loss depend on data is seen while recording: fn gets nodes, and to read the numbers of one that
    depends on an argument (``data``, ``item()``, ``if x > 0``, a comparison, an index, ``detach()`` where the result is
    used, NumPy's functions), or to draw a dropout's mask, means that fn is recorded at each call.

    What is not seen is what fn reads besides its arguments. Parameters and other tensors that were made outside fn are
    read as they stand at each call; all else is kept as it was when recorded: numbers that were read from parameters,
    random numbers, globals, schedules, a module's ``training``. If these change from call to call, hand them in as
    arrays. Random numbers and counters show in the two recordings, a later change does not: ``debug`` looks.
    Whatever else fn does besides its answer, such as printing, is not done by a program.

    Args:
        fn: takes arrays, nodes, None, and nested tuples and lists of them, such as states, and gets them as nodes;
            numbers, booleans and text stay what they are, and another one is recorded anew. Returns the loss, a node
            with one entry, or (loss, aux), aux being nodes and None in nested tuples and lists: states, logits.
        strict: whether to raise where fn cannot be followed, rather than to record it at each call.
        debug: whether to record fn at each call too, and to compare.

    Raises:
        TypeError: an argument is something else, or what fn returns is.
        CannotFollow: with ``strict``, naming the line that makes the loss depend on data.
        RuntimeError: with ``debug``, where the program and a recording differ.

    >>> import numpy as np
    >>> from microgradrnn import Parameter
    >>> W = Parameter(np.eye(2), "W")
    >>> step = compiled(lambda x: (x @ W).tanh().sum())
    >>> for rows in (1, 1, 5, 5):
    ...     loss = step(np.zeros((rows, 2)))
    >>> loss.backward()
    >>> loss.item(), W.grad.tolist(), len(step.programs), step.why
    (0.0, [[0.0, 0.0], [0.0, 0.0]], 1, '')
    """
    return Compiled(fn, strict, debug)


class Compiled:
    """A function whose answers programs compute; see `compiled`. What it returns is used as what the function does.

    Attributes:
        programs: those that have been made; each has a ``source`` to read.
        why: why the last call was recorded, and at which line of the function that is; empty where a program ran.

    >>> import numpy as np
    >>> from microgradrnn import Parameter
    >>> w = Parameter([3.0], "w")
    >>> total = compiled(lambda x: (w * x).sum())
    >>> [total(np.ones(size)).item() for size in (2, 4)], len(total.programs), total.why
    ([6.0, 12.0], 1, '')
    >>> total = compiled(lambda x: (w * x).sum() if x.sum() > 0 else w.sum())
    >>> total(np.ones(2)).item(), len(total.programs), total.why.split(" at ")[0]
    (6.0, 0, 'numbers that depend on its arguments are read by the function')
    """

    def __init__(self, fn: Callable[..., Any], strict: bool = False, debug: bool = False) -> None:
        if not callable(fn):
            raise TypeError(f"compiled: takes a function, not {fn!r}")
        self.fn, self.strict, self.debug, self.why = fn, strict, debug, ""
        self._entries: dict[Any, Entry | str] = {}
        self._kinds: dict[Any, list[Entry]] = {}
        self._names = _names(fn)

    @property
    def programs(self) -> list[Program]:
        """See the class."""
        return [entry.program for entries in self._kinds.values() for entry in entries]

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """The loss, or (loss, aux), of which aux is detached. The loss is a node: run ``backward`` from it."""
        place = here()
        if not place.recording or place.nan_is_error or place.watch is not None:
            return self.fn(*arguments, **named)  # no gradient is wanted, or every node is to be seen
        call = Call(self.fn, arguments, named)
        entry = self._entries.get(call.spec)
        if entry is None or (type(entry) is Entry and not entry.still_holds()):
            return self._first(call)
        self.why = entry if isinstance(entry, str) else ""
        return self._recorded(call) if isinstance(entry, str) else self._by_program(entry, call)

    def _by_program(self, entry: Entry, call: Call) -> Any:
        """The program's answer; that of the function itself where the program must not take these numbers."""
        try:
            found = entry.run(call.given)
        except Refused as error:
            self.why = str(error)
            return self._recorded(call)
        if self.debug:
            self._compare(call, found)
        return entry.handed_out(found, call.given)

    def _recorded(self, call: Call) -> Any:
        """What the function itself says, without any program."""
        leaves = call.leaves(self._names)
        return returned(
            *call.of([x if isinstance(x, Node) else leaf for x, leaf in zip(call.given, leaves, strict=True)])
        )

    def _first(self, call: Call) -> Any:
        """A combination of shapes and types that is new: record, and find a program that computes the same."""
        first = RecordedCall(call, call.given, call.leaves(self._names))
        entry = self._entries[call.spec] = self._found(call, first)
        if len(self._entries) > _KEPT:
            del self._entries[next(iter(self._entries))]
        self.why = entry if isinstance(entry, str) else ""
        if self.strict and self.why:
            raise CannotFollow(f"compiled cannot follow the function: {self.why}")
        # A call gives the same numbers whether or not it is the first: a resumed training goes on bit for bit.
        return first.handed_out() if isinstance(entry, str) else self._by_program(entry, call)

    def _found(self, call: Call, first: RecordedCall) -> Entry | str:
        """A program that computes what was recorded; or why there is none."""
        if first.why:
            return first.why
        if differs := _recorded_anew(call, first):
            return f"two recordings differ where the arguments do not explain it: {differs}"
        made = self._kinds.setdefault(ranks(call.spec), [])
        try:
            for entry in reversed(made[-_TRIED:]):
                other = entry.of(first)
                if other is not None and not disproved(other, first, guessed=True):
                    return other
            if len(self.programs) >= _MOST:
                return f"{_MOST} programs have been made of it, and none computes this"
            new = Entry(compile(first.loss, first.fed, first.outputs, sizes="free"), first)
        except CannotFollow as error:
            return str(error)
        if differs := disproved(new, first):
            return f"the program does not compute what was recorded: {differs}"
        made.append(new)
        return new

    def _compare(self, call: Call, found: Answer) -> None:
        """Raise where the function now says something else than the program."""
        recorded = RecordedCall(call, call.given, call.leaves(self._names))
        if differs := difference(recorded, found):
            raise RuntimeError(
                f"compiled: the program does not compute what the function does now: {differs}. It was recorded when "
                "something besides its arguments was different: a global, a random number, a schedule, a mode"
            )


def _recorded_anew(call: Call, first: RecordedCall) -> str:
    """Whether the function does to other numbers what it did to the first; if not, where that shows.

    It does not where it draws random numbers, counts its calls, or reads arguments in a way that nobody watches.
    """
    rng = np.random.default_rng(1)
    inputs = [moved(node, rng) for node in first.inputs]
    try:
        second = RecordedCall(call, inputs, inputs)
    except (ValueError, IndexError, TypeError, ArithmeticError):  # not every number will do for every function
        inputs = [moved(node, None) for node in first.inputs]
        second = RecordedCall(call, inputs, inputs)
    if second.why:
        return second.why
    with np.errstate(all="ignore"):
        return difference(with_leaves(first, dict(zip(first.inputs, inputs, strict=True))), second.answer)


def _names(fn: Callable[..., Any]) -> list[str]:
    """The names of a function's positional arguments, where it says."""
    try:
        arguments = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return []
    return [x.name for x in arguments if x.kind in (x.POSITIONAL_ONLY, x.POSITIONAL_OR_KEYWORD)]
