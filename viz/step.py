"""`step`: a pass in a terminal, first forward, then backward, a step a screen; elsewhere as plain text."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TextIO

from microgradrnn.console import ending_with_the_reader
from microgradrnn.engine import Node

from .passes import whole
from .terminal.console import interact
from .terminal.stepper import Stepper
from .words.as_terminal import ahead, computed, following, forward, said, visit
from .words.styled import Line, plain, speakable
from .words.visits import Words


def step(root: Node, quiz: bool = False) -> None:
    """Step through the pass of ``root`` in the terminal, first forward, then backward; ``?`` there lists the keys.

    No ``grad`` is touched. Where the output is no terminal (a pipe, a file, a notebook), every step is printed as plain
    text. Colours are left out where the variable NO_COLOR is set.

    Args:
        root: the loss: any node of one number.
        quiz: begin with the backward pass, and ask for what goes down each edge before it is shown; only a terminal
            can ask.

    Raises:
        TypeError: root is no node.
        SystemExit: it prints to a pipe that nobody reads any more, as in ``python script.py | head``.

    >>> from microgradrnn import Value
    >>> step(Value(2.0, "a").tanh())
    forward step 1 of 1
    tanh(a)
      value       tanh(2) = 0.964
    <BLANKLINE>
    next          the backward pass: it starts at tanh(a) with 1
    <BLANKLINE>
    visit 1 of 2
    tanh(a)
      value       tanh(2) = 0.964
      upstream    1   the pass starts here
    <BLANKLINE>
    squashes: the input gets upstream times the slope 1 − tanh(a)²
    <BLANKLINE>
    to a
      local       1 − tanh(a)² = 1 − 0.964² = 0.07065
      downstream  1 × 0.07065 = 0.07065
      so far      0.07065
    <BLANKLINE>
    next          a
    <BLANKLINE>
    visit 2 of 2
    a   a leaf
      value       2
      grad        0.07065   from tanh(a)
    <BLANKLINE>
    next          nothing: this was the last visit
    """
    if not isinstance(root, Node):
        raise TypeError(f"step takes a node, not {type(root).__name__}")
    out, words = sys.stdout, Words(whole(root))
    if out.isatty() and sys.stdin.isatty() and os.environ.get("TERM") != "dumb":
        interact(Stepper(words, quiz), out)
    else:
        with ending_with_the_reader():
            _tell(words, out)


def _tell(words: Words, out: TextIO) -> None:
    for i, lines in enumerate(_steps(words)):
        for line in [[""], *lines] if i else lines:
            print(speakable(plain(line), out.encoding or "utf-8"), file=out)


def _steps(words: Words) -> Iterator[list[Line]]:
    for number in range(1, len(words.run.computed) + 1):
        step_forward = computed(words, number)
        yield [*forward(step_forward), [""], following(step_forward.next)]
    for number in range(1, len(words) + 1):
        told = said(words, number)
        yield [*visit(told), [""], *ahead(told.ahead)]
