"""How far rounding may move a gradient: measured by running both passes again, with each number's last digits changed.

A gradient of 0 is seldom computed as 0: what cancels leaves rounding behind, and the size of that depends on the
numbers that were added up, not on their sum. It may arise anywhere: between the contributions of several nodes, in the
sum that one pull takes, in a local gradient such as 1 - z*z, or earlier, and be carried on from there. So it is
measured rather than derived, with no rule for any op: stochastic arithmetic (Vignes, "A stochastic arithmetic for
reliable scientific computation", 1993; Parker, "Monte Carlo Arithmetic", 1997).

- `Rounding`: the answer for some nodes of a graph.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.analysis.weights import by_time
from microgradrnn.backprop import order, seed
from microgradrnn.engine import Node
from microgradrnn.loops import time_steps
from microgradrnn.ops import Op
from microgradrnn.stepping import Edge, watched

Array = NDArray[Any]

_SAMPLES = 4
"""Disturbed passes. One alone may by chance show nothing; that all of them do is improbable."""
_DISTURBED = 8.0
"""The largest disturbance, in units of the last digit: more than one, so that it is not rounded away itself."""
_WHOLE = 1024
"""Up to this size whole numbers, and sums of them, are taken to be exact."""
_MARGIN = 64.0
"""How many times the measured change is allowed: sums of many terms round many times."""


class Rounding:
    """How far another order of the same sums may move the gradients of some nodes. Computed when first asked for.

    Args:
        loss: a node with one entry.
        nodes: those that are asked about.

    0.1 + 0.2 - 0.3 is not 0 in floating point, and how far it may be from 0 depends on 0.3:

    >>> from microgradrnn import Value
    >>> a = Value(1.0)
    >>> 1e-15 < Rounding(a * 0.1 + a * 0.2 - a * 0.3, [a]).of(a) < 1e-12
    np.True_
    """

    def __init__(self, loss: Node, nodes: Collection[Node]) -> None:
        self._loss, self._nodes = loss, nodes

    def of(self, node: Node) -> Array:
        """By how much each entry of the node's gradient may be off."""
        return _spread([sum(parts[node].values()) for parts in self._passes])

    def of_steps(self, node: Node) -> dict[int | None, Array]:
        """By how much each entry of what each step contributes to it may be off."""
        return {t: _spread([parts[node][t] for parts in self._passes]) for t in self._passes[0][node]}

    @cached_property
    def _passes(self) -> list[dict[Node, dict[int | None, Any]]]:
        """For each node what each step contributes to it: as it is, then as it is in each of the disturbed passes."""
        rng, times = np.random.default_rng(0), time_steps(self._loss)
        with np.errstate(all="ignore"):
            passes = (_edges(self._loss, rng, size) for size in (0.0, *[_DISTURBED] * _SAMPLES))
            return [by_time(edges, self._nodes, times) for edges in passes]


@dataclass(eq=False, slots=True)
class _Disturbed:
    """A node as the backward pass reads it, with its numbers disturbed. Its inputs are the graph's own nodes."""

    op: Op
    params: Mapping[str, Any]
    inputs: tuple[Node, ...]
    xp: ModuleType
    xs: tuple[Any, ...]
    _data: Any


def _edges(loss: Node, rng: np.random.Generator, size: float) -> Iterator[Edge]:
    """The edges of a backward pass through the disturbed graph, each with the node of the graph that it stands for."""
    nodes = order(loss)
    disturbed = _forward(nodes, rng, size)
    grads: dict[Any, Any] = {loss: seed(loss, None)}
    for node in nodes:
        if node.op is not None:
            twin = disturbed.pop(node)
            grads[twin] = _moved(grads.pop(node), rng.uniform(-size, size, node.shape))
            for edge in watched(twin, grads):  # type: ignore[arg-type]
                yield replace(edge, node=node)
            del grads[twin]


def _forward(nodes: list[Node], rng: np.random.Generator, size: float) -> dict[Node, _Disturbed]:
    """Every op computed again, from disturbed inputs to a disturbed output."""
    number = rng.integers(2**63, dtype=np.uint64) * 2 + 1
    made: dict[Node, _Disturbed] = {}
    for node in reversed(nodes):
        op = node.op
        if op is not None:
            xs = tuple(
                _read(made[x]._data if x in made else recorded, recorded, size, number)
                for x, recorded in zip(node.inputs, node.xs, strict=True)
            )
            z = op.forward(node.xp, *xs, **node.params)
            z = np.asarray(z) if isinstance(node._data, np.ndarray) else float(z)
            if op.local is not None:  # which may read z, as 1 - z*z does; what an op only passes on is exact
                exact = functools.reduce(operator.or_, (x == z for x in xs))
                z = _moved(z, np.where(exact, 0.0, size * _by_value(z, number)))
            made[node] = _Disturbed(op, node.params, node.inputs, node.xp, xs, z)
    return made


def _read(x: Any, recorded: Any, size: float, number: np.uint64) -> Any:
    """What an op reads of an input, disturbed, as it was recorded: an array of the same dtype, or a number.

    Small whole numbers, such as exponents and the entries of one-hot rows, are exact.
    """
    array = np.asarray(x, np.asarray(recorded).dtype)
    if array.dtype.kind != "f":
        return recorded
    whole = (array == np.rint(array)) & (np.abs(array) <= _WHOLE)
    moved = _moved(array, np.where(whole, 0.0, size * _by_value(array, number)))
    return moved if isinstance(recorded, np.ndarray) else float(moved)


def _moved(x: Any, digits: Any) -> Any:
    """x with each entry moved by so many units of its last digit; of x's type."""
    if not isinstance(x, np.ndarray):
        return float(x * (1.0 + np.finfo(float).eps * digits))
    return np.asarray(x * (1.0 + np.finfo(x.dtype).eps * digits), x.dtype)


def _by_value(x: Any, number: np.uint64) -> Any:
    """For each entry a number between -1 and 1 that depends on it alone, so that what is equal stays equal.

    Else a tie of several largest entries, of which each gets its share, would be broken.
    """
    bits = np.asarray(x, np.float64).view(np.uint64)
    return (bits * number >> np.uint64(11)) / 2.0**52 - 1.0


def _spread(found: list[Any]) -> Array:
    """From the gradient as it is and those of the disturbed passes, how far it may be off."""
    ours, *others = (np.asarray(array, np.float64) for array in found)
    off = np.sqrt(np.mean([(other - ours) ** 2 for other in others], axis=0))
    return np.asarray(_MARGIN * np.nan_to_num(off, nan=0.0, posinf=0.0))
