"""Ops that take several functions: what a program defines for each, to call it by the op's name.

- `defined`: the function for an op. `by_tanh`: the pass that replaces that of a sigmoid. `letters`: names of arguments.
"""

from __future__ import annotations

from dataclasses import replace

from microgradrnn.ops import SIGMOID, Op
from microgradrnn.program.ir import IR, Defined
from microgradrnn.program.namespace import Expressions


def defined(op: Op, xp: Expressions) -> Defined:
    """What an elementwise op does, as a function of numbers, computed in a namespace of its own."""
    xs = tuple(map(xp.argument, letters(len(op.local or ()))))
    return Defined(op, xs, xp.held(op.forward(xp, *xs)))


def letters(count: int) -> list[str]:
    """What so many inputs of an elementwise op are called: x and y; more are x_0, x_1 and so on."""
    return ["x", "y"][:count] if count <= 2 else [f"x_{slot}" for slot in range(count)]


def by_tanh(ir: IR) -> IR:
    """sigmoid(x) is (1 + tanh(x / 2)) / 2, one function of NumPy's where there were two exponentials.

    Its error is as small beside 1; beside a sigmoid of 1e-9 it is not.
    """
    return replace(ir, functions={name: _by_tanh(each) for name, each in ir.functions.items()})


def _by_tanh(function: Defined) -> Defined:
    (x, *_), xp = function.arguments, function.result.home
    return function._replace(result=0.5 * xp.tanh(0.5 * x) + 0.5) if function.op is SIGMOID else function
