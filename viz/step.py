"""The backward pass in a terminal: one visit a screen, forth and back by keys, and asked before it is told.

- `step`: shows a pass; where the output is no terminal, as plain text and all at once.
- `State`, `Stepper`: where the reader is, and the pure functions from a key to the next state and from that to lines.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TextIO

from microgradrnn.engine import Node, ancestors
from microgradrnn.expression import FUNCTIONS

from .names import names
from .numbers import number
from .words.as_terminal import ahead, asked, visit
from .words.lesson import lesson
from .words.quiz import Question, Score, Verdict, judge, questions
from .words.styled import Line, faint, paint, plain, speakable, strong, wrap

NEXT, BACK = ("right", "enter", " "), ("left", "backspace", "b")
FIRST, LAST = ("home", "<"), ("end", ">")
UP, DOWN = ("up", "k"), ("down", "j")
PROMPTS = {"g": "go to", "/": "find"}

_ANSWERS_BEGIN = {*"0123456789.(+-−", *(name[0] for name in FUNCTIONS)}

HELP = """\
right, space, enter   the next visit
left, b, backspace    back
home <   end >        the first visit, the last one
t                     on to the next time step
g                     go to a node by its name
/   n                 find a name or formula; find the next one
up down               scroll, where a visit is longer than the screen
q                     quit

A visit is one node's turn in the backward pass. By then its upstream is
complete: dL/d(this node), the sum of what all its consumers contributed.
Down each edge goes local × upstream, and is added to what came so far.

In a quiz, type the number, or arithmetic such as -4 * (1 - 0.5^2), then
enter. It may be 1% off. Enter alone shows the answer; right and space go
on without it."""


@dataclass(frozen=True)
class State:
    """Where the reader is.

    Attributes:
        at: the visit, counted from 0. top: the first line shown of it.
        prompt, typed: what is being asked for in the last line, and what has been typed; no prompt: keys are commands.
        said: a message. sought: what was last looked for. help: whether the list of keys is shown.
        answered: how many of its questions each visit has had answered. tried: the questions that the score counts.
        over: whether the reader has quit. width, height: of the screen.
    """

    at: int = 0
    top: int = 0
    prompt: str = ""
    typed: str = ""
    said: str = ""
    sought: str = ""
    help: bool = False
    answered: Mapping[int, int] = field(default_factory=dict)
    tried: frozenset[Question] = frozenset()
    score: Score = field(default_factory=Score)
    over: bool = False
    width: int = 80
    height: int = 24


class Stepper:
    """A pass and its reader's keys.

    >>> from microgradrnn import Value
    >>> stepper = Stepper(Value(2.0, "a") * Value(3.0, "b"))
    >>> state = stepper.press(State(), "right")
    >>> stepper.steps[state.at].name
    'b'
    """

    def __init__(self, root: Node, quiz: bool = False) -> None:
        self.steps = lesson(root)
        self.called = names(ancestors(root))
        self.quiz = quiz
        self._questions: dict[int, tuple[Question, ...]] = {}

    # -- keys --

    def press(self, state: State, key: str) -> State:
        """The state after a key: a character, or the name of a key such as ``"right"``."""
        state = replace(state, said="")
        if key == "ctrl-c":
            return replace(state, over=True)
        if state.help and key not in UP + DOWN:
            return replace(state, help=False, top=0)
        if state.prompt:
            return self._type(state, key)
        if self.question(state) and (state.typed or key == "enter" or key in _ANSWERS_BEGIN):
            return self._answer(state, key)
        return self._command(state, key)

    def _command(self, state: State, key: str) -> State:
        if key in NEXT:
            return self._go(state, state.at + 1, "this is the last visit: q quits")
        if key in BACK:
            return self._go(state, state.at - 1, "this is the first visit")
        if key in FIRST or key in LAST:
            return self._go(state, 0 if key in FIRST else len(self.steps) - 1)
        if key in UP or key in DOWN:
            _, top, below = self._window(state)
            return replace(state, top=max(top - 1, 0) if key in UP else top + min(below, 1))
        if key == "t":
            return self._next_time(state)
        if key in PROMPTS:
            return replace(state, prompt=PROMPTS[key])
        if key == "n":
            return self._find(state, state.sought)
        return replace(state, over=key == "q", help=key == "?", top=0 if key == "?" else state.top)

    def _go(self, state: State, at: int, otherwise: str = "") -> State:
        if 0 <= at < len(self.steps):
            return replace(state, at=at, top=0, typed="")
        return replace(state, said=otherwise)

    def _next_time(self, state: State) -> State:
        now = self.steps[state.at].node.t
        for at in range(state.at + 1, len(self.steps)):
            if self.steps[at].node.t not in (None, now):
                return self._go(state, at)
        return replace(state, said="no other time step comes after this")

    def _type(self, state: State, key: str) -> State:
        """A key while a name is typed in the last line."""
        if key == "enter":
            sent = replace(state, prompt="", typed="")
            return self._go_to(sent, state.typed) if state.prompt == "go to" else self._find(sent, state.typed)
        if key == "esc" or (key == "backspace" and not state.typed):
            return replace(state, prompt="", typed="")
        return replace(state, typed=_edited(state.typed, key))

    def _go_to(self, state: State, typed: str) -> State:
        """The visit of the node with that name, else of the first one that is offered."""
        names = [step.name for step in self.steps]
        offered = [typed, *self._names(typed)] if typed else []
        found = [names.index(name) for name in offered if name in names]
        if found:
            return self._go(state, found[0])
        return replace(state, said=f"no node has {typed!r} in its name" if typed else "")

    def _find(self, state: State, text: str) -> State:
        """The next visit whose node, or what made it, has the text in it; from the end it goes on at the start."""
        text = text or state.sought
        if not text:
            return replace(state, said="nothing to find: / asks for a text")
        for i in range(1, len(self.steps) + 1):
            step = self.steps[at := (state.at + i) % len(self.steps)]
            if text in f"{step.name} = {step.made}":
                return replace(self._go(state, at), sought=text)
        return replace(state, said=f"no node has {text!r} in its name or formula")

    # -- the quiz --

    def question(self, state: State) -> Question | None:
        """What is asked now."""
        if not self.quiz:
            return None
        if state.at not in self._questions:
            self._questions[state.at] = questions(self.steps[state.at])
        return next(iter(self._questions[state.at][state.answered.get(state.at, 0) :]), None)

    def _answer(self, state: State, key: str) -> State:
        question = self.question(state)
        assert question is not None
        if key != "enter":
            return replace(state, typed="" if key == "esc" else _edited(state.typed, key))
        gave_up = Verdict(False, f"it was {number(question.answer)}")
        verdict = judge(question, state.typed) if state.typed else gave_up
        if verdict.counts and question not in state.tried:
            state = replace(state, score=state.score.after(verdict), tried=state.tried | {question})
        state = replace(state, said=verdict.said)
        if verdict.right or verdict is gave_up:
            answered = {**state.answered, state.at: state.answered.get(state.at, 0) + 1}
            return replace(state, answered=answered, typed="")
        return replace(state, typed="" if verdict.counts else state.typed)

    # -- what is shown --

    def screen(self, state: State) -> list[Line]:
        """The lines of a screen, exactly as many as it is high, none wider than it is."""
        shown, top, below = self._window(state)
        foot = self._foot(state, top, below)
        return [*shown, *[[""]] * (state.height - len(shown) - len(foot)), *foot][-state.height :]

    def _window(self, state: State) -> tuple[list[Line], int, int]:
        """The part of the body that there is room for, and how many lines are left out above and below it."""
        body = [part for line in self._body(state) for part in wrap(line, state.width)]
        room = max(state.height - len(self._foot(state, 0, 0)), 1)
        top = max(min(state.top, len(body) - room), 0)
        return body[top : top + room], top, max(len(body) - top - room, 0)

    def _body(self, state: State) -> list[Line]:
        if state.help:
            return [[line] for line in HELP.splitlines()]
        step, question = self.steps[state.at], self.question(state)
        return visit(
            step, None if question is None else next(i for i, to in enumerate(step.handed) if to is question.handed)
        )

    def _foot(self, state: State, top: int, below: int) -> list[Line]:
        parts = [f"↑ {top} more" if top else "", f"↓ {below} more" if below else "", str(state.score or "")]
        rule = [faint("".join(f"── {part} " for part in parts if part).ljust(state.width, "─")[: state.width])]
        return [rule, *(part for line in self._last_lines(state) for part in wrap(line, state.width))]

    def _last_lines(self, state: State) -> list[Line]:
        said: list[Line] = [[strong(state.said)]] if state.said else []
        if state.help:
            return [["any key goes back to the visit"]]
        if state.prompt:
            return [[faint(" · ".join(self._names(state.typed)))], [strong(f"{state.prompt}: "), state.typed]]
        question = self.question(state)
        if question:
            keys = faint("enter alone shows it   → goes on without it   ? keys   q quit")
            return [*said, *asked(question, self.called), [keys], [strong("answer: "), state.typed]]
        keys = faint("→ next   ← back   t time step   g go to   / find   ? keys   q quit")
        return [*ahead(self.steps[state.at]), *said, [keys]]

    def _names(self, typed: str) -> list[str]:
        """Names that there are with what has been typed in them, those first that begin with it."""
        found = dict.fromkeys(step.name for step in self.steps if typed in step.name)
        names = sorted(found, key=lambda name: (not name.startswith(typed), " " in name))
        return [*names[:_NAMES], *["…"] * (len(names) > _NAMES)]


_NAMES = 12
"""How many names are offered while one is typed."""


def _edited(typed: str, key: str) -> str:
    """What has been typed after one more key; keys that are no characters change nothing."""
    if key == "backspace":
        return typed[:-1]
    return typed + key if len(key) == 1 and key.isprintable() else typed


def step(root: Node, quiz: bool = False) -> None:
    """Step through the backward pass of ``root`` in the terminal; ``?`` there lists the keys. No ``grad`` is touched.

    Where the output is no terminal (a pipe, a file, a notebook), every visit is printed as plain text. Colours are
    left out where the variable NO_COLOR is set.

    Args:
        root: the loss: any node of one number.
        quiz: ask for what goes down each edge before it is shown; only a terminal can ask.

    Raises:
        TypeError: root is no node.

    >>> from microgradrnn import Value
    >>> step(Value(2.0, "a").tanh())
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
      so far      – + 0.07065 = 0.07065
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
    out = sys.stdout
    stepper = Stepper(root, quiz)
    if out.isatty() and sys.stdin.isatty() and os.environ.get("TERM") != "dumb":
        _interact(stepper, out)
    else:
        _tell(stepper, out)


def _tell(stepper: Stepper, out: TextIO) -> None:
    for told in stepper.steps:
        between: list[Line] = [[""]] if told.number > 1 else []
        for line in [*between, *visit(told), [""], *ahead(told)]:
            print(speakable(plain(line), out.encoding or "utf-8"), file=out)


def _interact(stepper: Stepper, out: TextIO) -> None:
    from typer import getchar  # takes its time to import, and only a terminal needs it

    os.system("")  # makes an older Windows console take escape codes
    coloured = not os.environ.get("NO_COLOR")
    state = State()

    def draw() -> None:
        nonlocal state
        width, height = os.get_terminal_size(out.fileno())
        state = replace(state, width=width or 80, height=height or 24)
        lines = [paint(line, coloured) + CLEAR_LINE for line in stepper.screen(state)]
        typing = state.prompt or stepper.question(state)
        cursor = SHOW_CURSOR if typing else HIDE_CURSOR
        out.write(HOME + speakable("\r\n".join(lines), out.encoding) + CLEAR_REST + cursor)
        out.flush()

    out.write(OWN_SCREEN)
    try:
        with _when_resized(draw):
            while not state.over:
                draw()
                for key in keys(getchar()):
                    state = stepper.press(state, key)
    except (KeyboardInterrupt, EOFError):
        pass
    finally:
        out.write(SHOW_CURSOR + OLD_SCREEN + (f"{state.score}\n" if state.score else ""))
        out.flush()


OWN_SCREEN, OLD_SCREEN = "\x1b[?1049h", "\x1b[?1049l"
HOME, CLEAR_LINE, CLEAR_REST = "\x1b[H", "\x1b[K", "\x1b[J"
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"

_ARROWS = ("up", "down", "right", "left", "home", "end")
_KEYS = {
    **{"\r": "enter", "\n": "enter", "\x7f": "backspace", "\x08": "backspace", "\x1b": "esc", "\x03": "ctrl-c"},
    **{f"\x1b{mark}{letter}": name for mark in "[O" for letter, name in zip("ABCDHF", _ARROWS, strict=True)},
    **{f"\x1b[{code}~": name for code, name in ((1, "home"), (7, "home"), (4, "end"), (8, "end"))},
    **{f"{mark}{letter}": name for mark in "\x00\xe0" for letter, name in zip("HPMKGO", _ARROWS, strict=True)},
}
"""What terminals send, and the Windows console, for the keys that have names here."""


def keys(raw: str) -> list[str]:
    r"""What was read from a terminal as keys: characters, and names of other keys.

    >>> keys("n\x1b[C\r"), keys("\x1b[15~")
    (['n', 'right', 'enter'], [])
    """
    found = re.findall(r"\x1b\[[0-9;]*[A-Za-z~]|\x1bO[A-Z]|[\x00\xe0][A-Z]|[\s\S]", raw)
    return [_KEYS.get(part, part) for part in found if part in _KEYS or part.isprintable()] if raw else ["ctrl-c"]


@contextlib.contextmanager
def _when_resized(draw: Callable[[], None]) -> Iterator[None]:
    """Draw again whenever the window changes its size, where the system says so."""
    if not hasattr(signal, "SIGWINCH") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGWINCH, lambda *_: draw())
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
