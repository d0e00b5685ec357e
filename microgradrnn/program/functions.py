"""Ops that take several of NumPy's functions: what a program defines for each, to call it by the op's name.

- `defined`: the function for an op. `by_tanh`: the pass that replaces that of a sigmoid.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microgradrnn.ops import SIGMOID, Op
from microgradrnn.program.ir import IR, Defined
from microgradrnn.program.namespace import Expressions

LETTERS = "xyabcdefg"


def defined(op: Op) -> Defined:
    """What an elementwise op does, as a function of numbers."""
    xp = Expressions()
    xs = [xp.make("argument", (letter,), {}, (), np.float64) for letter in LETTERS[: len(op.local or ())]]
    return Defined(op, tuple(xs), op.forward(xp, *xs))


def by_tanh(ir: IR) -> IR:
    """sigmoid(x) is (1 + tanh(x / 2)) / 2, one function of NumPy's where there were two exponentials.

    Its error is as small beside 1; beside a sigmoid of 1e-9 it is not.
    """
    return replace(ir, functions={name: _by_tanh(each) for name, each in ir.functions.items()})


def _by_tanh(function: Defined) -> Defined:
    (x, *_), xp = function.arguments, function.result.home
    return function._replace(result=0.5 * xp.tanh(0.5 * x) + 0.5) if function.op is SIGMOID else function
