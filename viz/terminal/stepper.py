"""A pass step by step, first forward, then backward, forth and back by keys; a quiz asks before it tells.

`State` is where the reader is; `Stepper` has the pure functions from a key to the next state and from that to lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from microgradrnn.expression import FUNCTIONS

from ..numbers import number
from ..words.as_terminal import ahead, asked, computed, following, forward, said, visit
from ..words.blocks import ForwardWords, VisitWords
from ..words.quiz import Question, Score, Verdict, judge, questions
from ..words.styled import Line, faint, strong, wrap
from ..words.visits import Words

NEXT, BACK = ("right", "enter", " "), ("left", "backspace", "b")
FIRST, LAST = ("home", "<"), ("end", ">")
UP, DOWN = ("up", "k"), ("down", "j")
PROMPTS = {"g": "go to", "/": "find"}

_ANSWERS_BEGIN = {*"0123456789.(+-−", *(name[0] for name in FUNCTIONS)}

HELP = """\
right, space, enter   the next step
left, b, backspace    back
home <   end >        the first step, the last one
v                     to the backward pass
t                     on to the next time step
g                     go to a node by its name
/   n                 find a name or formula; find the next one
up down               scroll, where a step is longer than the screen
q                     quit

A forward step is one operation's turn: its value comes from what it reads.
Then the pass goes back. A visit is one node's turn in the backward pass. By then its upstream is
complete: dL/d(this node), the sum of what all its consumers contributed.
Down each edge goes local × upstream, and is added to what came so far.

In a quiz, type the number, or arithmetic such as -4 * (1 - 0.5^2), then
enter. It may be 1% off. Enter alone shows the answer; right and space go
on without it."""


@dataclass(frozen=True)
class State:
    """Where the reader is.

    Attributes:
        at: the step, counted from 0: forward steps, then visits. top: the first line shown of it.
        prompt, typed: what is being asked for in the last line, and what has been typed; no prompt: keys are commands.
        said: a message. sought: what was last looked for. help: whether the list of keys is shown.
        answered: how many of its questions each step has had answered. tried: the questions that the score counts.
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
    """A pass in words and its reader's keys.

    >>> from microgradrnn import Value
    >>> from viz.passes import whole
    >>> stepper = Stepper(Words(whole(Value(2.0, "a") * Value(3.0, "b"))))
    >>> stepper.names
    ['a * b', 'a * b', 'b', 'a']
    >>> stepper.press(State(), "v").at
    1
    """

    def __init__(self, words: Words, quiz: bool = False) -> None:
        self.words, self.quiz = words, quiz
        run = words.run
        self.nodes = [*run.computed, *(visit.node for visit in run.visits)]
        self.names, self.times = [words.names[node] for node in self.nodes], [run.t(node) for node in self.nodes]
        self.turn = len(run.computed)
        self._questions: dict[int, tuple[Question, ...]] = {}
        self._said: dict[int, VisitWords] = {}

    @property
    def start(self) -> State:
        """Where a reader begins: a quiz asks about the backward pass."""
        return State(at=self.turn if self.quiz else 0)

    # -- keys --

    def press(self, state: State, key: str) -> State:
        """The state after a key: a character, or the name of a key such as ``"right"``."""
        if state.over:  # what was typed after the key that quits
            return state
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
            return self._go(state, state.at + 1, "this is the last step: q quits")
        if key in BACK:
            return self._go(state, state.at - 1, "this is the first step")
        if key in FIRST or key in LAST:
            return self._go(state, 0 if key in FIRST else len(self.names) - 1)
        if key in UP or key in DOWN:
            _, top, below = self._window(state)
            return replace(state, top=max(top - 1, 0) if key in UP else top + min(below, 1))
        if key == "v":
            return self._go(state, self.turn)
        if key == "t":
            return self._next_time(state)
        if key in PROMPTS:
            return replace(state, prompt=PROMPTS[key])
        if key == "n":
            return self._find(state, state.sought)
        return replace(state, over=key == "q", help=key == "?", top=0 if key == "?" else state.top)

    def _go(self, state: State, at: int, otherwise: str = "") -> State:
        if 0 <= at < len(self.names):
            return replace(state, at=at, top=0, typed="")
        return replace(state, said=otherwise)

    def _next_time(self, state: State) -> State:
        now = self.times[state.at]
        for at in range(state.at + 1, len(self.names)):
            if self.times[at] not in (None, now):
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
        """The step of the node with that name, else of the first one that is offered; if it can be, of this pass."""
        offered = [typed, *self._names(typed)] if typed else []
        wanted = next((name for name in offered if name in self.names), None)
        found = [at for at, name in enumerate(self.names) if name == wanted]
        if found:
            is_back = state.at >= self.turn
            return self._go(state, next((at for at in found if (at >= self.turn) == is_back), found[0]))
        return replace(state, said=f"no node has {typed!r} in its name" if typed else "")

    def _find(self, state: State, text: str) -> State:
        """The next step whose node, or what made it, has the text in it; from the end it goes on at the start."""
        text = text or state.sought
        if not text:
            return replace(state, said="nothing to find: / asks for a text")
        for i in range(1, len(self.names) + 1):
            at = (state.at + i) % len(self.names)
            if text in self.words.equation(self.nodes[at]):
                return replace(self._go(state, at), sought=text)
        return replace(state, said=f"no node has {text!r} in its name or formula")

    # -- the quiz --

    def question(self, state: State) -> Question | None:
        """What is asked now."""
        if not self.quiz or state.at < self.turn:
            return None
        if state.at not in self._questions:
            visited = self.words.run.visits[state.at - self.turn]
            self._questions[state.at] = questions(visited, self._words(state))
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
        if state.at < self.turn:
            return forward(self._forward(state))
        question = self.question(state)
        return visit(self._words(state), None if question is None else question.slot)

    def _forward(self, state: State) -> ForwardWords:
        return computed(self.words, state.at + 1)

    def _words(self, state: State) -> VisitWords:
        if state.at not in self._said:
            self._said[state.at] = said(self.words, state.at + 1 - self.turn)
        return self._said[state.at]

    def _foot(self, state: State, top: int, below: int) -> list[Line]:
        parts = [f"↑ {top} more" if top else "", f"↓ {below} more" if below else "", str(state.score or "")]
        rule = [faint("".join(f"── {part} " for part in parts if part).ljust(state.width, "─")[: state.width])]
        return [rule, *(part for line in self._last_lines(state) for part in wrap(line, state.width))]

    def _last_lines(self, state: State) -> list[Line]:
        said: list[Line] = [[strong(state.said)]] if state.said else []
        if state.help:
            return [["any key goes back to the step"]]
        if state.prompt:
            return [[faint(" · ".join(self._names(state.typed)))], [strong(f"{state.prompt}: "), state.typed]]
        question = self.question(state)
        if question:
            keys = faint("enter alone shows it   → goes on without it   ? keys   q quit")
            return [*said, *asked(question), [keys], [strong("answer: "), state.typed]]
        if state.at < self.turn:
            keys = faint("→ next   ← back   v backward   t time step   g go to   / find   ? keys   q quit")
            return [following(self._forward(state).next), *said, [keys]]
        keys = faint("→ next   ← back   t time step   g go to   / find   ? keys   q quit")
        return [*ahead(self._words(state).ahead), *said, [keys]]

    def _names(self, typed: str) -> list[str]:
        """Names that there are with what has been typed in them, those first that begin with it."""
        found = dict.fromkeys(name for name in self.names if typed in name)
        names = sorted(found, key=lambda name: (not name.startswith(typed), " " in name))
        return [*names[:_NAMES], *["…"] * (len(names) > _NAMES)]


_NAMES = 12
"""How many names are offered while one is typed."""


def _edited(typed: str, key: str) -> str:
    """What has been typed after one more key; keys that are no characters change nothing."""
    if key == "backspace":
        return typed[:-1]
    return typed + key if len(key) == 1 and key.isprintable() else typed
