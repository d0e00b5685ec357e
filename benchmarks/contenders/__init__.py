"""Who takes part: each is written once, for any case, in the best plain style of its library.

A contender's function takes a `benchmarks.problems.Problem` and returns a step to run again and again; what is done
once for all, such as compiling, it does before it returns. It is imported in a process of its own, by
`benchmarks.workers`, so that no library burdens another.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import report
from benchmarks.problems import Case, Problem, Step


def any_case(case: Case) -> bool:
    return True


@dataclass(frozen=True)
class Contender:
    """A file of this folder and a function in it; the package it needs, by its name on PyPI; what cases it can do."""

    file: str
    function: str
    package: str = "numpy"
    fits: Callable[[Case], bool] = any_case
    compiled: bool = False

    def make(self, problem: Problem) -> Step:
        found: Step = getattr(importlib.import_module(f"benchmarks.contenders.{self.file}"), self.function)(problem)
        return found


HAND, STACKED, MIN_CHAR_RNN = "NumPy by hand", "NumPy by hand, stacked", "min-char-rnn"
RECORDED, PROGRAM, ON_JAX = "microgradrnn, recorded", "microgradrnn, program", "microgradrnn, program on JAX"
PYTORCH_STEPS, PYTORCH, PYTORCH_WHOLE = "PyTorch, step by step", "PyTorch, stacked", "PyTorch, nn.RNN / nn.LSTM"
JAX, AUTOGRAD, MYGRAD = "JAX, jit and scan", "autograd", "MyGrad"

CONTENDERS = {
    PROGRAM: Contender("own", "compiled", "microgradrnn", compiled=True),
    ON_JAX: Contender("own_on_jax", "compiled", "jax", compiled=True),
    RECORDED: Contender("own", "recorded", "microgradrnn"),
    HAND: Contender("by_hand", "step_by_step"),
    STACKED: Contender("by_hand_stacked", "stacked"),
    MIN_CHAR_RNN: Contender("min_char_rnn", "columns", fits=lambda case: case.cell == "rnn" and case.N == 1),
    PYTORCH_STEPS: Contender("in_pytorch", "step_by_step", "torch"),
    PYTORCH: Contender("in_pytorch", "stacked", "torch"),
    PYTORCH_WHOLE: Contender("in_pytorch", "whole", "torch"),
    JAX: Contender("in_jax", "compiled", "jax", compiled=True),
    AUTOGRAD: Contender("in_autograd", "stacked", "autograd"),
    MYGRAD: Contender("in_mygrad", "stacked", "mygrad"),
}
"""By name, in the order of the table."""


def installed() -> list[str]:
    """Those whose package is here."""
    return [name for name, contender in CONTENDERS.items() if report.installed(contender.package)]
