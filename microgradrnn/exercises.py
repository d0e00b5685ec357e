"""Small random graphs to practise on, of rising difficulty; their numbers are such that one can work with them.

- `LEVELS`: what each level is about, and how to draw a graph of it. `exercises`: some of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np

from microgradrnn import Parameter, Tensor, Value, functional
from microgradrnn.engine import Node

Rng: TypeAlias = "np.random.Generator"  # as text: numpy.random is imported by who needs it


def _number(rng: Rng, most: int = 5) -> float:
    """A whole number that is not 0."""
    return float(rng.integers(1, most + 1) * rng.choice([-1, 1]))


def _small(rng: Rng) -> float:
    """A number at which tanh has a slope worth asking for."""
    return float(rng.choice([-0.8, -0.5, -0.4, 0.3, 0.5, 0.6, 0.9]))


def _value(rng: Rng, name: str) -> Value:
    return Value(_number(rng), name)


def _named(node: Node, name: str) -> Node:
    node.label = name
    return node


def _add(rng: Rng) -> Node:
    a, b, c = (_value(rng, name) for name in "abc")
    found = (lambda: _named(a + b, "s") - c, lambda: a - _named(b + c, "s"), lambda: _named(a - b, "s") - c)
    return _named(found[int(rng.integers(len(found)))](), "f")


def _mul(rng: Rng) -> Node:
    a, b, c = (_value(rng, name) for name in "abc")
    if rng.random() < 0.5:
        return _named(_named(a * b, "p") * c, "f")
    return _named(_named(a + b, "s") * _named(b * c, "p"), "f")


def _fan_out(rng: Rng) -> Node:
    x, y = _value(rng, "x"), _value(rng, "y")
    found = (
        lambda: _named(x * y, "p") + x,
        lambda: _named(x + y, "s") * x,
        lambda: _named(x * x, "p") * y,
        lambda: _named(x * y, "p") * _named(x + y, "s"),
    )
    return _named(found[int(rng.integers(len(found)))](), "f")


def _tanh(rng: Rng) -> Node:
    w, x, b = Value(_small(rng), "w"), Value(_number(rng, 2), "x"), Value(_small(rng), "b")
    h = _named(_named(w * x + b, "z").tanh(), "h")
    return _named(h * _value(rng, "v"), "f")


def _matmul(rng: Rng) -> Node:
    x = Tensor([[_number(rng, 3), _number(rng, 3)]], "x")
    W = Parameter([[_number(rng, 3) for _ in range(2)] for _ in range(2)], "W")
    v = Tensor([[_number(rng, 3), _number(rng, 3)]], "v", requires_grad=False)
    return _named((_named(x @ W, "y") * v).sum(), "f")


def _softmax(rng: Rng) -> Node:
    w, x = Value(_number(rng, 2), "w"), Tensor(rng.permutation([-1.0, 0.0, 1.0]), "x")
    logits = _named(w * x, "y")
    return _named(functional.cross_entropy(logits, np.array(rng.integers(3))), "L")


def _two_steps(rng: Rng) -> Node:
    w, u = Value(_small(rng), "w_xh"), Value(_small(rng), "w_hh")
    h: Node = Value(_small(rng), "h_0", requires_grad=False)
    for t in (1, 2):
        x = Value(_number(rng, 2), f"x_{t}", requires_grad=False)
        h = _named(_named(w * x + u * h, f"z_{t}").tanh(), f"h_{t}")
    return _named(h * _value(rng, "v"), "L")


LEVELS: Sequence[tuple[str, Callable[[Rng], Node]]] = (
    ("add", _add),
    ("mul", _mul),
    ("fan-out", _fan_out),
    ("tanh", _tanh),
    ("matmul", _matmul),
    ("softmax", _softmax),
    ("two steps", _two_steps),
)
"""The levels, the easiest first: add hands on, mul swaps, fan-out adds up, and so on to a network of two time steps."""


def exercises(seed: int, each: int) -> Iterator[tuple[str, Node]]:
    """``each`` graphs of every level, with the level's name; the same for the same seed.

    >>> [name for name, _ in exercises(seed=0, each=1)]
    ['add', 'mul', 'fan-out', 'tanh', 'matmul', 'softmax', 'two steps']
    """
    for number, (name, build) in enumerate(LEVELS):
        for k in range(each):
            yield name, build(np.random.default_rng([seed, number, k]))
