"""Functions of arrays as programs: recorded once at each shape, and proved before a program is trusted.

- `compiled`: wraps a function. `Compiled`: what it gives.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from microgradrnn.context import at, here
from microgradrnn.engine import Node, Tensor, Value, constant
from microgradrnn.errors import CannotFollow
from microgradrnn.graph import next_serial
from microgradrnn.program.calls import NOTHING, Entry, RecordedCall, disproved
from microgradrnn.program.compiling import compile  # noqa: A004 - a graph's, as in PyTorch and re
from microgradrnn.program.limits import Refused
from microgradrnn.program.nested import detached, outline, ranks, rebuilt
from microgradrnn.program.program import Program
from microgradrnn.program.proof import Answer, difference, moved, with_leaves
from microgradrnn.program.reads import Reads

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
        place, given = here(), list[Any]()
        if not place.recording or place.nan_is_error or place.watch is not None:
            return self.fn(*arguments, **named)  # no gradient is wanted, or every node is to be seen
        spec = tuple([outline(x, given) for x in arguments])
        if named:
            spec += tuple((name, outline(named[name], given)) for name in sorted(named))
        entry = self._entries.get(spec)
        if entry is None or (type(entry) is Entry and not entry.still_holds()):
            return self._first(spec, arguments, named, given)
        self.why = entry if isinstance(entry, str) else ""
        if isinstance(entry, str):
            return self._recorded(arguments, named, given)
        return self._by_program(entry, arguments, named, given)

    def _by_program(self, entry: Entry, arguments: Any, named: Any, given: list[Any]) -> Any:
        """The program's answer; that of the function itself where the program must not take these numbers."""
        try:
            found = entry.run(given)
        except Refused as error:
            self.why = str(error)
            return self._recorded(arguments, named, given)
        if self.debug:
            self._compare(arguments, named, given, found)
        return entry.handed_out(found, given)

    def _recorded(self, arguments: Any, named: Any, given: list[Any]) -> Any:
        """What the function itself says, without any program."""
        names = self._names_of(arguments, named)
        nodes = [x if isinstance(x, Node) else _leaf(x, name) for x, name in zip(given, names, strict=True)]
        loss, aux = _parts(self._call(arguments, named, nodes))
        return loss if aux is NOTHING else (loss, detached(aux))

    def _call(self, arguments: Any, named: Any, nodes: Sequence[Node]) -> Any:
        others = iter(nodes)
        positional = [rebuilt(x, others) for x in arguments]
        return self.fn(*positional, **{name: rebuilt(named[name], others) for name in sorted(named)})

    def _first(self, spec: Any, arguments: Any, named: Any, given: list[Any]) -> Any:
        """A combination of shapes and types that is new: record, and find a program that computes the same."""
        first = self._record(arguments, named, given)
        entry = self._found(spec, first, lambda inputs: self._call(arguments, named, inputs))
        self._entries[spec] = entry
        if len(self._entries) > _KEPT:
            del self._entries[next(iter(self._entries))]
        self.why = entry if isinstance(entry, str) else ""
        if self.strict and self.why:
            raise CannotFollow(f"compiled cannot follow the function: {self.why}")
        if isinstance(entry, str):
            return first.handed_out()
        # A call gives the same numbers whether or not it is the first: a resumed training goes on bit for bit.
        return self._by_program(entry, arguments, named, given)

    def _record(self, arguments: Any, named: Any, given: list[Any]) -> RecordedCall:
        names = self._names_of(arguments, named)
        inputs = [_leaf(x, name) for x, name in zip(given, names, strict=True)]
        return _recorded(given, inputs, lambda inputs: self._call(arguments, named, inputs))

    def _names_of(self, arguments: Any, named: Any) -> list[str]:
        """A name for each array and node that was handed in: that of its argument."""
        found: list[str] = []
        numbered = [f"input_{k}" for k in range(1, len(arguments) + 1)]
        positional = [*self._names, *numbered[len(self._names) :]][: len(arguments)]
        for name, x in [*zip(positional, arguments, strict=True), *((name, named[name]) for name in sorted(named))]:
            inside: list[Any] = []
            outline(x, inside)
            found += [name] if len(inside) == 1 else [f"{name}_{i}" for i in range(1, len(inside) + 1)]
        return found

    def _found(self, spec: Any, first: RecordedCall, call: Callable[[list[Node]], Any]) -> Entry | str:
        """A program that computes what was recorded; or why there is none."""
        if not first.reads.why:
            first.look()
        if first.reads.why:
            return first.reads.why
        if differs := _recorded_anew(first, call):
            return f"two recordings differ where the arguments do not explain it: {differs}"
        kind = ranks(spec)
        try:
            for entry in reversed(self._kinds.get(kind, [])[-_TRIED:]):
                other = entry.of(first)
                if other is not None and not disproved(other, first, guessed=True):
                    return other
            if len(self.programs) >= _MOST:
                return f"{_MOST} programs have been made of it, and none computes this"
            program = compile(first.loss, fed := first.fed(), first.outputs, sizes="free")
            made = Entry(program, first, fed)
        except CannotFollow as error:
            return str(error)
        if differs := disproved(made, first):
            return f"the program does not compute what was recorded: {differs}"
        self._kinds.setdefault(kind, []).append(made)
        return made

    def _compare(self, arguments: Any, named: Any, given: list[Any], found: Answer) -> None:
        """Raise where the function now says something else than the program."""
        recorded = self._record(arguments, named, given)
        recorded.look()
        shapes = [np.shape(x) for x in (*found.grads, *found.outputs)]
        if shapes != [np.shape(x) for x in (*recorded.answer.grads, *recorded.answer.outputs)]:
            differs = "its gradients or outputs have other shapes"
        else:
            differs = difference(recorded.recording, recorded.answer, found)
        if differs:
            raise RuntimeError(
                f"compiled: the program does not compute what the function does now: {differs}. It was recorded when "
                "something besides its arguments was different: a global, a random number, a schedule, a mode"
            )


def _recorded(given: list[Any], inputs: list[Node], call: Callable[[list[Node]], Any]) -> RecordedCall:
    """A call of the function, watched."""
    began, reads = next_serial(), Reads(inputs)
    with at(here()._replace(watch=reads)):
        loss, aux = _parts(call(inputs))
    return RecordedCall(given, inputs, loss, aux, reads, began)


def _recorded_anew(first: RecordedCall, call: Callable[[list[Node]], Any]) -> str:
    """Whether the function does to other numbers what it did to the first; if not, where that shows.

    It does not where it draws random numbers, counts its calls, or reads arguments in a way that nobody watches.
    """
    rng = np.random.default_rng(1)
    inputs = [moved(node, rng) for node in first.inputs]
    try:
        second = _recorded(inputs, inputs, call)
    except (ValueError, IndexError, TypeError, ArithmeticError):  # not every number will do for every function
        inputs = [moved(node, None) for node in first.inputs]
        second = _recorded(inputs, inputs, call)
    second.look()
    if second.reads.why:
        return second.reads.why
    if len(second.wanted) != len(first.wanted) or len(second.outputs) != len(first.outputs):
        return "it has other leaves or outputs"
    with np.errstate(all="ignore"):
        same = with_leaves(first.recording, dict(zip(first.inputs, inputs, strict=True)))
        return difference(same, same.answer(), second.answer)


def _parts(found: Any) -> tuple[Any, Any]:
    """The loss and aux of what a function returned."""
    loss, aux = found if isinstance(found, tuple) and len(found) == 2 else (found, NOTHING)
    if not isinstance(loss, Node):
        raise TypeError(f"compiled: the function returns a loss, a node, or (loss, aux), not {type(loss).__name__}")
    if loss.size != 1:
        raise ValueError(f"compiled: the function returns a loss of one entry, got shape {loss.shape}; sum it")
    return loss, aux


def _leaf(x: Any, name: str) -> Node:
    """A leaf that stands for what was handed in."""
    if isinstance(x, Value):
        if not x._requires_grad:
            return constant(x._data, x.label or name)  # type: ignore[no-any-return]
        return Value(x._data, x.label or name)
    if isinstance(x, Node):
        return Tensor(x._data, x.label or name, requires_grad=x._requires_grad)
    try:
        return Tensor(x, name, requires_grad=False)
    except TypeError as error:
        raise TypeError(f"compiled: {name} is no array of numbers: {error}") from error


def _names(fn: Callable[..., Any]) -> list[str]:
    """The names of a function's arguments; numbered ones where it does not say."""
    try:
        found = [
            name
            for name, x in inspect.signature(fn).parameters.items()
            if x.kind not in (x.VAR_POSITIONAL, x.VAR_KEYWORD, x.KEYWORD_ONLY)
        ]
    except (TypeError, ValueError):
        found = []
    return found
