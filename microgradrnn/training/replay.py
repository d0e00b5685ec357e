"""A loss that is recorded for each shape that comes up, and from then on replayed as a program.

- `Replay`: wraps a loss function; what it gives is used as a loss is, with ``item()`` and ``backward()``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradrnn.engine import Node, Tensor, ancestors, constant
from microgradrnn.nn.unrolled import detach
from microgradrnn.program import Program, Result, compile  # noqa: A004 - a graph's, as in PyTorch and re


class Replay:
    """A loss function that no longer records once it is known what it records.

    For each combination of shapes the loss is recorded, twice. Where both recordings are the same, but for what was
    handed in, it is compiled (`microgradrnn.compile`) and the program used, this time and from then on. Where they
    differ, as with dropout, or where it takes no nodes for its arrays or cannot be compiled, it is recorded every time,
    as without this.

    The second recording is made of the same numbers in another order, so that what is computed from them outside the
    graph shows. What changes only later does not, such as an ``if`` of Python's or a schedule: such a loss is not to be
    replayed.

    Args:
        loss: of arrays and a state (None, or nodes in tuples and lists), gives (the loss, the state after it), as
            `microgradrnn.nn.RNNLM.loss` does.

    >>> from microgradrnn import nn
    >>> model, tokens = nn.RNNLM(5, 3, seed=0), np.zeros((4, 1), int)
    >>> loss, state = Replay(model.loss)(tokens, tokens, None)
    >>> loss.backward()
    >>> round(loss.item() - model.loss(tokens, tokens)[0].item(), 12), type(loss).__name__
    (0.0, 'Replayed')
    """

    def __init__(self, loss: Callable[..., tuple[Any, Any]]) -> None:
        self.loss = loss
        self._compiled: dict[Any, _Compiled | None] = {}

    def __call__(self, *arguments: Any) -> tuple[Any, Any]:
        """The loss and the state after it; the last argument is the state before."""
        *arrays, state = arguments
        leaves = _leaves(state)
        key = (_outline(state), *((x.shape, str(x.dtype)) for x in (*arrays, *leaves)))
        if key not in self._compiled:
            self._compiled[key] = self._compile(arrays, state)
        compiled = self._compiled[key]
        if compiled is None:
            return self.loss(*arguments)
        given = [*arrays, *(leaf._data for leaf in leaves)]
        found = compiled.program.run(*(given[k] for k in compiled.read))
        return Replayed(compiled.program, found), _rebuilt(compiled.after, map(constant, found.outputs))

    def _compile(self, arrays: list[Any], state: Any) -> _Compiled | None:
        """The program, if two recordings with all that was handed in as inputs of the graph are the same."""
        try:
            loss, inputs, after = self._recorded(arrays, state, lambda x: x)
            again, others, _ = self._recorded(arrays, state, lambda x: np.roll(x, 1))
            consumed = {x for node in ancestors(loss) for x in node.inputs}
            read = [k for k, x in enumerate(inputs) if x in consumed]
            if _digest(loss, inputs) != _digest(again, others) or not set(inputs[: len(arrays)]) <= consumed:
                return None
            return _Compiled(compile(loss, [inputs[k] for k in read], _leaves(after)), read, detach(after))
        except Exception:  # a loss that takes arrays and no nodes, or a graph that cannot be compiled: as without this
            return None

    def _recorded(self, arrays: list[Any], state: Any, ordered: Callable[[Any], Any]) -> tuple[Node, list[Node], Any]:
        before = [constant(ordered(leaf._data), leaf.label) for leaf in _leaves(state)]
        inputs = [
            Tensor(ordered(array), label=f"input_{k}", requires_grad=False) for k, array in enumerate(arrays, start=1)
        ]
        loss, after = self.loss(*inputs, _rebuilt(state, iter(before)))
        return loss, [*inputs, *before], after


class Replayed:
    """A loss that a program has computed, its gradients with it."""

    def __init__(self, program: Program, result: Result) -> None:
        self._program, self._result = program, result

    def item(self) -> float:
        """The loss."""
        return float(self._result.value)

    __float__ = item

    def backward(self) -> None:
        """Add the gradients to those of the parameters, as `microgradrnn.engine.Node.backward` does."""
        self._program.add(self._result)


@dataclass(frozen=True)
class _Compiled:
    """A program, which of the inputs it reads, and how the state after it is built."""

    program: Program
    read: list[int]
    after: Any


def _digest(loss: Node, inputs: Sequence[Node]) -> bytes:
    """What a graph computes, but for what was handed in: equal for equal graphs of the same parameters."""
    digest, number = hashlib.sha256(), {x: k for k, x in enumerate(inputs)}
    for node in ancestors(loss):
        number.setdefault(node, len(number))
        if node.op is not None:
            said: Any = (node.op.name, id(node.op), [number[x] for x in node.inputs], node.params)
        elif node.requires_grad:
            said = id(node)
        else:
            said = "input" if number[node] < len(inputs) else (node.shape, np.asarray(node._data).tobytes())
        digest.update(repr(said).encode())
    return digest.digest()


def _leaves(state: Any) -> list[Node]:
    """The nodes of a state, in whatever tuples and lists they stand."""
    if isinstance(state, (list, tuple)):
        return [leaf for part in state for leaf in _leaves(part)]
    return [state] if isinstance(state, Node) else []


def _outline(state: Any) -> Any:
    """The tuples and lists of a state."""
    return [type(state).__name__, *map(_outline, state)].__repr__() if isinstance(state, (list, tuple)) else ""


def _rebuilt(state: Any, nodes: Iterator[Node]) -> Any:
    """A state of the same tuples and lists, with other nodes."""
    if isinstance(state, (list, tuple)):
        return type(state)([_rebuilt(part, nodes) for part in state])
    return next(nodes) if isinstance(state, Node) else state
