"""Steppers of small graphs, keys pressed on them, and numbers read from what they print."""

import functools

from microgradrnn import Value, scope
from tests.viz.networks import rnn_loss
from viz.passes import whole
from viz.terminal.stepper import State, Stepper
from viz.words.styled import plain
from viz.words.visits import Words

KEYS = ["right", "left", "enter", " ", "backspace", "home", "end", "up", "down", "esc", *"tgn/?hb3.-_1x<>"]
NUMBER = r"−?(?:\d+(?:\.\d+)?(?:e−?\d+)?)"


def stepping(root, quiz=False):
    return Stepper(Words(whole(root)), quiz)


def scalar():
    x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    return z * (x + y)


def a_sum():
    """x is read twice, by 2x, which is visited last, and by x · y."""
    x, y = Value(3.0, "x"), Value(5.0, "y")
    return 2 * x + x * y


def a_chain(quiz=False):
    """f = 3 tanh(x), in time steps 1 and 2."""
    with scope("cell", t=1):
        h = Value(0.5, "x").tanh()
        h.label = "h"
    with scope("cell", t=2):
        return stepping(h * 3, quiz=quiz)


@functools.cache
def rnn(quiz=False):
    return stepping(rnn_loss(3), quiz=quiz)


def press(stepper, *pressed, state=None):
    """The state after some keys, from the first visit on unless another state is given."""
    state = state or State(at=stepper.turn)
    for key in pressed:
        state = stepper.press(state, key)
    return state


def visited(stepper, state):
    """Which visit is shown, counted from 0."""
    return state.at - stepper.turn


def text(stepper, state):
    return "\n".join(plain(line).rstrip() for line in stepper.screen(state))


def read(number):
    return float(number.replace("−", "-"))
